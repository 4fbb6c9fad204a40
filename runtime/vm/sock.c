/* See sock.h. Reading happens only while a coroutine waits for bytes, or while the connection is idle in a pool. */
#include "vm/sock.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/freelist.h"
#include "base/settings.h"
#include "base/str.h"
#include "vm/vm.h"

#define LAST_BYTES_MS 10000

static kgw_freelist_t conns = {sizeof(kgw_sconn_t), 64, 0, 0, NULL};
static const kgw_io_ops_t io_ops;

const char *kgw_sock_strerror(int err, char *out)
{
    if (err == UV_ETIMEDOUT) return "timeout";
    if (err == UV_EOF) return "closed";
    char tmp[128];
    const char *text = strerror_r(-err, tmp, sizeof(tmp));
    size_t n = 0;
    for (; text[n] && n < 127; n++) out[n] = (char)tolower((unsigned char)text[n]);
    out[n] = 0;
    return out;
}

int kgw_sock_error(kgw_sock_t *s, const char *text)
{
    snprintf(s->err, sizeof(s->err), "%s", text);
    return KGW_ERROR;
}

static void set_errno(kgw_sock_t *s, int err)
{
    char out[128];
    kgw_sock_error(s, kgw_sock_strerror(err, out));
}

/* Connections ----------------------------------------------------------------------------------------- */

static void on_conn_timer(kgw_timer_t *t)
{
    kgw_sconn_t *c = container_of(t, kgw_sconn_t, timer);
    if (c->is_idle) kgw_sconn_close(c);
    else kgw_io_close(&c->io);
}

static kgw_sconn_t *new_conn(void)
{
    kgw_sconn_t *c = kgw_freelist_get(&conns);
    memset(c, 0, sizeof(*c));
    kgw_io_init(&c->io, kgw_vm->loop, &io_ops);
    kgw_list_init(&c->node);
    kgw_timer_init(&c->timer, on_conn_timer);
    return c;
}

void kgw_sconn_close(kgw_sconn_t *c)
{
    if (c->sock) c->sock->conn = NULL;
    c->sock = NULL;
    kgw_spool_leave(c);
    kgw_io_read_stop(&c->io);
    if (c->io.state == KGW_IO_OPEN && !c->io.error && !c->has_eof) {
        kgw_timer_start(kgw_vm->loop, &c->timer, LAST_BYTES_MS);
        kgw_io_close_after_flush(&c->io);
    } else {
        kgw_io_close(&c->io);
    }
}

static void drop_conn(kgw_sock_t *s)
{
    if (s->conn) kgw_sconn_close(s->conn);
    s->state = KGW_SOCK_CLOSED;
    s->read_closed = s->write_closed = true;
}

static void adopt(kgw_sock_t *s, kgw_sconn_t *c)
{
    kgw_io_read_stop(&c->io);
    c->sock = s;
    s->conn = c;
    s->state = KGW_SOCK_OPEN;
    s->read_closed = s->write_closed = s->is_tunnel = false;
}

static void end_write(kgw_sock_t *s, int rc)
{
    kgw_timer_stop(kgw_vm->loop, &s->write_timer);
    kgw_op_complete(&s->write_op, rc);
}

static void end_read(kgw_sock_t *s, int rc)
{
    kgw_timer_stop(kgw_vm->loop, &s->read_timer);
    if (s->conn) kgw_io_read_stop(&s->conn->io);
    kgw_op_complete(&s->read_op, rc);
}

/* Timers and cancellation ------------------------------------------------------------------------------ */

static void on_read_timer(kgw_timer_t *t) { end_read(container_of(t, kgw_sock_t, read_timer), KGW_TIMEOUT); }

