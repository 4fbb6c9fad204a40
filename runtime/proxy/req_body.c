/*
 * The request body on its way in: collected (memory, then an unlinked-at-the-end temp file) or passed through live.
 * Limits are checked before a byte is kept.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/freelist.h"
#include "base/log.h"
#include "base/str.h"
#include "proxy/conn.h"
#include "proxy/peer.h"

uint64_t kgw_req_body_size(const kgw_req_t *r) { return r->body.kind == KGW_BODY_WHOLE ? r->body.length : 0; }

static void whole(kgw_req_t *r)
{
    kgw_body_t *b = &r->body;
    b->kind = KGW_BODY_WHOLE;
    b->length = b->seen;
    b->has_eof = true;
    if (r->body_ready) {
        void (*fn)(kgw_req_t *, int) = r->body_ready;
        r->body_ready = NULL;
        kgw_timer_stop(kgw_proxy_loop, &r->timer);
        fn(r, KGW_OK);
    }
    if (r->step == KGW_STEP_BODY_IN) kgw_req_wake(r);
}

static void fail(kgw_req_t *r, unsigned status, const char *why)
{
    if (r->body_ready) {
        void (*fn)(kgw_req_t *, int) = r->body_ready;
        r->body_ready = NULL;
        fn(r, KGW_ERROR);
    }
    kgw_req_fail(r, status, why);
}

/* Moves what is in memory to the temp file. */
static int spill(kgw_req_t *r)
{
    kgw_body_t *b = &r->body;
    if (b->fd < 0) {
        char path[512];
        snprintf(path, sizeof(path), "%s/kgw-body-XXXXXX", kgw_proxy_conf.body_temp_path && *kgw_proxy_conf.body_temp_path ? kgw_proxy_conf.body_temp_path : "/tmp");
        b->fd = mkostemp(path, O_CLOEXEC);
        if (b->fd < 0) {
            KGW_LOG(KGW_LOG_ERR, "cannot create a temporary file for a request body in \"%s\": %s", path, strerror(errno));
            return KGW_ERROR;
        }
        size_t len = strlen(path);
        b->path = kgw_malloc(len + 1);
        memcpy(b->path, path, len + 1);
        KGW_LOG(KGW_LOG_WARN, "a client request body is buffered to a temporary file %s", path);
    }
    while (b->mem.bytes) {
        struct iovec iov[16];
        int n = kgw_chain_iov(&b->mem, iov, 16);
        ssize_t done = writev(b->fd, iov, n);
        if (done < 0) {
            if (errno == EINTR) continue;
            KGW_LOG(KGW_LOG_CRIT, "writing a request body to %s failed: %s", b->path, strerror(errno));
            return KGW_ERROR;
        }
        kgw_chain_drop(&b->mem, (size_t)done);
    }
    return KGW_OK;
}

void kgw_req_on_body(kgw_req_t *r, kgw_block_t *block, const char *ptr, size_t len)
{
    kgw_body_t *b = &r->body;
    if (b->kind == KGW_BODY_GONE || b->kind == KGW_BODY_NONE) return;
    b->seen += len;
    if (kgw_proxy_conf.max_body && b->seen > kgw_proxy_conf.max_body && !r->is_internal_api) {
        /* The access phase has chosen an upstream by now, and the response says so. */
        if (!r->balancer_end_us && r->step == KGW_STEP_BODY_IN) r->balancer_end_us = kgw_clock_mono_us();
        if (!r->is_failed) fail(r, 413, "client intended to send too large chunked body");
        return;
    }
    /* Small pieces are copied together so that a block is not held for a few bytes. */
    if (len < 1024) kgw_chain_add_copy(&b->mem, ptr, len);
    else kgw_chain_add_block(&b->mem, block, ptr, len);
    if (b->kind == KGW_BODY_LIVE) {
        if (r->on_live_body) r->on_live_body(r);
        if (r->peer && r->peer->is_connected && r->step >= KGW_STEP_SEND) kgw_peer_pump(r);
        if (r->conn && b->mem.bytes >= KGW_IO_HIGH) r->conn->ops->want_body(r, false);
        return;
    }
    if (kgw_timer_is_running(&r->timer) && b->kind == KGW_BODY_READING) kgw_req_body_timer(r);
    uint32_t limit = r->is_internal_api ? 10u << 20 : kgw_proxy_conf.body_buffer;
    if (b->kind == KGW_BODY_READING && b->seen > limit && spill(r) != KGW_OK) fail(r, 500, "cannot buffer the request body");
}

void kgw_req_on_body_end(kgw_req_t *r)
{
    kgw_body_t *b = &r->body;
    b->has_eof = true;
    if (b->kind == KGW_BODY_READING) {
        if (b->fd >= 0 && b->mem.bytes && spill(r) != KGW_OK) {
            fail(r, 500, "cannot buffer the request body");
            return;
        }
        whole(r);
    } else if (r->on_live_body) {
        r->on_live_body(r);
    } else if (b->kind == KGW_BODY_LIVE && r->peer && r->peer->is_connected && r->step >= KGW_STEP_SEND) {
        kgw_peer_pump(r);
    }
}

void kgw_req_body_timer(kgw_req_t *r) { kgw_timer_start(kgw_proxy_loop, &r->timer, kgw_proxy_conf.body_timeout_ms); }

int kgw_req_read_body(kgw_req_t *r)
{
    kgw_body_t *b = &r->body;
    if (b->kind == KGW_BODY_NONE || b->kind == KGW_BODY_WHOLE || b->kind == KGW_BODY_GONE || b->kind == KGW_BODY_LIVE) return KGW_OK;
    if (!r->conn) return KGW_ERROR;
    if (b->kind == KGW_BODY_UNREAD) {
        b->kind = KGW_BODY_READING;
        if (!b->is_chunked && kgw_proxy_conf.max_body && b->length > kgw_proxy_conf.max_body && !r->is_internal_api) {
            fail(r, 413, "client intended to send too large body");
            return KGW_ERROR;
        }
        if (r->in.want_continue) r->conn->ops->interim(r, 100);
        r->conn->ops->want_body(r, true); /* may deliver bytes that are already there */
    }
    if (b->kind == KGW_BODY_WHOLE) return KGW_OK;
    return r->conn ? KGW_AGAIN : KGW_ERROR;
}

void kgw_req_set_body(kgw_req_t *r, const char *ptr, size_t len)
{
    kgw_body_t *b = &r->body;
    kgw_chain_clear(&b->mem);
    if (b->fd >= 0) {
        close(b->fd);
        b->fd = -1;
    }
    if (b->path) {
        unlink(b->path);
        kgw_free(b->path);
        b->path = NULL;
    }
    if (len) kgw_chain_add_copy(&b->mem, ptr, len);
    b->kind = KGW_BODY_WHOLE;
    b->is_replaced = true;
    b->has_eof = true;
    b->length = b->seen = len;
}

void kgw_req_discard_body(kgw_req_t *r)
{
    kgw_body_t *b = &r->body;
    if (b->kind != KGW_BODY_UNREAD && b->kind != KGW_BODY_READING && b->kind != KGW_BODY_LIVE) return;
    b->kind = KGW_BODY_GONE;
    kgw_chain_clear(&b->mem);
    if (r->conn) r->conn->ops->want_body(r, true);
}
