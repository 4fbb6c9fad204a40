/* See sock_req.h. */
#include "vm/sock_req.h"

#include <stdio.h>

#include "base/freelist.h"
#include "proxy/conn.h"
#include "vm/vm.h"

static int fail(kgw_rsock_t *s, const char *text)
{
    snprintf(s->err, sizeof(s->err), "%s", text);
    return KGW_ERROR;
}

static void end_read(kgw_rsock_t *s, int rc)
{
    kgw_timer_stop(kgw_vm->loop, &s->read_timer);
    kgw_op_complete(&s->read_op, rc);
}

static void end_write(kgw_rsock_t *s, int rc)
{
    kgw_timer_stop(kgw_vm->loop, &s->write_timer);
    if (s->req) s->req->on_writable = NULL;
    kgw_op_complete(&s->write_op, rc);
}

static void on_read_timer(kgw_timer_t *t) { end_read(container_of(t, kgw_rsock_t, read_timer), KGW_TIMEOUT); }
static void on_write_timer(kgw_timer_t *t) { end_write(container_of(t, kgw_rsock_t, write_timer), KGW_TIMEOUT); }
static void cancel_read(kgw_op_t *op) { kgw_timer_stop(kgw_vm->loop, &container_of(op, kgw_rsock_t, read_op)->read_timer); }

static void cancel_write(kgw_op_t *op)
{
    kgw_rsock_t *s = container_of(op, kgw_rsock_t, write_op);
    kgw_timer_stop(kgw_vm->loop, &s->write_timer);
    if (s->req) s->req->on_writable = NULL;
}

/* Raw: the connection's own block is looked at in place. */
static void borrow(kgw_rsock_t *s, kgw_conn_t *c) { s->recv.in = c->in; }

/* Body: what arrived is moved to a block of ours. */
static void gather(kgw_rsock_t *s)
{
    kgw_chain_t *mem = &s->req->body.mem;
    if (s->req->conn && !s->req->body.has_eof) s->req->conn->ops->want_body(s->req, true); /* what the connection holds comes at once */
    while (mem->bytes) {
        kgw_block_t *b = kgw_recv_alloc(&s->recv);
        size_t n = b->cap - b->used < mem->bytes ? b->cap - b->used : mem->bytes;
        kgw_chain_copy_out(mem, b->data + b->used, n);
        kgw_chain_drop(mem, n);
        b->used += (uint32_t)n;
    }
}

static int check(kgw_rsock_t *s)
{
    kgw_req_t *r = s->req;
    if (!r) return KGW_CLOSED;
    if (!s->is_raw) {
        gather(s);
        return kgw_recv_check(&s->recv, r->body.has_eof || !r->conn);
    }
    if (!r->conn) return kgw_recv_check(&s->recv, true);
    borrow(s, r->conn);
    return kgw_recv_check(&s->recv, r->conn->client_eof || r->conn->io.state != KGW_IO_OPEN);
}

static void progress(kgw_rsock_t *s)
{
    if (!s->read_op.co) return;
    int rc = check(s);
    if (rc != KGW_AGAIN) end_read(s, rc);
    else if (s->read_ms) kgw_timer_start(kgw_vm->loop, &s->read_timer, s->read_ms);
}

static void on_raw(kgw_conn_t *c)
{
    kgw_req_t *r = c->req;
    if (!r) return;
    kgw_rsock_t *s = r->sock;
    if (!s) return;
    if (c->io.state != KGW_IO_OPEN) {
        s->write_closed = true;
        if (s->write_op.co) end_write(s, KGW_ERROR);
    }
    progress(s);
    if (!s->read_op.co && c->in && c->in->used == c->in->cap) kgw_io_read_stop(&c->io);
}

static void on_live_body(kgw_req_t *r)
{
    if (r->sock) progress(r->sock);
}

static void on_writable(kgw_req_t *r)
{
    kgw_rsock_t *s = r->sock;
    if (s && s->write_op.co) end_write(s, KGW_OK);
}

static const char *refuse_body(kgw_req_t *r)
{
    if (r->body.kind == KGW_BODY_NONE) return "no body";
    if (r->body.is_chunked) return "chunked request bodies not supported yet";
    if (r->body.kind != KGW_BODY_UNREAD) return "request body already exists";
    return NULL;
}

/* From here on the connection is Lua's; it ends with the request. */
static void take_conn(kgw_req_t *r)
{
    kgw_conn_t *c = r->conn;
    c->on_raw = on_raw;
    c->keep_alive = c->chunked_out = false;
    c->no_body_out = true;
    if (r->body.kind == KGW_BODY_UNREAD) r->body.kind = KGW_BODY_GONE;
    c->body_done = true;
    c->body_wanted = false;
    r->has_local = r->headers_sent = r->head_is_out = true;
    if (!r->out.status) r->out.status = 200;
    kgw_chain_clear(&r->out_body);
}

