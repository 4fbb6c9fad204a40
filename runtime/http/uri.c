/* See uri.h. */
#include "http/uri.h"

#include <string.h>

#include "base/str.h"

static int hex(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static int refuse(const char *text, const char **why)
{
    *why = text;
    return 400;
}

static int split_absolute(kgw_uri_t *u, kgw_str_t *t, const char **why)
{
    ptrdiff_t colon = kgw_str_find(*t, ':');
    if (colon <= 0 || (size_t)colon + 3 > t->len || memcmp(t->ptr + colon, "://", 3) != 0) return refuse("invalid request target", why);
    u->scheme = kgw_str(t->ptr, (size_t)colon);
    if (!kgw_str_ieq(u->scheme, KGW_STR("http")) && !kgw_str_ieq(u->scheme, KGW_STR("https"))) return refuse("unsupported scheme in the target", why);
    const char *p = t->ptr + colon + 3, *end = t->ptr + t->len, *a = p;
    while (p < end && *p != '/' && *p != '?') p++;
    u->authority = kgw_str(a, (size_t)(p - a));
    if (!u->authority.len || kgw_str_find(u->authority, '@') >= 0) return refuse("invalid authority in the target", why);
    *t = kgw_str(p, (size_t)(end - p));
    return 0;
}

int kgw_uri_split(kgw_uri_t *u, kgw_str_t t, const char **why)
{
    memset(u, 0, sizeof(*u));
    if (!t.len) return refuse("empty request target", why);
    if (t.ptr[0] != '/') {
        int rc = split_absolute(u, &t, why);
        if (rc) return rc;
    }
    for (size_t i = 0; i < t.len; i++) {
        unsigned char c = (unsigned char)t.ptr[i];
        if (c <= 0x20 || c == 0x7f || c == '#') return refuse("invalid byte in the target", why);
    }
    ptrdiff_t q = kgw_str_find(t, '?');
    u->path = q < 0 ? t : kgw_str(t.ptr, (size_t)q);
    if (q >= 0) u->query = kgw_str(t.ptr + q + 1, t.len - (size_t)q - 1);
    if (!u->path.len) u->path = KGW_STR("/");
    for (size_t i = 0; i < u->path.len; i++) {
        if (u->path.ptr[i] != '%') continue;
        int hi = i + 2 < u->path.len ? hex(u->path.ptr[i + 1]) : -1, lo = hi >= 0 ? hex(u->path.ptr[i + 2]) : -1;
        if (lo < 0) return refuse("invalid percent escape in the target", why);
        if (hi == 0 && lo == 0) return refuse("encoded NUL in the target", why);
    }
    return 0;
}

static bool is_reserved(unsigned char c) { return c && strchr("!*'();:@&=+$,/?%#[]", c) != NULL; }

/* Removes dot segments and merges slashes in place. KGW_ERROR above the root. */
static int remove_dots(char *p, size_t *len)
{
    size_t n = *len, out = 0, i = 0;
    while (i < n) {
        /* at a '/' */
        size_t j = i + 1;
        while (j < n && p[j] != '/') j++;
        size_t seg = j - i - 1;
        bool last = j >= n;
        if (seg == 0 && !last) {
            i = j;
            continue;
        }
        if (seg == 1 && p[i + 1] == '.') {
            if (last) p[out++] = '/';
        } else if (seg == 2 && p[i + 1] == '.' && p[i + 2] == '.') {
            if (out == 0) return KGW_ERROR;
            while (out > 0 && p[--out] != '/') {
            }
            if (last) p[out++] = '/';
        } else {
            memmove(p + out, p + i, j - i);
            out += j - i;
        }
        i = j;
    }
    if (out == 0) p[out++] = '/';
    *len = out;
    return KGW_OK;
}

static bool is_normal(kgw_str_t s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '%') return false;
        if (s.ptr[i] == '/' && i + 1 < s.len && (s.ptr[i + 1] == '/' || s.ptr[i + 1] == '.')) return false;
    }
    return true;
}

