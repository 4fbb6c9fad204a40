/*
 * Idle upstream connections, per key and worker, newest first. An idle peer is watched: bytes or EOF on it close it,
 * so nothing unsolicited ever reaches a client. Keys are made in Lua and contain everything that must not be shared
 * (address, TLS name, verification, client certificate).
 */
#include <string.h>

#include "base/clock.h"
#include "base/freelist.h"
#include "base/str.h"
#include "proxy/conn.h"
#include "proxy/peer.h"

#define POOL_BUCKETS 1024

struct kgw_pool {
    kgw_pool_t *next; /* in its bucket */
    uint32_t hash;
    unsigned idle_cnt;
    unsigned peer_cnt; /* peers that name it, leased ones too: the last one takes it along */
    kgw_list_t idle;   /* newest first */
    size_t key_len;
    char key[];
};

static kgw_pool_t *buckets[POOL_BUCKETS];
static unsigned idle_total;

kgw_pool_t *kgw_pool_find(kgw_str_t key, bool make)
{
    uint32_t hash = kgw_str_hash(key);
    kgw_pool_t **at = &buckets[hash % POOL_BUCKETS];
    for (kgw_pool_t *p = *at; p; p = p->next)
        if (p->hash == hash && p->key_len == key.len && memcmp(p->key, key.ptr, key.len) == 0) return p;
    if (!make) return NULL;
    kgw_pool_t *p = kgw_malloc(sizeof(*p) + key.len);
    p->next = *at;
    p->hash = hash;
    p->idle_cnt = p->peer_cnt = 0;
    kgw_list_init(&p->idle);
    p->key_len = key.len;
    memcpy(p->key, key.ptr, key.len);
    *at = p;
    return p;
}

void kgw_pool_join(kgw_pool_t *p) { p->peer_cnt++; }

void kgw_pool_leave(kgw_pool_t *p)
{
    if (--p->peer_cnt) return;
    kgw_pool_t **at = &buckets[p->hash % POOL_BUCKETS];
    while (*at != p) at = &(*at)->next;
    *at = p->next;
    kgw_free(p);
}

kgw_peer_t *kgw_pool_get(kgw_pool_t *p)
{
    kgw_list_t *n = kgw_list_pop_front(&p->idle);
    if (!n) return NULL;
    p->idle_cnt--;
    idle_total--;
    kgw_peer_t *peer = container_of(n, kgw_peer_t, node);
    kgw_timer_stop(kgw_proxy_loop, &peer->timer);
    return peer;
}

void kgw_pool_put(kgw_pool_t *p, kgw_peer_t *peer)
{
    if (p->idle_cnt >= kgw_proxy_conf.upstream_pool_size) {
        if (kgw_list_is_empty(&p->idle)) { /* pool size 0 */
            kgw_io_close(&peer->io);
            return;
        }
        kgw_peer_t *oldest = container_of(p->idle.prev, kgw_peer_t, node);
        kgw_pool_remove(oldest);
        kgw_io_close(&oldest->io);
    }
    kgw_list_push_front(&p->idle, &peer->node);
    p->idle_cnt++;
    idle_total++;
    if (peer->idle_ms) kgw_timer_start(kgw_proxy_loop, &peer->timer, peer->idle_ms);
}

void kgw_pool_remove(kgw_peer_t *peer)
{
    if (kgw_list_is_empty(&peer->node)) return;
    kgw_list_remove(&peer->node);
    peer->pool->idle_cnt--;
    idle_total--;
    kgw_timer_stop(kgw_proxy_loop, &peer->timer);
}

void kgw_pool_close_all(void)
{
    for (unsigned i = 0; i < POOL_BUCKETS; i++) {
        for (kgw_pool_t *p = buckets[i]; p; p = p->next) {
            kgw_peer_t *peer;
            while ((peer = kgw_pool_get(p)) != NULL) kgw_io_close(&peer->io);
        }
    }
}

unsigned kgw_pool_idle_cnt(void) { return idle_total; }