static void on_write_timer(kgw_timer_t *t)
{
    kgw_sock_t *s = container_of(t, kgw_sock_t, write_timer);
    if (s->state == KGW_SOCK_OPEN && s->conn && s->conn->io.bytes_out != s->sent_mark) { /* slow, but it goes on */
        s->sent_mark = s->conn->io.bytes_out;
        kgw_timer_start(kgw_vm->loop, &s->write_timer, s->write_ms);
        return;
    }
    kgw_sock_error(s, "timeout");
    if (s->state == KGW_SOCK_QUEUED) kgw_spool_unwait(s);
    if (s->state != KGW_SOCK_OPEN) drop_conn(s);
    else s->write_closed = true;
    end_write(s, KGW_TIMEOUT);
}

static void cancel_read(kgw_op_t *op)
{
    kgw_sock_t *s = container_of(op, kgw_sock_t, read_op);
    kgw_timer_stop(kgw_vm->loop, &s->read_timer);
    if (s->conn) kgw_io_read_stop(&s->conn->io);
}

static void cancel_write(kgw_op_t *op)
{
    kgw_sock_t *s = container_of(op, kgw_sock_t, write_op);
    kgw_timer_stop(kgw_vm->loop, &s->write_timer);
    if (s->state == KGW_SOCK_QUEUED) kgw_spool_unwait(s);
    if (s->state != KGW_SOCK_OPEN) drop_conn(s);
}

static int wait_write(kgw_sock_t *s, uint64_t timeout_ms)
{
    kgw_op_begin(&s->write_op, cancel_write);
    s->write_ms = timeout_ms;
    if (timeout_ms) kgw_timer_start(kgw_vm->loop, &s->write_timer, timeout_ms);
    return KGW_AGAIN;
}

kgw_sock_t *kgw_sock_new(void)
{
    kgw_sock_t *s = kgw_zalloc(sizeof(*s));
    kgw_timer_init(&s->read_timer, on_read_timer);
    kgw_timer_init(&s->write_timer, on_write_timer);
    kgw_list_init(&s->wait_node);
    kgw_list_init(&s->owner_node);
    if (kgw_cur.req) kgw_list_push_back(&kgw_cur.req->socks, &s->owner_node);
    s->read_closed = s->write_closed = true;
    return s;
}

void kgw_sock_free(kgw_sock_t *s)
{
    KGW_DCHECK(!s->read_op.co && !s->write_op.co);
    kgw_list_remove(&s->owner_node);
    if (s->conn) drop_conn(s);
    if (s->chain) sk_X509_pop_free(s->chain, X509_free);
    X509_STORE_free(s->trusted);
    EVP_PKEY_free(s->key);
    kgw_free(s);
}

void kgw_sock_close_all(kgw_list_t *socks)
{
    kgw_list_t *n;
    while ((n = kgw_list_pop_front(socks)) != NULL) {
        kgw_sock_t *s = container_of(n, kgw_sock_t, owner_node);
        if (s->conn && !s->read_op.co && !s->write_op.co) drop_conn(s);
    }
}

/* What the io reports ---------------------------------------------------------------------------------- */

static kgw_block_t *on_alloc(kgw_io_t *io) { return kgw_recv_alloc(&container_of(io, kgw_sconn_t, io)->recv); }

static void on_progress(kgw_sconn_t *c)
{
    kgw_sock_t *s = c->sock;
    if (!s || !s->read_op.co) return;
    int rc = kgw_recv_check(&c->recv, c->has_eof);
    if (rc != KGW_AGAIN) end_read(s, rc);
    else if (s->read_ms) kgw_timer_start(kgw_vm->loop, &s->read_timer, s->read_ms);
}

static void on_bytes(kgw_io_t *io, kgw_block_t *b, size_t n)
{
    kgw_sconn_t *c = container_of(io, kgw_sconn_t, io);
    (void)b;
    (void)n;
    if (c->is_idle) kgw_sconn_close(c); /* nobody asked */
    else if (c->sock) on_progress(c);
    else c->recv.in->start = c->recv.in->used; /* closing */
}

static void on_eof(kgw_io_t *io)
{
    kgw_sconn_t *c = container_of(io, kgw_sconn_t, io);
    c->has_eof = true;
    if (c->is_idle) kgw_sconn_close(c);
    else on_progress(c);
}

