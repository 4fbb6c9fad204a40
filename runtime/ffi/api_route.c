/*
 * A route's constants applied to a request in one call: the upstream's path, Host, prefix header, address, pool, timeouts. Lua fills
 * a kgw_ffi_route_t once per route; what it points to stays alive for the call only, so everything kept is copied.
 */
#include <string.h>

#include "base/str.h"
#include "ffi/ffi.h"
#include "http/uri.h"

int kgw_ffi_route_addr(kgw_ffi_route_t *route, const char *ip, size_t len, int port)
{
    kgw_addr_t a;
    if (port < 0 || port > 65535 || kgw_addr_parse_ip(&a, kgw_str(ip, len), (uint16_t)port) != KGW_OK) return KGW_ERROR;
    if (a.len > sizeof(route->addr)) return KGW_ERROR;
    memcpy(route->addr, &a.ss, a.len);
    route->addr_len = (uint8_t)a.len;
    return KGW_OK;
}

/* What is left of a path may not climb out of the service's path. */
static kgw_str_t guarded(kgw_str_t rest)
{
    if (!rest.len || rest.ptr[0] != '.') return rest;
    size_t dots = rest.len > 1 && rest.ptr[1] == '.' ? 2 : 1;
    if (rest.len == dots) return KGW_STR("");
    if (rest.ptr[dots] == '/') return kgw_str(rest.ptr + dots + 1, rest.len - dots - 1);
    return rest;
}

static kgw_str_t join(kgw_req_t *r, kgw_str_t a, const char *mid, kgw_str_t b)
{
    size_t n = strlen(mid);
    char *p = kgw_arena_bytes(&r->arena, a.len + n + b.len + 1);
    memcpy(p, a.ptr, a.len);
    memcpy(p + a.len, mid, n);
    if (b.len) memcpy(p + a.len + n, b.ptr, b.len);
    return kgw_str(p, a.len + n + b.len);
}

static bool ends_with_slash(kgw_str_t s) { return s.len && s.ptr[s.len - 1] == '/'; }
static kgw_str_t shorter(kgw_str_t s) { return kgw_str(s.ptr, s.len - 1); }
static kgw_str_t behind_first(kgw_str_t s) { return kgw_str(s.ptr + 1, s.len - 1); }

static kgw_str_t stripped(kgw_req_t *r, kgw_str_t base, kgw_str_t path, kgw_str_t rest)
{
    bool is_root = base.len == 1;
    if (!rest.len) {
        if (is_root) return KGW_STR("/");
        if (ends_with_slash(base)) return ends_with_slash(path) ? base : shorter(base);
        return ends_with_slash(path) && path.len > 1 ? join(r, base, "/", KGW_STR("")) : base;
    }
    bool has_slash = rest.ptr[0] == '/';
    if (is_root) return has_slash ? rest : join(r, KGW_STR("/"), "", rest);
    if (ends_with_slash(base)) return join(r, base, "", has_slash ? behind_first(rest) : rest);
    return join(r, base, has_slash ? "" : "/", rest);
}

static kgw_str_t kept(kgw_req_t *r, kgw_str_t base, kgw_str_t path)
{
    if (base.len == 1) return path;
    if (ends_with_slash(base)) return join(r, base, "", path.len ? behind_first(path) : path);
    return path.len == 1 ? base : join(r, base, "", path);
}

static kgw_str_t copy(kgw_req_t *r, const char *ptr, size_t len) { return kgw_arena_copy(&r->arena, kgw_str(ptr, len)); }

/* The part of the path that the route matched, for X-Forwarded-Prefix; mostly the path's own first bytes. */
static kgw_str_t prefix_value(kgw_req_t *r, const char *prefix, size_t len)
{
    if (len <= r->path.len && memcmp(prefix, r->path.ptr, len) == 0) return kgw_str(r->path.ptr, len);
    return copy(r, prefix, len);
}

void kgw_ffi_route_apply(const kgw_ffi_route_t *route, const char *prefix, size_t prefix_len)
{
    kgw_req_t *r = cur_req();
    if (!r) return;
    kgw_target_t *t = &r->target;
    kgw_str_t base = kgw_str(route->base, route->base_len), uri;
    if (route->strip) {
        size_t n = prefix_len ? prefix_len : 1;
        if (n > r->path.len) n = r->path.len;
        uri = stripped(r, base, r->path, guarded(kgw_str(r->path.ptr + n, r->path.len - n)));
        bool is_theirs = r->is_trusted && kgw_hdrs_find_token(&r->in.hdrs, KGW_TOK_X_FORWARDED_PREFIX);
        if (!is_theirs && prefix_len && !(prefix_len == 1 && prefix[0] == '/')) r->vars[KGW_VAR_UPSTREAM_XF_PREFIX] = prefix_value(r, prefix, prefix_len);
    } else {
        uri = kept(r, base, r->path);
    }
    uri = kgw_uri_escape_path(&r->arena, uri);
    /* A short base is Lua's memory. */
    r->vars[KGW_VAR_UPSTREAM_URI] = uri.ptr >= base.ptr && uri.ptr < base.ptr + base.len ? copy(r, uri.ptr, uri.len) : uri;
    if (route->host_len && !r->vars[KGW_VAR_UPSTREAM_HOST].ptr) {
        r->vars[KGW_VAR_UPSTREAM_HOST] = copy(r, route->host, route->host_len);
        r->is_route_host = true;
    }
    t->is_tls = route->is_tls;
    t->connect_ms = route->connect_ms;
    t->send_ms = route->send_ms;
    t->read_ms = route->read_ms;
    r->retries_left = route->retries;
    r->request_buffering = route->request_buffering;
    r->response_buffering = route->response_buffering;
    if (!route->addr_len) return;
    memcpy(&t->addr.ss, route->addr, route->addr_len);
    t->addr.len = route->addr_len;
    t->sni = KGW_STR_NULL;
    t->pool_key = route->pool_len ? copy(r, route->pool, route->pool_len) : KGW_STR_NULL;
    t->is_set = true;
}

void kgw_ffi_route_peer(const kgw_ffi_route_t *route)
{
    kgw_req_t *r = cur_req();
    if (!r || !route->addr_len) return;
    memcpy(&r->target.addr.ss, route->addr, route->addr_len);
    r->target.addr.len = route->addr_len;
    r->target.pool_key = route->pool_len ? copy(r, route->pool, route->pool_len) : KGW_STR_NULL;
    r->target.is_set = true;
}

/* The Host that was set for the upstream; KGW_DECLINED: none was, the client's is sent. */
int kgw_ffi_upstream_host(kgw_ffi_str_t *out)
{
    kgw_req_t *r = cur_req();
    if (!r || !r->vars[KGW_VAR_UPSTREAM_HOST].ptr) return KGW_DECLINED;
    put(out, r->vars[KGW_VAR_UPSTREAM_HOST]);
    return KGW_OK;
}

int kgw_ffi_upstream_scheme_set(void) { return cur_req() && cur_req()->vars[KGW_VAR_UPSTREAM_SCHEME].ptr; }

int kgw_ffi_listen_port(void) { return cur_req() ? kgw_req_listen_port(cur_req()) : 0; }
