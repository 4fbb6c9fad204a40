/*
 * The seam between proxy/ and Lua: a table of functions that vm/ fills at start (tests fill it with C functions).
 * proxy/ knows no Lua.
 */
#ifndef KGW_PROXY_HOOKS_H
#define KGW_PROXY_HOOKS_H

#include "base/buf.h"

/* Bits, so that a set of phases is a mask. Values are known to Lua (ngx/phase). */
enum kgw_phase {
    KGW_PH_INIT = 1, KGW_PH_INIT_WORKER = 2, KGW_PH_CERT = 4, KGW_PH_CLIENT_HELLO = 8, KGW_PH_REWRITE = 0x10, KGW_PH_ACCESS = 0x20,
    KGW_PH_BALANCER = 0x40, KGW_PH_RESPONSE = 0x80, KGW_PH_HEADER_FILTER = 0x100, KGW_PH_BODY_FILTER = 0x200, KGW_PH_LOG = 0x400,
    KGW_PH_TIMER = 0x800, KGW_PH_CONTENT = 0x1000, /* admin and status listeners */ KGW_PH_ERROR = 0x2000, /* page for an error found in C */
    KGW_PH_EXIT_WORKER = 0x4000,
};

typedef struct {
    /* Runs a phase of req. KGW_OK: ended (look at req->exit_code / local response); KGW_AGAIN: suspended, kgw_req_wake(req) will be
     * called when it ended; KGW_ERROR: a Lua error, already logged. */
    int (*run)(kgw_req_t *req, unsigned phase);
    /* body_filter: `in` (emptied) -> `out`. `last` may be changed. Never suspends. */
    int (*chunk)(kgw_req_t *req, kgw_chain_t *in, kgw_chain_t *out, bool *last);
    /* The client went away or the request failed: drop every coroutine of req except one that is running now. */
    void (*abort)(kgw_req_t *req);
    /* After LOG: forget ngx.ctx and everything else tied to req->slot. */
    void (*release)(kgw_req_t *req);
    /* Certificate phase of a handshake; tls is a kgw_tls_t. KGW_OK / KGW_AGAIN (kgw_tls_resume follows) / KGW_ERROR. */
    int (*cert)(void *tls);
    /* A conn with a suspended certificate phase (cert_cos) or a handshake context (ctx_slot) is freed. */
    void (*conn_gone)(kgw_conn_t *conn);
} kgw_hooks_t;

extern kgw_hooks_t kgw_hooks;
/* > 0 while Lua code runs. Nothing that enters Lua may then run from below a call of Lua's (kgw_req_wake puts it off). */
extern unsigned kgw_lua_depth;
/* Phases that any plugin or core feature needs now (mask); a phase outside it is skipped without entering Lua. */
extern unsigned kgw_hooked_phases;

#endif
