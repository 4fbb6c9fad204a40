/* See h1_out.h. */
#include "http/h1_out.h"

#include <string.h>

#include "base/str.h"

void kgw_out_init(kgw_out_t *o) { o->block = kgw_block_new(); }

static void grow(kgw_out_t *o, size_t len)
{
    kgw_block_t *old = o->block;
    size_t cap = (size_t)old->cap * 2;
    while (cap < old->used + len) cap *= 2;
    o->block = kgw_block_new_size(cap);
    memcpy(o->block->data, old->data, old->used);
    o->block->used = old->used;
    kgw_block_unref(old);
}

void kgw_out_add(kgw_out_t *o, const char *ptr, size_t len)
{
    if (unlikely(o->block->cap - o->block->used < len)) grow(o, len);
    memcpy(o->block->data + o->block->used, ptr, len);
    o->block->used += (uint32_t)len;
}

void kgw_out_field(kgw_out_t *o, kgw_str_t name, kgw_str_t value)
{
    size_t len = name.len + value.len + 4;
    if (unlikely(o->block->cap - o->block->used < len)) grow(o, len);
    char *p = o->block->data + o->block->used;
    memcpy(p, name.ptr, name.len);
    p += name.len;
    *p++ = ':';
    *p++ = ' ';
    if (value.len) memcpy(p, value.ptr, value.len);
    p += value.len;
    *p++ = '\r';
    *p = '\n';
    o->block->used += (uint32_t)len;
}

void kgw_out_u64(kgw_out_t *o, uint64_t v)
{
    char text[20];
    kgw_out_add(o, text, kgw_u64_dec(text, v));
}

void kgw_out_status_line(kgw_out_t *o, unsigned status, kgw_str_t reason)
{
    kgw_out_add(o, "HTTP/1.1 ", 9);
    kgw_out_u64(o, status);
    kgw_out_add(o, " ", 1);
    kgw_out_str(o, reason.ptr ? reason : kgw_status_reason(status));
    kgw_out_add(o, "\r\n", 2);
}

void kgw_out_flush(kgw_out_t *o, kgw_chain_t *to)
{
    kgw_chain_add(to, (kgw_slice_t){o->block->data, o->block->used, o->block});
    o->block = NULL;
}

void kgw_out_fini(kgw_out_t *o)
{
    if (o->block) kgw_block_unref(o->block);
    o->block = NULL;
}

void kgw_chunk_add(kgw_chain_t *out, kgw_chain_t *body)
{
    if (!body->bytes) return;
    char size[18];
    size_t n = kgw_u64_hex(size, body->bytes);
    size[n] = '\r';
    size[n + 1] = '\n';
    kgw_chain_add_copy(out, size, n + 2);
    kgw_chain_move(out, body);
    kgw_chain_add_static(out, "\r\n", 2);
}

void kgw_chunk_last(kgw_chain_t *out, const kgw_hdrs_t *trailers)
{
    kgw_chain_add_static(out, "0\r\n", 3);
    if (trailers) {
        kgw_hdrs_foreach(h, trailers)
        {
            if (h->token && (kgw_token_flags(h->token) & KGW_TOKF_NO_TRAILER)) continue;
            kgw_chain_add_copy(out, h->name.ptr, h->name.len);
            kgw_chain_add_copy(out, ": ", 2);
            kgw_chain_add_copy(out, h->value.ptr, h->value.len);
            kgw_chain_add_copy(out, "\r\n", 2);
        }
    }
    kgw_chain_add_static(out, "\r\n", 2);
}
