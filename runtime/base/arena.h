/*
 * Bump allocator made of 4 KiB chunks from a per-process free list. An arena is embedded in what owns it
 * (req, conn) and freed as a whole; nothing that it gave out outlives kgw_arena_reset.
 */
#ifndef KGW_BASE_ARENA_H
#define KGW_BASE_ARENA_H

#include "base/kgw.h"

typedef struct kgw_arena_chunk kgw_arena_chunk_t;

typedef struct {
    char *pos, *end;
    kgw_arena_chunk_t *chunks; /* newest first; large allocations have chunks of their own */
    size_t used;               /* bytes handed out, for limits and the status API */
} kgw_arena_t;

void kgw_arena_init(kgw_arena_t *a);
/* Gives all chunks back (standard ones to the free list). The arena is as after init. */
void kgw_arena_reset(kgw_arena_t *a);
/* 8-byte aligned memory, never NULL (aborts on out of memory: callers bound the size beforehand). */
void *kgw_arena_alloc(kgw_arena_t *a, size_t len) __attribute__((malloc, returns_nonnull));
/* As alloc without alignment, for bytes. */
char *kgw_arena_bytes(kgw_arena_t *a, size_t len) __attribute__((returns_nonnull));
/* A copy of s; ptr is zero-terminated one byte behind len. */
kgw_str_t kgw_arena_copy(kgw_arena_t *a, kgw_str_t s);
kgw_str_t kgw_arena_printf(kgw_arena_t *a, const char *fmt, ...) KGW_PRINTF(2, 3);

#endif
