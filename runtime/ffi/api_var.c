/*
 * nginx variables by id: those of proxy/vars.h, which Lua may write, then the built-in ones below, read only. The families
 * http_, sent_http_, arg_, cookie_, upstream_http_ are looked up by name.
 */
#include <ctype.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/settings.h"
#include "base/str.h"
#include "ffi/ffi.h"
#include "proxy/log_format.h"

typedef kgw_str_t (*getter_t)(kgw_req_t *r); /* ptr NULL: no value */

static kgw_str_t number(kgw_req_t *r, uint64_t v)
{
    char *p = kgw_arena_bytes(&r->arena, 20);
    return kgw_str(p, kgw_u64_dec(p, v));
}
static kgw_str_t ip(kgw_req_t *r, const kgw_addr_t *a)
{
    char *p = kgw_arena_bytes(&r->arena, KGW_ADDR_STRLEN);
    return kgw_str(p, kgw_addr_ip(a, p));
}
static kgw_str_t seconds(kgw_req_t *r, uint64_t us) { return kgw_arena_printf(&r->arena, "%llu.%03llu", (unsigned long long)us / 1000000, (unsigned long long)us / 1000 % 1000); }
static kgw_str_t binary(const kgw_addr_t *a)
{
    if (a->sa.sa_family == AF_INET) return kgw_str((const char *)&a->in.sin_addr, 4);
    if (a->sa.sa_family == AF_INET6) return kgw_str((const char *)&a->in6.sin6_addr, 16);
    return KGW_STR_NULL;
}
static SSL *ssl_of(kgw_req_t *r) { return r->conn && r->conn->is_tls ? kgw_io_tls(&r->conn->io)->ssl : NULL; }
static const kgw_try_t *last_try(kgw_req_t *r) { return r->tries_cnt ? &r->tries[(r->tries_cnt - 1) % KGW_TRIES_KEPT] : NULL; }
static kgw_str_t header(kgw_req_t *r, unsigned token)
{
    kgw_hdr_t *h = kgw_hdrs_find_token(&r->in.hdrs, token);
    return h ? h->value : KGW_STR_NULL;
}

