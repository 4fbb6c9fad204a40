/* DNS queries as ops of the running coroutine. A query object keeps its answer until Lua forgets it. */
#include <string.h>

#include "base/freelist.h"
#include "base/str.h"
#include "ffi/ffi.h"
#include "net/dns.h"

typedef struct {
    kgw_op_t op;
    kgw_dns_query_t query;
    kgw_dns_record_t *records;
    unsigned cnt;
    int rcode;
} query_t;

static void cancel(kgw_op_t *op) { kgw_dns_cancel(&container_of(op, query_t, op)->query); }

static void on_answer(kgw_dns_query_t *dq, int rc, const kgw_dns_record_t *records, unsigned cnt)
{
    query_t *q = dq->arg;
    q->rcode = rc;
    q->cnt = cnt;
    if (cnt) {
        q->records = kgw_malloc(cnt * sizeof(*records));
        memcpy(q->records, records, cnt * sizeof(*records));
    }
    kgw_op_complete(&q->op, KGW_OK);
}

void *kgw_ffi_dns_new(void) { return kgw_zalloc(sizeof(query_t)); }

void kgw_ffi_dns_free(void *p)
{
    query_t *q = p;
    kgw_dns_cancel(&q->query);
    kgw_free(q->records);
    kgw_free(q);
}

/* KGW_AGAIN, or KGW_ERROR when the query cannot be made. A query object serves once. */
int kgw_ffi_dns_begin(void *p, const char *name, int type)
{
    query_t *q = p;
    kgw_op_begin(&q->op, cancel);
    if (kgw_dns_begin(&q->query, name, (unsigned)type, on_answer, q) == KGW_OK) return KGW_AGAIN;
    kgw_cur.co->op = NULL;
    q->op.co = NULL;
    return KGW_ERROR;
}

/* The server's rcode, KGW_TIMEOUT or KGW_ERROR. */
int kgw_ffi_dns_rcode(void *p, int *cnt)
{
    query_t *q = p;
    *cnt = (int)q->cnt;
    return q->rcode;
}

int kgw_ffi_dns_record(void *p, int i, int *type, uint32_t *ttl, kgw_ffi_str_t *name, kgw_ffi_str_t *target, int *port, int *priority, int *weight)
{
    query_t *q = p;
    if (i < 0 || (unsigned)i >= q->cnt) return KGW_DECLINED;
    const kgw_dns_record_t *r = &q->records[i];
    *type = r->type;
    *ttl = r->ttl;
    *port = r->port;
    *priority = r->priority;
    *weight = r->weight;
    put(name, kgw_str_c(r->name));
    put(target, kgw_str_c(r->target));
    return KGW_OK;
}
