/*
 * Byte buffers: reference-counted 16 KiB blocks (from a free list), slices of them, and chains of slices.
 * A block is filled at its end by a reader and shared by whoever needs its bytes; body bytes travel from
 * peer to client as slices without a copy.
 */
#ifndef KGW_BASE_BUF_H
#define KGW_BASE_BUF_H

#include <sys/uio.h>

#include "base/kgw.h"

#define KGW_BLOCK_SIZE 16384

typedef struct kgw_block {
    uint32_t refs;
    uint32_t cap;  /* bytes in data; KGW_BLOCK_SIZE unless made by kgw_block_new_size */
    uint32_t used; /* bytes written so far */
    uint32_t start; /* for readers that consume a block from its front (conn, peer, sock) */
    char data[];
} kgw_block_t;

/* A block with one reference; standard size from the free list. Never NULL. */
kgw_block_t *kgw_block_new(void);
kgw_block_t *kgw_block_new_size(size_t cap);
static inline kgw_block_t *kgw_block_ref(kgw_block_t *b)
{
    b->refs++;
    return b;
}
void kgw_block_unref(kgw_block_t *b);

/* Bytes of a block, or of static memory when block is NULL. Holds one reference to block. */
typedef struct {
    const char *ptr;
    size_t len;
    kgw_block_t *block;
} kgw_slice_t;

#define KGW_CHAIN_INLINE 8

/* Ordered slices with a byte count. The first 8 live inside, more in a heap array that is kept for reuse. */
typedef struct {
    kgw_slice_t *slices; /* == inline_slices until it grows */
    uint32_t first, cnt, cap;
    size_t bytes;
    kgw_slice_t inline_slices[KGW_CHAIN_INLINE];
} kgw_chain_t;

void kgw_chain_init(kgw_chain_t *c);
/* Drops all slices and the heap array. */
void kgw_chain_fini(kgw_chain_t *c);
void kgw_chain_clear(kgw_chain_t *c);
static inline bool kgw_chain_is_empty(const kgw_chain_t *c) { return c->cnt == 0; }
/* Takes over the caller's reference to s.block. Empty slices are dropped. Joins adjacent slices of one block. */
void kgw_chain_add(kgw_chain_t *c, kgw_slice_t s);
/* Adds bytes of a block with a new reference. */
void kgw_chain_add_block(kgw_chain_t *c, kgw_block_t *b, const char *ptr, size_t len);
/* Adds static bytes (or bytes that outlive the chain). */
void kgw_chain_add_static(kgw_chain_t *c, const char *ptr, size_t len);
/* Adds a copy of the bytes: into the tail block when it has room and is not shared, else into new blocks. */
void kgw_chain_add_copy(kgw_chain_t *c, const char *ptr, size_t len);
/* Moves all slices of `from` to the end of `to`. */
void kgw_chain_move(kgw_chain_t *to, kgw_chain_t *from);
/* Moves the first len bytes (at most what is there). */
void kgw_chain_move_bytes(kgw_chain_t *to, kgw_chain_t *from, size_t len);
/* Forgets the first len bytes; len <= bytes. */
void kgw_chain_drop(kgw_chain_t *c, size_t len);
/* Fills up to max iovecs from the front; returns their number. */
int kgw_chain_iov(const kgw_chain_t *c, struct iovec *iov, int max);
/* Copies the first len bytes to out; len <= bytes. */
void kgw_chain_copy_out(const kgw_chain_t *c, char *out, size_t len);

#endif
