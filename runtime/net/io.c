/*
 * Byte streams over uv_tcp/uv_pipe. Reads go through libuv (it stops after a short read); writes are our own
 * writev on the socket, and one embedded uv_write only when the socket is full, so libuv never queues copies.
 */
#include "net/io.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define IOV_MAX_OURS 32

unsigned kgw_io_live_cnt;

void kgw_io_init(kgw_io_t *io, kgw_loop_t *loop, const kgw_io_ops_t *ops)
{
    memset(io, 0, offsetof(kgw_io_t, out));
    io->loop = loop;
    io->ops = ops;
    io->fd = -1;
    io->state = KGW_IO_NEW;
    io->bytes_in = io->bytes_out = 0;
    io->peer_addr.len = 0;
    kgw_chain_init(&io->out);
    kgw_chain_init(&io->wire);
    kgw_list_init(&io->dirty_node);
    kgw_io_live_cnt++;
}

static int open_handle(kgw_io_t *io, bool is_unix)
{
    int rc = is_unix ? uv_pipe_init(&io->loop->uv, &io->pipe, 0) : uv_tcp_init(&io->loop->uv, &io->tcp);
    io->handle.data = io;
    return rc;
}

static void fill_fd(kgw_io_t *io)
{
    uv_os_fd_t fd = -1;
    uv_fileno(&io->handle, &fd);
    io->fd = fd;
}

int kgw_io_accept(kgw_io_t *io, uv_stream_t *listener, int accepted, bool is_unix)
{
    int rc = open_handle(io, is_unix);
    if (rc == 0 && accepted < 0) rc = uv_accept(listener, &io->stream);
    else if (rc == 0) rc = is_unix ? uv_pipe_open(&io->pipe, accepted) : uv_tcp_open(&io->tcp, accepted);
    if (rc != 0) {
        io->error = rc;
        io->state = KGW_IO_OPEN; /* the handle exists: the container closes it */
        return KGW_ERROR;
    }
    fill_fd(io);
    io->state = KGW_IO_OPEN;
    io->peer_addr.len = sizeof(io->peer_addr.ss);
    if (is_unix || getpeername(io->fd, &io->peer_addr.sa, &io->peer_addr.len) != 0) {
        memset(&io->peer_addr.un, 0, sizeof(io->peer_addr.un));
        io->peer_addr.sa.sa_family = is_unix ? AF_UNIX : AF_INET;
        io->peer_addr.len = is_unix ? sizeof(sa_family_t) : sizeof(struct sockaddr_in);
    }
    return KGW_OK;
}

static void on_connect(uv_connect_t *req, int status)
{
    kgw_io_t *io = container_of(req, kgw_io_t, connect_req);
    if (io->state != KGW_IO_CONNECTING) return;
    if (status == 0) {
        fill_fd(io);
        io->state = KGW_IO_OPEN;
        if (io->filter && io->filter->start) {
            kgw_io_read_start(io);
            io->filter->start(io);
            return;
        }
    } else {
        io->error = status;
    }
    io->ops->on_connect(io, status);
}

int kgw_io_connect(kgw_io_t *io, const kgw_addr_t *to, const kgw_addr_t *bind_to)
{
    bool is_unix = to->sa.sa_family == AF_UNIX;
    int rc = open_handle(io, is_unix);
    io->state = KGW_IO_CONNECTING;
    io->peer_addr = *to;
    if (rc == 0 && bind_to && !is_unix) rc = uv_tcp_bind(&io->tcp, &bind_to->sa, 0);
    if (rc == 0) {
        if (is_unix) {
            uv_pipe_connect(&io->connect_req, &io->pipe, to->un.sun_path, on_connect);
        } else {
            rc = uv_tcp_connect(&io->connect_req, &io->tcp, &to->sa, on_connect);
            if (rc == 0) uv_tcp_nodelay(&io->tcp, 1);
        }
    }
    if (rc != 0) {
        io->error = rc;
        return KGW_ERROR;
    }
    return KGW_OK;
}

/* Reading ------------------------------------------------------------------------------------------- */

/* The wire block of filtered ios: one per process is enough, since a filter consumes it at once. */
static kgw_block_t *wire_block;

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
    (void)suggested;
    kgw_io_t *io = h->data;
    kgw_block_t *b;
    if (io->filter) {
        if (!wire_block) wire_block = kgw_block_new_size(4 * KGW_BLOCK_SIZE);
        b = wire_block;
        b->used = 0;
    } else {
        b = io->ops->alloc(io);
    }
    io->read_block = b;
    buf->base = b->data + b->used;
    buf->len = b->cap - b->used;
}

