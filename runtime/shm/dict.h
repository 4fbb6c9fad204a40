/*
 * Shared dictionaries: key -> value with LRU, TTL and list values in a memfd zone that the master makes before the
 * workers are forked. 16 shards, each with a robust process-shared mutex; a shard whose holder died is emptied.
 * Semantics and error texts follow lua_shared_dict (facts/ngx-api.md section 7).
 */
#ifndef KGW_SHM_DICT_H
#define KGW_SHM_DICT_H

#include "base/kgw.h"

enum kgw_dict_type { KGW_DT_NIL = 0, KGW_DT_BOOLEAN = 1, KGW_DT_NUMBER = 3, KGW_DT_STRING = 4, KGW_DT_LIST = 5 };

typedef struct {
    uint8_t type;       /* enum kgw_dict_type */
    uint32_t flags;
    double number;      /* numbers; booleans 0 or 1 */
    const char *ptr;    /* strings: into the caller's buffer (see get) */
    size_t len;
    bool is_stale;      /* get_stale found an expired entry */
} kgw_dict_value_t;

enum { KGW_DICT_ADD = 1, KGW_DICT_REPLACE = 2, KGW_DICT_SAFE = 4 };

/* Makes (or finds by name) a dict of `size` bytes; before fork. NULL with a logged reason when memory cannot be had. */
kgw_dict_t *kgw_dict_make(const char *name, size_t size);
kgw_dict_t *kgw_dict_find(const char *name);
/* i-th dict in order of creation, NULL behind the last. */
kgw_dict_t *kgw_dict_at(unsigned i);
const char *kgw_dict_name(const kgw_dict_t *d);
size_t kgw_dict_capacity(const kgw_dict_t *d);
size_t kgw_dict_free_space(kgw_dict_t *d);

/* now_ms is wall clock. Strings are copied to *buf (capacity *cap, grown with kgw_realloc when too small).
 * KGW_OK, KGW_DECLINED (not there or expired), KGW_ERROR ("value is a list"). */
int kgw_dict_get(kgw_dict_t *d, kgw_str_t key, uint64_t now_ms, bool stale_too, kgw_dict_value_t *out, char **buf, size_t *cap);
/* ttl_ms 0: never expires. KGW_OK; KGW_DECLINED: ADD found it / REPLACE did not; KGW_ENOMEM: "no memory". *forcible: others were evicted. */
int kgw_dict_set(kgw_dict_t *d, kgw_str_t key, const kgw_dict_value_t *v, uint64_t now_ms, uint64_t ttl_ms, unsigned how, bool *forcible);
int kgw_dict_delete(kgw_dict_t *d, kgw_str_t key);
/* KGW_DECLINED: "not found" without init; KGW_ERROR: "not a number"; KGW_ENOMEM. */
int kgw_dict_incr(kgw_dict_t *d, kgw_str_t key, double by, bool has_init, double init, uint64_t init_ttl_ms, uint64_t now_ms, double *result, bool *forcible);
/* *ttl_ms 0: no expiry. KGW_DECLINED: not found. */
int kgw_dict_ttl(kgw_dict_t *d, kgw_str_t key, uint64_t now_ms, uint64_t *ttl_ms);
int kgw_dict_expire(kgw_dict_t *d, kgw_str_t key, uint64_t now_ms, uint64_t ttl_ms);
/* Lists. KGW_ERROR: "value not a list"; *len: elements afterwards. */
int kgw_dict_push(kgw_dict_t *d, kgw_str_t key, const kgw_dict_value_t *v, bool left, uint64_t now_ms, uint32_t *len);
int kgw_dict_pop(kgw_dict_t *d, kgw_str_t key, bool left, uint64_t now_ms, kgw_dict_value_t *out, char **buf, size_t *cap);
int kgw_dict_llen(kgw_dict_t *d, kgw_str_t key, uint64_t now_ms, uint32_t *len);
void kgw_dict_flush_all(kgw_dict_t *d);
/* Drops expired entries (at most max, 0 all); returns how many. */
uint32_t kgw_dict_flush_expired(kgw_dict_t *d, uint64_t now_ms, uint32_t max);
/* Calls fn for up to max live keys (0 all). */
void kgw_dict_keys(kgw_dict_t *d, uint64_t now_ms, uint32_t max, void (*fn)(void *arg, kgw_str_t key), void *arg);
/* Shards emptied because a process died inside them, since the start. */
uint64_t kgw_dict_recoveries(const kgw_dict_t *d);

#endif
