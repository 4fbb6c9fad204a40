/* The access logs: nginx's combined form, plus kgw's request id for proxied requests; lines are collected and written before poll or at 4 KiB. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "proxy/access_log.h"
#include "proxy/conn.h"
#include "proxy/log_format.h"

#define BUF_SIZE 40960 /* what a line has after FLUSH_AT: longer ones are cut */
#define FLUSH_AT 4096

typedef struct {
    int fd;
    char path[1024];
    char buf[BUF_SIZE];
    size_t len;
    kgw_log_format_t format; /* cnt 0: the usual line */
} log_t;
static log_t logs[KGW_ACCESS__COUNT] = {{.fd = -1}, {.fd = -1}, {.fd = -1}};
static log_t *to; /* the one that the line at hand goes to */
uint64_t kgw_access_log_dropped;

/* The standard streams of a container may belong to another user and cannot be opened by name then. Only pipes and
 * sockets are made non-blocking: a terminal's or file's description is shared with others. */
static int open_stream(const char *path)
{
    int fd = strcmp(path, "/dev/stdout") == 0 ? 1 : strcmp(path, "/dev/stderr") == 0 ? 2 : -1;
    if (fd < 0 || (fd = fcntl(fd, F_DUPFD_CLOEXEC, 3)) < 0) return -1;
    struct stat st;
    if (fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode))) fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    return fd;
}

int kgw_access_log_open(enum kgw_access_log which, const char *path)
{
    log_t *l = &logs[which];
    if (!path || !*path || strcmp(path, "off") == 0) {
        if (l->fd >= 0) close(l->fd);
        l->fd = -1;
        return KGW_OK;
    }
    int fd = kgw_log_open_fd(path);
    if (fd < 0) fd = open_stream(path);
    if (fd < 0) {
        KGW_LOG(KGW_LOG_EMERG, "cannot open the access log \"%s\": %s", path, strerror(errno));
        return KGW_ERROR;
    }
    if (l->fd >= 0) close(l->fd);
    l->fd = fd;
    if (path != l->path) snprintf(l->path, sizeof(l->path), "%s", path);
    return KGW_OK;
}

int kgw_access_log_format(enum kgw_access_log which, const char *format, const char *escape, char *err, size_t err_len)
{
    kgw_log_format_t fresh = {0};
    if (format && *format && kgw_log_format_parse(&fresh, format, escape, err, err_len) != KGW_OK) {
        kgw_log_format_fini(&fresh);
        return KGW_ERROR; /* the old one stays */
    }
    kgw_log_format_fini(&logs[which].format);
    logs[which].format = fresh;
    return KGW_OK;
}

bool kgw_access_log_is_on(enum kgw_access_log which) { return logs[which].fd >= 0; }

int kgw_access_log_reopen(void)
{
    int rc = KGW_OK;
    for (int i = 0; i < KGW_ACCESS__COUNT; i++)
        if (logs[i].fd >= 0 && kgw_access_log_open(i, logs[i].path) != KGW_OK) rc = KGW_ERROR;
    return rc;
}

static void flush(log_t *l)
{
    if (!l->len) return;
    struct pollfd p = {.fd = l->fd, .events = POLLOUT};
    ssize_t n = poll(&p, 1, 0) == 1 ? write(l->fd, l->buf, l->len) : -1;
    /* A reader that does not drain its pipe must not stop the gateway. */
    if (n < 0) kgw_access_log_dropped++;
    l->len = 0;
}

void kgw_access_log_flush(void *arg)
{
    (void)arg;
    for (int i = 0; i < KGW_ACCESS__COUNT; i++) flush(&logs[i]);
}

/* The end of a line has a place of its own. */
static void add(const char *p, size_t n)
{
    size_t room = to->len < BUF_SIZE - 1 ? BUF_SIZE - 1 - to->len : 0;
    if (n > room) n = room;
    memcpy(to->buf + to->len, p, n);
    to->len += n;
}

static void end_line(void) { to->buf[to->len++] = '\n'; }

static void add_header(kgw_req_t *r, kgw_str_t name)
{
    kgw_hdr_t *h = kgw_hdrs_find(&r->in.hdrs, name);
    add("\"", 1);
    kgw_log_escape(h ? h->value : KGW_STR(""), add);
    add("\"", 1);
}

/* Made once per second. */
static void add_time(void)
{
    static char when[64];
    static size_t when_len;
    static time_t made_for;
    time_t t = (time_t)(kgw_clock.wall_ms / 1000);
    if (t != made_for) {
        struct tm tm;
        localtime_r(&t, &tm);
        when_len = strftime(when, sizeof(when), " - - [%d/%b/%Y:%H:%M:%S %z] \"", &tm);
        made_for = t;
    }
    add(when, when_len);
}

void kgw_access_log(kgw_req_t *r)
{
    to = &logs[!r->is_internal_api ? KGW_ACCESS_PROXY : r->listener_kind == KGW_L_STATUS ? KGW_ACCESS_STATUS : KGW_ACCESS_ADMIN];
    if (to->fd < 0) return;
    if (to->len > FLUSH_AT) flush(to);
    if (to->format.cnt) {
        kgw_log_format_write(&to->format, r, add);
        end_line();
        return;
    }
    char text[128];
    size_t n = kgw_addr_ip(&r->client_addr, text);
    add(text, n);
    add_time();
    kgw_log_escape(r->in.method, add);
    add(" ", 1);
    kgw_log_escape(r->in.target, add);
    n = (size_t)snprintf(text, sizeof(text), " HTTP/%u.%u\" %u %llu ", r->in.major, r->in.minor, r->out.status, (unsigned long long)r->body_bytes_sent);
    add(text, n);
    add_header(r, KGW_STR("Referer"));
    add(" ", 1);
    add_header(r, KGW_STR("User-Agent"));
    n = r->is_internal_api ? 0 : (size_t)snprintf(text, sizeof(text), " kong_request_id: \"%.32s\"", r->id_hex);
    add(text, n);
    end_line();
}

/* What nginx adds to an error log line about a request. */
static size_t suffix(char *out, size_t max)
{
    kgw_req_t *r = kgw_req_now;
    if (!r || max < 64) return 0;
    char addr[KGW_ADDR_STRLEN];
    size_t n = kgw_addr_ip(&r->client_addr, addr);
    int at = snprintf(out, max, ", client: %.*s, server: kong, request: \"%.*s %.*s HTTP/%u.%u\"", (int)n, addr, (int)r->in.method.len, r->in.method.len ? r->in.method.ptr : "",
                      r->in.target.len > 512 ? 512 : (int)r->in.target.len, r->in.target.len ? r->in.target.ptr : "", r->in.major, r->in.minor);
    if (at < 0 || (size_t)at >= max) return max - 1;
    kgw_hdr_t *host = kgw_hdrs_find_token(&r->in.hdrs, KGW_TOK_HOST);
    if (host) at += snprintf(out + at, max - (size_t)at, ", host: \"%.*s\"", host->value.len > 128 ? 128 : (int)host->value.len, host->value.ptr);
    if ((size_t)at < max) at += snprintf(out + at, max - (size_t)at, ", request_id: \"%.32s\"", r->id_hex);
    size_t len = (size_t)at < max ? (size_t)at : max - 1;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)out[i] < 0x20 || out[i] == 0x7f) out[i] = '?';
    return len;
}

void kgw_access_log_init(void) { kgw_log_suffix = suffix; }
