/*
 * A downstream connection: what HTTP/1 and HTTP/2 drivers share. Owned by the worker's list; freed when its io is
 * closed and no req is attached. The drivers implement kgw_conn_ops_t; everything above talks to those only.
 */
#ifndef KGW_PROXY_CONN_H
#define KGW_PROXY_CONN_H

#include "http/h1.h"
#include "net/listener.h"
#include "net/tls.h"
#include "proxy/req.h"

typedef struct {
    /* Sends r->out. `last`: there is no body. Decides framing from r->out.length / out_has_length. */
    void (*head)(kgw_req_t *r, bool last);
    /* Sends body bytes (chain emptied). */
    void (*body)(kgw_req_t *r, kgw_chain_t *chain, bool last);
    /* The req wants (or does not want now) request body bytes. */
    void (*want_body)(kgw_req_t *r, bool on);
    /* Ends the response abnormally so that the client notices. */
    void (*reset)(kgw_req_t *r);
    /* The response is complete and logged: the conn goes on to the next request or closes; forgets r. */
    void (*done)(kgw_req_t *r);
    /* An interim response (100 Continue, 103). */
    void (*interim)(kgw_req_t *r, unsigned status);
    /* Bytes queued towards the client for this req. */
    size_t (*pending)(kgw_req_t *r);
} kgw_conn_ops_t;

/* Process-wide settings of the proxy layer; filled once from the boot script's settings. */
typedef struct {
    kgw_h1_limits_t limits;
    uint32_t header_timeout_ms, body_timeout_ms, send_timeout_ms, keepalive_timeout_ms, handshake_timeout_ms;
    uint32_t body_min_rate, body_grace_ms; /* bytes per second a request body must come with on the average, after the grace; 0: at any */
    bool pass_trailers;           /* trailers go on when the client's TE asks for them */
    uint32_t tunnel_drain_ms;     /* a draining worker ends tunnels after this */
    uint32_t keepalive_requests;
    uint64_t max_body;            /* client_max_body_size, 0 unlimited */
    uint32_t body_buffer;         /* client_body_buffer_size */
    uint32_t max_conns;
    const char *body_temp_path;   /* folder for spilled bodies */
    kgw_cidr_t *trusted; unsigned trusted_cnt;
    uint8_t real_ip_kind;         /* 0 none, 1 X-Real-IP, 2 X-Forwarded-For, 3 proxy_protocol, 4 other header */
    kgw_str_t real_ip_header; bool real_ip_recursive;
    uint32_t hdr_flags;           /* KGW_HDR_* : which headers we add */
    bool upstream_request_id;     /* X-Kong-Request-Id towards the upstream */
    kgw_str_t server, via_name;   /* "kong/3.9.3" */
    kgw_str_t via_value;          /* "1.1 kong/3.9.3" */
    kgw_str_t charset;            /* appended to local types that are text, empty: none */
    uint32_t upstream_pool_size, upstream_max_requests, upstream_idle_ms;
    struct { uint16_t port, host_port; } port_maps[32]; unsigned port_map_cnt;
    bool log_access;              /* some access log is on */
    struct { kgw_str_t name, value; bool is_always; } *added; unsigned added_cnt; /* response headers that kong.conf injects (nginx's add_header) */
    kgw_tls_ctx_t *client_ctx;    /* default context for https upstreams */
} kgw_proxy_conf_t;
enum { KGW_HDR_SERVER = 1, KGW_HDR_VIA = 2, KGW_HDR_PROXY_LATENCY = 4, KGW_HDR_RESPONSE_LATENCY = 8, KGW_HDR_UPSTREAM_LATENCY = 16, KGW_HDR_UPSTREAM_STATUS = 32,
       KGW_HDR_REQUEST_ID = 64, KGW_HDR_ADMIN_LATENCY = 128 };
extern kgw_proxy_conf_t kgw_proxy_conf;

struct kgw_conn {
    kgw_io_t io;
    const kgw_conn_ops_t *ops;
    kgw_listener_t *listener;
    kgw_list_t node;        /* worker's list of conns */
    kgw_loop_t *loop;
    uint64_t serial;        /* $connection */
    uint32_t requests;      /* served so far ($connection_requests) */
    bool is_tls, is_closing, is_idle, is_draining, is_pp_pending;
    bool client_eof;        /* the client ended its sending side */
    struct { kgw_addr_t src, dst; } *pp; /* what a PROXY header said, in the arena; NULL none */
    kgw_timer_t timer;
    uint64_t idle_since_ms;
    uint32_t rest_ms;       /* the longest rest between requests lately, for draining */
    kgw_block_t *in;        /* bytes received and not yet used: data[start..used) */
    kgw_arena_t arena;      /* what lives as long as the connection */
    kgw_h1_t h1;
    kgw_req_t *req;         /* HTTP/1: the one that is active */
    uint32_t head_seen, empty_lines, lingered; /* bytes of an incomplete head; empty lines before it; bytes read after an early close */
    kgw_list_t ready_node;  /* pipelined bytes wait for the next turn */
    bool body_reading, is_cut, is_skipping;
    bool body_wanted, body_done, in_error, is_lingering, keep_alive, chunked_out, no_body_out, tunnel;
    uint64_t body_bytes, body_wanted_ms; /* of the request's body so far; since when it is waited for */
    uint32_t body_waited_ms; /* before that */
    uint64_t out_left;      /* Content-Length bytes still to send */
    void *h2;               /* HTTP/2 session */
    uint32_t ctx_slot;      /* handshake ngx.ctx kept for its requests, 0 none */
    kgw_list_t cert_cos;    /* vm: coroutines of the certificate phase that runs now */
    void (*on_raw)(kgw_conn_t *c); /* Lua took the connection: bytes in `in`, client_eof, or the io is closing */
};

/* Takes one connection from a listener (its on_accept). */
void kgw_conn_accept(kgw_listener_t *l);
/* Starts draining all conns, new ones included: every answer says Connection: close, idle ones are closed after a moment. Returns how
 * many are left; call it again and again. */
unsigned kgw_conn_drain_all(void);
unsigned kgw_conn_cnt(void);
bool kgw_conn_is_draining(void);
/* Cuts every connection (the drain's deadline). */
void kgw_conn_close_all(void);
extern uint64_t kgw_conn_last_accept_ms; /* when the last connection came */
extern struct kgw_conn_stats { uint64_t accepted, handled, requests; uint32_t active, reading, writing, waiting; } kgw_conn_stats;
void kgw_conn_init_worker(kgw_loop_t *loop);

#endif
