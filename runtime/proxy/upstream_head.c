/* The request head towards the upstream: Kong's forwarding headers, the client's fields without hop-by-hop ones, our own framing. */
#include <string.h>

#include "base/str.h"
#include "http/h1_out.h"
#include "proxy/conn.h"
#include "proxy/peer.h"

/* Written by us below, never copied from the client. */
static bool is_ours(unsigned token)
{
    switch (token) {
    case KGW_TOK_HOST:
    case KGW_TOK_CONNECTION:
    case KGW_TOK_CONTENT_LENGTH:
    case KGW_TOK_TRANSFER_ENCODING:
    case KGW_TOK_TE:
    case KGW_TOK_UPGRADE:
    case KGW_TOK_EXPECT:
    case KGW_TOK_KEEP_ALIVE:
    case KGW_TOK_PROXY:
    case KGW_TOK_PROXY_CONNECTION:
    case KGW_TOK_VIA:
    case KGW_TOK_X_REAL_IP:
    case KGW_TOK_X_FORWARDED_FOR:
    case KGW_TOK_X_FORWARDED_PROTO:
    case KGW_TOK_X_FORWARDED_HOST:
    case KGW_TOK_X_FORWARDED_PORT:
    case KGW_TOK_X_FORWARDED_PATH:
    case KGW_TOK_X_FORWARDED_PREFIX: return true;
    case KGW_TOK_X_KONG_REQUEST_ID: return kgw_proxy_conf.upstream_request_id;
    default: return false;
    }
}

static kgw_str_t number(kgw_req_t *r, uint64_t v)
{
    char *p = kgw_arena_bytes(&r->arena, 20);
    return kgw_str(p, kgw_u64_dec(p, v));
}

static kgw_str_t ip_text(kgw_req_t *r, const kgw_addr_t *a)
{
    char *p = kgw_arena_bytes(&r->arena, KGW_ADDR_STRLEN);
    return kgw_str(p, kgw_addr_ip(a, p));
}

static kgw_str_t join(kgw_req_t *r, kgw_str_t a, const char *mid, kgw_str_t b)
{
    size_t n = strlen(mid);
    char *p = kgw_arena_bytes(&r->arena, a.len + n + b.len);
    memcpy(p, a.ptr, a.len);
    memcpy(p + a.len, mid, n);
    if (b.len) memcpy(p + a.len + n, b.ptr, b.len);
    return kgw_str(p, a.len + n + b.len);
}

static const kgw_addr_t *tcp_peer(kgw_req_t *r)
{
    if (r->conn) return r->conn->pp ? &r->conn->pp->src : &r->conn->io.peer_addr;
    return &r->client_addr;
}

uint16_t kgw_req_listen_port(kgw_req_t *r)
{
    uint16_t port = r->conn && r->conn->listener ? kgw_addr_port(&r->conn->listener->addr) : 0;
    for (unsigned i = 0; i < kgw_proxy_conf.port_map_cnt; i++)
        if (kgw_proxy_conf.port_maps[i].port == port) return kgw_proxy_conf.port_maps[i].host_port;
    return port;
}

static kgw_str_t via_version(kgw_req_t *r) { return r->in.major >= 2 ? KGW_STR("2 ") : r->in.minor == 0 ? KGW_STR("1 ") : KGW_STR("1.1 "); }

/* The client's field when its sender is trusted, else NULL. */
static kgw_hdr_t *trusted(kgw_req_t *r, unsigned token) { return r->is_trusted ? kgw_hdrs_find_token(&r->in.hdrs, token) : NULL; }

static kgw_str_t forwarded(kgw_req_t *r, enum kgw_var v)
{
    kgw_hdr_t *h;
    switch (v) {
    case KGW_VAR_UPSTREAM_XFF: {
        h = kgw_hdrs_find_token(&r->in.hdrs, KGW_TOK_X_FORWARDED_FOR); /* Kong goes on with the first one only */
        kgw_str_t theirs = h ? h->value : KGW_STR_NULL;
        return theirs.ptr ? join(r, theirs, ", ", ip_text(r, tcp_peer(r))) : ip_text(r, &r->client_addr);
    }
    case KGW_VAR_UPSTREAM_XF_PROTO:
        if ((h = trusted(r, KGW_TOK_X_FORWARDED_PROTO))) return h->value;
        return r->conn && r->conn->is_tls ? KGW_STR("https") : KGW_STR("http");
    case KGW_VAR_UPSTREAM_XF_HOST: return (h = trusted(r, KGW_TOK_X_FORWARDED_HOST)) ? h->value : r->host;
    case KGW_VAR_UPSTREAM_XF_PORT: return (h = trusted(r, KGW_TOK_X_FORWARDED_PORT)) ? h->value : number(r, kgw_req_listen_port(r));
    case KGW_VAR_UPSTREAM_XF_PATH: return (h = trusted(r, KGW_TOK_X_FORWARDED_PATH)) ? h->value : r->uri.path;
    case KGW_VAR_UPSTREAM_XF_PREFIX: return (h = trusted(r, KGW_TOK_X_FORWARDED_PREFIX)) ? h->value : KGW_STR("");
    default: return KGW_STR("");
    }
}

