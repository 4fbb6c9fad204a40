/*
 * The life of a request: one table of steps, one dispatcher, one way to fail. Read the table, then the steps in
 * its order. A step returns STEP_NEXT (it called kgw_req_goto), STEP_WAIT (somebody calls kgw_req_wake) or STEP_END.
 */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "proxy/conn.h"
#include "proxy/peer.h"
#include "proxy/resp.h"

enum { STEP_NEXT, STEP_WAIT, STEP_END };

#define X(n) static int step_##n(kgw_req_t *r);
KGW_STEP_LIST(X)
#undef X

#define S(n) (1u << KGW_STEP_##n)
#define ANSWER (S(LOCAL) | S(ERROR_PAGE))
#define STEP(n, next) [KGW_STEP_##n] = {#n, step_##n, (next)}

/* name, function, legal successors. ERROR_PAGE and LOG are reached from everywhere by fail and abort. */
static const struct {
    const char *name;
    int (*run)(kgw_req_t *);
    unsigned next;
} steps[KGW_STEP__COUNT] = {
    STEP(IDLE, S(REWRITE)),                                                             /* the head is being read */
    STEP(REWRITE, S(ACCESS) | ANSWER),                                                  /* Lua phase rewrite */
    STEP(ACCESS, S(BODY_IN) | S(PICK) | ANSWER),                                        /* Lua phase access: route, plugins, upstream; or an Admin or Status API's content */
    STEP(BODY_IN, S(PICK) | ANSWER),                                                    /* the request body is collected, when it must be whole */
    STEP(PICK, S(CONNECT) | ANSWER),                                                    /* Lua phase balancer, unless the address is known; a connection is leased or begun */
    STEP(CONNECT, S(SEND) | S(PICK) | ANSWER),                                          /* waits for the new connection, TLS included */
    STEP(SEND, S(WAIT_HEAD) | S(HEAD_OUT) | S(HOLD) | S(PICK) | ANSWER),                /* the request head and the body that is there are queued */
    STEP(WAIT_HEAD, S(HEAD_OUT) | S(HOLD) | S(TUNNEL) | S(PICK) | S(CONNECT) | ANSWER), /* waits for the response head */
    STEP(HOLD, S(RESPONSE) | S(HEAD_OUT) | ANSWER),                                     /* the response is collected for the phase response */
    STEP(RESPONSE, S(HEAD_OUT) | ANSWER),                                               /* Lua phase response */
    STEP(LOCAL, S(HEAD_OUT)),                                                           /* a response that Lua made */
    STEP(ERROR_PAGE, S(HEAD_OUT)),                                                      /* a page for an error, made in Lua */
    STEP(HEAD_OUT, S(RELAY) | S(TUNNEL) | S(FINISH)),                                   /* Lua phase header_filter; the head goes out */
    STEP(RELAY, S(FINISH)),                                                             /* Lua phase body_filter; the body goes out as the client takes it */
    STEP(TUNNEL, S(FINISH)),                                                            /* bytes both ways after 101 */
    STEP(FINISH, S(LOG)),                                                               /* the upstream connection goes back to its pool */
    STEP(LOG, S(END)),                                                                  /* Lua phase log, access log */
    STEP(END, 0),                                                                       /* the connection goes on to its next request */
};

kgw_req_t *kgw_req_now;
const char *kgw_step_name(unsigned step) { return step < KGW_STEP__COUNT ? steps[step].name : "?"; }

static int kgw_req_goto(kgw_req_t *r, enum kgw_step to)
{
    KGW_DCHECK((steps[r->step].next & (1u << to)) || to == KGW_STEP_ERROR_PAGE || to == KGW_STEP_LOG || to == KGW_STEP_FINISH);
    KGW_TRACE("req", steps[to].name, r->slot, r->step);
    r->step = to;
    return STEP_NEXT;
}

/* Woken by a call of Lua's: their steps run when Lua has returned. */
static kgw_list_t put_off = {&put_off, &put_off};

void kgw_req_drain_woken(void)
{
    kgw_list_t *n;
    while ((n = kgw_list_pop_front(&put_off)) != NULL) {
        kgw_req_t *r = container_of(n, kgw_req_t, put_off_node);
        r->is_put_off = false;
        kgw_req_wake(r);
        kgw_req_unref(r);
    }
}

