/* The settings the C side needs, filled from base/settings (which the Lua boot script filled) and validated once per generation. */
#ifndef KGW_PROC_CONF_H
#define KGW_PROC_CONF_H

#include "net/listener.h"

#define KGW_LISTENERS_MAX 32
#define KGW_WORKERS_MAX 256

typedef struct {
    char prefix[1024];
    char pid_file[1100];
    unsigned workers;
    bool daemon;
    uint64_t shutdown_ms;
    int rlimit_nofile;
    char user[64], group[64];
    kgw_listener_t listeners[KGW_LISTENERS_MAX]; /* fd is -1 here; the master has the fds */
    unsigned listener_cnt;
    char dns_servers[1024];
    int dns_timeout_ms, dns_tries;
} kgw_conf_t;

/* Reads base/settings. KGW_ERROR: err has a text for the operator. */
int kgw_conf_read(kgw_conf_t *c, char *err, size_t err_len) KGW_MUST_CHECK;
/* Fills kgw_proxy_conf. */
int kgw_conf_read_proxy(char *err, size_t err_len) KGW_MUST_CHECK;
/* Server contexts of TLS listeners; certificates are read here, before privileges are dropped. */
int kgw_conf_make_tls(kgw_conf_t *c, char *err, size_t err_len) KGW_MUST_CHECK;

#endif
