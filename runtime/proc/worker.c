/*
 * A worker: drops privileges, builds loop and VM state on what it inherited from the master, serves its slot's
 * listeners, drains on SIGQUIT or SIGTERM. Exits 0 after a drain.
 */
#include "proc/worker.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

#include "base/clock.h"
#include "base/log.h"
#include "base/rand.h"
#include "net/dns.h"
#include "proc/crash.h"
#include "proc/privs.h"
#include "proxy/access_log.h"
#include "proxy/conn.h"
#include "proxy/peer.h"
#include "vm/vm.h"

#define QUIET_MS 200   /* a stopping gateway that got no new connection for so long stops accepting */
#define ACCEPT_MS 5000 /* and in any case after this, or a third of the shutdown timeout */

static kgw_loop_t loop;
static kgw_listener_t listeners[KGW_LISTENERS_MAX];
static unsigned listener_cnt;
static uv_signal_t signals[3];
static kgw_timer_t drain_timer;
static uint64_t drain_began_ms, drain_deadline_ms, accept_deadline_ms;
static bool is_draining, is_ending; /* ending: the whole gateway, so that readiness is still told */
static kgw_conf_t *conf;
static kgw_vm_t *vm;

static void check_drained(kgw_timer_t *t)
{
    unsigned left = kgw_conn_drain_all();
    if (left == 0 && !kgw_vm_is_busy(vm)) {
        kgw_loop_stop(&loop);
        return;
    }
    if (kgw_clock.mono_ms >= drain_deadline_ms) {
        KGW_LOG(KGW_LOG_WARN, "shutdown timeout reached with %u connections left, cutting them", left);
        kgw_conn_close_all();
        kgw_loop_stop(&loop);
        return;
    }
    kgw_timer_start(&loop, t, 20);
}

static void stop_accepting(bool takes_queue)
{
    for (unsigned i = 0; i < listener_cnt; i++)
        if (listeners[i].kind == KGW_L_PROXY || !is_ending) kgw_listener_stop(&listeners[i], takes_queue);
    kgw_vm_exiting(vm, true);
    kgw_timer_init(&drain_timer, check_drained);
    kgw_timer_start(&loop, &drain_timer, 1);
}

/* The gateway stops, but whoever balances the load may not know yet: new connections are still served (one answer each) until
 * none has come for a moment. */
static void check_quiet(kgw_timer_t *t)
{
    kgw_conn_drain_all();
    uint64_t last = kgw_conn_last_accept_ms;
    if (kgw_clock.mono_ms >= accept_deadline_ms || kgw_clock.mono_ms - (last > drain_began_ms ? last : drain_began_ms) >= QUIET_MS) stop_accepting(true);
    else kgw_timer_start(&loop, t, 20);
}

/* SIGQUIT: another generation serves the sockets from now on. SIGTERM: the gateway ends. */
static void drain(bool is_end)
{
    if (is_draining) {
        is_ending |= is_end;
        return;
    }
    is_draining = true;
    is_ending = is_end;
    KGW_LOG(KGW_LOG_NOTICE, "worker is draining");
    drain_began_ms = kgw_clock.mono_ms;
    drain_deadline_ms = drain_began_ms + conf->shutdown_ms;
    accept_deadline_ms = drain_began_ms + (conf->shutdown_ms / 3 < ACCEPT_MS ? conf->shutdown_ms / 3 : ACCEPT_MS);
    kgw_conn_drain_all();
    if (!is_end) {
        stop_accepting(false);
        return;
    }
    kgw_vm_exiting(vm, false);
    kgw_timer_init(&drain_timer, check_quiet);
    kgw_timer_start(&loop, &drain_timer, 20);
}

static void on_signal(uv_signal_t *s, int signo)
{
    (void)s;
    if (signo == SIGUSR1) {
        kgw_log_reopen();
        kgw_access_log_reopen();
        return;
    }
    if (is_ending && signo == SIGTERM) { /* the second one is fast */
        kgw_conn_close_all();
        kgw_loop_stop(&loop);
        return;
    }
    drain(signo != SIGQUIT);
}

