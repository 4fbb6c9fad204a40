/* http/h1, http/msg: heads, bodies and what must be refused; every message is fed whole and cut at every byte. */
#include "http/h1.h"

#include "base/str.h"
#include "http/token.h"
#include "ktest.h"

static const kgw_h1_limits_t limits = {.max_line = 1024, .max_field = 1024, .max_head = 4096, .max_fields = 100};

typedef struct {
    kgw_h1_t parser;
    kgw_msg_t msg;
    kgw_arena_t arena;
    char body[8192];
    size_t body_len, used;
    enum kgw_h1_event last;
} result_t;

static void collect(result_t *r, kgw_slice_t s)
{
    if (r->body_len + s.len > sizeof(r->body)) return;
    memcpy(r->body + r->body_len, s.ptr, s.len);
    r->body_len += s.len;
    if (s.block) kgw_block_unref(s.block);
}

/* Feeds text in pieces of `step` bytes as a connection would; stops at END or ERROR. */
static void feed(result_t *r, bool is_request, const char *text, size_t len, size_t step)
{
    memset(r, 0, sizeof(*r));
    kgw_arena_init(&r->arena);
    kgw_h1_init(&r->parser, is_request, &r->msg, &r->arena, &limits);
    r->parser.request_method = KGW_M_GET;
    size_t start = 0, end = 0;
    r->last = KGW_H1_MORE;
    while (r->last != KGW_H1_END && r->last != KGW_H1_ERROR) {
        size_t used = 0;
        kgw_slice_t body = {0};
        r->last = kgw_h1_feed(&r->parser, text + start, end - start, &used, &body);
        start += used;
        if (r->last == KGW_H1_BODY) collect(r, body);
        if (r->last != KGW_H1_MORE) continue;
        if (end == len) break;
        end = end + step > len ? len : end + step;
    }
    r->used = start;
}

static void done(result_t *r) { kgw_arena_reset(&r->arena); }

/* A request that is fine: its body, however it is cut. */
static void good(const char *text, const char *body)
{
    for (size_t step = 1; step <= strlen(text); step = step < 8 ? step + 1 : step * 2) {
        result_t r;
        feed(&r, true, text, strlen(text), step);
        if (r.last != KGW_H1_END) KTEST_FAIL("step %zu: event %d (%s) for %s", step, r.last, r.parser.why ? r.parser.why : "", text);
        EXPECT_STR(body, kgw_str(r.body, r.body_len));
        done(&r);
    }
}

static void bad(const char *text, size_t len, unsigned status)
{
    for (size_t step = 1; step <= len; step = step < 8 ? step + 1 : step * 2) {
        result_t r;
        feed(&r, true, text, len, step);
        if (r.last != KGW_H1_ERROR) KTEST_FAIL("step %zu: not refused: %.*s", step, (int)len, text);
        else if (status && r.parser.status != status) KTEST_FAIL("want %u, got %u for %.*s", status, r.parser.status, (int)len, text);
        done(&r);
    }
}
#define BAD(text, status) bad(text, sizeof(text) - 1, status)

