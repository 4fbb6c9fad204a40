/* See str.h. */
#include "base/str.h"

static uint32_t seed = 2166136261u;
void kgw_hash_seed(uint32_t s) { seed = s | 1; }

bool kgw_str_ieq(kgw_str_t a, kgw_str_t b)
{
    if (a.len != b.len) return false;
    for (size_t i = 0; i < a.len; i++)
        if (kgw_lower(a.ptr[i]) != kgw_lower(b.ptr[i])) return false;
    return true;
}

kgw_str_t kgw_str_trim(kgw_str_t s)
{
    while (s.len && (*s.ptr == ' ' || *s.ptr == '\t')) {
        s.ptr++;
        s.len--;
    }
    while (s.len && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t')) s.len--;
    return s;
}

bool kgw_str_next_item(kgw_str_t *s, kgw_str_t *item)
{
    while (s->len) {
        ptrdiff_t comma = kgw_str_find(*s, ',');
        size_t n = comma < 0 ? s->len : (size_t)comma;
        *item = kgw_str_trim(kgw_str(s->ptr, n));
        size_t skip = comma < 0 ? n : n + 1;
        s->ptr += skip;
        s->len -= skip;
        if (item->len) return true;
    }
    return false;
}

bool kgw_str_has_token(kgw_str_t s, kgw_str_t token)
{
    kgw_str_t item;
    while (kgw_str_next_item(&s, &item))
        if (kgw_str_ieq(item, token)) return true;
    return false;
}

ptrdiff_t kgw_str_find(kgw_str_t s, char c)
{
    const char *p = s.len ? memchr(s.ptr, c, s.len) : NULL;
    return p ? p - s.ptr : -1;
}

int kgw_str_to_u64(kgw_str_t s, uint64_t *out)
{
    uint64_t v = 0;
    if (!s.len || s.len > 19) return KGW_ERROR;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9') return KGW_ERROR;
        v = v * 10 + (uint64_t)(s.ptr[i] - '0');
    }
    if (v > INT64_MAX) return KGW_ERROR;
    *out = v;
    return KGW_OK;
}

size_t kgw_u64_dec(char *out, uint64_t v)
{
    char tmp[20];
    size_t n = 0;
    do tmp[n++] = (char)('0' + v % 10);
    while (v /= 10);
    for (size_t i = 0; i < n; i++) out[i] = tmp[n - 1 - i];
    return n;
}

size_t kgw_u64_hex(char *out, uint64_t v)
{
    static const char digits[] = "0123456789abcdef";
    char tmp[16];
    size_t n = 0;
    do tmp[n++] = digits[v & 15];
    while (v >>= 4);
    for (size_t i = 0; i < n; i++) out[i] = tmp[n - 1 - i];
    return n;
}

void kgw_hex(char *out, const void *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *b = bytes;
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[b[i] >> 4];
        out[2 * i + 1] = digits[b[i] & 15];
    }
}

/* FNV-1a from a secret start; good enough against precomputed collisions and cheap on short names. */
uint32_t kgw_str_hash(kgw_str_t s)
{
    uint32_t h = seed;
    for (size_t i = 0; i < s.len; i++) h = (h ^ (unsigned char)s.ptr[i]) * 16777619u;
    h ^= h >> 15;
    return h * 2246822519u ^ h >> 13;
}

uint32_t kgw_str_ihash(kgw_str_t s)
{
    uint32_t h = seed;
    for (size_t i = 0; i < s.len; i++) h = (h ^ (unsigned char)kgw_lower(s.ptr[i])) * 16777619u;
    return h;
}
