/* See dict.h. An entry is one slab object: header, key bytes, value bytes. Lists hang list items off the entry. */
#include "shm/dict.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/freelist.h"
#include "base/log.h"
#include "base/str.h"
#include "shm/slab.h"

#define SHARDS 16
#define DICTS_MAX 64
#define BUCKETS_MIN 64
#define SMALL 65536 /* dicts below SHARDS * SMALL have one shard */

typedef struct {
    uint32_t next;               /* hash chain */
    uint32_t lru_prev, lru_next; /* lru_next: towards older */
    uint32_t hash;
    uint64_t expires_ms; /* 0 never */
    double number;
    uint32_t flags, val_len, list_first, list_last, list_cnt;
    uint16_t key_len;
    uint8_t type;
    char data[];
} entry_t;

typedef struct {
    uint32_t prev, next, len;
    uint8_t type;
    double number;
    char data[];
} item_t;

typedef struct {
    pthread_mutex_t lock;
    uint32_t bucket_cnt, buckets; /* room for buckets; offset of their array from the slab */
    uint32_t live_cnt, mask;      /* buckets in use, one for each entry at the most; the least 2^n - 1 that covers them */
    uint32_t newest, oldest, cnt;
    uint64_t recoveries;
    size_t slab_size;
} shard_head_t;

typedef struct {
    shard_head_t *head;
    kgw_slab_t *slab;
} shard_t;

struct kgw_dict {
    char name[128];
    size_t size;
    unsigned shard_cnt;
    char *mem;
    shard_t shards[SHARDS];
};

static kgw_dict_t *dicts[DICTS_MAX];
static unsigned dict_cnt;

static entry_t *at(shard_t *s, uint32_t off) { return kgw_slab_ptr(s->slab, off); }
static item_t *item_at(shard_t *s, uint32_t off) { return kgw_slab_ptr(s->slab, off); }
static uint32_t *bucket_at(shard_t *s, uint32_t i) { return (uint32_t *)kgw_slab_ptr(s->slab, s->head->buckets) + i; }

/* Linear hashing: the table grows by a bucket at a time with its entries, so that a large dict with few of them touches little memory. */
static uint32_t *bucket(shard_t *s, uint32_t hash)
{
    uint32_t i = hash & s->head->mask;
    return bucket_at(s, i < s->head->live_cnt ? i : i & s->head->mask >> 1);
}

/* One bucket more: takes its entries out of the bucket that had them so far. */
static void split(shard_t *s)
{
    shard_head_t *h = s->head;
    uint32_t made = h->live_cnt++;
    if (made > h->mask) h->mask = h->mask * 2 + 1;
    uint32_t *from = bucket_at(s, made & h->mask >> 1), *to = bucket_at(s, made);
    *to = 0;
    while (*from) {
        entry_t *e = at(s, *from);
        uint32_t off = *from;
        if ((e->hash & h->mask) != made) {
            from = &e->next;
            continue;
        }
        *from = e->next;
        e->next = *to;
        *to = off;
    }
}

static void lay_out(shard_t *s, bool is_zero)
{
    shard_head_t *h = s->head;
    kgw_slab_init(s->slab, h->slab_size, is_zero);
    uint32_t want = BUCKETS_MIN;
    while (want < h->slab_size / 512) want *= 2;
    h->bucket_cnt = want;
    h->live_cnt = BUCKETS_MIN;
    h->mask = BUCKETS_MIN - 1;
    h->buckets = kgw_slab_alloc(s->slab, want * sizeof(uint32_t));
    KGW_ASSERT(h->buckets);
    if (!is_zero) memset(kgw_slab_ptr(s->slab, h->buckets), 0, want * sizeof(uint32_t));
    *bucket_at(s, 0) = 0; /* a free object begins with the slab's link */
    h->newest = h->oldest = h->cnt = 0;
}

static void lock(shard_t *s)
{
    int rc = pthread_mutex_lock(&s->head->lock);
    if (likely(rc == 0)) return;
    KGW_ASSERT(rc == EOWNERDEAD);
    /* The holder died in the middle: links may be broken. A dict is a cache, so the shard starts empty. */
    lay_out(s, false);
    s->head->recoveries++;
    pthread_mutex_consistent(&s->head->lock);
    KGW_LOG(KGW_LOG_WARN, "a process died while it held a shared dictionary's lock; one shard was emptied");
}

