/* Writes heads and chunk framing. The caller decides framing and which fields go; this file only serialises. */
#ifndef KGW_HTTP_H1_OUT_H
#define KGW_HTTP_H1_OUT_H

#include "base/buf.h"
#include "http/msg.h"

/* Growing output: a block that is filled; a head larger than the rest of it continues in a bigger one. */
typedef struct {
    kgw_block_t *block; /* owned */
} kgw_out_t;

void kgw_out_init(kgw_out_t *o);
/* Appends bytes (grows by moving to a larger block). */
void kgw_out_add(kgw_out_t *o, const char *ptr, size_t len);
static inline void kgw_out_str(kgw_out_t *o, kgw_str_t s) { kgw_out_add(o, s.ptr, s.len); }
/* "Name: value\r\n" */
void kgw_out_field(kgw_out_t *o, kgw_str_t name, kgw_str_t value);
void kgw_out_u64(kgw_out_t *o, uint64_t v);
/* "HTTP/1.1 200 OK\r\n"; reason of len 0 with ptr NULL takes the standard one. */
void kgw_out_status_line(kgw_out_t *o, unsigned status, kgw_str_t reason);
/* Moves everything written to the chain and gives up the block. */
void kgw_out_flush(kgw_out_t *o, kgw_chain_t *to);
void kgw_out_fini(kgw_out_t *o);
/* Wraps all of `body` in one chunk ("size\r\n" body "\r\n") onto `out`; nothing for an empty body. */
void kgw_chunk_add(kgw_chain_t *out, kgw_chain_t *body);
/* "0\r\n" trailers "\r\n" */
void kgw_chunk_last(kgw_chain_t *out, const kgw_hdrs_t *trailers);

#endif
