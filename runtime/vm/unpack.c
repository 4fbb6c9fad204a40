/* See unpack.h. */
#include "vm/unpack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include <zlib.h>

#include "base/freelist.h"
#include "vm/vm.h"

/* The thread touches only u; memory comes from libc because kgw_malloc counts without a lock. */
static bool fail(kgw_unpack_t *u, const char *why)
{
    snprintf(u->err, sizeof(u->err), "%s", why);
    u->is_failed = true;
    return false;
}

static bool grow(void **p, uint32_t *cap, uint32_t cnt, size_t size)
{
    if (cnt < *cap) return true;
    uint32_t more = *cap ? *cap * 2 : 256;
    void *bigger = realloc(*p, more * size);
    if (!bigger) return false;
    *p = bigger;
    *cap = more;
    return true;
}

static bool inflate_all(kgw_unpack_t *u)
{
    z_stream z = {0};
    if (inflateInit2(&z, 15 + 16) != Z_OK) return fail(u, "cannot start to inflate");
    size_t cap = u->in_len * 8 < 65536 ? 65536 : u->in_len * 8;
    if (cap > u->max) cap = u->max;
    char *out = malloc(cap + 1);
    const char *why = out ? NULL : "out of memory";
    z.next_in = (Bytef *)u->in;
    z.avail_in = (uInt)u->in_len;
    size_t used = 0;
    for (int rc = Z_OK; !why && rc != Z_STREAM_END;) {
        if (used == cap) {
            size_t more = cap * 2 > u->max ? u->max : cap * 2;
            char *bigger = more > cap ? realloc(out, more + 1) : NULL;
            if (!bigger) {
                why = more > cap ? "out of memory" : "the inflated message is larger than allowed";
                break;
            }
            out = bigger;
            cap = more;
        }
        z.next_out = (Bytef *)out + used;
        z.avail_out = (uInt)(cap - used);
        rc = inflate(&z, Z_NO_FLUSH);
        used = cap - z.avail_out;
        if (rc == Z_BUF_ERROR && z.avail_in == 0) why = "the gzip data is truncated";
        else if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR) why = "the gzip data is corrupt";
        else if (rc == Z_OK && z.avail_in == 0 && z.avail_out) why = "the gzip data is truncated";
    }
    inflateEnd(&z);
    if (why) {
        free(out);
        return fail(u, why);
    }
    u->text = out;
    u->text_len = used;
    return true;
}

static bool add_items(kgw_unpack_t *u, kgw_unpack_section_t *s)
{
    kgw_json_iter_t it;
    kgw_json_part_t part;
    int rc = kgw_json_iter_init(&it, s->value.ptr, s->value.len);
    s->first = u->item_cnt;
    while (rc == KGW_OK && (rc = kgw_json_iter_next(&it, &part)) == KGW_OK) {
        if (part.value.len > UINT32_MAX) return fail(u, "an entity is too large");
        if (!grow((void **)&u->items, &u->item_cap, u->item_cnt, sizeof(*u->items))) return fail(u, "out of memory");
        u->items[u->item_cnt++] =
            (kgw_unpack_item_t){.off = (uint64_t)(part.value.ptr - u->text), .len = (uint32_t)part.value.len, .hash = XXH3_64bits(part.value.ptr, part.value.len)};
        s->cnt++;
    }
    return rc == KGW_DONE || fail(u, "malformed JSON");
}

static bool add_sections(kgw_unpack_t *u, kgw_str_t object, uint8_t depth)
{
    kgw_json_iter_t it;
    kgw_json_part_t part;
    int rc = kgw_json_iter_init(&it, object.ptr, object.len);
    if (rc == KGW_OK && it.close != '}') return fail(u, "the message is not a JSON object");
    while (rc == KGW_OK && (rc = kgw_json_iter_next(&it, &part)) == KGW_OK) {
        if (!grow((void **)&u->sections, &u->section_cap, u->section_cnt, sizeof(*u->sections))) return fail(u, "out of memory");
        kgw_unpack_section_t *s = &u->sections[u->section_cnt++];
        *s = (kgw_unpack_section_t){.name = part.name, .value = part.value, .depth = depth, .kind = (uint8_t)part.kind};
        if (depth == 1 && part.kind == KGW_JSON_ARRAY && !add_items(u, s)) return false;
        bool is_table = depth == 0 && part.kind == KGW_JSON_OBJECT && part.name.len == 12 && memcmp(part.name.ptr, "config_table", 12) == 0;
        if (is_table && !add_sections(u, part.value, 1)) return false;
    }
    return rc == KGW_DONE || fail(u, "malformed JSON");
}