/* Runs until a step waits. Calls from inside a step only leave a note, so no step is entered twice. */
void kgw_req_wake(kgw_req_t *r)
{
    if (r->is_dead || r->step == KGW_STEP_END) return;
    if (r->is_running) {
        r->is_woken = true;
        return;
    }
    if (unlikely(kgw_lua_depth)) {
        if (r->is_put_off) return;
        r->is_put_off = true;
        kgw_req_ref(r);
        kgw_list_push_back(&put_off, &r->put_off_node);
        kgw_loop_poke(kgw_proxy_loop);
        return;
    }
    kgw_req_ref(r);
    kgw_req_t *before = kgw_req_now;
    kgw_req_now = r;
    r->is_running = true;
    int rc;
    do {
        r->is_woken = false;
        rc = steps[r->step].run(r);
    } while (rc == STEP_NEXT || (rc == STEP_WAIT && r->is_woken));
    r->is_running = false;
    kgw_req_now = before;
    kgw_req_unref(r);
}

void kgw_req_start(kgw_req_t *r)
{
    KGW_DCHECK(r->step == KGW_STEP_IDLE);
    r->want_header_filter = kgw_hooked_phases & KGW_PH_HEADER_FILTER;
    r->want_body_filter = kgw_hooked_phases & KGW_PH_BODY_FILTER;
    r->want_log = kgw_hooked_phases & KGW_PH_LOG;
    kgw_conn_stats.requests++;
    kgw_req_wake(r);
}

/* Starts the step's timeout anew. */
static void start_timer(kgw_req_t *r, uint64_t ms) { kgw_timer_start(kgw_proxy_loop, &r->timer, ms); }
static void stop_timer(kgw_req_t *r) { kgw_timer_stop(kgw_proxy_loop, &r->timer); }

/* What a Lua phase left behind: STEP_WAIT while it runs, STEP_NEXT when it answered by itself, -1 to go on. */
static int after_phase(kgw_req_t *r, int rc)
{
    if (rc == KGW_AGAIN) return STEP_WAIT;
    if (r->is_aborted) return kgw_req_goto(r, KGW_STEP_LOG);
    if (rc == KGW_ERROR) {
        kgw_req_fail(r, 500, "lua error");
        return STEP_NEXT;
    }
    if (r->wants_error_page) {
        r->wants_error_page = false;
        return kgw_req_goto(r, KGW_STEP_ERROR_PAGE);
    }
    if (r->has_local) return kgw_req_goto(r, KGW_STEP_LOCAL);
    return -1;
}

static int run_phase(kgw_req_t *r, unsigned phase)
{
    if (!r->phase_running) {
        r->phase_running = true;
        int rc = kgw_hooks.run(r, phase);
        if (rc == KGW_AGAIN) return KGW_AGAIN;
        r->phase_running = false;
        return rc;
    }
    /* Woken while suspended: the phase ended only if vm said so. */
    if (r->phase_rc == KGW_AGAIN) return KGW_AGAIN;
    r->phase_running = false;
    return r->phase_rc;
}

/* Request ------------------------------------------------------------------------------------------- */

static int step_IDLE(kgw_req_t *r)
{
    if (r->err_status) return kgw_req_goto(r, KGW_STEP_ERROR_PAGE);
    return kgw_req_goto(r, KGW_STEP_REWRITE);
}

static int step_REWRITE(kgw_req_t *r)
{
    if (!r->is_internal_api && (kgw_hooked_phases & KGW_PH_REWRITE)) {
        int rc = after_phase(r, run_phase(r, KGW_PH_REWRITE));
        if (rc >= 0) return rc;
    }
    return kgw_req_goto(r, KGW_STEP_ACCESS);
}

static int step_ACCESS(kgw_req_t *r)
{
    int rc = after_phase(r, run_phase(r, r->is_internal_api ? KGW_PH_CONTENT : KGW_PH_ACCESS));
    if (!r->access_us) r->access_us = kgw_clock_mono_us();
    if (rc >= 0) return rc;
    if (r->is_internal_api) {
        r->has_local = true;
        return kgw_req_goto(r, KGW_STEP_LOCAL);
    }
    return kgw_req_goto(r, KGW_STEP_BODY_IN);
}

