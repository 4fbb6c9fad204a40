/* TLS for ngx.ssl: certificates and keys, and the handshake or connection that the running coroutine belongs to. */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#include "base/str.h"
#include "ffi/ffi.h"
#include "net/tls.h"

/* Parsing --------------------------------------------------------------------------------------------- */

static int on_password(char *buf, int size, int rw, void *pass)
{
    (void)rw;
    size_t n = pass ? strlen(pass) : 0;
    if (n > (size_t)size) return 0;
    memcpy(buf, pass ? pass : "", n);
    return (int)n;
}

void *kgw_ffi_ssl_parse_cert(const char *pem, size_t len)
{
    BIO *b = BIO_new_mem_buf(pem, (int)len);
    STACK_OF(X509) *chain = sk_X509_new_null();
    X509 *x = PEM_read_bio_X509_AUX(b, NULL, NULL, NULL);
    for (; x; x = PEM_read_bio_X509(b, NULL, NULL, NULL)) sk_X509_push(chain, x);
    unsigned long e = ERR_peek_last_error();
    bool ok = sk_X509_num(chain) > 0 && ERR_GET_LIB(e) == ERR_LIB_PEM && ERR_GET_REASON(e) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    BIO_free(b);
    if (ok) return chain;
    sk_X509_pop_free(chain, X509_free);
    return NULL;
}

void kgw_ffi_ssl_free_cert(void *chain) { sk_X509_pop_free(chain, X509_free); }

void *kgw_ffi_ssl_parse_key(const char *pem, size_t len, const char *pass)
{
    BIO *b = BIO_new_mem_buf(pem, (int)len);
    EVP_PKEY *k = PEM_read_bio_PrivateKey(b, NULL, on_password, (void *)pass);
    BIO_free(b);
    ERR_clear_error();
    return k;
}

void kgw_ffi_ssl_free_key(void *key) { EVP_PKEY_free(key); }

/* The certificates one after the other; their length or -1. */
int kgw_ffi_ssl_cert_der(const char *pem, size_t len, char *out, size_t max)
{
    STACK_OF(X509) *chain = kgw_ffi_ssl_parse_cert(pem, len);
    if (!chain) return -1;
    int total = 0;
    for (int i = 0; i < sk_X509_num(chain) && total >= 0; i++) {
        int n = i2d_X509(sk_X509_value(chain, i), NULL);
        unsigned char *p = (unsigned char *)out + total;
        if (n < 0 || (size_t)(total + n) > max) total = -1;
        else total += i2d_X509(sk_X509_value(chain, i), &p);
    }
    sk_X509_pop_free(chain, X509_free);
    return total;
}

int kgw_ffi_ssl_key_der(const char *pem, size_t len, const char *pass, char *out, size_t max)
{
    EVP_PKEY *k = kgw_ffi_ssl_parse_key(pem, len, pass);
    if (!k) return -1;
    int n = i2d_PrivateKey(k, NULL);
    unsigned char *p = (unsigned char *)out;
    n = n < 0 || (size_t)n > max ? -1 : i2d_PrivateKey(k, &p);
    EVP_PKEY_free(k);
    return n;
}

/* The handshake or connection --------------------------------------------------------------------------- */

static kgw_tls_t *cur_tls(void)
{
    if (kgw_cur.phase == KGW_PH_CERT || kgw_cur.phase == KGW_PH_CLIENT_HELLO) return kgw_cur.co->user;
    kgw_req_t *r = cur_req();
    return r && r->conn && r->conn->is_tls ? kgw_io_tls(&r->conn->io) : NULL;
}

static SSL *cur_ssl(void)
{
    kgw_tls_t *t = cur_tls();
    return t ? t->ssl : NULL;
}

void *kgw_ffi_ssl_pointer(void) { return cur_ssl(); }

int kgw_ffi_ssl_clear(void)
{
    SSL *ssl = cur_ssl();
    if (!ssl) return KGW_DECLINED;
    SSL_certs_clear(ssl);
    return KGW_OK;
}

int kgw_ffi_ssl_set_cert(void *p)
{
    SSL *ssl = cur_ssl();
    STACK_OF(X509) *chain = p;
    if (!ssl) return KGW_DECLINED;
    ERR_clear_error();
    if (sk_X509_num(chain) < 1 || SSL_use_certificate(ssl, sk_X509_value(chain, 0)) != 1) return KGW_ERROR;
    SSL_clear_chain_certs(ssl);
    for (int i = 1; i < sk_X509_num(chain); i++)
        if (SSL_add1_chain_cert(ssl, sk_X509_value(chain, i)) != 1) return KGW_ERROR;
    return KGW_OK;
}

int kgw_ffi_ssl_set_key(void *key)
{
    SSL *ssl = cur_ssl();
    if (!ssl) return KGW_DECLINED;
    ERR_clear_error();
    return SSL_use_PrivateKey(ssl, key) == 1 ? KGW_OK : KGW_ERROR;
}

