/* The parts of large JSON texts for lua/ngx/json_slices.lua. */
#include "ffi/ffi.h"
#include "http/json_split.h"

_Static_assert(sizeof(kgw_ffi_json_t) == sizeof(kgw_json_iter_t), "cursors have one layout on both sides");
_Static_assert(offsetof(kgw_ffi_json_t, is_ended) == offsetof(kgw_json_iter_t, is_ended), "cursors have one layout on both sides");

int kgw_ffi_json_open(kgw_ffi_json_t *it, const char *ptr, size_t len) { return kgw_json_iter_init((kgw_json_iter_t *)it, ptr, len); }

int kgw_ffi_json_next(kgw_ffi_json_t *it, kgw_ffi_str_t *name, kgw_ffi_str_t *value, int *kind)
{
    kgw_json_part_t part = {0};
    int rc = kgw_json_iter_next((kgw_json_iter_t *)it, &part);
    put(name, part.name);
    put(value, part.value);
    *kind = part.kind;
    return rc;
}
