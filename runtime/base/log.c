/* The error log and the trace ring. */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log_ring.h"

#define LINE_MAX_LEN 4096
#define TRACE_LEN 512

int kgw_log_level = KGW_LOG_NOTICE;
uint64_t kgw_log_dropped;
size_t (*kgw_log_suffix)(char *out, size_t max);

static int log_fd = 2;
static bool is_on_stderr = true;
static char path_kept[1024];
static const char *const names[] = {"stderr", "emerg", "alert", "crit", "error", "warn", "notice", "info", "debug"};

int kgw_log_fd(void) { return log_fd; }
bool kgw_log_is_stderr(void) { return is_on_stderr; }

int kgw_log_open_fd(const char *path)
{
    int standard = strcmp(path, "/dev/stdout") == 0 || strcmp(path, "/proc/self/fd/1") == 0 ? 1 : strcmp(path, "/dev/stderr") == 0 || strcmp(path, "/proc/self/fd/2") == 0 ? 2 : 0;
    int fd = strcmp(path, "/dev/stdout") == 0 ? fcntl(1, F_DUPFD_CLOEXEC, 3) : open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0644);
    /* A pipe or socket that cannot be opened again is shared: it stays as blocking as it is, but poll guards every write. */
    return fd < 0 && standard ? fcntl(standard, F_DUPFD_CLOEXEC, 3) : fd;
}

int kgw_log_open(const char *path)
{
    bool is_stderr = !path || !*path || strcmp(path, "stderr") == 0 || strcmp(path, "/dev/stderr") == 0;
    int fd = kgw_log_open_fd(is_stderr ? "/proc/self/fd/2" : path);
    if (is_stderr) {
        if (log_fd > 2) close(log_fd);
        log_fd = fd < 0 ? 2 : fd;
        is_on_stderr = true;
        path_kept[0] = 0;
        return KGW_OK;
    }
    if (fd < 0) return KGW_ERROR;
    is_on_stderr = false;
    if (log_fd > 2) close(log_fd);
    log_fd = fd;
    snprintf(path_kept, sizeof(path_kept), "%s", path);
    return KGW_OK;
}

int kgw_log_reopen(void)
{
    char path[sizeof(path_kept)];
    memcpy(path, path_kept, sizeof(path));
    return path[0] ? kgw_log_open(path) : KGW_OK;
}

void kgw_log_write(int level, const char *ptr, size_t len)
{
    char line[LINE_MAX_LEN + 1024];
    if (level < 0 || level > KGW_LOG_DEBUG) level = KGW_LOG_ERR;
    time_t t = (time_t)(kgw_clock.wall_ms / 1000);
    if (!t) t = time(NULL);
    struct tm tm;
    localtime_r(&t, &tm);
    size_t n = strftime(line, sizeof(line), "%Y/%m/%d %H:%M:%S ", &tm);
    n += (size_t)snprintf(line + n, 64, "[%s] %d#0: ", names[level], (int)getpid());
    if (len > LINE_MAX_LEN) len = LINE_MAX_LEN;
    memcpy(line + n, ptr, len);
    n += len;
    if (kgw_log_suffix) n += kgw_log_suffix(line + n, sizeof(line) - n - 1);
    kgw_log_ring_add(level, (double)(kgw_clock.wall_ms ? kgw_clock.wall_ms : (uint64_t)t * 1000) / 1000.0, line, n);
    line[n++] = '\n';
    ssize_t rc = -1;
    struct pollfd p = {.fd = log_fd, .events = POLLOUT};
    if (poll(&p, 1, 0) == 1) {
        do rc = write(log_fd, line, n);
        while (rc < 0 && errno == EINTR);
    }
    if (rc < 0) kgw_log_dropped++;
}

void kgw_log_printf(int level, const char *fmt, ...)
{
    if (level > kgw_log_level) return;
    char text[LINE_MAX_LEN];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (n < 0) return;
    kgw_log_write(level, text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
}

static struct {
    const char *area, *event;
    uint64_t a, b, ms;
} ring[TRACE_LEN];
static unsigned ring_at;

void kgw_trace_add(const char *area, const char *event, uint64_t a, uint64_t b)
{
    unsigned i = ring_at++ % TRACE_LEN;
    ring[i].area = area;
    ring[i].event = event;
    ring[i].a = a;
    ring[i].b = b;
    ring[i].ms = kgw_clock.mono_ms;
}

void kgw_trace_dump(int fd)
{
    char line[256];
    for (unsigned i = ring_at > 64 ? ring_at - 64 : 0; i < ring_at; i++) {
        unsigned k = i % TRACE_LEN;
        int n = snprintf(line, sizeof(line), "  %llu %s %s %llu %llu\n", (unsigned long long)ring[k].ms, ring[k].area, ring[k].event, (unsigned long long)ring[k].a,
                         (unsigned long long)ring[k].b);
        ssize_t rc = write(fd, line, (size_t)n);
        (void)rc;
    }
}

void kgw_panic(const char *file, int line, const char *what)
{
    kgw_log_printf(KGW_LOG_EMERG, "panic at %s:%d: %s", file, line, what);
    abort();
}