static void on_error(kgw_io_t *io, int err)
{
    kgw_sconn_t *c = container_of(io, kgw_sconn_t, io);
    kgw_sock_t *s = c->sock;
    if (!s) {
        if (c->is_idle) kgw_sconn_close(c);
        else kgw_io_close(io);
        return;
    }
    set_errno(s, err);
    s->write_closed = true;
    if (s->state != KGW_SOCK_OPEN) drop_conn(s);
    if (s->read_op.co) end_read(s, KGW_ERROR);
    else s->read_closed = true;
    if (s->write_op.co) end_write(s, KGW_ERROR);
}

static void handshake_error(kgw_sock_t *s, int err)
{
    kgw_tls_t *tls = kgw_io_tls(&s->conn->io);
    if (SSL_get_verify_mode(tls->ssl) != SSL_VERIFY_NONE && tls->verify_result == X509_V_ERR_HOSTNAME_MISMATCH) kgw_sock_error(s, "certificate host mismatch");
    else if (SSL_get_verify_mode(tls->ssl) != SSL_VERIFY_NONE && tls->verify_result != X509_V_OK) kgw_sock_error(s, tls->err);
    else if (s->conn->io.has_eof) kgw_sock_error(s, "closed");
    else if (err != UV_EPROTO) set_errno(s, err);
    else kgw_sock_error(s, "handshake failed");
}

static void on_connect(kgw_io_t *io, int err)
{
    kgw_sconn_t *c = container_of(io, kgw_sconn_t, io);
    kgw_sock_t *s = c->sock;
    if (!s) return;
    if (err) {
        if (s->state == KGW_SOCK_HANDSHAKE) handshake_error(s, err);
        else set_errno(s, err);
        drop_conn(s);
        end_write(s, KGW_ERROR);
        return;
    }
    if (s->state == KGW_SOCK_HANDSHAKE) kgw_io_read_stop(io);
    s->state = KGW_SOCK_OPEN;
    s->read_closed = s->write_closed = false;
    end_write(s, KGW_OK);
}

static void on_drain(kgw_io_t *io)
{
    kgw_sconn_t *c = container_of(io, kgw_sconn_t, io);
    if (c->sock && c->sock->write_op.co) end_write(c->sock, KGW_OK);
}

static void on_closed(kgw_io_t *io)
{
    kgw_sconn_t *c = container_of(io, kgw_sconn_t, io);
    if (c->sock) { /* closed from below */
        c->sock->conn = NULL;
        c->sock->state = KGW_SOCK_CLOSED;
    }
    kgw_spool_leave(c);
    kgw_timer_stop(kgw_vm->loop, &c->timer);
    kgw_recv_fini(&c->recv);
    kgw_freelist_put(&conns, c);
}

static const kgw_io_ops_t io_ops = {on_alloc, on_bytes, on_eof, on_error, on_connect, on_drain, on_closed};

/* Calls ------------------------------------------------------------------------------------------------ */

static bool is_busy(kgw_sock_t *s, bool reading, bool writing)
{
    if (s->write_op.co && s->state != KGW_SOCK_OPEN) kgw_sock_error(s, "socket busy connecting");
    else if (reading && s->read_op.co) kgw_sock_error(s, "socket busy reading");
    else if (writing && s->write_op.co) kgw_sock_error(s, "socket busy writing");
    else return false;
    return true;
}

static int open_conn(kgw_sock_t *s, const kgw_addr_t *to, kgw_spool_t *p, uint64_t timeout_ms)
{
    kgw_sconn_t *c = new_conn();
    c->sock = s;
    s->conn = c;
    s->state = KGW_SOCK_CONNECTING;
    if (p) kgw_spool_join(p, c);
    if (kgw_io_connect(&c->io, to, s->bind_addr.len ? &s->bind_addr : NULL) != KGW_OK) {
        set_errno(s, c->io.error);
        drop_conn(s);
        return KGW_ERROR;
    }
    return wait_write(s, timeout_ms);
}

