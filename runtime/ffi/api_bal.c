/* Proxying: where to, by which connection, how often; what became of it. */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "ffi/ffi.h"
#include "net/tls_ctx.h"

/* ptr NULL leaves the variable as it is; "" sets it to the empty string. */
static void set_var(kgw_req_t *r, enum kgw_var v, const char *ptr, size_t len)
{
    if (ptr) r->vars[v] = len ? kgw_arena_copy(&r->arena, kgw_str(ptr, len)) : KGW_STR("");
}

void kgw_ffi_set_upstream(int is_tls, const char *host, size_t host_len, const char *uri, size_t uri_len, const char *prefix, size_t prefix_len)
{
    kgw_req_t *r = cur_req();
    if (!r) return;
    r->target.is_tls = is_tls != 0;
    set_var(r, KGW_VAR_UPSTREAM_HOST, host, host_len);
    set_var(r, KGW_VAR_UPSTREAM_URI, uri, uri_len);
    set_var(r, KGW_VAR_UPSTREAM_XF_PREFIX, prefix, prefix_len);
}

int kgw_ffi_set_peer(const char *ip, size_t ip_len, int port, const char *sni, size_t sni_len, const char *pool, size_t pool_len)
{
    kgw_req_t *r = cur_req();
    if (!r || port < 0 || port > 65535) return KGW_ERROR;
    kgw_target_t *t = &r->target;
    if (kgw_addr_parse_ip(&t->addr, kgw_str(ip, ip_len), (uint16_t)port) != KGW_OK) return KGW_ERROR;
    t->sni = sni_len ? kgw_arena_copy(&r->arena, kgw_str(sni, sni_len)) : KGW_STR_NULL;
    t->pool_key = pool_len ? kgw_arena_copy(&r->arena, kgw_str(pool, pool_len)) : KGW_STR_NULL;
    t->is_set = true;
    return KGW_OK;
}

void kgw_ffi_set_timeouts(uint32_t connect_ms, uint32_t send_ms, uint32_t read_ms)
{
    kgw_req_t *r = cur_req();
    if (!r) return;
    r->target.connect_ms = connect_ms;
    r->target.send_ms = send_ms;
    r->target.read_ms = read_ms;
}

void kgw_ffi_set_retries(int retries)
{
    if (cur_req()) cur_req()->retries_left = retries;
}

void kgw_ffi_set_keepalive(uint32_t idle_ms, uint32_t max)
{
    kgw_req_t *r = cur_req();
    if (!r) return;
    r->target.keepalive_idle_ms = idle_ms;
    r->target.keepalive_max = max;
}

void kgw_ffi_set_buffering(int request, int response)
{
    kgw_req_t *r = cur_req();
    if (!r) return;
    r->request_buffering = request != 0;
    r->response_buffering = response != 0;
}

static X509 *read_cert(const char *pem, size_t len, STACK_OF(X509) * *chain)
{
    BIO *b = BIO_new_mem_buf(pem, (int)len);
    X509 *x = PEM_read_bio_X509_AUX(b, NULL, NULL, NULL), *more;
    while (x && (more = PEM_read_bio_X509(b, NULL, NULL, NULL)) != NULL) {
        if (!*chain) *chain = sk_X509_new_null();
        sk_X509_push(*chain, more);
    }
    ERR_clear_error();
    BIO_free(b);
    return x;
}

static EVP_PKEY *read_key(const char *pem, size_t len)
{
    BIO *b = BIO_new_mem_buf(pem, (int)len);
    static char no_password[] = ""; /* without one a terminal would be asked */
    EVP_PKEY *k = PEM_read_bio_PrivateKey(b, NULL, NULL, no_password);
    ERR_clear_error();
    BIO_free(b);
    return k;
}

/* The context kept under the name, or a new one. c: verify, depth, ca_file and what the caller owns; cert and priv fill what it lacks. */
static int use_tls(kgw_req_t *r, const char *name, kgw_tls_client_conf_t *c, kgw_str_t cert, kgw_str_t priv)
{
    kgw_target_t *t = &r->target;
    t->tls_verify = (int8_t)c->verify;
    t->tls_depth = (int16_t)c->verify_depth;
    if (t->tls_ctx) kgw_tls_ctx_unref(t->tls_ctx);
    t->tls_ctx = kgw_tls_ctx_cached(name);
    if (t->tls_ctx) return KGW_OK;
    char err[256] = "";
    X509 *own_cert = NULL;
    STACK_OF(X509) *own_chain = NULL;
    EVP_PKEY *own_key = NULL;
    c->protocols = "TLSv1.2 TLSv1.3";
    if (!c->cert && cert.len) {
        c->cert = own_cert = read_cert(cert.ptr, cert.len, &own_chain);
        c->chain = own_chain;
    }
    if (!c->key && priv.len) c->key = own_key = read_key(priv.ptr, priv.len);
    t->tls_ctx = kgw_tls_ctx_client(name, c, err, sizeof(err));
    X509_free(own_cert);
    sk_X509_pop_free(own_chain, X509_free);
    EVP_PKEY_free(own_key);
    if (t->tls_ctx) return KGW_OK;
    KGW_LOG(KGW_LOG_ERR, "cannot make the upstream's TLS settings: %s", err);
    return KGW_ERROR;
}

