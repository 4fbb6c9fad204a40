/*
 * A gateway inside a test: the real loop, connections and request machine with C functions in place of Lua. The main thread
 * runs the loop; a script runs in a thread of its own with blocking sockets and plays the client and the upstream.
 */
#ifndef KGW_TEST_PROXY_RIG_H
#define KGW_TEST_PROXY_RIG_H

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/freelist.h"
#include "base/log.h"
#include "base/str.h"
#include "ktest.h"
#include "proxy/conn.h"
#include "proxy/peer.h"

static struct {
    kgw_loop_t loop;
    kgw_listener_t listener;
    uint16_t port;
    int up_fd;             /* the upstream's listening socket */
    uint16_t up_port;
    uint16_t dead_port;    /* nobody listens */
    uv_async_t done;
    /* what the fake Lua does */
    int retries;
    unsigned dead_first;   /* that many tries go to the dead port */
    uint32_t read_ms;
    bool live_body, hold;
    /* what happened */
    unsigned logged, aborted, last_status, tries;
} rig;

static void rig_set_peer(kgw_req_t *r)
{
    kgw_target_t *t = &r->target;
    bool dead = r->tries_cnt < rig.dead_first;
    memset(&t->addr, 0, sizeof(t->addr));
    (void)!kgw_addr_parse_ip(&t->addr, KGW_STR("127.0.0.1"), dead ? rig.dead_port : rig.up_port);
    t->pool_key = dead ? KGW_STR("") : KGW_STR("up");
    t->connect_ms = t->send_ms = 5000;
    t->read_ms = rig.read_ms ? rig.read_ms : 5000;
    t->keepalive_idle_ms = 60000;
    t->is_set = true;
}

static int rig_hook_run(kgw_req_t *r, unsigned phase)
{
    if (phase == KGW_PH_ACCESS) {
        r->retries_left = rig.retries;
        r->request_buffering = !rig.live_body;
        r->hold_response = rig.hold;
    }
    if (phase == KGW_PH_BALANCER) rig_set_peer(r);
    if (phase == KGW_PH_LOG) {
        rig.last_status = r->out.status;
        rig.tries = r->tries_cnt;
        rig.aborted += r->is_aborted;
        __atomic_add_fetch(&rig.logged, 1, __ATOMIC_SEQ_CST);
    }
    return phase == KGW_PH_ERROR ? KGW_ERROR : KGW_OK; /* no page of Lua's: the plain one */
}

static int rig_hook_chunk(kgw_req_t *r, kgw_chain_t *in, kgw_chain_t *out, bool *last)
{
    (void)r;
    (void)last;
    kgw_chain_move(out, in);
    return KGW_OK;
}
static void rig_hook_req(kgw_req_t *r) { (void)r; }
static void rig_drain_dead(void *arg)
{
    (void)arg;
    kgw_req_drain_dead();
}

static void rig_stop(uv_async_t *a)
{
    (void)a;
    kgw_loop_stop(&rig.loop);
}

static int rig_bind(uint16_t *port, bool listens)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(in);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(fd, (struct sockaddr *)&in, sizeof(in)) != 0 || (listens && listen(fd, 128) != 0)) abort();
    getsockname(fd, (struct sockaddr *)&in, &len);
    *port = ntohs(in.sin_port);
    return fd;
}

