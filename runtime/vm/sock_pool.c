/* Keep-alive pools of cosockets: per key idle connections (last used first), their limit, and who waits for a place. */
#include <string.h>

#include "base/freelist.h"
#include "base/str.h"
#include "vm/sock.h"
#include "vm/vm.h"

#define BUCKETS 256
#define DEFAULT_SIZE 256

/* Lives while a connection belongs to it or somebody waits. */
struct kgw_spool {
    kgw_spool_t *next;
    kgw_list_t idle, waiters;
    uint32_t refs, live_cnt, idle_cnt, wait_cnt;
    int size, backlog; /* size 0: not known yet; backlog -1: connections are not limited */
    uint32_t hash;
    size_t key_len;
    char key[];
};

static kgw_spool_t *buckets[BUCKETS];

static kgw_spool_t *make(const kgw_pool_opts_t *o, uint32_t hash)
{
    kgw_spool_t *p = kgw_zalloc(sizeof(*p) + o->key.len);
    kgw_list_init(&p->idle);
    kgw_list_init(&p->waiters);
    p->size = o->size > 0 ? o->size : o->backlog >= 0 ? DEFAULT_SIZE : 0;
    p->backlog = o->backlog;
    p->hash = hash;
    p->key_len = o->key.len;
    if (o->key.len) memcpy(p->key, o->key.ptr, o->key.len);
    p->next = buckets[hash % BUCKETS];
    buckets[hash % BUCKETS] = p;
    return p;
}

kgw_spool_t *kgw_spool_get(const kgw_pool_opts_t *o)
{
    uint32_t hash = kgw_str_hash(o->key);
    kgw_spool_t *p = buckets[hash % BUCKETS];
    while (p && (p->hash != hash || !kgw_str_eq(kgw_str(p->key, p->key_len), o->key))) p = p->next;
    if (!p) p = make(o, hash);
    p->refs++;
    return p;
}

void kgw_spool_unref(kgw_spool_t *p)
{
    if (--p->refs) return;
    kgw_spool_t **at = &buckets[p->hash % BUCKETS];
    while (*at != p) at = &(*at)->next;
    *at = p->next;
    kgw_free(p);
}

kgw_sconn_t *kgw_spool_take(kgw_spool_t *p)
{
    if (kgw_list_is_empty(&p->idle)) return NULL;
    kgw_sconn_t *c = container_of(p->idle.next, kgw_sconn_t, node);
    kgw_spool_remove_idle(c);
    c->reused++;
    return c;
}

void kgw_spool_remove_idle(kgw_sconn_t *c)
{
    kgw_list_remove(&c->node);
    kgw_timer_stop(kgw_vm->loop, &c->timer);
    c->is_idle = false;
    c->pool->idle_cnt--;
}

/* Somebody who waits may go on: it asks again and finds an idle connection or a free place. */
static void wake_one(kgw_spool_t *p)
{
    if (kgw_list_is_empty(&p->waiters)) return;
    kgw_sock_t *s = container_of(p->waiters.next, kgw_sock_t, wait_node);
    kgw_spool_unwait(s);
    s->state = KGW_SOCK_CLOSED;
    kgw_timer_stop(kgw_vm->loop, &s->write_timer);
    kgw_op_complete(&s->write_op, KGW_DECLINED);
}

void kgw_spool_put(kgw_sconn_t *c, uint64_t idle_ms, int size)
{
    kgw_spool_t *p = c->pool;
    if (p->size == 0) p->size = size > 0 ? size : DEFAULT_SIZE;
    if (p->idle_cnt >= (uint32_t)p->size) kgw_sconn_close(container_of(p->idle.prev, kgw_sconn_t, node));
    c->is_idle = true;
    p->idle_cnt++;
    kgw_list_push_front(&p->idle, &c->node);
    kgw_recv_release(&c->recv);
    if (idle_ms) kgw_timer_start(kgw_vm->loop, &c->timer, idle_ms);
    kgw_io_read_start(&c->io);
    wake_one(p);
}

bool kgw_spool_is_full(kgw_spool_t *p, bool *too_many)
{
    *too_many = false;
    if (p->backlog < 0 || p->live_cnt < (uint32_t)p->size) return false;
    *too_many = p->wait_cnt >= (uint32_t)p->backlog;
    return true;
}

void kgw_spool_wait(kgw_spool_t *p, kgw_sock_t *s)
{
    p->refs++;
    p->wait_cnt++;
    s->wait_pool = p;
    kgw_list_push_back(&p->waiters, &s->wait_node);
}

void kgw_spool_unwait(kgw_sock_t *s)
{
    kgw_spool_t *p = s->wait_pool;
    s->wait_pool = NULL;
    kgw_list_remove(&s->wait_node);
    p->wait_cnt--;
    kgw_spool_unref(p);
}

void kgw_spool_join(kgw_spool_t *p, kgw_sconn_t *c)
{
    p->refs++;
    p->live_cnt++;
    c->pool = p;
}

void kgw_spool_leave(kgw_sconn_t *c)
{
    kgw_spool_t *p = c->pool;
    if (!p) return;
    if (c->is_idle) kgw_spool_remove_idle(c);
    c->pool = NULL;
    p->live_cnt--;
    wake_one(p);
    kgw_spool_unref(p);
}
