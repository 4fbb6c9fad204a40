/* What every downstream connection has: accept, PROXY protocol, TLS attach, limits, the list of conns, draining. */
#include "proxy/conn.h"

#include <string.h>

#include "base/clock.h"
#include "base/freelist.h"
#include "base/log.h"
#include "http/pp.h"
#include "proxy/conn_h1.h"
#include "proxy/peer.h"

kgw_proxy_conf_t kgw_proxy_conf;
struct kgw_conn_stats kgw_conn_stats;

static kgw_freelist_t conns = {sizeof(kgw_conn_t), 1024, 0, 0, NULL};
static kgw_list_t all = {&all, &all};
static unsigned conn_cnt;
static uint64_t serial;
static bool is_draining;

void kgw_conn_init_worker(kgw_loop_t *l) { kgw_loop_before_poll(l, kgw_conn_h1_run_ready, NULL); }
uint64_t kgw_conn_last_accept_ms;
unsigned kgw_conn_cnt(void) { return conn_cnt; }

bool kgw_conn_is_draining(void) { return is_draining; }

static void on_closed(kgw_io_t *io)
{
    kgw_conn_t *c = container_of(io, kgw_conn_t, io);
    kgw_list_remove(&c->node);
    kgw_list_remove(&c->ready_node);
    kgw_timer_stop(c->loop, &c->timer);
    if (c->in) kgw_block_unref(c->in);
    if (c->req) {
        kgw_req_t *r = c->req;
        c->req = NULL;
        kgw_req_abort(r);
        kgw_req_unref(r);
    }
    if (!kgw_list_is_empty(&c->cert_cos) || c->ctx_slot) kgw_hooks.conn_gone(c);
    kgw_arena_reset(&c->arena);
    conn_cnt--;
    kgw_conn_stats.active = conn_cnt;
    kgw_freelist_put(&conns, c);
}

static kgw_block_t *on_alloc(kgw_io_t *io) { return kgw_conn_h1_alloc(container_of(io, kgw_conn_t, io)); }

static int start_tls(kgw_conn_t *c);

static void read_proxy_header(kgw_conn_t *c)
{
    size_t used = 0;
    bool is_local = false;
    kgw_addr_t src, dst;
    kgw_block_t *b = c->in;
    int rc = kgw_pp_read(b->data + b->start, b->used - b->start, &used, &src, &dst, &is_local);
    if (rc == KGW_AGAIN) return;
    if (rc != KGW_OK) {
        KGW_LOG(KGW_LOG_ERR, "broken PROXY protocol header, closing the connection");
        kgw_io_close(&c->io);
        return;
    }
    c->is_pp_pending = false;
    if (!is_local) {
        c->pp = kgw_arena_alloc(&c->arena, sizeof(*c->pp));
        c->pp->src = src;
        c->pp->dst = dst;
    }
    b->start += (uint32_t)used;
    uint32_t left = b->used - b->start;
    if (!c->is_tls) {
        if (left) kgw_conn_h1_on_bytes(c);
        return;
    }
    /* The handshake begins behind the header. */
    memmove(b->data, b->data + b->start, left);
    c->in = NULL;
    if (start_tls(c) != KGW_OK) kgw_io_close(&c->io);
    else if (left) c->io.filter->on_wire(&c->io, b, left);
    kgw_block_unref(b);
}

static void on_bytes(kgw_io_t *io, kgw_block_t *b, size_t n)
{
    (void)b;
    (void)n;
    kgw_conn_t *c = container_of(io, kgw_conn_t, io);
    if (c->is_pp_pending) read_proxy_header(c);
    else kgw_conn_h1_on_bytes(c);
}

static void on_eof(kgw_io_t *io) { kgw_conn_h1_on_eof(container_of(io, kgw_conn_t, io)); }

static void on_error(kgw_io_t *io, int err)
{
    kgw_conn_t *c = container_of(io, kgw_conn_t, io);
    KGW_TRACE("conn", "error", c->serial, err);
    kgw_conn_h1_lost(c);
}

static void on_drain(kgw_io_t *io)
{
    kgw_conn_t *c = container_of(io, kgw_conn_t, io);
    if (c->req) kgw_req_writable(c->req);
}

static const kgw_io_ops_t conn_io_ops = {on_alloc, on_bytes, on_eof, on_error, NULL, on_drain, on_closed};

static int on_cert(kgw_tls_t *tls) { return kgw_hooks.cert ? kgw_hooks.cert(tls) : KGW_OK; }

static void on_tls_ready(kgw_tls_t *tls, int err)
{
    kgw_conn_t *c = tls->user;
    if (err) {
        KGW_LOG(KGW_LOG_INFO, "TLS handshake with a client failed: %s", tls->err);
        if (tls->is_http) { /* nginx answers that too */
            tls->is_plain = true;
            kgw_conn_h1_refuse(c, 400, "plain HTTP request on a TLS port");
            return;
        }
        /* What the handshake queued (an alert) still goes out. */
        kgw_io_close_after_flush(&c->io);
        return;
    }
    kgw_timer_start(c->loop, &c->timer, kgw_proxy_conf.header_timeout_ms);
}

