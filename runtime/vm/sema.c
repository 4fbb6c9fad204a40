/* See sema.h. */
#include "vm/sema.h"

#include "base/freelist.h"
#include "vm/co.h"
#include "vm/vm.h"

struct kgw_sema {
    int count, waiting;
    kgw_list_t waiters;
};

/* Lives as long as its coroutine waits. */
typedef struct {
    kgw_op_t op;
    kgw_timer_t timer;
    kgw_list_t node;
    kgw_sema_t *sema;
} waiter_t;

static kgw_freelist_t waiters = {sizeof(waiter_t), 256, 0, 0, NULL};

kgw_sema_t *kgw_sema_new(int count)
{
    kgw_sema_t *s = kgw_zalloc(sizeof(*s));
    s->count = count;
    kgw_list_init(&s->waiters);
    return s;
}

static void forget(waiter_t *w)
{
    kgw_timer_stop(kgw_vm->loop, &w->timer);
    kgw_list_remove(&w->node);
    w->sema->waiting--;
    kgw_freelist_put(&waiters, w);
}

static void end(waiter_t *w, int rc)
{
    kgw_op_complete(&w->op, rc);
    forget(w);
}

static void on_timer(kgw_timer_t *t) { end(container_of(t, waiter_t, timer), KGW_TIMEOUT); }
static void cancel(kgw_op_t *op) { forget(container_of(op, waiter_t, op)); }

void kgw_sema_free(kgw_sema_t *s)
{
    kgw_list_foreach_safe(n, &s->waiters) end(container_of(n, waiter_t, node), KGW_TIMEOUT);
    kgw_free(s);
}

int kgw_sema_wait(kgw_sema_t *s, uint64_t timeout_ms)
{
    if (s->count > 0) {
        s->count--;
        return KGW_OK;
    }
    if (timeout_ms == 0) return KGW_TIMEOUT;
    waiter_t *w = kgw_freelist_get(&waiters);
    w->sema = s;
    kgw_list_init(&w->node);
    kgw_list_push_back(&s->waiters, &w->node);
    kgw_timer_init(&w->timer, on_timer);
    kgw_timer_start(kgw_vm->loop, &w->timer, timeout_ms);
    s->waiting++;
    kgw_op_begin(&w->op, cancel);
    return KGW_AGAIN;
}

void kgw_sema_post(kgw_sema_t *s, int n)
{
    for (; n > 0 && !kgw_list_is_empty(&s->waiters); n--) end(container_of(s->waiters.next, waiter_t, node), KGW_OK);
    s->count += n;
}

int kgw_sema_count(const kgw_sema_t *s) { return s->count - s->waiting; }
