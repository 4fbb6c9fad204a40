/* base/addr: parse, format, CIDR match. */
#include "base/addr.h"
#include "base/str.h"

#include "ktest.h"

static kgw_str_t text(const kgw_addr_t *a)
{
    static char out[KGW_ADDR_STRLEN];
    return kgw_str(out, kgw_addr_ip(a, out));
}

TEST(ip_addresses_come_back_as_they_were)
{
    kgw_addr_t a;
    EXPECT_EQ(KGW_OK, kgw_addr_parse_ip(&a, KGW_STR("10.1.2.3"), 80));
    EXPECT_STR("10.1.2.3", text(&a));
    EXPECT_EQ(80, kgw_addr_port(&a));
    EXPECT_EQ(KGW_OK, kgw_addr_parse_ip(&a, KGW_STR("[::1]"), 0));
    EXPECT_STR("::1", text(&a));
    EXPECT_EQ(KGW_ERROR, kgw_addr_parse_ip(&a, KGW_STR("10.1.2"), 80));
    EXPECT_EQ(KGW_ERROR, kgw_addr_parse_ip(&a, KGW_STR("example.test"), 80));
    EXPECT_EQ(KGW_ERROR, kgw_addr_parse_ip(&a, KGW_STR(""), 80));
}

static bool in(const char *range, const char *ip)
{
    kgw_cidr_t c;
    kgw_addr_t a;
    EXPECT_EQ(KGW_OK, kgw_cidr_parse(&c, kgw_str_c(range)));
    EXPECT_EQ(KGW_OK, kgw_addr_parse_ip(&a, kgw_str_c(ip), 1));
    return kgw_cidr_match(&c, &a);
}

TEST(ranges_match_by_bits)
{
    EXPECT(in("10.0.0.0/8", "10.255.0.1"));
    EXPECT(!in("10.0.0.0/8", "11.0.0.1"));
    EXPECT(in("192.168.4.0/22", "192.168.7.255"));
    EXPECT(!in("192.168.4.0/22", "192.168.8.0"));
    EXPECT(in("0.0.0.0/0", "1.2.3.4"));
    EXPECT(in("127.0.0.1", "127.0.0.1"));
    EXPECT(in("2001:db8::/32", "2001:db8:1::1"));
    EXPECT(!in("2001:db8::/32", "2001:db9::1"));
    EXPECT(in("10.0.0.0/8", "::ffff:10.0.0.1"));
}

TEST(wrong_ranges_are_refused)
{
    kgw_cidr_t c;
    static const char *const wrong[] = {"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/x", "::/129", "x/8", ""};
    for (size_t i = 0; i < KGW_ARRAY_LEN(wrong); i++)
        if (kgw_cidr_parse(&c, kgw_str_c(wrong[i])) == KGW_OK) KTEST_FAIL("\"%s\" was taken", wrong[i]);
}
