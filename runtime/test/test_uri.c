/* http/uri: targets, normal form, escapes. */
#include "http/uri.h"

#include "base/str.h"
#include "ktest.h"

static kgw_arena_t arena;

static void normal(const char *path, const char *want)
{
    kgw_str_t out;
    if (kgw_uri_normalize(&arena, kgw_str_c(path), &out) != KGW_OK) KTEST_FAIL("%s was refused", path);
    else EXPECT_STR(want, out);
}

TEST(normal_form)
{
    normal("/a/b", "/a/b");
    normal("/a/./b", "/a/b");
    normal("/a/../b", "/b");
    normal("/a//b", "/a/b");
    normal("/%61", "/a");
    normal("/a%2fb", "/a%2Fb");
    normal("/%7euser", "/~user");
    kgw_arena_reset(&arena);
}

TEST(a_path_that_is_normal_is_not_copied)
{
    kgw_str_t path = KGW_STR("/already/normal"), out;
    EXPECT_EQ(KGW_OK, kgw_uri_normalize(&arena, path, &out));
    EXPECT(out.ptr == path.ptr);
}

TEST(targets)
{
    kgw_uri_t u;
    const char *why = NULL;
    EXPECT_EQ(0, kgw_uri_split(&u, KGW_STR("/a?b=c?d"), &why));
    EXPECT_STR("/a", u.path);
    EXPECT_STR("b=c?d", u.query);
    EXPECT_EQ(0, kgw_uri_split(&u, KGW_STR("http://h:1/x"), &why));
    EXPECT_STR("h:1", u.authority);
    EXPECT_STR("/x", u.path);
    EXPECT(kgw_uri_split(&u, KGW_STR("a"), &why) != 0);
    EXPECT(kgw_uri_split(&u, KGW_STR(""), &why) != 0);
}

TEST(hosts)
{
    kgw_str_t name;
    int port = 0;
    EXPECT_EQ(KGW_OK, kgw_host_split(KGW_STR("a.test:81"), &name, &port));
    EXPECT_STR("a.test", name);
    EXPECT_EQ(81, port);
    EXPECT_EQ(KGW_OK, kgw_host_split(KGW_STR("[::1]"), &name, &port));
    EXPECT_STR("[::1]", name);
    EXPECT_EQ(-1, port);
    EXPECT_EQ(KGW_ERROR, kgw_host_split(KGW_STR("a b"), &name, &port));
    EXPECT_EQ(KGW_ERROR, kgw_host_split(KGW_STR("a/b"), &name, &port));
}

TEST(escapes_come_back)
{
    char all[256], escaped[768], back[768];
    for (int i = 0; i < 256; i++) all[i] = (char)i;
    size_t n = kgw_uri_escape(escaped, all, sizeof(all), 2);
    EXPECT_EQ(sizeof(all), kgw_uri_unescape(back, escaped, n, false));
    EXPECT(memcmp(back, all, sizeof(all)) == 0);
    n = kgw_uri_unescape(back, "a+b%zz%4", 8, true);
    EXPECT_STR("a b%zz%4", kgw_str(back, n));
}
