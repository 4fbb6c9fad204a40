/* HTTP/1 towards an upstream: one exchange at a time on one connection. */
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/freelist.h"
#include "base/log.h"
#include "http/h1_out.h"
#include "proxy/conn.h"
#include "proxy/peer.h"

#define INTERIM_MAX 10

static kgw_freelist_t peers = {sizeof(kgw_peer_t), 512, 0, 0, NULL};

static void read_more(kgw_peer_t *p);

/* Events of the io ---------------------------------------------------------------------------------- */

static kgw_block_t *on_alloc(kgw_io_t *io)
{
    kgw_peer_t *p = container_of(io, kgw_peer_t, io);
    if (p->in && p->in->used == p->in->cap) {
        /* Full: a head that crosses the block's end moves to a larger one; body bytes just go to a fresh one. */
        kgw_block_t *b = p->in->start < p->in->used ? kgw_block_new_size(p->in->cap * 2) : kgw_block_new();
        b->start = 0;
        b->used = p->in->used - p->in->start;
        memcpy(b->data, p->in->data + p->in->start, b->used);
        kgw_block_unref(p->in);
        p->in = b;
    }
    if (!p->in) p->in = kgw_block_new();
    return p->in;
}

static void release_in(kgw_peer_t *p)
{
    if (!p->in) return;
    if (p->in->start < p->in->used) return;
    kgw_block_unref(p->in);
    p->in = NULL;
}

static void close_idle(kgw_peer_t *p)
{
    kgw_pool_remove(p);
    kgw_io_close(&p->io);
}

static void on_bytes(kgw_io_t *io, kgw_block_t *b, size_t n)
{
    (void)b;
    (void)n;
    kgw_peer_t *p = container_of(io, kgw_peer_t, io);
    if (!p->req) {
        KGW_LOG(KGW_LOG_INFO, "unsolicited bytes on an idle upstream connection, closing it");
        close_idle(p);
        return;
    }
    p->got_bytes = true;
    if (p->is_tunnel && p->req->step == KGW_STEP_TUNNEL) kgw_tunnel_pump(p->req, true);
    else read_more(p);
}

static void on_eof(kgw_io_t *io)
{
    kgw_peer_t *p = container_of(io, kgw_peer_t, io);
    kgw_req_t *r = p->req;
    if (!r) {
        close_idle(p);
        return;
    }
    p->keep_alive = false;
    if (p->is_tunnel) {
        kgw_tunnel_pump(r, true);
        return;
    }
    if (p->resp_done) return;
    if (!p->head_done) {
        kgw_upstream_on_fail(r, KGW_OUT_READ_FAILED, "upstream prematurely closed connection while reading response header");
        return;
    }
    enum kgw_h1_event e = kgw_h1_eof(&p->h1);
    p->resp_done = true;
    r->out_body_last = true;
    if (e == KGW_H1_ERROR) {
        r->is_cut = true;
        KGW_LOG(KGW_LOG_ERR, "upstream prematurely closed connection in the middle of a response");
    }
    kgw_upstream_on_body(r);
}

static void on_error(kgw_io_t *io, int err)
{
    kgw_peer_t *p = container_of(io, kgw_peer_t, io);
    kgw_req_t *r = p->req;
    if (!r) {
        close_idle(p);
        return;
    }
    if (p->resp_done) {
        p->keep_alive = false;
        return;
    }
    if (p->is_tunnel) {
        r->tunnel_done = true;
        kgw_req_wake(r);
        return;
    }
    if (!p->head_done) {
        kgw_upstream_on_fail(r, p->req_done ? KGW_OUT_READ_FAILED : KGW_OUT_SEND_FAILED, uv_strerror(err));
        return;
    }
    KGW_LOG(KGW_LOG_ERR, "upstream connection failed in the middle of a response: %s", uv_strerror(err));
    p->resp_done = true;
    r->is_cut = r->out_body_last = true;
    kgw_upstream_on_body(r);
}

static void on_connect(kgw_io_t *io, int err)
{
    kgw_peer_t *p = container_of(io, kgw_peer_t, io);
    p->is_connected = err == 0;
    if (p->req) kgw_upstream_on_connect(p->req, err);
}

