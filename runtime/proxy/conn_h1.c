/*
 * HTTP/1 towards clients: heads in place in the read block, at most one active request, pipelined bytes wait in the
 * block (reading stops when it is full), lingering close after errors so that the answer arrives.
 */
#include "proxy/conn_h1.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "http/h1_out.h"
#include "proxy/peer.h"

#define LINGER_MS 2000
#define LINGER_BYTES (256 * 1024)
#define LEADING_CRLF_MAX 8

static void next_request(kgw_conn_t *c);
static bool skip_rest(kgw_conn_t *c);
static void on_timer(kgw_timer_t *t);
static const kgw_conn_ops_t h1_ops;
static kgw_list_t ready = {&ready, &ready};

void kgw_conn_h1_init(kgw_conn_t *c)
{
    c->ops = &h1_ops;
    c->body_done = true;
    c->h1.status = 0; /* the parser itself is made ready by the first byte */
    kgw_list_init(&c->ready_node);
    kgw_timer_init(&c->timer, on_timer);
}

kgw_block_t *kgw_conn_h1_alloc(kgw_conn_t *c)
{
    kgw_block_t *b = c->in;
    if (b && b->used == b->cap) {
        uint32_t left = b->used - b->start;
        size_t cap = left * 2 > KGW_BLOCK_SIZE ? (size_t)left * 2 : KGW_BLOCK_SIZE;
        kgw_block_t *bigger = cap == KGW_BLOCK_SIZE ? kgw_block_new() : kgw_block_new_size(cap);
        bigger->start = 0;
        bigger->used = left;
        memcpy(bigger->data, b->data + b->start, left);
        kgw_block_unref(b);
        c->in = bigger;
    }
    if (!c->in) c->in = kgw_block_new();
    return c->in;
}

static bool has_bytes(const kgw_conn_t *c) { return c->in && c->in->start < c->in->used; }

static void release_in(kgw_conn_t *c)
{
    if (!c->in || has_bytes(c)) return;
    kgw_block_unref(c->in);
    c->in = NULL;
}

/* Heads ---------------------------------------------------------------------------------------------- */

/* A request for Lua and the log even when its head is bad. */
static void start_req(kgw_conn_t *c, kgw_req_t *r)
{
    c->is_idle = false;
    if (c->requests) {
        uint64_t rest_ms = kgw_clock.mono_ms - c->idle_since_ms, before_ms = c->rest_ms - c->rest_ms / 8;
        c->rest_ms = (uint32_t)(rest_ms > before_ms ? rest_ms : before_ms);
    }
    c->requests++;
    kgw_timer_stop(c->loop, &c->timer);
    if (!r->head_block && c->in) r->head_block = kgw_block_ref(c->in);
    kgw_req_start(r);
}

static void refuse(kgw_conn_t *c, kgw_req_t *r, unsigned status, const char *why)
{
    c->in_error = true;
    c->keep_alive = false;
    r->body.kind = KGW_BODY_NONE;
    r->err_status = (uint16_t)(status == 431 ? 494 : status);
    r->err_why = why;
    if (!r->path.ptr) r->path = KGW_STR("/");
    if (!r->uri.path.ptr) r->uri.path = KGW_STR("/");
    kgw_str_t name = c->h1.status ? c->h1.culprit : KGW_STR_NULL;
    KGW_LOG(KGW_LOG_INFO, "client sent an invalid request (%u): %s%s%.*s", status, why ? why : "", name.len ? ": " : "", (int)name.len, name.len ? name.ptr : "");
    start_req(c, r);
}

void kgw_conn_h1_refuse(kgw_conn_t *c, unsigned status, const char *why)
{
    kgw_req_t *r = c->req = kgw_req_new(c);
    r->in.method = KGW_STR("GET");
    r->in.major = r->in.minor = 1;
    kgw_hdrs_init(&r->in.hdrs, &r->arena);
    refuse(c, r, status, why);
}

static int check_target(kgw_req_t *r, const char **why)
{
    if (r->in.method_id == KGW_M_CONNECT || r->in.method_id == KGW_M_TRACE) {
        *why = "method is not supported";
        return r->in.method_id == KGW_M_CONNECT ? 400 : 405;
    }
    int status = kgw_uri_split(&r->uri, r->in.target, why);
    if (status) return status;
    if (kgw_uri_normalize(&r->arena, r->uri.path, &r->path) != KGW_OK) {
        *why = "invalid path";
        return 400;
    }
    return 0;
}