static void fail(kgw_io_t *io, int err)
{
    if (io->state == KGW_IO_CLOSING || io->state == KGW_IO_CLOSED) return;
    bool first = io->error == 0;
    if (first) io->error = err;
    if (io->is_uv_reading) {
        uv_read_stop(&io->stream);
        io->is_uv_reading = false;
    }
    if (first) io->ops->on_error(io, err);
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
    (void)buf;
    kgw_io_t *io = s->data;
    kgw_block_t *b = io->read_block;
    if (n > 0) {
        io->bytes_in += (uint64_t)n;
        b->used += (uint32_t)n;
        if (io->filter) io->filter->on_wire(io, b, (size_t)n);
        else io->ops->on_bytes(io, b, (size_t)n);
        return;
    }
    if (n == 0) return;
    if (n == UV_EOF) {
        io->has_eof = true;
        uv_read_stop(s);
        io->is_uv_reading = false;
        if (io->filter) io->filter->on_wire_eof(io);
        else io->ops->on_eof(io);
        return;
    }
    fail(io, (int)n);
}

void kgw_io_read_start(kgw_io_t *io)
{
    io->is_reading = true;
    if (io->is_uv_reading || io->has_eof || io->error || io->state != KGW_IO_OPEN) return;
    if (uv_read_start(&io->stream, on_alloc, on_read) == 0) io->is_uv_reading = true;
}

void kgw_io_read_stop(kgw_io_t *io)
{
    io->is_reading = false;
    if (!io->is_uv_reading) return;
    uv_read_stop(&io->stream);
    io->is_uv_reading = false;
}

kgw_block_t *kgw_io_deliver_block(kgw_io_t *io) { return io->ops->alloc(io); }
void kgw_io_deliver(kgw_io_t *io, kgw_block_t *b, size_t n) { io->ops->on_bytes(io, b, n); }
void kgw_io_deliver_eof(kgw_io_t *io) { io->ops->on_eof(io); }
void kgw_io_deliver_error(kgw_io_t *io, int err) { fail(io, err); }
void kgw_io_deliver_connect(kgw_io_t *io, int err)
{
    if (err && !io->error) io->error = err;
    io->ops->on_connect(io, err);
}

void kgw_io_set_filter(kgw_io_t *io, const kgw_io_filter_t *f, void *data)
{
    io->filter = f;
    io->filter_data = data;
}

/* Writing ------------------------------------------------------------------------------------------- */

void kgw_io_dirty(kgw_io_t *io)
{
    if (io->state != KGW_IO_OPEN || !kgw_list_is_empty(&io->dirty_node)) return;
    kgw_list_push_back(&io->loop->dirty, &io->dirty_node);
}

void kgw_io_write(kgw_io_t *io, kgw_chain_t *from)
{
    if (io->state == KGW_IO_CLOSING || io->state == KGW_IO_CLOSED || io->error) {
        kgw_chain_clear(from);
        return;
    }
    kgw_chain_move(&io->out, from);
    kgw_io_dirty(io);
}

void kgw_io_write_copy(kgw_io_t *io, const char *ptr, size_t len)
{
    if (io->state == KGW_IO_CLOSING || io->state == KGW_IO_CLOSED || io->error) return;
    kgw_chain_add_copy(&io->out, ptr, len);
    kgw_io_dirty(io);
}

static void on_writable(uv_write_t *req, int status)
{
    kgw_io_t *io = container_of(req, kgw_io_t, write_req);
    io->is_write_waiting = false;
    if (io->state == KGW_IO_CLOSING || io->state == KGW_IO_CLOSED) return;
    if (status != 0) {
        if (status != UV_ECANCELED) fail(io, status);
        return;
    }
    kgw_io_flush(io);
}

/* The socket is full: hands libuv one byte, whose completion says that it is writable again. */
static void wait_writable(kgw_io_t *io, kgw_chain_t *c)
{
    struct iovec first;
    kgw_chain_iov(c, &first, 1);
    io->wait_byte = *(const char *)first.iov_base;
    kgw_chain_drop(c, 1);
    io->is_write_waiting = true;
    uv_buf_t buf = {&io->wait_byte, 1};
    int rc = uv_write(&io->write_req, &io->stream, &buf, 1, on_writable);
    io->bytes_out++;
    if (rc != 0) {
        io->is_write_waiting = false;
        fail(io, rc);
    }
}

