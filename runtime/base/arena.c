/* See arena.h. Standard chunks are kept for reuse; a larger allocation gets a chunk of its own. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/freelist.h"

#define CHUNK_SIZE 4096
#define KEEP_MAX 512

struct kgw_arena_chunk {
    kgw_arena_chunk_t *next;
    size_t size; /* of the whole chunk */
};

static kgw_arena_chunk_t *spare;
static unsigned spare_cnt;

void kgw_arena_init(kgw_arena_t *a) { memset(a, 0, sizeof(*a)); }

void kgw_arena_reset(kgw_arena_t *a)
{
    kgw_arena_chunk_t *c = a->chunks;
    while (c) {
        kgw_arena_chunk_t *next = c->next;
#ifndef __SANITIZE_ADDRESS__
        if (c->size == CHUNK_SIZE && spare_cnt < KEEP_MAX) {
            c->next = spare;
            spare = c;
            spare_cnt++;
            c = next;
            continue;
        }
#endif
        kgw_free(c);
        c = next;
    }
    kgw_arena_init(a);
}

static void *grow(kgw_arena_t *a, size_t len)
{
    size_t size = len + sizeof(kgw_arena_chunk_t) + 8;
    kgw_arena_chunk_t *c;
    if (size <= CHUNK_SIZE && spare) {
        c = spare;
        spare = c->next;
        spare_cnt--;
    } else {
        size = size <= CHUNK_SIZE ? CHUNK_SIZE : size;
        c = kgw_malloc(size);
        c->size = size;
    }
    char *data = (char *)(c + 1);
    if (c->size > CHUNK_SIZE && a->chunks) {
        /* A large one goes behind the current chunk, whose rest stays usable. */
        c->next = a->chunks->next;
        a->chunks->next = c;
        return data;
    }
    c->next = a->chunks;
    a->chunks = c;
    a->pos = data + len;
    a->end = (char *)c + c->size;
    return data;
}

void *kgw_arena_alloc(kgw_arena_t *a, size_t len)
{
    len = (len + 7) & ~(size_t)7;
    a->used += len;
    char *p = (char *)(((uintptr_t)a->pos + 7) & ~(uintptr_t)7);
    if (likely(p && p <= a->end && (size_t)(a->end - p) >= len)) {
        a->pos = p + len;
        return p;
    }
    return grow(a, len);
}

char *kgw_arena_bytes(kgw_arena_t *a, size_t len)
{
    a->used += len;
    if (likely(a->pos && (size_t)(a->end - a->pos) >= len)) {
        char *p = a->pos;
        a->pos += len;
        return p;
    }
    return grow(a, len);
}

kgw_str_t kgw_arena_copy(kgw_arena_t *a, kgw_str_t s)
{
    char *p = kgw_arena_bytes(a, s.len + 1);
    if (s.len) memcpy(p, s.ptr, s.len);
    p[s.len] = 0;
    return (kgw_str_t){p, s.len};
}

kgw_str_t kgw_arena_printf(kgw_arena_t *a, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *p = kgw_arena_bytes(a, (size_t)n + 1);
    vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    return (kgw_str_t){p, (size_t)n};
}
