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

/* Compared with the base ------------------------------------------------------------------------------- */

static const kgw_unpack_section_t *base_section(const kgw_unpack_t *u, const kgw_unpack_section_t *s)
{
    for (uint32_t i = 0; i < u->base->section_cnt; i++) {
        const kgw_unpack_section_t *b = &u->base->sections[i];
        if (b->depth == s->depth && b->kind == s->kind && b->name.len == s->name.len && memcmp(b->name.ptr, s->name.ptr, s->name.len) == 0) return b;
    }
    return NULL;
}

static bool is_same(const kgw_unpack_item_t *a, const kgw_unpack_item_t *b) { return a->hash == b->hash && a->len == b->len; }

/* Items in the middle are looked up by their hash; each of the base is taken once. */
static bool match_middle(kgw_unpack_t *u, const kgw_unpack_section_t *s, const kgw_unpack_item_t *old)
{
    uint32_t old_end = s->base_cnt - s->suffix, end = s->cnt - s->suffix;
    uint32_t slots = 16;
    while (slots < 2 * (old_end - s->prefix)) slots *= 2;
    uint32_t *table = calloc(slots, sizeof(*table));
    if (!table) return fail(u, "out of memory");
    /* From the last to the first, so that of equal items the first is found first. */
    for (uint32_t i = old_end; i-- > s->prefix;) {
        uint32_t slot = (uint32_t)old[i].hash & (slots - 1);
        while (table[slot]) slot = (slot + 1) & (slots - 1);
        table[slot] = i + 1;
    }
    kgw_unpack_item_t *items = u->items + s->first;
    for (uint32_t i = s->prefix; i < end; i++) {
        for (uint32_t slot = (uint32_t)items[i].hash & (slots - 1); table[slot]; slot = (slot + 1) & (slots - 1)) {
            uint32_t at = table[slot];
            if (at == UINT32_MAX || !is_same(&items[i], &old[at - 1])) continue;
            items[i].prev = at;
            table[slot] = UINT32_MAX;
            break;
        }
    }
    free(table);
    return true;
}

static bool compare(kgw_unpack_t *u, kgw_unpack_section_t *s)
{
    const kgw_unpack_section_t *b = u->base ? base_section(u, s) : NULL;
    if (!b || b->cnt == 0) return true;
    const kgw_unpack_item_t *items = u->items + s->first, *old = u->base->items + b->first;
    uint32_t least = s->cnt < b->cnt ? s->cnt : b->cnt;
    s->base_cnt = b->cnt;
    while (s->prefix < least && is_same(&items[s->prefix], &old[s->prefix])) s->prefix++;
    while (s->suffix < least - s->prefix && is_same(&items[s->cnt - 1 - s->suffix], &old[b->cnt - 1 - s->suffix])) s->suffix++;
    return s->prefix + s->suffix == least || match_middle(u, s, old);
}

/* Cut into sections and items --------------------------------------------------------------------------- */

static bool add_items(kgw_unpack_t *u, uint32_t section, kgw_json_iter_t *it)
{
    kgw_json_part_t part;
    int rc;
    uint32_t first = u->item_cnt;
    while ((rc = kgw_json_iter_next(it, &part)) == KGW_OK) {
        if (part.value.len > UINT32_MAX) return fail(u, "an entity is too large");
        if (!grow((void **)&u->items, &u->item_cap, u->item_cnt, sizeof(*u->items))) return fail(u, "out of memory");
        u->items[u->item_cnt++] =
            (kgw_unpack_item_t){.off = (uint64_t)(part.value.ptr - u->text), .len = (uint32_t)part.value.len, .hash = XXH3_64bits(part.value.ptr, part.value.len)};
    }
    if (rc != KGW_DONE) return fail(u, "malformed JSON");
    u->sections[section].first = first;
    u->sections[section].cnt = u->item_cnt - first;
    return compare(u, &u->sections[section]);
}