static kgw_str_t get_remote_addr(kgw_req_t *r) { return ip(r, &r->client_addr); }
static kgw_str_t get_remote_port(kgw_req_t *r)
{
    /* An address out of a header came without one. */
    unsigned port = kgw_addr_port(&r->client_addr);
    return port ? number(r, port) : KGW_STR("");
}
static kgw_str_t get_proxy_add_x_forwarded_for(kgw_req_t *r)
{
    kgw_str_t before = kgw_hdrs_joined(&r->in.hdrs, KGW_STR("X-Forwarded-For")), own = ip(r, &r->client_addr);
    if (!before.ptr) return own;
    return kgw_arena_printf(&r->arena, "%.*s, %.*s", (int)before.len, before.ptr, (int)own.len, own.ptr);
}
static kgw_str_t get_binary_remote_addr(kgw_req_t *r) { return binary(&r->client_addr); }
static kgw_str_t get_realip_remote_addr(kgw_req_t *r) { return r->conn ? ip(r, &r->conn->io.peer_addr) : ip(r, &r->client_addr); }
static kgw_str_t get_realip_remote_port(kgw_req_t *r) { return number(r, kgw_addr_port(r->conn ? &r->conn->io.peer_addr : &r->client_addr)); }
static kgw_str_t get_request_method(kgw_req_t *r) { return r->in.method; }
/* nginx keeps the received origin-form; a target in absolute-form is cut to it. */
static kgw_str_t get_request_uri(kgw_req_t *r)
{
    if (!r->uri.scheme.len) return r->in.target;
    return r->uri.query.ptr ? kgw_arena_printf(&r->arena, "%.*s?%.*s", (int)r->uri.path.len, r->uri.path.ptr, (int)r->uri.query.len, r->uri.query.ptr) : r->uri.path;
}
static kgw_str_t get_request(kgw_req_t *r)
{
    return kgw_arena_printf(&r->arena, "%.*s %.*s HTTP/%u.%u", (int)r->in.method.len, r->in.method.ptr, (int)r->in.target.len, r->in.target.ptr, r->in.major, r->in.minor);
}
static kgw_str_t get_document_uri(kgw_req_t *r) { return kgw_req_var(r, KGW_VAR_URI); }
static kgw_str_t get_query_string(kgw_req_t *r) { return kgw_req_var(r, KGW_VAR_ARGS); }
/* As in Kong the first answer stays: a request that was seen to have no query sends none. */
static kgw_str_t get_is_args(kgw_req_t *r)
{
    bool has = kgw_req_var(r, KGW_VAR_ARGS).len && !r->has_no_args;
    r->has_no_args = !has;
    return has ? KGW_STR("?") : KGW_STR("");
}
static kgw_str_t get_host(kgw_req_t *r) { return r->host; }
static kgw_str_t get_scheme(kgw_req_t *r) { return r->conn && r->conn->is_tls ? KGW_STR("https") : KGW_STR("http"); }
static kgw_str_t get_https(kgw_req_t *r) { return r->conn && r->conn->is_tls ? KGW_STR("on") : KGW_STR(""); }
static kgw_str_t get_http2(kgw_req_t *r) { return r->in.major == 2 ? (r->conn && r->conn->is_tls ? KGW_STR("h2") : KGW_STR("h2c")) : KGW_STR(""); }
static kgw_str_t get_server_protocol(kgw_req_t *r) { return r->in.major == 2 ? KGW_STR("HTTP/2.0") : r->in.minor ? KGW_STR("HTTP/1.1") : KGW_STR("HTTP/1.0"); }
static kgw_str_t get_server_addr(kgw_req_t *r) { return r->conn ? ip(r, kgw_io_local(&r->conn->io)) : KGW_STR_NULL; }
static kgw_str_t get_server_port(kgw_req_t *r)
{
    return r->conn ? number(r, kgw_addr_port(r->conn->listener && !r->conn->listener->is_unix ? &r->conn->listener->addr : kgw_io_local(&r->conn->io))) : KGW_STR_NULL;
}
static kgw_str_t get_server_name(kgw_req_t *r)
{
    (void)r;
    return KGW_STR("kong");
}
static kgw_str_t get_content_type(kgw_req_t *r) { return header(r, KGW_TOK_CONTENT_TYPE); }
static kgw_str_t get_content_length(kgw_req_t *r) { return header(r, KGW_TOK_CONTENT_LENGTH); }
static kgw_str_t get_request_id(kgw_req_t *r) { return kgw_str(r->id_hex, 32); }
static kgw_str_t get_status(kgw_req_t *r) { return kgw_arena_printf(&r->arena, "%03u", r->out.status); }
static kgw_str_t get_body_bytes_sent(kgw_req_t *r) { return number(r, r->body_bytes_sent); }
static kgw_str_t get_bytes_sent(kgw_req_t *r) { return number(r, r->bytes_sent); }
static kgw_str_t get_request_length(kgw_req_t *r) { return number(r, r->request_bytes); }
static kgw_str_t get_request_time(kgw_req_t *r) { return seconds(r, (r->end_us ? r->end_us : kgw_clock_mono_us()) - r->start_us); }
static kgw_str_t get_connection(kgw_req_t *r) { return r->conn ? number(r, r->conn->serial) : KGW_STR_NULL; }
static kgw_str_t get_connection_requests(kgw_req_t *r) { return r->conn ? number(r, r->conn->requests) : KGW_STR_NULL; }
static kgw_str_t get_request_body(kgw_req_t *r)
{
    if (r->body.kind != KGW_BODY_WHOLE || r->body.fd >= 0) return KGW_STR_NULL;
    char *p = kgw_arena_bytes(&r->arena, r->body.mem.bytes + 1);
    kgw_chain_copy_out(&r->body.mem, p, r->body.mem.bytes);
    return kgw_str(p, r->body.mem.bytes);
}
static kgw_str_t get_pid(kgw_req_t *r) { return number(r, (uint64_t)getpid()); }
static kgw_str_t get_msec(kgw_req_t *r) { return seconds(r, kgw_clock.wall_ms * 1000); }
static kgw_str_t time_text(kgw_req_t *r, const char *form, bool colon)
{
    char text[64];
    time_t t = (time_t)(kgw_clock.wall_ms / 1000);
    struct tm tm;
    localtime_r(&t, &tm);
    size_t n = strftime(text, sizeof(text) - 1, form, &tm);
    if (colon && n > 2) { /* +0100 -> +01:00 */
        memmove(text + n - 1, text + n - 2, 2);
        text[n - 2] = ':';
        n++;
    }
    return kgw_arena_copy(&r->arena, kgw_str(text, n));
}
static kgw_str_t get_time_iso8601(kgw_req_t *r) { return time_text(r, "%Y-%m-%dT%H:%M:%S%z", true); }
static kgw_str_t get_time_local(kgw_req_t *r) { return time_text(r, "%d/%b/%Y:%H:%M:%S %z", false); }
static kgw_str_t get_hostname(kgw_req_t *r)
{
    char name[256] = "";
    if (gethostname(name, sizeof(name) - 1) != 0) return KGW_STR_NULL;
    for (char *p = name; *p; p++) *p = (char)tolower((unsigned char)*p);
    return kgw_arena_copy(&r->arena, kgw_str_c(name));
}
/* The name in Basic credentials. */
static kgw_str_t get_remote_user(kgw_req_t *r)
{
    kgw_str_t v = header(r, KGW_TOK_AUTHORIZATION);
    if (v.len < 7 || strncasecmp(v.ptr, "basic ", 6) != 0) return KGW_STR_NULL;
    v = kgw_str_trim(kgw_str(v.ptr + 6, v.len - 6));
    char *p = kgw_arena_bytes(&r->arena, v.len + 4);
    int n = kgw_ffi_base64_decode(v.ptr, v.len, p, 0);
    const char *colon = n > 0 ? memchr(p, ':', (size_t)n) : NULL;
    return colon && colon > p ? kgw_str(p, (size_t)(colon - p)) : KGW_STR_NULL;
}
static kgw_str_t get_request_completion(kgw_req_t *r) { return r->last_is_out && !r->is_cut ? KGW_STR("OK") : KGW_STR(""); }
static kgw_str_t get_nginx_version(kgw_req_t *r)
{
    (void)r;
    return KGW_STR("1.25.3");
}
static kgw_str_t get_empty(kgw_req_t *r)
{
    (void)r;
    return KGW_STR_NULL;
}
static kgw_str_t get_proxy_protocol_addr(kgw_req_t *r) { return r->conn && r->conn->pp ? ip(r, &r->conn->pp->src) : KGW_STR_NULL; }
static kgw_str_t get_proxy_protocol_port(kgw_req_t *r) { return r->conn && r->conn->pp ? number(r, kgw_addr_port(&r->conn->pp->src)) : KGW_STR_NULL; }
static kgw_str_t get_proxy_protocol_server_addr(kgw_req_t *r) { return r->conn && r->conn->pp ? ip(r, &r->conn->pp->dst) : KGW_STR_NULL; }
static kgw_str_t get_proxy_protocol_server_port(kgw_req_t *r) { return r->conn && r->conn->pp ? number(r, kgw_addr_port(&r->conn->pp->dst)) : KGW_STR_NULL; }

