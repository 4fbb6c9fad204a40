/* The durable store and the unpacker of large configurations. */
#include <string.h>
#include <zlib.h>

#include "ffi/ffi.h"
#include "http/json_split.h"
#include "vm/store.h"
#include "vm/unpack.h"

#define ERR_LEN 160

_Static_assert(sizeof(kgw_ffi_section_t) == sizeof(kgw_unpack_section_t), "sections have one layout on both sides");
_Static_assert(offsetof(kgw_ffi_section_t, first) == offsetof(kgw_unpack_section_t, first), "sections have one layout on both sides");
_Static_assert(offsetof(kgw_ffi_section_t, kind) == offsetof(kgw_unpack_section_t, kind), "sections have one layout on both sides");
_Static_assert(sizeof(kgw_ffi_item_t) == sizeof(kgw_unpack_item_t), "items have one layout on both sides");

void *kgw_ffi_unpack_new(const char *ptr, size_t len, double max) { return kgw_unpack_new(ptr, len, (size_t)max); }
int kgw_ffi_unpack_begin(void *u) { return kgw_unpack_begin(u); }
int kgw_ffi_unpack_run(void *u) { return kgw_unpack_run(u); }

int kgw_ffi_unpack_result(void *p, kgw_ffi_str_t *err)
{
    kgw_unpack_t *u = p;
    err->ptr = u->err;
    err->len = strlen(u->err);
    return u->is_failed ? KGW_ERROR : KGW_OK;
}

const kgw_ffi_section_t *kgw_ffi_unpack_sections(void *p, uint32_t *cnt)
{
    kgw_unpack_t *u = p;
    *cnt = u->section_cnt;
    return (const kgw_ffi_section_t *)u->sections;
}

const kgw_ffi_item_t *kgw_ffi_unpack_items(void *p, const char **text)
{
    kgw_unpack_t *u = p;
    *text = u->text;
    return (const kgw_ffi_item_t *)u->items;
}

void kgw_ffi_unpack_free(void *u) { kgw_unpack_free(u); }

/* *out_len: room in, bytes out; room of len + len / 1000 + 64 always suffices. */
int kgw_ffi_gzip(const char *ptr, size_t len, int level, char *out, size_t *out_len)
{
    z_stream z = {0};
    if (deflateInit2(&z, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) return KGW_ERROR;
    z.next_in = (Bytef *)ptr;
    z.avail_in = (uInt)len;
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)*out_len;
    int rc = deflate(&z, Z_FINISH);
    *out_len = z.total_out;
    deflateEnd(&z);
    return rc == Z_STREAM_END ? KGW_OK : KGW_ENOMEM;
}

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

void *kgw_ffi_store_open(const char *folder, double map_size, int read_only, char *err) { return kgw_store_open(folder, (size_t)map_size, read_only != 0, err, ERR_LEN); }
void kgw_ffi_store_close(void *s) { kgw_store_close(s); }
int kgw_ffi_store_probe(const char *folder, double map_size) { return kgw_store_probe(folder, (size_t)map_size); }

int kgw_ffi_store_get(void *s, const char *key, size_t len, kgw_ffi_str_t *value, char *err)
{
    kgw_str_t v;
    int rc = kgw_store_get(s, (kgw_str_t){key, len}, &v, err, ERR_LEN);
    put(value, v);
    return rc;
}

int kgw_ffi_store_seek(void *s, const char *key, size_t len, int after, kgw_ffi_str_t *found, kgw_ffi_str_t *value, char *err)
{
    kgw_str_t k, v;
    int rc = kgw_store_seek(s, (kgw_str_t){key, len}, after != 0, &k, &v, err, ERR_LEN);
    put(found, k);
    put(value, v);
    return rc;
}

void kgw_ffi_store_release(void *s) { kgw_store_release(s); }
void *kgw_ffi_batch_new(void *s) { return kgw_batch_new(s); }

int kgw_ffi_batch_put(void *b, const char *key, size_t len, const char *value, size_t value_len)
{
    kgw_str_t v = {value, value_len};
    return kgw_batch_add(b, (kgw_str_t){key, len}, &v);
}

int kgw_ffi_batch_delete(void *b, const char *key, size_t len) { return kgw_batch_add(b, (kgw_str_t){key, len}, NULL); }
int kgw_ffi_batch_begin(void *b) { return kgw_batch_begin(b); }

int kgw_ffi_batch_run(void *b)
{
    kgw_batch_run(b);
    return ((kgw_batch_t *)b)->rc == 0 ? KGW_OK : KGW_ERROR;
}

int kgw_ffi_batch_result(void *p, kgw_ffi_str_t *err)
{
    kgw_batch_t *b = p;
    err->ptr = mdb_strerror(b->rc);
    err->len = strlen(err->ptr);
    return b->rc == 0 ? KGW_OK : KGW_ERROR;
}

void kgw_ffi_batch_free(void *b) { kgw_batch_free(b); }
