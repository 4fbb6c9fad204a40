/* PROXY protocol. Limits and forms of the specification; anything else closes the connection. */
#include "http/pp.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

#define V1_MAX 107
static const char v2_sig[12] = "\x0D\x0A\x0D\x0A\x00\x0D\x0A\x51\x55\x49\x54\x0A";

static bool word(const char **p, const char *end, kgw_str_t *out)
{
    const char *s = *p;
    while (*p < end && **p != ' ') (*p)++;
    *out = kgw_str(s, (size_t)(*p - s));
    if (*p < end) (*p)++;
    return out->len > 0;
}

static int read_v1(const char *data, size_t len, size_t *used, kgw_addr_t *src, kgw_addr_t *dst, bool *is_local)
{
    const char *nl = memchr(data, '\n', len < V1_MAX ? len : V1_MAX);
    if (!nl) return len >= V1_MAX ? KGW_ERROR : KGW_AGAIN;
    if (nl == data || nl[-1] != '\r') return KGW_ERROR;
    const char *p = data + 6, *end = nl - 1;
    kgw_str_t proto, ips, ipd, ps, pd;
    if (!word(&p, end, &proto)) return KGW_ERROR;
    *used = (size_t)(nl - data) + 1;
    *is_local = false;
    if (kgw_str_eq(proto, KGW_STR("UNKNOWN"))) {
        *is_local = true;
        return KGW_OK;
    }
    bool v4 = kgw_str_eq(proto, KGW_STR("TCP4"));
    if (!v4 && !kgw_str_eq(proto, KGW_STR("TCP6"))) return KGW_ERROR;
    uint64_t a, b;
    if (!word(&p, end, &ips) || !word(&p, end, &ipd) || !word(&p, end, &ps) || !word(&p, end, &pd) || p != end) return KGW_ERROR;
    if (kgw_str_to_u64(ps, &a) != KGW_OK || kgw_str_to_u64(pd, &b) != KGW_OK || a > 65535 || b > 65535) return KGW_ERROR;
    if (kgw_addr_parse_ip(src, ips, (uint16_t)a) != KGW_OK || kgw_addr_parse_ip(dst, ipd, (uint16_t)b) != KGW_OK) return KGW_ERROR;
    int family = v4 ? AF_INET : AF_INET6;
    return src->sa.sa_family == family && dst->sa.sa_family == family ? KGW_OK : KGW_ERROR;
}

static int read_v2(const char *data, size_t len, size_t *used, kgw_addr_t *src, kgw_addr_t *dst, bool *is_local)
{
    if (len < 16) return KGW_AGAIN;
    unsigned char cmd = (unsigned char)data[12], fam = (unsigned char)data[13];
    size_t body = (size_t)(unsigned char)data[14] << 8 | (unsigned char)data[15];
    if (cmd >> 4 != 2 || (cmd & 15) > 1 || body > 520) return KGW_ERROR;
    if (len < 16 + body) return KGW_AGAIN;
    *used = 16 + body;
    *is_local = (cmd & 15) == 0 || fam >> 4 == 0;
    if (*is_local) return KGW_OK;
    const char *p = data + 16;
    memset(&src->ss, 0, sizeof(src->ss));
    memset(&dst->ss, 0, sizeof(dst->ss));
    if (fam == 0x11) {
        if (body < 12) return KGW_ERROR;
        src->in.sin_family = dst->in.sin_family = AF_INET;
        src->len = dst->len = sizeof(src->in);
        memcpy(&src->in.sin_addr, p, 4);
        memcpy(&dst->in.sin_addr, p + 4, 4);
        memcpy(&src->in.sin_port, p + 8, 2);
        memcpy(&dst->in.sin_port, p + 10, 2);
        return KGW_OK;
    }
    if (fam == 0x21) {
        if (body < 36) return KGW_ERROR;
        src->in6.sin6_family = dst->in6.sin6_family = AF_INET6;
        src->len = dst->len = sizeof(src->in6);
        memcpy(&src->in6.sin6_addr, p, 16);
        memcpy(&dst->in6.sin6_addr, p + 16, 16);
        memcpy(&src->in6.sin6_port, p + 32, 2);
        memcpy(&dst->in6.sin6_port, p + 34, 2);
        return KGW_OK;
    }
    return KGW_ERROR;
}

int kgw_pp_read(const char *data, size_t len, size_t *used, kgw_addr_t *src, kgw_addr_t *dst, bool *is_local)
{
    size_t n = len < 12 ? len : 12;
    if (memcmp(data, v2_sig, n) == 0) return len < 12 ? KGW_AGAIN : read_v2(data, len, used, src, dst, is_local);
    n = len < 6 ? len : 6;
    if (memcmp(data, "PROXY ", n) == 0) return len < 6 ? KGW_AGAIN : read_v1(data, len, used, src, dst, is_local);
    return KGW_ERROR;
}

size_t kgw_pp_write_v1(char *out, const kgw_addr_t *src, const kgw_addr_t *dst)
{
    char a[KGW_ADDR_STRLEN], b[KGW_ADDR_STRLEN];
    if (src->sa.sa_family == AF_INET6 && dst->sa.sa_family == AF_INET6) { /* mapped addresses keep their form here */
        inet_ntop(AF_INET6, &src->in6.sin6_addr, a, sizeof(a));
        inet_ntop(AF_INET6, &dst->in6.sin6_addr, b, sizeof(b));
    } else {
        kgw_addr_ip(src, a);
        kgw_addr_ip(dst, b);
    }
    return (size_t)snprintf(out, 108, "PROXY TCP%d %s %s %u %u\r\n", src->sa.sa_family == AF_INET6 ? 6 : 4, a, b, kgw_addr_port(src), kgw_addr_port(dst));
}
