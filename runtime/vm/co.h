/*
 * Coroutines the C side schedules: phase entries, timers, light threads. Only co.c resumes Lua. A co waits for at most
 * one op; whoever completes the op calls kgw_op_complete, which queues the co; the queue is run before every poll.
 */
#ifndef KGW_VM_CO_H
#define KGW_VM_CO_H

#include <lua.h>

#include "base/list.h"
#include "net/loop.h"
#include "proxy/req.h"
#include "vm/watchdog.h"

/* Embedded in what is waited for. cancel is called when the co is dropped while it waits. */
struct kgw_op {
    kgw_co_t *co;
    void (*cancel)(kgw_op_t *op);
    int rc;
};

enum kgw_co_end { KGW_CO_DONE, KGW_CO_FAILED, KGW_CO_DROPPED };

struct kgw_co {
    lua_State *L;
    int ref;               /* registry reference of the thread */
    kgw_req_t *req;        /* NULL in timers and init_worker; holds a reference */
    unsigned phase;
    uint32_t slot;         /* of ngx.ctx */
    bool owns_slot;        /* a timer's own slot */
    bool is_ready, is_running, has_started, is_killed;
    bool exit_wanted;      /* the next yield ends it (ngx.exit) */
    bool abandon_wanted;   /* the next yield drops it and access_resume goes on */
    int nargs;
    int exit_code;         /* ngx.exit outside a request (certificate phase) */
    kgw_op_t *op;
    int op_rc;             /* result of the last op it waited for */
    kgw_co_t *parent;      /* light threads */
    kgw_list_t node;       /* ready queue */
    kgw_list_t req_node;   /* r->cos */
    void (*on_end)(kgw_co_t *co, enum kgw_co_end how);
    void (*thread_end)(kgw_co_t *co, enum kgw_co_end how); /* on_end of the light threads it spawns */
    void *user;
    unsigned *thread_cnt;  /* of a timer: it and its light threads that live */
    kgw_conn_t *conn;      /* of the certificate phase */
    kgw_guard_t guard;     /* the piece of it that has a budget of its own */
    uint64_t id;
};

/* What Lua sees of the running coroutine; set before a resume, restored after it. Declared again in ffi/api.h. */
typedef struct {
    kgw_req_t *req;
    kgw_co_t *co;
    uint32_t phase;
    uint32_t slot;
} kgw_cur_t;
extern __attribute__((visibility("default"))) kgw_cur_t kgw_cur;

void kgw_co_start_worker(lua_State *L, kgw_loop_t *loop);
/* A fresh co with an empty stack; push the function and its arguments on co->L, set nargs, then run or queue it. */
kgw_co_t *kgw_co_new(kgw_req_t *req, unsigned phase, uint32_t slot);
/* Runs it now until it waits or ends. KGW_OK ended, KGW_AGAIN waits, KGW_ERROR failed (logged). on_end was called in the first and last case. */
int kgw_co_run(kgw_co_t *co);
void kgw_co_ready(kgw_co_t *co);
/* Drops it: cancels its op, forgets the Lua thread. Not while it runs. */
void kgw_co_drop(kgw_co_t *co);
void kgw_co_drain(void *arg);
extern unsigned kgw_co_live_cnt;

void kgw_op_begin(kgw_op_t *op, void (*cancel)(kgw_op_t *op));
void kgw_op_complete(kgw_op_t *op, int rc);

#endif
