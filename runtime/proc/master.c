/*
 * The master. It binds one SO_REUSEPORT socket per listen address and worker slot and keeps them all, so that a crash
 * or a reload never closes a listening socket. A generation is one configuration: a booted VM and its workers.
 */
#include "proc/master.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/settings.h"
#include "ffi/ffi.h"
#include "net/tls_ctx.h"
#include "proc/privs.h"
#include "proc/worker.h"
#include "proxy/conn.h"
#include "vm/vm.h"

#define READY_MS 30000
#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 5000

typedef struct {
    pid_t pid; /* 0: none */
    uint64_t started_ms, respawn_at_ms;
    uint32_t backoff_ms;
    int ready_fd;
    bool is_ready;
} slot_t;

typedef struct {
    char text[KGW_ADDR_STRLEN + 8];
    int fds[KGW_WORKERS_MAX];
    bool in_use;
} socket_t;

static kgw_conf_t conf;
static kgw_vm_t *vm;
static slot_t slots[KGW_WORKERS_MAX];
static socket_t sockets[KGW_LISTENERS_MAX];
static struct {
    pid_t pid;
} old_workers[KGW_WORKERS_MAX * 4];
static unsigned old_cnt;
static int signal_fd = -1;
static bool is_stopping;
static pid_t master_pid;

/* Sockets --------------------------------------------------------------------------------------------- */

static socket_t *find_socket(const char *text)
{
    for (unsigned i = 0; i < KGW_LISTENERS_MAX; i++)
        if (sockets[i].text[0] && strcmp(sockets[i].text, text) == 0) return &sockets[i];
    return NULL;
}