static void rig_init(void)
{
    static bool is_ready;
    if (is_ready) return;
    is_ready = true;
    kgw_log_level = getenv("KGW_TEST_LOG") ? KGW_LOG_DEBUG : KGW_LOG_EMERG;
    kgw_clock_update();
    KGW_ASSERT(kgw_loop_init(&rig.loop) == KGW_OK);
    kgw_hooks = (kgw_hooks_t){rig_hook_run, rig_hook_chunk, rig_hook_req, rig_hook_req, NULL, NULL};
    kgw_hooked_phases = KGW_PH_LOG;
    kgw_proxy_conf.limits = (kgw_h1_limits_t){8192, 8192, 65536, KGW_H1_MAX_FIELDS};
    kgw_proxy_conf.header_timeout_ms = kgw_proxy_conf.body_timeout_ms = kgw_proxy_conf.send_timeout_ms = kgw_proxy_conf.keepalive_timeout_ms = 5000;
    kgw_proxy_conf.keepalive_requests = 1000000;
    kgw_proxy_conf.body_buffer = 16384;
    kgw_proxy_conf.via_name = KGW_STR("kgw");
    kgw_proxy_conf.via_value = KGW_STR("1.1 kgw");
    kgw_proxy_conf.upstream_pool_size = 16;
    kgw_upstream_init_worker(&rig.loop);
    kgw_conn_init_worker(&rig.loop);
    kgw_loop_before_poll(&rig.loop, rig_drain_dead, NULL);
    uv_async_init(&rig.loop.uv, &rig.done, rig_stop);
    rig.up_fd = rig_bind(&rig.up_port, true);
    rig_bind(&rig.dead_port, false);
    rig.listener.fd = rig_bind(&rig.port, false);
    rig.listener.on_accept = kgw_conn_accept;
    KGW_ASSERT(kgw_listener_start(&rig.listener, &rig.loop) == KGW_OK);
}

static void *rig_thread(void *fn)
{
    ((void (*)(void))(uintptr_t)fn)();
    uv_async_send(&rig.done);
    return NULL;
}

/* Runs the script to its end, with what the fake Lua does set beforehand by the caller. */
static void rig_run(void (*script)(void))
{
    rig_init();
    pthread_t t;
    rig.loop.is_stopping = false;
    if (pthread_create(&t, NULL, rig_thread, (void *)(uintptr_t)script) != 0) abort();
    kgw_loop_run(&rig.loop);
    pthread_join(t, NULL);
    kgw_conn_close_all();
    kgw_pool_close_all();
    for (int i = 0; i < 20 && (kgw_io_live_cnt || kgw_req_live_cnt); i++) uv_run(&rig.loop.uv, UV_RUN_NOWAIT);
    EXPECT_EQ(0, kgw_io_live_cnt);
    EXPECT_EQ(0, kgw_req_live_cnt);
    rig.retries = 0;
    rig.dead_first = 0;
    rig.read_ms = 0;
    rig.live_body = rig.hold = false;
    rig.aborted = rig.logged = 0;
}

/* For scripts ----------------------------------------------------------------------------------------- */

static int client_connect(void)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(rig.port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    if (connect(fd, (struct sockaddr *)&in, sizeof(in)) != 0) abort();
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return fd;
}

static int upstream_accept(void)
{
    int fd = accept(rig.up_fd, NULL, NULL), one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return fd;
}

static void wire_send(int fd, const char *text)
{
    size_t len = strlen(text), done = 0;
    while (done < len) {
        ssize_t n = send(fd, text + done, len - done, MSG_NOSIGNAL);
        if (n <= 0) return;
        done += (size_t)n;
    }
}

/* Reads until the bytes end with `end` (NULL: until the other side closes); waits 5 s at the most. Text in a static buffer. */
static const char *wire_read(int fd, const char *end)
{
    static __thread char buf[262144];
    size_t n = 0, end_len = end ? strlen(end) : 0;
    buf[0] = 0;
    while (n < sizeof(buf) - 1) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, 5000) <= 0) break;
        ssize_t got = recv(fd, buf + n, sizeof(buf) - 1 - n, 0);
        if (got <= 0) break;
        n += (size_t)got;
        buf[n] = 0;
        if (end && n >= end_len && memcmp(buf + n - end_len, end, end_len) == 0) break;
    }
    return buf;
}

static bool wire_is_closed(int fd)
{
    char byte;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 5000) > 0 && recv(fd, &byte, 1, 0) <= 0;
}

static void wait_logged(unsigned n)
{
    for (int i = 0; i < 5000 && __atomic_load_n(&rig.logged, __ATOMIC_SEQ_CST) < n; i++) usleep(1000);
}

#define EXPECT_HAS(text, part) EXPECT(strstr((text), (part)) != NULL)

#endif