static size_t try_text(kgw_req_t *r, const kgw_try_t *t, int what, char *out, size_t max)
{
    uint64_t us = 0;
    (void)r;
    switch (what) {
    case 0: return (size_t)snprintf(out, max, strchr(t->ip, ':') ? "[%s]:%u" : "%s:%u", t->ip, t->port);
    case 1: return t->status ? (size_t)snprintf(out, max, "%u", t->status) : (size_t)snprintf(out, max, "-");
    case 2: us = t->connect_us; break;
    case 3: us = t->header_us; break;
    case 4: us = t->end_us ? t->end_us : kgw_clock_mono_us(); break;
    default: break;
    }
    if (!us || us < t->start_us) return (size_t)snprintf(out, max, "-");
    us -= t->start_us;
    return (size_t)snprintf(out, max, "%llu.%03llu", (unsigned long long)us / 1000000, (unsigned long long)us / 1000 % 1000);
}

/* One item per try, joined as nginx does. */
static kgw_str_t per_try(kgw_req_t *r, int what)
{
    if (!r->tries_cnt) return KGW_STR_NULL;
    size_t max = 96 * KGW_TRIES_KEPT, n = 0;
    char *p = kgw_arena_bytes(&r->arena, max);
    uint32_t first = r->tries_cnt > KGW_TRIES_KEPT ? r->tries_cnt - KGW_TRIES_KEPT : 0;
    for (uint32_t i = first; i < r->tries_cnt; i++) {
        if (i > first) {
            memcpy(p + n, ", ", 2);
            n += 2;
        }
        n += try_text(r, &r->tries[i % KGW_TRIES_KEPT], what, p + n, max - n);
    }
    return kgw_str(p, n);
}
static kgw_str_t get_upstream_addr(kgw_req_t *r) { return per_try(r, 0); }
static kgw_str_t get_upstream_status(kgw_req_t *r) { return per_try(r, 1); }
static kgw_str_t get_upstream_connect_time(kgw_req_t *r) { return per_try(r, 2); }
static kgw_str_t get_upstream_header_time(kgw_req_t *r) { return per_try(r, 3); }
static kgw_str_t get_upstream_response_time(kgw_req_t *r) { return per_try(r, 4); }
static kgw_str_t get_upstream_response_length(kgw_req_t *r) { return last_try(r) ? number(r, r->upstream_bytes) : KGW_STR_NULL; }

