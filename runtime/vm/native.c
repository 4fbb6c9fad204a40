/*
 * The Lua module kgw.native: functions that take or give Lua values and therefore cannot be FFI functions.
 *   spawn(fn, ...) -> thread   a light thread of the running coroutine's request or timer; runs at once until it waits.
 *                              fn must not raise (wrap it in pcall); `thread` is a light userdata for kgw_ffi_thread_kill,
 *                              valid until fn returned.
 */
#include <lauxlib.h>

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
    co->on_end = parent->thread_end;
    co->thread_end = parent->thread_end;
    co->nargs = n - 1;
    lua_xmove(L, co->L, n);
    lua_pushlightuserdata(L, co);
    int rc = kgw_co_run(co);
    (void)rc;
    return 1;
}

static int open_module(lua_State *L)
{
    static const luaL_Reg functions[] = {{"spawn", spawn}, {NULL, NULL}};
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