TEST(requests)
{
    good("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "");
    good("POST /x?y HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", "hello");
    good("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n", "hello world");
    good("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Trailer: v\r\n\r\n", "x");
    good("GET / HTTP/1.1\nHost: a\n\n", "");
    good("PURGE / HTTP/1.1\r\nHost: a\r\n\r\n", "");
}

TEST(the_parts_of_a_head)
{
    result_t r;
    const char *text = "POST /a?b=c HTTP/1.1\r\nHost: Example.Test\r\nX-Empty:\r\nX-Spaces: \t v w \t\r\nContent-Length: 0\r\n\r\nnext";
    feed(&r, true, text, strlen(text), 1000);
    EXPECT_EQ(KGW_H1_END, r.last);
    EXPECT_STR("POST", r.msg.method);
    EXPECT_STR("/a?b=c", r.msg.target);
    EXPECT_STR("", kgw_hdrs_find(&r.msg.hdrs, KGW_STR("x-empty"))->value);
    EXPECT_STR("v w", kgw_hdrs_find(&r.msg.hdrs, KGW_STR("x-spaces"))->value);
    EXPECT(r.msg.keep_alive);
    EXPECT_EQ(strlen(text) - 4, r.used);
    done(&r);
}

TEST(framing_that_smuggles_is_refused)
{
    BAD("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400);
    BAD("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400);
    BAD("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n", 400);
    BAD("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", 400);
    BAD("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\n", 400);
    BAD("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", 0);
    BAD("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", 0);
    BAD("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n", 0);
    BAD("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n", 400);
    BAD("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n", 400);
    BAD("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n", 400);
    BAD("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", 400);
}

TEST(malformed_heads_are_refused)
{
    BAD("GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", 400);
    BAD("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400);
    BAD("GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 400);
    BAD("GET / HTTP/1.1\r\n\r\n", 400);
    BAD("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400);
    BAD("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505);
    BAD("GET /\r\n\r\n", 0);
    BAD("G\x01T / HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    BAD("GET / HTTP/1.1\r\n: x\r\nHost: a\r\n\r\n", 400);
}

TEST(limits)
{
    char text[6000];
    int n = snprintf(text, sizeof(text), "GET /%01500d HTTP/1.1\r\nHost: a\r\n\r\n", 0);
    bad(text, (size_t)n, 414);
    n = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\nX: %01500d\r\n\r\n", 0);
    bad(text, (size_t)n, 0);
}

static void response(const char *text, bool has_eof, const char *body, enum kgw_h1_event want)
{
    result_t r;
    feed(&r, false, text, strlen(text), 7);
    enum kgw_h1_event got = r.last;
    if (has_eof && got == KGW_H1_MORE) got = kgw_h1_eof(&r.parser);
    EXPECT_EQ(want, got);
    if (want != KGW_H1_ERROR) EXPECT_STR(body, kgw_str(r.body, r.body_len));
    done(&r);
}

TEST(responses)
{
    response("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", false, "ab", KGW_H1_END);
    response("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", false, "", KGW_H1_END);
    response("HTTP/1.1 204 No Content\r\n\r\n", false, "", KGW_H1_END);
    response("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", false, "", KGW_H1_END);
    response("HTTP/1.0 200 OK\r\n\r\nabc", true, "abc", KGW_H1_END);
    response("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", true, "abc", KGW_H1_ERROR);
    response("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n", true, "a", KGW_H1_ERROR);
    response("ICY 200 OK\r\n\r\n", true, "", KGW_H1_ERROR);
    response("HTTP/1.1 99 X\r\n\r\n", true, "", KGW_H1_ERROR);
    response("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", true, "", KGW_H1_ERROR);
}

TEST(several_messages_on_one_connection)
{
    const char *text = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nabGET /b HTTP/1.1\r\nHost: b\r\n\r\n";
    result_t r;
    feed(&r, true, text, strlen(text), 1000);
    EXPECT_EQ(KGW_H1_END, r.last);
    kgw_msg_t second;
    memset(&second, 0, sizeof(second));
    kgw_h1_next(&r.parser, &second, &r.arena);
    size_t used = 0;
    kgw_slice_t body = {0};
    EXPECT_EQ(KGW_H1_HEAD, kgw_h1_feed(&r.parser, text + r.used, strlen(text) - r.used, &used, &body));
    EXPECT_STR("/b", second.target);
    done(&r);
}

TEST(an_incomplete_head_leaves_no_pointers_behind)
{
    kgw_h1_t p;
    kgw_msg_t msg;
    kgw_arena_t arena;
    kgw_slice_t body;
    size_t used;
    static const char text[] = "GET /a HTTP/1.1\r\nHost: a\r\n";
    kgw_arena_init(&arena);
    kgw_h1_init(&p, true, &msg, &arena, &limits);
    EXPECT_EQ(KGW_H1_MORE, kgw_h1_feed(&p, text, sizeof(text) - 1, &used, &body));
    EXPECT(msg.target.ptr == NULL && msg.method.ptr == NULL); /* the caller may move the bytes before it goes on */
    kgw_arena_reset(&arena);
}