static void work(uv_work_t *w)
{
    kgw_unpack_t *u = container_of(w, kgw_unpack_t, work);
    bool is_gzip = u->in_len > 2 && (uint8_t)u->in[0] == 0x1f && (uint8_t)u->in[1] == 0x8b;
    if (is_gzip) {
        if (!inflate_all(u)) return;
    } else {
        if (u->in_len > u->max) {
            fail(u, "the message is larger than allowed");
            return;
        }
        u->text = u->in;
        u->text_len = u->in_len;
        u->in = NULL;
    }
    add_sections(u, (kgw_str_t){u->text, u->text_len}, 0);
}

static void destroy(kgw_unpack_t *u)
{
    free(u->in);
    free(u->text);
    free(u->sections);
    free(u->items);
    kgw_free(u);
}

static void after(uv_work_t *w, int status)
{
    kgw_unpack_t *u = container_of(w, kgw_unpack_t, work);
    u->is_running = false;
    if (u->is_orphan) {
        destroy(u);
        return;
    }
    if (status != 0) fail(u, "cancelled");
    kgw_op_complete(&u->op, u->is_failed ? KGW_ERROR : KGW_OK);
}

kgw_unpack_t *kgw_unpack_new(const char *in, size_t len, size_t max)
{
    kgw_unpack_t *u = kgw_zalloc(sizeof(*u));
    u->in = malloc(len + 1);
    if (!u->in) {
        kgw_free(u);
        return NULL;
    }
    memcpy(u->in, in, len);
    u->in_len = len;
    u->max = max;
    return u;
}

/* The thread goes on; its result is dropped when it comes. */
static void on_cancel(kgw_op_t *op) { (void)op; }

int kgw_unpack_begin(kgw_unpack_t *u)
{
    if (u->is_running || uv_queue_work(&kgw_vm->loop->uv, &u->work, work, after) != 0) return KGW_ERROR;
    u->is_running = true;
    kgw_op_begin(&u->op, on_cancel);
    return KGW_AGAIN;
}

int kgw_unpack_run(kgw_unpack_t *u)
{
    work(&u->work);
    return u->is_failed ? KGW_ERROR : KGW_OK;
}

void kgw_unpack_free(kgw_unpack_t *u)
{
    if (u->is_running) u->is_orphan = true;
    else destroy(u);
}

/* Packing ---------------------------------------------------------------------------------------------- */

static void pack_work(uv_work_t *w)
{
    kgw_pack_t *p = container_of(w, kgw_pack_t, work);
    z_stream z = {0};
    p->is_failed = true;
    if (deflateInit2(&z, p->level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) return;
    size_t room = deflateBound(&z, p->in_len) + 32;
    p->out = malloc(room);
    z.next_in = (Bytef *)p->in;
    z.avail_in = (uInt)p->in_len;
    z.next_out = (Bytef *)p->out;
    z.avail_out = p->out ? (uInt)room : 0;
    p->is_failed = !p->out || deflate(&z, Z_FINISH) != Z_STREAM_END;
    p->out_len = z.total_out;
    deflateEnd(&z);
}

static void pack_destroy(kgw_pack_t *p)
{
    free(p->in);
    free(p->out);
    kgw_free(p);
}

static void pack_after(uv_work_t *w, int status)
{
    kgw_pack_t *p = container_of(w, kgw_pack_t, work);
    p->is_running = false;
    if (p->is_orphan) {
        pack_destroy(p);
        return;
    }
    kgw_op_complete(&p->op, status == 0 && !p->is_failed ? KGW_OK : KGW_ERROR);
}

kgw_pack_t *kgw_pack_new(const char *in, size_t len, int level)
{
    kgw_pack_t *p = kgw_zalloc(sizeof(*p));
    p->in = malloc(len + 1);
    if (!p->in) {
        kgw_free(p);
        return NULL;
    }
    memcpy(p->in, in, len);
    p->in_len = len;
    p->level = level;
    return p;
}

int kgw_pack_begin(kgw_pack_t *p)
{
    if (p->is_running || uv_queue_work(&kgw_vm->loop->uv, &p->work, pack_work, pack_after) != 0) return KGW_ERROR;
    p->is_running = true;
    kgw_op_begin(&p->op, on_cancel);
    return KGW_AGAIN;
}

int kgw_pack_run(kgw_pack_t *p)
{
    pack_work(&p->work);
    return p->is_failed ? KGW_ERROR : KGW_OK;
}

void kgw_pack_free(kgw_pack_t *p)
{
    if (p->is_running) p->is_orphan = true;
    else pack_destroy(p);
}
