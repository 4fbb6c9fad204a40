/* One try after another: connect to what the balancer chose, report its end, decide whether another may follow. */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "proxy/conn.h"
#include "proxy/peer.h"

kgw_loop_t *kgw_proxy_loop;
const kgw_h1_limits_t kgw_upstream_limits = {65536, 65536, 65536, KGW_H1_MAX_FIELDS};

void kgw_upstream_init_worker(kgw_loop_t *loop) { kgw_proxy_loop = loop; }

static kgw_try_t *current(kgw_req_t *r) { return &r->tries[(r->tries_cnt - 1) % KGW_TRIES_KEPT]; }

int kgw_upstream_connect(kgw_req_t *r)
{
    r->tries_cnt++; /* a free repetition is a try too, for whoever looks at them */
    kgw_try_t *t = current(r);
    memset(t, 0, sizeof(*t));
    kgw_addr_ip(&r->target.addr, t->ip);
    t->port = kgw_addr_port(&r->target.addr);
    t->start_us = kgw_clock_mono_us();
    int rc = kgw_peer_lease(r);
    r->is_stale_retry = false;
    if (rc == KGW_OK) {
        t->reused = true;
    } else if (rc == KGW_ERROR) {
        r->step = KGW_STEP_CONNECT;
        kgw_upstream_on_fail(r, KGW_OUT_CONNECT_FAILED, "cannot start a connection");
    }
    return rc;
}

void kgw_upstream_on_connect(kgw_req_t *r, int err)
{
    if (err) {
        const char *why = uv_strerror(err);
        kgw_tls_t *tls = r->peer->is_tls ? kgw_io_tls(&r->peer->io) : NULL;
        if (tls && tls->err[0]) {
            KGW_LOG(KGW_LOG_ERR, "TLS handshake with the upstream failed: %s", tls->err);
            kgw_upstream_on_fail(r, KGW_OUT_TLS_FAILED, "TLS handshake with the upstream failed");
            return;
        }
        kgw_upstream_on_fail(r, err == UV_ETIMEDOUT ? KGW_OUT_CONNECT_TIMEOUT : KGW_OUT_CONNECT_FAILED, why);
        return;
    }
    kgw_req_wake(r);
}

/* X-Accel-Charset names the charset that the type lacks. */
static void add_charset(kgw_req_t *r)
{
    kgw_hdr_t *charset = kgw_hdrs_find(&r->out.hdrs, KGW_STR("X-Accel-Charset")), *type = kgw_hdrs_find_token(&r->out.hdrs, KGW_TOK_CONTENT_TYPE);
    if (!charset || !type || !type->value.len || kgw_str_ieq(charset->value, KGW_STR("off"))) return;
    static const char key[] = "charset=";
    for (size_t i = 0; i + sizeof(key) - 1 <= type->value.len; i++)
        if (kgw_str_ieq(kgw_str(type->value.ptr + i, sizeof(key) - 1), KGW_STR("charset="))) return;
    type->value = kgw_arena_printf(&r->arena, "%.*s; charset=%.*s", (int)type->value.len, type->value.ptr, (int)charset->value.len, charset->value.ptr);
}

/* Fields that concern only the upstream's connection, and nginx's X-Accel-*, end here. */
static void strip_head(kgw_req_t *r)
{
    kgw_str_t conn = kgw_hdrs_joined(&r->out.hdrs, KGW_STR("Connection"));
    bool is_tunnel = r->out.status == 101;
    add_charset(r);
    kgw_hdrs_foreach(h, &r->out.hdrs)
    {
        h->is_theirs = 1;
        if (is_tunnel && h->token == KGW_TOK_UPGRADE) continue;
        if (h->token == KGW_TOK_TE || h->token == KGW_TOK_PROXY_CONNECTION) continue; /* of requests only */
        if (h->token == KGW_TOK_CONTENT_TYPE && !h->value.len) kgw_hdrs_remove_at(&r->out.hdrs, h);
        else if (!kgw_msg_is_forwardable(h, conn)) kgw_hdrs_remove_at(&r->out.hdrs, h);
        else if (h->name.len > 8 && (h->name.ptr[2] | 0x20) == 'a' && kgw_str_ieq(kgw_str(h->name.ptr, 8), KGW_STR("x-accel-"))) kgw_hdrs_remove_at(&r->out.hdrs, h);
    }
    if (!r->in.te_trailers) kgw_hdrs_remove_token(&r->out.hdrs, KGW_TOK_TRAILER);
}

void kgw_upstream_keep_headers(kgw_req_t *r)
{
    if (likely(!r->out.hdrs.live_cnt) || r->head_us) return;
    r->early_hdrs = r->out.hdrs;
}

