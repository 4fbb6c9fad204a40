/* Local responses: what Lua prints and exits with, and the headers that the gateway adds to every response. */
#include "proxy/resp.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "proxy/conn.h"

int kgw_resp_print(kgw_req_t *r, const char *ptr, size_t len)
{
    if (r->head_is_out && r->out_body_last) return KGW_ERROR;
    if (r->proxied && !r->hold_response && r->head_is_out) return KGW_ERROR;
    r->has_local = true;
    r->headers_sent = true;
    if (len) kgw_chain_add_copy(&r->out_body, ptr, len);
    return KGW_OK;
}

void kgw_resp_clear(kgw_req_t *r)
{
    if (r->head_is_out) return;
    r->has_local = false;
    r->headers_sent = r->head_is_filtered = false;
    r->is_exited = false;
    r->exit_code = -1000;
    kgw_chain_clear(&r->out_body);
    r->out_body_last = false;
    r->out.status = 0;
    r->out.reason = KGW_STR_NULL;
    kgw_hdrs_init(&r->out.hdrs, &r->arena);
}

/* nginx's own pages: what it says under a status for which Kong has no error page. */
static const struct {
    uint16_t status;
    const char *title;
} pages[] = {
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {401, "Authorization Required"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {406, "Not Acceptable"},
    {409, "Conflict"},
    {410, "Gone"},
    {415, "Unsupported Media Type"},
    {416, "Requested Range Not Satisfiable"},
    {421, "Misdirected Request"},
    {429, "Too Many Requests"},
    {501, "Not Implemented"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

/* ngx.exit(>= 300) with nothing printed: Kong's error page, else nginx's, else an empty body. */
static void bare_exit(kgw_req_t *r, int code)
{
    static const uint16_t kong_pages[] = {400, 404, 405, 408, 411, 412, 413, 414, 417, 494, 500, 502, 503, 504};
    if (r->conn && (code == 400 || code == 413 || code == 414 || code == 500 || code == 501)) r->conn->keep_alive = false;
    for (size_t i = 0; i < KGW_ARRAY_LEN(kong_pages); i++) {
        if (kong_pages[i] != code) continue;
        r->err_status = (uint16_t)code;
        r->wants_error_page = true;
        return;
    }
    kgw_str_t body = KGW_STR("");
    for (size_t i = 0; i < KGW_ARRAY_LEN(pages); i++) {
        if (pages[i].status != code) continue;
        body = kgw_arena_printf(&r->arena, "<html>\r\n<head><title>%d %s</title></head>\r\n<body>\r\n<center><h1>%d %s</h1></center>\r\n</body>\r\n</html>\r\n", code,
                                pages[i].title, code, pages[i].title);
        bool has_charset = code != 301 && code != 302;
        kgw_hdrs_set_token(&r->out.hdrs, KGW_TOK_CONTENT_TYPE, has_charset ? KGW_STR("text/html; charset=UTF-8") : KGW_STR("text/html"));
    }
    char *len = kgw_arena_bytes(&r->arena, 20);
    kgw_hdrs_set_token(&r->out.hdrs, KGW_TOK_CONTENT_LENGTH, kgw_str(len, kgw_u64_dec(len, body.len)));
    if (body.len && r->in.method_id != KGW_M_HEAD) kgw_chain_add_copy(&r->out_body, body.ptr, body.len);
}

void kgw_resp_exit(kgw_req_t *r, int code)
{
    r->exit_code = code;
    if (code < 200) {
        /* 0 ends only the phase, -1 kills the request. */
        if (code == KGW_ERROR) {
            r->is_exited = true;
            r->has_local = true;
            r->is_killed = true;
        }
        return;
    }
    r->is_exited = true;
    if (!r->headers_sent) {
        /* As nginx: a bare 408 says that the client is gone. */
        if (code == 408 && !r->has_local && !r->in_error_page) code = 444;
        r->out.status = (uint16_t)code;
        r->out.reason = KGW_STR_NULL;
        if (code >= 300 && !r->has_local && !r->in_error_page && code != 444) {
            bare_exit(r, code);
            if (r->wants_error_page) return;
        }
        if (code == 444) r->is_killed = true;
    }
    r->has_local = true;
}

int kgw_resp_flush(kgw_req_t *r)
{
    r->has_local = true;
    r->headers_sent = true;
    return KGW_OK;
}

static void set_latency(kgw_req_t *r, unsigned flag, unsigned token, int64_t ms)
{
    if (!(kgw_proxy_conf.hdr_flags & flag) || ms < 0) return;
    char *out = kgw_arena_bytes(&r->arena, 20);
    kgw_hdrs_set_token(&r->out.hdrs, token, kgw_str(out, kgw_u64_dec(out, (uint64_t)ms)));
}

static void add_via(kgw_req_t *r)
{
    if (!(kgw_proxy_conf.hdr_flags & KGW_HDR_VIA)) return;
    kgw_str_t theirs = kgw_hdrs_joined(&r->out.hdrs, KGW_STR("Via"));
    kgw_str_t ours;
    if (theirs.len) {
        char *p = kgw_arena_bytes(&r->arena, theirs.len + 6 + kgw_proxy_conf.via_name.len);
        memcpy(p, theirs.ptr, theirs.len);
        memcpy(p + theirs.len, ", 1.1 ", 6);
        memcpy(p + theirs.len + 6, kgw_proxy_conf.via_name.ptr, kgw_proxy_conf.via_name.len);
        ours = kgw_str(p, theirs.len + 6 + kgw_proxy_conf.via_name.len);
    } else {
        ours = kgw_proxy_conf.via_value;
    }
    kgw_hdrs_set_token(&r->out.hdrs, KGW_TOK_VIA, ours);
}

/* nginx's add_header: without "always" only with these statuses. */
static void add_injected(kgw_req_t *r)
{
    unsigned s = r->out.status;
    bool is_common = s == 200 || s == 201 || s == 204 || s == 206 || s == 304 || (s >= 301 && s <= 303) || s == 307 || s == 308;
    for (unsigned i = 0; i < kgw_proxy_conf.added_cnt; i++)
        if (is_common || kgw_proxy_conf.added[i].is_always) kgw_hdrs_add(&r->out.hdrs, kgw_proxy_conf.added[i].name, kgw_proxy_conf.added[i].value);
}

/* nginx's charset: text without a character set of its own is said to be UTF-8, but for the two redirects that it leaves alone. */
static void add_charset(kgw_req_t *r)
{
    static const char *const text_types[] = {"text/html", "text/plain", "text/xml", "application/javascript", "application/rss+xml", "text/vnd.wap.wml"};
    const kgw_hdr_t *type = kgw_hdrs_find_token(&r->out.hdrs, KGW_TOK_CONTENT_TYPE);
    if (!type || r->out.status == 301 || r->out.status == 302 || kgw_hdrs_find_token(&r->out.hdrs, KGW_TOK_CONTENT_ENCODING)) return;
    for (size_t i = 0; i < KGW_ARRAY_LEN(text_types); i++) {
        if (!kgw_str_ieq(type->value, kgw_str(text_types[i], strlen(text_types[i])))) continue;
        kgw_hdrs_set_token(&r->out.hdrs, KGW_TOK_CONTENT_TYPE, kgw_arena_printf(&r->arena, "%.*s; charset=UTF-8", (int)type->value.len, type->value.ptr));
        return;
    }
}

void kgw_resp_add_gateway_headers(kgw_req_t *r)
{
    kgw_hdrs_t *h = &r->out.hdrs;
    add_charset(r);
    if (r->is_internal_api) {
        if (kgw_proxy_conf.hdr_flags & KGW_HDR_SERVER) kgw_hdrs_set_token(h, KGW_TOK_SERVER, kgw_proxy_conf.server);
        set_latency(r, KGW_HDR_ADMIN_LATENCY, KGW_TOK_X_KONG_ADMIN_LATENCY, kgw_req_response_latency_ms(r));
        return;
    }
    bool from_upstream = r->proxied || r->balancer_end_us;
    if (from_upstream) {
        set_latency(r, KGW_HDR_UPSTREAM_LATENCY, KGW_TOK_X_KONG_UPSTREAM_LATENCY,
                    r->head_us ? kgw_req_upstream_latency_ms(r) : (int64_t)(kgw_clock_mono_us() - r->balancer_end_us) / 1000);
        set_latency(r, KGW_HDR_PROXY_LATENCY, KGW_TOK_X_KONG_PROXY_LATENCY, kgw_req_proxy_latency_ms(r));
        add_via(r);
    } else {
        set_latency(r, KGW_HDR_RESPONSE_LATENCY, KGW_TOK_X_KONG_RESPONSE_LATENCY, kgw_req_response_latency_ms(r));
    }
    if ((kgw_proxy_conf.hdr_flags & KGW_HDR_SERVER) && (!r->proxied || !kgw_hdrs_find_token(h, KGW_TOK_SERVER))) kgw_hdrs_set_token(h, KGW_TOK_SERVER, kgw_proxy_conf.server);
    if ((kgw_proxy_conf.hdr_flags & KGW_HDR_UPSTREAM_STATUS) && r->upstream_status) {
        char *out = kgw_arena_bytes(&r->arena, 20);
        kgw_hdrs_set_token(h, KGW_TOK_X_KONG_UPSTREAM_STATUS, kgw_str(out, kgw_u64_dec(out, r->upstream_status)));
    }
    if (kgw_proxy_conf.hdr_flags & KGW_HDR_REQUEST_ID) kgw_hdrs_set_token(h, KGW_TOK_X_KONG_REQUEST_ID, kgw_str(r->id_hex, 32));
    if (kgw_proxy_conf.added_cnt) add_injected(r);
}

static const struct {
    uint16_t status;
    const char *message;
} messages[] = {
    {400, "Bad request"},
    {404, "Not found"},
    {405, "Method not allowed"},
    {408, "Request timeout"},
    {411, "Length required"},
    {412, "Precondition failed"},
    {413, "Payload too large"},
    {414, "URI too long"},
    {417, "Expectation failed"},
    {431, "Request header or cookie too large"},
    {494, "Request header or cookie too large"},
    {500, "An unexpected error occurred"},
    {501, "Not implemented"},
    {502, "An invalid response was received from the upstream server"},
    {503, "The upstream server is currently unavailable"},
    {504, "The upstream server is timing out"},
    {505, "HTTP version not supported"},
};

void kgw_resp_plain_error(kgw_req_t *r, unsigned status)
{
    const char *text = "An unexpected error occurred";
    for (size_t i = 0; i < KGW_ARRAY_LEN(messages); i++)
        if (messages[i].status == status) text = messages[i].message;
    kgw_resp_clear(r);
    kgw_str_t body = kgw_arena_printf(&r->arena, "%s\nrequest_id: %.32s\n", text, r->id_hex);
    char *len = kgw_arena_bytes(&r->arena, 20);
    r->out.status = (uint16_t)status;
    kgw_hdrs_set_token(&r->out.hdrs, KGW_TOK_CONTENT_TYPE, KGW_STR("text/plain; charset=utf-8"));
    kgw_hdrs_set_token(&r->out.hdrs, KGW_TOK_CONTENT_LENGTH, kgw_str(len, kgw_u64_dec(len, body.len)));
    kgw_chain_add_copy(&r->out_body, body.ptr, body.len);
    r->has_local = true;
}
