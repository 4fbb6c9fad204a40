/* Answer packets of name servers. */
#include <string.h>

#include "net/dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    kgw_dns_record_t records[16];
    unsigned cnt = 0;
    int rc = kgw_dns_parse(data, len, records, 16, &cnt);
    KGW_ASSERT(cnt <= 16);
    for (unsigned i = 0; rc == 0 && i < cnt; i++) KGW_ASSERT(memchr(records[i].name, 0, sizeof(records[i].name)) && memchr(records[i].target, 0, sizeof(records[i].target)));
    return 0;
}
