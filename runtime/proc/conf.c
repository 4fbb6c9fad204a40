/* From the boot script's text to C structs. */
#include "proc/conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/freelist.h"
#include "base/log.h"
#include "base/rand.h"
#include "base/settings.h"
#include "base/str.h"
#include "ffi/ffi.h"
#include "net/tls_ctx.h"
#include "proxy/access_log.h"
#include "proxy/conn.h"

static const char *get(const char *key) { return kgw_settings_get(key); }
static bool flag(unsigned i, const char *name)
{
    const char *v = kgw_settings_getf("listeners.%u.%s", i, name);
    return v && (strcmp(v, "true") == 0 || strcmp(v, "1") == 0);
}

static int kind_of(const char *s)
{
    if (!s || strcmp(s, "proxy") == 0) return KGW_L_PROXY;
    if (strcmp(s, "admin") == 0) return KGW_L_ADMIN;
    if (strcmp(s, "status") == 0) return KGW_L_STATUS;
    if (strcmp(s, "cluster") == 0) return KGW_L_CLUSTER;
    return -1;
}

static int read_listener(kgw_listener_t *l, unsigned i, char *err, size_t err_len)
{
    memset(l, 0, sizeof(*l));
    l->fd = -1;
    const char *ip = kgw_settings_getf("listeners.%u.ip", i);
    const char *port = kgw_settings_getf("listeners.%u.port", i);
    const char *backlog = kgw_settings_getf("listeners.%u.backlog", i);
    const char *keep = kgw_settings_getf("listeners.%u.so_keepalive", i);
    l->kind = (uint8_t)kind_of(kgw_settings_getf("listeners.%u.kind", i));
    if (strncmp(ip, "unix:", 5) == 0) {
        l->is_unix = true;
        if (kgw_addr_set_unix(&l->addr, kgw_str_c(ip + 5)) != KGW_OK) goto bad;
    } else if (kgw_addr_parse_ip(&l->addr, kgw_str_c(strcmp(ip, "localhost") == 0 ? "127.0.0.1" : ip), (uint16_t)atoi(port ? port : "0")) != KGW_OK) {
        goto bad;
    }
    snprintf(l->text, sizeof(l->text), "%.48s:%.8s", ip, port ? port : "");
    l->is_ssl = flag(i, "ssl");
    l->is_http2 = flag(i, "http2");
    l->is_proxy_protocol = flag(i, "proxy_protocol");
    l->is_deferred = flag(i, "deferred");
    l->is_reuseport = flag(i, "reuseport");
    const char *v6only = kgw_settings_getf("listeners.%u.ipv6only", i);
    l->is_ipv6only = !v6only || strcmp(v6only, "off") != 0;
    l->backlog = backlog ? atoi(backlog) : 511;
    l->so_keepalive = keep && strcmp(keep, "off") != 0 && strcmp(keep, "false") != 0 ? 1 : -1;
    return KGW_OK;
bad:
    snprintf(err, err_len, "cannot listen on \"%s\": not an IP address", ip);
    return KGW_ERROR;
}

int kgw_conf_read(kgw_conf_t *c, char *err, size_t err_len)
{
    memset(c, 0, sizeof(*c));
    snprintf(c->prefix, sizeof(c->prefix), "%s", get("prefix") ? get("prefix") : "/usr/local/kong");
    snprintf(c->pid_file, sizeof(c->pid_file), "%s/pids/nginx.pid", c->prefix);
    int64_t workers = kgw_settings_int("workers", 1);
    c->workers = workers < 1 ? 1 : workers > KGW_WORKERS_MAX ? KGW_WORKERS_MAX : (unsigned)workers;
    c->daemon = kgw_settings_bool("daemon", true);
    c->shutdown_ms = (uint64_t)kgw_settings_int("worker_shutdown_timeout", 30000);
    c->rlimit_nofile = (int)kgw_settings_int("worker_rlimit_nofile", 0);
    snprintf(c->user, sizeof(c->user), "%s", get("user") ? get("user") : "");
    snprintf(c->group, sizeof(c->group), "%s", get("group") ? get("group") : "");
    snprintf(c->dns_servers, sizeof(c->dns_servers), "%s", get("dns_servers") ? get("dns_servers") : "");
    c->dns_timeout_ms = (int)kgw_settings_int("dns_timeout_ms", 2000);
    c->dns_tries = (int)kgw_settings_int("dns_tries", 5);
    for (unsigned i = 1; kgw_settings_getf("listeners.%u.ip", i); i++) {
        if (kind_of(kgw_settings_getf("listeners.%u.kind", i)) < 0) continue;
        if (c->listener_cnt == KGW_LISTENERS_MAX) {
            snprintf(err, err_len, "too many listeners (at most %d)", KGW_LISTENERS_MAX);
            return KGW_ERROR;
        }
        if (read_listener(&c->listeners[c->listener_cnt++], i, err, err_len) != KGW_OK) return KGW_ERROR;
    }
    return KGW_OK;
}

static kgw_str_t keep(const char *s)
{
    if (!s) return KGW_STR("");
    size_t n = strlen(s);
    char *p = kgw_malloc(n + 1);
    memcpy(p, s, n + 1);
    return kgw_str(p, n);
}