int kgw_uri_normalize(kgw_arena_t *a, kgw_str_t path, kgw_str_t *out)
{
    if (likely(is_normal(path))) {
        *out = path;
        return KGW_OK;
    }
    char *p = kgw_arena_bytes(a, path.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < path.len; i++) {
        if (path.ptr[i] == '%' && i + 2 < path.len) {
            int hi = hex(path.ptr[i + 1]), lo = hex(path.ptr[i + 2]);
            if (hi >= 0 && lo >= 0) {
                unsigned char c = (unsigned char)(hi << 4 | lo);
                if (is_reserved(c)) {
                    p[n++] = '%';
                    p[n++] = "0123456789ABCDEF"[hi];
                    p[n++] = "0123456789ABCDEF"[lo];
                } else {
                    p[n++] = (char)c;
                }
                i += 2;
                continue;
            }
        }
        p[n++] = path.ptr[i];
    }
    if (remove_dots(p, &n) != KGW_OK) return KGW_ERROR;
    *out = kgw_str(p, n);
    return KGW_OK;
}

int kgw_uri_decode_path(kgw_arena_t *a, kgw_str_t path, kgw_str_t *out)
{
    if (is_normal(path)) {
        *out = path;
        return KGW_OK;
    }
    char *p = kgw_arena_bytes(a, path.len + 1);
    size_t n = kgw_uri_unescape(p, path.ptr, path.len, false);
    if (!n || p[0] != '/' || remove_dots(p, &n) != KGW_OK) return KGW_ERROR;
    *out = kgw_str(p, n);
    return KGW_OK;
}

static const char upstream_safe[] = "!#$&'()*+,/:;=?@[]-_.~%";

static bool is_safe(unsigned char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr(upstream_safe, c)); }

kgw_str_t kgw_uri_escape_path(kgw_arena_t *a, kgw_str_t s)
{
    size_t bad = 0;
    for (size_t i = 0; i < s.len; i++) bad += !is_safe((unsigned char)s.ptr[i]);
    if (!bad) return s;
    char *p = kgw_arena_bytes(a, s.len + 2 * bad);
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (is_safe(c)) {
            p[n++] = (char)c;
            continue;
        }
        p[n++] = '%';
        p[n++] = "0123456789ABCDEF"[c >> 4];
        p[n++] = "0123456789ABCDEF"[c & 15];
    }
    return kgw_str(p, n);
}

size_t kgw_uri_escape(char *out, const char *s, size_t len, int type)
{
    static const char component[] = "-._~!*'()", uri[] = "-._~!*'()@:$&,/;=+[]"; /* as ngx.escape_uri */
    const char *keep = type == 0 ? uri : component;
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr(keep, c))) {
            out[n++] = (char)c;
            continue;
        }
        out[n++] = '%';
        out[n++] = "0123456789ABCDEF"[c >> 4];
        out[n++] = "0123456789ABCDEF"[c & 15];
    }
    return n;
}

size_t kgw_uri_unescape(char *out, const char *s, size_t len, bool plus_as_space)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (s[i] == '%' && i + 2 < len && hex(s[i + 1]) >= 0 && hex(s[i + 2]) >= 0) {
            out[n++] = (char)(hex(s[i + 1]) << 4 | hex(s[i + 2]));
            i += 2;
        } else {
            out[n++] = s[i] == '+' && plus_as_space ? ' ' : s[i];
        }
    }
    return n;
}

static bool is_host_byte(unsigned char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-._~!$&'()*+,;=", c)); }

int kgw_host_split(kgw_str_t host, kgw_str_t *name, int *port)
{
    size_t i = 0;
    *port = -1;
    if (!host.len) return KGW_ERROR;
    if (host.ptr[0] == '[') {
        ptrdiff_t end = kgw_str_find(host, ']');
        if (end < 2) return KGW_ERROR;
        for (i = 1; i < (size_t)end; i++)
            if (hex(host.ptr[i]) < 0 && host.ptr[i] != ':' && host.ptr[i] != '.') return KGW_ERROR;
        i = (size_t)end + 1;
    } else {
        for (; i < host.len && host.ptr[i] != ':'; i++) {
            unsigned char c = (unsigned char)host.ptr[i];
            if (c == '%') {
                if (i + 2 >= host.len || hex(host.ptr[i + 1]) < 0 || hex(host.ptr[i + 2]) < 0) return KGW_ERROR;
                i += 2;
            } else if (!is_host_byte(c)) {
                return KGW_ERROR;
            }
        }
        if (i == 0) return KGW_ERROR;
    }
    *name = kgw_str(host.ptr, i);
    if (i == host.len) return KGW_OK;
    if (host.ptr[i] != ':') return KGW_ERROR;
    kgw_str_t digits = kgw_str(host.ptr + i + 1, host.len - i - 1);
    if (!digits.len) return KGW_OK;
    uint64_t v;
    if (kgw_str_to_u64(digits, &v) != KGW_OK || v > 65535) return KGW_ERROR;
    *port = (int)v;
    return KGW_OK;
}
