/*
 * The error log of a process: one O_APPEND write per line in nginx's line form
 * "2026/01/31 23:59:59 [error] PID#0: *CONN message, client: .., server: .., request: \"..\", request_id: \"..\"".
 * Never blocks the loop: on EAGAIN (a full stdout pipe) the line is dropped and counted.
 */
#ifndef KGW_BASE_LOG_H
#define KGW_BASE_LOG_H

#include "base/kgw.h"

enum { KGW_LOG_STDERR, KGW_LOG_EMERG, KGW_LOG_ALERT, KGW_LOG_CRIT, KGW_LOG_ERR, KGW_LOG_WARN, KGW_LOG_NOTICE, KGW_LOG_INFO, KGW_LOG_DEBUG };

extern int kgw_log_level; /* lines above it are not written */
extern uint64_t kgw_log_dropped;

/* path NULL or "stderr": fd 2. Reopening keeps the old file when the new one cannot be opened. */
int kgw_log_open(const char *path);
/* Opens a log file for appending without ever blocking on a full pipe. "/dev/stdout" and "/dev/stderr" work also where they cannot
 * be opened again (sockets, pipes of another user). -1 with errno. */
int kgw_log_open_fd(const char *path);
int kgw_log_reopen(void);
int kgw_log_fd(void);
bool kgw_log_is_stderr(void);
/* Set by the proxy layer: appends ", client: ..., request_id: ..." for the request being worked on; returns bytes written. */
extern size_t (*kgw_log_suffix)(char *out, size_t max);
void kgw_log_write(int level, const char *ptr, size_t len);
void kgw_log_printf(int level, const char *fmt, ...) KGW_PRINTF(2, 3);
#define KGW_LOG(level, ...) \
    do { \
        if ((level) <= kgw_log_level) kgw_log_printf((level), __VA_ARGS__); \
    } while (0)

/* Trace ring: the last 512 events of this process, dumped with a crash report. */
void kgw_trace_add(const char *area, const char *event, uint64_t a, uint64_t b);
void kgw_trace_dump(int fd);
#define KGW_TRACE(area, event, a, b) kgw_trace_add((area), (event), (uint64_t)(a), (uint64_t)(b))

#endif
