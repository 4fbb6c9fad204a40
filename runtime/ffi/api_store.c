/* The durable store and the unpacker of large configurations. */
#include <string.h>

#include "ffi/ffi.h"
#include "vm/store.h"
#include "vm/unpack.h"

#define ERR_LEN 160

_Static_assert(sizeof(kgw_ffi_section_t) == sizeof(kgw_unpack_section_t), "sections have one layout on both sides");
_Static_assert(offsetof(kgw_ffi_section_t, first) == offsetof(kgw_unpack_section_t, first), "sections have one layout on both sides");
_Static_assert(offsetof(kgw_ffi_section_t, kind) == offsetof(kgw_unpack_section_t, kind), "sections have one layout on both sides");
_Static_assert(sizeof(kgw_ffi_item_t) == sizeof(kgw_unpack_item_t), "items have one layout on both sides");

void *kgw_ffi_unpack_new(const char *ptr, size_t len, double max, void *base) { return kgw_unpack_new(ptr, len, max > 0 ? (size_t)max : 0, base); }
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

void kgw_ffi_unpack_keep(void *u) { kgw_unpack_keep(u); }
void kgw_ffi_unpack_free(void *u) { kgw_unpack_free(u); }

void *kgw_ffi_pack_new(const char *ptr, size_t len, int level, int is_part) { return kgw_pack_new(ptr, len, level, is_part != 0); }
int kgw_ffi_pack_begin(void *p) { return kgw_pack_begin(p); }
int kgw_ffi_pack_run(void *p) { return kgw_pack_run(p); }

int kgw_ffi_pack_result(void *p, kgw_ffi_str_t *out)
{
    const kgw_pack_t *pack = p;
    *out = (kgw_ffi_str_t){pack->out, pack->out_len};
    return pack->is_failed ? KGW_ERROR : KGW_OK;
}

uint32_t kgw_ffi_pack_crc(void *p) { return ((const kgw_pack_t *)p)->crc; }

uint32_t kgw_ffi_pack_crc_of_both(uint32_t first, uint32_t second, double len) { return kgw_pack_crc_of_both(first, second, len > 0 && len <= INT32_MAX ? (size_t)len : 0); }

void kgw_ffi_pack_free(void *p) { kgw_pack_free(p); }

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
void kgw_ffi_store_hold(void *s, int is_held) { kgw_store_hold(s, is_held != 0); }
void kgw_ffi_store_info(void *s, double out[7]) { kgw_store_info(s, (kgw_store_info_t *)out); }
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
