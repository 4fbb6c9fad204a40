/* A route's constants on a request: the upstream's path by Kong's rules (version 0), Host, prefix. */
#include "ffi/api_route.c"

#include "ktest.h"

kgw_cur_t kgw_cur;

static kgw_req_t *request(const char *path)
{
    kgw_req_t *r = kgw_req_new(NULL);
    r->path = kgw_str_c(path);
    kgw_hdrs_init(&r->in.hdrs, &r->arena);
    kgw_cur.req = r;
    return r;
}

static kgw_ffi_route_t route(const char *base, bool strip)
{
    kgw_ffi_route_t out = {.base = base, .base_len = strlen(base), .strip = strip, .connect_ms = 1, .send_ms = 2, .read_ms = 3, .retries = 4};
    return out;
}

static void check(const char *base, const char *prefix, bool strip, const char *path, const char *want)
{
    kgw_req_t *r = request(path);
    kgw_ffi_route_t t = route(base, strip);
    kgw_ffi_route_apply(&t, prefix, prefix ? strlen(prefix) : 0);
    EXPECT_STR(want, r->vars[KGW_VAR_UPSTREAM_URI]);
    kgw_req_unref(r);
}

TEST(strips_the_prefix)
{
    check("/", "/r", true, "/r", "/");
    check("/", "/r", true, "/req", "/eq");
    check("/", "/r", true, "/r/req/", "/req/");
    check("/s", "/", true, "/", "/s");
    check("/s", "/r", true, "/r", "/s");
    check("/s", "/r", true, "/r/", "/s/");
    check("/s", "/r", true, "/req", "/s/eq");
    check("/s/", "/r", true, "/r", "/s");
    check("/s/", "/r", true, "/r/", "/s/");
    check("/s/", "/r/", true, "/r/req", "/s/req");
    check("/s", NULL, true, "/x", "/s/x");
}

TEST(keeps_the_path)
{
    check("/", "/r", false, "/r/req", "/r/req");
    check("/s", "/", false, "/", "/s");
    check("/s", "/r", false, "/r/req", "/s/r/req");
    check("/s/", "/r", false, "/r/req", "/s/r/req");
}

TEST(what_is_left_does_not_climb_out)
{
    check("/s", "/r", true, "/r../x", "/s/x");
    check("/s", "/r", true, "/r./x", "/s/x");
    check("/s", "/r", true, "/r..", "/s");
    check("/s", "/r", true, "/r.x", "/s/.x");
}

TEST(bytes_that_a_path_may_not_hold_are_escaped) { check("/", "/r", true, "/r/a b\xc3\xa9", "/a%20b%C3%A9"); }

TEST(prefix_and_host_follow_the_route)
{
    kgw_req_t *r = request("/r/x");
    kgw_ffi_route_t t = route("/", true);
    t.host = "a.test:81";
    t.host_len = 9;
    EXPECT_EQ(KGW_OK, kgw_ffi_route_addr(&t, "10.0.0.1", 8, 81));
    kgw_ffi_route_apply(&t, "/r", 2);
    EXPECT_STR("/r", r->vars[KGW_VAR_UPSTREAM_XF_PREFIX]);
    EXPECT_STR("a.test:81", r->vars[KGW_VAR_UPSTREAM_HOST]);
    EXPECT(r->target.is_set);
    EXPECT_EQ(81, kgw_addr_port(&r->target.addr));
    EXPECT_EQ(4, r->retries_left);
    kgw_req_unref(r);

    r = request("/x");
    kgw_ffi_route_apply(&t, "/", 1);
    EXPECT(!r->vars[KGW_VAR_UPSTREAM_XF_PREFIX].ptr);
    kgw_req_unref(r);
}

TEST(names_are_no_addresses)
{
    kgw_ffi_route_t t = route("/", true);
    EXPECT_EQ(KGW_ERROR, kgw_ffi_route_addr(&t, "a.test", 6, 80));
    EXPECT_EQ(KGW_ERROR, kgw_ffi_route_addr(&t, "10.0.0.1", 8, 70000));
}
