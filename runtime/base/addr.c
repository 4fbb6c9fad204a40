/* See addr.h. */
#include "base/addr.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

int kgw_addr_parse_ip(kgw_addr_t *a, kgw_str_t ip, uint16_t port)
{
    char text[64];
    if (ip.len >= 2 && ip.ptr[0] == '[' && ip.ptr[ip.len - 1] == ']') {
        ip.ptr++;
        ip.len -= 2;
    }
    if (!ip.len || ip.len >= sizeof(text)) return KGW_ERROR;
    memcpy(text, ip.ptr, ip.len);
    text[ip.len] = 0;
    memset(&a->ss, 0, sizeof(a->in6));
    if (inet_pton(AF_INET, text, &a->in.sin_addr) == 1) {
        a->in.sin_family = AF_INET;
        a->in.sin_port = htons(port);
        a->len = sizeof(a->in);
        return KGW_OK;
    }
    if (inet_pton(AF_INET6, text, &a->in6.sin6_addr) == 1) {
        a->in6.sin6_family = AF_INET6;
        a->in6.sin6_port = htons(port);
        a->len = sizeof(a->in6);
        return KGW_OK;
    }
    return KGW_ERROR;
}

int kgw_addr_set_unix(kgw_addr_t *a, kgw_str_t path)
{
    if (!path.len || path.len >= sizeof(a->un.sun_path)) return KGW_ERROR;
    memset(&a->un, 0, sizeof(a->un));
    a->un.sun_family = AF_UNIX;
    memcpy(a->un.sun_path, path.ptr, path.len);
    a->len = sizeof(a->un);
    return KGW_OK;
}

/* inet_ntop is slow enough to show up in every proxied request. */
static size_t v4_text(const uint8_t *b, char *out)
{
    size_t n = 0;
    for (int i = 0; i < 4; i++) {
        if (i) out[n++] = '.';
        n += kgw_u64_dec(out + n, b[i]);
    }
    out[n] = 0;
    return n;
}

size_t kgw_addr_ip(const kgw_addr_t *a, char *out)
{
    if (a->sa.sa_family == AF_INET) return v4_text((const uint8_t *)&a->in.sin_addr, out);
    if (a->sa.sa_family == AF_INET6) {
        if (IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr)) return v4_text(a->in6.sin6_addr.s6_addr + 12, out);
        if (!inet_ntop(AF_INET6, &a->in6.sin6_addr, out, KGW_ADDR_STRLEN)) out[0] = 0;
        return strlen(out);
    }
    memcpy(out, "unix:", 6);
    return 5;
}

uint16_t kgw_addr_port(const kgw_addr_t *a)
{
    if (a->sa.sa_family == AF_INET) return ntohs(a->in.sin_port);
    return a->sa.sa_family == AF_INET6 ? ntohs(a->in6.sin6_port) : 0;
}

void kgw_addr_set_port(kgw_addr_t *a, uint16_t port)
{
    if (a->sa.sa_family == AF_INET) a->in.sin_port = htons(port);
    else if (a->sa.sa_family == AF_INET6) a->in6.sin6_port = htons(port);
}

bool kgw_addr_eq(const kgw_addr_t *a, const kgw_addr_t *b)
{
    if (a->sa.sa_family != b->sa.sa_family) return false;
    if (a->sa.sa_family == AF_INET) return a->in.sin_port == b->in.sin_port && a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
    if (a->sa.sa_family == AF_INET6) return a->in6.sin6_port == b->in6.sin6_port && memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, 16) == 0;
    return strcmp(a->un.sun_path, b->un.sun_path) == 0;
}

int kgw_cidr_parse(kgw_cidr_t *c, kgw_str_t s)
{
    memset(c, 0, sizeof(*c));
    if (kgw_str_eq(s, KGW_STR("unix:"))) {
        c->family = AF_UNIX;
        return KGW_OK;
    }
    ptrdiff_t slash = kgw_str_find(s, '/');
    kgw_addr_t a;
    uint64_t bits;
    if (kgw_addr_parse_ip(&a, slash < 0 ? s : kgw_str(s.ptr, (size_t)slash), 0) != KGW_OK) return KGW_ERROR;
    c->family = (uint8_t)a.sa.sa_family;
    unsigned max = c->family == AF_INET ? 32 : 128;
    bits = max;
    if (slash >= 0 && (kgw_str_to_u64(kgw_str(s.ptr + slash + 1, s.len - (size_t)slash - 1), &bits) != KGW_OK || bits > max)) return KGW_ERROR;
    c->bits = (uint8_t)bits;
    memcpy(c->net, c->family == AF_INET ? (void *)&a.in.sin_addr : (void *)&a.in6.sin6_addr, max / 8);
    return KGW_OK;
}

bool kgw_cidr_match(const kgw_cidr_t *c, const kgw_addr_t *a)
{
    const uint8_t *b;
    uint8_t family = (uint8_t)a->sa.sa_family;
    if (family == AF_UNIX) return c->family == AF_UNIX;
    if (family == AF_INET6 && c->family == AF_INET && IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr)) {
        b = a->in6.sin6_addr.s6_addr + 12;
    } else {
        if (family != c->family) return false;
        b = family == AF_INET ? (const uint8_t *)&a->in.sin_addr : a->in6.sin6_addr.s6_addr;
    }
    unsigned whole = c->bits / 8, rest = c->bits % 8;
    if (memcmp(b, c->net, whole) != 0) return false;
    return !rest || ((b[whole] ^ c->net[whole]) & (0xff << (8 - rest) & 0xff)) == 0;
}
