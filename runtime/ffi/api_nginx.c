/* Functions that Lua libraries declare by nginx's names (ffi.cdef) and call, with nginx's contracts. */
#include <limits.h>

#include "base/str.h"
#include "ffi/ffi.h"

KGW_EXPORT unsigned char *ngx_hex_dump(unsigned char *dst, const unsigned char *src, size_t len);
KGW_EXPORT intptr_t ngx_atoi(const unsigned char *line, size_t n);
KGW_EXPORT intptr_t ngx_hextoi(const unsigned char *line, size_t n);

/* 2*len lower-case digits; returns the end of them. */
unsigned char *ngx_hex_dump(unsigned char *dst, const unsigned char *src, size_t len)
{
    kgw_hex((char *)dst, src, len);
    return dst + 2 * len;
}

static int digit_of(unsigned char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : INT_MAX;
}

/* -1 for what is no number or too large. */
static intptr_t parse(const unsigned char *line, size_t n, int base)
{
    intptr_t value = 0;
    if (!n) return -1;
    for (size_t i = 0; i < n; i++) {
        int digit = digit_of(line[i]);
        if (digit >= base || value > (INTPTR_MAX - digit) / base) return -1;
        value = value * base + digit;
    }
    return value;
}

intptr_t ngx_atoi(const unsigned char *line, size_t n) { return parse(line, n, 10); }
intptr_t ngx_hextoi(const unsigned char *line, size_t n) { return parse(line, n, 16); }
