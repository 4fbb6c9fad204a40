/* The request machine and the HTTP/1 drivers over real sockets: retries, aborts, timeouts, leftovers, no allocation per request. */
#include "proxy_rig.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"
#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static void keep_alive_script(void)
{
    int c = client_connect();
    wire_send(c, GET("/a"));
    int u = upstream_accept();
    const char *got = wire_read(u, "\r\n\r\n");
    EXPECT_HAS(got, "GET /a HTTP/1.1\r\nHost: h\r\n");
    EXPECT_HAS(got, "X-Forwarded-For: 127.0.0.1\r\n");
    wire_send(u, ANSWER);
    EXPECT_HAS(wire_read(c, "ok"), "HTTP/1.1 200 OK\r\n");
    wire_send(c, GET("/b"));
    EXPECT_HAS(wire_read(u, "\r\n\r\n"), "GET /b ");
    wire_send(u, ANSWER);
    EXPECT_HAS(wire_read(c, "ok"), "Connection: keep-alive\r\n");
    close(c);
    close(u);
}
TEST(keep_alive_on_both_sides) { rig_run(keep_alive_script); }

#define TRAILED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: x-named\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 7\r\nHost: evil\r\nX-Named: 1\r\n\r\n"

static void trailers_script(void)
{
    int c = client_connect();
    wire_send(c, "GET /a HTTP/1.1\r\nHost: h\r\nTE: trailers\r\n\r\n");
    int u = upstream_accept();
    EXPECT_HAS(wire_read(u, "\r\n\r\n"), "TE: trailers\r\n");
    wire_send(u, TRAILED);
    EXPECT_HAS(wire_read(c, kgw_proxy_conf.pass_trailers ? "7\r\n\r\n" : "0\r\n\r\n"), kgw_proxy_conf.pass_trailers ? "\r\n0\r\nX-Sum: 7\r\n\r\n" : "ok\r\n0\r\n\r\n");
    wire_send(c, GET("/b"));
    wire_read(u, "\r\n\r\n");
    wire_send(u, TRAILED);
    EXPECT_HAS(wire_read(c, "0\r\n\r\n"), "2\r\nok\r\n0\r\n\r\n");
    wire_send(c, "GET /c HTTP/1.0\r\nHost: h\r\nTE: trailers\r\n\r\n");
    wire_read(u, "\r\n\r\n");
    wire_send(u, TRAILED);
    EXPECT(!strstr(wire_read(c, NULL), "X-Sum: 7"));
    close(c);
    close(u);
}
TEST(trailers_of_answers_end_here) { rig_run(trailers_script); }
TEST(trailers_of_answers_go_to_clients_that_ask)
{
    kgw_proxy_conf.pass_trailers = true;
    rig_run(trailers_script);
    kgw_proxy_conf.pass_trailers = false;
}

static void request_trailers_script(void)
{
    static const char *const heads[] = {"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTE: trailers\r\n\r\n",
                                        "POST /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"};
    int c = client_connect(), u = -1;
    for (int i = 0; i < 2; i++) {
        wire_send(c, heads[i]);
        wire_send(c, "1\r\nx\r\n");
        if (u < 0) u = upstream_accept();
        wire_read(u, "1\r\nx\r\n");
        wire_send(c, "0\r\nX-Sum: 7\r\nAuthorization: x\r\n\r\n");
        EXPECT_STR(i == 0 ? "0\r\nX-Sum: 7\r\n\r\n" : "0\r\n\r\n", kgw_str_c(wire_read(u, "\r\n\r\n")));
        wire_send(u, ANSWER);
        wire_read(c, "ok");
    }
    close(c);
    close(u);
}
TEST(trailers_of_streamed_requests_go_on_too)
{
    rig.live_body = kgw_proxy_conf.pass_trailers = true;
    rig_run(request_trailers_script);
    kgw_proxy_conf.pass_trailers = false;
}