static void on_drain(kgw_io_t *io)
{
    kgw_peer_t *p = container_of(io, kgw_peer_t, io);
    kgw_req_t *r = p->req;
    if (!r) return;
    if (p->is_tunnel) kgw_tunnel_pump(r, false);
    else kgw_peer_pump(r);
}

static void on_closed(kgw_io_t *io)
{
    kgw_peer_t *p = container_of(io, kgw_peer_t, io);
    if (p->in) kgw_block_unref(p->in);
    if (p->pool) kgw_pool_leave(p->pool);
    kgw_freelist_put(&peers, p);
}

static const kgw_io_ops_t peer_io_ops = {on_alloc, on_bytes, on_eof, on_error, on_connect, on_drain, on_closed};

static void on_idle_timeout(kgw_timer_t *t) { close_idle(container_of(t, kgw_peer_t, timer)); }

/* Leasing ------------------------------------------------------------------------------------------- */

/* A pooled connection. A request that must not be sent twice gets one only when the upstream has not closed it, which the loop may
 * not have heard yet. */
static kgw_peer_t *reuse(kgw_req_t *r, kgw_pool_t *pool)
{
    bool once = r->in.method_id & (KGW_M_POST | KGW_M_LOCK | KGW_M_PATCH);
    kgw_peer_t *p;
    while ((p = kgw_pool_get(pool)) != NULL && once && !kgw_io_is_quiet(&p->io)) kgw_io_close(&p->io);
    return p;
}

int kgw_peer_lease(kgw_req_t *r)
{
    kgw_target_t *t = &r->target;
    kgw_pool_t *pool = t->pool_key.len ? kgw_pool_find(t->pool_key, true) : NULL;
    kgw_peer_t *p = pool && !r->is_stale_retry ? reuse(r, pool) : NULL;
    if (p) {
        p->req = r;
        r->peer = p;
        p->is_reused = true;
        p->got_bytes = false;
        return KGW_OK;
    }
    p = kgw_freelist_get(&peers);
    memset(p, 0, sizeof(*p));
    kgw_io_init(&p->io, kgw_proxy_loop, &peer_io_ops);
    kgw_list_init(&p->node);
    kgw_timer_init(&p->timer, on_idle_timeout);
    p->req = r;
    p->pool = pool;
    if (pool) kgw_pool_join(pool);
    p->idle_ms = t->keepalive_idle_ms;
    p->max_requests = t->keepalive_max;
    p->is_tls = t->is_tls;
    r->peer = p;
    if (t->is_tls) {
        kgw_tls_ctx_t *ctx = t->tls_ctx ? t->tls_ctx : kgw_proxy_conf.client_ctx;
        char name[256];
        size_t len = t->sni.len < sizeof(name) ? t->sni.len : sizeof(name) - 1;
        if (len) memcpy(name, t->sni.ptr, len);
        name[len] = 0;
        if (!ctx || kgw_tls_connect(&p->io, ctx, len ? name : NULL, t->tls_verify == 1 && len ? name : NULL, NULL) != KGW_OK) {
            kgw_peer_drop(r);
            return KGW_ERROR;
        }
    }
    if (kgw_io_connect(&p->io, &t->addr, NULL) != KGW_OK) {
        kgw_peer_drop(r);
        return KGW_ERROR;
    }
    return KGW_AGAIN;
}

void kgw_peer_drop(kgw_req_t *r)
{
    kgw_peer_t *p = r->peer;
    if (!p) return;
    r->peer = NULL;
    p->req = NULL;
    kgw_io_close(&p->io);
}

void kgw_peer_release(kgw_req_t *r)
{
    kgw_peer_t *p = r->peer;
    if (!p) return;
    p->served++;
    bool dirty = p->in && p->in->start < p->in->used; /* bytes behind the response */
    bool fit = p->resp_done && p->req_done && p->keep_alive && !dirty && !p->io.error && !p->io.has_eof && p->io.state == KGW_IO_OPEN && p->pool && kgw_io_pending(&p->io) == 0;
    if (p->max_requests && p->served >= p->max_requests) fit = false;
    if (!fit) {
        kgw_peer_drop(r);
        return;
    }
    r->peer = NULL;
    p->req = NULL;
    release_in(p);
    kgw_io_read_start(&p->io); /* watches for EOF */
    kgw_pool_put(p->pool, p);
}

