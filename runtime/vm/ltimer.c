/* ngx.timer: a wheel timer by id; the Lua closure lives in a Lua table under the same id. */
#include <string.h>

#include "base/freelist.h"
#include "vm/co.h"
#include "vm/vm.h"

typedef struct {
    kgw_timer_t timer;
    kgw_list_t node;
    uint32_t id;
} ltimer_t;

typedef struct {
    unsigned thread_cnt;
    void *unused; /* room for the free list's link */
} run_t;

static kgw_freelist_t runs = {sizeof(run_t), 256, 0, 0, NULL};
static kgw_freelist_t ltimers = {sizeof(ltimer_t), 256, 0, 0, NULL};
static kgw_list_t pending = {&pending, &pending};
/* Those without a delay. They begin outside the call that asked for them: it is an FFI call, in which no Lua object may be made. */
static kgw_list_t due = {&due, &due};
unsigned kgw_ltimer_running_cnt, kgw_ltimer_pending_cnt;

/* Slots of timers are above those of requests. */
static uint32_t free_slots[1024], free_cnt, slot_max = 1u << 20;
uint32_t kgw_slot_get(void) { return free_cnt ? free_slots[--free_cnt] : ++slot_max; }
void kgw_slot_put(uint32_t slot)
{
    if (free_cnt < KGW_ARRAY_LEN(free_slots)) free_slots[free_cnt++] = slot;
}

/* Of a timer's coroutine and of its light threads: the last one to end frees what they shared. */
static void on_end(kgw_co_t *co, enum kgw_co_end how)
{
    (void)how;
    if (--*co->thread_cnt > 0) return;
    kgw_freelist_put(&runs, container_of(co->thread_cnt, run_t, thread_cnt));
    kgw_ltimer_running_cnt--;
    lua_State *L = kgw_vm->L;
    lua_rawgeti(L, LUA_REGISTRYINDEX, kgw_vm->entries[KGW_ENTRY_RELEASE]);
    lua_pushinteger(L, co->slot);
    lua_call(L, 1, 0);
    kgw_slot_put(co->slot);
}

static void fire(ltimer_t *t)
{
    uint32_t id = t->id;
    kgw_list_remove(&t->node);
    kgw_freelist_put(&ltimers, t);
    kgw_ltimer_pending_cnt--;
    kgw_ltimer_running_cnt++;
    kgw_co_t *co = kgw_co_new(NULL, KGW_PH_TIMER, kgw_slot_get());
    run_t *run = kgw_freelist_get(&runs);
    run->thread_cnt = 1;
    co->thread_cnt = &run->thread_cnt;
    co->on_end = co->thread_end = on_end;
    lua_rawgeti(co->L, LUA_REGISTRYINDEX, kgw_vm->entries[KGW_ENTRY_TIMER]);
    lua_pushinteger(co->L, id);
    lua_pushboolean(co->L, kgw_vm->is_exiting);
    co->nargs = 2;
    kgw_co_ready(co);
}

static void on_timer(kgw_timer_t *t) { fire(container_of(t, ltimer_t, timer)); }

void kgw_ltimer_start(uint32_t id, uint64_t ms)
{
    ltimer_t *t = kgw_freelist_get(&ltimers);
    kgw_timer_init(&t->timer, on_timer);
    kgw_list_init(&t->node);
    t->id = id;
    kgw_ltimer_pending_cnt++;
    if (ms == 0) {
        kgw_list_push_back(&due, &t->node);
        kgw_loop_poke(kgw_vm->loop);
        return;
    }
    kgw_list_push_back(&pending, &t->node);
    kgw_timer_start(kgw_vm->loop, &t->timer, ms);
}

void kgw_ltimer_drain(void)
{
    kgw_list_t *n;
    while ((n = kgw_list_pop_front(&due)) != NULL) fire(container_of(n, ltimer_t, node));
}

bool kgw_ltimer_stop(uint32_t id)
{
    kgw_list_foreach(n, &due)
    {
        ltimer_t *t = container_of(n, ltimer_t, node);
        if (t->id != id) continue;
        kgw_list_remove(&t->node);
        kgw_ltimer_pending_cnt--;
        kgw_freelist_put(&ltimers, t);
        return true;
    }
    kgw_list_foreach(n, &pending)
    {
        ltimer_t *t = container_of(n, ltimer_t, node);
        if (t->id != id) continue;
        kgw_timer_stop(kgw_vm->loop, &t->timer);
        kgw_list_remove(&t->node);
        kgw_ltimer_pending_cnt--;
        kgw_freelist_put(&ltimers, t);
        return true;
    }
    return false;
}

void kgw_ltimer_fire_all(void)
{
    kgw_list_t todo, *n;
    kgw_list_init(&todo);
    kgw_list_splice(&todo, &pending);
    while ((n = kgw_list_pop_front(&todo)) != NULL) {
        ltimer_t *t = container_of(n, ltimer_t, node);
        kgw_timer_stop(kgw_vm->loop, &t->timer);
        fire(t);
    }
}