static kgw_str_t get_ssl_protocol(kgw_req_t *r) { return ssl_of(r) ? kgw_str_c(SSL_get_version(ssl_of(r))) : KGW_STR_NULL; }
static kgw_str_t get_ssl_cipher(kgw_req_t *r) { return ssl_of(r) ? kgw_str_c(SSL_get_cipher_name(ssl_of(r))) : KGW_STR_NULL; }
static kgw_str_t get_ssl_server_name(kgw_req_t *r)
{
    SSL *ssl = ssl_of(r);
    const char *name = ssl ? SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) : NULL;
    return name ? kgw_str_c(name) : KGW_STR_NULL;
}
static kgw_str_t get_ssl_session_reused(kgw_req_t *r) { return !ssl_of(r) ? KGW_STR_NULL : SSL_session_reused(ssl_of(r)) ? KGW_STR("r") : KGW_STR("."); }
static kgw_str_t get_ssl_client_verify(kgw_req_t *r)
{
    SSL *ssl = ssl_of(r);
    if (!ssl) return KGW_STR_NULL;
    X509 *x = SSL_get1_peer_certificate(ssl);
    if (!x) return KGW_STR("NONE");
    X509_free(x);
    long rc = SSL_get_verify_result(ssl);
    return rc == X509_V_OK ? KGW_STR("SUCCESS") : kgw_arena_printf(&r->arena, "FAILED:%s", X509_verify_cert_error_string(rc));
}
static kgw_str_t client_cert(kgw_req_t *r, int what)
{
    SSL *ssl = ssl_of(r);
    X509 *x = ssl ? SSL_get1_peer_certificate(ssl) : NULL;
    if (!x) return KGW_STR_NULL;
    BIO *b = BIO_new(BIO_s_mem());
    if (what == 0) PEM_write_bio_X509(b, x);
    else if (what == 1) X509_NAME_print_ex(b, X509_get_subject_name(x), 0, XN_FLAG_RFC2253);
    else ASN1_TIME_print(b, X509_get0_notAfter(x));
    char *p;
    long n = BIO_get_mem_data(b, &p);
    kgw_str_t s = kgw_arena_copy(&r->arena, kgw_str(p, n > 0 ? (size_t)n : 0));
    BIO_free(b);
    X509_free(x);
    return s;
}
static kgw_str_t get_ssl_client_raw_cert(kgw_req_t *r) { return client_cert(r, 0); }
static kgw_str_t get_ssl_client_s_dn(kgw_req_t *r) { return client_cert(r, 1); }
static kgw_str_t get_ssl_client_v_end(kgw_req_t *r) { return client_cert(r, 2); }
static kgw_str_t get_ssl_client_escaped_cert(kgw_req_t *r)
{
    kgw_str_t pem = client_cert(r, 0);
    if (!pem.ptr) return pem;
    char *p = kgw_arena_bytes(&r->arena, pem.len * 3);
    return kgw_str(p, kgw_uri_escape(p, pem.ptr, pem.len, 2));
}
static kgw_str_t get_ssl_client_fingerprint(kgw_req_t *r)
{
    SSL *ssl = ssl_of(r);
    X509 *x = ssl ? SSL_get1_peer_certificate(ssl) : NULL;
    if (!x) return KGW_STR_NULL;
    unsigned char md[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    X509_digest(x, EVP_sha1(), md, &n);
    X509_free(x);
    char *p = kgw_arena_bytes(&r->arena, 2 * n);
    kgw_hex(p, md, n);
    return kgw_str(p, 2 * n);
}

/* clang-format off */
#define BUILT_IN(X) \
    X(remote_addr, get_remote_addr) X(remote_port, get_remote_port) X(proxy_add_x_forwarded_for, get_proxy_add_x_forwarded_for) \
    X(binary_remote_addr, get_binary_remote_addr) X(realip_remote_addr, get_realip_remote_addr) X(realip_remote_port, get_realip_remote_port) \
    X(request_method, get_request_method) X(request_uri, get_request_uri) X(request, get_request) X(document_uri, get_document_uri) X(query_string, get_query_string) \
    X(is_args, get_is_args) X(host, get_host) X(scheme, get_scheme) X(https, get_https) X(http2, get_http2) X(server_protocol, get_server_protocol) \
    X(server_addr, get_server_addr) X(server_port, get_server_port) X(server_name, get_server_name) X(content_type, get_content_type) \
    X(content_length, get_content_length) X(request_id, get_request_id) X(kong_request_id, get_request_id) X(status, get_status) X(body_bytes_sent, get_body_bytes_sent) \
    X(bytes_sent, get_bytes_sent) X(request_length, get_request_length) X(request_time, get_request_time) X(connection, get_connection) \
    X(connection_requests, get_connection_requests) X(request_body, get_request_body) X(pid, get_pid) X(msec, get_msec) X(time_iso8601, get_time_iso8601) \
    X(time_local, get_time_local) X(hostname, get_hostname) X(nginx_version, get_nginx_version) X(remote_user, get_remote_user) \
    X(request_completion, get_request_completion) X(proxy_protocol_addr, get_proxy_protocol_addr) X(proxy_protocol_port, get_proxy_protocol_port) \
    X(proxy_protocol_server_addr, get_proxy_protocol_server_addr) X(proxy_protocol_server_port, get_proxy_protocol_server_port) X(upstream_addr, get_upstream_addr) \
    X(upstream_status, get_upstream_status) X(upstream_connect_time, get_upstream_connect_time) X(upstream_header_time, get_upstream_header_time) \
    X(upstream_response_time, get_upstream_response_time) X(upstream_response_length, get_upstream_response_length) \
    X(upstream_bytes_received, get_upstream_response_length) X(upstream_cache_status, get_empty) X(ssl_protocol, get_ssl_protocol) X(ssl_cipher, get_ssl_cipher) \
    X(ssl_server_name, get_ssl_server_name) X(ssl_session_reused, get_ssl_session_reused) X(ssl_client_verify, get_ssl_client_verify) \
    X(ssl_client_raw_cert, get_ssl_client_raw_cert) X(ssl_client_cert, get_ssl_client_raw_cert) X(ssl_client_escaped_cert, get_ssl_client_escaped_cert) \
    X(ssl_client_s_dn, get_ssl_client_s_dn) X(ssl_client_v_end, get_ssl_client_v_end) X(ssl_client_fingerprint, get_ssl_client_fingerprint)
/* clang-format on */

static const struct {
    kgw_str_t name;
    getter_t get;
} built_in[] = {
#define X(n, fn) {{#n, sizeof(#n) - 1}, fn},
    BUILT_IN(X)
#undef X
};

static const kgw_str_t written[KGW_VAR__COUNT] = {
#define X(id, n) {n, sizeof(n) - 1},
    KGW_VAR_LIST(X)
#undef X
};

static const char cleared_mark[1];
static const kgw_str_t cleared = {cleared_mark, 0};

/* >= 0: the id; -2: one of the families, see kgw_ffi_var_dyn; -1: not known. */
int kgw_ffi_var_id(const char *name, size_t len)
{
    static const kgw_str_t families[] = {{"http_", 5}, {"arg_", 4}, {"cookie_", 7}, {"sent_http_", 10}, {"upstream_http_", 14}};
    kgw_str_t s = kgw_str(name, len);
    for (int i = 0; i < KGW_VAR__COUNT; i++)
        if (kgw_str_eq(written[i], s)) return i;
    for (size_t i = 0; i < KGW_ARRAY_LEN(built_in); i++)
        if (kgw_str_eq(built_in[i].name, s)) return KGW_VAR__COUNT + (int)i;
    for (size_t i = 0; i < KGW_ARRAY_LEN(families); i++)
        if (len > families[i].len && memcmp(name, families[i].ptr, families[i].len) == 0) return -2;
    return -1;
}

int kgw_ffi_var_get(int id, kgw_ffi_str_t *out)
{
    kgw_req_t *r = cur_req();
    if (!r || id < 0 || id >= KGW_VAR__COUNT + (int)KGW_ARRAY_LEN(built_in)) return KGW_ERROR;
    if (id == KGW_VAR_UPSTREAM_HOST && r->is_route_host && kgw_cur.phase & (KGW_PH_REWRITE | KGW_PH_ACCESS)) {
        put(out, KGW_STR(""));
        return KGW_OK;
    }
    /* Without a route nothing was decided about an upstream: nginx's variables are empty then. */
    if (id <= KGW_VAR_UPSTREAM_CONNECTION && !r->vars[id].ptr && !r->vars[KGW_VAR_UPSTREAM_URI].ptr) {
        put(out, KGW_STR(""));
        return KGW_OK;
    }
    kgw_str_t s = id < KGW_VAR__COUNT ? kgw_req_var(r, (enum kgw_var)id) : built_in[id - KGW_VAR__COUNT].get(r);
    if (!s.ptr || s.ptr == cleared.ptr) return KGW_DECLINED;
    put(out, s);
    return KGW_OK;
}

static kgw_str_t find_arg(kgw_req_t *r, kgw_str_t name)
{
    kgw_str_t q = r->has_args ? r->args : r->uri.query;
    size_t at = 0;
    while (at < q.len) {
        const char *amp = memchr(q.ptr + at, '&', q.len - at);
        kgw_str_t item = kgw_str(q.ptr + at, amp ? (size_t)(amp - q.ptr) - at : q.len - at);
        if (item.len > name.len && item.ptr[name.len] == '=' && kgw_str_ieq(kgw_str(item.ptr, name.len), name)) return kgw_str(item.ptr + name.len + 1, item.len - name.len - 1);
        at += item.len + 1;
    }
    return KGW_STR_NULL;
}

static kgw_str_t find_cookie(kgw_req_t *r, kgw_str_t name)
{
    for (kgw_hdr_t *h = kgw_hdrs_find_token(&r->in.hdrs, KGW_TOK_COOKIE); h; h = kgw_hdrs_next_same(&r->in.hdrs, h)) {
        size_t at = 0;
        while (at < h->value.len) {
            const char *semi = memchr(h->value.ptr + at, ';', h->value.len - at);
            size_t end = semi ? (size_t)(semi - h->value.ptr) : h->value.len;
            kgw_str_t item = kgw_str_trim(kgw_str(h->value.ptr + at, end - at));
            if (item.len > name.len && item.ptr[name.len] == '=' && kgw_str_ieq(kgw_str(item.ptr, name.len), name))
                return kgw_str(item.ptr + name.len + 1, item.len - name.len - 1);
            at = end + 1;
        }
    }
    return KGW_STR_NULL;
}

/* Header by variable name: lower case, '_' for '-'. */
static kgw_str_t find_header(kgw_req_t *r, const kgw_hdrs_t *t, kgw_str_t var)
{
    char *p = kgw_arena_bytes(&r->arena, var.len);
    for (size_t i = 0; i < var.len; i++) p[i] = var.ptr[i] == '_' ? '-' : var.ptr[i];
    kgw_str_t v = kgw_hdrs_joined(t, kgw_str(p, var.len));
    if (v.ptr || memchr(var.ptr, '_', var.len) == NULL) return v;
    return kgw_hdrs_joined(t, var); /* the header may have been sent with underscores */
}

/* A field that the upstream sent, whatever plugins added since. */
static kgw_str_t find_theirs(kgw_req_t *r, kgw_str_t var)
{
    kgw_hdrs_foreach(h, &r->out.hdrs)
    {
        if (!h->is_theirs || h->name.len != var.len) continue;
        size_t i = 0;
        while (i < var.len && (kgw_lower(h->name.ptr[i]) == var.ptr[i] || (h->name.ptr[i] == '-' && var.ptr[i] == '_'))) i++;
        if (i == var.len) return kgw_hdrs_joined(&r->out.hdrs, h->name);
    }
    return KGW_STR_NULL;
}

int kgw_ffi_var_dyn(const char *name, size_t len, kgw_ffi_str_t *out)
{
    kgw_req_t *r = cur_req();
    if (!r) return KGW_ERROR;
    kgw_str_t v = KGW_STR_NULL;
    if (len > 5 && memcmp(name, "http_", 5) == 0) v = find_header(r, &r->in.hdrs, kgw_str(name + 5, len - 5));
    else if (len > 4 && memcmp(name, "arg_", 4) == 0) v = find_arg(r, kgw_str(name + 4, len - 4));
    else if (len > 7 && memcmp(name, "cookie_", 7) == 0) v = find_cookie(r, kgw_str(name + 7, len - 7));
    else if (len > 10 && memcmp(name, "sent_http_", 10) == 0) v = find_header(r, &r->out.hdrs, kgw_str(name + 10, len - 10));
    else if (len > 14 && memcmp(name, "upstream_http_", 14) == 0 && r->upstream_status) v = find_theirs(r, kgw_str(name + 14, len - 14));
    if (!v.ptr) return KGW_DECLINED;
    put(out, v);
    return KGW_OK;
}

static int log_find(kgw_str_t name) { return kgw_ffi_var_id(name.ptr, name.len); }

static kgw_str_t log_value(kgw_req_t *r, int id, kgw_str_t name)
{
    kgw_req_t *before = kgw_cur.req;
    kgw_ffi_str_t out = {NULL, 0};
    kgw_cur.req = r;
    int rc = id == -2 ? kgw_ffi_var_dyn(name.ptr, name.len, &out) : kgw_ffi_var_get(id, &out);
    kgw_cur.req = before;
    return rc == KGW_OK ? kgw_str(out.ptr, out.len) : KGW_STR_NULL;
}

void kgw_vars_for_log(void) { kgw_log_format_vars(log_find, log_value); }

/* KGW_DECLINED: not changeable. `clear`: it reads as nil and counts as empty. */
int kgw_ffi_var_set(int id, const char *ptr, size_t len, int clear)
{
    kgw_req_t *r = cur_req();
    if (!r) return KGW_ERROR;
    if (id < 0 || id >= KGW_VAR__COUNT || id == KGW_VAR_URI) return KGW_DECLINED;
    if (id == KGW_VAR_UPSTREAM_HOST) r->is_route_host = false;
    if (clear) r->vars[id] = cleared;
    else r->vars[id] = len ? kgw_arena_copy(&r->arena, kgw_str(ptr, len)) : KGW_STR("");
    return KGW_OK;
}