int kgw_sock_connect(kgw_sock_t *s, const kgw_addr_t *to, const kgw_pool_opts_t *o, uint64_t timeout_ms)
{
    if (is_busy(s, true, true)) return KGW_ERROR;
    if (s->conn) drop_conn(s);
    kgw_spool_t *p = kgw_spool_get(o);
    kgw_sconn_t *c = kgw_spool_take(p);
    bool too_many;
    int rc;
    if (c) {
        adopt(s, c);
        rc = KGW_OK;
    } else if (!kgw_spool_is_full(p, &too_many)) {
        rc = open_conn(s, to, p, timeout_ms);
    } else if (too_many) {
        rc = kgw_sock_error(s, "too many waiting connect operations");
    } else {
        s->state = KGW_SOCK_QUEUED;
        kgw_spool_wait(p, s);
        rc = wait_write(s, timeout_ms);
    }
    kgw_spool_unref(p);
    return rc;
}

static kgw_tls_ctx_t *client_ctx(bool verify, char *err, size_t err_len)
{
    const char *depth = kgw_settings_get("lua_ssl_verify_depth"), *protocols = kgw_settings_get("lua_ssl_protocols");
    kgw_tls_client_conf_t conf = {
        .protocols = protocols ? protocols : "TLSv1.2 TLSv1.3",
        .verify = verify,
        .verify_depth = depth ? atoi(depth) : 1,
        .ca_file = verify ? kgw_settings_get("lua_ssl_trusted_certificate") : NULL,
    };
    return kgw_tls_ctx_client(verify ? "cosocket verify" : "cosocket", &conf, err, err_len);
}

static bool use_client_cert(kgw_sock_t *s, SSL *ssl)
{
    if (!s->chain || !s->key) return true;
    if (sk_X509_num(s->chain) < 1 || SSL_use_certificate(ssl, sk_X509_value(s->chain, 0)) != 1 || SSL_use_PrivateKey(ssl, s->key) != 1) return false;
    for (int i = 1; i < sk_X509_num(s->chain); i++)
        if (SSL_add1_chain_cert(ssl, sk_X509_value(s->chain, i)) != 1) return false;
    return true;
}

int kgw_sock_handshake(kgw_sock_t *s, const kgw_handshake_t *h, uint64_t timeout_ms)
{
    if (is_busy(s, true, true)) return KGW_ERROR;
    if (!s->conn || s->read_closed || s->write_closed) return kgw_sock_error(s, "closed");
    kgw_io_t *io = &s->conn->io;
    if (io->filter && !s->is_tunnel) return KGW_OK; /* it is a pooled connection that has one */
    s->is_tunnel = false;
    kgw_tls_ctx_t *ctx = client_ctx(h->verify, s->err, sizeof(s->err));
    if (!ctx) return KGW_ERROR;
    char name[256];
    snprintf(name, sizeof(name), "%.*s", (int)h->name.len, h->name.ptr ? h->name.ptr : "");
    int rc = kgw_tls_connect(io, ctx, name[0] ? name : NULL, h->verify && name[0] ? name : NULL, h->session);
    kgw_tls_ctx_unref(ctx);
    if (rc != KGW_OK) return kgw_sock_error(s, "SSL_new() failed");
    if (s->trusted) {
        SSL_set1_verify_cert_store(kgw_io_tls(io)->ssl, s->trusted);
        SSL_set_verify_depth(kgw_io_tls(io)->ssl, s->trusted_depth);
    }
    if (!use_client_cert(s, kgw_io_tls(io)->ssl)) {
        drop_conn(s);
        return kgw_sock_error(s, "SSL_use_certificate() failed");
    }
    s->state = KGW_SOCK_HANDSHAKE;
    rc = wait_write(s, timeout_ms);
    kgw_io_read_start(io);
    io->filter->start(io);
    return rc;
}

