/*
 * One request and its response. Made by a conn from the worker's free list; reference-counted (conn 1, upstream try 1,
 * every live co 1); the last unref puts it on the dead list that is emptied before the next poll. Its step is changed
 * only by kgw_req_goto (req_fsm.c); whoever ends a wait calls kgw_req_wake.
 */
#ifndef KGW_PROXY_REQ_H
#define KGW_PROXY_REQ_H

#include "base/addr.h"
#include "base/list.h"
#include "base/wheel.h"
#include "http/msg.h"
#include "http/uri.h"
#include "proxy/body.h"
#include "proxy/hooks.h"
#include "proxy/vars.h"

/* name, Lua phase mask it runs (0 none) */
#define KGW_STEP_LIST(X) \
    X(IDLE) X(REWRITE) X(ACCESS) X(BODY_IN) X(PICK) X(CONNECT) X(SEND) X(WAIT_HEAD) X(HOLD) X(RESPONSE) X(LOCAL) X(ERROR_PAGE) X(HEAD_OUT) \
    X(RELAY) X(TUNNEL) X(FINISH) X(LOG) X(END)
enum kgw_step {
#define X(n) KGW_STEP_##n,
    KGW_STEP_LIST(X)
#undef X
    KGW_STEP__COUNT
};

/* One attempt to get a response from an upstream; what ngx.balancer and log tries[] report. */
typedef struct {
    char ip[KGW_ADDR_STRLEN];
    uint16_t port;
    uint16_t status;       /* of the response head, 0 none; 502/504 class failures too */
    uint8_t outcome;       /* enum kgw_outcome */
    bool reused;
    uint64_t start_us, connect_us, header_us, end_us; /* monotonic; 0 = not reached */
} kgw_try_t;

enum kgw_outcome { KGW_OUT_NONE, KGW_OUT_OK, KGW_OUT_CONNECT_FAILED, KGW_OUT_CONNECT_TIMEOUT, KGW_OUT_TLS_FAILED, KGW_OUT_SEND_FAILED, KGW_OUT_SEND_TIMEOUT,
                   KGW_OUT_READ_FAILED /* closed or reset before a head */, KGW_OUT_READ_TIMEOUT, KGW_OUT_BAD_RESPONSE, KGW_OUT_NO_PEER, KGW_OUT_CANCELLED };

#define KGW_TRIES_KEPT 8

/* What the balancer phase chose for the next try. Strings live in the req arena. */
typedef struct {
    bool is_set;
    kgw_addr_t addr;
    kgw_str_t pool_key;          /* keep-alive pool; empty: not pooled */
    kgw_str_t sni;               /* name for SNI and verification; empty: none */
    uint32_t connect_ms, send_ms, read_ms;
    uint32_t keepalive_idle_ms, keepalive_max; /* 0 idle: for ever; max requests per connection, 0 unlimited */
    bool is_tls;
    int8_t tls_verify;           /* -1 default (off), 0, 1 */
    int16_t tls_depth;           /* -1 default */
    kgw_tls_ctx_t *tls_ctx;      /* client context or NULL for the default; referenced by the req until END */
} kgw_target_t;

struct kgw_req {
    uint32_t refs;
    uint8_t step;
    bool is_running;      /* the dispatcher is inside a step of this req: wake only sets is_woken */
    bool is_woken;
    bool is_aborted;      /* the client went away (499) */
    bool is_failed;       /* kgw_req_fail ran */
    bool is_dead;
    bool is_put_off;      /* in the list of those that kgw_req_drain_woken wakes */
    kgw_conn_t *conn;     /* NULL once the client's connection is lost */
    void *stream;         /* HTTP/2: the conn's stream; NULL for HTTP/1 */
    kgw_list_t node;      /* conn's list or dead list */
    kgw_list_t put_off_node;
    kgw_arena_t arena;
    kgw_block_t *resp_block; /* holds the bytes that out's spans point to (upstream head) */
    kgw_block_t *head_block; /* holds the bytes that in's spans point to */
    uint32_t slot;        /* small integer for Lua tables (ngx.ctx), unique among live reqs */
    uint64_t id[2];       /* 32 hex digits of X-Kong-Request-Id */
    char id_hex[32];

    /* the request */
    kgw_msg_t in;
    kgw_uri_t uri;
    kgw_str_t args;
    kgw_str_t path;       /* normalised (Kong's form) */
    kgw_str_t host;       /* lower-cased, without port ($host) */
    kgw_str_t hop_fields; /* the client's Connection once Lua has set another; ptr NULL: it has not */
    int host_port;        /* port in the Host header, -1 none */
    kgw_str_t vars[KGW_VAR__COUNT]; /* ptr NULL: not set, C's default applies */
    kgw_body_t body;
    kgw_addr_t client_addr; /* after real-ip */
    bool is_trusted;      /* the TCP peer is in trusted_ips */
    uint8_t listener_kind; /* enum kgw_listener_kind */
    bool is_internal_api; /* admin or status listener: CONTENT phase instead of proxying */
    uint8_t method_sent;  /* unused unless Lua changed the method */
    uint32_t request_bytes; /* head and body bytes as received */
    kgw_str_t raw_head;   /* the head as received, in head_block */

