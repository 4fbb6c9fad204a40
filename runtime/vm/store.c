/* See store.h. */
#include "vm/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/freelist.h"
#include "vm/vm.h"

#define OP_HEAD 9

static MDB_val val(kgw_str_t s) { return (MDB_val){s.len, (void *)s.ptr}; }

/* A file that was cut short would be read beyond its end. */
static int check_size(kgw_store_t *s, const char *folder)
{
    char path[PATH_MAX];
    struct stat st;
    MDB_envinfo info;
    MDB_stat stat_out;
    snprintf(path, sizeof(path), "%s/data.mdb", folder);
    if (stat(path, &st) != 0) return errno;
    mdb_env_info(s->env, &info);
    mdb_env_stat(s->env, &stat_out);
    bool is_short = info.me_last_txnid > 0 && (uint64_t)st.st_size < (uint64_t)(info.me_last_pgno + 1) * stat_out.ms_psize;
    return is_short ? MDB_CORRUPTED : 0;
}

kgw_store_t *kgw_store_open(const char *folder, size_t map_size, bool read_only, char *err, size_t err_len)
{
    kgw_store_t *s = kgw_zalloc(sizeof(*s));
    s->refs = 1;
    MDB_txn *txn = NULL;
    int rc = mdb_env_create(&s->env);
    if (rc == 0) rc = mdb_env_set_mapsize(s->env, map_size);
    if (rc == 0) rc = mdb_env_open(s->env, folder, MDB_NOTLS | (read_only ? MDB_RDONLY : 0), 0600);
    if (rc == 0) rc = check_size(s, folder);
    if (rc == 0) rc = mdb_txn_begin(s->env, NULL, read_only ? MDB_RDONLY : 0, &txn);
    if (rc == 0) rc = mdb_dbi_open(txn, NULL, 0, &s->dbi);
    if (rc == 0) {
        rc = mdb_txn_commit(txn);
        txn = NULL;
    }
    if (rc == 0) return s;
    snprintf(err, err_len, "%s", mdb_strerror(rc));
    if (txn) mdb_txn_abort(txn);
    if (s->env) mdb_env_close(s->env);
    kgw_free(s);
    return NULL;
}

/* Reads everything; what a damaged tree does to the reader happens in a child. */
static int read_all(const char *folder, size_t map_size)
{
    char err[160];
    kgw_str_t key, value;
    volatile uint8_t sum = 0;
    kgw_store_t *s = kgw_store_open(folder, map_size, true, err, sizeof(err));
    if (!s) return 1;
    int rc = kgw_store_seek(s, KGW_STR(""), false, &key, &value, err, sizeof(err));
    while (rc == KGW_OK) {
        for (size_t i = 0; i < value.len; i += 512) sum = (uint8_t)(sum + (uint8_t)value.ptr[i]);
        char copy[512];
        if (key.len > sizeof(copy)) return 1;
        memcpy(copy, key.ptr, key.len);
        rc = kgw_store_seek(s, (kgw_str_t){copy, key.len}, true, &key, &value, err, sizeof(err));
    }
    return rc == KGW_DECLINED ? 0 : 1;
}

int kgw_store_probe(const char *folder, size_t map_size)
{
    pid_t pid = fork();
    if (pid < 0) return KGW_ERROR;
    if (pid == 0) {
        int null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
        if (null_fd >= 0) dup2(null_fd, 2); /* LMDB prints its failed assertions */
        signal(SIGABRT, SIG_DFL);
        signal(SIGSEGV, SIG_DFL);
        signal(SIGBUS, SIG_DFL);
        alarm(10);
        _exit(read_all(folder, map_size));
    }
    int status = 1;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? KGW_OK : KGW_ERROR;
}

static void unref(kgw_store_t *s)
{
    if (--s->refs > 0) return;
    mdb_env_close(s->env);
    kgw_free(s);
}

void kgw_store_close(kgw_store_t *s)
{
    kgw_store_hold(s, false);
    unref(s);
}

void kgw_store_release(kgw_store_t *s)
{
    if (s->is_held) return;
    if (s->reader) mdb_txn_abort(s->reader);
    s->reader = NULL;
}

void kgw_store_hold(kgw_store_t *s, bool is_held)
{
    s->is_held = false;
    kgw_store_release(s);
    s->is_held = is_held;
}

void kgw_store_info(kgw_store_t *s, kgw_store_info_t *out)
{
    MDB_stat stat_out;
    MDB_envinfo info;
    mdb_env_stat(s->env, &stat_out);
    mdb_env_info(s->env, &info);
    *out = (kgw_store_info_t){
        .map_size = (double)info.me_mapsize,
        .page_size = stat_out.ms_psize,
        .max_readers = info.me_maxreaders,
        .num_readers = info.me_numreaders,
        .allocated_pages = (double)(info.me_last_pgno + 1),
        .in_use_pages = (double)(stat_out.ms_branch_pages + stat_out.ms_leaf_pages + stat_out.ms_overflow_pages),
        .entries = (double)stat_out.ms_entries,
    };
}

static int begin_read(kgw_store_t *s)
{
    if (s->is_held && s->reader) return 0;
    kgw_store_release(s);
    return mdb_txn_begin(s->env, NULL, MDB_RDONLY, &s->reader);
}