static int step_BODY_IN(kgw_req_t *r)
{
    if (r->body.kind == KGW_BODY_UNREAD && !r->request_buffering && !r->in.is_websocket) {
        r->body.kind = KGW_BODY_LIVE;
        if (r->in.want_continue && r->conn) r->conn->ops->interim(r, 100);
        if (r->conn) r->conn->ops->want_body(r, true);
        if (r->is_failed || r->is_aborted) return r->is_aborted ? kgw_req_goto(r, KGW_STEP_LOG) : STEP_NEXT;
        if (r->body.has_eof) { /* small enough to have come with the head: its length is known and it can be sent again */
            r->body.kind = KGW_BODY_WHOLE;
            r->body.length = r->body.seen;
        }
    } else if (r->body.kind == KGW_BODY_UNREAD || r->body.kind == KGW_BODY_READING) {
        int rc = kgw_req_read_body(r);
        if (rc == KGW_AGAIN) {
            if (!kgw_timer_is_running(&r->timer)) start_timer(r, kgw_proxy_conf.body_timeout_ms);
            return STEP_WAIT;
        }
        stop_timer(r);
        if (r->is_aborted) return kgw_req_goto(r, KGW_STEP_LOG);
        if (r->is_failed) return STEP_NEXT;
    }
    stop_timer(r);
    r->balancer_end_us = 0;
    return kgw_req_goto(r, KGW_STEP_PICK);
}

/* Upstream ------------------------------------------------------------------------------------------ */

static int step_PICK(kgw_req_t *r)
{
    if (!r->target.is_set) {
        int rc = after_phase(r, run_phase(r, KGW_PH_BALANCER));
        if (rc >= 0) return rc;
        if (!r->target.is_set) {
            kgw_req_fail(r, r->is_exited && r->exit_code >= 400 ? (unsigned)r->exit_code : 503, "no peer was chosen");
            return STEP_NEXT;
        }
    }
    if (!r->balancer_end_us) r->balancer_end_us = kgw_clock_mono_us();
    int rc = kgw_upstream_connect(r);
    if (rc == KGW_ERROR) return r->step == KGW_STEP_PICK ? STEP_WAIT : STEP_NEXT;
    kgw_req_goto(r, KGW_STEP_CONNECT);
    if (rc == KGW_OK) return kgw_req_goto(r, KGW_STEP_SEND);
    start_timer(r, r->target.connect_ms);
    return STEP_WAIT;
}

static int step_CONNECT(kgw_req_t *r)
{
    if (!r->peer) return kgw_req_goto(r, KGW_STEP_PICK);
    if (!r->peer->is_connected) return STEP_WAIT;
    return kgw_req_goto(r, KGW_STEP_SEND);
}

static int step_SEND(kgw_req_t *r)
{
    r->tries[(r->tries_cnt - 1) % KGW_TRIES_KEPT].connect_us = kgw_clock_mono_us();
    start_timer(r, r->peer->req_done ? r->target.read_ms : r->target.send_ms);
    kgw_req_goto(r, KGW_STEP_WAIT_HEAD);
    kgw_peer_send(r);
    return r->step == KGW_STEP_WAIT_HEAD ? STEP_WAIT : STEP_NEXT;
}

static int step_WAIT_HEAD(kgw_req_t *r)
{
    if (!r->peer) return kgw_req_goto(r, KGW_STEP_PICK);
    if (!r->peer->head_done) return STEP_WAIT;
    r->proxied = true;
    r->upstream_status = r->out.status;
    if (r->peer->is_tunnel) return kgw_req_goto(r, KGW_STEP_TUNNEL);
    if (r->hold_response) return kgw_req_goto(r, KGW_STEP_HOLD);
    return kgw_req_goto(r, KGW_STEP_HEAD_OUT);
}

static int step_HOLD(kgw_req_t *r)
{
    if (!r->out_body_last) {
        start_timer(r, r->target.read_ms);
        return STEP_WAIT;
    }
    stop_timer(r);
    if (r->peer) kgw_peer_release(r);
    if (r->is_cut) {
        r->is_cut = false;
        kgw_req_fail(r, 502, "the upstream's response was cut off");
        return STEP_NEXT;
    }
    return kgw_req_goto(r, KGW_STEP_RESPONSE);
}

static int step_RESPONSE(kgw_req_t *r)
{
    bool local_before = r->has_local;
    int rc = run_phase(r, KGW_PH_RESPONSE);
    (void)local_before;
    if (rc == KGW_AGAIN) return STEP_WAIT;
    if (r->is_aborted) return kgw_req_goto(r, KGW_STEP_LOG);
    if (rc == KGW_ERROR) {
        kgw_req_fail(r, 500, "lua error");
        return STEP_NEXT;
    }
    if (r->has_local) return kgw_req_goto(r, KGW_STEP_LOCAL);
    return kgw_req_goto(r, KGW_STEP_HEAD_OUT);
}