    /* what Lua decided */
    bool request_buffering, response_buffering; /* route flags; default true */
    bool has_local;       /* a local response was begun (print, say, exit, redirect) */
    bool is_route_host;   /* $upstream_host is the route's: Lua sees it when the balancer has run */
    bool has_no_args;     /* $is_args was read and empty */
    bool has_args;        /* ngx.req.set_uri_args: args stands for the query */
    bool seen_eof;        /* ngx.eof: no output after it */
    bool is_exited;       /* ngx.exit(>=200) or a final verdict was given in this phase */
    int exit_code;        /* last ngx.exit argument; -1000 none */
    bool headers_sent;    /* to Lua: the head is committed */
    bool hold_response;   /* response phase or buffered proxying wanted */
    bool want_header_filter, want_body_filter, want_log; /* per request, from the runloop; default from kgw_hooked_phases */
    bool skip_proxy_headers; /* unused by admin listeners */
    bool wants_status_reset;
    bool in_error_page;
    bool phase_running;   /* a Lua phase of the current step was entered and has not been accounted for */
    bool abort_now;       /* a client that goes away interrupts Lua (ngx.on_abort) */
    bool filter_done;     /* body_filter ended the body early: the rest is dropped */
    bool tunnel_done;
    struct { uint64_t left; uint8_t have, head[14]; } ws; /* where the upstream's WebSocket frames stand: payload still to come, bytes of a header */
    int phase_rc;         /* vm: KGW_AGAIN while the phase is suspended, else its result; set before kgw_req_wake */
    bool is_killed;       /* ngx.exit(444 or -1): close without an answer */
    bool wants_error_page; /* ngx.exit(status) without a body */
    bool proxied;         /* a response head came from an upstream and is what we send */
    uint16_t err_status;  /* ERROR_PAGE: status to explain */
    const char *err_why;
    int retries_left;
    uint32_t tries_cnt;
    kgw_try_t tries[KGW_TRIES_KEPT];
    kgw_target_t target;
    uint8_t last_failure; /* enum kgw_outcome of the failed try, for ngx.balancer.get_last_failure */
    bool is_stale_retry;  /* the failed peer was a reused connection: this retry is free */

    /* the response */
    kgw_hdrs_t early_hdrs; /* response fields that were set before the upstream was asked */
    kgw_msg_t out;        /* status and headers that go to the client */
    uint16_t upstream_status;
    kgw_chain_t out_body; /* local or held body, or bytes in transit */
    bool out_body_last;   /* no more bytes will be added to out_body */
    kgw_hdrs_t *trailers, *out_trailers; /* of a chunked body, for the other side: when the client's TE says so; in the arena, NULL none */
    kgw_str_t out_connection; /* the upstream's Connection, for its trailers */
    bool out_has_length;  /* out.length is right */
    bool head_is_filtered; /* header_filter ran */
    bool head_is_out;     /* ops->head was called */
    bool last_is_out;     /* ops->body(last) was called */
    bool is_cut;          /* the response must end with an error (upstream cut it) */
    bool filter_changed;
    uint64_t body_bytes_sent;   /* body bytes handed to the conn */
    uint64_t bytes_sent;        /* incl. head */
    uint64_t upstream_bytes;    /* body bytes from the upstream */
    kgw_peer_t *peer;     /* leased while a try runs */
    kgw_timer_t timer;    /* the step's timeout */

    /* milestones, monotonic microseconds; 0 = not reached */
    uint64_t start_us, access_us, balancer_end_us, head_us, body_us, end_us;
    uint64_t start_wall_ms;

    kgw_list_t cos;       /* vm: live coroutines of this req (kgw_co_t.req_node) */
    void *vm_data;        /* vm: the phase's entry coroutine */
    int vm_rc;            /* vm: result of the entry while light threads still run */
    bool ctx_used;        /* vm: Lua keeps something under slot */
    kgw_chain_t *filter_in, *filter_out; /* vm: body_filter's chunk */
    bool filter_last, filter_touched;
    void (*body_ready)(kgw_req_t *req, int rc); /* who waits for the whole body (an op of ngx.req.read_body), or NULL */
    void *body_waiter;
    void (*on_writable)(kgw_req_t *req); /* who waits until output fell below the low watermark (ngx.flush), or NULL */
    void *flusher;
    void (*on_live_body)(kgw_req_t *req); /* LIVE body without an upstream: bytes or its end arrived (ngx.req.socket) */
    kgw_list_t socks;     /* vm: cosockets made by its Lua (kgw_sock_t.owner_node), closed with it */
    void *sock;           /* vm: the downstream socket that Lua took */
};

