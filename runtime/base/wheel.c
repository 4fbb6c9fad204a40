/* See wheel.h. One wheel of 512 slots; timers further away than one turn stay in their slot for several turns. */
#include "base/wheel.h"

void kgw_wheel_init(kgw_wheel_t *w, uint64_t now_ms)
{
    w->now_ms = now_ms;
    w->tick = now_ms / KGW_WHEEL_TICK_MS;
    w->cnt = 0;
    for (unsigned i = 0; i < KGW_WHEEL_SLOTS; i++) kgw_list_init(&w->slots[i]);
}

void kgw_wheel_start(kgw_wheel_t *w, kgw_timer_t *t, uint64_t delay_ms)
{
    if (t->due_ms) kgw_list_remove(&t->node);
    else w->cnt++;
    t->due_ms = w->now_ms + delay_ms;
    uint64_t tick = (t->due_ms + KGW_WHEEL_TICK_MS - 1) / KGW_WHEEL_TICK_MS;
    if (tick <= w->tick) tick = w->tick + 1;
    kgw_list_push_back(&w->slots[tick % KGW_WHEEL_SLOTS], &t->node);
}

void kgw_wheel_stop(kgw_wheel_t *w, kgw_timer_t *t)
{
    if (!t->due_ms) return;
    kgw_list_remove(&t->node);
    t->due_ms = 0;
    w->cnt--;
}

unsigned kgw_wheel_run(kgw_wheel_t *w, uint64_t now_ms)
{
    unsigned fired = 0;
    uint64_t target = now_ms / KGW_WHEEL_TICK_MS;
    if (now_ms > w->now_ms) w->now_ms = now_ms;
    if (target <= w->tick) return 0;
    uint64_t first = w->tick + 1;
    if (target - first >= KGW_WHEEL_SLOTS) first = target - KGW_WHEEL_SLOTS + 1; /* a long sleep: each slot once */
    w->tick = target;
    for (uint64_t tick = first; tick <= target; tick++) {
        kgw_list_t *slot = &w->slots[tick % KGW_WHEEL_SLOTS], due;
        kgw_list_init(&due);
        kgw_list_foreach_safe(n, slot)
        {
            kgw_timer_t *t = container_of(n, kgw_timer_t, node);
            if (t->due_ms > now_ms) continue;
            kgw_list_remove(n);
            kgw_list_push_back(&due, n);
        }
        kgw_list_t *n;
        while ((n = kgw_list_pop_front(&due)) != NULL) {
            kgw_timer_t *t = container_of(n, kgw_timer_t, node);
            t->due_ms = 0;
            w->cnt--;
            fired++;
            t->fn(t);
        }
    }
    return fired;
}

int64_t kgw_wheel_next(const kgw_wheel_t *w)
{
    if (!w->cnt) return -1;
    for (uint64_t i = 1; i <= KGW_WHEEL_SLOTS; i++) {
        uint64_t tick = w->tick + i;
        if (kgw_list_is_empty(&w->slots[tick % KGW_WHEEL_SLOTS])) continue;
        int64_t in = (int64_t)(tick * KGW_WHEEL_TICK_MS) - (int64_t)w->now_ms;
        return in > 0 ? in : 1;
    }
    return KGW_WHEEL_SLOTS * KGW_WHEEL_TICK_MS;
}
