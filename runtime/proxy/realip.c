/* The client's address: the TCP peer, or what a trusted peer says in real_ip_header. */
#include "base/str.h"
#include "proxy/conn_h1.h"

enum { REALIP_NONE, REALIP_X_REAL_IP, REALIP_XFF, REALIP_PROXY_PROTOCOL, REALIP_OTHER };

static bool trusts(const kgw_addr_t *a)
{
    for (unsigned i = 0; i < kgw_proxy_conf.trusted_cnt; i++)
        if (kgw_cidr_match(&kgw_proxy_conf.trusted[i], a)) return true;
    return false;
}

/* "1.2.3.4", "1.2.3.4:80", "::1", "[::1]:80" */
static int parse(kgw_addr_t *out, kgw_str_t s)
{
    s = kgw_str_trim(s);
    if (kgw_addr_parse_ip(out, s, 0) == KGW_OK) return KGW_OK;
    ptrdiff_t colon = -1;
    for (size_t i = s.len; i-- > 0;)
        if (s.ptr[i] == ':') {
            colon = (ptrdiff_t)i;
            break;
        }
    uint64_t port;
    if (colon <= 0 || kgw_str_to_u64(kgw_str(s.ptr + colon + 1, s.len - (size_t)colon - 1), &port) != KGW_OK || port > 65535) return KGW_ERROR;
    return kgw_addr_parse_ip(out, kgw_str(s.ptr, (size_t)colon), (uint16_t)port);
}

/* The last item of a list, taken off its end. */
static bool last_item(kgw_str_t *list, kgw_str_t *item)
{
    while (list->len && (list->ptr[list->len - 1] == ',' || list->ptr[list->len - 1] == ' ')) list->len--;
    if (!list->len) return false;
    size_t i = list->len;
    while (i > 0 && list->ptr[i - 1] != ',') i--;
    *item = kgw_str_trim(kgw_str(list->ptr + i, list->len - i));
    list->len = i;
    return true;
}

void kgw_realip(kgw_req_t *r)
{
    kgw_conn_t *c = r->conn;
    if (!kgw_proxy_conf.trusted_cnt || !trusts(&c->io.peer_addr)) {
        r->client_addr = c->io.peer_addr;
        return;
    }
    r->is_trusted = true;
    r->client_addr = c->io.peer_addr;
    kgw_str_t list;
    switch (kgw_proxy_conf.real_ip_kind) {
    case REALIP_PROXY_PROTOCOL:
        if (c->pp) r->client_addr = c->pp->src;
        return;
    case REALIP_X_REAL_IP: {
        kgw_hdr_t *h = kgw_hdrs_find_token(&r->in.hdrs, KGW_TOK_X_REAL_IP);
        if (!h) return;
        list = h->value;
        break;
    }
    case REALIP_XFF: list = kgw_hdrs_joined(&r->in.hdrs, KGW_STR("X-Forwarded-For")); break;
    case REALIP_OTHER: list = kgw_hdrs_joined(&r->in.hdrs, kgw_proxy_conf.real_ip_header); break;
    default: return;
    }
    kgw_str_t item;
    kgw_addr_t addr;
    while (last_item(&list, &item)) {
        if (parse(&addr, item) != KGW_OK) return;
        r->client_addr = addr;
        if (!kgw_proxy_conf.real_ip_recursive || !trusts(&addr)) return;
    }
}