/* One line of the access log (access_log.c). */
void kgw_access_log(kgw_req_t *r);

/* The request whose step or Lua phase runs now, NULL outside; for the error log. */
extern kgw_req_t *kgw_req_now;

/* lifetime (req.c) */
kgw_req_t *kgw_req_new(kgw_conn_t *conn);
static inline void kgw_req_ref(kgw_req_t *r) { r->refs++; }
void kgw_req_unref(kgw_req_t *r);
/* Frees what unref put aside; before every poll. */
void kgw_req_drain_dead(void);
extern unsigned kgw_req_live_cnt;
/* How many slots have ever been used (size for Lua's tables). */
uint32_t kgw_req_slot_max(void);

/* the machine (req_fsm.c) */
/* The head is complete: begins REWRITE. */
void kgw_req_start(kgw_req_t *r);
/* A wait ended: runs steps until the next wait. */
void kgw_req_wake(kgw_req_t *r);
/* Wakes that came from below Lua; before every poll. */
void kgw_req_drain_woken(void);
/* The only error exit: answers `status` with Kong's error page, or cuts the response when its head is already out. */
void kgw_req_fail(kgw_req_t *r, unsigned status, const char *why);
/* The client is gone: cancels what is cancellable, logs 499. */
void kgw_req_abort(kgw_req_t *r);
const char *kgw_step_name(unsigned step);

/* request body (req_body.c) */
/* From the conn: bytes (a reference is taken) and the end. */
void kgw_req_on_body(kgw_req_t *r, kgw_block_t *b, const char *ptr, size_t len);
void kgw_req_on_body_end(kgw_req_t *r);
/* The step's timer fired. */
void kgw_req_on_timeout(kgw_req_t *r);
/* Output towards the client fell below the low watermark. */
void kgw_req_writable(kgw_req_t *r);
/* Collects the whole body. KGW_OK: it is whole; KGW_AGAIN: r->body_ready(r, rc) will be called; KGW_ERROR: the client is gone. */
int kgw_req_read_body(kgw_req_t *r) KGW_MUST_CHECK;
/* (Re)starts client_body_timeout for a body that a Lua phase waits for. */
void kgw_req_body_timer(kgw_req_t *r);
/* Replaces the body. */
void kgw_req_set_body(kgw_req_t *r, const char *ptr, size_t len);
/* Reads and drops what is left of it. */
void kgw_req_discard_body(kgw_req_t *r);
/* Size when WHOLE. */
uint64_t kgw_req_body_size(const kgw_req_t *r);

/* local responses (resp.c); used by ngx.print/say/exit/redirect and by C */
/* Adds bytes to the local body. KGW_ERROR when the response is already complete or a proxied one is on its way. */
int kgw_resp_print(kgw_req_t *r, const char *ptr, size_t len);
/* ngx.exit(code): see facts/ngx-api.md section 2. */
void kgw_resp_exit(kgw_req_t *r, int code);
/* Forgets a local response that was begun and not yet sent (error pages). */
void kgw_resp_clear(kgw_req_t *r);
/* Sends what was printed so far (ngx.flush, ngx.send_headers). KGW_OK or KGW_AGAIN (header_filter runs as part of it). */
int kgw_resp_flush(kgw_req_t *r);
/* The head is committed: header_filter runs now, unless it did. KGW_ERROR: it failed. */
int kgw_req_filter_head(kgw_req_t *r);
/* Hands the head and what was printed so far to the conn. KGW_AGAIN: much is queued, set on_writable; KGW_ERROR: no client, or a filter failed. */
int kgw_req_flush(kgw_req_t *r) KGW_MUST_CHECK;

/* the upstream side (upstream.c) */
/* Milliseconds as Kong reports them; -1 when not reached. */
int64_t kgw_req_proxy_latency_ms(const kgw_req_t *r);    /* start -> balancer end */
int64_t kgw_req_upstream_latency_ms(const kgw_req_t *r); /* balancer end -> first header byte */
int64_t kgw_req_response_latency_ms(const kgw_req_t *r); /* start -> now/response, not proxied */
/* Value of an $upstream_* variable with C's default when Lua did not set it (in the arena). */
kgw_str_t kgw_req_var(kgw_req_t *r, enum kgw_var v);
/* The listener's port, or what port_maps says of it. */
uint16_t kgw_req_listen_port(kgw_req_t *r);

#endif
