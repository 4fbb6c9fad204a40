/*
 * A durable key-value store on disk (LMDB): the last good configuration of a data plane and the entities of a control plane.
 * Reads are immediate (memory map); a commit is a batch of puts and deletes that runs in a helper thread, because it waits for the
 * disk. A commit is all or nothing, also across kill -9. Opened after fork; one writer process.
 */
#ifndef KGW_VM_STORE_H
#define KGW_VM_STORE_H

#include <lmdb.h>

#include "vm/co.h"

typedef struct {
    MDB_env *env;
    MDB_dbi dbi;
    MDB_txn *reader; /* open between get/next and kgw_store_release */
    uint32_t refs;   /* 1 for Lua, 1 per running batch */
    bool is_held;    /* reads see one state of the store, release waits */
} kgw_store_t;

/* Sizes and counts as LMDB has them; doubles because they go to Lua. */
typedef struct {
    double map_size, page_size, max_readers, num_readers, allocated_pages, in_use_pages, entries;
} kgw_store_info_t;

typedef struct {
    kgw_store_t *store;
    uv_work_t work;
    kgw_op_t op;
    char *ops; /* records: u8 is_delete, u32 key_len, u32 value_len, bytes */
    size_t len, cap;
    int rc; /* LMDB's code, 0 good */
    bool is_running, is_orphan;
} kgw_batch_t;

/* Opens or makes the store in a folder that exists. NULL: err tells why. map_size: bytes the store may grow to. */
kgw_store_t *kgw_store_open(const char *folder, size_t map_size, bool read_only, char *err, size_t err_len);
void kgw_store_close(kgw_store_t *s);
/* Whether every key of an existing store can be read; a child does it, so that a damaged file harms nobody. Before there are threads. */
int kgw_store_probe(const char *folder, size_t map_size) KGW_MUST_CHECK;
/* KGW_OK: value is valid until kgw_store_release; KGW_DECLINED: no such key; KGW_ERROR: err. */
int kgw_store_get(kgw_store_t *s, kgw_str_t key, kgw_str_t *value, char *err, size_t err_len) KGW_MUST_CHECK;
/* The first key >= `from` (or > it when `after`). Same returns. */
int kgw_store_seek(kgw_store_t *s, kgw_str_t from, bool after, kgw_str_t *key, kgw_str_t *value, char *err, size_t err_len) KGW_MUST_CHECK;
void kgw_store_release(kgw_store_t *s);
/* Between true and false all reads see the store as it was at the first of them. Short: pages they see are not reused. */
void kgw_store_hold(kgw_store_t *s, bool is_held);
void kgw_store_info(kgw_store_t *s, kgw_store_info_t *out);

kgw_batch_t *kgw_batch_new(kgw_store_t *s);
/* KGW_ENOMEM or KGW_OK; bytes are copied. value NULL: delete. */
int kgw_batch_add(kgw_batch_t *b, kgw_str_t key, const kgw_str_t *value) KGW_MUST_CHECK;
/* The current co waits; KGW_AGAIN or KGW_ERROR. */
int kgw_batch_begin(kgw_batch_t *b) KGW_MUST_CHECK;
/* In place, blocking: before there is a loop. b->rc. */
void kgw_batch_run(kgw_batch_t *b);
void kgw_batch_free(kgw_batch_t *b);

#endif
