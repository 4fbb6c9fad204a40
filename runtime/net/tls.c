/*
 * TLS as an io filter. The BIO's read side is the wire block that the io just filled, its write side the io's wire chain;
 * so a record is copied once each way. Handshakes stop at the certificate callback when the hook asks for it. A client may stack a second
 * session on the first (a tunnel through a proxy that is spoken to in TLS).
 */
#include "net/tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "base/freelist.h"
#include "base/log.h"
#include "base/str.h"

/* The BIO ------------------------------------------------------------------------------------------- */

static int bio_write(BIO *b, const char *data, int len)
{
    kgw_tls_t *t = BIO_get_data(b);
    BIO_clear_retry_flags(b);
    if (len <= 0) return 0;
    kgw_chain_add_copy(&t->io->wire, data, (size_t)len);
    return len;
}

static int bio_read(BIO *b, char *out, int len)
{
    kgw_tls_t *t = BIO_get_data(b);
    BIO_clear_retry_flags(b);
    if (t->in_len == 0) {
        if (t->io->has_eof) return 0;
        BIO_set_retry_read(b);
        return -1;
    }
    size_t n = t->in_len < (size_t)len ? t->in_len : (size_t)len;
    memcpy(out, t->in, n);
    t->in += n;
    t->in_len -= n;
    return (int)n;
}

static long bio_ctrl(BIO *b, int cmd, long num, void *ptr)
{
    (void)b;
    (void)num;
    (void)ptr;
    return cmd == BIO_CTRL_FLUSH || cmd == BIO_CTRL_PUSH || cmd == BIO_CTRL_POP ? 1 : 0;
}

static int bio_create(BIO *b)
{
    BIO_set_init(b, 1);
    return 1;
}

static BIO_METHOD *method(void)
{
    static BIO_METHOD *m;
    if (!m) {
        m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "kgw io");
        BIO_meth_set_write(m, bio_write);
        BIO_meth_set_read(m, bio_read);
        BIO_meth_set_ctrl(m, bio_ctrl);
        BIO_meth_set_create(m, bio_create);
    }
    return m;
}

/* Errors and the handshake --------------------------------------------------------------------------- */

static void keep_error(kgw_tls_t *t)
{
    unsigned long e = ERR_peek_last_error();
    t->verify_result = SSL_get_verify_result(t->ssl);
    if (t->verify_result != X509_V_OK) snprintf(t->err, sizeof(t->err), "%ld: %s", t->verify_result, X509_verify_cert_error_string(t->verify_result));
    else if (e) t->is_http = ERR_GET_LIB(e) == ERR_LIB_SSL && ERR_GET_REASON(e) == SSL_R_HTTP_REQUEST, ERR_error_string_n(e, t->err, sizeof(t->err));
    else snprintf(t->err, sizeof(t->err), "connection closed during the handshake");
    ERR_clear_error();
}

static void fail(kgw_tls_t *t)
{
    if (t->is_failed) return;
    t->is_failed = true;
    kgw_io_t *io = t->io;
    if (t->is_done) {
        kgw_io_deliver_error(io, UV_EPROTO);
    } else if (t->is_server) {
        kgw_io_dirty(io);
        t->on_ready(t, UV_EPROTO);
    } else {
        kgw_io_deliver_connect(io, UV_EPROTO);
    }
}

static void read_plain(kgw_tls_t *t);

static void handshake(kgw_tls_t *t)
{
    ERR_clear_error();
    int rc = SSL_do_handshake(t->ssl);
    if (t->io->wire.bytes) kgw_io_dirty(t->io);
    if (rc == 1) {
        t->is_done = true;
        if (t->is_server) t->on_ready(t, 0);
        else kgw_io_deliver_connect(t->io, 0);
        if (t->io->state != KGW_IO_OPEN) return;
        if (t->io->out.bytes) kgw_io_dirty(t->io);
        read_plain(t);
        return;
    }
    int e = SSL_get_error(t->ssl, rc);
    if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE) return;
    if (e == SSL_ERROR_WANT_X509_LOOKUP) {
        t->is_suspended = true;
        return;
    }
    keep_error(t);
    fail(t);
}

/* OpenSSL asks for the certificate: 1 go on, 0 fail, -1 suspend. */
static int on_cert(SSL *ssl, void *arg)
{
    (void)arg;
    kgw_tls_t *t = SSL_get_app_data(ssl);
    if (t->cert_done || !t->cert) return 1;
    int rc = t->cert(t);
    if (rc == KGW_AGAIN) return -1;
    t->cert_done = true;
    return rc == KGW_OK ? 1 : 0;
}

