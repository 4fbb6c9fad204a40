/* Implements proxy/hooks.h: a step's phase becomes a coroutine of the request. */
#include "base/log.h"
#include "net/tls.h"
#include "proxy/conn.h"
#include "vm/co.h"
#include "vm/sock.h"
#include "vm/sock_req.h"
#include "vm/vm.h"

static int entry_of(unsigned phase)
{
    switch (phase) {
    case KGW_PH_REWRITE: return KGW_ENTRY_REWRITE;
    case KGW_PH_ACCESS: return KGW_ENTRY_ACCESS;
    case KGW_PH_BALANCER: return KGW_ENTRY_BALANCER;
    case KGW_PH_RESPONSE: return KGW_ENTRY_RESPONSE;
    case KGW_PH_HEADER_FILTER: return KGW_ENTRY_HEADER_FILTER;
    case KGW_PH_BODY_FILTER: return KGW_ENTRY_BODY_FILTER;
    case KGW_PH_LOG: return KGW_ENTRY_LOG;
    case KGW_PH_CONTENT: return KGW_ENTRY_CONTENT;
    default: return KGW_ENTRY_ERROR_PAGE;
    }
}

static void on_phase_end(kgw_co_t *co, enum kgw_co_end how);

static int start(kgw_req_t *r, unsigned phase, int entry)
{
    kgw_co_t *co = kgw_co_new(r, phase, r->slot);
    co->on_end = co->thread_end = on_phase_end;
    r->vm_data = co;
    r->phase_rc = KGW_AGAIN;
    lua_rawgeti(co->L, LUA_REGISTRYINDEX, kgw_vm->entries[entry]);
    if (phase == KGW_PH_CONTENT) {
        lua_pushinteger(co->L, r->conn && r->conn->listener ? r->conn->listener->kind : 0);
        co->nargs = 1;
    } else if (phase == KGW_PH_ERROR) {
        lua_pushinteger(co->L, r->err_status);
        co->nargs = 1;
    }
    return kgw_co_run(co);
}

static bool has_threads(kgw_req_t *r) { return !kgw_list_is_empty(&r->cos); }

/* The phase is over when its entry and all its light threads are. */
static void on_phase_end(kgw_co_t *co, enum kgw_co_end how)
{
    kgw_req_t *r = co->req;
    bool is_main = r->vm_data == co;
    if (is_main) {
        r->vm_data = NULL;
        if (co->abandon_wanted && how == KGW_CO_DROPPED) {
            int rc = start(r, co->phase, KGW_ENTRY_ACCESS_RESUME);
            if (rc == KGW_AGAIN) return;
            return;
        }
        if (how == KGW_CO_DROPPED && !co->exit_wanted) { /* aborted */
            r->phase_rc = KGW_OK;
            return;
        }
        r->vm_rc = how == KGW_CO_FAILED ? KGW_ERROR : KGW_OK;
    }
    if (co->exit_wanted) {
        int rc = r->phase_rc;
        kgw_hooks.abort(r);
        if (r->vm_data) { /* the entry runs below us; its end finishes the phase */
            ((kgw_co_t *)r->vm_data)->exit_wanted = true;
            return;
        }
        r->phase_rc = rc;
    } else if (r->vm_data || has_threads(r)) {
        return;
    }
    if (r->phase_rc != KGW_AGAIN) return;
    r->phase_rc = r->vm_rc;
    if (r->phase_running) kgw_req_wake(r);
}

/* A phase that cannot wait; it may run inside another one (output in access sends the head through header_filter). */
static int run_at_once(kgw_req_t *r, unsigned phase)
{
    kgw_co_t *co = kgw_co_new(r, phase, r->slot);
    lua_rawgeti(co->L, LUA_REGISTRYINDEX, kgw_vm->entries[entry_of(phase)]);
    int rc = kgw_co_run(co);
    if (rc != KGW_AGAIN) return rc;
    KGW_LOG(KGW_LOG_ERR, "attempt to yield in a phase that cannot wait");
    kgw_co_drop(co);
    return KGW_ERROR;
}

static int run(kgw_req_t *r, unsigned phase)
{
    if (phase & (KGW_PH_HEADER_FILTER | KGW_PH_BODY_FILTER | KGW_PH_LOG)) return run_at_once(r, phase);
    r->vm_rc = KGW_OK;
    start(r, phase, entry_of(phase));
    return r->phase_rc;
}

