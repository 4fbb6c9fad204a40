/* Cosockets for ngx.socket. */
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "base/str.h"
#include <openssl/err.h>
#include <openssl/pem.h>

#include "ffi/ffi.h"
#include "vm/sock.h"
#include "vm/sock_req.h"
#include "vm/sock_udp.h"

static uint64_t to_ms(double ms) { return ms >= 1 ? (uint64_t)ms : ms > 0 ? 1 : 0; }

static int parse(kgw_addr_t *a, const char *ip, size_t len, int port)
{
    if (len > 5 && memcmp(ip, "unix:", 5) == 0) return kgw_addr_set_unix(a, kgw_str(ip + 5, len - 5));
    return kgw_addr_parse_ip(a, kgw_str(ip, len), (uint16_t)port);
}

void *kgw_ffi_sock_new(void) { return kgw_sock_new(); }
void kgw_ffi_sock_free(void *s) { kgw_sock_free(s); }
const char *kgw_ffi_sock_err(void *s) { return ((kgw_sock_t *)s)->err; }

int kgw_ffi_sock_bind(void *p, const char *ip, size_t len)
{
    kgw_sock_t *s = p;
    return kgw_addr_parse_ip(&s->bind_addr, kgw_str(ip, len), 0);
}

int kgw_ffi_sock_connect(void *s, const char *ip, size_t len, int port, const char *pool, size_t pool_len, int pool_size, int backlog, double timeout_ms)
{
    kgw_addr_t to;
    if (parse(&to, ip, len, port) != KGW_OK) return kgw_sock_error(s, "invalid address");
    kgw_pool_opts_t o = {kgw_str(pool, pool_len), pool_size, backlog};
    return kgw_sock_connect(s, &to, &o, to_ms(timeout_ms));
}

int kgw_ffi_sock_client_cert(void *p, void *chain, void *key)
{
    kgw_sock_t *s = p;
    if (s->chain) sk_X509_pop_free(s->chain, X509_free);
    EVP_PKEY_free(s->key);
    s->chain = chain ? X509_chain_up_ref(chain) : NULL;
    s->key = key;
    if (key) EVP_PKEY_up_ref(key);
    return KGW_OK;
}

/* Reading a system's whole bundle takes tens of milliseconds: the last text's certificates are kept. NULL: there is none in the text. */
static X509_STORE *trusted_store(const char *pem, size_t len)
{
    static X509_STORE *last;
    static unsigned char last_sum[32];
    unsigned char sum[32];
    EVP_Digest(pem, len, sum, NULL, EVP_sha256(), NULL);
    if (last && memcmp(sum, last_sum, sizeof(sum)) == 0) return last;
    X509_STORE *store = X509_STORE_new();
    BIO *b = BIO_new_mem_buf(pem, (int)len);
    X509 *x;
    int cnt = 0;
    while (store && b && (x = PEM_read_bio_X509(b, NULL, NULL, NULL)) != NULL) {
        cnt += X509_STORE_add_cert(store, x) == 1;
        X509_free(x);
    }
    ERR_clear_error(); /* the end of the text is no error */
    BIO_free(b);
    if (!cnt) {
        X509_STORE_free(store);
        return NULL;
    }
    X509_STORE_free(last);
    last = store;
    memcpy(last_sum, sum, sizeof(sum));
    return store;
}

/* PEM certificates that this socket's peer may be signed by. s NULL: only reads them, so that the first socket need not wait. KGW_ERROR: none. */
int kgw_ffi_sock_trust(void *p, const char *pem, size_t len, int depth)
{
    kgw_sock_t *s = p;
    X509_STORE *store = trusted_store(pem, len);
    if (!store) return KGW_ERROR;
    if (!s) return KGW_OK;
    X509_STORE_free(s->trusted);
    X509_STORE_up_ref(store);
    s->trusted = store;
    s->trusted_depth = depth;
    return KGW_OK;
}

/* The next handshake runs inside the TLS session that the connection has. */
void kgw_ffi_sock_tunnel(void *s) { ((kgw_sock_t *)s)->is_tunnel = true; }

