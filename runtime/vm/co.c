/* See co.h. The only file that calls lua_resume. */
#include "vm/co.h"

#include <lauxlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/freelist.h"
#include "base/log.h"
#include "vm/vm.h"

#define THREADS_KEPT 128
#define HOG_US 50000

KGW_EXPORT kgw_cur_t kgw_cur;
kgw_tls_t *kgw_cur_tls;
unsigned kgw_co_live_cnt;

static kgw_freelist_t co_list = {sizeof(kgw_co_t), 256, 0, 0, NULL};
static kgw_list_t ready = {&ready, &ready};
static lua_State *main_L;
static kgw_loop_t *loop;
static uint64_t next_id;

/* Threads that ended normally are used again; one that was abandoned in the middle keeps live upvalues and goes to the GC. */
static struct {
    lua_State *L;
    int ref;
} spare[THREADS_KEPT];
static unsigned spare_cnt;

void kgw_co_start_worker(lua_State *L, kgw_loop_t *l)
{
    main_L = L;
    loop = l;
    if (l) kgw_loop_before_poll(l, kgw_co_drain, NULL);
}

kgw_co_t *kgw_co_new(kgw_req_t *req, unsigned phase, uint32_t slot)
{
    kgw_co_t *co = kgw_freelist_get(&co_list);
    memset(co, 0, sizeof(*co));
    if (spare_cnt) {
        spare_cnt--;
        co->L = spare[spare_cnt].L;
        co->ref = spare[spare_cnt].ref;
    } else {
        co->L = lua_newthread(main_L);
        co->ref = luaL_ref(main_L, LUA_REGISTRYINDEX);
    }
    co->req = req;
    co->phase = phase;
    co->slot = slot;
    co->id = ++next_id;
    kgw_list_init(&co->node);
    kgw_list_init(&co->req_node);
    if (req) {
        kgw_req_ref(req);
        kgw_list_push_back(&req->cos, &co->req_node);
    }
    kgw_co_live_cnt++;
    return co;
}

/* What the co began to wait for and will not wait for any more. */
static void cancel_op(kgw_co_t *co)
{
    kgw_op_t *op = co->op;
    if (!op) return;
    co->op = NULL;
    op->co = NULL;
    if (op->cancel) op->cancel(op);
}

/* on_end sees the values that the co returned on co->L; the thread is used again only after it. */
static void finish(kgw_co_t *co, enum kgw_co_end how)
{
    cancel_op(co);
    kgw_list_remove(&co->node);
    kgw_list_remove(&co->req_node);
    if (co->on_end) co->on_end(co, how);
    /* Lua code holds the thread of a light thread: that one is never used again. */
    if (how == KGW_CO_DONE && !co->parent && spare_cnt < THREADS_KEPT) {
        lua_settop(co->L, 0);
        spare[spare_cnt].L = co->L;
        spare[spare_cnt++].ref = co->ref;
    } else {
        luaL_unref(main_L, LUA_REGISTRYINDEX, co->ref);
    }
    if (co->req) kgw_req_unref(co->req);
    kgw_co_live_cnt--;
    kgw_freelist_put(&co_list, co);
}

static void log_error(kgw_co_t *co)
{
    const char *msg = lua_tostring(co->L, -1);
    luaL_traceback(main_L, co->L, msg ? msg : "(error object is not a string)", 0);
    KGW_LOG(KGW_LOG_ERR, "lua entry thread aborted: runtime error: %s", lua_tostring(main_L, -1));
    lua_pop(main_L, 1);
}

static void log_hog(kgw_co_t *co, uint64_t us)
{
    luaL_traceback(main_L, co->L, NULL, 0);
    KGW_LOG(KGW_LOG_WARN, "a Lua coroutine held the event loop for %llu ms: %s", (unsigned long long)us / 1000, lua_tostring(main_L, -1));
    lua_pop(main_L, 1);
}

int kgw_co_run(kgw_co_t *co)
{
    kgw_cur_t before = kgw_cur;
    kgw_tls_t *tls_before = kgw_cur_tls;
    kgw_cur = (kgw_cur_t){co->req, co, co->phase, co->slot};
    kgw_cur_tls = co->phase == KGW_PH_CERT ? co->user : NULL;
    co->is_running = true;
    co->is_ready = false;
    kgw_list_remove(&co->node);
    int nargs = co->nargs;
    co->nargs = 0;
    uint64_t start = kgw_clock_mono_us();
    kgw_req_t *now_before = kgw_req_now;
    kgw_req_now = co->req;
    if (!kgw_lua_depth++) kgw_co_run_cnt++;
    int rc = lua_resume(co->L, nargs);
    kgw_lua_depth--;
    kgw_req_now = now_before;
    uint64_t took = kgw_clock_mono_us() - start;
    kgw_cur = before;
    kgw_cur_tls = tls_before;
    co->is_running = false;
    if (unlikely(took > HOG_US)) log_hog(co, took);
    if (rc == 0) {
        finish(co, KGW_CO_DONE);
        return KGW_OK;
    }
    if (rc == LUA_YIELD) {
        lua_settop(co->L, 0);
        if (co->exit_wanted || co->is_killed || co->abandon_wanted) {
            finish(co, KGW_CO_DROPPED);
            return KGW_OK;
        }
        if (!co->op) kgw_co_ready(co); /* a bare yield at the top: the next turn */
        return KGW_AGAIN;
    }
    log_error(co);
    finish(co, KGW_CO_FAILED);
    return KGW_ERROR;
}

void kgw_co_ready(kgw_co_t *co)
{
    if (co->is_ready) return;
    co->is_ready = true;
    kgw_list_push_back(&ready, &co->node);
    if (loop) kgw_loop_poke(loop);
}

void kgw_co_drop(kgw_co_t *co)
{
    if (co->is_running) {
        co->is_killed = true;
        return;
    }
    finish(co, KGW_CO_DROPPED);
}

void kgw_co_drain(void *arg)
{
    (void)arg;
    kgw_ltimer_drain();
    kgw_list_t todo, *n;
    kgw_list_init(&todo);
    kgw_list_splice(&todo, &ready);
    while ((n = kgw_list_pop_front(&todo)) != NULL) {
        kgw_co_t *co = container_of(n, kgw_co_t, node);
        int rc = kgw_co_run(co);
        (void)rc;
    }
    kgw_req_drain_woken();
}

void kgw_op_begin(kgw_op_t *op, void (*cancel)(kgw_op_t *))
{
    KGW_ASSERT(kgw_cur.co);
    cancel_op(kgw_cur.co); /* one at a time: the last one counts */
    op->co = kgw_cur.co;
    op->cancel = cancel;
    op->rc = KGW_AGAIN;
    kgw_cur.co->op = op;
}

void kgw_op_complete(kgw_op_t *op, int rc)
{
    kgw_co_t *co = op->co;
    op->rc = rc;
    if (!co) return;
    op->co = NULL;
    co->op = NULL;
    co->op_rc = rc;
    kgw_co_ready(co);
}