static void unlock(shard_t *s) { pthread_mutex_unlock(&s->head->lock); }

kgw_dict_t *kgw_dict_find(const char *name)
{
    for (unsigned i = 0; i < dict_cnt; i++)
        if (strcmp(dicts[i]->name, name) == 0) return dicts[i];
    return NULL;
}

kgw_dict_t *kgw_dict_at(unsigned i) { return i < dict_cnt ? dicts[i] : NULL; }
const char *kgw_dict_name(const kgw_dict_t *d) { return d->name; }
size_t kgw_dict_capacity(const kgw_dict_t *d) { return d->size; }

kgw_dict_t *kgw_dict_make(const char *name, size_t size)
{
    kgw_dict_t *d = kgw_dict_find(name);
    if (d) return d; /* survives reloads */
    if (dict_cnt == DICTS_MAX) return NULL;
    if (size < 32768) size = 32768;
    size = (size + 4095) & ~(size_t)4095;
    int fd = memfd_create(name, MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, (off_t)size) != 0) goto fail;
    char *mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mem == MAP_FAILED) goto fail;
    close(fd);
    d = kgw_zalloc(sizeof(*d));
    snprintf(d->name, sizeof(d->name), "%s", name);
    d->size = size;
    d->mem = mem;
    d->shard_cnt = size >= SHARDS * SMALL ? SHARDS : 1;
    size_t part = (size / d->shard_cnt) & ~(size_t)4095;
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    for (unsigned i = 0; i < d->shard_cnt; i++) {
        shard_t *s = &d->shards[i];
        s->head = (shard_head_t *)(mem + part * i);
        size_t head = (sizeof(*s->head) + 63) & ~(size_t)63;
        s->slab = (kgw_slab_t *)(mem + part * i + head);
        s->head->slab_size = part - head;
        pthread_mutex_init(&s->head->lock, &attr);
        lay_out(s, true);
    }
    pthread_mutexattr_destroy(&attr);
    dicts[dict_cnt++] = d;
    return d;
fail:
    KGW_LOG(KGW_LOG_EMERG, "cannot make the shared dictionary \"%s\" of %zu bytes: %s", name, size, strerror(errno));
    if (fd >= 0) close(fd);
    return NULL;
}

/* Entries (lock held) --------------------------------------------------------------------------------- */

static void lru_out(shard_t *s, uint32_t off)
{
    entry_t *e = at(s, off);
    if (e->lru_prev) at(s, e->lru_prev)->lru_next = e->lru_next;
    else s->head->newest = e->lru_next;
    if (e->lru_next) at(s, e->lru_next)->lru_prev = e->lru_prev;
    else s->head->oldest = e->lru_prev;
}

static void lru_front(shard_t *s, uint32_t off)
{
    entry_t *e = at(s, off);
    e->lru_prev = 0;
    e->lru_next = s->head->newest;
    if (s->head->newest) at(s, s->head->newest)->lru_prev = off;
    else s->head->oldest = off;
    s->head->newest = off;
}

static void touch(shard_t *s, uint32_t off)
{
    if (s->head->newest == off) return;
    lru_out(s, off);
    lru_front(s, off);
}

static uint32_t find(shard_t *s, uint32_t hash, kgw_str_t key)
{
    for (uint32_t off = *bucket(s, hash); off; off = at(s, off)->next) {
        entry_t *e = at(s, off);
        if (e->hash == hash && e->key_len == key.len && memcmp(e->data, key.ptr, key.len) == 0) return off;
    }
    return 0;
}

static void remove_entry(shard_t *s, uint32_t off)
{
    entry_t *e = at(s, off);
    uint32_t *link = bucket(s, e->hash);
    while (*link != off) link = &at(s, *link)->next;
    *link = e->next;
    lru_out(s, off);
    for (uint32_t i = e->list_first; i;) {
        uint32_t next = item_at(s, i)->next;
        kgw_slab_free(s->slab, i);
        i = next;
    }
    kgw_slab_free(s->slab, off);
    s->head->cnt--;
}

static bool is_expired(const entry_t *e, uint64_t now_ms) { return e->expires_ms && e->expires_ms <= now_ms; }

/* Up to `max` expired entries from the old end. */
static uint32_t drop_expired(shard_t *s, uint64_t now_ms, uint32_t max)
{
    uint32_t n = 0;
    for (uint32_t off = s->head->oldest, tries = 0; off && tries < max; tries++) {
        uint32_t newer = at(s, off)->lru_prev;
        if (is_expired(at(s, off), now_ms)) {
            remove_entry(s, off);
            n++;
        }
        off = newer;
    }
    return n;
}

