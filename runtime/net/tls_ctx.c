/* Building and caching SSL_CTX objects. Settings are checked here; the filter only uses the result. */
#include "net/tls_ctx.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

#include "base/freelist.h"
#include "base/log.h"
#include "base/rand.h"

typedef struct cached {
    struct cached *next;
    kgw_tls_ctx_t *ctx;
    char key[];
} cached_t;
static cached_t *cache;

static kgw_tls_ctx_t *fail(SSL_CTX *ssl_ctx, char *err, size_t err_len, const char *what)
{
    char reason[160] = "";
    unsigned long e = ERR_peek_last_error();
    if (e) ERR_error_string_n(e, reason, sizeof(reason));
    ERR_clear_error();
    snprintf(err, err_len, "%s%s%s", what, reason[0] ? ": " : "", reason);
    SSL_CTX_free(ssl_ctx);
    return NULL;
}

static void set_protocols(SSL_CTX *c, const char *protocols)
{
    int min = 0, max = TLS1_3_VERSION;
    if (!protocols || !*protocols) protocols = "TLSv1.2 TLSv1.3";
    bool v10 = false, v11 = strstr(protocols, "TLSv1.1"), v12 = strstr(protocols, "TLSv1.2"), v13 = strstr(protocols, "TLSv1.3");
    for (const char *p = protocols; (p = strstr(p, "TLSv1")) != NULL; p += 5)
        if (p[5] != '.') v10 = true;
    min = v10 ? TLS1_VERSION : v11 ? TLS1_1_VERSION : v12 ? TLS1_2_VERSION : TLS1_3_VERSION;
    max = v13 ? TLS1_3_VERSION : v12 ? TLS1_2_VERSION : v11 ? TLS1_1_VERSION : TLS1_VERSION;
    SSL_CTX_set_min_proto_version(c, min);
    SSL_CTX_set_max_proto_version(c, max);
    if (min < TLS1_2_VERSION) SSL_CTX_set_security_level(c, 0);
}

static BIO *open_pem(const char *path_or_pem) { return strstr(path_or_pem, "-----BEGIN") ? BIO_new_mem_buf(path_or_pem, -1) : BIO_new_file(path_or_pem, "r"); }

static bool use_pair(SSL_CTX *c, const char *cert, const char *key)
{
    BIO *cb = open_pem(cert), *kb = open_pem(key);
    X509 *x = cb ? PEM_read_bio_X509_AUX(cb, NULL, NULL, NULL) : NULL;
    EVP_PKEY *k = kb ? PEM_read_bio_PrivateKey(kb, NULL, NULL, NULL) : NULL;
    bool ok = x && k && SSL_CTX_use_certificate(c, x) == 1 && SSL_CTX_use_PrivateKey(c, k) == 1;
    X509 *more;
    while (ok && (more = PEM_read_bio_X509(cb, NULL, NULL, NULL)) != NULL)
        if (SSL_CTX_add0_chain_cert(c, more) != 1) X509_free(more);
    if (ok) ERR_clear_error(); /* the end of the file is no error */
    X509_free(x);
    EVP_PKEY_free(k);
    BIO_free(cb);
    BIO_free(kb);
    return ok;
}

/* Tickets: name 16 | hmac key 32 | aes key 32, three of them, the first one encrypts. */
#define TICKET_KEY_LEN 80

