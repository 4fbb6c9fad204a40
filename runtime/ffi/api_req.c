/* The request: headers, method, what the router matches on. */
#include <string.h>

#include "base/str.h"
#include "ffi/ffi.h"
#include "proxy/peer.h"

/* The table of headers that a call is about; NULL outside a request. */
static kgw_hdrs_t *hdrs_of(int of_response)
{
    kgw_req_t *r = cur_req();
    if (!r) return NULL;
    return of_response ? &r->out.hdrs : &r->in.hdrs;
}

int kgw_ffi_hdr_first(int of_response, const char *name, size_t len, kgw_ffi_str_t *out, int *more)
{
    kgw_hdrs_t *t = hdrs_of(of_response);
    if (!t) return KGW_ERROR;
    kgw_hdr_t *h = kgw_hdrs_find(t, kgw_str(name, len));
    if (!h) return KGW_DECLINED;
    put(out, h->value);
    *more = kgw_hdrs_next_same(t, h) != NULL;
    return KGW_OK;
}

int kgw_ffi_hdr_next(int of_response, uint32_t *at, kgw_ffi_str_t *name, kgw_ffi_str_t *value)
{
    kgw_hdrs_t *t = hdrs_of(of_response);
    if (!t) return KGW_ERROR;
    while (*at < t->cnt && t->list[*at].removed) ++*at;
    if (*at >= t->cnt) return KGW_DONE;
    kgw_hdr_t *h = &t->list[(*at)++];
    put(name, h->name);
    put(value, h->value);
    return KGW_OK;
}

static bool is_field_name(const char *p, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)p[i];
        if (c <= 0x20 || c == ':' || c >= 0x7f) return false;
    }
    return len > 0;
}

/* A copy in the request's memory with control bytes as %XX, so that no value can end its line. */
static kgw_str_t safe_copy(kgw_req_t *r, const char *p, size_t len)
{
    size_t bad = 0;
    for (size_t i = 0; i < len; i++) bad += ((unsigned char)p[i] < 0x20 && p[i] != '\t') || p[i] == 0x7f;
    if (!bad) return kgw_arena_copy(&r->arena, kgw_str(p, len));
    char *out = kgw_arena_bytes(&r->arena, len + 2 * bad);
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)p[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            out[n++] = '%';
            out[n++] = "0123456789ABCDEF"[c >> 4];
            out[n++] = "0123456789ABCDEF"[c & 15];
        } else {
            out[n++] = (char)c;
        }
    }
    return kgw_str(out, n);
}

/* A Host that Lua sets before routing is the request's host from then on. */
static void follow_host(kgw_req_t *r, kgw_str_t value)
{
    kgw_str_t name;
    if (kgw_host_split(value, &name, &r->host_port) != KGW_OK) return;
    char *low = kgw_arena_bytes(&r->arena, name.len);
    for (size_t i = 0; i < name.len; i++) low[i] = kgw_lower(name.ptr[i]);
    r->host = kgw_str(low, name.len);
}

/* Fields that the client named hop-by-hop stay so whatever Lua makes of Connection. */
static void keep_hop_fields(kgw_req_t *r)
{
    if (r->hop_fields.ptr) return;
    kgw_str_t own = kgw_hdrs_joined(&r->in.hdrs, KGW_STR("Connection"));
    r->hop_fields = own.ptr ? own : KGW_STR("");
}

int kgw_ffi_hdr_set(int of_response, const char *name, size_t name_len, const char *value, size_t value_len, int append)
{
    kgw_req_t *r = cur_req();
    if (!r) return KGW_ERROR;
    if (of_response && r->head_is_out) return KGW_DECLINED;
    if (!is_field_name(name, name_len)) return KGW_ERROR;
    kgw_hdrs_t *t = hdrs_of(of_response);
    unsigned token = kgw_token_find(name, name_len);
    kgw_str_t known = token ? kgw_token_name(token) : KGW_STR_NULL;
    kgw_str_t n = token && memcmp(known.ptr, name, name_len) == 0 ? known : kgw_arena_copy(&r->arena, kgw_str(name, name_len));
    kgw_str_t v = safe_copy(r, value, value_len);
    if (unlikely(token == KGW_TOK_CONNECTION) && !of_response) keep_hop_fields(r);
    if (append) kgw_hdrs_add(t, n, v);
    else kgw_hdrs_set(t, n, v);
    if (token == KGW_TOK_HOST && !of_response && kgw_cur.phase == KGW_PH_REWRITE) follow_host(r, v); /* later it is the upstream's alone */
    return KGW_OK;
}

int kgw_ffi_hdr_remove(int of_response, const char *name, size_t len)
{
    kgw_req_t *r = cur_req();
    if (!r) return KGW_ERROR;
    if (of_response && r->head_is_out) return KGW_DECLINED;
    if (!of_response && kgw_token_find(name, len) == KGW_TOK_CONNECTION) keep_hop_fields(r);
    kgw_hdrs_remove(hdrs_of(of_response), kgw_str(name, len));
    return KGW_OK;
}

int kgw_ffi_req_method(kgw_ffi_str_t *out)
{
    kgw_req_t *r = cur_req();
    if (!r) return KGW_ERROR;
    put(out, r->in.method);
    return (int)r->in.method_id;
}

int kgw_ffi_req_set_method(uint32_t id)
{
    kgw_req_t *r = cur_req();
    kgw_str_t name = kgw_method_name(id);
    if (!r || !name.ptr) return KGW_ERROR;
    r->in.method = name;
    r->in.method_id = id;
    return KGW_OK;
}

double kgw_ffi_req_http_version(void)
{
    kgw_req_t *r = cur_req();
    return r ? r->in.major + r->in.minor / 10.0 : 0;
}

double kgw_ffi_req_start_time(void)
{
    kgw_req_t *r = cur_req();
    return r ? (double)r->start_wall_ms / 1000.0 : 0;
}

int kgw_ffi_match_input(kgw_ffi_str_t *method, kgw_ffi_str_t *host, kgw_ffi_str_t *path, int *is_tls, kgw_ffi_str_t *sni)
{
    kgw_req_t *r = cur_req();
    if (!r) return KGW_ERROR;
    put(method, r->in.method);
    kgw_hdr_t *h = kgw_hdrs_find_token(&r->in.hdrs, KGW_TOK_HOST);
    put(host, h ? h->value : r->host);
    put(path, r->path);
    *is_tls = r->conn && r->conn->is_tls;
    put(sni, KGW_STR_NULL);
    if (*is_tls) put(sni, kgw_tls_sni(kgw_io_tls(&r->conn->io)));
    return KGW_OK;
}

int kgw_ffi_req_raw_head(kgw_ffi_str_t *out)
{
    kgw_req_t *r = cur_req();
    if (!r || !r->raw_head.ptr) return KGW_ERROR;
    put(out, r->raw_head);
    return KGW_OK;
}

/* Returns the slot of the handshake's table that this request's begins as a copy of, 0 for none. */
uint32_t kgw_ffi_ctx_used(void)
{
    kgw_req_t *r = cur_req();
    if (!r) return 0;
    r->ctx_used = true;
    return r->conn ? r->conn->ctx_slot : 0;
}

int kgw_ffi_is_proxied(void) { return cur_req() && cur_req()->proxied; }

/* The answer stands for the upstream's (it comes from a cache): it gets the headers of a proxied one. */
void kgw_ffi_mark_balanced(void)
{
    kgw_req_t *r = cur_req();
    if (r && !r->balancer_end_us) r->balancer_end_us = kgw_clock_mono_us();
}
