/* What the api_*.c files share: the boundary header and the current request. */
#ifndef KGW_FFI_FFI_H
#define KGW_FFI_FFI_H

#include "proxy/conn.h"
#include "vm/co.h"
#include "vm/vm.h"

#pragma GCC visibility push(default)
#include "ffi/api.h"
#pragma GCC visibility pop

/* The master runs: makes the certificates that were asked for by kgw_ffi_self_signed_later, in a child that ends with it. */
void kgw_keys_start(void);
/* Access logs may name variables from now on (api_var.c). */
void kgw_vars_for_log(void);

static inline kgw_req_t *cur_req(void) { return kgw_cur.req; }
static inline void put(kgw_ffi_str_t *out, kgw_str_t s)
{
    out->ptr = s.ptr;
    out->len = s.len;
}

#endif