static int check_host(kgw_req_t *r, const char **why)
{
    kgw_hdr_t *h = kgw_hdrs_find_token(&r->in.hdrs, KGW_TOK_HOST);
    kgw_str_t host = h ? h->value : KGW_STR("");
    if (r->uri.authority.len) {
        if (h && !kgw_str_ieq(h->value, r->uri.authority)) {
            *why = "Host differs from the target's authority";
            return 400;
        }
        host = r->uri.authority;
    }
    if (!host.len) {
        /* HTTP/1.0 without Host: nginx's server_name default, "kong". */
        r->host = KGW_STR("kong");
        return 0;
    }
    kgw_str_t name;
    if (kgw_host_split(host, &name, &r->host_port) != KGW_OK) {
        *why = "invalid Host";
        return 400;
    }
    char *low = kgw_arena_bytes(&r->arena, name.len);
    bool changed = false;
    for (size_t i = 0; i < name.len; i++) {
        low[i] = kgw_lower(name.ptr[i]);
        changed |= low[i] != name.ptr[i];
    }
    r->host = changed ? kgw_str(low, name.len) : name;
    return 0;
}

static void set_body(kgw_conn_t *c, kgw_req_t *r)
{
    kgw_body_t *b = &r->body;
    c->body_wanted = false;
    c->body_bytes = c->body_waited_ms = 0;
    if (r->in.framing == KGW_FRAME_NONE || (r->in.framing == KGW_FRAME_LENGTH && r->in.length == 0)) {
        b->kind = KGW_BODY_NONE;
        b->has_eof = true;
        return;
    }
    b->kind = KGW_BODY_UNREAD;
    b->is_chunked = r->in.framing == KGW_FRAME_CHUNKED;
    b->length = r->in.length;
    c->body_done = false;
}

static void on_head(kgw_conn_t *c, kgw_req_t *r)
{
    const char *why = NULL;
    r->head_block = kgw_block_ref(c->in);
    r->request_bytes = c->h1.head_len;
    r->raw_head = kgw_str(r->in.method.ptr, c->h1.head_len);
    int status = check_target(r, &why);
    if (!status) status = check_host(r, &why);
    if (status) {
        refuse(c, r, (unsigned)status, why);
        return;
    }
    c->keep_alive = r->in.keep_alive && c->requests + 1 < kgw_proxy_conf.keepalive_requests && kgw_proxy_conf.keepalive_timeout_ms > 0;
    set_body(c, r);
    if (kgw_proxy_conf.max_body && !r->is_internal_api && r->body.kind == KGW_BODY_UNREAD && !r->body.is_chunked && r->body.length > kgw_proxy_conf.max_body) {
        refuse(c, r, 413, "client intended to send too large body");
        return;
    }
    kgw_realip(r);
    if (r->body.kind == KGW_BODY_NONE) {
        /* Without a body the parser has one event left, which ends the message. */
        size_t used;
        kgw_slice_t body;
        kgw_h1_feed(&c->h1, c->in->data + c->in->start, 0, &used, &body);
        c->body_done = true;
    }
    start_req(c, r);
}

static bool skip_empty_lines(kgw_conn_t *c)
{
    while (has_bytes(c)) {
        char ch = c->in->data[c->in->start];
        if (ch != '\r' && ch != '\n') break;
        if (ch == '\n') c->empty_lines++;
        if (c->empty_lines > LEADING_CRLF_MAX) return false;
        c->in->start++;
    }
    return true;
}

