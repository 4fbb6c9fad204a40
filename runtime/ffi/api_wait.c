/* Waiting: sleep, timers, threads, and a general wait object that Lua's semaphores and thread.wait are made of. */
#include "base/clock.h"
#include "base/freelist.h"
#include "ffi/ffi.h"

typedef struct {
    kgw_op_t op;
    kgw_timer_t timer;
} wait_t;

static kgw_freelist_t sleeps = {sizeof(wait_t), 256, 0, 0, NULL};

/* From now, not from the loop's cached time, which code that computes for long leaves behind. */
static uint64_t to_ms(double s)
{
    if (!(s > 0)) return 0;
    if (s > 1e9) return (uint64_t)1e12;
    uint64_t now_ms = kgw_clock_mono_us() / 1000, lag_ms = now_ms > kgw_clock.mono_ms ? now_ms - kgw_clock.mono_ms : 0;
    return (uint64_t)(s * 1000 + 0.999) + lag_ms;
}

static void on_sleep_end(kgw_timer_t *t)
{
    wait_t *w = container_of(t, wait_t, timer);
    kgw_op_complete(&w->op, KGW_OK);
    kgw_freelist_put(&sleeps, w);
}

static void cancel_sleep(kgw_op_t *op)
{
    wait_t *w = container_of(op, wait_t, op);
    kgw_timer_stop(kgw_vm->loop, &w->timer);
    kgw_freelist_put(&sleeps, w);
}

/* KGW_AGAIN: yield, then it is over. 0 seconds: the next turn of the loop. */
int kgw_ffi_sleep(double seconds)
{
    if (!kgw_cur.co || !kgw_vm->loop) return KGW_ERROR;
    uint64_t ms = to_ms(seconds);
    if (!ms) return KGW_AGAIN; /* a bare yield is queued again by co.c */
    wait_t *w = kgw_freelist_get(&sleeps);
    kgw_timer_init(&w->timer, on_sleep_end);
    kgw_op_begin(&w->op, cancel_sleep);
    kgw_timer_start(kgw_vm->loop, &w->timer, ms);
    return KGW_AGAIN;
}

void kgw_ffi_timer_start(uint32_t id, double seconds)
{
    if (kgw_vm->loop) kgw_ltimer_start(id, to_ms(seconds));
}

int kgw_ffi_timer_stop(uint32_t id) { return kgw_ltimer_stop(id) ? KGW_OK : KGW_DECLINED; }
int kgw_ffi_timer_count(int running) { return (int)(running ? kgw_ltimer_running_cnt : kgw_ltimer_pending_cnt); }

/* `thread` came from kgw.native's spawn and has not ended. */
int kgw_ffi_thread_kill(void *thread)
{
    kgw_co_t *co = thread;
    if (co == kgw_cur.co) return KGW_ERROR;
    kgw_co_drop(co);
    return KGW_OK;
}

/* Wait objects ---------------------------------------------------------------------------------------- */

static void on_wait_timeout(kgw_timer_t *t) { kgw_op_complete(&container_of(t, wait_t, timer)->op, KGW_TIMEOUT); }
static void cancel_wait(kgw_op_t *op) { kgw_timer_stop(kgw_vm->loop, &container_of(op, wait_t, op)->timer); }

void *kgw_ffi_wait_new(void)
{
    wait_t *w = kgw_zalloc(sizeof(*w));
    kgw_timer_init(&w->timer, on_wait_timeout);
    w->op.rc = KGW_OK;
    return w;
}

/* KGW_AGAIN: yield, then ask for the result. KGW_ERROR: somebody waits on it already. timeout < 0: for ever. */
int kgw_ffi_wait_begin(void *p, double timeout_s)
{
    wait_t *w = p;
    if (w->op.co || !kgw_cur.co || !kgw_vm->loop) return KGW_ERROR;
    kgw_op_begin(&w->op, cancel_wait);
    if (timeout_s >= 0) kgw_timer_start(kgw_vm->loop, &w->timer, to_ms(timeout_s));
    return KGW_AGAIN;
}

/* Does nothing when nobody waits. */
void kgw_ffi_wait_wake(void *p, int rc)
{
    wait_t *w = p;
    if (!w->op.co) return;
    kgw_timer_stop(kgw_vm->loop, &w->timer);
    kgw_op_complete(&w->op, rc);
}

void kgw_ffi_wait_free(void *p)
{
    wait_t *w = p;
    if (kgw_vm->loop) kgw_timer_stop(kgw_vm->loop, &w->timer);
    if (w->op.co) {
        w->op.co->op = NULL;
        w->op.co = NULL;
    }
    kgw_free(w);
}
