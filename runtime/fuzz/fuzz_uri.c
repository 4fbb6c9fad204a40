/* Request targets: split, normalise, decode, escape; and hosts. */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "http/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    kgw_str_t s = kgw_str((const char *)data, len), out, name;
    kgw_uri_t u;
    kgw_arena_t a;
    const char *why = NULL;
    int port;
    kgw_arena_init(&a);
    if (kgw_host_split(s, &name, &port) == KGW_OK) KGW_ASSERT(name.len && name.len <= len && port <= 65535);
    if (kgw_uri_split(&u, s, &why) == 0) {
        KGW_ASSERT(u.path.len && u.path.ptr[0] == '/');
        if (kgw_uri_normalize(&a, u.path, &out) == KGW_OK) {
            KGW_ASSERT(out.len && out.ptr[0] == '/');
            for (size_t i = 0; i + 3 < out.len; i++) KGW_ASSERT(memcmp(out.ptr + i, "/../", 4) != 0 && memcmp(out.ptr + i, "//", 2) != 0);
            kgw_str_t sent = kgw_uri_escape_path(&a, out);
            for (size_t i = 0; i < sent.len; i++) KGW_ASSERT((unsigned char)sent.ptr[i] > ' ' && (unsigned char)sent.ptr[i] < 0x7f);
        }
        if (kgw_uri_decode_path(&a, u.path, &out) == KGW_OK) KGW_ASSERT(out.len && out.ptr[0] == '/');
    } else {
        KGW_ASSERT(why);
    }
    char *buf = malloc(len * 3 + 1);
    size_t n = kgw_uri_escape(buf, s.ptr, len, 2);
    KGW_ASSERT(n <= len * 3);
    n = kgw_uri_unescape(buf, buf, n, false);
    KGW_ASSERT(n == len && (len == 0 || memcmp(buf, data, len) == 0));
    kgw_uri_unescape(buf, s.ptr, len, true);
    free(buf);
    kgw_arena_reset(&a);
    return 0;
}
