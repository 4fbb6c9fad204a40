/* Lifetime of requests: a free list, slots for Lua's tables, references, the dead list. */
#include "proxy/req.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/freelist.h"
#include "base/log.h"
#include "base/rand.h"
#include "base/str.h"
#include "proxy/conn.h"
#include "proxy/peer.h"

static kgw_freelist_t reqs = {sizeof(kgw_req_t), 256, 0, 0, NULL};
static kgw_list_t dead = {&dead, &dead};
unsigned kgw_req_live_cnt;

/* Slots: a stack of those free again, else the next new one. Slot 0 is never given out. */
static uint32_t *free_slots;
static uint32_t free_slot_cnt, free_slot_cap, slot_max;

uint32_t kgw_req_slot_max(void) { return slot_max; }

static uint32_t slot_get(void)
{
    if (free_slot_cnt) return free_slots[--free_slot_cnt];
    slot_max++;
    if (slot_max > free_slot_cap) {
        free_slot_cap = free_slot_cap ? free_slot_cap * 2 : 128;
        free_slots = kgw_realloc(free_slots, free_slot_cap * sizeof(*free_slots));
    }
    return slot_max;
}

static void on_timer(kgw_timer_t *t);

kgw_req_t *kgw_req_new(kgw_conn_t *conn)
{
    kgw_req_t *r = kgw_freelist_get(&reqs);
    memset(r, 0, sizeof(*r));
    r->refs = 1;
    r->conn = conn;
    kgw_list_init(&r->node);
    kgw_list_init(&r->put_off_node);
    kgw_list_init(&r->cos);
    kgw_list_init(&r->socks);
    kgw_arena_init(&r->arena);
    kgw_chain_init(&r->out_body);
    kgw_chain_init(&r->body.mem);
    r->body.fd = -1;
    r->slot = slot_get();
    r->id[0] = kgw_rand_u64();
    r->id[1] = kgw_rand_u64();
    kgw_hex(r->id_hex, r->id, 16);
    r->host_port = -1;
    r->request_buffering = r->response_buffering = true;
    r->exit_code = -1000;
    r->target.keepalive_idle_ms = kgw_proxy_conf.upstream_idle_ms;
    r->target.keepalive_max = kgw_proxy_conf.upstream_max_requests;
    kgw_hdrs_init(&r->out.hdrs, &r->arena);
    kgw_hdrs_init(&r->early_hdrs, &r->arena);
    kgw_timer_init(&r->timer, on_timer);
    r->start_us = kgw_clock_mono_us();
    r->start_wall_ms = kgw_clock.wall_ms;
    if (conn) {
        r->client_addr = conn->pp ? conn->pp->src : conn->io.peer_addr;
        r->listener_kind = conn->listener ? conn->listener->kind : KGW_L_PROXY;
        r->is_internal_api = conn->listener && conn->listener->kind != KGW_L_PROXY;
    }
    kgw_req_live_cnt++;
    return r;
}

static void on_timer(kgw_timer_t *t);

void kgw_req_unref(kgw_req_t *r)
{
    KGW_ASSERT(r->refs > 0);
    if (--r->refs > 0) return;
    r->is_dead = true;
    kgw_list_remove(&r->node);
    kgw_list_push_back(&dead, &r->node);
}

static void req_free(kgw_req_t *r)
{
    kgw_timer_stop(kgw_proxy_loop, &r->timer);
    kgw_hooks.release(r);
    KGW_ASSERT(r->peer == NULL);
    kgw_chain_fini(&r->out_body);
    kgw_chain_fini(&r->body.mem);
    if (r->body.fd >= 0) close(r->body.fd);
    if (r->body.path) {
        unlink(r->body.path);
        kgw_free(r->body.path);
    }
    kgw_free(r->body.file_buf);
    if (r->head_block) kgw_block_unref(r->head_block);
    if (r->resp_block) kgw_block_unref(r->resp_block);
    if (r->target.tls_ctx) kgw_tls_ctx_unref(r->target.tls_ctx);
    kgw_arena_reset(&r->arena);
    free_slots[free_slot_cnt++] = r->slot;
    kgw_req_live_cnt--;
    kgw_freelist_put(&reqs, r);
}

void kgw_req_drain_dead(void)
{
    kgw_list_t *n;
    while ((n = kgw_list_pop_front(&dead)) != NULL) req_free(container_of(n, kgw_req_t, node));
}

static void on_timer(kgw_timer_t *t) { kgw_req_on_timeout(container_of(t, kgw_req_t, timer)); }

int64_t kgw_req_proxy_latency_ms(const kgw_req_t *r) { return r->balancer_end_us ? (int64_t)(r->balancer_end_us - r->start_us) / 1000 : -1; }

int64_t kgw_req_upstream_latency_ms(const kgw_req_t *r) { return r->head_us && r->balancer_end_us ? (int64_t)(r->head_us - r->balancer_end_us) / 1000 : -1; }

int64_t kgw_req_response_latency_ms(const kgw_req_t *r)
{
    uint64_t end = r->end_us ? r->end_us : kgw_clock_mono_us();
    return (int64_t)(end - r->start_us) / 1000;
}