int kgw_ffi_sock_handshake(void *s, const char *name, size_t len, int verify, void *session, double timeout_ms)
{
    kgw_handshake_t h = {kgw_str(name, len), verify, session};
    return kgw_sock_handshake(s, &h, to_ms(timeout_ms));
}

static SSL *ssl_of(kgw_sock_t *s) { return s->conn && s->conn->io.filter ? kgw_io_tls(&s->conn->io)->ssl : NULL; }

/* Referenced; NULL without TLS. */
void *kgw_ffi_sock_session(void *s)
{
    SSL *ssl = ssl_of(s);
    return ssl ? SSL_get1_session(ssl) : NULL;
}

void kgw_ffi_session_free(void *session) { SSL_SESSION_free(session); }
void *kgw_ffi_sock_ssl(void *s) { return ssl_of(s); }
int kgw_ffi_sock_send(void *s, const char *ptr, size_t len, double timeout_ms) { return kgw_sock_send(s, ptr, len, to_ms(timeout_ms)); }

/* KGW_OK or KGW_DONE (the pattern was reached) with the result, KGW_AGAIN, or KGW_ERROR with what came before it. */
int kgw_ffi_sock_receive(void *p, int mode, double want, const char *pat, size_t pat_len, int inclusive, double timeout_ms, kgw_ffi_str_t *out)
{
    kgw_sock_t *s = p;
    out->ptr = NULL;
    int rc = kgw_sock_receive_begin(s);
    if (rc != KGW_OK) return rc;
    kgw_recv_begin(&s->conn->recv, (unsigned)mode, (size_t)want, pat, pat_len, inclusive);
    rc = kgw_sock_receive(s, to_ms(timeout_ms));
    return rc == KGW_AGAIN ? rc : kgw_ffi_sock_received(s, rc, out);
}

int kgw_ffi_sock_received(void *s, int rc, kgw_ffi_str_t *out)
{
    kgw_str_t got;
    rc = kgw_sock_received(s, rc, &got);
    put(out, got);
    return rc;
}

int kgw_ffi_sock_keepalive(void *s, double idle_ms, int size) { return kgw_sock_keepalive(s, to_ms(idle_ms), size); }
int kgw_ffi_sock_close(void *s) { return kgw_sock_close(s); }

/* Times the connection came out of a pool, -1 when there is none. */
int kgw_ffi_sock_reused(void *p)
{
    kgw_sock_t *s = p;
    return s->conn && s->state == KGW_SOCK_OPEN && !(s->read_closed && s->write_closed) ? (int)s->conn->reused : -1;
}

static int fd_of(kgw_sock_t *s) { return s->conn && s->state == KGW_SOCK_OPEN ? s->conn->io.fd : -1; }

/* option: 0 keepalive, 1 reuseaddr, 2 tcp-nodelay, 3 sndbuf, 4 rcvbuf */
int kgw_ffi_sock_option(void *p, int option, int set, int *value)
{
    static const struct {
        int level, name;
    } options[] = {{SOL_SOCKET, SO_KEEPALIVE}, {SOL_SOCKET, SO_REUSEADDR}, {IPPROTO_TCP, TCP_NODELAY}, {SOL_SOCKET, SO_SNDBUF}, {SOL_SOCKET, SO_RCVBUF}};
    int fd = fd_of(p);
    if (fd < 0) return kgw_sock_error(p, "closed");
    if (option < 0 || option >= (int)KGW_ARRAY_LEN(options)) return KGW_ERROR;
    socklen_t len = sizeof(*value);
    int rc = set ? setsockopt(fd, options[option].level, options[option].name, value, len) : getsockopt(fd, options[option].level, options[option].name, value, &len);
    return rc == 0 ? KGW_OK : kgw_sock_error(p, "setsockopt failed");
}

/* Downstream -------------------------------------------------------------------------------------------- */

