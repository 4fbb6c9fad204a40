/* Listening sockets: bound in the master (one per worker slot with SO_REUSEPORT), served in workers. */
#ifndef KGW_NET_LISTENER_H
#define KGW_NET_LISTENER_H

#include "net/io.h"

enum kgw_listener_kind { KGW_L_PROXY, KGW_L_ADMIN, KGW_L_STATUS, KGW_L_CLUSTER, KGW_L_STREAM };

typedef struct kgw_listener {
    kgw_addr_t addr;
    char text[KGW_ADDR_STRLEN + 8]; /* "127.0.0.1:8000" */
    uint8_t kind;          /* enum kgw_listener_kind */
    bool is_ssl, is_http2, is_proxy_protocol, is_deferred, is_reuseport, is_ipv6only, is_unix;
    int backlog;
    int so_keepalive;      /* -1 unset, 0 off, 1 on */
    int fd;                /* the fd this worker serves, -1 none */
    union { uv_stream_t stream; uv_tcp_t tcp; uv_pipe_t pipe; };
    kgw_loop_t *loop;
    kgw_tls_ctx_t *tls_ctx;
    void (*on_accept)(struct kgw_listener *l); /* one connection waits: kgw_io_accept(io, &l->stream, l->accepted, ..) */
    int accepted;          /* an accepted fd during kgw_listener_stop, else -1 */
    bool is_open;
} kgw_listener_t;

/* Creates, binds (not yet listens); returns the fd or -1 with errno. */
int kgw_listener_bind(const kgw_listener_t *l);
/* Serves l->fd on the loop. */
int kgw_listener_start(kgw_listener_t *l, kgw_loop_t *loop) KGW_MUST_CHECK;
/* Stops accepting. `takes_queue`: nobody else serves this socket (the gateway stops), so what waits in the kernel's queue is accepted
 * first; else the master and the next generation have it. */
void kgw_listener_stop(kgw_listener_t *l, bool takes_queue);

#endif