/* SO_REUSEPORT would let a second gateway share the port by accident: without the flag a plain bind must succeed first. */
static bool is_free(const kgw_listener_t *l)
{
    if (l->is_reuseport || l->is_unix) return true;
    int one = 1;
    int fd = socket(l->addr.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return true;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (l->addr.sa.sa_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
    bool ok = bind(fd, &l->addr.sa, l->addr.len) == 0;
    int saved = errno;
    close(fd);
    errno = saved;
    return ok;
}

static int open_sockets(const kgw_conf_t *c)
{
    for (unsigned i = 0; i < c->listener_cnt; i++) {
        const kgw_listener_t *l = &c->listeners[i];
        socket_t *s = find_socket(l->text);
        bool is_new = !s;
        for (unsigned j = 0; !s && j < KGW_LISTENERS_MAX; j++) {
            if (sockets[j].text[0]) continue;
            s = &sockets[j];
            snprintf(s->text, sizeof(s->text), "%s", l->text);
            for (unsigned k = 0; k < KGW_WORKERS_MAX; k++) s->fds[k] = -1;
        }
        if (is_new && !is_free(l)) goto fail;
        s->in_use = true;
        for (unsigned k = 0; k < (l->is_unix ? 1 : c->workers); k++) {
            if (s->fds[k] >= 0) continue;
            s->fds[k] = kgw_listener_bind(l);
            if (s->fds[k] < 0) goto fail;
        }
        continue;
    fail:
        KGW_LOG(KGW_LOG_EMERG, "bind() to %s failed (%d: %s)", l->text, errno, strerror(errno));
        fprintf(stderr, "Error: cannot listen on %s: %s\n", l->text, strerror(errno));
        if (is_new) s->text[0] = 0;
        return KGW_ERROR;
    }
    return KGW_OK;
}

/* Closes what the current configuration does not use any more. */
static void close_unused_sockets(void)
{
    for (unsigned i = 0; i < KGW_LISTENERS_MAX; i++) {
        socket_t *s = &sockets[i];
        if (!s->text[0]) continue;
        bool used = false;
        for (unsigned j = 0; j < conf.listener_cnt; j++) used |= strcmp(conf.listeners[j].text, s->text) == 0;
        for (unsigned k = used ? conf.workers : 0; k < KGW_WORKERS_MAX; k++) {
            if (s->fds[k] >= 0) close(s->fds[k]);
            s->fds[k] = -1;
        }
        if (!used) s->text[0] = 0;
    }
}

/* Workers --------------------------------------------------------------------------------------------- */

/* In a new worker: the sockets of other slots are not its own. */
static void close_other_sockets(const kgw_worker_start_t *start)
{
    for (unsigned i = 0; i < KGW_LISTENERS_MAX; i++) {
        if (!sockets[i].text[0]) continue;
        for (unsigned k = 0; k < KGW_WORKERS_MAX; k++) {
            bool is_own = false;
            for (unsigned n = 0; n < conf.listener_cnt; n++) is_own |= start->fds[n] == sockets[i].fds[k];
            if (!is_own && sockets[i].fds[k] >= 0) close(sockets[i].fds[k]);
        }
    }
}

static void spawn(unsigned id)
{
    slot_t *s = &slots[id];
    int ready[2];
    if (pipe2(ready, O_CLOEXEC) != 0) {
        KGW_LOG(KGW_LOG_ALERT, "pipe() failed: %s", strerror(errno));
        s->respawn_at_ms = kgw_clock.mono_ms + BACKOFF_MAX_MS;
        return;
    }
    kgw_worker_start_t start = {.id = id, .conf = &conf, .ready_fd = ready[1], .vm = vm};
    for (unsigned i = 0; i < conf.listener_cnt; i++) {
        socket_t *sock = find_socket(conf.listeners[i].text);
        start.fds[i] = sock ? sock->fds[conf.listeners[i].is_unix ? 0 : id] : -1;
    }
    pid_t pid = fork();
    if (pid == 0) {
        close(signal_fd);
        close(ready[0]);
        close_other_sockets(&start);
        kgw_worker_run(&start);
    }
    close(ready[1]);
    if (pid < 0) {
        KGW_LOG(KGW_LOG_ALERT, "fork() failed: %s", strerror(errno));
        close(ready[0]);
        s->respawn_at_ms = kgw_clock.mono_ms + BACKOFF_MAX_MS;
        return;
    }
    s->pid = pid;
    s->ready_fd = ready[0];
    s->is_ready = false;
    s->started_ms = kgw_clock.mono_ms;
    s->respawn_at_ms = 0;
}

/* Waits until every worker of this generation said that it is ready. False when one died before. */
static bool wait_ready(void)
{
    uint64_t deadline = kgw_clock.mono_ms + READY_MS;
    for (unsigned i = 0; i < conf.workers; i++) {
        slot_t *s = &slots[i];
        while (s->pid && !s->is_ready) {
            struct pollfd p = {.fd = s->ready_fd, .events = POLLIN};
            kgw_clock_update();
            if (kgw_clock.mono_ms >= deadline) return false;
            if (poll(&p, 1, (int)(deadline - kgw_clock.mono_ms)) < 0 && errno != EINTR) return false;
            if (!p.revents) continue;
            char byte;
            if (read(s->ready_fd, &byte, 1) != 1) return false;
            s->is_ready = true;
        }
        if (!s->pid) return false;
        close(s->ready_fd);
        s->ready_fd = -1;
    }
    return true;
}

static void on_exit_of(pid_t pid, int status)
{
    for (unsigned i = 0; i < old_cnt; i++) {
        if (old_workers[i].pid != pid) continue;
        old_workers[i] = old_workers[--old_cnt];
        return;
    }
    for (unsigned i = 0; i < KGW_WORKERS_MAX; i++) {
        slot_t *s = &slots[i];
        if (s->pid != pid) continue;
        s->pid = 0;
        if (s->ready_fd >= 0) close(s->ready_fd);
        s->ready_fd = -1;
        if (is_stopping) return;
        if (WIFSIGNALED(status)) KGW_LOG(KGW_LOG_ALERT, "worker process %d exited on signal %d", (int)pid, WTERMSIG(status));
        else KGW_LOG(KGW_LOG_ALERT, "worker process %d exited with code %d", (int)pid, WEXITSTATUS(status));
        bool quick = kgw_clock.mono_ms - s->started_ms < 5000;
        s->backoff_ms = !quick || !s->backoff_ms ? BACKOFF_MIN_MS : s->backoff_ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : s->backoff_ms * 2;
        s->respawn_at_ms = quick ? kgw_clock.mono_ms + s->backoff_ms : kgw_clock.mono_ms;
        return;
    }
}

static void reap(void)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) on_exit_of(pid, status);
}

static unsigned alive(void)
{
    unsigned n = old_cnt;
    for (unsigned i = 0; i < KGW_WORKERS_MAX; i++) n += slots[i].pid != 0;
    return n;
}

