/* PROXY protocol headers. */
#include "http/pp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    kgw_addr_t src, dst;
    size_t used = 0;
    bool is_local = false;
    int rc = kgw_pp_read((const char *)data, len, &used, &src, &dst, &is_local);
    if (rc == KGW_AGAIN) KGW_ASSERT(len < 536);
    if (rc == KGW_OK) {
        KGW_ASSERT(used > 0 && used <= len);
        if (!is_local) {
            char out[108];
            size_t n = kgw_pp_write_v1(out, &src, &dst), again = 0;
            KGW_ASSERT(n < sizeof(out));
            if (src.sa.sa_family != AF_UNIX) KGW_ASSERT(kgw_pp_read(out, n, &again, &src, &dst, &is_local) == KGW_OK && again == n);
        }
    }
    return 0;
}
