/* http/json_split: members and elements as spans, malformed texts. */
#include "http/json_split.h"

#include "base/str.h"
#include "ktest.h"

/* "name=value|name=value" of all parts, or "!" when malformed. */
static const char *parts(const char *text, size_t len)
{
    static char out[4096];
    kgw_json_iter_t it;
    kgw_json_part_t p;
    size_t n = 0;
    out[0] = 0;
    int rc = kgw_json_iter_init(&it, text, len);
    while (rc == KGW_OK && (rc = kgw_json_iter_next(&it, &p)) == KGW_OK)
        n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%.*s%s%.*s", n ? "|" : "", (int)p.name.len, p.name.ptr ? p.name.ptr : "", p.name.ptr ? "=" : "", (int)p.value.len,
                              p.value.ptr);
    return rc == KGW_DONE ? out : "!";
}
#define PARTS(want, text) EXPECT_STR(want, kgw_str_c(parts(text, strlen(text))))

TEST(members_and_elements)
{
    PARTS("a=1|b={\"c\":[1,2]}|d=\"x,}\"", " {\"a\" : 1 ,\"b\":{\"c\":[1,2]},\n\"d\":\"x,}\"} ");
    PARTS("1|[2,[3]]|\"\\\"]\"|null|-1.5E+3", "[1,[2,[3]],\"\\\"]\",null,-1.5E+3]");
    PARTS("", "{}");
    PARTS("", "[ ]");
    PARTS("a\\\"b=true", "{\"a\\\"b\":true}");
}

TEST(kinds)
{
    const char *text = "[{},[],\"\",0]";
    kgw_json_iter_t it;
    kgw_json_part_t p;
    EXPECT_EQ(KGW_OK, kgw_json_iter_init(&it, text, strlen(text)));
    static const char kinds[] = {KGW_JSON_OBJECT, KGW_JSON_ARRAY, KGW_JSON_STRING, KGW_JSON_OTHER};
    for (unsigned i = 0; i < 4; i++) {
        EXPECT_EQ(KGW_OK, kgw_json_iter_next(&it, &p));
        EXPECT_EQ(kinds[i], p.kind);
    }
    EXPECT_EQ(KGW_DONE, kgw_json_iter_next(&it, &p));
    EXPECT_EQ(KGW_DONE, kgw_json_iter_next(&it, &p));
}

TEST(malformed)
{
    static const char *const bad[] = {"",         " ",     "1",          "\"a\"", "{",      "[",    "[1", "[1,",        "[1,]", "[,1]",       "[1 2]", "{\"a\"}",
                                      "{\"a\":}", "{a:1}", "{\"a\":1,}", "[\"a]", "[\"a\\", "[{]}", "[}", "{\"a\":1}x", "[1]]", "[\"\x01\"]", "[@]"};
    for (unsigned i = 0; i < KGW_ARRAY_LEN(bad); i++) PARTS("!", bad[i]);
}

TEST(every_prefix_is_malformed)
{
    const char *text = "{\"a\":[1,{\"b\":\"c\"}],\"d\":null}";
    for (size_t len = 0; len < strlen(text); len++) EXPECT_STR("!", kgw_str_c(parts(text, len)));
}

TEST(depth_is_bounded)
{
    char text[2 * KGW_JSON_MAX_DEPTH + 8];
    for (unsigned depth = KGW_JSON_MAX_DEPTH - 1; depth <= KGW_JSON_MAX_DEPTH + 1; depth++) {
        memset(text, '[', depth + 1);
        memset(text + depth + 1, ']', depth + 1);
        kgw_json_iter_t it;
        kgw_json_part_t p;
        EXPECT_EQ(KGW_OK, kgw_json_iter_init(&it, text, 2 * (size_t)depth + 2));
        EXPECT_EQ(depth <= KGW_JSON_MAX_DEPTH ? KGW_OK : KGW_ERROR, kgw_json_iter_next(&it, &p));
    }
}
