/* JSON texts cut into parts: every span lies inside, parts follow each other, nested parts are cut again; read in place the same comes out. */
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

static bool eager(const char *text, size_t len, unsigned depth)
{
    kgw_json_iter_t it;
    kgw_json_part_t p;
    int rc;
    if (kgw_json_iter_init(&it, text, len) != KGW_OK) return false;
    while ((rc = kgw_json_iter_next(&it, &p)) == KGW_OK)
        if ((p.kind == KGW_JSON_OBJECT || p.kind == KGW_JSON_ARRAY) && depth < 8 && !eager(p.value.ptr, p.value.len, depth + 1)) return false;
    return rc == KGW_DONE;
}

static bool lazy(kgw_json_iter_t *it, unsigned depth)
{
    kgw_json_iter_t child;
    kgw_json_part_t p;
    int rc;
    it->is_lazy = true;
    while ((rc = kgw_json_iter_next(it, &p)) == KGW_OK) {
        if (p.kind != KGW_JSON_OBJECT && p.kind != KGW_JSON_ARRAY) continue;
        if (depth < 8) {
            kgw_json_iter_enter(it, &child);
            if (!lazy(&child, depth + 1)) return false;
            kgw_json_iter_leave(it, &child);
        } else if (kgw_json_iter_skip(it, &p) != KGW_OK) {
            return false;
        }
    }
    return rc == KGW_DONE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    kgw_json_iter_t it;
    split((const char *)data, len, 0);
    bool is_lazy_ok = kgw_json_iter_init(&it, (const char *)data, len) == KGW_OK && lazy(&it, 0);
    /* The depth is counted from where a reader begins, so that the lazy one gets a little further. */
    KGW_ASSERT(is_lazy_ok || !eager((const char *)data, len, 0));
    return 0;
}