/* Writes the chain to the socket. False when the io failed or must wait. */
static bool write_chain(kgw_io_t *io, kgw_chain_t *c)
{
    while (c->bytes > 0) {
        struct iovec iov[IOV_MAX_OURS];
        struct msghdr msg = {.msg_iov = iov};
        msg.msg_iovlen = (size_t)kgw_chain_iov(c, iov, IOV_MAX_OURS);
        ssize_t n = sendmsg(io->fd, &msg, MSG_NOSIGNAL);
        if (n < 0) {
            if (errno == EINTR) continue;
            if (errno == EAGAIN || errno == EWOULDBLOCK) {
                wait_writable(io, c);
                return false;
            }
            fail(io, -errno);
            return false;
        }
        io->bytes_out += (uint64_t)n;
        size_t asked = c->bytes;
        kgw_chain_drop(c, (size_t)n);
        if ((size_t)n < asked && msg.msg_iovlen < IOV_MAX_OURS) {
            wait_writable(io, c);
            return false;
        }
    }
    return true;
}

static void finish_output(kgw_io_t *io)
{
    if (io->shutdown_wanted) {
        if (!io->half_close) {
            kgw_io_close(io);
            return;
        }
        io->shutdown_wanted = false;
        shutdown(io->fd, SHUT_WR);
    }
    if (io->was_congested && kgw_io_pending(io) <= KGW_IO_LOW) {
        io->was_congested = false;
        io->ops->on_drain(io);
    }
}

void kgw_io_flush(kgw_io_t *io)
{
    kgw_list_remove(&io->dirty_node);
    if (io->state != KGW_IO_OPEN || io->error || io->is_write_waiting) return;
    if (io->filter) {
        int rc = io->filter->flush(io);
        if (io->state != KGW_IO_OPEN || io->error) return;
        if (!write_chain(io, &io->wire) || rc == KGW_AGAIN) return;
        if (io->out.bytes > 0) {
            kgw_io_dirty(io);
            return;
        }
    } else if (!write_chain(io, &io->out)) {
        if (io->state == KGW_IO_OPEN && !io->error && io->was_congested && kgw_io_pending(io) <= KGW_IO_LOW) {
            io->was_congested = false;
            io->ops->on_drain(io);
        }
        return;
    }
    finish_output(io);
}

/* Closing ------------------------------------------------------------------------------------------- */

static void on_close(uv_handle_t *h)
{
    kgw_io_t *io = h->data;
    io->state = KGW_IO_CLOSED;
    kgw_io_live_cnt--;
    kgw_chain_fini(&io->out);
    kgw_chain_fini(&io->wire);
    if (io->filter) {
        const kgw_io_filter_t *f = io->filter;
        f->free(io);
        io->filter = NULL;
        io->filter_data = NULL;
    }
    io->ops->on_closed(io);
}

void kgw_io_close(kgw_io_t *io)
{
    if (io->state == KGW_IO_CLOSING || io->state == KGW_IO_CLOSED) return;
    bool has_handle = io->state != KGW_IO_NEW;
    io->state = KGW_IO_CLOSING;
    io->is_uv_reading = false;
    kgw_list_remove(&io->dirty_node);
    if (!has_handle) {
        /* Never opened: give it a handle so that closing always ends in on_closed from the loop. */
        uv_tcp_init(&io->loop->uv, &io->tcp);
        io->handle.data = io;
    }
    uv_close(&io->handle, on_close);
}

void kgw_io_reset(kgw_io_t *io)
{
    if (io->state == KGW_IO_OPEN && io->fd >= 0) {
        struct linger l = {.l_onoff = 1, .l_linger = 0};
        setsockopt(io->fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
    }
    kgw_io_close(io);
}

static void end_sending(kgw_io_t *io, bool half)
{
    if (io->state != KGW_IO_OPEN || io->error) {
        if (!half) kgw_io_close(io);
        return;
    }
    if (!io->shutdown_wanted && io->filter && io->filter->shutdown) {
        io->filter->flush(io);
        io->filter->shutdown(io);
    }
    io->shutdown_wanted = true;
    io->half_close = half;
    kgw_io_dirty(io);
}

void kgw_io_close_after_flush(kgw_io_t *io) { end_sending(io, false); }
void kgw_io_shutdown(kgw_io_t *io) { end_sending(io, true); }

void kgw_io_set_nodelay(kgw_io_t *io)
{
    int one = 1;
    if (io->fd >= 0) setsockopt(io->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

bool kgw_io_is_quiet(const kgw_io_t *io)
{
    char byte;
    return recv(io->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EINTR);
}

const kgw_addr_t *kgw_io_local(kgw_io_t *io)
{
    static kgw_addr_t addr;
    addr.len = sizeof(addr.ss);
    if (io->fd < 0 || getsockname(io->fd, &addr.sa, &addr.len) != 0) {
        memset(&addr.ss, 0, sizeof(addr.ss));
        addr.len = 0;
    }
    return &addr;
}
