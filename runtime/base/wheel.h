/*
 * Hashed timer wheel, resolution 10 ms for the first wheel. Time is an argument, so tests own the clock.
 * A timer is embedded in its container, which must stop it before it dies.
 */
#ifndef KGW_BASE_WHEEL_H
#define KGW_BASE_WHEEL_H

#include "base/list.h"

typedef struct kgw_timer kgw_timer_t;
typedef void (*kgw_timer_fn)(kgw_timer_t *t);

struct kgw_timer {
    kgw_list_t node;
    uint64_t due_ms; /* monotonic; 0 when not running */
    kgw_timer_fn fn;
};

#define KGW_WHEEL_SLOTS 512
#define KGW_WHEEL_TICK_MS 4

typedef struct {
    uint64_t now_ms;  /* time of the last run */
    uint64_t tick;    /* slot cursor */
    uint32_t cnt;     /* running timers */
    kgw_list_t slots[KGW_WHEEL_SLOTS];
} kgw_wheel_t;

void kgw_wheel_init(kgw_wheel_t *w, uint64_t now_ms);
static inline void kgw_timer_init(kgw_timer_t *t, kgw_timer_fn fn)
{
    kgw_list_init(&t->node);
    t->due_ms = 0;
    t->fn = fn;
}
/* (Re)starts: fires once, not before delay_ms after w->now_ms. O(1). */
void kgw_wheel_start(kgw_wheel_t *w, kgw_timer_t *t, uint64_t delay_ms);
void kgw_wheel_stop(kgw_wheel_t *w, kgw_timer_t *t);
static inline bool kgw_timer_is_running(const kgw_timer_t *t) { return t->due_ms != 0; }
/* Fires what is due. Timers may start and stop any timer, themselves too. Returns how many fired. */
unsigned kgw_wheel_run(kgw_wheel_t *w, uint64_t now_ms);
/* Milliseconds until the next timer may be due; -1 when none runs; may be early, never late by more than a tick. */
int64_t kgw_wheel_next(const kgw_wheel_t *w);

#endif