int kgw_ffi_ssl_set_der_cert(const char *der, size_t len)
{
    if (!cur_ssl()) return KGW_DECLINED;
    STACK_OF(X509) *chain = sk_X509_new_null();
    const unsigned char *p = (const unsigned char *)der, *end = p + len;
    X509 *x;
    while (p < end && (x = d2i_X509(NULL, &p, end - p)) != NULL) sk_X509_push(chain, x);
    int rc = p == end ? kgw_ffi_ssl_set_cert(chain) : KGW_ERROR;
    sk_X509_pop_free(chain, X509_free);
    ERR_clear_error();
    return rc;
}

int kgw_ffi_ssl_set_der_key(const char *der, size_t len)
{
    if (!cur_ssl()) return KGW_DECLINED;
    const unsigned char *p = (const unsigned char *)der;
    EVP_PKEY *k = d2i_AutoPrivateKey(NULL, &p, (long)len);
    int rc = k ? kgw_ffi_ssl_set_key(k) : KGW_ERROR;
    EVP_PKEY_free(k);
    ERR_clear_error();
    return rc;
}

/* KGW_ERROR: the client sent none. */
int kgw_ffi_ssl_server_name(kgw_ffi_str_t *out)
{
    kgw_tls_t *t = cur_tls();
    if (!t) return KGW_DECLINED;
    kgw_str_t sni = kgw_tls_sni(t);
    if (!sni.ptr) return KGW_ERROR;
    put(out, sni);
    return KGW_OK;
}

/* raw: the bytes of the address (a path for unix sockets); family: 4, 6 or 1. */
int kgw_ffi_ssl_address(int of_server, int *family, int *port, kgw_ffi_str_t *raw)
{
    static kgw_addr_t a;
    kgw_tls_t *t = cur_tls();
    if (!t) return KGW_DECLINED;
    a = of_server ? *kgw_io_local(t->io) : t->io->peer_addr;
    *port = kgw_addr_port(&a);
    switch (a.sa.sa_family) {
    case AF_INET:
        *family = 4;
        put(raw, kgw_str((const char *)&a.in.sin_addr, 4));
        return KGW_OK;
    case AF_INET6:
        *family = 6;
        put(raw, kgw_str((const char *)&a.in6.sin6_addr, 16));
        return KGW_OK;
    default:
        *family = 1;
        put(raw, kgw_str_c(a.un.sun_path));
        return KGW_OK;
    }
}

int kgw_ffi_ssl_version(void)
{
    SSL *ssl = cur_ssl();
    return ssl ? SSL_version(ssl) : KGW_DECLINED;
}

/* A client certificate is asked for; whether it is good is for the plugin to say ($ssl_client_verify). */
static int on_verify(int ok, X509_STORE_CTX *ctx)
{
    (void)ok;
    (void)ctx;
    return 1;
}

int kgw_ffi_ssl_verify_client(void *p, int depth)
{
    SSL *ssl = cur_ssl();
    STACK_OF(X509) *chain = p;
    if (!ssl) return KGW_DECLINED;
    SSL_set_verify(ssl, SSL_VERIFY_PEER, on_verify);
    if (depth >= 0) SSL_set_verify_depth(ssl, depth);
    if (!chain) return KGW_OK;
    X509_STORE *store = X509_STORE_new();
    STACK_OF(X509_NAME) *names = sk_X509_NAME_new_null();
    for (int i = 0; i < sk_X509_num(chain); i++) {
        X509_STORE_add_cert(store, sk_X509_value(chain, i));
        sk_X509_NAME_push(names, X509_NAME_dup(X509_get_subject_name(sk_X509_value(chain, i))));
    }
    SSL_set0_verify_cert_store(ssl, store);
    SSL_set_client_CA_list(ssl, names);
    return KGW_OK;
}

/* The client's certificates as PEM: length, 0 none sent, KGW_DECLINED without TLS, KGW_ENOMEM when max is too small. */
int kgw_ffi_ssl_client_chain(char *out, size_t max)
{
    SSL *ssl = cur_ssl();
    if (!ssl) return KGW_DECLINED;
    X509 *leaf = SSL_get1_peer_certificate(ssl);
    if (!leaf) return 0;
    BIO *b = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(b, leaf);
    STACK_OF(X509) *chain = SSL_get_peer_cert_chain(ssl); /* of a server: without the leaf */
    for (int i = 0; i < sk_X509_num(chain); i++) PEM_write_bio_X509(b, sk_X509_value(chain, i));
    char *data;
    long n = BIO_get_mem_data(b, &data);
    if ((size_t)n > max) n = KGW_ENOMEM;
    else memcpy(out, data, (size_t)n);
    BIO_free(b);
    X509_free(leaf);
    return (int)n;
}

/* No ticket for this handshake's session. */
int kgw_ffi_ssl_disable_reuse(void)
{
    SSL *ssl = cur_ssl();
    if (!ssl) return KGW_DECLINED;
    SSL_set_options(ssl, SSL_OP_NO_TICKET);
    SSL_set_num_tickets(ssl, 0);
    return KGW_OK;
}
