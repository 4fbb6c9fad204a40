/* PROXY protocol v1 and v2: read (strict) and write. Pure. */
#ifndef KGW_HTTP_PP_H
#define KGW_HTTP_PP_H

#include "base/addr.h"

/* KGW_OK: *used bytes belong to the header (src/dst set, or *is_local for LOCAL/UNKNOWN); KGW_AGAIN: needs more bytes
 * (never asks for more than 536); KGW_ERROR: malformed, close. */
int kgw_pp_read(const char *data, size_t len, size_t *used, kgw_addr_t *src, kgw_addr_t *dst, bool *is_local) KGW_MUST_CHECK;
/* v1 line into out (at least 108 bytes); returns its length. */
size_t kgw_pp_write_v1(char *out, const kgw_addr_t *src, const kgw_addr_t *dst);

#endif