int kgw_ffi_set_tls(const char *key, size_t key_len, int verify, int depth, const char *ca, size_t ca_len, const char *cert, size_t cert_len, const char *priv, size_t priv_len)
{
    kgw_req_t *r = cur_req();
    if (!r) return KGW_ERROR;
    kgw_str_t name = kgw_arena_copy(&r->arena, kgw_str(key, key_len));
    kgw_str_t ca_text = ca_len ? kgw_arena_copy(&r->arena, kgw_str(ca, ca_len)) : KGW_STR_NULL;
    kgw_tls_client_conf_t c = {.verify = verify > 0, .verify_depth = depth, .ca_file = ca_text.ptr};
    return use_tls(r, name.ptr, &c, kgw_str(cert, cert_len), kgw_str(priv, priv_len));
}

/* What a plugin chose for this request: a STACK_OF(X509)* with its EVP_PKEY*, an X509_STORE*; NULL: as the texts say. The context is kept
 * under the key, the certificate's digest and the store; the text of all three goes to *made. */
int kgw_ffi_set_tls_objects(const char *key, size_t key_len, int verify, int depth, const char *ca, size_t ca_len, const char *cert, size_t cert_len, const char *priv,
                            size_t priv_len, void *chain, void *pkey, void *store, kgw_ffi_str_t *made)
{
    kgw_req_t *r = cur_req();
    if (!r) return KGW_ERROR;
    kgw_str_t ca_text = ca_len ? kgw_arena_copy(&r->arena, kgw_str(ca, ca_len)) : KGW_STR_NULL;
    kgw_tls_client_conf_t c = {.verify = verify > 0, .verify_depth = depth, .ca_file = ca_text.ptr, .store = store};
    char hex[65] = "";
    if (chain && pkey && sk_X509_num(chain) > 0) {
        unsigned char digest[EVP_MAX_MD_SIZE];
        unsigned n = 0;
        c.cert = sk_X509_value(chain, 0);
        c.key = pkey;
        if (X509_digest(c.cert, EVP_sha256(), digest, &n) == 1 && n == 32) kgw_hex(hex, digest, 32);
        hex[64] = 0;
        if (sk_X509_num(chain) > 1) {
            c.chain = sk_X509_new_null();
            for (int i = 1; i < sk_X509_num(chain); i++) sk_X509_push(c.chain, sk_X509_value(chain, i));
        }
    }
    kgw_str_t name = kgw_arena_printf(&r->arena, "%.*s|%d|%d|%s|%p", (int)key_len, key, verify, depth, hex, store);
    int rc = use_tls(r, name.ptr, &c, kgw_str(cert, cert_len), kgw_str(priv, priv_len));
    if (hex[0]) sk_X509_free(c.chain);
    put(made, name);
    return rc;
}

void kgw_ffi_want(int header_filter, int body_filter, int log, int response)
{
    kgw_req_t *r = cur_req();
    if (!r) return;
    r->want_header_filter = header_filter != 0;
    r->want_body_filter = body_filter != 0;
    r->want_log = log != 0;
    r->hold_response = response != 0;
}

/* From header_filter: what it left for the body's place has to get there. */
void kgw_ffi_want_body_filter(void)
{
    if (cur_req()) cur_req()->want_body_filter = true;
}

int kgw_ffi_last_failure(void) { return cur_req() ? cur_req()->last_failure : 0; }
int kgw_ffi_tries(void) { return cur_req() ? (int)cur_req()->tries_cnt : 0; }

int kgw_ffi_try_get(int i, kgw_ffi_str_t *ip, int *port, int *status, int *outcome)
{
    kgw_req_t *r = cur_req();
    if (!r || i < 0 || (uint32_t)i >= r->tries_cnt) return KGW_DECLINED;
    if (r->tries_cnt > KGW_TRIES_KEPT && (uint32_t)i < r->tries_cnt - KGW_TRIES_KEPT) return KGW_DECLINED;
    const kgw_try_t *t = &r->tries[i % KGW_TRIES_KEPT];
    put(ip, kgw_str_c(t->ip));
    *port = t->port;
    *status = t->status;
    *outcome = t->outcome;
    return KGW_OK;
}

/* 0 proxy, 1 upstream, 2 response, 3 connect time of the last try; milliseconds with a fraction. */
int kgw_ffi_latency(int which, double *ms)
{
    kgw_req_t *r = cur_req();
    if (!r) return KGW_ERROR;
    uint64_t from = r->start_us, to = 0;
    const kgw_try_t *t = r->tries_cnt ? &r->tries[(r->tries_cnt - 1) % KGW_TRIES_KEPT] : NULL;
    switch (which) {
    case 0: to = r->balancer_end_us; break;
    case 1:
        from = r->balancer_end_us;
        to = r->head_us;
        break;
    case 2: to = r->end_us ? r->end_us : kgw_clock_mono_us(); break;
    case 3:
        if (!t) return KGW_DECLINED;
        from = t->start_us;
        to = t->connect_us;
        break;
    case 4:
        from = r->head_us;
        to = r->end_us ? r->end_us : kgw_clock_mono_us();
        break;
    default: return KGW_ERROR;
    }
    if (!from || !to || to < from) return KGW_DECLINED;
    *ms = (double)(to - from) / 1000.0;
    return KGW_OK;
}