void kgw_peer_pause(kgw_req_t *r, bool on)
{
    kgw_peer_t *p = r->peer;
    if (on == p->is_paused) return;
    p->is_paused = on;
    if (on) kgw_io_read_stop(&p->io);
    else kgw_io_read_start(&p->io);
}

/* Sending ------------------------------------------------------------------------------------------- */

void kgw_peer_send(kgw_req_t *r)
{
    kgw_peer_t *p = r->peer;
    p->head_done = p->resp_done = p->req_done = false;
    p->is_paused = p->is_tunnel = false;
    p->interim_cnt = 0;
    r->body.sent = 0;
    kgw_upstream_keep_headers(r);
    kgw_hdrs_init(&r->out.hdrs, &r->arena);
    r->out.status = 0;
    if (p->served == 0) {
        kgw_h1_init(&p->h1, false, &r->out, &r->arena, &kgw_upstream_limits);
    } else {
        kgw_h1_next(&p->h1, &r->out, &r->arena);
    }
    p->h1.request_method = r->in.method_id;
    p->h1.upgrade_asked = r->in.is_websocket;
    kgw_upstream_write_head(r, &p->io.out, &p->chunked_up);
    kgw_io_dirty(&p->io);
    kgw_peer_pump(r);
    if (r->peer == p) kgw_io_read_start(&p->io);
}

/* Buffered bodies stay whole for a retry: memory is sent by reference, a file piece by piece. */
static void pump_whole(kgw_req_t *r, kgw_peer_t *p)
{
    kgw_body_t *b = &r->body;
    if (b->fd < 0) {
        kgw_chain_t *m = &b->mem;
        for (uint32_t i = m->first; i < m->first + m->cnt; i++) {
            kgw_slice_t s = m->slices[i];
            if (s.block) kgw_chain_add_block(&p->io.out, s.block, s.ptr, s.len);
            else kgw_chain_add_static(&p->io.out, s.ptr, s.len);
        }
        b->sent = b->length;
    } else {
        while (b->sent < b->length && kgw_io_pending(&p->io) < KGW_IO_HIGH) {
            kgw_block_t *block = kgw_block_new();
            ssize_t n = pread(b->fd, block->data, block->cap, (off_t)b->sent);
            if (n <= 0) {
                kgw_block_unref(block);
                kgw_upstream_on_fail(r, KGW_OUT_SEND_FAILED, "cannot read the buffered request body");
                return;
            }
            block->used = (uint32_t)n;
            kgw_chain_add(&p->io.out, (kgw_slice_t){block->data, (size_t)n, block});
            b->sent += (uint64_t)n;
        }
        kgw_io_is_congested(&p->io);
    }
    kgw_io_dirty(&p->io);
    if (b->sent == b->length) p->req_done = true;
}

static void pump_live(kgw_req_t *r, kgw_peer_t *p)
{
    kgw_body_t *b = &r->body;
    if (b->mem.bytes && !kgw_io_is_congested(&p->io)) {
        b->sent += b->mem.bytes;
        if (p->chunked_up) kgw_chunk_add(&p->io.out, &b->mem);
        else kgw_chain_move(&p->io.out, &b->mem);
        kgw_io_dirty(&p->io);
        if (r->conn && !b->has_eof) r->conn->ops->want_body(r, true);
    }
    if (b->has_eof && !b->mem.bytes && !p->req_done) {
        if (p->chunked_up) {
            kgw_chunk_last(&p->io.out, r->trailers);
            kgw_io_dirty(&p->io);
        }
        p->req_done = true;
        if (!p->head_done) kgw_timer_start(kgw_proxy_loop, &r->timer, r->target.read_ms);
    } else if (!b->has_eof && r->conn && !p->head_done) {
        r->conn->ops->want_body(r, true);
        kgw_timer_start(kgw_proxy_loop, &r->timer, r->target.send_ms);
    }
}