void kgw_tls_resume(kgw_tls_t *t, int rc)
{
    t->is_suspended = false;
    t->cert_done = true;
    if (rc != KGW_OK) {
        snprintf(t->err, sizeof(t->err), "certificate phase failed");
        fail(t);
        return;
    }
    if (t->held) {
        t->in = t->held->data;
        t->in_len = t->held->used;
    }
    handshake(t);
    if (t->held && t->in_len == 0) {
        kgw_block_unref(t->held);
        t->held = NULL;
    }
}

/* Filter ---------------------------------------------------------------------------------------------- */

/* Bytes that a further SSL_read would find without the network. */
static bool has_more(kgw_tls_t *t) { return t->in_len > 0 || SSL_pending(t->ssl) > 0 || (t->outer && SSL_pending(t->outer) > 0); }

static void read_plain(kgw_tls_t *t)
{
    kgw_io_t *io = t->io;
    while (io->state == KGW_IO_OPEN && !io->error) {
        kgw_block_t *b = kgw_io_deliver_block(io);
        ERR_clear_error();
        int n = SSL_read(t->ssl, b->data + b->used, (int)(b->cap - b->used));
        if (n > 0) {
            b->used += (uint32_t)n;
            kgw_io_deliver(io, b, (size_t)n);
            if (!has_more(t)) break;
            continue;
        }
        int e = SSL_get_error(t->ssl, n);
        if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE) break;
        if (e == SSL_ERROR_ZERO_RETURN) {
            io->has_eof = true;
            kgw_io_deliver_eof(io);
            break;
        }
        keep_error(t);
        fail(t);
        break;
    }
    if (io->state == KGW_IO_OPEN && io->wire.bytes) kgw_io_dirty(io);
}

static void hold(kgw_tls_t *t, const char *p, size_t n)
{
    size_t have = t->held ? t->held->used : 0;
    kgw_block_t *b = kgw_block_new_size(have + n + 1);
    if (have) memcpy(b->data, t->held->data, have);
    memcpy(b->data + have, p, n);
    b->used = (uint32_t)(have + n);
    if (t->held) kgw_block_unref(t->held);
    t->held = b;
}

static void on_wire(kgw_io_t *io, kgw_block_t *b, size_t n)
{
    kgw_tls_t *t = io->filter_data;
    if (t->is_failed) return;
    if (t->is_suspended) {
        hold(t, b->data, n);
        return;
    }
    t->in = b->data;
    t->in_len = n;
    if (!t->is_done) handshake(t);
    else read_plain(t);
    if (io->state != KGW_IO_OPEN || io->filter_data != t) return;
    if (t->is_suspended && t->in_len) hold(t, t->in, t->in_len);
    t->in_len = 0;
}

static void on_wire_eof(kgw_io_t *io)
{
    kgw_tls_t *t = io->filter_data;
    if (t->is_failed) return;
    if (t->is_done) {
        kgw_io_deliver_eof(io);
        return;
    }
    snprintf(t->err, sizeof(t->err), "connection closed during the handshake");
    fail(t);
}

static int flush(kgw_io_t *io)
{
    kgw_tls_t *t = io->filter_data;
    if (t->is_failed && t->is_plain) {
        kgw_chain_move(&io->wire, &io->out);
        return KGW_OK;
    }
    if (t->is_failed) {
        kgw_chain_clear(&io->out);
        return KGW_OK;
    }
    if (!t->is_done) return io->out.bytes ? KGW_AGAIN : KGW_OK;
    /* At most four records per flush, so that a slow reader does not make us hold everything twice. */
    for (int i = 0; i < 4 && io->out.bytes; i++) {
        struct iovec iov[8];
        int n = kgw_chain_iov(&io->out, iov, 8);
        ERR_clear_error();
        const char *p = iov[0].iov_base;
        size_t len = iov[0].iov_len;
        char record[16384];
        if (n > 1 && len < 8192) { /* join small pieces (head and body) in one record */
            len = io->out.bytes < sizeof(record) ? io->out.bytes : sizeof(record);
            size_t got = 0;
            for (int k = 0; k < n && got < len; k++) {
                size_t take = iov[k].iov_len < len - got ? iov[k].iov_len : len - got;
                memcpy(record + got, iov[k].iov_base, take);
                got += take;
            }
            len = got;
            p = record;
        }
        if (len > 16384) len = 16384;
        int rc = SSL_write(t->ssl, p, (int)len);
        if (rc <= 0) {
            int e = SSL_get_error(t->ssl, rc);
            if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE) return KGW_AGAIN;
            keep_error(t);
            fail(t);
            return KGW_ERROR;
        }
        kgw_chain_drop(&io->out, (size_t)rc);
    }
    return KGW_OK;
}