static uint32_t alloc(shard_t *s, size_t len, uint64_t now_ms, bool may_evict, bool *forcible)
{
    uint32_t off = kgw_slab_alloc(s->slab, len);
    if (off) return off;
    if (drop_expired(s, now_ms, 30) && (off = kgw_slab_alloc(s->slab, len))) return off;
    for (int i = 0; may_evict && i < 30 && s->head->oldest; i++) {
        remove_entry(s, s->head->oldest);
        *forcible = true;
        if ((off = kgw_slab_alloc(s->slab, len))) return off;
    }
    return 0;
}

static uint32_t insert(shard_t *s, uint32_t hash, kgw_str_t key, size_t val_len, uint64_t now_ms, bool may_evict, bool *forcible)
{
    uint32_t off = alloc(s, sizeof(entry_t) + key.len + val_len, now_ms, may_evict, forcible);
    if (!off) return 0;
    entry_t *e = at(s, off);
    memset(e, 0, sizeof(*e));
    e->hash = hash;
    e->key_len = (uint16_t)key.len;
    e->val_len = (uint32_t)val_len;
    memcpy(e->data, key.ptr, key.len);
    if (s->head->cnt >= s->head->live_cnt && s->head->live_cnt < s->head->bucket_cnt) split(s);
    uint32_t *b = bucket(s, hash);
    e->next = *b;
    *b = off;
    lru_front(s, off);
    s->head->cnt++;
    return off;
}

static shard_t *shard_of(kgw_dict_t *d, kgw_str_t key, uint32_t *hash)
{
    *hash = kgw_str_hash(key);
    return &d->shards[(*hash >> 24) % d->shard_cnt];
}

static void copy_out(const char *from, size_t len, kgw_dict_value_t *out, char **buf, size_t *cap)
{
    if (len > *cap) {
        *cap = len * 2;
        *buf = kgw_realloc(*buf, *cap);
    }
    memcpy(*buf, from, len);
    out->ptr = *buf;
    out->len = len;
}

/* Operations ------------------------------------------------------------------------------------------ */

int kgw_dict_get(kgw_dict_t *d, kgw_str_t key, uint64_t now_ms, bool stale_too, kgw_dict_value_t *out, char **buf, size_t *cap)
{
    uint32_t hash;
    shard_t *s = shard_of(d, key, &hash);
    int rc = KGW_DECLINED;
    lock(s);
    uint32_t off = find(s, hash, key);
    if (off) {
        entry_t *e = at(s, off);
        bool expired = is_expired(e, now_ms);
        if (!expired || stale_too) {
            if (!expired) touch(s, off);
            out->type = e->type;
            out->flags = e->flags;
            out->number = e->number;
            out->is_stale = expired;
            rc = e->type == KGW_DT_LIST ? KGW_ERROR : KGW_OK;
            if (e->type == KGW_DT_STRING) copy_out(e->data + e->key_len, e->val_len, out, buf, cap);
        }
    }
    unlock(s);
    return rc;
}

int kgw_dict_set(kgw_dict_t *d, kgw_str_t key, const kgw_dict_value_t *v, uint64_t now_ms, uint64_t ttl_ms, unsigned how, bool *forcible)
{
    uint32_t hash;
    shard_t *s = shard_of(d, key, &hash);
    int rc = KGW_OK;
    *forcible = false;
    lock(s);
    uint32_t off = find(s, hash, key);
    bool live = off && !is_expired(at(s, off), now_ms);
    size_t len = v->type == KGW_DT_STRING ? v->len : 0;
    if ((live && (how & KGW_DICT_ADD)) || (!live && (how & KGW_DICT_REPLACE))) {
        rc = KGW_DECLINED;
        goto out;
    }
    if (off && (at(s, off)->val_len != len || at(s, off)->type == KGW_DT_LIST)) {
        remove_entry(s, off);
        off = 0;
    }
    if (v->type == KGW_DT_NIL) {
        if (off) remove_entry(s, off);
        goto out;
    }
    if (!off) off = insert(s, hash, key, len, now_ms, !(how & KGW_DICT_SAFE), forcible);
    else touch(s, off);
    if (!off) {
        rc = KGW_ENOMEM;
        goto out;
    }
    entry_t *e = at(s, off);
    e->type = v->type;
    e->flags = v->flags;
    e->number = v->number;
    e->expires_ms = ttl_ms ? now_ms + ttl_ms : 0;
    if (len) memcpy(e->data + e->key_len, v->ptr, len);
out:
    unlock(s);
    return rc;
}

