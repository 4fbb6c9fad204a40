/*
 * The client's side of a request as a socket for Lua: its body (ngx.req.socket()), or the whole connection, raw
 * (ngx.req.socket(true)), as the WebSocket server uses it. Owned by Lua (ffi.gc); forgotten by the request when it ends.
 */
#ifndef KGW_VM_SOCK_REQ_H
#define KGW_VM_SOCK_REQ_H

#include "vm/co.h"
#include "vm/recv.h"

typedef struct {
    kgw_req_t *req; /* NULL once the request has ended */
    bool is_raw, read_closed, write_closed;
    kgw_recv_t recv;
    kgw_op_t read_op, write_op;
    kgw_timer_t read_timer, write_timer;
    uint64_t read_ms;
    char err[64];
} kgw_rsock_t;

/* NULL: *why says why not, as OpenResty words it. */
kgw_rsock_t *kgw_rsock_new(kgw_req_t *r, bool is_raw, const char **why);
void kgw_rsock_free(kgw_rsock_t *s);
/* As kgw_sock_*. */
int kgw_rsock_receive(kgw_rsock_t *s, uint64_t timeout_ms) KGW_MUST_CHECK;
int kgw_rsock_receive_begin(kgw_rsock_t *s) KGW_MUST_CHECK;
int kgw_rsock_received(kgw_rsock_t *s, int rc, kgw_str_t *out) KGW_MUST_CHECK;
int kgw_rsock_send(kgw_rsock_t *s, const char *ptr, size_t len, uint64_t timeout_ms) KGW_MUST_CHECK;
/* The request is over. */
void kgw_rsock_detach(kgw_req_t *r);

#endif
