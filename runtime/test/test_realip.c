/* The client's address by trusted_ips and real_ip_header. */
#include "ktest.h"

#include "base/str.h"
#include "proxy/conn_h1.h"

static kgw_conn_t conn;
static kgw_req_t req;
static kgw_cidr_t trusted[2];

enum { X_REAL_IP = 1, XFF = 2, PROXY_PROTOCOL = 3 };

static const char *address(const char *peer, int kind, const char *name, const char *value)
{
    static char text[KGW_ADDR_STRLEN];
    memset(&conn, 0, sizeof(conn));
    memset(&req, 0, sizeof(req));
    kgw_arena_init(&req.arena);
    kgw_hdrs_init(&req.in.hdrs, &req.arena);
    req.conn = &conn;
    KGW_ASSERT(kgw_cidr_parse(&trusted[0], KGW_STR("10.0.0.0/8")) == KGW_OK && kgw_cidr_parse(&trusted[1], KGW_STR("::1")) == KGW_OK);
    KGW_ASSERT(kgw_addr_parse_ip(&conn.io.peer_addr, kgw_str_c(peer), 4711) == KGW_OK);
    kgw_proxy_conf.trusted = trusted;
    kgw_proxy_conf.trusted_cnt = 2;
    kgw_proxy_conf.real_ip_kind = (uint8_t)kind;
    if (name) kgw_hdrs_add(&req.in.hdrs, kgw_str_c(name), kgw_str_c(value));
    kgw_realip(&req);
    text[kgw_addr_ip(&req.client_addr, text)] = 0;
    kgw_arena_reset(&req.arena);
    return text;
}
#define EXPECT_TEXT(want, got) EXPECT_STR(want, kgw_str_c(got))

TEST(strangers_are_not_believed)
{
    kgw_proxy_conf.real_ip_recursive = false;
    EXPECT_TEXT("192.0.2.1", address("192.0.2.1", X_REAL_IP, "X-Real-IP", "1.2.3.4"));
    EXPECT(!req.is_trusted);
    EXPECT_TEXT("1.2.3.4", address("10.1.2.3", X_REAL_IP, "X-Real-IP", "1.2.3.4"));
    EXPECT(req.is_trusted);
    EXPECT_TEXT("1.2.3.4", address("::1", X_REAL_IP, "X-Real-IP", "1.2.3.4"));
}

TEST(broken_values_change_nothing)
{
    static const char *const bad[] = {"", "nonsense", "1.2.3", "1.2.3.4.5", "1.2.3.4:99999", ",", "[::1"};
    for (size_t i = 0; i < KGW_ARRAY_LEN(bad); i++) EXPECT_TEXT("10.1.2.3", address("10.1.2.3", X_REAL_IP, "X-Real-IP", bad[i]));
    EXPECT_TEXT("10.1.2.3", address("10.1.2.3", X_REAL_IP, NULL, NULL));
}

TEST(lists)
{
    kgw_proxy_conf.real_ip_recursive = false;
    EXPECT_TEXT("10.9.9.9", address("10.1.2.3", XFF, "X-Forwarded-For", "6.6.6.6, 10.9.9.9"));
    kgw_proxy_conf.real_ip_recursive = true;
    EXPECT_TEXT("6.6.6.6", address("10.1.2.3", XFF, "X-Forwarded-For", "5.5.5.5, 6.6.6.6, 10.9.9.9"));
    EXPECT_TEXT("10.8.8.8", address("10.1.2.3", XFF, "X-Forwarded-For", "10.8.8.8,10.9.9.9"));
    EXPECT_TEXT("2001:db8::1", address("10.1.2.3", XFF, "X-Forwarded-For", "[2001:db8::1]:80, 10.9.9.9"));
    kgw_proxy_conf.real_ip_recursive = false;
}

TEST(ports_are_kept_apart)
{
    EXPECT_TEXT("1.2.3.4", address("10.1.2.3", X_REAL_IP, "X-Real-IP", "1.2.3.4:5678"));
    EXPECT_EQ(5678, kgw_addr_port(&req.client_addr));
}

TEST(proxy_protocol_without_a_header_keeps_the_peer) { EXPECT_TEXT("10.1.2.3", address("10.1.2.3", PROXY_PROTOCOL, NULL, NULL)); }
