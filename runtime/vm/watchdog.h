/*
 * Interrupts Lua code that computes without ever waiting. A timer on the worker's CPU time looks whether the same resume of
 * a coroutine still runs; past the limit a debug hook raises a Lua error in it. Compiled code looks at no hooks: it is
 * stepped to its next way out first. An idle worker gets no signals. Where the gateway's own code runs unwatched (the start
 * of a worker, the master) the pieces that plugins wrote are guarded one by one.
 */
#ifndef KGW_VM_WATCHDOG_H
#define KGW_VM_WATCHDOG_H

#include <lua.h>

#include "base/kgw.h"

/* Goes up with every resume from C's own loop (resumes inside of one are part of it) and wherever a budget begins anew. */
extern volatile uint32_t kgw_co_run_cnt;

/* What runs inside the pcall of the function that is `depth` levels deep on L; L is NULL: nothing. */
typedef struct {
    lua_State *L;
    int depth;
} kgw_guard_t;

/* Guards what the Lua function that calls it (a C function on L) calls next, with a budget of its own, twenty limits large. Code that
 * catches its interruptions is interrupted until it has left the guarded function. In the master: by a timer that lives until the guard ends.
 * Returns the guard that was in force. */
kgw_guard_t kgw_watchdog_guard(lua_State *L);
/* Ends it; `before` is in force again. */
void kgw_watchdog_unguard(kgw_guard_t before);
/* Once per worker. The setting plugin_cpu_limit is what one resume may take, in milliseconds of CPU time; 0 switches it off. */
int kgw_watchdog_start(lua_State *L) KGW_MUST_CHECK;

#endif