static bool add_sections(kgw_unpack_t *u, kgw_json_iter_t *it, uint8_t depth)
{
    kgw_json_part_t part;
    int rc;
    it->is_lazy = true;
    while ((rc = kgw_json_iter_next(it, &part)) == KGW_OK) {
        if (!grow((void **)&u->sections, &u->section_cap, u->section_cnt, sizeof(*u->sections))) return fail(u, "out of memory");
        uint32_t section = u->section_cnt++;
        bool is_container = part.kind == KGW_JSON_ARRAY || part.kind == KGW_JSON_OBJECT;
        bool is_list = depth == 1 && part.kind == KGW_JSON_ARRAY;
        bool is_table = depth == 0 && part.kind == KGW_JSON_OBJECT && part.name.len == 12 && memcmp(part.name.ptr, "config_table", 12) == 0;
        kgw_json_iter_t child;
        if (is_list || is_table) kgw_json_iter_enter(it, &child);
        else if (is_container && kgw_json_iter_skip(it, &part) != KGW_OK) return fail(u, "malformed JSON");
        u->sections[section] = (kgw_unpack_section_t){.name = part.name, .value = part.value, .depth = depth, .kind = (uint8_t)part.kind};
        if (is_list && !add_items(u, section, &child)) return false;
        if (is_table && !add_sections(u, &child, 1)) return false;
        if (is_list || is_table) kgw_json_iter_leave(it, &child);
    }
    return rc == KGW_DONE || fail(u, "malformed JSON");
}

static void cut(kgw_unpack_t *u)
{
    kgw_json_iter_t it;
    if (kgw_json_iter_init(&it, u->text, u->text_len) != KGW_OK) fail(u, "malformed JSON");
    else if (it.close != '}') fail(u, "the message is not a JSON object");
    else add_sections(u, &it, 0);
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
    cut(u);
}

static void destroy(kgw_unpack_t *u)
{
    if (u->base) kgw_unpack_free(u->base);
    free(u->in);
    free(u->text);
    free(u->names);
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

kgw_unpack_t *kgw_unpack_new(const char *in, size_t len, size_t max, kgw_unpack_t *base)
{
    kgw_unpack_t *u = kgw_zalloc(sizeof(*u));
    u->refs = 1;
    u->in = malloc(len + 1);
    if (!u->in) {
        kgw_free(u);
        return NULL;
    }
    memcpy(u->in, in, len);
    u->in_len = len;
    u->max = max;
    if (base && base->names) { /* kept: nothing of it changes while the thread reads it */
        base->refs++;
        u->base = base;
    }
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

void kgw_unpack_keep(kgw_unpack_t *u)
{
    if (u->is_running || u->is_failed || u->names) return;
    size_t len = 0;
    for (uint32_t i = 0; i < u->section_cnt; i++) len += u->sections[i].name.len;
    char *names = malloc(len + 1);
    if (!names) return;
    u->names = names;
    for (uint32_t i = 0; i < u->section_cnt; i++) {
        kgw_unpack_section_t *s = &u->sections[i];
        memcpy(names, s->name.ptr, s->name.len);
        s->name.ptr = names;
        names += s->name.len;
        s->value = (kgw_str_t){0};
    }
    free(u->in);
    free(u->text);
    u->in = u->text = NULL;
    u->in_len = u->text_len = 0;
    if (u->base) kgw_unpack_free(u->base);
    u->base = NULL;
}

void kgw_unpack_free(kgw_unpack_t *u)
{
    if (--u->refs) return;
    if (u->is_running) u->is_orphan = true;
    else destroy(u);
}

/* Packing ---------------------------------------------------------------------------------------------- */

static void pack_work(uv_work_t *w)
{
    kgw_pack_t *p = container_of(w, kgw_pack_t, work);
    z_stream z = {0};
    p->is_failed = true;
    if (deflateInit2(&z, p->level, Z_DEFLATED, p->is_part ? -15 : 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) return;
    size_t room = deflateBound(&z, p->in_len) + 32;
    p->out = malloc(room);
    z.next_in = (Bytef *)p->in;
    z.avail_in = (uInt)p->in_len;
    z.next_out = (Bytef *)p->out;
    z.avail_out = p->out ? (uInt)room : 0;
    if (p->is_part) {
        p->is_failed = !p->out || deflate(&z, Z_FULL_FLUSH) != Z_OK || z.avail_in || !z.avail_out;
        p->crc = (uint32_t)crc32_z(0, (const Bytef *)p->in, p->in_len);
    } else {
        p->is_failed = !p->out || deflate(&z, Z_FINISH) != Z_STREAM_END;
    }
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

kgw_pack_t *kgw_pack_new(const char *in, size_t len, int level, bool is_part)
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
    p->is_part = is_part;
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

uint32_t kgw_pack_crc_of_both(uint32_t first, uint32_t second, size_t len)
{
    /* Of a length that no text has, zlib would compute for ever. */
    return (uint32_t)crc32_combine(first, second, len <= INT32_MAX ? (z_off_t)len : 0);
}
