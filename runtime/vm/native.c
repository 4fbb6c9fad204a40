/*
 * The Lua module kgw.native: functions that take or give Lua values and therefore cannot be FFI functions.
 *   spawn(fn, ...) -> thread   a light thread of the running coroutine's request or timer; runs at once until it waits.
 *                              fn must not raise (wrap it in pcall); `thread` is a light userdata for kgw_ffi_thread_kill,
 *                              valid until fn returned.
 *   send_head() -> boolean     the response's head is committed: header_filter runs, unless it did; false when it failed.
 *   flush(wait) -> rc          head and printed bytes go to the client. KGW_AGAIN with `wait`: yield until they went.
 *   guard() -> a, b            what the caller calls until unguard(a, b) has a CPU budget of its own (vm/watchdog.h).
 */
#include <lauxlib.h>

#include "proxy/conn.h"
#include "vm/co.h"
#include "vm/json.h"
#include "vm/vm.h"

static int spawn(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TFUNCTION);
    kgw_co_t *parent = kgw_cur.co;
    if (!parent) return luaL_error(L, "no request found");
    int n = lua_gettop(L);
    kgw_co_t *co = kgw_co_new(parent->req, parent->phase, parent->slot);
    co->parent = parent;
    co->user = parent->user;
    co->conn = parent->conn;
    if (co->conn) kgw_list_push_back(&co->conn->cert_cos, &co->req_node);
    co->thread_cnt = parent->thread_cnt;
    if (co->thread_cnt) ++*co->thread_cnt;
    co->on_end = parent->thread_end;
    co->thread_end = parent->thread_end;
    co->nargs = n - 1;
    lua_xmove(L, co->L, n);
    lua_pushlightuserdata(L, co);
    int rc = kgw_co_run(co);
    (void)rc;
    return 1;
}

/* Output calls of Lua: Lua's filters run inside them. */
static int send_head(lua_State *L)
{
    kgw_req_t *r = kgw_cur.req;
    bool ok = r && kgw_req_filter_head(r) == KGW_OK;
    if (r && !ok) r->is_killed = r->has_local = true;
    lua_pushboolean(L, ok);
    return 1;
}

typedef struct {
    kgw_op_t op;
    kgw_req_t *req;
} flusher_t;

static void cancel_flush(kgw_op_t *op)
{
    flusher_t *f = container_of(op, flusher_t, op);
    f->req->on_writable = NULL;
    f->req->flusher = NULL;
}

static void on_writable(kgw_req_t *r)
{
    flusher_t *f = r->flusher;
    r->flusher = NULL;
    kgw_op_complete(&f->op, KGW_OK);
}

static int flush(lua_State *L)
{
    kgw_req_t *r = kgw_cur.req;
    int rc = r ? kgw_req_flush(r) : KGW_ERROR;
    if (rc == KGW_AGAIN && lua_toboolean(L, 1) && !r->flusher) {
        flusher_t *f = kgw_arena_alloc(&r->arena, sizeof(*f));
        f->req = r;
        r->flusher = f;
        r->on_writable = on_writable;
        kgw_op_begin(&f->op, cancel_flush);
    } else if (rc == KGW_AGAIN) {
        rc = KGW_OK;
    }
    lua_pushinteger(L, rc);
    return 1;
}

static int guard(lua_State *L)
{
    kgw_guard_t before = kgw_watchdog_guard(L);
    lua_pushlightuserdata(L, before.L);
    lua_pushinteger(L, before.depth);
    return 2;
}

static int unguard(lua_State *L)
{
    kgw_watchdog_unguard((kgw_guard_t){lua_touserdata(L, 1), (int)lua_tointeger(L, 2)});
    return 0;
}

static int open_module(lua_State *L)
{
    static const luaL_Reg functions[] = {{"spawn", spawn}, {"send_head", send_head}, {"flush", flush}, {"guard", guard}, {"unguard", unguard}, {NULL, NULL}};
    lua_newtable(L);
    luaL_register(L, NULL, functions);
    return 1;
}

void kgw_native_open(lua_State *L)
{
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "preload");
    lua_pushcfunction(L, open_module);
    lua_setfield(L, -2, "kgw.native");
    lua_pushcfunction(L, kgw_json_open);
    lua_setfield(L, -2, "kgw.json");
    lua_pop(L, 2);
}