/* Response ------------------------------------------------------------------------------------------ */

static int step_LOCAL(kgw_req_t *r)
{
    r->out_body_last = true;
    if (r->is_killed) {
        if (r->conn) r->conn->ops->reset(r);
        r->out.status = r->exit_code > 0 ? (uint16_t)r->exit_code : 500;
        return kgw_req_goto(r, KGW_STEP_LOG);
    }
    if (!r->out.status) r->out.status = 200;
    return kgw_req_goto(r, KGW_STEP_HEAD_OUT);
}

/* What Lua set before the error goes out with the page, but for the fields that describe a body or a place. */
static void clear_for_page(kgw_req_t *r)
{
    static const uint16_t dropped[] = {KGW_TOK_CONTENT_LENGTH, KGW_TOK_CONTENT_TYPE, KGW_TOK_CONTENT_ENCODING, KGW_TOK_TRANSFER_ENCODING, KGW_TOK_LOCATION};
    bool has_upstream_fields = r->proxied || r->head_us;
    kgw_hdrs_t set_by_lua = has_upstream_fields || r->early_hdrs.live_cnt ? r->early_hdrs : r->out.hdrs;
    kgw_resp_clear(r);
    if (likely(!set_by_lua.live_cnt)) return;
    kgw_hdrs_foreach(h, &set_by_lua) kgw_hdrs_add(&r->out.hdrs, h->name, h->value);
    for (size_t i = 0; i < KGW_ARRAY_LEN(dropped); i++) kgw_hdrs_remove_token(&r->out.hdrs, dropped[i]);
}

static int step_ERROR_PAGE(kgw_req_t *r)
{
    if (!r->in_error_page) {
        clear_for_page(r);
        r->in_error_page = true;
        r->out.status = r->err_status == 494 ? 400 : r->err_status;
    }
    int rc = kgw_hooks.run ? run_phase(r, KGW_PH_ERROR) : KGW_ERROR;
    if (rc == KGW_AGAIN) return STEP_WAIT;
    if (r->is_aborted) return kgw_req_goto(r, KGW_STEP_LOG);
    if (rc == KGW_ERROR || !r->has_local) kgw_resp_plain_error(r, r->err_status);
    r->out_body_last = true;
    return kgw_req_goto(r, KGW_STEP_HEAD_OUT);
}

int kgw_req_filter_head(kgw_req_t *r)
{
    if (r->head_is_filtered || r->head_is_out) return KGW_OK;
    r->head_is_filtered = true;
    return r->want_header_filter ? kgw_hooks.run(r, KGW_PH_HEADER_FILTER) : KGW_OK;
}

static void send_head(kgw_req_t *r)
{
    kgw_resp_add_gateway_headers(r);
    r->headers_sent = true;
    if (!r->conn) return;
    /* A body that is already complete and empty goes with the head, unless a body filter may add to it. */
    bool last = r->out_body_last && !r->is_cut && kgw_chain_is_empty(&r->out_body) && !r->want_body_filter;
    r->head_is_out = true;
    r->conn->ops->head(r, last);
    r->last_is_out = last;
}

static int step_HEAD_OUT(kgw_req_t *r)
{
    if (r->is_cut && !r->head_is_out && kgw_chain_is_empty(&r->out_body)) { /* nothing but a head came, nothing went out: the client learns why */
        r->is_cut = false;
        kgw_req_fail(r, 502, "the upstream's response was cut off");
        return STEP_NEXT;
    }
    /* header_filter cannot suspend; its error cuts the response. */
    if (kgw_req_filter_head(r) == KGW_ERROR) {
        if (r->conn) r->conn->ops->reset(r);
        if (r->peer) kgw_peer_drop(r);
        return kgw_req_goto(r, KGW_STEP_LOG);
    }
    if (!r->head_is_out) send_head(r);
    return kgw_req_goto(r, r->conn ? KGW_STEP_RELAY : KGW_STEP_LOG);
}

