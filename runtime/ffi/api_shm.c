/* Shared dictionaries for ngx.shared. */
#include "base/clock.h"
#include "base/freelist.h"
#include "base/str.h"
#include "ffi/ffi.h"
#include "shm/dict.h"

static char *buf;
static size_t cap;

static uint64_t now_ms(void)
{
    if (!kgw_clock.wall_ms) kgw_clock_update();
    return kgw_clock.wall_ms;
}
#define SIZE_BOUND 1e15
#define SECONDS_MAX 1e12 /* for ever: the product must fit */
static uint64_t ms(double s) { return s > 0 ? (uint64_t)((s < SECONDS_MAX ? s : SECONDS_MAX) * 1000 + 0.5) : 0; }
static bool is_value(int type) { return type == KGW_DT_NIL || type == KGW_DT_BOOLEAN || type == KGW_DT_NUMBER || type == KGW_DT_STRING; }

void *kgw_ffi_dict_make(const char *name, double size) { return kgw_dict_make(name, size > 0 && size < SIZE_BOUND ? (size_t)size : 0); }
void *kgw_ffi_dict_find(const char *name) { return kgw_dict_find(name); }
void *kgw_ffi_dict_at(int i, kgw_ffi_str_t *name)
{
    kgw_dict_t *d = kgw_dict_at((unsigned)i);
    if (d) put(name, kgw_str_c(kgw_dict_name(d)));
    return d;
}
double kgw_ffi_dict_capacity(void *d) { return (double)kgw_dict_capacity(d); }
double kgw_ffi_dict_free_space(void *d) { return (double)kgw_dict_free_space(d); }

int kgw_ffi_dict_get(void *d, const char *key, size_t len, int stale, int *type, kgw_ffi_str_t *str, double *num, uint32_t *flags, int *is_stale)
{
    kgw_dict_value_t v;
    int rc = kgw_dict_get(d, kgw_str(key, len), now_ms(), stale, &v, &buf, &cap);
    if (rc != KGW_OK) return rc;
    *type = v.type;
    *num = v.number;
    *flags = v.flags;
    *is_stale = v.is_stale;
    if (v.type == KGW_DT_STRING) put(str, kgw_str(v.ptr, v.len));
    return rc;
}

int kgw_ffi_dict_set(void *d, const char *key, size_t len, int type, const char *str, size_t str_len, double num, double ttl, uint32_t flags, int how, int *forcible)
{
    kgw_dict_value_t v = {.type = (uint8_t)type, .flags = flags, .number = num, .ptr = str, .len = str_len};
    bool f = false;
    if (!is_value(type)) return KGW_ERROR;
    int rc = kgw_dict_set(d, kgw_str(key, len), &v, now_ms(), ms(ttl), (unsigned)how, &f);
    *forcible = f;
    return rc;
}

int kgw_ffi_dict_delete(void *d, const char *key, size_t len) { return kgw_dict_delete(d, kgw_str(key, len)); }

int kgw_ffi_dict_incr(void *d, const char *key, size_t len, double by, int has_init, double init, double init_ttl, double *result, int *forcible)
{
    bool f = false;
    int rc = kgw_dict_incr(d, kgw_str(key, len), by, has_init, init, ms(init_ttl), now_ms(), result, &f);
    *forcible = f;
    return rc;
}

int kgw_ffi_dict_ttl(void *d, const char *key, size_t len, double *ttl)
{
    uint64_t left;
    int rc = kgw_dict_ttl(d, kgw_str(key, len), now_ms(), &left);
    if (rc == KGW_OK) *ttl = (double)left / 1000.0;
    return rc;
}

int kgw_ffi_dict_expire(void *d, const char *key, size_t len, double ttl) { return kgw_dict_expire(d, kgw_str(key, len), now_ms(), ms(ttl)); }

int kgw_ffi_dict_push(void *d, const char *key, size_t len, int type, const char *str, size_t str_len, double num, int left, uint32_t *n)
{
    kgw_dict_value_t v = {.type = (uint8_t)type, .number = num, .ptr = str, .len = str_len};
    if (!is_value(type)) return KGW_ERROR;
    return kgw_dict_push(d, kgw_str(key, len), &v, left, now_ms(), n);
}

int kgw_ffi_dict_pop(void *d, const char *key, size_t len, int left, int *type, kgw_ffi_str_t *str, double *num)
{
    kgw_dict_value_t v;
    int rc = kgw_dict_pop(d, kgw_str(key, len), left, now_ms(), &v, &buf, &cap);
    if (rc != KGW_OK) return rc;
    *type = v.type;
    *num = v.number;
    if (v.type == KGW_DT_STRING) put(str, kgw_str(v.ptr, v.len));
    return rc;
}

int kgw_ffi_dict_llen(void *d, const char *key, size_t len, uint32_t *n) { return kgw_dict_llen(d, kgw_str(key, len), now_ms(), n); }
void kgw_ffi_dict_flush(void *d) { kgw_dict_flush_all(d); }
uint32_t kgw_ffi_dict_flush_expired(void *d, uint32_t max) { return kgw_dict_flush_expired(d, now_ms(), max); }

static size_t packed;
static void add_key(void *arg, kgw_str_t key)
{
    (void)arg;
    if (packed + key.len + 4 > cap) {
        cap = (packed + key.len + 4) * 2;
        buf = kgw_realloc(buf, cap);
    }
    uint32_t n = (uint32_t)key.len;
    memcpy(buf + packed, &n, 4);
    memcpy(buf + packed + 4, key.ptr, key.len);
    packed += key.len + 4;
}

/* Keys as (uint32 length, bytes) one after the other. */
uint32_t kgw_ffi_dict_keys(void *d, uint32_t max, kgw_ffi_str_t *out)
{
    packed = 0;
    kgw_dict_keys(d, now_ms(), max, add_key, NULL);
    put(out, kgw_str(buf, packed));
    return (uint32_t)packed;
}
