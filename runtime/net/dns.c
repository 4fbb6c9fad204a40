/* See dns.h. One c-ares channel per worker; its sockets are uv_poll handles, its timeouts one uv_timer. */
#include "net/dns.h"

#include <ares.h>
#include <ares_nameser.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/freelist.h"
#include "base/log.h"

#define RECORDS_MAX 64

typedef struct {
    uv_poll_t poll;
    ares_socket_t fd;
    bool used;
} fd_t;

typedef struct pending {
    kgw_dns_query_t *q; /* NULL once cancelled */
    char name[256];
    unsigned type;
} pending_t;

static ares_channel channel;
static uv_timer_t timer;
static uv_loop_t *uv;
static fd_t *fds[32];
static bool is_started;

static void on_timer(uv_timer_t *t)
{
    (void)t;
    ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

static void on_poll(uv_poll_t *p, int status, int events)
{
    fd_t *f = p->data;
    ares_socket_t r = events & UV_READABLE || status < 0 ? f->fd : ARES_SOCKET_BAD, w = events & UV_WRITABLE ? f->fd : ARES_SOCKET_BAD;
    ares_process_fd(channel, r, w);
}

static void on_fd_closed(uv_handle_t *h) { kgw_free(h->data); }

static void on_state(void *arg, ares_socket_t fd, int readable, int writable)
{
    (void)arg;
    fd_t **slot = NULL, **empty = NULL;
    for (unsigned i = 0; i < KGW_ARRAY_LEN(fds); i++) {
        if (fds[i] && fds[i]->fd == fd) slot = &fds[i];
        if (!fds[i] && !empty) empty = &fds[i];
    }
    if (!readable && !writable) {
        if (!slot) return;
        uv_poll_stop(&(*slot)->poll);
        uv_close((uv_handle_t *)&(*slot)->poll, on_fd_closed);
        *slot = NULL;
        return;
    }
    if (!slot) {
        if (!empty) return;
        fd_t *f = kgw_zalloc(sizeof(*f));
        f->fd = fd;
        f->poll.data = f;
        if (uv_poll_init(uv, &f->poll, fd) != 0) {
            kgw_free(f);
            return;
        }
        *(slot = empty) = f;
    }
    uv_poll_start(&(*slot)->poll, (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0), on_poll);
    if (!uv_is_active((uv_handle_t *)&timer)) uv_timer_start(&timer, on_timer, 100, 100);
}

int kgw_dns_start(kgw_loop_t *loop, const char *servers, int timeout_ms, int tries)
{
    struct ares_options o = {0};
    uv = &loop->uv;
    if (ares_library_init(ARES_LIB_INIT_ALL) != 0) return KGW_ERROR;
    o.timeout = timeout_ms;
    o.tries = tries;
    o.sock_state_cb = on_state;
    o.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_EDNS | ARES_FLAG_NOCHECKRESP; /* a refusal is an answer */
    o.ednspsz = 1232;
    if (ares_init_options(&channel, &o, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB | ARES_OPT_FLAGS | ARES_OPT_EDNSPSZ) != ARES_SUCCESS) return KGW_ERROR;
    uv_timer_init(uv, &timer);
    is_started = true;
    if (servers && *servers && ares_set_servers_ports_csv(channel, servers) != ARES_SUCCESS) return KGW_ERROR;
    return KGW_OK;
}

void kgw_dns_stop(void)
{
    if (!is_started) return;
    is_started = false;
    ares_destroy(channel);
    uv_close((uv_handle_t *)&timer, NULL);
}

/* A name at *p: its text to out (NULL: skip), *p behind it. Compression may only point backwards, so loops end. */
static bool read_name(const uint8_t *packet, size_t len, size_t *p, char *out, size_t max)
{
    size_t at = *p, used = 0, limit = len, jumps = 0;
    bool jumped = false;
    while (at < len) {
        uint8_t n = packet[at];
        if (n == 0) {
            if (!jumped) *p = at + 1;
            if (out) out[used ? used - 1 : 0] = 0;
            return true;
        }
        if ((n & 0xc0) == 0xc0) {
            if (at + 1 >= len || ++jumps > 64) return false;
            size_t to = (size_t)(n & 0x3f) << 8 | packet[at + 1];
            if (to >= limit || to >= at) return false;
            if (!jumped) *p = at + 2;
            jumped = true;
            limit = at = to;
            continue;
        }
        if (n & 0xc0 || at + 1 + n > len || used + n + 2 > max) return false;
        if (out) {
            for (uint8_t i = 0; i < n; i++) {
                uint8_t c = packet[at + 1 + i];
                out[used + i] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c < 0x21 || c > 0x7e ? '?' : c);
            }
            out[used + n] = '.';
        }
        used += n + 1u;
        at += n + 1u;
    }
    return false;
}

