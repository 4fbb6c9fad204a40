/*
 * One byte stream: a TCP or unix socket with an optional filter (TLS). Embedded in a conn, peer or cosocket
 * ("container"), which sets ops. Reading lends blocks from the container; output is a chain that is written
 * before the next poll (all ios batched). libuv's rule: the container's memory may be reused only after on_closed.
 */
#ifndef KGW_NET_IO_H
#define KGW_NET_IO_H

#include "base/addr.h"
#include "base/buf.h"
#include "net/loop.h"

enum kgw_io_state { KGW_IO_NEW, KGW_IO_CONNECTING, KGW_IO_OPEN, KGW_IO_CLOSING, KGW_IO_CLOSED };

/* All callbacks may close the io. None is called after kgw_io_close except on_closed. err is a negative errno (UV_E*). */
typedef struct {
    kgw_block_t *(*alloc)(kgw_io_t *io);             /* a block with free room (used < cap) to read into; the io takes no reference */
    void (*on_bytes)(kgw_io_t *io, kgw_block_t *b, size_t n); /* n plaintext bytes were added at b->used - n; b->used already counts them */
    void (*on_eof)(kgw_io_t *io);                    /* the other side ended its sending side */
    void (*on_error)(kgw_io_t *io, int err);         /* read or write failed; the io is useless, close it */
    void (*on_connect)(kgw_io_t *io, int err);       /* 0 or error, after TLS handshake too when a client filter is attached */
    void (*on_drain)(kgw_io_t *io);                  /* output fell to the low watermark after kgw_io_is_congested was true */
    void (*on_closed)(kgw_io_t *io);                 /* memory is the container's again */
} kgw_io_ops_t;

/* A filter turns plaintext into wire bytes and back (TLS). One per io. */
typedef struct {
    void (*on_wire)(kgw_io_t *io, kgw_block_t *b, size_t n); /* wire bytes arrived; deliver through kgw_io_deliver_* */
    int (*flush)(kgw_io_t *io);      /* moves io->out to io->wire in encoded form; KGW_AGAIN while it cannot yet (handshake) */
    void (*on_wire_eof)(kgw_io_t *io);
    void (*start)(kgw_io_t *io);     /* the socket is connected (client) or accepted (server): begin the handshake */
    void (*shutdown)(kgw_io_t *io);  /* orderly close: append close_notify to io->wire */
    void (*free)(kgw_io_t *io);
} kgw_io_filter_t;

#define KGW_IO_HIGH 65536
#define KGW_IO_LOW 16384

struct kgw_io {
    union { uv_handle_t handle; uv_stream_t stream; uv_tcp_t tcp; uv_pipe_t pipe; };
    kgw_loop_t *loop;
    const kgw_io_ops_t *ops;
    const kgw_io_filter_t *filter;
    void *filter_data;      /* kgw_tls_t */
    int fd;
    uint8_t state;          /* enum kgw_io_state */
    bool is_reading;        /* the container wants bytes */
    bool is_uv_reading;
    bool is_write_waiting;  /* a uv_write waits for writability */
    bool was_congested;
    bool has_eof;
    bool shutdown_wanted;   /* close after all output is out */
    bool half_close;        /* shutdown(SHUT_WR) instead of close when output is out */
    int error;              /* first error, 0 when none */
    kgw_block_t *read_block; /* lent by alloc, until on_bytes */
    char wait_byte;         /* handed to libuv when the socket is full: its completion means writable */
    kgw_chain_t out;        /* plaintext to send */
    kgw_chain_t wire;       /* encoded bytes, only with a filter */
    uint64_t bytes_in, bytes_out; /* wire bytes over the socket's life */
    kgw_list_t dirty_node;
    uv_connect_t connect_req;
    uv_write_t write_req;
    kgw_addr_t peer_addr; /* as accepted or connected */
};

void kgw_io_init(kgw_io_t *io, kgw_loop_t *loop, const kgw_io_ops_t *ops);
/* Takes an accepted connection: from the listening stream, or fd when that is not -1 (owned from now on). */
int kgw_io_accept(kgw_io_t *io, uv_stream_t *listener, int fd, bool is_unix) KGW_MUST_CHECK;
/* Starts connecting; on_connect follows (never from inside this call). KGW_ERROR: could not even start, io->error says why. */
int kgw_io_connect(kgw_io_t *io, const kgw_addr_t *to, const kgw_addr_t *bind_to) KGW_MUST_CHECK;
void kgw_io_read_start(kgw_io_t *io);
void kgw_io_read_stop(kgw_io_t *io);
/* Bytes are taken from `from` (emptied) and sent before the next poll. */
void kgw_io_write(kgw_io_t *io, kgw_chain_t *from);
void kgw_io_write_copy(kgw_io_t *io, const char *ptr, size_t len);
/* Marks for flush before poll (after adding to io->out directly). */
void kgw_io_dirty(kgw_io_t *io);
/* Writes now what can be written. */
void kgw_io_flush(kgw_io_t *io);
static inline size_t kgw_io_pending(const kgw_io_t *io) { return io->out.bytes + io->wire.bytes; }
/* True when the container should stop producing; on_drain comes later. */
static inline bool kgw_io_is_congested(kgw_io_t *io)
{
    if (kgw_io_pending(io) < KGW_IO_HIGH) return false;
    io->was_congested = true;
    return true;
}
/* Closes at once, output is lost. on_closed follows from the loop. Safe to call twice. */
void kgw_io_close(kgw_io_t *io);
/* Closes with a TCP reset (broken transfers). */
void kgw_io_reset(kgw_io_t *io);
/* Sends what is queued, then closes (with TLS close_notify). */
void kgw_io_close_after_flush(kgw_io_t *io);
/* Sends what is queued, then ends our sending side; the io stays readable. */
void kgw_io_shutdown(kgw_io_t *io);
void kgw_io_set_nodelay(kgw_io_t *io);
/* Asks the kernel: the connection is open and nothing unread waits on it. One system call. */
bool kgw_io_is_quiet(const kgw_io_t *io);
/* Our end of the connection; valid until the next call. */
const kgw_addr_t *kgw_io_local(kgw_io_t *io);

/* For filters: plaintext goes up. */
kgw_block_t *kgw_io_deliver_block(kgw_io_t *io);
void kgw_io_deliver(kgw_io_t *io, kgw_block_t *b, size_t n);
void kgw_io_deliver_eof(kgw_io_t *io);
void kgw_io_deliver_error(kgw_io_t *io, int err);
void kgw_io_deliver_connect(kgw_io_t *io, int err);
void kgw_io_set_filter(kgw_io_t *io, const kgw_io_filter_t *f, void *data);
/* Number of ios not yet closed in this process, for leak checks and the status API. */
extern unsigned kgw_io_live_cnt;

#endif