static void signal_all(int signo)
{
    for (unsigned i = 0; i < KGW_WORKERS_MAX; i++)
        if (slots[i].pid) kill(slots[i].pid, signo);
    for (unsigned i = 0; i < old_cnt; i++) kill(old_workers[i].pid, signo);
}

static void respawn_due(void)
{
    for (unsigned i = 0; i < conf.workers && !is_stopping; i++) {
        slot_t *s = &slots[i];
        if (!s->pid && s->respawn_at_ms <= kgw_clock.mono_ms) spawn(i);
    }
}

/* Reload ---------------------------------------------------------------------------------------------- */

static void unref_contexts(kgw_conf_t *c)
{
    for (unsigned i = 0; i < c->listener_cnt; i++)
        if (c->listeners[i].tls_ctx) kgw_tls_ctx_unref(c->listeners[i].tls_ctx);
}

static void reload(kgw_vm_t *(*make_vm)(const char *))
{
    KGW_LOG(KGW_LOG_NOTICE, "reloading the configuration");
    kgw_conf_t old_conf = conf;
    kgw_settings_clear();
    kgw_vm_t *old_vm = vm, *new_vm = make_vm(conf.prefix);
    kgw_proxy_conf_t old_proxy = kgw_proxy_conf;
    char err[512] = "";
    if (!new_vm) {
        KGW_LOG(KGW_LOG_ERR, "reload failed, the old configuration keeps serving");
        return;
    }
    slot_t old_slots[KGW_WORKERS_MAX];
    memcpy(old_slots, slots, sizeof(slots));
    if (kgw_conf_read(&conf, err, sizeof(err)) != KGW_OK || kgw_conf_read_proxy(err, sizeof(err)) != KGW_OK || kgw_conf_make_tls(&conf, err, sizeof(err)) != KGW_OK ||
        open_sockets(&conf) != KGW_OK)
        goto keep_old;
    vm = new_vm;
    memset(slots, 0, sizeof(slots));
    for (unsigned i = 0; i < KGW_WORKERS_MAX; i++) slots[i].ready_fd = -1;
    for (unsigned i = 0; i < conf.workers; i++) spawn(i);
    if (!wait_ready()) {
        snprintf(err, sizeof(err), "a new worker did not come up");
        for (unsigned i = 0; i < conf.workers; i++)
            if (slots[i].pid) {
                kill(slots[i].pid, SIGKILL);
                waitpid(slots[i].pid, NULL, 0);
            }
        memcpy(slots, old_slots, sizeof(slots));
        vm = old_vm;
        goto keep_old;
    }
    for (unsigned i = 0; i < KGW_WORKERS_MAX; i++) {
        if (!old_slots[i].pid) continue;
        kill(old_slots[i].pid, SIGQUIT);
        if (old_cnt < KGW_ARRAY_LEN(old_workers)) old_workers[old_cnt++].pid = old_slots[i].pid;
    }
    close_unused_sockets();
    unref_contexts(&old_conf);
    kgw_vm_free(old_vm);
    kgw_keys_start();
    KGW_LOG(KGW_LOG_NOTICE, "configuration reloaded");
    return;
keep_old:
    KGW_LOG(KGW_LOG_ERR, "reload failed (%s), the old configuration keeps serving", err);
    unref_contexts(&conf);
    conf = old_conf;
    kgw_proxy_conf = old_proxy;
    close_unused_sockets();
    kgw_vm_free(new_vm);
}

/* Start and stop -------------------------------------------------------------------------------------- */

/* The workers' sockets are theirs alone from now on, so that each can end the kernel's queue itself. The second time it is fast. */
static void stop(void)
{
    for (unsigned i = 0; i < KGW_LISTENERS_MAX; i++) {
        if (!sockets[i].text[0]) continue;
        for (unsigned k = 0; k < KGW_WORKERS_MAX; k++)
            if (sockets[i].fds[k] >= 0) close(sockets[i].fds[k]);
        sockets[i].text[0] = 0;
    }
    is_stopping = true;
    signal_all(SIGTERM);
}

