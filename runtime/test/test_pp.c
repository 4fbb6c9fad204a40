/* http/pp: the PROXY protocol, cut at every byte. */
#include "http/pp.h"

#include "base/str.h"
#include "ktest.h"

static char shown[KGW_ADDR_STRLEN];

static void v1(const char *text, int want, const char *src, unsigned port)
{
    kgw_addr_t s, d;
    size_t used = 0;
    bool is_local = false;
    for (size_t len = 0; len < strlen(text) && want != KGW_ERROR; len++) EXPECT_EQ(KGW_AGAIN, kgw_pp_read(text, len, &used, &s, &d, &is_local));
    EXPECT_EQ(want, kgw_pp_read(text, strlen(text), &used, &s, &d, &is_local));
    if (want != KGW_OK) return;
    EXPECT_EQ(strlen(text), used);
    EXPECT(is_local == (src == NULL));
    if (!src) return;
    EXPECT_STR(src, kgw_str(shown, kgw_addr_ip(&s, shown)));
    EXPECT_EQ(port, kgw_addr_port(&s));
}

TEST(version_1)
{
    v1("PROXY TCP4 9.9.9.9 8.8.8.8 1000 2000\r\n", KGW_OK, "9.9.9.9", 1000);
    v1("PROXY TCP6 ::1 ::2 1 2\r\n", KGW_OK, "::1", 1);
    v1("PROXY UNKNOWN\r\n", KGW_OK, NULL, 0);
    v1("PROXY TCP4 9.9.9.9 8.8.8.8 1000 99999\r\n", KGW_ERROR, NULL, 0);
    v1("PROXY TCP4 9.9.9.999 8.8.8.8 1 2\r\n", KGW_ERROR, NULL, 0);
    v1("GET / HTTP/1.1\r\n", KGW_ERROR, NULL, 0);
    char endless[600];
    memset(endless, 'x', sizeof(endless));
    memcpy(endless, "PROXY TCP4 ", 11);
    kgw_addr_t s, d;
    size_t used;
    bool is_local;
    EXPECT_EQ(KGW_ERROR, kgw_pp_read(endless, sizeof(endless), &used, &s, &d, &is_local));
}

TEST(version_2)
{
    static const char text[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x07\x07\x07\x07\x08\x08\x08\x08\x03\xe8\0\x51";
    kgw_addr_t s, d;
    size_t used = 0;
    bool is_local = true;
    for (size_t len = 1; len < sizeof(text) - 1; len++) EXPECT_EQ(KGW_AGAIN, kgw_pp_read(text, len, &used, &s, &d, &is_local));
    EXPECT_EQ(KGW_OK, kgw_pp_read(text, sizeof(text) - 1, &used, &s, &d, &is_local));
    EXPECT_EQ(sizeof(text) - 1, used);
    EXPECT_STR("7.7.7.7", kgw_str(shown, kgw_addr_ip(&s, shown)));
    EXPECT_EQ(1000, kgw_addr_port(&s));
    EXPECT(!is_local);
}

TEST(what_is_written_can_be_read)
{
    kgw_addr_t s, d, rs, rd;
    char out[108];
    EXPECT_EQ(KGW_OK, kgw_addr_parse_ip(&s, KGW_STR("10.0.0.1"), 5));
    EXPECT_EQ(KGW_OK, kgw_addr_parse_ip(&d, KGW_STR("10.0.0.2"), 6));
    size_t n = kgw_pp_write_v1(out, &s, &d), used;
    bool is_local;
    EXPECT_EQ(KGW_OK, kgw_pp_read(out, n, &used, &rs, &rd, &is_local));
    EXPECT(kgw_addr_eq(&s, &rs) && kgw_addr_eq(&d, &rd));
}
