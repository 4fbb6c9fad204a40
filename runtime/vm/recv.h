/*
 * What a receive call wants and whether the bytes at hand satisfy it: by size, by line, up to a pattern, all, any.
 * Pure: no socket, no coroutine. Used by cosockets and by the downstream sockets of ngx.req.socket.
 */
#ifndef KGW_VM_RECV_H
#define KGW_VM_RECV_H

#include "base/buf.h"

/* The numbers are known to Lua (lua/ngx/stream.lua). */
enum kgw_recv_mode { KGW_RECV_SIZE, KGW_RECV_LINE, KGW_RECV_ALL, KGW_RECV_ANY, KGW_RECV_UNTIL };

typedef struct {
    kgw_block_t *in;   /* bytes received and not yet taken: data[start..used); NULL when there are none */
    uint8_t mode;      /* enum kgw_recv_mode */
    bool is_inclusive; /* UNTIL: the pattern belongs to the result */
    bool is_line;      /* the result is a line: its CRs are dropped */
    bool has_reached;  /* UNTIL with a size: the result ended at the pattern */
    size_t want;       /* SIZE: bytes; ANY: at the most; UNTIL: at the most, 0 without limit */
    const char *pat;   /* UNTIL: must live while the call waits */
    size_t pat_len;
    size_t scanned;    /* bytes already searched */
    size_t take, drop; /* a satisfied call: bytes of the result, and of what is forgotten behind it */
} kgw_recv_t;

/* Begins a call. */
void kgw_recv_begin(kgw_recv_t *r, unsigned mode, size_t want, const char *pat, size_t pat_len, bool is_inclusive);
/* KGW_OK: satisfied, kgw_recv_take gives the result. KGW_AGAIN: needs more. KGW_CLOSED: eof came too early. */
int kgw_recv_check(kgw_recv_t *r, bool has_eof) KGW_MUST_CHECK;
/* The result of a satisfied call; valid until more bytes are received. */
kgw_str_t kgw_recv_take(kgw_recv_t *r);
/* Everything at hand (for a call that failed). */
kgw_str_t kgw_recv_take_partial(kgw_recv_t *r);
static inline size_t kgw_recv_left(const kgw_recv_t *r) { return r->in ? r->in->used - r->in->start : 0; }
/* A block with room to receive into. */
kgw_block_t *kgw_recv_alloc(kgw_recv_t *r);
/* Gives an empty block back. */
void kgw_recv_release(kgw_recv_t *r);
void kgw_recv_fini(kgw_recv_t *r);

#endif