static void read_head(kgw_conn_t *c)
{
    if (c->head_seen == 0 && !skip_empty_lines(c)) {
        kgw_req_t *bad = c->req = kgw_req_new(c);
        refuse(c, bad, 400, "too many empty lines");
        return;
    }
    if (!has_bytes(c)) {
        release_in(c);
        return;
    }
    if (!c->req) {
        c->req = kgw_req_new(c);
        if (c->requests == 0) kgw_h1_init(&c->h1, true, &c->req->in, &c->req->arena, &kgw_proxy_conf.limits);
        else kgw_h1_next(&c->h1, &c->req->in, &c->req->arena);
        if (c->is_idle && !kgw_timer_is_running(&c->timer)) kgw_timer_start(c->loop, &c->timer, kgw_proxy_conf.header_timeout_ms);
        else if (c->requests) kgw_timer_start(c->loop, &c->timer, kgw_proxy_conf.header_timeout_ms);
    }
    size_t used = 0;
    kgw_slice_t body;
    kgw_req_t *r = c->req;
    enum kgw_h1_event e = kgw_h1_feed(&c->h1, c->in->data + c->in->start, c->in->used - c->in->start, &used, &body);
    if (e == KGW_H1_MORE) {
        c->head_seen = c->in->used - c->in->start;
        return;
    }
    c->in->start += (uint32_t)used;
    c->head_seen = 0;
    c->empty_lines = 0;
    if (e == KGW_H1_ERROR) {
        if (!r->in.method.ptr) r->in.method = KGW_STR("GET");
        refuse(c, r, c->h1.status ? c->h1.status : 400, c->h1.why);
        return;
    }
    KGW_DCHECK(e == KGW_H1_HEAD);
    on_head(c, r);
}

/* Bodies --------------------------------------------------------------------------------------------- */

static void fail_body(kgw_conn_t *c, kgw_req_t *r, unsigned status, const char *why)
{
    c->body_done = c->in_error = true;
    c->keep_alive = false;
    KGW_LOG(KGW_LOG_INFO, "client sent an invalid body: %s", why ? why : "");
    if (r->body_ready) {
        void (*fn)(kgw_req_t *, int) = r->body_ready;
        r->body_ready = NULL;
        fn(r, KGW_ERROR);
    }
    if (c->req == r) kgw_req_fail(r, status, "invalid body");
}

/* Time in which nobody waited for the body does not count: the upstream may be the slow one. */
static bool is_too_slow(const kgw_conn_t *c)
{
    if (likely(!kgw_proxy_conf.body_min_rate)) return false;
    uint64_t waited = c->body_waited_ms + (kgw_clock.mono_ms - c->body_wanted_ms);
    return waited > kgw_proxy_conf.body_grace_ms && c->body_bytes * 1000 < waited * kgw_proxy_conf.body_min_rate;
}

static void read_body(kgw_conn_t *c)
{
    while (c->req && !c->body_done && c->body_wanted && c->in && (has_bytes(c) || kgw_h1_is_at_end(&c->h1))) {
        kgw_req_t *r = c->req;
        size_t used = 0;
        kgw_slice_t body = {NULL, 0, NULL};
        enum kgw_h1_event e = kgw_h1_feed(&c->h1, c->in->data + c->in->start, c->in->used - c->in->start, &used, &body);
        c->in->start += (uint32_t)used;
        r->request_bytes += (uint32_t)used;
        c->body_bytes += used;
        if (e != KGW_H1_END && e != KGW_H1_ERROR && is_too_slow(c)) {
            fail_body(c, r, 408, "it comes too slowly");
            return;
        }
        if (e == KGW_H1_BODY) {
            kgw_req_on_body(r, c->in, body.ptr, body.len);
        } else if (e == KGW_H1_END) {
            c->body_done = true;
            if (r->in.te_trailers && kgw_proxy_conf.pass_trailers) r->trailers = kgw_msg_trailers(&c->h1.trailers, kgw_hdrs_joined(&r->in.hdrs, KGW_STR("Connection")), &r->arena);
            kgw_req_on_body_end(r);
        } else if (e == KGW_H1_ERROR) {
            fail_body(c, r, c->h1.status ? c->h1.status : 400, c->h1.why);
            return;
        } else {
            break;
        }
    }
    if (c->req && !c->body_done && c->body_wanted && !has_bytes(c)) {
        release_in(c);
        if (c->client_eof) {
            kgw_conn_h1_lost(c);
            return;
        }
        kgw_io_read_start(&c->io);
    }
}

static void want_body(kgw_req_t *r, bool on)
{
    kgw_conn_t *c = r->conn;
    if (c->body_wanted && !on) c->body_waited_ms += (uint32_t)(kgw_clock.mono_ms - c->body_wanted_ms);
    else if (on && !c->body_wanted) c->body_wanted_ms = kgw_clock.mono_ms;
    c->body_wanted = on;
    if (!on) return;
    if (c->body_reading) return;
    c->body_reading = true;
    read_body(c);
    c->body_reading = false;
}