static int start_tls(kgw_conn_t *c)
{
    kgw_listener_t *l = c->listener;
    return l->tls_ctx ? kgw_tls_accept(&c->io, l->tls_ctx, c, on_cert, on_tls_ready) : KGW_ERROR;
}

/* One connection too many: it learns so at once instead of waiting for a file descriptor. */
static void shed(kgw_conn_t *c)
{
    static uint64_t told_ms;
    if (kgw_clock.mono_ms - told_ms >= 1000) KGW_LOG(KGW_LOG_ALERT, "%u worker_connections are not enough", kgw_proxy_conf.max_conns);
    told_ms = kgw_clock.mono_ms;
    static const char answer[] = "HTTP/1.1 503 Service Temporarily Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    if (!c->listener->is_ssl) kgw_io_write_copy(&c->io, answer, sizeof(answer) - 1);
    kgw_timer_start(c->loop, &c->timer, 1000);
    kgw_io_close_after_flush(&c->io);
}

void kgw_conn_accept(kgw_listener_t *l)
{
    kgw_conn_t *c = kgw_freelist_get(&conns);
    memset(c, 0, offsetof(kgw_conn_t, h1));
    memset((char *)c + offsetof(kgw_conn_t, req), 0, sizeof(*c) - offsetof(kgw_conn_t, req));
    c->loop = l->loop;
    c->listener = l;
    c->serial = ++serial;
    c->is_draining = is_draining;
    c->is_idle = true;
    c->idle_since_ms = kgw_clock.mono_ms;
    kgw_list_init(&c->node);
    kgw_list_init(&c->cert_cos);
    kgw_arena_init(&c->arena);
    kgw_conn_h1_init(c);
    kgw_io_init(&c->io, l->loop, &conn_io_ops);
    conn_cnt++;
    kgw_conn_stats.accepted++;
    kgw_conn_last_accept_ms = kgw_clock.mono_ms;
    kgw_conn_stats.active = conn_cnt;
    kgw_list_push_back(&all, &c->node);
    if (kgw_io_accept(&c->io, &l->stream, l->accepted, l->is_unix) != KGW_OK) {
        kgw_io_close(&c->io);
        return;
    }
    if (kgw_proxy_conf.max_conns && conn_cnt > kgw_proxy_conf.max_conns) {
        shed(c);
        return;
    }
    kgw_conn_stats.handled++;
    c->is_tls = l->is_ssl;
    c->is_pp_pending = l->is_proxy_protocol;
    if (l->is_ssl && !c->is_pp_pending && start_tls(c) != KGW_OK) {
        kgw_io_close(&c->io);
        return;
    }
    kgw_timer_start(c->loop, &c->timer, l->is_ssl ? kgw_proxy_conf.handshake_timeout_ms : kgw_proxy_conf.header_timeout_ms);
    kgw_io_read_start(&c->io);
}

/* An idle client may be sending its next request right now: it gets time to do so and an answer with Connection: close. How much depends on its
 * pace, so that connections of a client that sends every other second are not closed under its next request. */
#define DRAIN_IDLE_MS 300
#define DRAIN_SILENT_MS 2000 /* the least for a connection that never sent anything */
#define DRAIN_MOST_MS 5000
#define SLOW_MS 15000 /* who rests that long hardly sends in just the moment of the close */

/* How long after its last request, or after the beginning of the drain, an idle connection stays open. */
static uint64_t drain_wait(const kgw_conn_t *c, uint64_t since_ms)
{
    if (!c->requests) return DRAIN_SILENT_MS;
    uint64_t age_ms = since_ms > c->idle_since_ms ? since_ms - c->idle_since_ms : 0, rest_ms = c->rest_ms > age_ms ? c->rest_ms : age_ms;
    uint64_t most_ms = kgw_proxy_conf.tunnel_drain_ms && kgw_proxy_conf.tunnel_drain_ms < DRAIN_MOST_MS ? kgw_proxy_conf.tunnel_drain_ms : DRAIN_MOST_MS;
    if (rest_ms >= SLOW_MS || rest_ms * 3 < DRAIN_IDLE_MS) return DRAIN_IDLE_MS;
    return rest_ms * 3 < most_ms ? rest_ms * 3 : most_ms;
}

unsigned kgw_conn_drain_all(void)
{
    static uint64_t since_ms;
    if (!is_draining) since_ms = kgw_clock.mono_ms;
    is_draining = true;
    kgw_list_foreach_safe(n, &all)
    {
        kgw_conn_t *c = container_of(n, kgw_conn_t, node);
        c->is_draining = true;
        if (c->req && c->req->step == KGW_STEP_TUNNEL && kgw_clock.mono_ms - since_ms >= kgw_proxy_conf.tunnel_drain_ms) kgw_tunnel_go_away(c->req);
        if (c->req || (c->in && c->in->start < c->in->used)) continue;
        uint64_t from = c->idle_since_ms > since_ms ? c->idle_since_ms : since_ms;
        if (kgw_clock.mono_ms - from >= drain_wait(c, since_ms)) kgw_io_close_after_flush(&c->io);
    }
    return conn_cnt;
}

void kgw_conn_close_all(void) { kgw_list_foreach_safe(n, &all) kgw_io_close(&container_of(n, kgw_conn_t, node)->io); }