/* Fields of which a response has one: the upstream's counts. */
static bool is_single(const kgw_hdr_t *h)
{
    static const uint16_t tokens[] = {KGW_TOK_CONTENT_TYPE,  KGW_TOK_CONTENT_ENCODING, KGW_TOK_SERVER,        KGW_TOK_DATE,
                                      KGW_TOK_LOCATION,      KGW_TOK_REFRESH,          KGW_TOK_LAST_MODIFIED, KGW_TOK_CONTENT_RANGE,
                                      KGW_TOK_ACCEPT_RANGES, KGW_TOK_WWW_AUTHENTICATE, KGW_TOK_EXPIRES,       KGW_TOK_ETAG};
    for (size_t i = 0; i < KGW_ARRAY_LEN(tokens); i++)
        if (h->token == tokens[i]) return true;
    return false;
}

/* What Lua set before the upstream was asked goes out beside the upstream's fields. */
static void add_early(kgw_req_t *r)
{
    kgw_hdrs_foreach(h, &r->early_hdrs)
    {
        if (h->token == KGW_TOK_CONTENT_LENGTH || (is_single(h) && kgw_hdrs_find_token(&r->out.hdrs, h->token))) continue;
        kgw_hdrs_add(&r->out.hdrs, h->name, h->value);
    }
}

void kgw_upstream_on_head(kgw_req_t *r)
{
    strip_head(r);
    if (unlikely(r->early_hdrs.live_cnt)) add_early(r);
    kgw_try_t *t = current(r);
    t->header_us = r->head_us = kgw_clock_mono_us();
    t->status = r->out.status;
    t->outcome = KGW_OUT_OK;
    kgw_req_wake(r);
}

void kgw_upstream_on_body(kgw_req_t *r)
{
    if (r->step == KGW_STEP_RELAY || (r->step == KGW_STEP_HOLD && r->out_body_last)) kgw_req_wake(r);
    else if (r->step == KGW_STEP_HOLD) kgw_timer_start(kgw_proxy_loop, &r->timer, r->target.read_ms);
}

bool kgw_upstream_should_retry(const kgw_req_t *r, enum kgw_outcome why, bool reused, bool sent_anything, bool got_bytes)
{
    (void)reused;
    if (r->retries_left <= 0 || r->head_is_out || r->is_aborted) return false;
    if (r->body.kind == KGW_BODY_LIVE && r->body.sent > 0) return false;
    switch (why) {
    case KGW_OUT_CONNECT_FAILED:
    case KGW_OUT_CONNECT_TIMEOUT:
    case KGW_OUT_TLS_FAILED: return true;
    case KGW_OUT_SEND_FAILED:
    case KGW_OUT_SEND_TIMEOUT:
    case KGW_OUT_READ_FAILED:
    case KGW_OUT_READ_TIMEOUT: {
        unsigned m = r->in.method_id;
        bool idempotent = !(m & (KGW_M_POST | KGW_M_LOCK | KGW_M_PATCH));
        (void)got_bytes;
        return idempotent || !sent_anything;
    }
    case KGW_OUT_BAD_RESPONSE: /* proxy_next_upstream has no invalid_header */
    default: return false;
    }
}

static unsigned status_of(enum kgw_outcome why) { return why == KGW_OUT_CONNECT_TIMEOUT || why == KGW_OUT_SEND_TIMEOUT || why == KGW_OUT_READ_TIMEOUT ? 504 : 502; }

void kgw_upstream_on_fail(kgw_req_t *r, enum kgw_outcome why, const char *text)
{
    kgw_peer_t *p = r->peer;
    bool reused = p && p->is_reused;
    bool sent = p && p->io.bytes_out > 0 && p->is_connected;
    bool got = p && p->got_bytes;
    kgw_try_t *t = current(r);
    kgw_timer_stop(kgw_proxy_loop, &r->timer);
    t->outcome = (uint8_t)why;
    t->status = (uint16_t)status_of(why);
    t->end_us = kgw_clock_mono_us();
    KGW_LOG(KGW_LOG_ERR, "upstream %s:%u failed: %s", t->ip, t->port, text ? text : "?");
    kgw_peer_drop(r);
    /* A pooled connection that the upstream had closed meanwhile: once more on a fresh one, for free. */
    bool stale = reused && !got && (why == KGW_OUT_READ_FAILED || why == KGW_OUT_SEND_FAILED) && !(r->body.kind == KGW_BODY_LIVE && r->body.sent > 0) &&
                 !(r->in.method_id & (KGW_M_POST | KGW_M_LOCK | KGW_M_PATCH));
    if (stale) {
        r->is_stale_retry = true;
        r->step = KGW_STEP_PICK;
        kgw_req_wake(r);
        return;
    }
    if (kgw_upstream_should_retry(r, why, reused, sent, got)) {
        r->retries_left--;
        r->last_failure = (uint8_t)why;
        r->target.is_set = false;
        r->step = KGW_STEP_PICK;
        kgw_req_wake(r);
        return;
    }
    r->last_failure = (uint8_t)why;
    r->upstream_status = (uint16_t)status_of(why);
    kgw_req_fail(r, status_of(why), text);
}
