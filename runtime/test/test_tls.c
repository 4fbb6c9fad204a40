/* The TLS filter with both ends in one loop: handshakes (suspended ones too), data, verification, plain text by mistake. */
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "ktest.h"
#include "net/listener.h"
#include "net/tls.h"

static kgw_loop_t loop;
static kgw_listener_t listener;
static uint16_t port;
static char cert_pem[4096], key_pem[2048];
static kgw_tls_ctx_t *server_ctx;

typedef struct {
    kgw_io_t io;
    kgw_block_t *in;
    size_t got;
    uint32_t sum; /* of the bytes */
    int connect_err, ready_err;
    bool is_connected, is_ready, has_eof, has_error, is_closed;
} end_t;
static end_t client, server;
static bool wants_suspension;
static kgw_tls_t *suspended;
static unsigned cert_calls;

static end_t *end_of(kgw_io_t *io) { return container_of(io, end_t, io); }
static kgw_block_t *on_alloc(kgw_io_t *io)
{
    end_t *e = end_of(io);
    if (e->in) kgw_block_unref(e->in);
    e->in = kgw_block_new();
    return e->in;
}
static void on_bytes(kgw_io_t *io, kgw_block_t *b, size_t n)
{
    end_t *e = end_of(io);
    e->got += n;
    for (size_t i = 0; i < n; i++) e->sum = e->sum * 31 + (unsigned char)b->data[b->used - n + i];
}
static void on_eof(kgw_io_t *io) { end_of(io)->has_eof = true; }
static void on_error(kgw_io_t *io, int err)
{
    (void)err;
    end_of(io)->has_error = true;
}
static void on_connect(kgw_io_t *io, int err)
{
    end_of(io)->is_connected = true;
    end_of(io)->connect_err = err;
}
static void on_drain(kgw_io_t *io) { (void)io; }
static void on_closed(kgw_io_t *io)
{
    end_t *e = end_of(io);
    if (e->in) kgw_block_unref(e->in);
    e->in = NULL;
    e->is_closed = true;
}
static const kgw_io_ops_t ops = {on_alloc, on_bytes, on_eof, on_error, on_connect, on_drain, on_closed};

static int on_cert(kgw_tls_t *t)
{
    cert_calls++;
    if (!wants_suspension) return KGW_OK;
    suspended = t;
    return KGW_AGAIN;
}
static void on_ready(kgw_tls_t *t, int err)
{
    end_t *e = t->user;
    e->is_ready = true;
    e->ready_err = err;
}

static void on_accept(kgw_listener_t *l)
{
    memset(&server, 0, sizeof(server));
    kgw_io_init(&server.io, &loop, &ops);
    KGW_ASSERT(kgw_io_accept(&server.io, &l->stream, l->accepted, false) == KGW_OK);
    KGW_ASSERT(kgw_tls_accept(&server.io, server_ctx, &server, on_cert, on_ready) == KGW_OK);
    kgw_io_read_start(&server.io);
}

static void make_certificate(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -60);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)"here.test", -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    X509V3_CTX v3;
    X509V3_set_ctx(&v3, x, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &v3, NID_subject_alt_name, "DNS:here.test");
    X509_add_ext(x, e, -1);
    X509_EXTENSION_free(e);
    X509_sign(x, key, EVP_sha256());
    BIO *c = BIO_new(BIO_s_mem()), *k = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(c, x);
    PEM_write_bio_PrivateKey(k, key, NULL, NULL, 0, NULL, NULL);
    BIO_read(c, cert_pem, sizeof(cert_pem) - 1);
    BIO_read(k, key_pem, sizeof(key_pem) - 1);
    BIO_free(c);
    BIO_free(k);
    X509_free(x);
    EVP_PKEY_free(key);
}

static void init(void)
{
    static bool is_ready;
    if (is_ready) return;
    is_ready = true;
    kgw_log_level = KGW_LOG_EMERG;
    kgw_clock_update();
    KGW_ASSERT(kgw_loop_init(&loop) == KGW_OK);
    make_certificate();
    kgw_tls_server_conf_t s = {.certs = {cert_pem}, .keys = {key_pem}, .cert_cnt = 1};
    char err[256] = "";
    server_ctx = kgw_tls_ctx_server(&s, err, sizeof(err));
    KGW_ASSERT(server_ctx);
    KGW_ASSERT(kgw_addr_parse_ip(&listener.addr, KGW_STR("127.0.0.1"), 0) == KGW_OK);
    listener.fd = kgw_listener_bind(&listener);
    listener.on_accept = on_accept;
    kgw_addr_t at = {.len = sizeof(at.ss)};
    getsockname(listener.fd, &at.sa, &at.len);
    port = kgw_addr_port(&at);
    KGW_ASSERT(kgw_listener_start(&listener, &loop) == KGW_OK);
}

/* Turns the loop until the condition holds (or 5 s have passed). */
#define RUN_UNTIL(cond)                                                                                                                                                            \
    do {                                                                                                                                                                           \
        uint64_t run_end = kgw_clock_mono_us() + 5000000;                                                                                                                          \
        while (!(cond) && kgw_clock_mono_us() < run_end) uv_run(&loop.uv, UV_RUN_NOWAIT);                                                                                          \
        EXPECT(cond);                                                                                                                                                              \
    } while (0)

static void dial(const kgw_tls_client_conf_t *c, const char *key, const char *verify_name)
{
    init();
    char err[256];
    kgw_addr_t to;
    memset(&client, 0, sizeof(client));
    memset(&server, 0, sizeof(server));
    kgw_io_init(&client.io, &loop, &ops);
    if (c) {
        kgw_tls_ctx_t *ctx = kgw_tls_ctx_client(key, c, err, sizeof(err));
        KGW_ASSERT(ctx && kgw_tls_connect(&client.io, ctx, "here.test", verify_name, NULL) == KGW_OK);
        kgw_tls_ctx_unref(ctx);
    }
    KGW_ASSERT(kgw_addr_parse_ip(&to, KGW_STR("127.0.0.1"), port) == KGW_OK && kgw_io_connect(&client.io, &to, NULL) == KGW_OK);
}