static void drain_dead(void *arg)
{
    (void)arg;
    kgw_req_drain_dead();
}

static void start_listeners(const kgw_worker_start_t *start)
{
    for (unsigned i = 0; i < conf->listener_cnt; i++) {
        if (start->fds[i] < 0) continue;
        kgw_listener_t *l = &listeners[listener_cnt];
        *l = conf->listeners[i];
        l->fd = start->fds[i];
        l->on_accept = kgw_conn_accept;
        if (kgw_listener_start(l, &loop) != KGW_OK) exit(2);
        listener_cnt++;
    }
}

/* Every connection may need one towards an upstream: clients get half of the file descriptors at the most. */
static void limit_connections(void)
{
    struct rlimit lim;
    if (getrlimit(RLIMIT_NOFILE, &lim) != 0 || lim.rlim_cur == RLIM_INFINITY) return;
    uint32_t most = lim.rlim_cur < 96 ? 16 : lim.rlim_cur > 2000000 ? 1000000 : (uint32_t)(lim.rlim_cur - 64) / 2;
    if (!kgw_proxy_conf.max_conns || kgw_proxy_conf.max_conns > most) kgw_proxy_conf.max_conns = most;
}

static void catch_signals(void)
{
    static const int numbers[] = {SIGQUIT, SIGTERM, SIGUSR1};
    for (unsigned i = 0; i < KGW_ARRAY_LEN(numbers); i++) {
        uv_signal_init(&loop.uv, &signals[i]);
        uv_signal_start(&signals[i], on_signal, numbers[i]);
        uv_unref((uv_handle_t *)&signals[i]);
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGINT, SIG_IGN); /* a terminal sends it to all; the master decides */
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

void kgw_worker_run(const kgw_worker_start_t *start)
{
    conf = start->conf;
    vm = start->vm;
    prctl(PR_SET_PDEATHSIG, SIGQUIT); /* a master that dies takes its workers with it, in order */
    kgw_rand_seed();
    kgw_crash_install(start->id);
    if (kgw_privs_drop(conf->user, conf->group) != KGW_OK) exit(2);
    /* Configurations are megabytes that come and go, some of them in helper threads: one heap, and large pieces go back to the system. */
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_THRESHOLD, 256 * 1024);
    mallopt(M_TRIM_THRESHOLD, 512 * 1024);
    setenv("UV_THREADPOOL_SIZE", "2", 0); /* few helpers: at a quarter of a CPU every thread spends the quota faster */
    if (kgw_loop_init(&loop) != KGW_OK) exit(2);
    catch_signals();
    limit_connections();
    kgw_access_log_init();
    kgw_upstream_init_worker(&loop);
    kgw_conn_init_worker(&loop);
    if (kgw_dns_start(&loop, conf->dns_servers[0] ? conf->dns_servers : NULL, conf->dns_timeout_ms, conf->dns_tries) != KGW_OK)
        KGW_LOG(KGW_LOG_ERR, "the DNS resolver could not be started");
    if (kgw_vm_start_worker(vm, &loop, start->id, conf->workers) != KGW_OK) exit(2);
    kgw_loop_before_poll(&loop, drain_dead, NULL);
    kgw_loop_before_poll(&loop, kgw_access_log_flush, NULL);
    start_listeners(start);
    char ready = 'R';
    ssize_t n = write(start->ready_fd, &ready, 1);
    (void)n;
    kgw_loop_run(&loop);
    kgw_vm_exit_worker(vm);
    kgw_access_log_flush(NULL);
    /* The process ends here: memory is the kernel's to reclaim; sanitizer builds look for what nobody points to. */
#ifdef __SANITIZE_ADDRESS__
    if (getenv("KGW_LEAK_CHECK")) {
        kgw_vm_free(vm); /* what Lua's finalisers free is no leak */
        __lsan_do_recoverable_leak_check();
    }
#endif
    _exit(0);
}