int kgw_dict_delete(kgw_dict_t *d, kgw_str_t key)
{
    uint32_t hash;
    shard_t *s = shard_of(d, key, &hash);
    lock(s);
    uint32_t off = find(s, hash, key);
    if (off) remove_entry(s, off);
    unlock(s);
    return KGW_OK;
}

int kgw_dict_incr(kgw_dict_t *d, kgw_str_t key, double by, bool has_init, double init, uint64_t init_ttl_ms, uint64_t now_ms, double *result, bool *forcible)
{
    uint32_t hash;
    shard_t *s = shard_of(d, key, &hash);
    int rc = KGW_OK;
    *forcible = false;
    lock(s);
    uint32_t off = find(s, hash, key);
    if (off && is_expired(at(s, off), now_ms)) {
        if (!has_init) {
            rc = KGW_DECLINED;
            goto out;
        }
        remove_entry(s, off);
        off = 0;
    }
    if (!off) {
        if (!has_init) {
            rc = KGW_DECLINED;
            goto out;
        }
        off = insert(s, hash, key, 0, now_ms, true, forcible);
        if (!off) {
            rc = KGW_ENOMEM;
            goto out;
        }
        at(s, off)->type = KGW_DT_NUMBER;
        at(s, off)->number = init;
        at(s, off)->expires_ms = init_ttl_ms ? now_ms + init_ttl_ms : 0;
    } else if (at(s, off)->type != KGW_DT_NUMBER) {
        rc = KGW_ERROR;
        goto out;
    } else {
        touch(s, off);
    }
    *result = at(s, off)->number += by;
out:
    unlock(s);
    return rc;
}

int kgw_dict_ttl(kgw_dict_t *d, kgw_str_t key, uint64_t now_ms, uint64_t *ttl_ms)
{
    uint32_t hash;
    shard_t *s = shard_of(d, key, &hash);
    lock(s);
    uint32_t off = find(s, hash, key);
    int rc = off && !is_expired(at(s, off), now_ms) ? KGW_OK : KGW_DECLINED;
    if (rc == KGW_OK) *ttl_ms = at(s, off)->expires_ms ? at(s, off)->expires_ms - now_ms : 0;
    unlock(s);
    return rc;
}

int kgw_dict_expire(kgw_dict_t *d, kgw_str_t key, uint64_t now_ms, uint64_t ttl_ms)
{
    uint32_t hash;
    shard_t *s = shard_of(d, key, &hash);
    lock(s);
    uint32_t off = find(s, hash, key);
    int rc = off && !is_expired(at(s, off), now_ms) ? KGW_OK : KGW_DECLINED;
    if (rc == KGW_OK) at(s, off)->expires_ms = ttl_ms ? now_ms + ttl_ms : 0;
    unlock(s);
    return rc;
}

int kgw_dict_push(kgw_dict_t *d, kgw_str_t key, const kgw_dict_value_t *v, bool left, uint64_t now_ms, uint32_t *len)
{
    uint32_t hash;
    shard_t *s = shard_of(d, key, &hash);
    int rc = KGW_OK;
    bool forcible;
    lock(s);
    uint32_t off = find(s, hash, key);
    if (off && is_expired(at(s, off), now_ms)) {
        remove_entry(s, off);
        off = 0;
    }
    if (off && at(s, off)->type != KGW_DT_LIST) {
        rc = KGW_ERROR;
        goto out;
    }
    size_t n = v->type == KGW_DT_STRING ? v->len : 0;
    bool is_new = !off;
    if (is_new && (off = insert(s, hash, key, 0, now_ms, true, &forcible))) at(s, off)->type = KGW_DT_LIST;
    uint32_t it = off ? alloc(s, sizeof(item_t) + n, now_ms, false, &forcible) : 0;
    if (!it) {
        if (off && is_new) remove_entry(s, off);
        rc = KGW_ENOMEM;
        goto out;
    }
    entry_t *e = at(s, off);
    item_t *x = item_at(s, it);
    x->len = (uint32_t)n;
    x->type = v->type;
    x->number = v->number;
    if (n) memcpy(x->data, v->ptr, n);
    x->prev = left ? 0 : e->list_last;
    x->next = left ? e->list_first : 0;
    if (x->prev) item_at(s, x->prev)->next = it;
    else e->list_first = it;
    if (x->next) item_at(s, x->next)->prev = it;
    else e->list_last = it;
    *len = ++e->list_cnt;
out:
    unlock(s);
    return rc;
}

