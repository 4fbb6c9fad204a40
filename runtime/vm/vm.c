/* See vm.h. */
#include "vm/vm.h"

#include <lauxlib.h>
#include <limits.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/freelist.h"
#include "base/log.h"
#include "base/settings.h"
#include "net/dns.h"
#include "proxy/conn.h"
#include "proxy/peer.h"
#include "vm/co.h"
#include "vm/watchdog.h"

kgw_vm_t *kgw_vm;

static const char *const entry_names[KGW_ENTRY__COUNT] = {"rewrite", "access",     "access_resume", "balancer", "response", "header_filter", "body_filter", "log",
                                                          "content", "error_page", "certificate",   "release",  "timer",    "init_worker",   "exit_worker"};

const char *kgw_vm_root(void)
{
    static char root[PATH_MAX];
    if (root[0]) return root;
    const char *env = getenv("KGW_ROOT");
    if (env && *env) {
        snprintf(root, sizeof(root), "%s", env);
        return root;
    }
    char exe[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 32);
    if (n <= 0) { /* no /proc: what was executed */
        const char *name = (const char *)getauxval(AT_EXECFN);
        n = name && strlen(name) < sizeof(exe) - 32 ? (ssize_t)strlen(name) : 0;
        memcpy(exe, name, (size_t)n);
    }
    if (n > 0) {
        exe[n] = 0;
        char *slash = strrchr(exe, '/');
        snprintf(slash, sizeof(exe) - (size_t)(slash - exe), "/../share/kgw");
        if (access(exe, R_OK) == 0) {
            snprintf(root, sizeof(root), "%s", exe);
            return root;
        }
    }
    snprintf(root, sizeof(root), "%s", KGW_SOURCE_ROOT);
    return root;
}

static int traceback(lua_State *L)
{
    if (!lua_isstring(L, 1)) return 1;
    luaL_traceback(L, L, lua_tostring(L, 1), 1);
    return 1;
}

/* Calls what is on the stack (function and nargs); errors are logged and printed. */
static int call(lua_State *L, int nargs, int nresults)
{
    int base = lua_gettop(L) - nargs;
    lua_pushcfunction(L, traceback);
    lua_insert(L, base);
    int rc = lua_pcall(L, nargs, nresults, base);
    lua_remove(L, base);
    if (rc != 0) {
        fprintf(stderr, "%s\n", lua_tostring(L, -1));
        KGW_LOG(KGW_LOG_EMERG, "%s", lua_tostring(L, -1));
        lua_pop(L, 1);
        return KGW_ERROR;
    }
    return KGW_OK;
}

static int require(lua_State *L, const char *name)
{
    lua_getglobal(L, "require");
    lua_pushstring(L, name);
    return call(L, 1, 1);
}

/* A whole phase with its plugins fits one trace; small functions call each other by tail calls, which count as unrolling. */
static const char jit_settings[] = "jit.opt.start('maxtrace=8000', 'maxrecord=16000', 'maxirconst=2000', 'maxsnap=2000', 'maxmcode=40960', 'minstitch=3', 'loopunroll=60')";

kgw_vm_t *kgw_vm_new(void)
{
    lua_State *L = luaL_newstate();
    if (!L) return NULL;
    kgw_vm_t *vm = kgw_zalloc(sizeof(*vm));
    vm->L = L;
    lua_gc(L, LUA_GCSETPAUSE, 400); /* starting leaves much behind: collected now and then, its memory is used again */
    luaL_openlibs(L);
    lua_getglobal(L, "package");
    lua_pushfstring(L, "%s/lua/?.lua;%s/lua/?/init.lua;/usr/share/lua/5.1/?.lua;/usr/share/lua/5.1/?/init.lua;/usr/local/share/lua/5.1/?.lua;/usr/local/share/lua/5.1/?/init.lua",
                    kgw_vm_root(), kgw_vm_root());
    if (access(KGW_JIT_ROOT "/jit/vmdef.lua", R_OK) == 0) { /* LuaJIT's own modules; an installed kgw has them among its own */
        lua_pushliteral(L, ";" KGW_JIT_ROOT "/?.lua");
        lua_concat(L, 2);
    }
    lua_setfield(L, -2, "path");
    lua_pushstring(L, "/usr/local/lib/lua/5.1/?.so;/usr/lib/x86_64-linux-gnu/lua/5.1/?.so;/usr/lib/aarch64-linux-gnu/lua/5.1/?.so;/usr/lib/lua/5.1/?.so");
    lua_setfield(L, -2, "cpath");
    lua_pop(L, 1);
    lua_pushstring(L, kgw_vm_root());
    lua_setglobal(L, "KGW_ROOT");
    if (luaL_dostring(L, jit_settings) != 0) lua_pop(L, 1);
    kgw_native_open(L);
    kgw_vm = vm;
    kgw_cur.phase = KGW_PH_INIT;
    return vm;
}

void kgw_vm_free(kgw_vm_t *vm)
{
    if (!vm) return;
    lua_close(vm->L);
    kgw_free(vm);
}

static int fetch_entries(kgw_vm_t *vm)
{
    if (require(vm->L, "kgw.entry") != KGW_OK) return KGW_ERROR;
    for (int i = 0; i < KGW_ENTRY__COUNT; i++) {
        lua_getfield(vm->L, -1, entry_names[i]);
        vm->entries[i] = luaL_ref(vm->L, LUA_REGISTRYINDEX);
    }
    lua_pop(vm->L, 1);
    return KGW_OK;
}