static void on_signal(int signo, kgw_vm_t *(*make_vm)(const char *))
{
    switch (signo) {
    case SIGCHLD: reap(); break;
    case SIGHUP:
        if (!is_stopping) reload(make_vm);
        break;
    case SIGUSR1:
        kgw_log_reopen();
        signal_all(SIGUSR1);
        break;
    case SIGINT:
    case SIGTERM: stop(); break;
    case SIGQUIT:
        if (!is_stopping) stop();
        break;
    default: break;
    }
}

static int next_wait_ms(void)
{
    int wait = -1;
    for (unsigned i = 0; i < conf.workers && !is_stopping; i++) {
        if (slots[i].pid) continue;
        int64_t left = (int64_t)slots[i].respawn_at_ms - (int64_t)kgw_clock.mono_ms;
        if (left < 0) left = 0;
        if (wait < 0 || left < wait) wait = (int)left;
    }
    return wait;
}

static void loop(kgw_vm_t *(*make_vm)(const char *))
{
    while (!is_stopping || alive() > 0) {
        struct pollfd p = {.fd = signal_fd, .events = POLLIN};
        kgw_clock_update();
        poll(&p, 1, next_wait_ms());
        kgw_clock_update();
        struct signalfd_siginfo info;
        while (read(signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) on_signal((int)info.ssi_signo, make_vm);
        respawn_due();
    }
}

static int make_signal_fd(void)
{
    static const int numbers[] = {SIGCHLD, SIGHUP, SIGTERM, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH};
    sigset_t set;
    sigemptyset(&set);
    for (unsigned i = 0; i < KGW_ARRAY_LEN(numbers); i++) sigaddset(&set, numbers[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Leaves the terminal: the caller's process waits for one byte and says how the start went. Returns the pipe's end in the
 * daemon; never returns in the caller's process. */
static int daemonise(void)
{
    int done[2];
    if (pipe2(done, O_CLOEXEC) != 0) return -1;
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0) return -1;
    if (pid > 0) {
        char byte = 0;
        close(done[1]);
        ssize_t n;
        do n = read(done[0], &byte, 1);
        while (n < 0 && errno == EINTR);
        if (n == 1 && byte == 'R') {
            const char *note = kgw_settings_get("start_note");
            printf("Kong started\n%s%s", note ? note : "", note ? "\n" : "");
            fflush(stdout);
            _exit(0);
        }
        fprintf(stderr, "Error: the workers did not come up; see the error log\n\n  Run with --v (verbose) or --vv (debug) for more details\n");
        _exit(1);
    }
    close(done[0]);
    setsid();
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0) {
        dup2(null, 0);
        dup2(null, 1);
        if (!kgw_log_is_stderr()) dup2(null, 2);
    }
    return done[1];
}

int kgw_master_run(kgw_vm_t *first, kgw_vm_t *(*make_vm)(const char *))
{
    char err[512] = "";
    vm = first;
    for (unsigned i = 0; i < KGW_WORKERS_MAX; i++) slots[i].ready_fd = -1;
    kgw_clock_update();
    if (kgw_conf_read(&conf, err, sizeof(err)) != KGW_OK || kgw_conf_read_proxy(err, sizeof(err)) != KGW_OK || kgw_conf_make_tls(&conf, err, sizeof(err)) != KGW_OK) {
        fprintf(stderr, "Error: %s\n\n  Run with --v (verbose) or --vv (debug) for more details\n", err);
        return 1;
    }
    kgw_privs_nofile(conf.rlimit_nofile);
    if (open_sockets(&conf) != KGW_OK) return 1;
    int done_fd = conf.daemon ? daemonise() : -1;
    master_pid = getpid();
    signal_fd = make_signal_fd();
    bool has_pid_file = kgw_pid_write(conf.pid_file, (int)master_pid) == KGW_OK;
    for (unsigned i = 0; i < conf.workers; i++) spawn(i);
    if (!wait_ready()) {
        signal_all(SIGKILL);
        if (has_pid_file) unlink(conf.pid_file);
        return 1;
    }
    if (done_fd >= 0) {
        ssize_t n = write(done_fd, "R", 1);
        (void)n;
        close(done_fd);
    } else {
        KGW_LOG(KGW_LOG_NOTICE, "started, pid %d, %u workers", (int)master_pid, conf.workers);
    }
    kgw_keys_start();
    loop(make_vm);
    if (has_pid_file) unlink(conf.pid_file);
    KGW_LOG(KGW_LOG_NOTICE, "exit");
    return 0;
}
