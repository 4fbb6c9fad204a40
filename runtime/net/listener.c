/* Listening sockets. The master binds and keeps every fd open; a worker serves a duplicate of its slot's fd. */
#include "net/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "base/log.h"

int kgw_listener_bind(const kgw_listener_t *l)
{
    int one = 1, zero = 0;
    int fd = socket(l->addr.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -1;
    if (l->is_unix) {
        unlink(l->addr.un.sun_path);
    } else {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
        if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) != 0) goto fail;
        if (l->addr.sa.sa_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, l->is_ipv6only ? &one : &zero, sizeof(one));
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)); /* inherited by accepted sockets */
        if (l->so_keepalive > 0) setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
        if (l->is_deferred) setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &one, sizeof(one));
    }
    if (bind(fd, &l->addr.sa, l->addr.len) != 0) goto fail;
    return fd;
fail:;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static void on_connection(uv_stream_t *s, int status)
{
    kgw_listener_t *l = s->data;
    if (status != 0) {
        KGW_LOG(KGW_LOG_ERR, "accept() on %s failed: %s", l->text, uv_strerror(status));
        return;
    }
    l->on_accept(l);
}

int kgw_listener_start(kgw_listener_t *l, kgw_loop_t *loop)
{
    l->loop = loop;
    l->accepted = -1;
    int fd = fcntl(l->fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0) return KGW_ERROR;
    int rc;
    if (l->is_unix) {
        rc = uv_pipe_init(&loop->uv, &l->pipe, 0);
        if (rc == 0) rc = uv_pipe_open(&l->pipe, fd);
    } else {
        rc = uv_tcp_init(&loop->uv, &l->tcp);
        if (rc == 0) rc = uv_tcp_open(&l->tcp, fd);
    }
    l->stream.data = l;
    if (rc == 0) rc = uv_listen(&l->stream, l->backlog > 0 ? l->backlog : 511, on_connection);
    if (rc != 0) {
        KGW_LOG(KGW_LOG_EMERG, "listen on %s failed: %s", l->text, uv_strerror(rc));
        return KGW_ERROR;
    }
    l->is_open = true;
    return KGW_OK;
}

void kgw_listener_stop(kgw_listener_t *l, bool takes_queue)
{
    if (!l->is_open) return;
    for (unsigned i = 0; takes_queue && i < 4096; i++) {
        l->accepted = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (l->accepted < 0) break;
        l->on_accept(l);
    }
    l->accepted = -1;
    close(l->fd);
    l->fd = -1;
    l->is_open = false;
    uv_close((uv_handle_t *)&l->stream, NULL);
}