static int chunk(kgw_req_t *r, kgw_chain_t *in, kgw_chain_t *out, bool *last)
{
    r->filter_in = in;
    r->filter_out = out;
    r->filter_last = *last;
    r->filter_touched = false;
    int rc = run(r, KGW_PH_BODY_FILTER);
    if (!r->filter_touched) kgw_chain_move(out, in);
    else kgw_chain_clear(in);
    *last = r->filter_last;
    r->filter_in = r->filter_out = NULL;
    return rc;
}

/* Ends of coroutines may drop further ones, so the list is looked at afresh each time; one that runs is only marked. */
static void abort_cos(kgw_req_t *r)
{
    kgw_rsock_detach(r);
    for (;;) {
        kgw_co_t *victim = NULL;
        kgw_list_foreach(n, &r->cos)
        {
            kgw_co_t *co = container_of(n, kgw_co_t, req_node);
            if (co->is_killed) continue;
            victim = co;
            break;
        }
        if (!victim) return;
        kgw_co_drop(victim);
    }
}

static void release(kgw_req_t *r)
{
    kgw_sock_close_all(&r->socks);
    if (!r->ctx_used) return;
    lua_State *L = kgw_vm->L;
    lua_rawgeti(L, LUA_REGISTRYINDEX, kgw_vm->entries[KGW_ENTRY_RELEASE]);
    lua_pushinteger(L, r->slot);
    lua_call(L, 1, 0);
}

/* Those that run are only marked: they leave the list when they end. */
static void drop_cert_cos(kgw_conn_t *c)
{
    for (;;) {
        kgw_co_t *victim = NULL;
        kgw_list_foreach(n, &c->cert_cos)
        {
            kgw_co_t *co = container_of(n, kgw_co_t, req_node);
            if (co->is_running) co->is_killed = true;
            else victim = co;
        }
        if (!victim) return;
        victim->on_end = NULL;
        kgw_co_drop(victim);
    }
}

/* Certificate phase: coroutines without a req; the handshake waits for the end of the entry and of its light threads. */
static void on_cert_end(kgw_co_t *co, enum kgw_co_end how)
{
    kgw_tls_t *tls = co->user;
    kgw_conn_t *c = co->conn;
    if (co->exit_wanted) {
        tls->co_rc = co->exit_code == KGW_ERROR ? KGW_ERROR : KGW_OK;
        drop_cert_cos(c);
    } else if (how == KGW_CO_FAILED && !co->parent) {
        tls->co_rc = KGW_ERROR;
    }
    if (tls->is_suspended && kgw_list_is_empty(&c->cert_cos)) kgw_tls_resume(tls, tls->co_rc);
}

static int cert(void *p)
{
    kgw_tls_t *tls = p;
    if (!(kgw_hooked_phases & KGW_PH_CERT)) return KGW_OK;
    kgw_conn_t *c = tls->user;
    if (!c->ctx_slot) c->ctx_slot = kgw_slot_get();
    kgw_co_t *co = kgw_co_new(NULL, KGW_PH_CERT, c->ctx_slot);
    co->user = tls;
    co->conn = c;
    co->on_end = co->thread_end = on_cert_end;
    kgw_list_push_back(&c->cert_cos, &co->req_node);
    tls->co_rc = KGW_OK;
    lua_rawgeti(co->L, LUA_REGISTRYINDEX, kgw_vm->entries[KGW_ENTRY_CERT]);
    int rc = kgw_co_run(co);
    return rc == KGW_AGAIN || !kgw_list_is_empty(&c->cert_cos) ? KGW_AGAIN : tls->co_rc;
}

static void release_slot(uint32_t slot)
{
    lua_State *L = kgw_vm->L;
    lua_rawgeti(L, LUA_REGISTRYINDEX, kgw_vm->entries[KGW_ENTRY_RELEASE]);
    lua_pushinteger(L, slot);
    lua_call(L, 1, 0);
}

static void conn_gone(kgw_conn_t *c)
{
    kgw_list_t *n;
    while ((n = kgw_list_pop_front(&c->cert_cos)) != NULL) {
        kgw_co_t *co = container_of(n, kgw_co_t, req_node);
        co->on_end = NULL;
        co->conn = NULL;
        co->user = NULL;
        kgw_co_drop(co);
    }
    release_slot(c->ctx_slot);
    kgw_slot_put(c->ctx_slot);
    c->ctx_slot = 0;
}

void kgw_vm_install_hooks(void) { kgw_hooks = (kgw_hooks_t){run, chunk, abort_cos, release, cert, conn_gone}; }
