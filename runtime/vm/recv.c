/* See recv.h. */
#include "vm/recv.h"

#include <string.h>

void kgw_recv_begin(kgw_recv_t *r, unsigned mode, size_t want, const char *pat, size_t pat_len, bool is_inclusive)
{
    r->mode = (uint8_t)mode;
    r->want = want;
    r->pat = pat;
    r->pat_len = pat_len;
    r->is_inclusive = is_inclusive;
    r->is_line = r->has_reached = false;
    r->scanned = r->take = r->drop = 0;
}

static int satisfied(kgw_recv_t *r, size_t take, size_t drop)
{
    r->take = take;
    r->drop = drop;
    return KGW_OK;
}

/* Length of the longest tail of the bytes that the pattern could begin with. */
static size_t tail_of(const char *p, size_t len, const char *pat, size_t pat_len)
{
    size_t n = len < pat_len - 1 ? len : pat_len - 1;
    while (n && memcmp(p + len - n, pat, n) != 0) n--;
    return n;
}

static int check_until(kgw_recv_t *r, const char *p, size_t len, bool has_eof)
{
    size_t from = r->scanned;
    const char *hit = len > from ? memmem(p + from, len - from, r->pat, r->pat_len) : NULL;
    size_t before = hit ? (size_t)(hit - p) : len - tail_of(p, len, r->pat, r->pat_len);
    if (r->want && before >= r->want) return satisfied(r, r->want, 0);
    if (hit) {
        r->has_reached = r->want > 0;
        return r->is_inclusive ? satisfied(r, before + r->pat_len, 0) : satisfied(r, before, r->pat_len);
    }
    r->scanned = before;
    return has_eof ? KGW_CLOSED : KGW_AGAIN;
}

int kgw_recv_check(kgw_recv_t *r, bool has_eof)
{
    const char *p = r->in ? r->in->data + r->in->start : NULL;
    size_t len = kgw_recv_left(r);
    switch (r->mode) {
    case KGW_RECV_SIZE:
        if (len >= r->want) return satisfied(r, r->want, 0);
        break;
    case KGW_RECV_LINE: {
        const char *nl = len > r->scanned ? memchr(p + r->scanned, '\n', len - r->scanned) : NULL;
        if (nl) {
            r->is_line = true;
            return satisfied(r, (size_t)(nl - p), 1);
        }
        r->scanned = len;
        break;
    }
    case KGW_RECV_ALL:
        if (has_eof) return satisfied(r, len, 0);
        break;
    case KGW_RECV_ANY:
        if (len) return satisfied(r, len < r->want ? len : r->want, 0);
        break;
    default: return check_until(r, p, len, has_eof);
    }
    return has_eof ? KGW_CLOSED : KGW_AGAIN;
}

static size_t drop_returns(char *p, size_t len)
{
    char *cr = memchr(p, '\r', len);
    if (!cr) return len;
    char *to = cr;
    for (const char *from = cr; from < p + len; from++)
        if (*from != '\r') *to++ = *from;
    return (size_t)(to - p);
}

kgw_str_t kgw_recv_take(kgw_recv_t *r)
{
    if (!r->in) return (kgw_str_t){"", 0};
    char *p = r->in->data + r->in->start;
    size_t len = r->is_line ? drop_returns(p, r->take) : r->take;
    r->in->start += (uint32_t)(r->take + r->drop);
    r->take = r->drop = 0;
    return (kgw_str_t){p, len};
}

kgw_str_t kgw_recv_take_partial(kgw_recv_t *r)
{
    r->take = kgw_recv_left(r);
    r->drop = 0;
    r->is_line = r->mode == KGW_RECV_LINE;
    return kgw_recv_take(r);
}

kgw_block_t *kgw_recv_alloc(kgw_recv_t *r)
{
    kgw_block_t *b = r->in;
    if (!b) return r->in = kgw_block_new();
    if (b->start == b->used) {
        b->start = b->used = 0;
        if (b->cap > KGW_BLOCK_SIZE) { /* a big result is gone: back to the usual size */
            kgw_block_unref(b);
            return r->in = kgw_block_new();
        }
        return b;
    }
    if (b->used < b->cap) return b;
    size_t left = b->used - b->start;
    if (left <= b->cap / 2) {
        memmove(b->data, b->data + b->start, left);
        b->start = 0;
        b->used = (uint32_t)left;
        return b;
    }
    kgw_block_t *bigger = kgw_block_new_size((size_t)b->cap * 2);
    memcpy(bigger->data, b->data + b->start, left);
    bigger->used = (uint32_t)left;
    kgw_block_unref(b);
    return r->in = bigger;
}

void kgw_recv_release(kgw_recv_t *r)
{
    if (!r->in || r->in->start < r->in->used) return;
    kgw_block_unref(r->in);
    r->in = NULL;
}

void kgw_recv_fini(kgw_recv_t *r)
{
    if (r->in) kgw_block_unref(r->in);
    r->in = NULL;
}