/* NULL with a text. */
void *kgw_ffi_rsock_new(int raw, kgw_ffi_str_t *err)
{
    const char *why;
    kgw_rsock_t *s = kgw_rsock_new(cur_req(), raw, &why);
    if (!s) put(err, kgw_str_c(why));
    return s;
}

void kgw_ffi_rsock_free(void *s) { kgw_rsock_free(s); }
const char *kgw_ffi_rsock_err(void *s) { return ((kgw_rsock_t *)s)->err; }
int kgw_ffi_rsock_send(void *s, const char *ptr, size_t len, double timeout_ms) { return kgw_rsock_send(s, ptr, len, to_ms(timeout_ms)); }

int kgw_ffi_rsock_receive(void *p, int mode, double want, const char *pat, size_t pat_len, int inclusive, double timeout_ms, kgw_ffi_str_t *out)
{
    kgw_rsock_t *s = p;
    out->ptr = NULL;
    int rc = kgw_rsock_receive_begin(s);
    if (rc != KGW_OK) return rc;
    kgw_recv_begin(&s->recv, (unsigned)mode, (size_t)want, pat, pat_len, inclusive);
    rc = kgw_rsock_receive(s, to_ms(timeout_ms));
    return rc == KGW_AGAIN ? rc : kgw_ffi_rsock_received(s, rc, out);
}

int kgw_ffi_rsock_received(void *s, int rc, kgw_ffi_str_t *out)
{
    kgw_str_t got;
    rc = kgw_rsock_received(s, rc, &got);
    put(out, got);
    return rc;
}

/* UDP ------------------------------------------------------------------------------------------------- */

static int udp_error(int err, kgw_ffi_str_t *out)
{
    static char text[128];
    put(out, kgw_str_c(kgw_sock_strerror(err, text)));
    return KGW_ERROR;
}

void *kgw_ffi_udp_new(void) { return kgw_usock_new(); }
void kgw_ffi_udp_free(void *u) { kgw_usock_free(u); }

int kgw_ffi_udp_bind(void *u, const char *ip, size_t len)
{
    kgw_addr_t from;
    if (kgw_addr_parse_ip(&from, kgw_str(ip, len), 0) != KGW_OK) return KGW_ERROR;
    kgw_usock_bind(u, &from);
    return KGW_OK;
}

int kgw_ffi_udp_connect(void *u, const char *ip, size_t len, int port, kgw_ffi_str_t *err)
{
    kgw_addr_t to;
    if (parse(&to, ip, len, port) != KGW_OK) return udp_error(UV_EINVAL, err);
    int rc = kgw_usock_connect(u, &to);
    return rc == 0 ? KGW_OK : udp_error(rc, err);
}

/* Bytes sent; KGW_CLOSED or KGW_ERROR. */
int kgw_ffi_udp_send(void *u, const char *ptr, size_t len, kgw_ffi_str_t *err)
{
    if (!kgw_usock_is_open(u)) return KGW_CLOSED;
    int rc = kgw_usock_send(u, ptr, len);
    return rc >= 0 ? rc : udp_error(rc, err);
}

/* KGW_OK with a datagram, KGW_AGAIN (an op_rc of KGW_OK: call again), KGW_CLOSED, KGW_DECLINED (busy) or KGW_ERROR with its text. */
int kgw_ffi_udp_receive(void *u, size_t max, double timeout_ms, kgw_ffi_str_t *out)
{
    if (!kgw_usock_is_open(u)) return KGW_CLOSED;
    if (kgw_usock_is_busy(u)) return KGW_DECLINED;
    kgw_str_t got;
    int err;
    int rc = kgw_usock_receive(u, max, to_ms(timeout_ms), &got, &err);
    if (rc == KGW_OK) put(out, got);
    return rc == KGW_ERROR ? udp_error(err, out) : rc;
}

int kgw_ffi_udp_close(void *u)
{
    if (!kgw_usock_is_open(u)) return KGW_CLOSED;
    if (kgw_usock_is_busy(u)) return KGW_DECLINED;
    kgw_usock_close(u);
    return KGW_OK;
}