void kgw_peer_pump(kgw_req_t *r)
{
    kgw_peer_t *p = r->peer;
    if (!p || p->req_done || p->is_tunnel) return;
    if (r->body.kind == KGW_BODY_LIVE) pump_live(r, p);
    else if (r->body.kind == KGW_BODY_WHOLE && r->body.length) pump_whole(r, p);
    else p->req_done = true;
    if (r->peer == p && p->req_done && !p->head_done && r->step == KGW_STEP_WAIT_HEAD) kgw_timer_start(kgw_proxy_loop, &r->timer, r->target.read_ms);
}

/* Receiving ------------------------------------------------------------------------------------------ */

static void hold_head_block(kgw_req_t *r, kgw_peer_t *p)
{
    if (r->resp_block) kgw_block_unref(r->resp_block);
    r->resp_block = kgw_block_ref(p->in);
}

/* True when the final head is there, false when an interim one was skipped. */
static bool on_head(kgw_req_t *r, kgw_peer_t *p)
{
    unsigned status = r->out.status;
    if (status >= 100 && status < 200 && status != 101) {
        if (++p->interim_cnt > INTERIM_MAX) {
            kgw_upstream_on_fail(r, KGW_OUT_BAD_RESPONSE, "upstream sent too many interim responses");
            return false;
        }
        kgw_hdrs_init(&r->out.hdrs, &r->arena);
        uint32_t method = p->h1.request_method;
        bool upgrade = p->h1.upgrade_asked;
        kgw_h1_next(&p->h1, &r->out, &r->arena);
        p->h1.request_method = method;
        p->h1.upgrade_asked = upgrade;
        return false;
    }
    hold_head_block(r, p);
    p->head_done = true;
    p->keep_alive = r->out.keep_alive && r->out.framing != KGW_FRAME_UNTIL_CLOSE;
    if (status == 101) {
        p->is_tunnel = true;
        p->keep_alive = false;
    }
    return true;
}

static bool wants_trailers(const kgw_req_t *r) { return unlikely(r->in.te_trailers) && kgw_proxy_conf.pass_trailers; }

static void read_more(kgw_peer_t *p)
{
    while (p->req && p->in && (p->in->start < p->in->used || kgw_h1_is_at_end(&p->h1)) && !p->resp_done && !p->is_tunnel) {
        kgw_req_t *r = p->req;
        kgw_slice_t body = {NULL, 0, NULL};
        size_t used = 0;
        enum kgw_h1_event e = kgw_h1_feed(&p->h1, p->in->data + p->in->start, p->in->used - p->in->start, &used, &body);
        p->in->start += (uint32_t)used;
        if (e == KGW_H1_MORE) break;
        if (e == KGW_H1_ERROR) {
            KGW_LOG(KGW_LOG_ERR, "upstream sent an invalid response: %s", p->h1.why ? p->h1.why : "unknown");
            if (!p->head_done) {
                kgw_upstream_on_fail(r, KGW_OUT_BAD_RESPONSE, p->h1.why);
                return;
            }
            p->resp_done = r->is_cut = r->out_body_last = true;
            p->keep_alive = false;
        } else if (e == KGW_H1_HEAD) {
            bool final = on_head(r, p);
            if (!p->req) return;
            if (wants_trailers(r)) r->out_connection = kgw_arena_copy(&r->arena, kgw_hdrs_joined(&r->out.hdrs, KGW_STR("Connection")));
            if (final && p->is_tunnel) break;
            continue;
        } else if (e == KGW_H1_BODY) {
            r->upstream_bytes += body.len;
            kgw_chain_add_block(&r->out_body, p->in, body.ptr, body.len);
        } else if (e == KGW_H1_END) {
            p->resp_done = r->out_body_last = true;
            if (wants_trailers(r)) r->out_trailers = kgw_msg_trailers(&p->h1.trailers, r->out_connection, &r->arena);
        }
    }
    kgw_req_t *r = p->req;
    if (r && p->head_done) {
        if (r->step == KGW_STEP_WAIT_HEAD) kgw_upstream_on_head(r);
        else kgw_upstream_on_body(r);
    }
    if (p->req || !kgw_list_is_empty(&p->node)) release_in(p);
}