static int answer(int rc, char *err, size_t err_len)
{
    if (rc == 0) return KGW_OK;
    if (rc == MDB_NOTFOUND) return KGW_DECLINED;
    snprintf(err, err_len, "%s", mdb_strerror(rc));
    return KGW_ERROR;
}

int kgw_store_get(kgw_store_t *s, kgw_str_t key, kgw_str_t *value, char *err, size_t err_len)
{
    MDB_val k = val(key), v = {0, NULL};
    int rc = begin_read(s);
    if (rc == 0) rc = mdb_get(s->reader, s->dbi, &k, &v);
    *value = (kgw_str_t){v.mv_data, v.mv_size};
    return answer(rc, err, err_len);
}

int kgw_store_seek(kgw_store_t *s, kgw_str_t from, bool after, kgw_str_t *key, kgw_str_t *value, char *err, size_t err_len)
{
    MDB_val k = val(from), v = {0, NULL};
    MDB_cursor *cursor = NULL;
    int rc = begin_read(s);
    if (rc == 0) rc = mdb_cursor_open(s->reader, s->dbi, &cursor);
    if (rc == 0) rc = mdb_cursor_get(cursor, &k, &v, from.len ? MDB_SET_RANGE : MDB_FIRST);
    if (rc == 0 && after && k.mv_size == from.len && memcmp(k.mv_data, from.ptr, from.len) == 0) rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
    if (cursor) mdb_cursor_close(cursor);
    *key = (kgw_str_t){k.mv_data, k.mv_size};
    *value = (kgw_str_t){v.mv_data, v.mv_size};
    return answer(rc, err, err_len);
}

kgw_batch_t *kgw_batch_new(kgw_store_t *s)
{
    kgw_batch_t *b = kgw_zalloc(sizeof(*b));
    b->store = s;
    s->refs++;
    return b;
}

int kgw_batch_add(kgw_batch_t *b, kgw_str_t key, const kgw_str_t *value)
{
    size_t value_len = value ? value->len : 0, need = b->len + OP_HEAD + key.len + value_len;
    if (key.len > UINT32_MAX || value_len > UINT32_MAX) return KGW_ENOMEM;
    if (need > b->cap) {
        size_t cap = need * 2;
        char *bigger = realloc(b->ops, cap);
        if (!bigger) return KGW_ENOMEM;
        b->ops = bigger;
        b->cap = cap;
    }
    char *p = b->ops + b->len;
    uint32_t lens[2] = {(uint32_t)key.len, (uint32_t)value_len};
    p[0] = value ? 0 : 1;
    memcpy(p + 1, lens, sizeof(lens));
    memcpy(p + OP_HEAD, key.ptr, key.len);
    if (value_len) memcpy(p + OP_HEAD + key.len, value->ptr, value_len);
    b->len = need;
    return KGW_OK;
}

static int apply(MDB_txn *txn, MDB_dbi dbi, char *p, char *end)
{
    while (p < end) {
        uint32_t lens[2];
        memcpy(lens, p + 1, sizeof(lens));
        MDB_val k = {lens[0], p + OP_HEAD}, v = {lens[1], p + OP_HEAD + lens[0]};
        int rc = p[0] ? mdb_del(txn, dbi, &k, NULL) : mdb_put(txn, dbi, &k, &v, 0);
        if (rc != 0 && rc != MDB_NOTFOUND) return rc;
        p += OP_HEAD + lens[0] + lens[1];
    }
    return 0;
}

static void work(uv_work_t *w)
{
    kgw_batch_t *b = container_of(w, kgw_batch_t, work);
    MDB_txn *txn = NULL;
    b->rc = mdb_txn_begin(b->store->env, NULL, 0, &txn);
    if (b->rc != 0) return;
    b->rc = apply(txn, b->store->dbi, b->ops, b->ops + b->len);
    if (b->rc == 0) b->rc = mdb_txn_commit(txn);
    else mdb_txn_abort(txn);
}

static void destroy(kgw_batch_t *b)
{
    unref(b->store);
    free(b->ops);
    kgw_free(b);
}

static void after(uv_work_t *w, int status)
{
    kgw_batch_t *b = container_of(w, kgw_batch_t, work);
    b->is_running = false;
    if (b->is_orphan) {
        destroy(b);
        return;
    }
    if (status != 0) b->rc = status;
    kgw_op_complete(&b->op, b->rc == 0 ? KGW_OK : KGW_ERROR);
}

/* What was begun is written even when nobody waits for it any more. */
static void on_cancel(kgw_op_t *op) { (void)op; }

int kgw_batch_begin(kgw_batch_t *b)
{
    if (b->is_running || uv_queue_work(&kgw_vm->loop->uv, &b->work, work, after) != 0) return KGW_ERROR;
    b->is_running = true;
    kgw_op_begin(&b->op, on_cancel);
    return KGW_AGAIN;
}

void kgw_batch_run(kgw_batch_t *b) { work(&b->work); }

void kgw_batch_free(kgw_batch_t *b)
{
    if (b->is_running) b->is_orphan = true;
    else destroy(b);
}
