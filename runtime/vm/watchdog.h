/*
 * Interrupts Lua code of a request that computes without ever waiting. A timer on the worker's CPU time looks whether the
 * same resume of a coroutine still runs; past the limit a debug hook raises a Lua error in it. Compiled code looks at no
 * hooks: it is stepped to its next way out first. An idle worker gets no signals.
 */
#ifndef KGW_VM_WATCHDOG_H
#define KGW_VM_WATCHDOG_H

#include <lua.h>

#include "base/kgw.h"

/* Goes up with every resume; co.c's. */
extern volatile uint32_t kgw_co_run_cnt;
/* Once per worker. limit_ms of CPU time for one resume; 0 switches it off. */
int kgw_watchdog_start(lua_State *L, unsigned limit_ms) KGW_MUST_CHECK;

#endif
