/* A tunnel after 101: bytes both ways with back-pressure, until one side ends and the other's output is flushed. */
#include "base/clock.h"
#include "base/log.h"
#include "proxy/conn.h"
#include "proxy/peer.h"

static void touch(kgw_req_t *r)
{
    uint32_t ms = r->target.read_ms ? r->target.read_ms : 60000;
    kgw_timer_start(kgw_proxy_loop, &r->timer, ms);
}

static bool move(kgw_block_t **in, kgw_io_t *to)
{
    kgw_block_t *b = *in;
    if (!b || b->start >= b->used) return false;
    kgw_chain_add_block(&to->out, b, b->data + b->start, b->used - b->start);
    b->start = b->used;
    kgw_block_unref(b);
    *in = NULL;
    kgw_io_dirty(to);
    return true;
}

void kgw_tunnel_start(kgw_req_t *r)
{
    touch(r);
    kgw_io_read_start(&r->peer->io);
    kgw_io_read_start(&r->conn->io);
    kgw_tunnel_pump(r, true);
    if (r->peer && r->conn) kgw_tunnel_pump(r, false);
}

void kgw_tunnel_pump(kgw_req_t *r, bool from_peer)
{
    kgw_peer_t *p = r->peer;
    kgw_conn_t *c = r->conn;
    if (!p || !c || r->tunnel_done) return;
    kgw_io_t *from_io = from_peer ? &p->io : &c->io, *to_io = from_peer ? &c->io : &p->io;
    kgw_block_t **in = from_peer ? &p->in : &c->in;
    size_t before = to_io->out.bytes;
    if (move(in, to_io)) touch(r);
    if (from_peer) {
        r->body_bytes_sent += to_io->out.bytes - before;
        r->upstream_bytes += to_io->out.bytes - before;
    }
    if (kgw_io_is_congested(to_io)) kgw_io_read_stop(from_io);
    else kgw_io_read_start(from_io);
    if (!from_io->has_eof) return;
    if (from_peer) {
        /* What the client still has to get goes out when its connection closes after the flush. */
        r->tunnel_done = true;
        kgw_req_wake(r);
    } else {
        kgw_io_shutdown(to_io); /* the upstream may still answer */
    }
}
