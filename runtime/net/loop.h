/*
 * One event loop per worker: libuv plus the timer wheel, the ready queue and the "before poll" work
 * (flush of dirty ios, dead lists, log). Callbacks registered here run in order before every poll.
 */
#ifndef KGW_NET_LOOP_H
#define KGW_NET_LOOP_H

#include <uv.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/wheel.h"

typedef void (*kgw_loop_fn)(void *arg);

struct kgw_loop {
    uv_loop_t uv;
    uv_timer_t wheel_timer;  /* armed for the next wheel slot */
    uv_prepare_t prepare;    /* runs the before-poll work */
    uv_check_t check;        /* updates the clock after poll */
    uv_idle_t idle;          /* active while work waits, so that poll does not block */
    kgw_wheel_t wheel;
    uint64_t armed_ms;
    kgw_list_t dirty;        /* kgw_io_t.dirty_node: ios with output to flush */
    struct { kgw_loop_fn fn; void *arg; } before_poll[8];
    unsigned before_poll_cnt;
    bool is_stopping;
};

int kgw_loop_init(kgw_loop_t *l) KGW_MUST_CHECK;
void kgw_loop_fini(kgw_loop_t *l);
/* Runs until kgw_loop_stop. */
void kgw_loop_run(kgw_loop_t *l);
void kgw_loop_stop(kgw_loop_t *l);
/* fn(arg) before every poll, after those added earlier. fn may make work for later ones. */
void kgw_loop_before_poll(kgw_loop_t *l, kgw_loop_fn fn, void *arg);
/* Makes the next poll not block (work was queued from outside a callback). */
void kgw_loop_poke(kgw_loop_t *l);
static inline void kgw_timer_start(kgw_loop_t *l, kgw_timer_t *t, uint64_t ms)
{
    /* The wheel's own time stands still while no timer fires. */
    if (kgw_clock.mono_ms > l->wheel.now_ms) l->wheel.now_ms = kgw_clock.mono_ms;
    kgw_wheel_start(&l->wheel, t, ms);
}
static inline void kgw_timer_stop(kgw_loop_t *l, kgw_timer_t *t) { kgw_wheel_stop(&l->wheel, t); }

#endif
