/*
 * SSL_CTX objects, immutable once built, reference-counted and cached by their settings.
 * Ticket keys come from a shared zone's memory so that all workers and generations resume each other's sessions.
 */
#ifndef KGW_NET_TLS_CTX_H
#define KGW_NET_TLS_CTX_H

#include <openssl/ssl.h>

#include "base/kgw.h"

struct kgw_tls_ctx {
    uint32_t refs;
    SSL_CTX *ssl_ctx;
};

typedef struct {
    const char *protocols;      /* "TLSv1.2 TLSv1.3" */
    const char *ciphers;        /* TLS <= 1.2 list, NULL = default */
    bool prefer_server_ciphers;
    bool session_tickets;
    uint32_t session_timeout_s;
    bool h2;                    /* offer h2 in ALPN */
    const char *certs[4];       /* PEM text or path */
    const char *keys[4];
    unsigned cert_cnt;
    bool ask_client_cert;       /* request a client certificate; the handshake never fails over it: SSL_get_verify_result tells the result */
    const char *client_ca;      /* PEM text or path it must chain to, NULL: any is taken */
    int client_verify_depth;    /* 0: OpenSSL's default */
    const void *ticket_keys;    /* 3 x 80 bytes (name 16, hmac 32, aes 32): first encrypts; NULL = OpenSSL's own */
} kgw_tls_server_conf_t;

typedef struct {
    const char *protocols;
    const char *ciphers;
    bool verify;
    int verify_depth;           /* -1 default */
    const char *ca_file;        /* path, PEM text, "system" or NULL */
    X509_STORE *store;          /* instead of ca_file; referenced */
    X509 *cert; STACK_OF(X509) *chain; EVP_PKEY *key; /* client certificate or NULL; referenced */
    bool h2;
} kgw_tls_client_conf_t;

kgw_tls_ctx_t *kgw_tls_ctx_server(const kgw_tls_server_conf_t *c, char *err, size_t err_len);
/* key: text that stands for these settings; the same key gives the same ctx (referenced for the caller). */
kgw_tls_ctx_t *kgw_tls_ctx_client(const char *key, const kgw_tls_client_conf_t *c, char *err, size_t err_len);
/* What kgw_tls_ctx_client made for this key (referenced for the caller), NULL when nothing was. */
kgw_tls_ctx_t *kgw_tls_ctx_cached(const char *key);
void kgw_tls_ctx_unref(kgw_tls_ctx_t *ctx);

#endif