/* Bytes arrive --------------------------------------------------------------------------------------- */

static void linger(kgw_conn_t *c)
{
    uint32_t n = c->in ? c->in->used - c->in->start : 0;
    c->lingered += n;
    if (c->in) {
        kgw_block_unref(c->in);
        c->in = NULL;
    }
    if (c->lingered > LINGER_BYTES) kgw_io_close(&c->io);
}

void kgw_conn_h1_run_ready(void *arg)
{
    (void)arg;
    kgw_list_t *n;
    kgw_list_t todo;
    kgw_list_init(&todo);
    kgw_list_splice(&todo, &ready);
    while ((n = kgw_list_pop_front(&todo)) != NULL) {
        kgw_conn_t *c = container_of(n, kgw_conn_t, ready_node);
        if (c->io.state == KGW_IO_OPEN && !c->req) kgw_conn_h1_on_bytes(c);
    }
}

void kgw_conn_h1_on_bytes(kgw_conn_t *c)
{
    if (c->on_raw) {
        c->on_raw(c);
        return;
    }
    if (c->is_skipping) {
        if (skip_rest(c)) next_request(c);
        else release_in(c);
        return;
    }
    if (c->is_lingering) {
        linger(c);
        return;
    }
    kgw_req_t *r = c->req;
    if (r && r->step == KGW_STEP_TUNNEL) {
        kgw_tunnel_pump(r, false);
        return;
    }
    if (!r || r->step == KGW_STEP_IDLE) {
        read_head(c);
        return;
    }
    if (!c->body_done && c->body_wanted) {
        read_body(c);
        return;
    }
    /* Pipelined or early bytes wait; with a full block reading stops until the request is done. */
    if (c->in->used == c->in->cap) kgw_io_read_stop(&c->io);
}

void kgw_conn_h1_lost(kgw_conn_t *c)
{
    kgw_req_t *r = c->req;
    c->req = NULL;
    kgw_io_close(&c->io);
    if (c->on_raw) c->on_raw(c);
    if (r) {
        if (r->step == KGW_STEP_IDLE) {
            r->conn = NULL;
            r->step = KGW_STEP_END;
        } else {
            kgw_req_abort(r);
        }
        kgw_req_unref(r);
    }
}

void kgw_conn_h1_on_eof(kgw_conn_t *c)
{
    c->client_eof = true;
    kgw_req_t *r = c->req;
    if (c->on_raw) {
        c->on_raw(c);
        return;
    }
    if (c->is_lingering || !r || r->step == KGW_STEP_IDLE) {
        kgw_conn_h1_lost(c);
        return;
    }
    if (r->step == KGW_STEP_TUNNEL) {
        kgw_tunnel_pump(r, false);
        return;
    }
    c->keep_alive = false;
    /* A half close after a complete request is fine: the answer is still delivered. */
    if (!c->body_done && !has_bytes(c)) kgw_conn_h1_lost(c);
}

static void on_timer(kgw_timer_t *t)
{
    kgw_conn_t *c = container_of(t, kgw_conn_t, timer);
    kgw_req_t *r = c->req;
    if (r && r->step == KGW_STEP_IDLE && c->head_seen && !c->is_lingering) {
        KGW_LOG(KGW_LOG_INFO, "client timed out while sending a request head");
        if (!r->in.method.ptr) r->in.method = KGW_STR("GET");
        refuse(c, r, 408, "client timed out");
        return;
    }
    kgw_conn_h1_lost(c);
}

/* Answers -------------------------------------------------------------------------------------------- */