kgw_vm_verdict_t kgw_vm_main(kgw_vm_t *vm, int argc, char **argv)
{
    kgw_vm_verdict_t v = {KGW_VM_EXIT, 1, NULL, argc};
    lua_State *L = vm->L;
    if (require(L, "kgw.main") != KGW_OK) return v;
    lua_createtable(L, argc, 1);
    for (int i = 0; i < argc; i++) {
        lua_pushstring(L, argv[i]);
        lua_rawseti(L, -2, i);
    }
    if (call(L, 1, 4) != KGW_OK) return v;
    v.exit_code = (int)lua_tointeger(L, -4);
    const char *then = lua_isstring(L, -3) ? lua_tostring(L, -3) : "";
    bool is_run = strcmp(then, "run") == 0;
    if (strcmp(then, "script") == 0) {
        lua_pushvalue(L, -2);
        v.path = lua_tostring(L, -1);
        luaL_ref(L, LUA_REGISTRYINDEX); /* keeps the path's text */
        int from = (int)lua_tointeger(L, -1);
        v.args_from = from < argc ? from : argc;
        v.then = v.path ? KGW_VM_SCRIPT : KGW_VM_EXIT;
    }
    lua_pop(L, 4);
    if (is_run && fetch_entries(vm) == KGW_OK) v.then = KGW_VM_RUN;
    else if (is_run) v.exit_code = 1;
    return v;
}

kgw_vm_t *kgw_vm_reboot(const char *prefix)
{
    kgw_vm_t *old = kgw_vm, *vm = kgw_vm_new();
    if (vm && require(vm->L, "kgw.main") == KGW_OK) {
        lua_createtable(vm->L, 3, 0);
        const char *const args[] = {"kgw", "--reboot", prefix};
        for (int i = 0; i < 3; i++) {
            lua_pushstring(vm->L, args[i]);
            lua_rawseti(vm->L, -2, i);
        }
        if (call(vm->L, 1, 2) == KGW_OK && lua_tointeger(vm->L, -2) == 0 && fetch_entries(vm) == KGW_OK) return vm;
    }
    kgw_vm_free(vm);
    kgw_vm = old;
    return NULL;
}

int kgw_vm_start_worker(kgw_vm_t *vm, kgw_loop_t *loop, unsigned id, unsigned cnt)
{
    kgw_vm = vm;
    vm->loop = loop;
    vm->worker_id = id;
    vm->worker_cnt = cnt;
    vm->is_worker = true;
    lua_gc(vm->L, LUA_GCRESTART, 0);
    lua_gc(vm->L, LUA_GCSETPAUSE, 250); /* memory against time: fewer cycles per request */
    kgw_co_start_worker(vm->L, loop);
    kgw_vm_install_hooks();
    kgw_co_t *co = kgw_co_new(NULL, KGW_PH_INIT_WORKER, kgw_slot_get());
    co->owns_slot = true;
    lua_rawgeti(co->L, LUA_REGISTRYINDEX, vm->entries[KGW_ENTRY_INIT_WORKER]);
    if (kgw_watchdog_start(vm->L) != KGW_OK) KGW_LOG(KGW_LOG_WARN, "plugin_cpu_limit is not in force");
    return kgw_co_run(co) == KGW_ERROR ? KGW_ERROR : KGW_OK;
}

void kgw_vm_exiting(kgw_vm_t *vm, bool end_timers)
{
    vm->is_exiting = true;
    if (end_timers) kgw_ltimer_fire_all();
}

void kgw_vm_exit_worker(kgw_vm_t *vm)
{
    kgw_co_t *co = kgw_co_new(NULL, KGW_PH_EXIT_WORKER, 0);
    lua_rawgeti(co->L, LUA_REGISTRYINDEX, vm->entries[KGW_ENTRY_EXIT_WORKER]);
    kgw_co_run(co);
}

bool kgw_vm_is_busy(kgw_vm_t *vm)
{
    (void)vm;
    return kgw_ltimer_running_cnt > 0;
}

static int file_exit;
static void on_file_end(kgw_co_t *co, enum kgw_co_end how)
{
    file_exit = how == KGW_CO_DONE ? (int)lua_tointeger(co->L, 1) : 1;
    kgw_loop_stop(kgw_vm->loop);
}

int kgw_vm_run_file(kgw_vm_t *vm, const char *path, int argc, char **argv)
{
    static kgw_loop_t loop;
    if (kgw_loop_init(&loop) != KGW_OK || fetch_entries(vm) != KGW_OK) return 1;
    kgw_upstream_init_worker(&loop);
    if (kgw_dns_start(&loop, NULL, 2000, 3) != KGW_OK) return 1;
    vm->loop = &loop;
    vm->worker_cnt = 1;
    vm->is_worker = true;
    lua_gc(vm->L, LUA_GCRESTART, 0);
    kgw_co_start_worker(vm->L, &loop);
    kgw_vm_install_hooks();
    kgw_co_t *co = kgw_co_new(NULL, KGW_PH_TIMER, kgw_slot_get());
    co->on_end = on_file_end;
    lua_createtable(vm->L, argc, 0);
    for (int i = 0; i < argc; i++) {
        lua_pushstring(vm->L, argv[i]);
        lua_rawseti(vm->L, -2, i);
    }
    lua_setglobal(vm->L, "arg");
    if (luaL_loadfile(co->L, path) != 0) {
        fprintf(stderr, "%s\n", lua_tostring(co->L, -1));
        return 1;
    }
    if (kgw_co_run(co) == KGW_AGAIN) kgw_loop_run(&loop);
    return file_exit;
}