/* One byte at a time: much slower than the least, or fast enough. */
static void slow_body_script(void)
{
    bool is_refused = kgw_proxy_conf.body_min_rate > 1000;
    int c = client_connect(), u = -1;
    wire_send(c, "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 30\r\n\r\n");
    for (int i = 0; i < 30; i++) {
        wire_send(c, "x");
        usleep(5000);
    }
    if (!is_refused) {
        u = upstream_accept();
        wire_read(u, "\r\n\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
        wire_send(u, ANSWER);
    }
    EXPECT_HAS(wire_read(c, is_refused ? NULL : "ok"), is_refused ? "HTTP/1.1 408 " : "HTTP/1.1 200 ");
    close(c);
    if (u >= 0) close(u);
}

static void run_slow_body(uint32_t rate)
{
    kgw_proxy_conf.body_min_rate = rate;
    kgw_proxy_conf.body_grace_ms = 30;
    rig_run(slow_body_script);
    kgw_proxy_conf.body_min_rate = 0;
}
TEST(body_slower_than_the_least_rate_is_refused) { run_slow_body(1000000); }
TEST(slow_body_above_the_least_rate_is_taken) { run_slow_body(1); }

static void stale_script(void)
{
    int c = client_connect();
    wire_send(c, GET("/a"));
    int u = upstream_accept();
    wire_read(u, "\r\n\r\n");
    wire_send(u, ANSWER);
    wire_read(c, "ok");
    wire_send(c, GET("/b"));
    wire_read(u, "\r\n\r\n");
    close(u); /* after the request arrived: not noticed while idle */
    u = upstream_accept();
    EXPECT_HAS(wire_read(u, "\r\n\r\n"), "GET /b ");
    wire_send(u, ANSWER);
    EXPECT_HAS(wire_read(c, "ok"), "HTTP/1.1 200 OK\r\n");
    wait_logged(2);
    EXPECT_EQ(2, rig.tries); /* both are reported; no retry was left to use */
    close(c);
    close(u);
}
TEST(stale_pooled_connection_is_replaced_without_a_retry) { rig_run(stale_script); }

static void post_stale_script(void)
{
    int c = client_connect();
    wire_send(c, GET("/a"));
    int u = upstream_accept();
    wire_read(u, "\r\n\r\n");
    wire_send(u, ANSWER);
    wire_read(c, "ok");
    wire_send(c, "POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx");
    wire_read(u, "\r\n\r\nx");
    close(u);
    EXPECT_HAS(wire_read(c, "\n"), "HTTP/1.1 502 ");
    close(c);
}
TEST(post_that_was_sent_is_never_repeated) { rig_run(post_stale_script); }

static void refused_script(void)
{
    int c = client_connect();
    wire_send(c, GET("/a"));
    int u = upstream_accept();
    wire_read(u, "\r\n\r\n");
    wire_send(u, ANSWER);
    EXPECT_HAS(wire_read(c, "ok"), "HTTP/1.1 200 OK\r\n");
    wait_logged(1);
    EXPECT_EQ(3, rig.tries);
    close(c);
    close(u);
}
TEST(refused_connections_are_retried)
{
    rig.retries = 5;
    rig.dead_first = 2;
    rig_run(refused_script);
}

static void exhausted_script(void)
{
    int c = client_connect();
    wire_send(c, GET("/a"));
    EXPECT_HAS(wire_read(c, "\n"), "HTTP/1.1 502 ");
    wait_logged(1);
    EXPECT_EQ(3, rig.tries);
    EXPECT_EQ(502, rig.last_status);
    close(c);
}
TEST(retries_are_bounded)
{
    rig.retries = 2;
    rig.dead_first = 100;
    rig_run(exhausted_script);
}

static void read_timeout_script(void)
{
    int c = client_connect();
    wire_send(c, GET("/a"));
    int u = upstream_accept();
    wire_read(u, "\r\n\r\n");
    EXPECT_HAS(wire_read(c, "\n"), "HTTP/1.1 504 ");
    EXPECT(wire_is_closed(u));
    close(c);
    close(u);
}
TEST(silent_upstream_times_out)
{
    rig.read_ms = 30;
    rig_run(read_timeout_script);
}

static void abort_script(void)
{
    int c = client_connect();
    wire_send(c, GET("/a"));
    int u = upstream_accept();
    wire_read(u, "\r\n\r\n");
    struct linger l = {1, 0};
    setsockopt(c, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
    close(c);
    EXPECT(wire_is_closed(u));
    wait_logged(1);
    EXPECT_EQ(499, rig.last_status);
    EXPECT_EQ(1, rig.aborted);
    close(u);
}
TEST(client_reset_cancels_the_upstream) { rig_run(abort_script); }

static void half_close_script(void)
{
    int c = client_connect();
    wire_send(c, GET("/a"));
    shutdown(c, SHUT_WR);
    int u = upstream_accept();
    wire_read(u, "\r\n\r\n");
    wire_send(u, ANSWER);
    EXPECT_HAS(wire_read(c, NULL), "\r\n\r\nok");
    close(c);
    close(u);
}
TEST(half_closed_client_gets_its_answer) { rig_run(half_close_script); }

static void leftover_script(void)
{
    int c = client_connect();
    wire_send(c, GET("/a"));
    int u = upstream_accept();
    wire_read(u, "\r\n\r\n");
    wire_send(u, "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
    EXPECT_HAS(wire_read(c, "\r\n\r\n"), "HTTP/1.1 204 ");
    EXPECT(wire_is_closed(u));
    wire_send(c, GET("/b"));
    close(u);
    u = upstream_accept();
    wire_read(u, "\r\n\r\n");
    wire_send(u, ANSWER);
    EXPECT_HAS(wire_read(c, "ok"), "HTTP/1.1 200 OK\r\n");
    close(c);
    close(u);
}
TEST(bytes_behind_a_response_never_reach_the_next_client) { rig_run(leftover_script); }

static void cut_script(void)
{
    int c = client_connect();
    wire_send(c, GET("/a"));
    int u = upstream_accept();
    wire_read(u, "\r\n\r\n");
    wire_send(u, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    close(u);
    const char *got = wire_read(c, NULL);
    EXPECT_HAS(got, "hello");
    EXPECT(strstr(got, "0\r\n\r\n") == NULL);
    close(c);
}
TEST(cut_response_is_cut_towards_the_client) { rig_run(cut_script); }

static void held_cut_script(void)
{
    int c = client_connect();
    wire_send(c, GET("/a"));
    int u = upstream_accept();
    wire_read(u, "\r\n\r\n");
    wire_send(u, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
    close(u);
    EXPECT_HAS(wire_read(c, "\n"), "HTTP/1.1 502 ");
    close(c);
}
TEST(held_response_that_is_cut_becomes_a_502)
{
    rig.hold = true;
    rig_run(held_cut_script);
}

static void bad_chunk_script(void)
{
    int c = client_connect();
    wire_send(c, "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    int u = upstream_accept();
    wire_read(u, "abc\r\n");
    wire_send(c, "zz\r\n");
    EXPECT_HAS(wire_read(c, NULL), "HTTP/1.1 400 ");
    EXPECT(wire_is_closed(u));
    close(c);
    close(u);
}
TEST(bad_chunk_aborts_the_upstream_request)
{
    rig.live_body = true;
    rig_run(bad_chunk_script);
}

static void early_answer_script(void)
{
    int c = client_connect();
    wire_send(c, "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\nabc");
    int u = upstream_accept();
    wire_read(u, "abc");
    wire_send(u, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nok");
    EXPECT_HAS(wire_read(c, "ok"), "HTTP/1.1 413 ");
    close(c);
    close(u);
}
TEST(answer_before_the_body_is_complete)
{
    rig.live_body = true;
    rig_run(early_answer_script);
}

static void tunnel_script(void)
{
    int c = client_connect();
    wire_send(c, "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    int u = upstream_accept();
    EXPECT_HAS(wire_read(u, "\r\n\r\n"), "Upgrade: websocket\r\n");
    wire_send(u, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfirst");
    EXPECT_HAS(wire_read(c, "first"), "HTTP/1.1 101 ");
    wire_send(c, "up");
    EXPECT(strcmp(wire_read(u, "up"), "up") == 0);
    wire_send(u, "down");
    EXPECT(strcmp(wire_read(c, "down"), "down") == 0);
    shutdown(c, SHUT_WR);
    EXPECT(wire_is_closed(u));
    wire_send(u, "last");
    EXPECT(strcmp(wire_read(c, "last"), "last") == 0);
    close(u);
    EXPECT(wire_is_closed(c));
    close(c);
}
TEST(tunnel_after_an_upgrade) { rig_run(tunnel_script); }

static void refused_upgrade_script(void)
{
    int c = client_connect();
    wire_send(c, "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    int u = upstream_accept();
    wire_read(u, "\r\n\r\n");
    wire_send(u, ANSWER);
    EXPECT_HAS(wire_read(c, "ok"), "HTTP/1.1 200 OK\r\n");
    wire_send(c, GET("/next"));
    EXPECT_HAS(wire_read(u, "\r\n\r\n"), "GET /next ");
    wire_send(u, ANSWER);
    EXPECT_HAS(wire_read(c, "ok"), "HTTP/1.1 200 OK\r\n");
    close(c);
    close(u);
}
TEST(upgrade_that_the_upstream_declines_is_a_plain_request) { rig_run(refused_upgrade_script); }

static void unasked_switch_script(void)
{
    int c = client_connect();
    wire_send(c, GET("/a"));
    int u = upstream_accept();
    wire_read(u, "\r\n\r\n");
    wire_send(u, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nevil");
    EXPECT_HAS(wire_read(c, "\n"), "HTTP/1.1 502 ");
    close(c);
    close(u);
}
TEST(switch_that_nobody_asked_for) { rig_run(unasked_switch_script); }

static void proxy_header_script(void)
{
    int c = client_connect();
    wire_send(c, "PROXY TCP4 10.9.8.7 10.0.0.1 1234 80\r\n");
    wire_send(c, GET("/a"));
    int u = upstream_accept();
    EXPECT_HAS(wire_read(u, "\r\n\r\n"), "X-Forwarded-For: 127.0.0.1\r\n"); /* not trusted as an address */
    wire_send(u, ANSWER);
    EXPECT_HAS(wire_read(c, "ok"), "HTTP/1.1 200 OK\r\n");
    close(c);
    c = client_connect();
    wire_send(c, GET("/without"));
    EXPECT(wire_is_closed(c));
    close(c);
    close(u);
}
TEST(proxy_header_in_front_of_a_request)
{
    rig_init();
    rig.listener.is_proxy_protocol = true;
    rig_run(proxy_header_script);
    rig.listener.is_proxy_protocol = false;
}

static void pipelined_script(void)
{
    int c = client_connect();
    wire_send(c, GET("/1") GET("/2") "POST /3 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc" GET("/4"));
    int u = upstream_accept();
    for (int i = 1; i <= 4; i++) {
        char want[16];
        snprintf(want, sizeof(want), " /%d HTTP", i);
        EXPECT_HAS(wire_read(u, i == 3 ? "abc" : "\r\n\r\n"), want);
        wire_send(u, ANSWER);
        EXPECT_HAS(wire_read(c, "ok"), "200 OK");
    }
    close(c);
    close(u);
}
TEST(pipelined_requests_are_answered_in_order) { rig_run(pipelined_script); }

static void interim_script(void)
{
    int c = client_connect();
    wire_send(c, "POST /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    EXPECT_HAS(wire_read(c, "\r\n\r\n"), "HTTP/1.1 100 Continue\r\n");
    wire_send(c, "abc");
    int u = upstream_accept();
    EXPECT(strstr(wire_read(u, "abc"), "Expect") == NULL);
    wire_send(u, "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" ANSWER);
    EXPECT_HAS(wire_read(c, "ok"), "HTTP/1.1 200 OK\r\n");
    close(c);
    close(u);
}
TEST(interim_responses) { rig_run(interim_script); }

#define MANY 10000
static void *serve_many(void *arg)
{
    (void)arg;
    int u = upstream_accept();
    for (int i = 0; i < MANY; i++) {
        if (!strstr(wire_read(u, "\r\n\r\n"), "GET ")) break;
        wire_send(u, ANSWER);
    }
    return (void *)(intptr_t)u;
}

static uint64_t many_allocations;
static void many_script(void)
{
    pthread_t server;
    void *u;
    if (pthread_create(&server, NULL, serve_many, NULL) != 0) abort();
    int c = client_connect(), good = 0;
    for (int i = 0; i < MANY; i++) {
        if (i == 100) many_allocations = kgw_malloc_cnt;
        wire_send(c, "GET /some/path?and=args HTTP/1.1\r\nHost: example.com\r\nUser-Agent: test\r\nAccept: */*\r\nX-Other: value\r\n\r\n");
        good += strstr(wire_read(c, "ok"), "200 OK") != NULL;
    }
    many_allocations = kgw_malloc_cnt - many_allocations;
    pthread_join(server, &u);
    EXPECT_EQ(MANY, good);
    close(c);
    close((int)(intptr_t)u);
}
TEST(ten_thousand_requests_without_an_allocation)
{
    rig_run(many_script);
#ifdef __SANITIZE_ADDRESS__
    EXPECT(many_allocations > 0); /* free lists are off, so that the sanitizer sees every object */
#else
    EXPECT_EQ(0, many_allocations);
#endif
}

TEST(retry_rules)
{
    kgw_req_t r;
    memset(&r, 0, sizeof(r));
    r.retries_left = 1;
    r.in.method_id = KGW_M_GET;
    EXPECT(kgw_upstream_should_retry(&r, KGW_OUT_CONNECT_FAILED, false, false, false));
    EXPECT(kgw_upstream_should_retry(&r, KGW_OUT_READ_TIMEOUT, false, true, false));
    r.in.method_id = KGW_M_POST;
    EXPECT(kgw_upstream_should_retry(&r, KGW_OUT_CONNECT_TIMEOUT, false, false, false));
    EXPECT(!kgw_upstream_should_retry(&r, KGW_OUT_READ_FAILED, false, true, false));
    EXPECT(!kgw_upstream_should_retry(&r, KGW_OUT_BAD_RESPONSE, false, true, true));
    r.in.method_id = KGW_M_GET;
    r.body.kind = KGW_BODY_LIVE;
    r.body.sent = 1;
    EXPECT(!kgw_upstream_should_retry(&r, KGW_OUT_READ_FAILED, false, true, false));
    r.body.sent = 0;
    r.head_is_out = true;
    EXPECT(!kgw_upstream_should_retry(&r, KGW_OUT_READ_FAILED, false, true, false));
    r.head_is_out = false;
    r.retries_left = 0;
    EXPECT(!kgw_upstream_should_retry(&r, KGW_OUT_CONNECT_FAILED, false, false, false));
}