static void start(kgw_io_t *io)
{
    kgw_tls_t *t = io->filter_data;
    if (!t->is_server) handshake(t);
}

static void shutdown_filter(kgw_io_t *io)
{
    kgw_tls_t *t = io->filter_data;
    if (!t->is_done || t->is_failed || t->has_sent_notify) return;
    while (io->out.bytes && flush(io) == KGW_OK) {
    }
    t->has_sent_notify = true;
    ERR_clear_error();
    SSL_shutdown(t->ssl);
    if (t->outer) SSL_shutdown(t->outer);
    ERR_clear_error();
}

static void free_filter(kgw_io_t *io)
{
    kgw_tls_t *t = io->filter_data;
    if (t->held) kgw_block_unref(t->held);
    /* A session that ended without close_notify may still be resumed. */
    SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    if (t->outer) SSL_set_shutdown(t->outer, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); /* its BIO frees it and would say goodbye */
    SSL_free(t->ssl);
    kgw_free(t);
}

static const kgw_io_filter_t filter = {on_wire, flush, on_wire_eof, start, shutdown_filter, free_filter};

static kgw_tls_t *attach(kgw_io_t *io, kgw_tls_ctx_t *ctx)
{
    SSL *ssl = SSL_new(ctx->ssl_ctx);
    BIO *bio = ssl ? BIO_new(method()) : NULL;
    if (!bio) {
        SSL_free(ssl);
        return NULL;
    }
    kgw_tls_t *t = kgw_zalloc(sizeof(*t));
    t->ssl = ssl;
    t->io = io;
    BIO_set_data(bio, t);
    SSL_set_bio(ssl, bio, bio);
    SSL_set_app_data(ssl, t);
    kgw_io_set_filter(io, &filter, t);
    return t;
}

/* A session inside the one that the filter has: its BIO is OpenSSL's own over an SSL, so that records go through both. */
static kgw_tls_t *stack(kgw_io_t *io, kgw_tls_ctx_t *ctx)
{
    kgw_tls_t *t = io->filter_data;
    SSL *ssl = t->is_done && !t->outer ? SSL_new(ctx->ssl_ctx) : NULL;
    BIO *bio = ssl ? BIO_new(BIO_f_ssl()) : NULL;
    if (!bio) {
        SSL_free(ssl);
        return NULL;
    }
    BIO_set_ssl(bio, t->ssl, BIO_CLOSE);
    t->outer = t->ssl;
    t->ssl = ssl;
    t->is_done = false;
    t->verify_result = X509_V_OK;
    SSL_set_bio(ssl, bio, bio);
    SSL_set_app_data(ssl, t);
    return t;
}

int kgw_tls_accept(kgw_io_t *io, kgw_tls_ctx_t *ctx, void *user, int (*cert)(kgw_tls_t *), void (*on_ready)(kgw_tls_t *, int))
{
    kgw_tls_t *t = attach(io, ctx);
    if (!t) return KGW_ERROR;
    t->is_server = true;
    t->user = user;
    t->cert = cert;
    t->on_ready = on_ready;
    SSL_set_accept_state(t->ssl);
    SSL_set_cert_cb(t->ssl, on_cert, NULL);
    return KGW_OK;
}

static bool is_ip(const char *s)
{
    unsigned char tmp[16];
    return inet_pton(AF_INET, s, tmp) == 1 || inet_pton(AF_INET6, s, tmp) == 1;
}

int kgw_tls_connect(kgw_io_t *io, kgw_tls_ctx_t *ctx, const char *sni, const char *verify_name, SSL_SESSION *session)
{
    kgw_tls_t *t = io->filter ? stack(io, ctx) : attach(io, ctx);
    if (!t) return KGW_ERROR;
    SSL_set_connect_state(t->ssl);
    if (sni && *sni && !is_ip(sni)) SSL_set_tlsext_host_name(t->ssl, sni);
    if (verify_name && *verify_name) {
        X509_VERIFY_PARAM *param = SSL_get0_param(t->ssl);
        if (is_ip(verify_name)) X509_VERIFY_PARAM_set1_ip_asc(param, verify_name);
        else SSL_set1_host(t->ssl, verify_name);
    }
    if (session) SSL_set_session(t->ssl, session);
    return KGW_OK;
}

kgw_str_t kgw_tls_sni(kgw_tls_t *t) { return kgw_str_c(SSL_get_servername(t->ssl, TLSEXT_NAMETYPE_host_name)); }

kgw_str_t kgw_tls_alpn(kgw_tls_t *t)
{
    const unsigned char *p;
    unsigned n;
    SSL_get0_alpn_selected(t->ssl, &p, &n);
    return kgw_str((const char *)p, n);
}
