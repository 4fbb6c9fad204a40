/*
 * TLS filter over an io: a custom BIO reads from the io's wire block and writes to its wire chain. Handshakes may
 * be suspended (certificate phase) and are continued by kgw_tls_resume.
 */
#ifndef KGW_NET_TLS_H
#define KGW_NET_TLS_H

#include <openssl/ssl.h>

#include "net/io.h"
#include "net/tls_ctx.h"

struct kgw_tls {
    SSL *ssl;
    SSL *outer;           /* the session that ssl runs inside of, or NULL; owned by ssl's BIO */
    kgw_io_t *io;
    bool is_server, is_done, is_failed, has_sent_notify;
    bool is_suspended;    /* the cert hook said KGW_AGAIN */
    bool cert_done;       /* the cert hook finished for this handshake */
    const char *in; size_t in_len; /* wire bytes being consumed */
    kgw_block_t *held;    /* wire bytes that arrived while suspended */
    void *user;           /* the container's word, e.g. conn */
    int (*cert)(kgw_tls_t *tls);    /* server: choose the certificate. KGW_OK, KGW_AGAIN (kgw_tls_resume later) or KGW_ERROR */
    void (*on_ready)(kgw_tls_t *tls, int err); /* server: handshake ended (0 or error) */
    char err[256];        /* OpenSSL's reason of the last failure */
    bool is_http;         /* the failed handshake was plain HTTP */
    bool is_plain;        /* after a failure: output goes out unencrypted */
    long verify_result;   /* X509_V_OK or code */
    int co_rc;
};

/* Attaches a server filter to an accepted io; the handshake starts with the first bytes. */
int kgw_tls_accept(kgw_io_t *io, kgw_tls_ctx_t *ctx, void *user, int (*cert)(kgw_tls_t *), void (*on_ready)(kgw_tls_t *, int)) KGW_MUST_CHECK;
/* Attaches a client filter (before or after connect; starts when connected; ops->on_connect reports the end of the handshake).
 * sni NULL or an IP: none sent. verify_name NULL: chain only. An io that has a filter gets a session inside its own, once; call ops start then. */
int kgw_tls_connect(kgw_io_t *io, kgw_tls_ctx_t *ctx, const char *sni, const char *verify_name, SSL_SESSION *session) KGW_MUST_CHECK;
static inline kgw_tls_t *kgw_io_tls(kgw_io_t *io) { return (kgw_tls_t *)io->filter_data; }
void kgw_tls_resume(kgw_tls_t *tls, int rc);
kgw_str_t kgw_tls_sni(kgw_tls_t *tls);
kgw_str_t kgw_tls_alpn(kgw_tls_t *tls);

#endif