static uint32_t hdr_flags(void)
{
    static const struct {
        const char *key;
        uint32_t flag;
    } all[] = {
        {"hdr.server", KGW_HDR_SERVER},
        {"hdr.via", KGW_HDR_VIA},
        {"hdr.proxy_latency", KGW_HDR_PROXY_LATENCY},
        {"hdr.response_latency", KGW_HDR_RESPONSE_LATENCY},
        {"hdr.upstream_latency", KGW_HDR_UPSTREAM_LATENCY},
        {"hdr.upstream_status", KGW_HDR_UPSTREAM_STATUS},
        {"hdr.request_id", KGW_HDR_REQUEST_ID},
        {"hdr.admin_latency", KGW_HDR_ADMIN_LATENCY},
    };
    uint32_t flags = 0;
    for (size_t i = 0; i < KGW_ARRAY_LEN(all); i++)
        if (kgw_settings_bool(all[i].key, false)) flags |= all[i].flag;
    return flags;
}

static int read_trusted(kgw_proxy_conf_t *p, char *err, size_t err_len)
{
    unsigned n = 0;
    while (kgw_settings_getf("trusted_ips.%u", n + 1)) n++;
    p->trusted = n ? kgw_malloc(n * sizeof(*p->trusted)) : NULL;
    p->trusted_cnt = n;
    for (unsigned i = 0; i < n; i++) {
        const char *text = kgw_settings_getf("trusted_ips.%u", i + 1);
        if (kgw_cidr_parse(&p->trusted[i], kgw_str_c(text)) == KGW_OK) continue;
        snprintf(err, err_len, "trusted_ips: invalid entry \"%s\"", text);
        return KGW_ERROR;
    }
    return KGW_OK;
}

static uint8_t real_ip_kind(const char *name)
{
    if (!name || !*name) return 1;
    if (strcasecmp(name, "X-Real-IP") == 0) return 1;
    if (strcasecmp(name, "X-Forwarded-For") == 0) return 2;
    if (strcasecmp(name, "proxy_protocol") == 0) return 3;
    return 4;
}

static int open_access_logs(char *err, size_t err_len)
{
    kgw_vars_for_log();
    static const char *const keys[KGW_ACCESS__COUNT] = {"access_log", "admin_access_log", "status_access_log"};
    for (int i = 0; i < KGW_ACCESS__COUNT; i++) {
        if (kgw_access_log_open(i, get(keys[i])) != KGW_OK) {
            snprintf(err, err_len, "cannot open the access log \"%s\"", get(keys[i]));
            return KGW_ERROR;
        }
        char format[64], escape[64];
        snprintf(format, sizeof(format), "%s.format", keys[i]);
        snprintf(escape, sizeof(escape), "%s.escape", keys[i]);
        if (kgw_access_log_format(i, get(format), get(escape), err, err_len) != KGW_OK) return KGW_ERROR;
        kgw_proxy_conf.log_access |= kgw_access_log_is_on(i);
    }
    return KGW_OK;
}

static void read_added_headers(kgw_proxy_conf_t *p)
{
    unsigned n = 0;
    while (kgw_settings_getf("add_headers.%u.name", n + 1)) n++;
    p->added = n ? kgw_zalloc(n * sizeof(*p->added)) : NULL;
    p->added_cnt = n;
    for (unsigned i = 0; i < n; i++) {
        char key[48];
        snprintf(key, sizeof(key), "add_headers.%u.always", i + 1);
        p->added[i].name = keep(kgw_settings_getf("add_headers.%u.name", i + 1));
        p->added[i].value = keep(kgw_settings_getf("add_headers.%u.value", i + 1));
        p->added[i].is_always = kgw_settings_bool(key, false);
    }
}