static void hang_up(void)
{
    kgw_io_close(&client.io);
    if (server.io.state == KGW_IO_OPEN) kgw_io_close(&server.io);
    RUN_UNTIL(client.is_closed && (server.is_closed || !server.io.loop));
}

static void send_much(end_t *from, end_t *to)
{
    static char piece[10000];
    uint32_t sum = 0;
    size_t total = 0;
    for (int i = 0; i < 100; i++) {
        size_t len = ktest_random() % sizeof(piece) + 1;
        for (size_t k = 0; k < len; k++) {
            piece[k] = (char)ktest_random();
            sum = sum * 31 + (unsigned char)piece[k];
        }
        kgw_io_write_copy(&from->io, piece, len);
        total += len;
        uv_run(&loop.uv, UV_RUN_NOWAIT);
    }
    RUN_UNTIL(to->got == total);
    EXPECT_EQ(sum, to->sum);
}

static const kgw_tls_client_conf_t plain_conf = {.verify_depth = -1};

TEST(data_both_ways)
{
    dial(&plain_conf, "plain", NULL);
    RUN_UNTIL(client.is_connected && server.is_ready);
    EXPECT_EQ(0, client.connect_err);
    EXPECT_EQ(0, server.ready_err);
    EXPECT_STR("here.test", kgw_tls_sni(kgw_io_tls(&server.io)));
    kgw_io_read_start(&client.io);
    send_much(&client, &server);
    send_much(&server, &client);
    hang_up();
}

TEST(end_of_stream_is_seen)
{
    dial(&plain_conf, "plain", NULL);
    RUN_UNTIL(client.is_connected && server.is_ready);
    kgw_io_read_start(&client.io);
    kgw_io_write_copy(&server.io, "last words", 10);
    kgw_io_close_after_flush(&server.io);
    RUN_UNTIL(client.has_eof);
    EXPECT_EQ(10, client.got);
    hang_up();
}

TEST(handshake_waits_for_the_certificate_phase)
{
    wants_suspension = true;
    cert_calls = 0;
    dial(&plain_conf, "plain", NULL);
    RUN_UNTIL(suspended != NULL);
    for (int i = 0; i < 50; i++) uv_run(&loop.uv, UV_RUN_NOWAIT);
    EXPECT(!client.is_connected && !server.is_ready);
    kgw_tls_t *t = suspended;
    suspended = NULL;
    kgw_tls_resume(t, KGW_OK);
    RUN_UNTIL(client.is_connected && server.is_ready);
    EXPECT_EQ(0, client.connect_err);
    EXPECT_EQ(1, cert_calls);
    wants_suspension = false;
    send_much(&client, &server);
    hang_up();
}

TEST(refused_certificate_phase_ends_the_handshake)
{
    wants_suspension = true;
    dial(&plain_conf, "plain", NULL);
    RUN_UNTIL(suspended != NULL);
    kgw_tls_t *t = suspended;
    suspended = NULL;
    wants_suspension = false;
    kgw_tls_resume(t, KGW_ERROR);
    EXPECT(server.is_ready && server.ready_err != 0);
    kgw_io_close_after_flush(&server.io);
    RUN_UNTIL(client.is_connected);
    EXPECT(client.connect_err != 0);
    hang_up();
}

TEST(verification)
{
    kgw_tls_client_conf_t c = {.verify = true, .verify_depth = -1, .ca_file = cert_pem};
    init();
    dial(&c, "trusts", "here.test");
    RUN_UNTIL(client.is_connected);
    EXPECT_EQ(0, client.connect_err);
    hang_up();
    dial(&c, "trusts", "elsewhere.test");
    RUN_UNTIL(client.is_connected);
    EXPECT(client.connect_err != 0);
    EXPECT(strstr(kgw_io_tls(&client.io)->err, "ostname mismatch") != NULL);
    hang_up();
    kgw_tls_client_conf_t none = {.verify = true, .verify_depth = -1};
    dial(&none, "trusts nobody", "here.test");
    RUN_UNTIL(client.is_connected);
    EXPECT(client.connect_err != 0);
    hang_up();
}

TEST(plain_http_on_a_tls_port_is_recognised)
{
    dial(NULL, NULL, NULL);
    RUN_UNTIL(client.is_connected);
    kgw_io_write_copy(&client.io, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27);
    RUN_UNTIL(server.is_ready);
    EXPECT(server.ready_err != 0);
    EXPECT(kgw_io_tls(&server.io)->is_http);
    hang_up();
}

TEST(hello_in_single_bytes)
{
    /* The bytes of a real hello, sent one by one. */
    init();
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(ctx);
    BIO *out = BIO_new(BIO_s_mem()), *in = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl, in, out);
    SSL_set_connect_state(ssl);
    SSL_do_handshake(ssl);
    char hello[2048];
    int len = BIO_read(out, hello, sizeof(hello));
    EXPECT(len > 50);
    dial(NULL, NULL, NULL);
    RUN_UNTIL(client.is_connected);
    kgw_io_read_start(&client.io);
    for (int i = 0; i < len; i++) {
        kgw_io_write_copy(&client.io, hello + i, 1);
        uv_run(&loop.uv, UV_RUN_NOWAIT);
    }
    RUN_UNTIL(client.got > 100); /* the server's answer */
    EXPECT(!server.is_ready);
    hang_up();
    SSL_free(ssl);
    SSL_CTX_free(ctx);
}
