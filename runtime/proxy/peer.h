/*
 * One upstream connection (HTTP/1). Either leased to a req (a try runs on it) or idle in a pool, never both.
 * peer_h1.c drives it; upstream.c decides what to do with its events.
 */
#ifndef KGW_PROXY_PEER_H
#define KGW_PROXY_PEER_H

#include "http/h1.h"
#include "net/tls.h"
#include "proxy/req.h"

struct kgw_peer {
    kgw_io_t io;
    kgw_req_t *req;      /* NULL while idle or closing */
    kgw_pool_t *pool;    /* where it goes afterwards; NULL: not pooled */
    kgw_list_t node;     /* in pool->idle */
    kgw_timer_t timer;   /* idle timeout */
    kgw_h1_t h1;
    kgw_block_t *in;
    uint64_t idle_since_ms;
    uint32_t served;     /* requests finished on it */
    uint32_t max_requests, idle_ms;
    bool is_reused;      /* leased from a pool */
    bool is_connected;
    bool got_bytes;      /* the current response has begun */
    bool head_done, resp_done, req_done; /* response head parsed; response complete; request completely queued */
    bool keep_alive;     /* the response allows reuse */
    bool is_tls, is_tunnel, chunked_up, is_paused;
    uint8_t interim_cnt;
};

/* A peer for r->target: from its pool, else a new connection. KGW_OK: connected (reused); KGW_AGAIN: on_peer_connect follows;
 * KGW_ERROR: could not start. r->peer is set in the first two cases. */
int kgw_peer_lease(kgw_req_t *r) KGW_MUST_CHECK;
/* Queues the request head and what is there of the body; more body follows through kgw_peer_pump. */
void kgw_peer_send(kgw_req_t *r);
void kgw_peer_pump(kgw_req_t *r);
/* Ends the lease: to the pool when the exchange is complete and allows it, else closed. */
void kgw_peer_release(kgw_req_t *r);
/* Ends the lease by closing. */
void kgw_peer_drop(kgw_req_t *r);
void kgw_peer_pause(kgw_req_t *r, bool on);

/* Events, implemented by upstream.c; each may drop the peer. */
void kgw_upstream_on_connect(kgw_req_t *r, int err);
/* Keeps the response fields that Lua has set so far; before the first try. */
void kgw_upstream_keep_headers(kgw_req_t *r);
void kgw_upstream_on_head(kgw_req_t *r);
/* A piece of body in r->out_body was added, or the end was reached (r->out_body_last). */
void kgw_upstream_on_body(kgw_req_t *r);
void kgw_upstream_on_fail(kgw_req_t *r, enum kgw_outcome why, const char *text);

/* pool.c */
kgw_pool_t *kgw_pool_find(kgw_str_t key, bool make);
/* A new peer names p; a closed one does no longer (p may be gone afterwards). */
void kgw_pool_join(kgw_pool_t *p);
void kgw_pool_leave(kgw_pool_t *p);
kgw_peer_t *kgw_pool_get(kgw_pool_t *p);
/* Takes ownership; evicts the oldest when the pool is full. */
void kgw_pool_put(kgw_pool_t *p, kgw_peer_t *peer);
void kgw_pool_remove(kgw_peer_t *peer);
void kgw_pool_close_all(void);
unsigned kgw_pool_idle_cnt(void);

/* upstream_head.c: writes the request head for the current try. */
void kgw_upstream_write_head(kgw_req_t *r, kgw_chain_t *to, bool *chunked);

/* upstream.c, called by the machine */
int kgw_upstream_connect(kgw_req_t *r);
void kgw_upstream_cancel(kgw_req_t *r);
/* Pure: may this failed try be followed by another? */
bool kgw_upstream_should_retry(const kgw_req_t *r, enum kgw_outcome why, bool reused, bool sent_anything, bool got_bytes);
void kgw_upstream_init_worker(kgw_loop_t *loop);
extern kgw_loop_t *kgw_proxy_loop;
extern const kgw_h1_limits_t kgw_upstream_limits;

/* relay.c */
void kgw_tunnel_start(kgw_req_t *r);
void kgw_tunnel_pump(kgw_req_t *r, bool from_peer);
/* The gateway goes away: a WebSocket client gets close 1001 (between two frames), then the tunnel ends. */
void kgw_tunnel_go_away(kgw_req_t *r);

#endif