int kgw_conf_read_proxy(char *err, size_t err_len)
{
    kgw_proxy_conf_t *p = &kgw_proxy_conf;
    kgw_tls_ctx_t *client_ctx = p->client_ctx;
    memset(p, 0, sizeof(*p));
    p->client_ctx = client_ctx;
    p->limits.max_line = (uint32_t)kgw_settings_int("max_line", 8192);
    p->limits.max_field = (uint32_t)kgw_settings_int("max_field", 8192);
    p->limits.max_head = (uint32_t)kgw_settings_int("max_head", 32768);
    p->limits.max_fields = KGW_H1_MAX_FIELDS;
    p->header_timeout_ms = (uint32_t)kgw_settings_int("client_header_timeout", 60000);
    p->body_timeout_ms = (uint32_t)kgw_settings_int("client_body_timeout", 60000);
    p->send_timeout_ms = (uint32_t)kgw_settings_int("send_timeout", 60000);
    p->keepalive_timeout_ms = (uint32_t)kgw_settings_int("keepalive_timeout", 75000);
    p->handshake_timeout_ms = (uint32_t)kgw_settings_int("handshake_timeout", 10000);
    p->body_min_rate = (uint32_t)kgw_settings_int("client_body_min_rate", 0);
    p->body_grace_ms = 10000;
    p->pass_trailers = kgw_settings_bool("pass_trailers", false);
    p->tunnel_drain_ms = (uint32_t)kgw_settings_int("worker_shutdown_timeout", 30000) / 3;
    p->keepalive_requests = (uint32_t)kgw_settings_int("keepalive_requests", 10000);
    p->max_body = (uint64_t)kgw_settings_int("client_max_body_size", 0);
    p->body_buffer = (uint32_t)kgw_settings_int("client_body_buffer_size", 8192);
    p->max_conns = (uint32_t)kgw_settings_int("worker_connections", 0);
    p->body_temp_path = keep(get("body_temp_path")).ptr;
    p->real_ip_kind = real_ip_kind(get("real_ip_header"));
    p->real_ip_header = keep(get("real_ip_header"));
    p->real_ip_recursive = kgw_settings_bool("real_ip_recursive", false);
    p->hdr_flags = hdr_flags();
    p->upstream_request_id = kgw_settings_bool("hdr.upstream_request_id", true);
    p->server = p->via_name = keep(get("server_tokens") ? get("server_tokens") : "kong/3.9.3");
    char via[128];
    snprintf(via, sizeof(via), "1.1 %.100s", p->via_name.ptr);
    p->via_value = keep(via);
    p->charset = keep(get("charset"));
    p->upstream_pool_size = (uint32_t)kgw_settings_int("upstream_keepalive_pool_size", 512);
    p->upstream_max_requests = (uint32_t)kgw_settings_int("upstream_keepalive_max_requests", 10000);
    p->upstream_idle_ms = (uint32_t)kgw_settings_int("upstream_keepalive_idle_timeout", 60000);
    for (unsigned i = 1; i <= KGW_ARRAY_LEN(p->port_maps) && kgw_settings_getf("port_maps.%u.port", i); i++) {
        p->port_maps[i - 1].port = (uint16_t)atoi(kgw_settings_getf("port_maps.%u.port", i));
        p->port_maps[i - 1].host_port = (uint16_t)atoi(kgw_settings_getf("port_maps.%u.host_port", i));
        p->port_map_cnt = i;
    }
    if (open_access_logs(err, err_len) != KGW_OK) return KGW_ERROR;
    read_added_headers(p);
    return read_trusted(p, err, err_len);
}

/* One set of ticket keys for the whole life of the master, so that every worker and generation resumes sessions. */
static uint8_t ticket_keys[3 * 80];

static int server_ctx(kgw_listener_t *l, const char *what, char *err, size_t err_len)
{
    kgw_tls_server_conf_t conf = {0};
    conf.protocols = get("ssl.protocols");
    conf.ciphers = get("ssl.ciphers");
    conf.prefer_server_ciphers = kgw_settings_bool("ssl.prefer_server_ciphers", false);
    conf.session_tickets = kgw_settings_bool("ssl.session_tickets", true);
    conf.session_timeout_s = (uint32_t)kgw_settings_int("ssl.session_timeout", 86400);
    conf.ticket_keys = ticket_keys;
    conf.ask_client_cert = l->kind == KGW_L_CLUSTER;
    conf.client_ca = conf.ask_client_cert ? get("ssl_cluster.client_ca") : NULL;
    conf.client_verify_depth = (int)kgw_settings_int("ssl_cluster.client_verify_depth", 0);
    for (unsigned i = 0; i < 4; i++) {
        conf.certs[i] = kgw_settings_getf("%s.certs.%u", what, i + 1);
        conf.keys[i] = kgw_settings_getf("%s.keys.%u", what, i + 1);
        if (!conf.certs[i] || !conf.keys[i]) break;
        conf.cert_cnt = i + 1;
    }
    if (!conf.cert_cnt) {
        snprintf(err, err_len, "no certificate for the TLS listener %s", l->text);
        return KGW_ERROR;
    }
    l->tls_ctx = kgw_tls_ctx_server(&conf, err, err_len);
    return l->tls_ctx ? KGW_OK : KGW_ERROR;
}

int kgw_conf_make_tls(kgw_conf_t *c, char *err, size_t err_len)
{
    static bool has_keys;
    if (!has_keys) kgw_rand_secret(ticket_keys, sizeof(ticket_keys));
    has_keys = true;
    for (unsigned i = 0; i < c->listener_cnt; i++) {
        kgw_listener_t *l = &c->listeners[i];
        if (!l->is_ssl) continue;
        const char *what = l->kind == KGW_L_ADMIN ? "ssl_admin" : l->kind == KGW_L_STATUS ? "ssl_status" : l->kind == KGW_L_CLUSTER ? "ssl_cluster" : "ssl";
        if (server_ctx(l, what, err, err_len) != KGW_OK) return KGW_ERROR;
    }
    kgw_tls_client_conf_t client = {0};
    client.protocols = "TLSv1.2 TLSv1.3";
    client.verify_depth = -1;
    kgw_tls_ctx_t *ctx = kgw_tls_ctx_client("default", &client, err, err_len);
    if (!ctx) return KGW_ERROR;
    kgw_proxy_conf.client_ctx = ctx;
    return KGW_OK;
}