static void take_body(kgw_req_t *r)
{
    r->body.kind = KGW_BODY_LIVE;
    r->on_live_body = on_live_body;
    if (r->in.want_continue) r->conn->ops->interim(r, 100);
}

kgw_rsock_t *kgw_rsock_new(kgw_req_t *r, bool is_raw, const char **why)
{
    *why = NULL;
    if (!r->conn) *why = "client aborted";
    else if (r->stream) *why = "http v2 not supported yet";
    else if (r->sock) *why = "duplicate call";
    else if (!is_raw) *why = refuse_body(r);
    else if (r->body.kind == KGW_BODY_READING) *why = "pending request body reading in some other thread";
    if (*why) return NULL;
    kgw_rsock_t *s = kgw_zalloc(sizeof(*s));
    s->req = r;
    s->is_raw = is_raw;
    kgw_timer_init(&s->read_timer, on_read_timer);
    kgw_timer_init(&s->write_timer, on_write_timer);
    r->sock = s;
    if (is_raw) take_conn(r);
    else take_body(r);
    return s;
}

static void release(kgw_rsock_t *s)
{
    kgw_req_t *r = s->req;
    if (!r) return;
    s->req = NULL;
    r->sock = NULL;
    r->on_live_body = r->on_writable = NULL;
    if (s->is_raw) s->recv.in = NULL;
}

void kgw_rsock_detach(kgw_req_t *r)
{
    kgw_rsock_t *s = r->sock;
    if (!s) return;
    release(s);
    if (s->read_op.co) end_read(s, KGW_CLOSED);
    if (s->write_op.co) end_write(s, KGW_CLOSED);
}

void kgw_rsock_free(kgw_rsock_t *s)
{
    release(s);
    if (!s->is_raw) kgw_recv_fini(&s->recv);
    kgw_free(s);
}

int kgw_rsock_receive_begin(kgw_rsock_t *s)
{
    if (s->read_op.co) return fail(s, "socket busy reading");
    if (!s->req || s->read_closed) return fail(s, "closed");
    return KGW_OK;
}

int kgw_rsock_receive(kgw_rsock_t *s, uint64_t timeout_ms)
{
    int rc = check(s);
    if (rc != KGW_AGAIN) return rc;
    kgw_op_begin(&s->read_op, cancel_read);
    s->read_ms = timeout_ms;
    if (timeout_ms) kgw_timer_start(kgw_vm->loop, &s->read_timer, timeout_ms);
    if (s->is_raw) kgw_io_read_start(&s->req->conn->io);
    return KGW_AGAIN;
}

int kgw_rsock_received(kgw_rsock_t *s, int rc, kgw_str_t *out)
{
    *out = KGW_STR_NULL;
    if (rc == KGW_TIMEOUT) fail(s, "timeout");
    else if (rc != KGW_OK) fail(s, "closed");
    if (!s->req) return fail(s, "closed");
    if (s->is_raw && s->req->conn) borrow(s, s->req->conn);
    else if (s->is_raw) s->recv.in = NULL;
    if (rc == KGW_OK) {
        bool reached = s->recv.has_reached;
        *out = kgw_recv_take(&s->recv);
        return reached ? KGW_DONE : KGW_OK;
    }
    *out = kgw_recv_take_partial(&s->recv);
    if (rc != KGW_TIMEOUT) s->read_closed = true;
    return KGW_ERROR;
}

int kgw_rsock_send(kgw_rsock_t *s, const char *ptr, size_t len, uint64_t timeout_ms)
{
    if (!s->is_raw) return fail(s, "attempt to write to request sockets");
    if (s->write_op.co) return fail(s, "socket busy writing");
    kgw_req_t *r = s->req;
    if (!r || !r->conn || s->write_closed) return fail(s, "closed");
    kgw_io_t *io = &r->conn->io;
    kgw_io_write_copy(io, ptr, len);
    kgw_io_flush(io);
    if (!s->req || !r->conn || s->write_closed || io->error) return fail(s, "broken pipe");
    r->bytes_sent += len;
    r->body_bytes_sent += len;
    if (kgw_io_pending(io) <= KGW_IO_LOW) return KGW_OK;
    io->was_congested = true;
    r->on_writable = on_writable;
    kgw_op_begin(&s->write_op, cancel_write);
    if (timeout_ms) kgw_timer_start(kgw_vm->loop, &s->write_timer, timeout_ms);
    return KGW_AGAIN;
}
