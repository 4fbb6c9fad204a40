/*
 * TCP cosockets: the object Lua holds (kgw_sock_t, freed by its finaliser) and the connection it uses (kgw_sconn_t), which
 * may outlive it in a keep-alive pool or while its last bytes go out. One reader and one writer coroutine at a time;
 * connecting and handshakes count as writing. Functions that return KGW_AGAIN have begun an op of the running coroutine;
 * its result is co->op_rc. The text of the last failure is in sock->err.
 */
#ifndef KGW_VM_SOCK_H
#define KGW_VM_SOCK_H

#include "net/tls.h"
#include "vm/co.h"
#include "vm/recv.h"

typedef struct kgw_sock kgw_sock_t;
typedef struct kgw_sconn kgw_sconn_t;
typedef struct kgw_spool kgw_spool_t;

/* From a free list; freed when its io is closed. Either a sock or a pool's idle list holds it, or it is closing. */
struct kgw_sconn {
    kgw_io_t io;
    kgw_sock_t *sock;
    kgw_spool_t *pool; /* referenced; NULL without a pool */
    kgw_list_t node;   /* pool's idle list */
    kgw_timer_t timer; /* idle: the keep-alive timeout; closing: how long the last bytes may take */
    kgw_recv_t recv;
    uint32_t reused; /* times it was taken from a pool */
    bool is_idle, has_eof;
};

enum kgw_sock_state { KGW_SOCK_CLOSED, KGW_SOCK_QUEUED, KGW_SOCK_CONNECTING, KGW_SOCK_HANDSHAKE, KGW_SOCK_OPEN };

struct kgw_sock {
    kgw_sconn_t *conn;
    uint8_t state; /* enum kgw_sock_state */
    bool read_closed, write_closed;
    bool is_tunnel; /* the next handshake runs inside the TLS session that is there */
    kgw_op_t read_op, write_op;
    kgw_timer_t read_timer, write_timer;
    uint64_t read_ms, write_ms, sent_mark;
    kgw_list_t owner_node; /* the socks of the request that made it */
    kgw_list_t wait_node;  /* QUEUED: the pool's waiters */
    kgw_spool_t *wait_pool;
    STACK_OF(X509) * chain; /* client certificate, or NULL; referenced */
    X509_STORE *trusted;    /* instead of lua_ssl_trusted_certificate, or NULL */
    int trusted_depth;
    EVP_PKEY *key;
    kgw_addr_t bind_addr; /* len 0: any */
    char err[256];
};

typedef struct {
    kgw_str_t key;
    int size, backlog; /* -1: not given */
} kgw_pool_opts_t;

typedef struct {
    kgw_str_t name; /* SNI and, with verify, the name to be found in the certificate; may be empty */
    bool verify;
    SSL_SESSION *session; /* to resume, or NULL */
} kgw_handshake_t;

kgw_sock_t *kgw_sock_new(void);
void kgw_sock_free(kgw_sock_t *s);
/* A request has ended: its sockets are closed, whatever Lua objects are left. Its coroutines are gone. */
void kgw_sock_close_all(kgw_list_t *socks);
/* KGW_OK (a pooled connection), KGW_AGAIN, KGW_ERROR. An op_rc of KGW_DECLINED means: a place in the pool is free, call again. */
int kgw_sock_connect(kgw_sock_t *s, const kgw_addr_t *to, const kgw_pool_opts_t *pool, uint64_t timeout_ms) KGW_MUST_CHECK;
int kgw_sock_handshake(kgw_sock_t *s, const kgw_handshake_t *h, uint64_t timeout_ms) KGW_MUST_CHECK;
int kgw_sock_send(kgw_sock_t *s, const char *ptr, size_t len, uint64_t timeout_ms) KGW_MUST_CHECK;
/* The call was described with kgw_recv_begin in conn->recv. KGW_OK, or KGW_AGAIN; kgw_sock_received gives the result in both cases. */
int kgw_sock_receive_begin(kgw_sock_t *s) KGW_MUST_CHECK;
int kgw_sock_receive(kgw_sock_t *s, uint64_t timeout_ms) KGW_MUST_CHECK;
/* After KGW_OK or an op: rc as op_rc; out: the result, or the part of it that came (ptr NULL: none). */
int kgw_sock_received(kgw_sock_t *s, int rc, kgw_str_t *out) KGW_MUST_CHECK;
int kgw_sock_keepalive(kgw_sock_t *s, uint64_t idle_ms, int size) KGW_MUST_CHECK;
int kgw_sock_close(kgw_sock_t *s) KGW_MUST_CHECK;
int kgw_sock_error(kgw_sock_t *s, const char *text);

/* sock.c, for the pools: ends the connection (its last bytes still go out). */
void kgw_sconn_close(kgw_sconn_t *c);
/* Lower-case text of a negative errno as nginx logs it; out has 128 bytes. */
const char *kgw_sock_strerror(int err, char *out);

/* sock_pool.c */
/* The pool of that key, made when it is new; referenced. */
kgw_spool_t *kgw_spool_get(const kgw_pool_opts_t *o);
void kgw_spool_unref(kgw_spool_t *p);
/* The idle connection used last, or NULL. */
kgw_sconn_t *kgw_spool_take(kgw_spool_t *p);
/* size: of a pool that has none yet; -1 default. The oldest idle connection makes room. */
void kgw_spool_put(kgw_sconn_t *c, uint64_t idle_ms, int size);
/* True when a new connection must wait for a place; *too_many: no more may wait. */
bool kgw_spool_is_full(kgw_spool_t *p, bool *too_many);
void kgw_spool_wait(kgw_spool_t *p, kgw_sock_t *s);
void kgw_spool_unwait(kgw_sock_t *s);
/* A connection of the pool begins to exist; it ends with kgw_spool_leave, which drops its reference. */
void kgw_spool_join(kgw_spool_t *p, kgw_sconn_t *c);
void kgw_spool_leave(kgw_sconn_t *c);
void kgw_spool_remove_idle(kgw_sconn_t *c);

#endif
