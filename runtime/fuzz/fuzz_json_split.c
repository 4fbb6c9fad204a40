/* JSON texts cut into parts: every span lies inside, parts follow each other, nested parts are cut again. */
#include "base/str.h"
#include "http/json_split.h"

static void split(const char *text, size_t len, unsigned depth)
{
    kgw_json_iter_t it;
    kgw_json_part_t p;
    const char *last = text;
    if (depth > 8 || kgw_json_iter_init(&it, text, len) != KGW_OK) return;
    while (kgw_json_iter_next(&it, &p) == KGW_OK) {
        KGW_ASSERT(p.value.len && p.value.ptr >= last && p.value.ptr + p.value.len <= text + len);
        if (p.name.ptr) KGW_ASSERT(p.name.ptr > last - 1 && p.name.ptr + p.name.len < p.value.ptr);
        last = p.value.ptr + p.value.len;
        if (p.kind == KGW_JSON_OBJECT || p.kind == KGW_JSON_ARRAY) split(p.value.ptr, p.value.len, depth + 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    split((const char *)data, len, 0);
    return 0;
}