int kgw_dict_pop(kgw_dict_t *d, kgw_str_t key, bool left, uint64_t now_ms, kgw_dict_value_t *out, char **buf, size_t *cap)
{
    uint32_t hash;
    shard_t *s = shard_of(d, key, &hash);
    int rc = KGW_DECLINED;
    lock(s);
    uint32_t off = find(s, hash, key);
    if (!off || is_expired(at(s, off), now_ms)) goto done;
    entry_t *e = at(s, off);
    if (e->type != KGW_DT_LIST) {
        rc = KGW_ERROR;
        goto done;
    }
    uint32_t it = left ? e->list_first : e->list_last;
    item_t *x = item_at(s, it);
    out->type = x->type;
    out->number = x->number;
    if (x->type == KGW_DT_STRING) copy_out(x->data, x->len, out, buf, cap);
    if (left) {
        e->list_first = x->next;
        if (x->next) item_at(s, x->next)->prev = 0;
        else e->list_last = 0;
    } else {
        e->list_last = x->prev;
        if (x->prev) item_at(s, x->prev)->next = 0;
        else e->list_first = 0;
    }
    kgw_slab_free(s->slab, it);
    if (--e->list_cnt == 0) remove_entry(s, off);
    rc = KGW_OK;
done:
    unlock(s);
    return rc;
}

int kgw_dict_llen(kgw_dict_t *d, kgw_str_t key, uint64_t now_ms, uint32_t *len)
{
    uint32_t hash;
    shard_t *s = shard_of(d, key, &hash);
    lock(s);
    uint32_t off = find(s, hash, key);
    int rc = KGW_OK;
    *len = 0;
    if (off && !is_expired(at(s, off), now_ms)) {
        if (at(s, off)->type == KGW_DT_LIST) *len = at(s, off)->list_cnt;
        else rc = KGW_ERROR;
    }
    unlock(s);
    return rc;
}

void kgw_dict_flush_all(kgw_dict_t *d)
{
    for (unsigned i = 0; i < d->shard_cnt; i++) {
        shard_t *s = &d->shards[i];
        lock(s);
        for (uint32_t off; (off = s->head->newest) != 0;) remove_entry(s, off);
        unlock(s);
    }
}

uint32_t kgw_dict_flush_expired(kgw_dict_t *d, uint64_t now_ms, uint32_t max)
{
    uint32_t n = 0;
    for (unsigned i = 0; i < d->shard_cnt && (!max || n < max); i++) {
        shard_t *s = &d->shards[i];
        lock(s);
        for (uint32_t off = s->head->oldest; off && (!max || n < max);) {
            uint32_t newer = at(s, off)->lru_prev;
            if (is_expired(at(s, off), now_ms)) {
                remove_entry(s, off);
                n++;
            }
            off = newer;
        }
        unlock(s);
    }
    return n;
}

void kgw_dict_keys(kgw_dict_t *d, uint64_t now_ms, uint32_t max, void (*fn)(void *arg, kgw_str_t key), void *arg)
{
    uint32_t n = 0;
    for (unsigned i = 0; i < d->shard_cnt; i++) {
        shard_t *s = &d->shards[i];
        lock(s);
        for (uint32_t off = s->head->newest; off && (!max || n < max); off = at(s, off)->lru_next) {
            entry_t *e = at(s, off);
            if (is_expired(e, now_ms)) continue;
            fn(arg, kgw_str(e->data, e->key_len));
            n++;
        }
        unlock(s);
    }
}

size_t kgw_dict_free_space(kgw_dict_t *d)
{
    size_t n = 0;
    for (unsigned i = 0; i < d->shard_cnt; i++) {
        lock(&d->shards[i]);
        n += kgw_slab_free_bytes(d->shards[i].slab);
        unlock(&d->shards[i]);
    }
    return n;
}

uint64_t kgw_dict_recoveries(const kgw_dict_t *d)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < d->shard_cnt; i++) n += d->shards[i].head->recoveries;
    return n;
}
