/* Expressions: captures, names, options, errors in OpenResty's words. */
#include "ktest.h"

#include "base/str.h"
#include "vm/regex.c"

static char err[256];
static int ov[32];

static kgw_regex_t *compile(const char *re, unsigned flags) { return kgw_regex_new(kgw_str_c(re), flags, err, sizeof(err)); }

static int match(const char *re, unsigned flags, const char *s, size_t at)
{
    kgw_regex_t *x = compile(re, flags);
    if (!x) return -1000;
    int rc = kgw_regex_exec(x, kgw_str_c(s), at, ov);
    kgw_regex_free(x);
    return rc;
}

TEST(captures)
{
    EXPECT_EQ(3, match("(\\d+)-(\\d+)", 0, "a 12-345", 0));
    EXPECT_EQ(2, ov[0]);
    EXPECT_EQ(8, ov[1]);
    EXPECT_EQ(5, ov[4]);
    EXPECT_EQ(-1, match("x", 0, "abc", 0));
}

TEST(unmatched_groups_are_negative)
{
    EXPECT_EQ(2, match("(a)|(b)", 0, "a", 0));
    EXPECT_EQ(-1, ov[4]);
    EXPECT_EQ(3, match("(a)|(b)", 0, "b", 0));
    EXPECT_EQ(-1, ov[2]);
}

TEST(options)
{
    EXPECT_EQ(1, match("ABC", KGW_RE_CASELESS | KGW_RE_JIT, "xabc", 0));
    EXPECT_EQ(-1, match("b", KGW_RE_ANCHORED, "ab", 0));
    EXPECT_EQ(1, match("b", KGW_RE_ANCHORED, "ab", 1));
    EXPECT_EQ(1, match("a|ab|abc", KGW_RE_DFA, "abc", 0));
    EXPECT_EQ(3, ov[1]);
    EXPECT_EQ(1, match("^.$", KGW_RE_UTF, "\xc3\xa9", 0));
    EXPECT(match(".", KGW_RE_UTF, "\xff", 0) < -1);
}

TEST(names)
{
    kgw_regex_t *x = compile("(?<key>\\w)=(?<value>\\w)", 0);
    kgw_str_t name = KGW_STR("");
    int group = 0;
    EXPECT(kgw_regex_name(x, 0, &name, &group));
    EXPECT(kgw_str_eq(name, KGW_STR("key")));
    EXPECT_EQ(1, group);
    EXPECT(kgw_regex_name(x, 1, &name, &group));
    EXPECT(!kgw_regex_name(x, 2, &name, &group));
    EXPECT_EQ(2, kgw_regex_groups(x));
    kgw_regex_free(x);
}

TEST(errors)
{
    EXPECT(!compile("(", 0));
    EXPECT(strcmp(err, "pcre2_compile() failed: missing closing parenthesis in \"(\"") == 0);
    EXPECT(!compile("*a", 0));
    EXPECT(strstr(err, "at \"*a\"") || strstr(err, "in \"*a\""));
}

TEST(catastrophic_expressions_end)
{
    EXPECT(match("(a*)*b", 0, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 0) < 0);
    EXPECT(match("(a*)*b", KGW_RE_JIT, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 0) < 0);
}
