/* c-ares on the loop: single-type queries answered through a callback. Caching, order and search live in Lua (kong.dns). */
#ifndef KGW_NET_DNS_H
#define KGW_NET_DNS_H

#include "net/loop.h"

enum { KGW_DNS_A = 1, KGW_DNS_CNAME = 5, KGW_DNS_AAAA = 28, KGW_DNS_SRV = 33 };

typedef struct {
    uint16_t type;
    uint32_t ttl;
    char name[256];    /* owner */
    char target[256];  /* address text, CNAME or SRV target */
    uint16_t port, priority, weight;
} kgw_dns_record_t;

typedef struct kgw_dns_query kgw_dns_query_t;
/* rc: 0; 1..5 = the server's rcode (3 name error); KGW_TIMEOUT; KGW_ERROR. Records are valid during the call only. */
typedef void (*kgw_dns_fn)(kgw_dns_query_t *q, int rc, const kgw_dns_record_t *records, unsigned cnt);
struct kgw_dns_query { kgw_dns_fn fn; void *arg; void *state; };

/* servers: "ip[:port],..." or NULL for resolv.conf; timeout per try. Called once per worker. */
int kgw_dns_start(kgw_loop_t *loop, const char *servers, int timeout_ms, int tries) KGW_MUST_CHECK;
void kgw_dns_stop(void);
/* Begins a query; q stays valid until fn ran or kgw_dns_cancel. fn is never called from inside. */
int kgw_dns_begin(kgw_dns_query_t *q, const char *name, unsigned type, kgw_dns_fn fn, void *arg) KGW_MUST_CHECK;
void kgw_dns_cancel(kgw_dns_query_t *q);
/* Pure, fuzzed: an answer packet into records (at most max). Returns rcode or KGW_ERROR; *cnt set. */
int kgw_dns_parse(const uint8_t *packet, size_t len, kgw_dns_record_t *records, unsigned max, unsigned *cnt);

#endif