/* One call of the body filter with what is there. */
static bool filter_some(kgw_req_t *r, bool last)
{
    kgw_chain_t out;
    kgw_chain_init(&out);
    bool filtered_last = last;
    int rc = kgw_hooks.chunk(r, &r->out_body, &out, &filtered_last);
    if (rc == KGW_OK) {
        if (filtered_last && !last) r->filter_done = true;
        r->body_bytes_sent += out.bytes;
        if (out.bytes || filtered_last) r->conn->ops->body(r, &out, filtered_last);
        r->last_is_out = filtered_last;
    }
    kgw_chain_fini(&out);
    return rc == KGW_OK;
}

/* Hands the bytes that are there to the body filter and on to the client. */
static bool relay_some(kgw_req_t *r)
{
    bool last = r->out_body_last && !r->is_cut;
    if (kgw_chain_is_empty(&r->out_body) && !last) return true;
    if (r->want_body_filter && !r->filter_done) {
        /* As under nginx the end comes with an empty chunk of its own. */
        if (last && !kgw_chain_is_empty(&r->out_body)) {
            if (!filter_some(r, false)) return false;
            if (r->filter_done || !r->conn) return true;
        }
        return filter_some(r, last);
    }
    if (r->filter_done) {
        kgw_chain_clear(&r->out_body);
        return true;
    }
    r->body_bytes_sent += r->out_body.bytes;
    r->conn->ops->body(r, &r->out_body, last);
    r->last_is_out = last;
    return true;
}

int kgw_req_flush(kgw_req_t *r)
{
    if (!r->conn || kgw_req_filter_head(r) != KGW_OK) return KGW_ERROR;
    if (!r->head_is_out) send_head(r);
    if (!r->last_is_out && !relay_some(r)) return KGW_ERROR;
    return r->conn->ops->pending(r) >= KGW_IO_HIGH ? KGW_AGAIN : KGW_OK;
}

static int step_RELAY(kgw_req_t *r)
{
    if (!r->conn) return kgw_req_goto(r, KGW_STEP_LOG);
    if (!r->last_is_out && !relay_some(r)) {
        if (r->peer) kgw_peer_drop(r);
        r->conn->ops->reset(r);
        return kgw_req_goto(r, KGW_STEP_LOG);
    }
    if (r->is_cut) {
        if (r->peer) kgw_peer_drop(r);
        r->conn->ops->reset(r);
        return kgw_req_goto(r, KGW_STEP_LOG);
    }
    if (r->last_is_out && (r->out_body_last || !r->peer)) return kgw_req_goto(r, KGW_STEP_FINISH);
    if (r->peer) {
        kgw_peer_pause(r, r->conn->ops->pending(r) >= KGW_IO_HIGH);
        start_timer(r, r->peer->is_paused ? kgw_proxy_conf.send_timeout_ms : r->target.read_ms);
    }
    return STEP_WAIT;
}

static int step_TUNNEL(kgw_req_t *r)
{
    if (!r->head_is_out) {
        if (r->want_header_filter && kgw_hooks.run(r, KGW_PH_HEADER_FILTER) == KGW_ERROR) {
            if (r->conn) r->conn->ops->reset(r);
            kgw_peer_drop(r);
            return kgw_req_goto(r, KGW_STEP_LOG);
        }
        kgw_resp_add_gateway_headers(r);
        r->headers_sent = r->head_is_out = true;
        stop_timer(r);
        if (!r->conn) return kgw_req_goto(r, KGW_STEP_LOG);
        r->conn->ops->head(r, false);
        kgw_tunnel_start(r);
        return STEP_WAIT;
    }
    if (!r->tunnel_done) return STEP_WAIT;
    return kgw_req_goto(r, KGW_STEP_FINISH);
}

static int step_FINISH(kgw_req_t *r)
{
    stop_timer(r);
    r->end_us = kgw_clock_mono_us();
    if (r->peer) kgw_peer_release(r);
    return kgw_req_goto(r, KGW_STEP_LOG);
}

static int step_LOG(kgw_req_t *r)
{
    stop_timer(r);
    if (r->peer) kgw_peer_drop(r);
    if (!r->end_us) r->end_us = kgw_clock_mono_us();
    if (r->is_aborted && !r->head_is_out) r->out.status = 499;
    kgw_hooks.abort(r); /* light threads that outlived their phase */
    if (!r->is_internal_api && (r->want_log || (kgw_hooked_phases & KGW_PH_LOG && r->in_error_page))) kgw_hooks.run(r, KGW_PH_LOG);
    if (kgw_proxy_conf.log_access) kgw_access_log(r);
    r->step = KGW_STEP_END;
    return STEP_NEXT;
}