static void write_framing(kgw_conn_t *c, kgw_req_t *r, kgw_out_t *o)
{
    unsigned status = r->out.status;
    kgw_hdr_t *cl = kgw_hdrs_find_token(&r->out.hdrs, KGW_TOK_CONTENT_LENGTH);
    bool bodiless = status < 200 || status == 204 || status == 304;
    bool is_head = r->in.method_id == KGW_M_HEAD;
    c->chunked_out = false;
    c->no_body_out = bodiless || is_head;
    c->out_left = UINT64_MAX;
    if (cl) {
        if (kgw_str_to_u64(cl->value, &c->out_left) != KGW_OK) {
            c->out_left = UINT64_MAX;
            kgw_hdrs_remove_token(&r->out.hdrs, KGW_TOK_CONTENT_LENGTH);
            cl = NULL;
        } else if (bodiless && status != 304) {
            kgw_hdrs_remove_token(&r->out.hdrs, KGW_TOK_CONTENT_LENGTH);
        }
    }
    if (cl || bodiless) return;
    if (is_head) return;
    if (r->in.major == 1 && r->in.minor == 0) {
        c->keep_alive = false;
        return;
    }
    c->chunked_out = true;
    kgw_out_field(o, KGW_STR("Transfer-Encoding"), KGW_STR("chunked"));
}

static void h1_body(kgw_req_t *r, kgw_chain_t *chain, bool last);

static void h1_head(kgw_req_t *r, bool last)
{
    kgw_conn_t *c = r->conn;
    kgw_out_t o;
    kgw_out_init(&o);
    bool is_tunnel = r->out.status == 101;
    kgw_out_status_line(&o, r->out.status, r->out.reason);
    if (!kgw_hdrs_find_token(&r->out.hdrs, KGW_TOK_DATE)) kgw_out_field(&o, KGW_STR("Date"), kgw_clock_http_date());
    if (!is_tunnel) write_framing(c, r, &o);
    /* Bytes of the request that were never asked for cannot be skipped cheaply when they are many. */
    if (!c->body_done && r->body.kind != KGW_BODY_LIVE && !is_tunnel && (r->body.is_chunked || r->body.length > LINGER_BYTES)) c->keep_alive = false;
    if (c->is_draining || c->in_error || c->client_eof || (r->is_failed && r->out.status == 413)) c->keep_alive = false;
    if (is_tunnel) kgw_out_field(&o, KGW_STR("Connection"), KGW_STR("upgrade"));
    else kgw_out_field(&o, KGW_STR("Connection"), c->keep_alive ? KGW_STR("keep-alive") : KGW_STR("close"));
    kgw_hdrs_foreach(h, &r->out.hdrs)
    {
        if (h->token == KGW_TOK_CONNECTION && !is_tunnel && !r->proxied && kgw_str_ieq(h->value, KGW_STR("upgrade"))) {
            kgw_out_field(&o, h->name, h->value); /* a 426 of our own names what to upgrade to */
            continue;
        }
        if (h->token == KGW_TOK_CONNECTION || h->token == KGW_TOK_TRANSFER_ENCODING || h->token == KGW_TOK_KEEP_ALIVE) continue;
        kgw_out_field(&o, h->name, h->value);
    }
    kgw_out_add(&o, "\r\n", 2);
    size_t before = c->io.out.bytes;
    kgw_out_flush(&o, &c->io.out);
    r->bytes_sent += c->io.out.bytes - before;
    kgw_io_dirty(&c->io);
    if (last && c->chunked_out) {
        kgw_chain_t none;
        kgw_chain_init(&none);
        h1_body(r, &none, true);
        kgw_chain_fini(&none);
    } else if (last && c->out_left != UINT64_MAX && c->out_left > 0 && !c->no_body_out) {
        c->keep_alive = false; /* announced bytes that never come */
    }
}

static void h1_body(kgw_req_t *r, kgw_chain_t *chain, bool last)
{
    kgw_conn_t *c = r->conn;
    size_t before = c->io.out.bytes;
    if (c->no_body_out) {
        kgw_chain_clear(chain);
    } else if (c->chunked_out) {
        kgw_chunk_add(&c->io.out, chain);
        if (last) kgw_chunk_last(&c->io.out, r->has_local ? NULL : r->out_trailers);
    } else {
        if (chain->bytes > c->out_left) {
            KGW_LOG(KGW_LOG_ERR, "response is longer than its Content-Length, the rest is dropped");
            kgw_chain_t fit;
            kgw_chain_init(&fit);
            kgw_chain_move_bytes(&fit, chain, (size_t)c->out_left);
            kgw_chain_clear(chain);
            kgw_chain_move(&c->io.out, &fit);
            kgw_chain_fini(&fit);
            c->out_left = 0;
        } else {
            if (c->out_left != UINT64_MAX) c->out_left -= chain->bytes;
            kgw_chain_move(&c->io.out, chain);
        }
        if (last && c->out_left != UINT64_MAX && c->out_left > 0) c->keep_alive = false;
    }
    r->bytes_sent += c->io.out.bytes - before;
    kgw_io_dirty(&c->io);
    kgw_io_is_congested(&c->io);
}

