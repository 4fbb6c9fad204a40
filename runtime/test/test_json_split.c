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

/* All texts of a document in order of their start, containers by their brackets; "!" when malformed. */
static bool walk(kgw_json_iter_t *it, kgw_json_iter_t *child, char *out, size_t *n)
{
    kgw_json_part_t p;
    int rc;
    it->is_lazy = true;
    while ((rc = kgw_json_iter_next(it, &p)) == KGW_OK) {
        *n += (size_t)sprintf(out + *n, "%.*s%s", (int)p.name.len, p.name.ptr ? p.name.ptr : "", p.name.ptr ? "=" : "");
        if (p.kind == KGW_JSON_OBJECT && p.name.len == 4) { /* read over */
            if (kgw_json_iter_skip(it, &p) != KGW_OK) return false;
        } else if (p.kind == KGW_JSON_OBJECT || p.kind == KGW_JSON_ARRAY) {
            kgw_json_iter_enter(it, child);
            *n += (size_t)sprintf(out + *n, "%c", p.kind);
            if (!walk(child, child + 1, out, n)) return false;
            *n += (size_t)sprintf(out + *n, "%c", child->close);
            kgw_json_iter_leave(it, child);
            continue;
        }
        *n += (size_t)sprintf(out + *n, "%.*s ", (int)p.value.len, p.value.ptr);
    }
    return rc == KGW_DONE;
}

TEST(lazy_iterators_go_in_place)
{
    const char *text = " {\"a\":[1,{\"b\":\"c\"},[]],\"skip\":{\"x\":[{}]} ,\"d\":{}, \"e\":0} ";
    const char *want = "a=[1 {b=\"c\" }[]]skip={\"x\":[{}]} d={}e=0 ";
    for (size_t len = 0; len <= strlen(text); len++) {
        char out[256] = "";
        kgw_json_iter_t its[8];
        size_t n = 0;
        bool ok = kgw_json_iter_init(&its[0], text, len) == KGW_OK && walk(&its[0], &its[1], out, &n);
        EXPECT_EQ(len >= strlen(text) - 1, ok); /* but for the last space */
        if (ok) EXPECT_STR(want, kgw_str_c(out));
    }
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
