/* See sock_udp.h. */
#include "vm/sock_udp.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/freelist.h"
#include "vm/co.h"
#include "vm/vm.h"

#define DATAGRAM_MAX 65536

struct kgw_usock {
    uv_poll_t *poll; /* freed in its close callback; NULL: closed */
    int fd;
    kgw_op_t op;
    kgw_timer_t timer;
    kgw_addr_t from;
};

static void end(kgw_usock_t *u, int rc)
{
    if (u->poll) uv_poll_stop(u->poll);
    kgw_timer_stop(kgw_vm->loop, &u->timer);
    kgw_op_complete(&u->op, rc);
}

static void on_timer(kgw_timer_t *t) { end(container_of(t, kgw_usock_t, timer), KGW_TIMEOUT); }

static void on_poll(uv_poll_t *p, int status, int events)
{
    (void)status;
    (void)events;
    end(p->data, KGW_OK);
}

static void cancel(kgw_op_t *op)
{
    kgw_usock_t *u = container_of(op, kgw_usock_t, op);
    if (u->poll) uv_poll_stop(u->poll);
    kgw_timer_stop(kgw_vm->loop, &u->timer);
}

kgw_usock_t *kgw_usock_new(void)
{
    kgw_usock_t *u = kgw_zalloc(sizeof(*u));
    u->fd = -1;
    kgw_timer_init(&u->timer, on_timer);
    return u;
}

void kgw_usock_free(kgw_usock_t *u)
{
    kgw_usock_close(u);
    kgw_free(u);
}

void kgw_usock_bind(kgw_usock_t *u, const kgw_addr_t *from) { u->from = *from; }
bool kgw_usock_is_open(const kgw_usock_t *u) { return u->fd >= 0; }
bool kgw_usock_is_busy(const kgw_usock_t *u) { return u->op.co != NULL; }

static int fail(kgw_usock_t *u)
{
    int err = -errno;
    kgw_usock_close(u);
    return err;
}

int kgw_usock_connect(kgw_usock_t *u, const kgw_addr_t *to)
{
    kgw_usock_close(u);
    u->fd = socket(to->sa.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (u->fd < 0) return -errno;
    if (to->sa.sa_family == AF_UNIX) { /* an address of our own, so that the peer can answer */
        sa_family_t none = AF_UNIX;
        if (bind(u->fd, (const struct sockaddr *)&none, sizeof(none)) != 0) return fail(u);
    } else if (u->from.len && bind(u->fd, &u->from.sa, u->from.len) != 0) {
        return fail(u);
    }
    if (connect(u->fd, &to->sa, to->len) != 0) return fail(u);
    u->poll = kgw_zalloc(sizeof(*u->poll));
    u->poll->data = u;
    int rc = uv_poll_init(&kgw_vm->loop->uv, u->poll, u->fd);
    if (rc != 0) {
        kgw_free(u->poll);
        u->poll = NULL;
        kgw_usock_close(u);
    }
    return rc;
}

int kgw_usock_send(kgw_usock_t *u, const char *ptr, size_t len)
{
    ssize_t n = send(u->fd, ptr, len, MSG_NOSIGNAL);
    return n < 0 ? -errno : (int)n;
}

int kgw_usock_receive(kgw_usock_t *u, size_t max, uint64_t timeout_ms, kgw_str_t *out, int *err)
{
    static char datagram[DATAGRAM_MAX];
    ssize_t n = recv(u->fd, datagram, max < DATAGRAM_MAX ? max : DATAGRAM_MAX, 0);
    if (n >= 0) {
        *out = (kgw_str_t){datagram, (size_t)n};
        return KGW_OK;
    }
    if (errno != EAGAIN && errno != EINTR) {
        *err = -errno;
        return KGW_ERROR;
    }
    kgw_op_begin(&u->op, cancel);
    uv_poll_start(u->poll, UV_READABLE, on_poll);
    if (timeout_ms) kgw_timer_start(kgw_vm->loop, &u->timer, timeout_ms);
    return KGW_AGAIN;
}

static void on_poll_closed(uv_handle_t *h) { kgw_free(h); }

void kgw_usock_close(kgw_usock_t *u)
{
    if (u->poll) {
        uv_close((uv_handle_t *)u->poll, on_poll_closed);
        u->poll = NULL;
    }
    if (u->fd >= 0) close(u->fd);
    u->fd = -1;
}