static void h1_interim(kgw_req_t *r, unsigned status)
{
    if (r->in.major == 1 && r->in.minor == 0) return;
    if (status == 100) {
        if (!r->in.want_continue || r->body.seen) return;
        r->in.want_continue = false;
        kgw_io_write_copy(&r->conn->io, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    }
}

static void h1_reset(kgw_req_t *r)
{
    kgw_conn_t *c = r->conn;
    c->keep_alive = false;
    c->is_cut = true;
}

static size_t h1_pending(kgw_req_t *r)
{
    kgw_io_is_congested(&r->conn->io);
    return kgw_io_pending(&r->conn->io);
}

static void start_linger(kgw_conn_t *c)
{
    c->is_lingering = true;
    c->lingered = 0;
    /* A client that still owes its body has our whole answer and reads it; the others learn by the end of the stream. */
    if (c->body_done) kgw_io_shutdown(&c->io);
    kgw_timer_start(c->loop, &c->timer, LINGER_MS);
    if (c->in) {
        kgw_block_unref(c->in);
        c->in = NULL;
    }
    kgw_io_read_start(&c->io);
}

/* Closes when everything is out; a client that does not read is given up after send_timeout. */
static void end(kgw_conn_t *c)
{
    kgw_timer_start(c->loop, &c->timer, kgw_proxy_conf.send_timeout_ms);
    kgw_io_close_after_flush(&c->io);
}

static void h1_done(kgw_req_t *r)
{
    kgw_conn_t *c = r->conn;
    r->conn = NULL;
    c->req = NULL;
    c->on_raw = NULL;
    bool skip_body = !c->body_done && c->keep_alive;
    bool has_rest = !c->body_done || c->in_error;
    kgw_req_unref(r);
    if (c->is_cut) {
        /* What was sent already goes out, then the connection ends without the last chunk. */
        end(c);
        return;
    }
    if (!c->keep_alive) {
        if (has_rest && !c->client_eof) start_linger(c);
        else end(c);
        return;
    }
    if (skip_body) c->is_skipping = true;
    next_request(c);
}

/* Reads what is left of a request body whose request was answered early. */
static bool skip_rest(kgw_conn_t *c)
{
    while (c->in && (has_bytes(c) || kgw_h1_is_at_end(&c->h1))) {
        size_t used = 0;
        kgw_slice_t body;
        enum kgw_h1_event e = kgw_h1_feed(&c->h1, c->in->data + c->in->start, c->in->used - c->in->start, &used, &body);
        c->in->start += (uint32_t)used;
        if (e == KGW_H1_END) {
            c->is_skipping = false;
            c->body_done = true;
            return true;
        }
        if (e == KGW_H1_ERROR) {
            end(c);
            return false;
        }
        if (e == KGW_H1_MORE) break;
    }
    return false;
}

static void next_request(kgw_conn_t *c)
{
    c->is_idle = true;
    c->idle_since_ms = kgw_clock.mono_ms;
    c->body_done = true;
    c->head_seen = 0;
    if (c->is_skipping) {
        c->body_done = false;
        kgw_timer_start(c->loop, &c->timer, kgw_proxy_conf.body_timeout_ms);
        if (!skip_rest(c)) {
            release_in(c);
            kgw_io_read_start(&c->io);
            return;
        }
    }
    kgw_timer_start(c->loop, &c->timer, kgw_proxy_conf.keepalive_timeout_ms);
    release_in(c);
    kgw_io_read_start(&c->io);
    /* Pipelined bytes are read before the next poll, not from inside the end of the request before them. */
    if (has_bytes(c)) kgw_list_push_back(&ready, &c->ready_node);
    else if (c->client_eof) end(c);
}

static const kgw_conn_ops_t h1_ops = {h1_head, h1_body, want_body, h1_reset, h1_done, h1_interim, h1_pending};