static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int is_encrypting)
{
    const unsigned char *keys = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    OSSL_PARAM params[3];
    int found = -1;
    if (is_encrypting) {
        found = 0;
        memcpy(name, keys, 16);
        kgw_rand_secret(iv, 16);
    } else {
        for (int i = 0; i < 3; i++)
            if (memcmp(name, keys + i * TICKET_KEY_LEN, 16) == 0) found = i;
        if (found < 0) return 0;
    }
    const unsigned char *k = keys + found * TICKET_KEY_LEN;
    params[0] = OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)(k + 16), 32);
    params[1] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, "SHA256", 0);
    params[2] = OSSL_PARAM_construct_end();
    if (!EVP_MAC_CTX_set_params(mac, params)) return -1;
    int ok = is_encrypting ? EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, k + 48, iv) : EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, k + 48, iv);
    if (!ok) return -1;
    return found == 0 ? 1 : 2;
}

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in, unsigned in_len, void *arg)
{
    (void)ssl;
    static const unsigned char both[] = "\x02h2\x08http/1.1";
    bool h2 = arg != NULL;
    const unsigned char *ours = h2 ? both : both + 3;
    unsigned ours_len = h2 ? 12 : 9;
    if (SSL_select_next_proto((unsigned char **)out, out_len, ours, ours_len, in, in_len) != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_NOACK;
    return SSL_TLSEXT_ERR_OK;
}

static kgw_tls_ctx_t *wrap(SSL_CTX *c)
{
    kgw_tls_ctx_t *ctx = kgw_zalloc(sizeof(*ctx));
    ctx->refs = 1;
    ctx->ssl_ctx = c;
    SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(c, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    return ctx;
}

/* The result stays in SSL_get_verify_result; whoever answers the request decides (nginx: optional_no_ca). */
static int on_client_cert(int ok, X509_STORE_CTX *x)
{
    (void)ok;
    (void)x;
    return 1;
}

static bool add_cas(SSL_CTX *c, const char *path_or_pem);

/* Resumed sessions would skip the question, so listeners that ask give no tickets. */
static bool ask_client_cert(SSL_CTX *c, const kgw_tls_server_conf_t *s)
{
    SSL_CTX_set_verify(c, SSL_VERIFY_PEER, on_client_cert);
    SSL_CTX_set_options(c, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(c, 0);
    if (s->client_verify_depth) SSL_CTX_set_verify_depth(c, s->client_verify_depth);
    return !s->client_ca || !*s->client_ca || add_cas(c, s->client_ca);
}

kgw_tls_ctx_t *kgw_tls_ctx_server(const kgw_tls_server_conf_t *s, char *err, size_t err_len)
{
    SSL_CTX *c = SSL_CTX_new(TLS_server_method());
    if (!c) return fail(NULL, err, err_len, "cannot make a TLS context");
    set_protocols(c, s->protocols);
    if (s->ciphers && *s->ciphers && SSL_CTX_set_cipher_list(c, s->ciphers) != 1) return fail(c, err, err_len, "ssl_ciphers");
    if (s->prefer_server_ciphers) SSL_CTX_set_options(c, SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_dh_auto(c, 1);
    for (unsigned i = 0; i < s->cert_cnt; i++)
        if (!use_pair(c, s->certs[i], s->keys[i])) return fail(c, err, err_len, "cannot use the TLS certificate and key");
    static const unsigned char id[] = "kgw";
    SSL_CTX_set_session_id_context(c, id, sizeof(id) - 1);
    SSL_CTX_set_timeout(c, s->session_timeout_s);
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    if (s->ask_client_cert) {
        if (!ask_client_cert(c, s)) return fail(c, err, err_len, "cannot load the certificates that clients are verified with");
    } else if (!s->session_tickets) {
        SSL_CTX_set_options(c, SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(c, 0);
    } else if (s->ticket_keys) {
        SSL_CTX_set_app_data(c, (void *)s->ticket_keys);
        SSL_CTX_set_tlsext_ticket_key_evp_cb(c, on_ticket);
    }
    SSL_CTX_set_alpn_select_cb(c, on_alpn, s->h2 ? c : NULL);
    return wrap(c);
}

static bool add_cas(SSL_CTX *c, const char *path_or_pem)
{
    if (!strstr(path_or_pem, "-----BEGIN")) return SSL_CTX_load_verify_file(c, path_or_pem) == 1;
    BIO *b = BIO_new_mem_buf(path_or_pem, -1);
    X509 *x;
    bool any = false;
    while ((x = PEM_read_bio_X509(b, NULL, NULL, NULL)) != NULL) {
        any |= X509_STORE_add_cert(SSL_CTX_get_cert_store(c), x) == 1;
        X509_free(x);
    }
    ERR_clear_error();
    BIO_free(b);
    return any;
}

static bool load_cas(SSL_CTX *c, const kgw_tls_client_conf_t *s)
{
    if (s->store) {
        SSL_CTX_set1_cert_store(c, s->store);
        return true;
    }
    if (!s->ca_file || !*s->ca_file) return true;
    if (strcmp(s->ca_file, "system") == 0) return SSL_CTX_set_default_verify_paths(c) == 1;
    return add_cas(c, s->ca_file);
}

/* The most recently used context stands first; one that nobody holds leaves when there are too many. */
#define CACHED_MAX 256
static unsigned cached_cnt;

kgw_tls_ctx_t *kgw_tls_ctx_cached(const char *key)
{
    for (cached_t **at = &cache, *e; (e = *at) != NULL; at = &e->next) {
        if (strcmp(e->key, key) != 0) continue;
        *at = e->next;
        e->next = cache;
        cache = e;
        e->ctx->refs++;
        return e->ctx;
    }
    return NULL;
}

static void evict(void)
{
    cached_t **last = NULL;
    for (cached_t **at = &cache; *at; at = &(*at)->next)
        if ((*at)->ctx->refs == 1) last = at;
    if (!last) return;
    cached_t *e = *last;
    *last = e->next;
    kgw_tls_ctx_unref(e->ctx);
    kgw_free(e);
    cached_cnt--;
}

kgw_tls_ctx_t *kgw_tls_ctx_client(const char *key, const kgw_tls_client_conf_t *s, char *err, size_t err_len)
{
    kgw_tls_ctx_t *known = kgw_tls_ctx_cached(key);
    if (known) return known;
    SSL_CTX *c = SSL_CTX_new(TLS_client_method());
    if (!c) return fail(NULL, err, err_len, "cannot make a TLS context");
    set_protocols(c, s->protocols);
    if (s->ciphers && *s->ciphers && SSL_CTX_set_cipher_list(c, s->ciphers) != 1) return fail(c, err, err_len, "ciphers");
    SSL_CTX_set_verify(c, s->verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    if (s->verify_depth >= 0) SSL_CTX_set_verify_depth(c, s->verify_depth);
    if (!load_cas(c, s)) return fail(c, err, err_len, "cannot load the trusted certificates");
    if (s->cert && s->key) {
        if (SSL_CTX_use_certificate(c, s->cert) != 1 || SSL_CTX_use_PrivateKey(c, s->key) != 1) return fail(c, err, err_len, "client certificate");
        for (int i = 0; s->chain && i < sk_X509_num(s->chain); i++) SSL_CTX_add1_chain_cert(c, sk_X509_value(s->chain, i));
    }
    static const unsigned char h2[] = "\x02h2";
    if (s->h2) SSL_CTX_set_alpn_protos(c, h2, 3);
    if (++cached_cnt > CACHED_MAX) evict();
    size_t len = strlen(key);
    cached_t *e = kgw_malloc(sizeof(*e) + len + 1);
    memcpy(e->key, key, len + 1);
    e->ctx = wrap(c);
    e->ctx->refs++; /* the cache's own */
    e->next = cache;
    cache = e;
    return e->ctx;
}

void kgw_tls_ctx_unref(kgw_tls_ctx_t *ctx)
{
    if (--ctx->refs > 0) return;
    SSL_CTX_free(ctx->ssl_ctx);
    kgw_free(ctx);
}
