/* Crash reports. Runs in a signal handler: only async-signal-safe calls, a static buffer, no allocation. */
#include "proc/crash.h"

#include <execinfo.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "vm/co.h"

static unsigned id;
static char alt_stack[65536];

static void on_crash(int signo)
{
    static char text[512];
    int n = snprintf(text, sizeof(text), "worker %u (pid %d) crashed with signal %d; the last events:\n", id, (int)getpid(), signo);
    int fd = kgw_log_fd();
    ssize_t rc = write(fd, text, (size_t)n);
    (void)rc;
    if (kgw_req_now) {
        const kgw_req_t *r = kgw_req_now;
        int target_len = r->in.target.len > 200 ? 200 : (int)r->in.target.len;
        n = snprintf(text, sizeof(text), "  at work on request %.32s in step %s, phase %x: %.*s %.*s\n", r->id_hex, kgw_step_name(r->step), kgw_cur.phase,
                     r->in.method.len > 32 ? 32 : (int)r->in.method.len, r->in.method.ptr ? r->in.method.ptr : "", target_len, r->in.target.ptr ? r->in.target.ptr : "");
        rc = write(fd, text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
    }
    kgw_trace_dump(fd);
    void *frames[48];
    int cnt = backtrace(frames, 48);
    backtrace_symbols_fd(frames, cnt, fd);
    signal(signo, SIG_DFL);
    raise(signo);
}

void kgw_crash_install(unsigned worker_id)
{
    id = worker_id;
#ifndef __SANITIZE_ADDRESS__
    stack_t ss = {.ss_sp = alt_stack, .ss_size = sizeof(alt_stack)};
    sigaltstack(&ss, NULL);
    struct sigaction sa = {.sa_handler = on_crash, .sa_flags = SA_ONSTACK | SA_RESETHAND};
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
    for (unsigned i = 0; i < KGW_ARRAY_LEN(numbers); i++) sigaction(numbers[i], &sa, NULL);
    void *warm[1];
    backtrace(warm, 1); /* loads libgcc now, not in the handler */
#else
    (void)on_crash;
    (void)alt_stack;
#endif
}
