/* Answer packets into records. */
#include "ktest.h"

#include "net/dns.h"

#define HEAD(rcode, answers) "\x12\x34\x81" rcode "\x00\x01\x00" answers "\x00\x00\x00\x00"
#define QUESTION(type)                                                                                                                                                             \
    "\x01"                                                                                                                                                                         \
    "a\x04test\x00\x00" type "\x00\x01"

static kgw_dns_record_t records[8];
static unsigned cnt;
static int parse(const char *packet, size_t len) { return kgw_dns_parse((const uint8_t *)packet, len, records, 8, &cnt); }
#define PARSE(literal) parse(literal, sizeof(literal) - 1)

TEST(address)
{
    EXPECT_EQ(0, PARSE(HEAD("\x80", "\x01") QUESTION("\x01") "\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x7f\x00\x00\x05"));
    EXPECT_EQ(1, cnt);
    EXPECT_EQ(KGW_DNS_A, records[0].type);
    EXPECT_EQ(60, records[0].ttl);
    EXPECT(strcmp(records[0].target, "127.0.0.5") == 0);
    EXPECT(strcmp(records[0].name, "a.test") == 0);
}

TEST(service)
{
    EXPECT_EQ(0, PARSE(HEAD("\x80", "\x01") QUESTION("\x21") "\xc0\x0c\x00\x21\x00\x01\x00\x00\x00\x01\x00\x0a\x00\x01\x00\x02\x1f\x90\x01x\xc0\x0e"));
    EXPECT_EQ(1, cnt);
    EXPECT_EQ(1, records[0].priority);
    EXPECT_EQ(2, records[0].weight);
    EXPECT_EQ(8080, records[0].port);
    EXPECT(strcmp(records[0].target, "x.test") == 0);
}

TEST(name_error) { EXPECT_EQ(3, PARSE(HEAD("\x83", "\x00") QUESTION("\x01"))); }

TEST(broken_packets_are_refused)
{
    static const char good[] = HEAD("\x80", "\x01") QUESTION("\x01") "\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x7f\x00\x00\x05";
    for (size_t len = 0; len < sizeof(good) - 1; len++) {
        char *copy = malloc(len + 1); /* its end is known to the sanitizer */
        memcpy(copy, good, len);
        int rc = parse(copy, len);
        EXPECT(rc != 0 || cnt == 0);
        free(copy);
    }
    /* a name that points at itself */
    EXPECT(PARSE(HEAD("\x80", "\x01") QUESTION("\x01") "\xc0\x1a\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x7f\x00\x00\x05") != 0 || cnt == 0);
}