kgw_str_t kgw_req_var(kgw_req_t *r, enum kgw_var v)
{
    if (r->vars[v].ptr) return r->vars[v];
    switch (v) {
    case KGW_VAR_UPSTREAM_URI: return kgw_uri_escape_path(&r->arena, r->path);
    case KGW_VAR_UPSTREAM_HOST: {
        kgw_hdr_t *h = kgw_hdrs_find_token(&r->in.hdrs, KGW_TOK_HOST);
        return h ? h->value : r->host;
    }
    case KGW_VAR_UPSTREAM_SCHEME: return r->target.is_tls ? KGW_STR("https") : KGW_STR("http");
    case KGW_VAR_UPSTREAM_TE: return r->in.te_trailers ? KGW_STR("trailers") : KGW_STR("");
    case KGW_VAR_UPSTREAM_VIA: {
        kgw_hdr_t *theirs = kgw_hdrs_find_token(&r->in.hdrs, KGW_TOK_VIA);
        kgw_str_t ours = join(r, via_version(r), "", kgw_proxy_conf.via_name);
        return theirs && theirs->value.len ? join(r, theirs->value, ", ", ours) : ours;
    }
    case KGW_VAR_UPSTREAM_UPGRADE: return r->in.is_websocket ? KGW_STR("websocket") : KGW_STR("");
    case KGW_VAR_UPSTREAM_CONNECTION: return r->in.is_websocket ? KGW_STR("keep-alive, Upgrade") : KGW_STR("keep-alive");
    case KGW_VAR_ARGS: return r->has_args ? r->args : r->uri.query;
    case KGW_VAR_URI: {
        kgw_str_t uri;
        return kgw_uri_decode_path(&r->arena, r->uri.path, &uri) == KGW_OK ? uri : r->path;
    }
    case KGW_VAR_PROXY_MODE: return KGW_STR("http");
    default: return forwarded(r, v);
    }
}

static void field(kgw_out_t *o, const char *name, size_t name_len, kgw_str_t value)
{
    if (!value.len) return;
    kgw_out_field(o, kgw_str(name, name_len), value);
}
#define FIELD(name, v) field(&o, name, sizeof(name) - 1, kgw_req_var(r, v))

static void write_framing(kgw_req_t *r, kgw_out_t *o, bool *chunked)
{
    kgw_body_t *b = &r->body;
    *chunked = false;
    if (b->kind == KGW_BODY_LIVE && b->is_chunked) {
        kgw_out_field(o, KGW_STR("Transfer-Encoding"), KGW_STR("chunked"));
        *chunked = true;
        return;
    }
    bool has = b->kind == KGW_BODY_LIVE || (b->kind == KGW_BODY_WHOLE && (b->length || b->is_replaced || b->is_chunked || r->in.framing == KGW_FRAME_LENGTH));
    /* A Content-Length of 0 is passed on as it came. */
    if (!has && r->in.framing != KGW_FRAME_LENGTH) return;
    kgw_out_field(o, KGW_STR("Content-Length"), number(r, b->kind == KGW_BODY_GONE || b->kind == KGW_BODY_NONE ? 0 : b->length));
}

void kgw_upstream_write_head(kgw_req_t *r, kgw_chain_t *to, bool *chunked)
{
    kgw_out_t o;
    kgw_out_init(&o);
    kgw_out_str(&o, r->in.method);
    kgw_out_add(&o, " ", 1);
    kgw_out_str(&o, kgw_req_var(r, KGW_VAR_UPSTREAM_URI));
    kgw_str_t query = kgw_req_var(r, KGW_VAR_ARGS);
    /* A bare trailing '?' is passed on. */
    if (query.ptr && !r->has_no_args && (query.len || (r->uri.query.ptr && !r->vars[KGW_VAR_ARGS].ptr && !r->has_args))) {
        kgw_out_add(&o, "?", 1);
        kgw_out_str(&o, query);
    }
    kgw_out_add(&o, " HTTP/1.1\r\n", 11);
    kgw_out_field(&o, KGW_STR("Host"), kgw_req_var(r, KGW_VAR_UPSTREAM_HOST));
    FIELD("Connection", KGW_VAR_UPSTREAM_CONNECTION);
    FIELD("Upgrade", KGW_VAR_UPSTREAM_UPGRADE);
    FIELD("TE", KGW_VAR_UPSTREAM_TE);
    FIELD("X-Forwarded-For", KGW_VAR_UPSTREAM_XFF);
    FIELD("X-Forwarded-Proto", KGW_VAR_UPSTREAM_XF_PROTO);
    FIELD("X-Forwarded-Host", KGW_VAR_UPSTREAM_XF_HOST);
    FIELD("X-Forwarded-Port", KGW_VAR_UPSTREAM_XF_PORT);
    FIELD("X-Forwarded-Path", KGW_VAR_UPSTREAM_XF_PATH);
    FIELD("X-Forwarded-Prefix", KGW_VAR_UPSTREAM_XF_PREFIX);
    kgw_out_field(&o, KGW_STR("X-Real-IP"), ip_text(r, &r->client_addr));
    FIELD("Via", KGW_VAR_UPSTREAM_VIA);
    if (kgw_proxy_conf.upstream_request_id) kgw_out_field(&o, KGW_STR("X-Kong-Request-Id"), kgw_str(r->id_hex, 32));
    write_framing(r, &o, chunked);
    kgw_str_t conn = r->hop_fields.ptr ? r->hop_fields : kgw_hdrs_joined(&r->in.hdrs, KGW_STR("Connection"));
    kgw_hdrs_foreach(h, &r->in.hdrs)
    {
        if (is_ours(h->token) || !kgw_msg_is_forwardable(h, conn)) continue;
        kgw_out_field(&o, h->name, h->value);
    }
    kgw_out_add(&o, "\r\n", 2);
    kgw_out_flush(&o, to);
}
