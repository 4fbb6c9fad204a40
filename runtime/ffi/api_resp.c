/* The response: status, output, ngx.exit. */
#include "ffi/ffi.h"
#include "vm/sock_req.h"

int kgw_ffi_status_get(void) { return cur_req() ? cur_req()->out.status : 0; }

int kgw_ffi_status_set(int status, const char *reason, size_t len)
{
    kgw_req_t *r = cur_req();
    if (!r) return KGW_ERROR;
    if (r->head_is_out) return KGW_DECLINED;
    r->out.status = (uint16_t)status;
    r->out.reason = len ? kgw_arena_copy(&r->arena, (kgw_str_t){reason, len}) : KGW_STR_NULL;
    return KGW_OK;
}

/* Printed output commits the head; header_filter, which comes later, may still change it. */
int kgw_ffi_headers_sent(void)
{
    kgw_req_t *r = cur_req();
    return r && (r->head_is_out || (r->headers_sent && kgw_cur.phase != KGW_PH_HEADER_FILTER));
}

int kgw_ffi_print(const char *ptr, size_t len)
{
    kgw_req_t *r = cur_req();
    if (!r) return KGW_ERROR;
    if (r->seen_eof) return KGW_DONE;
    if (!r->out.status) r->out.status = 200;
    bool is_head = r->in.method_id == KGW_M_HEAD;
    int rc = kgw_resp_print(r, ptr, is_head ? 0 : len);
    return rc == KGW_OK && is_head ? KGW_DECLINED : rc;
}

int kgw_ffi_send_headers(void)
{
    kgw_req_t *r = cur_req();
    if (!r) return KGW_ERROR;
    if (!r->out.status) r->out.status = 200;
    return kgw_resp_flush(r);
}

int kgw_ffi_out_state(void)
{
    kgw_req_t *r = cur_req();
    if (!r || !r->conn) return KGW_ERROR;
    if (r->seen_eof) return KGW_DONE;
    return r->head_is_filtered || r->head_is_out ? KGW_OK : KGW_AGAIN;
}

int kgw_ffi_eof(void)
{
    kgw_req_t *r = cur_req();
    if (!r) return KGW_ERROR;
    if (r->seen_eof) return KGW_DONE;
    r->seen_eof = true;
    return kgw_ffi_send_headers();
}

int kgw_ffi_resp_connection(void)
{
    kgw_req_t *r = cur_req();
    if (!r) return 1;
    if (r->out.status == 101) return 2;
    return r->conn && r->conn->keep_alive ? 0 : 1;
}

#define MAY_WAIT (KGW_PH_REWRITE | KGW_PH_ACCESS | KGW_PH_RESPONSE | KGW_PH_CONTENT | KGW_PH_ERROR | KGW_PH_BALANCER)

void kgw_ffi_exit(int code)
{
    kgw_co_t *co = kgw_cur.co;
    if (!co) return;
    if (co->req) kgw_resp_exit(co->req, code);
    else if (kgw_cur_tls && code != KGW_OK) co->exit_code = code;
    if (!co->req || (co->phase & MAY_WAIT)) co->exit_wanted = true;
}

void kgw_ffi_abandon(void)
{
    if (kgw_cur.co) kgw_cur.co->abandon_wanted = true;
}
