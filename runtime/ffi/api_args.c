/* Query arguments: splitting and decoding; the request's URI as Lua rewrites it. */
#include <string.h>

#include "base/str.h"
#include "ffi/ffi.h"

void kgw_ffi_hex(const char *ptr, size_t len, char *out) { kgw_hex(out, ptr, len); }

int kgw_ffi_args_decode(const char *ptr, size_t len, char *buf, kgw_ffi_arg_t *list, uint32_t max, int *is_truncated)
{
    const char *end = ptr + len;
    uint32_t n = 0;
    *is_truncated = 0;
    while (ptr < end) {
        const char *amp = memchr(ptr, '&', (size_t)(end - ptr));
        if (!amp) amp = end;
        const char *eq = memchr(ptr, '=', (size_t)(amp - ptr)), *key_end = eq ? eq : amp;
        if (key_end > ptr) {
            if (n == max) {
                *is_truncated = 1;
                break;
            }
            kgw_ffi_arg_t *a = &list[n++];
            a->key = buf;
            a->key_len = (uint32_t)kgw_uri_unescape(buf, ptr, (size_t)(key_end - ptr), true);
            buf += a->key_len;
            a->value = buf;
            a->value_len = -1;
            if (eq) {
                a->value_len = (int32_t)kgw_uri_unescape(buf, eq + 1, (size_t)(amp - eq - 1), true);
                buf += a->value_len;
            }
        }
        ptr = amp + 1;
    }
    return (int)n;
}

int kgw_ffi_req_args(kgw_ffi_str_t *out)
{
    kgw_req_t *r = cur_req();
    if (!r) return KGW_ERROR;
    kgw_str_t args = r->has_args ? r->args : r->uri.query;
    if (!args.len) return KGW_DECLINED;
    put(out, args);
    return KGW_OK;
}

int kgw_ffi_req_set_args(const char *ptr, size_t len)
{
    kgw_req_t *r = cur_req();
    if (!r) return KGW_ERROR;
    r->vars[KGW_VAR_ARGS] = KGW_STR_NULL;
    r->args = len ? kgw_arena_copy(&r->arena, kgw_str(ptr, len)) : KGW_STR("");
    r->has_args = true;
    return KGW_OK;
}

int kgw_ffi_req_set_uri(const char *ptr, size_t len)
{
    kgw_req_t *r = cur_req();
    if (!r) return KGW_ERROR;
    r->vars[KGW_VAR_URI] = kgw_arena_copy(&r->arena, kgw_str(ptr, len));
    return KGW_OK;
}
