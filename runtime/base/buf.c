/* Blocks, slices, chains. */
#include "base/buf.h"

#include <string.h>

#include "base/freelist.h"

#define KEEP_MAX 256

static kgw_block_t *spare;
static unsigned spare_cnt;

kgw_block_t *kgw_block_new(void)
{
    kgw_block_t *b = spare;
    if (b) {
        memcpy(&spare, b->data, sizeof(spare));
        spare_cnt--;
    } else {
        b = kgw_malloc(sizeof(*b) + KGW_BLOCK_SIZE);
        b->cap = KGW_BLOCK_SIZE;
    }
    b->refs = 1;
    b->used = b->start = 0;
    return b;
}

kgw_block_t *kgw_block_new_size(size_t cap)
{
    kgw_block_t *b = kgw_malloc(sizeof(*b) + cap);
    b->refs = 1;
    b->cap = (uint32_t)cap;
    b->used = b->start = 0;
    return b;
}

void kgw_block_unref(kgw_block_t *b)
{
    KGW_DCHECK(b->refs > 0);
    if (--b->refs) return;
#ifndef __SANITIZE_ADDRESS__
    if (b->cap == KGW_BLOCK_SIZE && spare_cnt < KEEP_MAX) {
        memcpy(b->data, &spare, sizeof(spare));
        spare = b;
        spare_cnt++;
        return;
    }
#endif
    kgw_free(b);
}

void kgw_chain_init(kgw_chain_t *c)
{
    c->slices = c->inline_slices;
    c->first = c->cnt = 0;
    c->cap = KGW_CHAIN_INLINE;
    c->bytes = 0;
}

void kgw_chain_clear(kgw_chain_t *c)
{
    for (uint32_t i = c->first; i < c->first + c->cnt; i++)
        if (c->slices[i].block) kgw_block_unref(c->slices[i].block);
    c->first = c->cnt = 0;
    c->bytes = 0;
}

void kgw_chain_fini(kgw_chain_t *c)
{
    kgw_chain_clear(c);
    if (c->slices != c->inline_slices) kgw_free(c->slices);
    kgw_chain_init(c);
}

static void make_room(kgw_chain_t *c)
{
    if (c->first + c->cnt < c->cap) return;
    if (c->first > 0) {
        memmove(c->slices, c->slices + c->first, c->cnt * sizeof(*c->slices));
        c->first = 0;
        if (c->cnt < c->cap) return;
    }
    uint32_t cap = c->cap * 2;
    if (c->slices == c->inline_slices) {
        c->slices = kgw_malloc(cap * sizeof(*c->slices));
        memcpy(c->slices, c->inline_slices, c->cnt * sizeof(*c->slices));
    } else {
        c->slices = kgw_realloc(c->slices, cap * sizeof(*c->slices));
    }
    c->cap = cap;
}

void kgw_chain_add(kgw_chain_t *c, kgw_slice_t s)
{
    if (!s.len) {
        if (s.block) kgw_block_unref(s.block);
        return;
    }
    c->bytes += s.len;
    if (c->cnt) {
        kgw_slice_t *tail = &c->slices[c->first + c->cnt - 1];
        if (tail->block && tail->block == s.block && tail->ptr + tail->len == s.ptr) {
            tail->len += s.len;
            kgw_block_unref(s.block);
            return;
        }
    }
    make_room(c);
    c->slices[c->first + c->cnt++] = s;
}

void kgw_chain_add_block(kgw_chain_t *c, kgw_block_t *b, const char *ptr, size_t len)
{
    if (!len) return;
    kgw_chain_add(c, (kgw_slice_t){ptr, len, kgw_block_ref(b)});
}

void kgw_chain_add_static(kgw_chain_t *c, const char *ptr, size_t len) { kgw_chain_add(c, (kgw_slice_t){ptr, len, NULL}); }

void kgw_chain_add_copy(kgw_chain_t *c, const char *ptr, size_t len)
{
    while (len) {
        kgw_slice_t *tail = c->cnt ? &c->slices[c->first + c->cnt - 1] : NULL;
        kgw_block_t *b = tail ? tail->block : NULL;
        if (b && b->refs == 1 && tail->ptr + tail->len == b->data + b->used && b->used < b->cap) {
            size_t n = b->cap - b->used < len ? b->cap - b->used : len;
            memcpy(b->data + b->used, ptr, n);
            b->used += (uint32_t)n;
            tail->len += n;
            c->bytes += n;
            ptr += n;
            len -= n;
            continue;
        }
        b = kgw_block_new();
        size_t n = b->cap < len ? b->cap : len;
        memcpy(b->data, ptr, n);
        b->used = (uint32_t)n;
        make_room(c);
        c->slices[c->first + c->cnt++] = (kgw_slice_t){b->data, n, b};
        c->bytes += n;
        ptr += n;
        len -= n;
    }
}

void kgw_chain_move(kgw_chain_t *to, kgw_chain_t *from)
{
    for (uint32_t i = from->first; i < from->first + from->cnt; i++) kgw_chain_add(to, from->slices[i]);
    from->first = from->cnt = 0;
    from->bytes = 0;
}

void kgw_chain_move_bytes(kgw_chain_t *to, kgw_chain_t *from, size_t len)
{
    while (len && from->cnt) {
        kgw_slice_t *s = &from->slices[from->first];
        if (s->len <= len) {
            len -= s->len;
            from->bytes -= s->len;
            kgw_chain_add(to, *s);
            from->first++;
            from->cnt--;
            continue;
        }
        kgw_chain_add(to, (kgw_slice_t){s->ptr, len, s->block ? kgw_block_ref(s->block) : NULL});
        s->ptr += len;
        s->len -= len;
        from->bytes -= len;
        len = 0;
    }
    if (!from->cnt) from->first = 0;
}

void kgw_chain_drop(kgw_chain_t *c, size_t len)
{
    KGW_DCHECK(len <= c->bytes);
    c->bytes -= len;
    while (len) {
        kgw_slice_t *s = &c->slices[c->first];
        if (s->len > len) {
            s->ptr += len;
            s->len -= len;
            return;
        }
        len -= s->len;
        if (s->block) kgw_block_unref(s->block);
        c->first++;
        c->cnt--;
    }
    if (!c->cnt) c->first = 0;
}

int kgw_chain_iov(const kgw_chain_t *c, struct iovec *iov, int max)
{
    int n = 0;
    for (uint32_t i = c->first; i < c->first + c->cnt && n < max; i++) iov[n++] = (struct iovec){(void *)c->slices[i].ptr, c->slices[i].len};
    return n;
}

void kgw_chain_copy_out(const kgw_chain_t *c, char *out, size_t len)
{
    for (uint32_t i = c->first; len && i < c->first + c->cnt; i++) {
        size_t n = c->slices[i].len < len ? c->slices[i].len : len;
        memcpy(out, c->slices[i].ptr, n);
        out += n;
        len -= n;
    }
}
