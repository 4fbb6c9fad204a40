/* Local responses and the headers the gateway adds. The functions Lua reaches are declared in proxy/req.h. */
#ifndef KGW_PROXY_RESP_H
#define KGW_PROXY_RESP_H

#include "proxy/req.h"

/* Server, Via, X-Kong-*: after header_filter, before the head goes out. */
void kgw_resp_add_gateway_headers(kgw_req_t *r);
/* An error answer without Lua, when no error page could be made. */
void kgw_resp_plain_error(kgw_req_t *r, unsigned status);

#endif
