/* The worker's loop: libuv with our timer wheel on one uv_timer and the before-poll work on one uv_prepare. */
#include "net/loop.h"

#include "base/clock.h"
#include "net/io.h"

static void flush_dirty(kgw_loop_t *l)
{
    kgw_list_t todo;
    kgw_list_init(&todo);
    kgw_list_splice(&todo, &l->dirty);
    kgw_list_t *n;
    while ((n = kgw_list_pop_front(&todo)) != NULL) kgw_io_flush(container_of(n, kgw_io_t, dirty_node));
}

static void on_wheel(uv_timer_t *t);

static void arm(kgw_loop_t *l)
{
    int64_t next = kgw_wheel_next(&l->wheel);
    if (next < 0) {
        if (l->armed_ms) {
            uv_timer_stop(&l->wheel_timer);
            l->armed_ms = 0;
        }
        return;
    }
    uint64_t at = kgw_clock.mono_ms + (uint64_t)next;
    /* An early timer only costs one empty run; re-arming at every request would cost a heap operation each. */
    if (l->armed_ms && l->armed_ms <= at) return;
    l->armed_ms = at ? at : 1;
    uv_timer_start(&l->wheel_timer, on_wheel, (uint64_t)next, 0);
}

static void on_wheel(uv_timer_t *t)
{
    kgw_loop_t *l = container_of(t, kgw_loop_t, wheel_timer);
    l->armed_ms = 0;
    kgw_clock_update();
    kgw_wheel_run(&l->wheel, kgw_clock.mono_ms);
}

static void on_idle(uv_idle_t *h) { uv_idle_stop(h); }

static void on_prepare(uv_prepare_t *p)
{
    kgw_loop_t *l = container_of(p, kgw_loop_t, prepare);
    for (unsigned round = 0; round < 4; round++) {
        for (unsigned i = 0; i < l->before_poll_cnt; i++) l->before_poll[i].fn(l->before_poll[i].arg);
        if (kgw_list_is_empty(&l->dirty)) break;
        flush_dirty(l);
    }
    if (!kgw_list_is_empty(&l->dirty)) kgw_loop_poke(l);
    arm(l);
}

static void on_check(uv_check_t *c)
{
    (void)c;
    kgw_clock_update();
}

int kgw_loop_init(kgw_loop_t *l)
{
    if (uv_loop_init(&l->uv) != 0) return KGW_ERROR;
    kgw_clock_update();
    kgw_wheel_init(&l->wheel, kgw_clock.mono_ms);
    kgw_list_init(&l->dirty);
    l->before_poll_cnt = 0;
    l->armed_ms = 0;
    l->is_stopping = false;
    uv_timer_init(&l->uv, &l->wheel_timer);
    uv_prepare_init(&l->uv, &l->prepare);
    uv_check_init(&l->uv, &l->check);
    uv_idle_init(&l->uv, &l->idle);
    uv_prepare_start(&l->prepare, on_prepare);
    uv_check_start(&l->check, on_check);
    return KGW_OK;
}

static void close_handle(uv_handle_t *h, void *arg)
{
    (void)arg;
    if (!uv_is_closing(h)) uv_close(h, NULL);
}

void kgw_loop_fini(kgw_loop_t *l)
{
    uv_walk(&l->uv, close_handle, NULL);
    uv_run(&l->uv, UV_RUN_DEFAULT);
    uv_loop_close(&l->uv);
}

void kgw_loop_run(kgw_loop_t *l)
{
    while (!l->is_stopping) uv_run(&l->uv, UV_RUN_DEFAULT);
}

void kgw_loop_stop(kgw_loop_t *l)
{
    l->is_stopping = true;
    uv_stop(&l->uv);
}

void kgw_loop_before_poll(kgw_loop_t *l, kgw_loop_fn fn, void *arg)
{
    KGW_ASSERT(l->before_poll_cnt < KGW_ARRAY_LEN(l->before_poll));
    l->before_poll[l->before_poll_cnt].fn = fn;
    l->before_poll[l->before_poll_cnt++].arg = arg;
}

void kgw_loop_poke(kgw_loop_t *l)
{
    if (!uv_is_active((uv_handle_t *)&l->idle)) uv_idle_start(&l->idle, on_idle);
}
