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

/* Follows the frames that go to the client, so that one of ours can be put between two of them. */
static void follow_frames(kgw_req_t *r, const unsigned char *p, size_t n)
{
    while (n) {
        if (r->ws.left) {
            size_t take = r->ws.left < n ? (size_t)r->ws.left : n;
            r->ws.left -= take;
            p += take;
            n -= take;
            continue;
        }
        r->ws.head[r->ws.have++] = *p++;
        n--;
        if (r->ws.have < 2) continue;
        unsigned len = r->ws.head[1] & 127, ext = len == 126 ? 2 : len == 127 ? 8 : 0, mask = r->ws.head[1] & 128 ? 4 : 0;
        if (r->ws.have < 2 + ext + mask) continue;
        uint64_t left = ext ? 0 : len;
        for (unsigned i = 0; i < ext; i++) left = left << 8 | r->ws.head[2 + i];
        r->ws.left = left;
        r->ws.have = 0;
    }
}

static bool move(kgw_block_t **in, kgw_io_t *to, kgw_req_t *watched)
{
    kgw_block_t *b = *in;
    if (!b || b->start >= b->used) return false;
    if (watched) follow_frames(watched, (const unsigned char *)b->data + b->start, b->used - b->start);
    kgw_chain_add_block(&to->out, b, b->data + b->start, b->used - b->start);
    b->start = b->used;
    kgw_block_unref(b);
    *in = NULL;
    kgw_io_dirty(to);
    return true;
}

void kgw_tunnel_go_away(kgw_req_t *r)
{
    if (r->step != KGW_STEP_TUNNEL || r->tunnel_done || !r->conn) return;
    static const char close_1001[] = {(char)0x88, 2, 3, (char)0xe9};
    if (r->in.is_websocket && !r->ws.left && !r->ws.have) kgw_io_write_copy(&r->conn->io, close_1001, sizeof(close_1001));
    r->tunnel_done = true;
    kgw_req_wake(r);
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
    if (move(in, to_io, from_peer && r->in.is_websocket ? r : NULL)) touch(r);
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