int kgw_sock_send(kgw_sock_t *s, const char *ptr, size_t len, uint64_t timeout_ms)
{
    if (is_busy(s, false, true)) return KGW_ERROR;
    if (!s->conn || s->write_closed) return kgw_sock_error(s, "closed");
    kgw_io_t *io = &s->conn->io;
    kgw_io_write_copy(io, ptr, len);
    kgw_io_flush(io);
    if (!s->conn || s->write_closed) return KGW_ERROR;
    if (kgw_io_pending(io) <= KGW_IO_LOW) return KGW_OK;
    io->was_congested = true; /* on_drain tells when it is out */
    s->sent_mark = io->bytes_out;
    return wait_write(s, timeout_ms);
}

int kgw_sock_receive_begin(kgw_sock_t *s)
{
    if (is_busy(s, true, false)) return KGW_ERROR;
    if (!s->conn || s->read_closed) return kgw_sock_error(s, "closed");
    return KGW_OK;
}

int kgw_sock_receive(kgw_sock_t *s, uint64_t timeout_ms)
{
    int rc = kgw_recv_check(&s->conn->recv, s->conn->has_eof);
    if (rc != KGW_AGAIN) return rc;
    kgw_op_begin(&s->read_op, cancel_read);
    s->read_ms = timeout_ms;
    if (timeout_ms) kgw_timer_start(kgw_vm->loop, &s->read_timer, timeout_ms);
    kgw_io_read_start(&s->conn->io);
    return KGW_AGAIN;
}

int kgw_sock_received(kgw_sock_t *s, int rc, kgw_str_t *out)
{
    *out = KGW_STR_NULL;
    if (rc == KGW_TIMEOUT) kgw_sock_error(s, "timeout");
    else if (rc == KGW_CLOSED) kgw_sock_error(s, "closed");
    if (!s->conn) return KGW_ERROR;
    if (rc == KGW_OK) {
        bool reached = s->conn->recv.has_reached;
        *out = kgw_recv_take(&s->conn->recv);
        return reached ? KGW_DONE : KGW_OK;
    }
    *out = kgw_recv_take_partial(&s->conn->recv);
    if (rc != KGW_TIMEOUT) s->read_closed = true;
    return KGW_ERROR;
}

/* Whether bytes or the end wait in the kernel: KGW_AGAIN no, KGW_OK bytes, KGW_CLOSED the end. */
static int peek(int fd)
{
    char byte;
    ssize_t n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n > 0 ? KGW_OK : n < 0 && (errno == EAGAIN || errno == EINTR) ? KGW_AGAIN : KGW_CLOSED;
}

int kgw_sock_keepalive(kgw_sock_t *s, uint64_t idle_ms, int size)
{
    if (is_busy(s, true, true)) return KGW_ERROR;
    kgw_sconn_t *c = s->conn;
    if (!c || s->read_closed || s->write_closed || c->has_eof) return kgw_sock_error(s, "closed");
    if (kgw_recv_left(&c->recv)) return kgw_sock_error(s, "unread data in buffer");
    int there = peek(c->io.fd);
    if (there == KGW_CLOSED) return kgw_sock_error(s, "closed");
    if (there == KGW_OK && !c->io.filter) return kgw_sock_error(s, "connection in dubious state"); /* over TLS it may be a session ticket */
    s->conn = NULL;
    s->state = KGW_SOCK_CLOSED;
    s->read_closed = s->write_closed = true;
    c->sock = NULL;
    if (kgw_vm->is_exiting) kgw_sconn_close(c);
    else kgw_spool_put(c, idle_ms, size);
    return KGW_OK;
}

int kgw_sock_close(kgw_sock_t *s)
{
    if (is_busy(s, true, true)) return KGW_ERROR;
    if (!s->conn || (s->read_closed && s->write_closed)) {
        if (s->conn) drop_conn(s);
        return kgw_sock_error(s, "closed");
    }
    drop_conn(s);
    return KGW_OK;
}