static uint32_t u16(const uint8_t *p) { return (uint32_t)p[0] << 8 | p[1]; }

static bool read_data(const uint8_t *packet, size_t len, size_t at, uint32_t size, kgw_dns_record_t *r)
{
    size_t p = at;
    switch (r->type) {
    case KGW_DNS_A: return size == 4 && inet_ntop(AF_INET, packet + at, r->target, sizeof(r->target));
    case KGW_DNS_AAAA: return size == 16 && inet_ntop(AF_INET6, packet + at, r->target, sizeof(r->target));
    case KGW_DNS_CNAME: return read_name(packet, len, &p, r->target, sizeof(r->target));
    case KGW_DNS_SRV:
        if (size < 7) return false;
        r->priority = (uint16_t)u16(packet + at);
        r->weight = (uint16_t)u16(packet + at + 2);
        r->port = (uint16_t)u16(packet + at + 4);
        p = at + 6;
        return read_name(packet, len, &p, r->target, sizeof(r->target));
    default: return false;
    }
}

int kgw_dns_parse(const uint8_t *packet, size_t len, kgw_dns_record_t *records, unsigned max, unsigned *cnt)
{
    *cnt = 0;
    if (len < 12) return KGW_ERROR;
    int rcode = packet[3] & 15;
    uint32_t questions = u16(packet + 4), answers = u16(packet + 6);
    size_t at = 12;
    for (uint32_t i = 0; i < questions; i++) {
        if (!read_name(packet, len, &at, NULL, 256) || at + 4 > len) return KGW_ERROR;
        at += 4;
    }
    for (uint32_t i = 0; i < answers && *cnt < max; i++) {
        kgw_dns_record_t *r = &records[*cnt];
        memset(r, 0, sizeof(*r));
        if (!read_name(packet, len, &at, r->name, sizeof(r->name)) || at + 10 > len) return KGW_ERROR;
        r->type = (uint16_t)u16(packet + at);
        r->ttl = u16(packet + at + 4) << 16 | u16(packet + at + 6);
        if (r->ttl > INT32_MAX) r->ttl = 0;
        uint32_t size = u16(packet + at + 8);
        at += 10;
        if (at + size > len) return KGW_ERROR;
        if (read_data(packet, len, at, size, r)) (*cnt)++;
        at += size;
    }
    return rcode;
}

static void on_answer(void *arg, int status, int timeouts, unsigned char *packet, int len)
{
    (void)timeouts;
    pending_t *p = arg;
    kgw_dns_query_t *q = p->q;
    static kgw_dns_record_t records[RECORDS_MAX];
    unsigned cnt = 0;
    int rc = KGW_ERROR;
    if (packet && len >= 12) rc = kgw_dns_parse(packet, (size_t)len, records, RECORDS_MAX, &cnt);
    else if (status == ARES_ETIMEOUT) rc = KGW_TIMEOUT;
    else if (status == ARES_ENOTFOUND) rc = 3;
    else if (status == ARES_ECONNREFUSED) rc = KGW_TIMEOUT;
    else if (status == ARES_ESERVFAIL) rc = 2;
    kgw_free(p);
    if (!q) return;
    q->state = NULL;
    q->fn(q, rc, records, cnt);
}

int kgw_dns_begin(kgw_dns_query_t *q, const char *name, unsigned type, kgw_dns_fn fn, void *arg)
{
    if (!is_started || strlen(name) >= 254) return KGW_ERROR;
    pending_t *p = kgw_zalloc(sizeof(*p));
    p->q = q;
    q->fn = fn;
    q->arg = arg;
    q->state = p;
    ares_query(channel, name, ns_c_in, (int)type, on_answer, p);
    return q->state || p ? KGW_OK : KGW_ERROR;
}

void kgw_dns_cancel(kgw_dns_query_t *q)
{
    pending_t *p = q->state;
    if (p) p->q = NULL;
    q->state = NULL;
}
