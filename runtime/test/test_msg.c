/* Framing: which requests and responses are refused, and how long the body of the others is (facts of RFC 9112 section 6). */
#include "ktest.h"

#include "base/str.h"
#include "http/h1.h"

static const kgw_h1_limits_t limits = {8192, 8192, 65536, KGW_H1_MAX_FIELDS};
static kgw_msg_t msg;
static kgw_arena_t arena;

/* Status of the refusal, 0 when the head is good. */
static int request(const char *fields)
{
    static char text[4096];
    kgw_h1_t p;
    kgw_slice_t body;
    size_t used;
    kgw_arena_reset(&arena);
    snprintf(text, sizeof(text), "POST / HTTP/1.1\r\nHost: h\r\n%s\r\n", fields);
    kgw_h1_init(&p, true, &msg, &arena, &limits);
    return kgw_h1_feed(&p, text, strlen(text), &used, &body) == KGW_H1_HEAD ? 0 : p.status;
}

static bool response(const char *head, unsigned method)
{
    static char text[4096];
    kgw_h1_t p;
    kgw_slice_t body;
    size_t used;
    kgw_arena_reset(&arena);
    snprintf(text, sizeof(text), "%s\r\n", head);
    kgw_h1_init(&p, false, &msg, &arena, &limits);
    p.request_method = method;
    return kgw_h1_feed(&p, text, strlen(text), &used, &body) == KGW_H1_HEAD;
}

TEST(one_length_only)
{
    EXPECT_EQ(0, request("Content-Length: 5\r\n"));
    EXPECT_EQ(KGW_FRAME_LENGTH, msg.framing);
    EXPECT_EQ(5, msg.length);
    EXPECT_EQ(400, request("Content-Length: 5\r\nContent-Length: 5\r\n"));
    EXPECT_EQ(400, request("Content-Length: 5, 5\r\n"));
    static const char *const bad[] = {"+2", "-1", "0x2", "", "1 2", "18446744073709551616", "2,"};
    for (size_t i = 0; i < KGW_ARRAY_LEN(bad); i++) {
        char field[64];
        snprintf(field, sizeof(field), "Content-Length: %s\r\n", bad[i]);
        EXPECT_EQ(400, request(field));
    }
}

TEST(one_coding_only)
{
    EXPECT_EQ(0, request("Transfer-Encoding: Chunked\r\n"));
    EXPECT_EQ(KGW_FRAME_CHUNKED, msg.framing);
    EXPECT_EQ(400, request("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"));
    EXPECT_EQ(501, request("Transfer-Encoding: gzip\r\n"));
    EXPECT(request("Transfer-Encoding: chunked, chunked\r\n") != 0);
    EXPECT(request("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n") != 0);
    EXPECT(request("Transfer-Encoding: ,chunked\r\n") != 0);
    EXPECT(request("Transfer-Encoding: \x0bchunked\r\n") != 0);
}

TEST(one_host_only)
{
    EXPECT_EQ(400, request("Host: other\r\n"));
    EXPECT_EQ(417, request("Expect: something\r\n"));
    EXPECT_EQ(0, request("Expect: 100-continue\r\nContent-Length: 1\r\n"));
    EXPECT(msg.want_continue);
    EXPECT_EQ(0, request("Expect: 100-continue\r\n"));
    EXPECT(!msg.want_continue);
}

TEST(connection_options)
{
    EXPECT_EQ(0, request("Connection: close\r\n"));
    EXPECT(!msg.keep_alive);
    EXPECT_EQ(0, request("Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"));
    EXPECT(msg.keep_alive && msg.is_upgrade && msg.is_websocket);
    EXPECT_EQ(0, request("Upgrade: websocket\r\n"));
    EXPECT(!msg.is_upgrade);
}

TEST(bodies_of_responses)
{
    EXPECT(response("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n", KGW_M_GET));
    EXPECT_EQ(KGW_FRAME_LENGTH, msg.framing);
    EXPECT(response("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n", KGW_M_HEAD));
    EXPECT_EQ(KGW_FRAME_NONE, msg.framing);
    EXPECT(response("HTTP/1.1 204 No Content\r\n", KGW_M_GET));
    EXPECT_EQ(KGW_FRAME_NONE, msg.framing);
    EXPECT(response("HTTP/1.1 200 OK\r\n", KGW_M_GET));
    EXPECT_EQ(KGW_FRAME_UNTIL_CLOSE, msg.framing);
    EXPECT(!response("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n", KGW_M_GET));
    EXPECT(!response("HTTP/1.1 101 Switching Protocols\r\n", KGW_M_GET));
}

TEST(fields_named_in_connection_stay_behind_unless_protected)
{
    EXPECT_EQ(0, request("Connection: x-drop, cookie\r\nX-Drop: 1\r\nCookie: a=b\r\nX-Stay: 1\r\n"));
    kgw_str_t conn = kgw_hdrs_joined(&msg.hdrs, KGW_STR("Connection"));
    EXPECT(!kgw_msg_is_forwardable(kgw_hdrs_find(&msg.hdrs, KGW_STR("X-Drop")), conn));
    EXPECT(!kgw_msg_is_forwardable(kgw_hdrs_find(&msg.hdrs, KGW_STR("Connection")), conn));
    EXPECT(kgw_msg_is_forwardable(kgw_hdrs_find(&msg.hdrs, KGW_STR("Cookie")), conn));
    EXPECT(kgw_msg_is_forwardable(kgw_hdrs_find(&msg.hdrs, KGW_STR("X-Stay")), conn));
}

TEST(trailers_that_frame_route_or_authenticate_stay_behind)
{
    static const char *const kept[] = {"X-Sum", "Server-Timing", "grpc-status"};
    static const char *const dropped[] = {"Content-Length",
                                          "Host",
                                          "transfer-encoding",
                                          "Authorization",
                                          "Cookie",
                                          "Set-Cookie",
                                          "X-Forwarded-For",
                                          "x-forwarded-foo",
                                          "X-Consumer-Groups",
                                          "Proxy-Status",
                                          "Content-MD5",
                                          "Age",
                                          "Date",
                                          "If-Range",
                                          "X-Accel-Expires",
                                          "X-Named",
                                          "Connection",
                                          "TE"};
    kgw_arena_t a;
    kgw_hdrs_t t;
    kgw_arena_init(&a);
    kgw_hdrs_init(&t, &a);
    EXPECT(kgw_msg_trailers(&t, KGW_STR_NULL, &a) == NULL);
    for (size_t i = 0; i < KGW_ARRAY_LEN(dropped); i++) kgw_hdrs_add(&t, kgw_str_c(dropped[i]), KGW_STR("1"));
    EXPECT(kgw_msg_trailers(&t, KGW_STR("close, x-named"), &a) == NULL);
    for (size_t i = 0; i < KGW_ARRAY_LEN(kept); i++) kgw_hdrs_add(&t, kgw_str_c(kept[i]), KGW_STR("1"));
    kgw_hdrs_t *out = kgw_msg_trailers(&t, KGW_STR("close, x-named"), &a);
    EXPECT(out && out->cnt == KGW_ARRAY_LEN(kept));
    for (size_t i = 0; out && i < KGW_ARRAY_LEN(kept); i++) EXPECT(kgw_hdrs_find(out, kgw_str_c(kept[i])) != NULL);
    kgw_arena_reset(&a);
}