static int step_END(kgw_req_t *r)
{
    if (r->conn) {
        kgw_conn_t *conn = r->conn;
        conn->ops->done(r);
    }
    return STEP_END;
}

/* Failure, timeouts, abort --------------------------------------------------------------------------- */

void kgw_req_fail(kgw_req_t *r, unsigned status, const char *why)
{
    if (r->step >= KGW_STEP_LOG) return;
    KGW_LOG(status == 500 || status >= 502 ? KGW_LOG_ERR : KGW_LOG_INFO, "request failed with %u in step %s: %s", status, kgw_step_name(r->step), why);
    stop_timer(r);
    if (r->peer) kgw_peer_drop(r);
    if (r->head_is_out || r->in_error_page) {
        r->is_cut = true;
        if (r->conn) r->conn->ops->reset(r);
        kgw_req_goto(r, KGW_STEP_LOG);
    } else {
        r->is_failed = true;
        r->proxied = false;
        r->hold_response = false;
        r->is_cut = false;
        r->err_status = (uint16_t)status;
        r->err_why = why;
        r->phase_running = false;
        kgw_hooks.abort(r);
        kgw_chain_clear(&r->out_body);
        kgw_req_goto(r, KGW_STEP_ERROR_PAGE);
    }
    kgw_req_wake(r);
}

void kgw_req_on_timeout(kgw_req_t *r)
{
    if (r->body.kind == KGW_BODY_READING && (r->step == KGW_STEP_REWRITE || r->step == KGW_STEP_ACCESS)) { /* Lua waits for the body */
        kgw_req_fail(r, 408, "client timed out sending its body");
        return;
    }
    switch (r->step) {
    case KGW_STEP_BODY_IN: kgw_req_fail(r, 408, "client timed out sending its body"); break;
    case KGW_STEP_CONNECT: kgw_upstream_on_fail(r, KGW_OUT_CONNECT_TIMEOUT, "timed out while connecting to upstream"); break;
    case KGW_STEP_SEND:
    case KGW_STEP_WAIT_HEAD:
        if (r->peer && r->peer->req_done && kgw_io_pending(&r->peer->io) == 0) kgw_upstream_on_fail(r, KGW_OUT_READ_TIMEOUT, "timed out while reading the response head");
        else kgw_upstream_on_fail(r, KGW_OUT_SEND_TIMEOUT, "timed out while sending to upstream");
        break;
    case KGW_STEP_HOLD: kgw_req_fail(r, 504, "timed out while reading the response"); break;
    case KGW_STEP_RELAY:
        KGW_LOG(KGW_LOG_ERR, "%s timed out in the middle of a response", r->peer && r->peer->is_paused ? "client" : "upstream");
        r->is_cut = true;
        kgw_req_wake(r);
        break;
    case KGW_STEP_TUNNEL:
        r->tunnel_done = true;
        kgw_req_wake(r);
        break;
    default: break;
    }
}

void kgw_req_abort(kgw_req_t *r)
{
    if (r->is_aborted || r->step >= KGW_STEP_LOG) {
        r->conn = NULL;
        return;
    }
    r->conn = NULL;
    r->is_aborted = true;
    if (r->body_ready) {
        void (*fn)(kgw_req_t *, int) = r->body_ready;
        r->body_ready = NULL;
        fn(r, KGW_ERROR);
    }
    if (r->on_writable) kgw_req_writable(r);
    if (r->step >= KGW_STEP_LOG) return;
    if (r->peer) kgw_peer_drop(r);
    if (r->phase_running &&
        (r->step == KGW_STEP_REWRITE || r->step == KGW_STEP_ACCESS || r->step == KGW_STEP_PICK || r->step == KGW_STEP_RESPONSE || r->step == KGW_STEP_ERROR_PAGE) &&
        !r->abort_now) {
        return; /* Lua runs on; after_phase sees the flag */
    }
    kgw_hooks.abort(r);
    r->phase_running = false;
    kgw_req_goto(r, KGW_STEP_LOG);
    kgw_req_wake(r);
}

void kgw_req_writable(kgw_req_t *r)
{
    if (r->on_writable) {
        void (*fn)(kgw_req_t *) = r->on_writable;
        r->on_writable = NULL;
        fn(r);
    }
    if (r->step == KGW_STEP_RELAY) kgw_req_wake(r);
    else if (r->step == KGW_STEP_TUNNEL) kgw_tunnel_pump(r, true);
}
