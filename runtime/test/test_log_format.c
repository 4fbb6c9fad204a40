/* proxy/log_format: formats of access logs, with variables that the test makes up. */
#include "proxy/log_format.h"

#include "base/str.h"
#include "ktest.h"

static const char *const names[] = {"empty", "plain", "odd", "none"};
static const char *const values[] = {"", "value", "a\"b\\c\n\x01\xc3\xa9", NULL};

static int find(kgw_str_t name)
{
    for (int i = 0; i < 4; i++)
        if (kgw_str_eq(name, kgw_str_c(names[i]))) return i;
    return -1;
}

static kgw_str_t value(kgw_req_t *r, int id, kgw_str_t name)
{
    (void)r;
    (void)name;
    return kgw_str_c(values[id]);
}

static char out[8192];
static size_t out_len;
static void add(const char *p, size_t n)
{
    memcpy(out + out_len, p, n);
    out_len += n;
}

static void line(const char *format, const char *escape, const char *want)
{
    kgw_log_format_t f;
    char err[128] = "";
    kgw_log_format_vars(find, value);
    EXPECT_EQ(KGW_OK, kgw_log_format_parse(&f, format, escape, err, sizeof(err)));
    out_len = 0;
    kgw_log_format_write(&f, NULL, add);
    EXPECT_STR(want, kgw_str(out, out_len));
    kgw_log_format_fini(&f);
}

TEST(literals_and_variables)
{
    line("just text", NULL, "just text");
    line("$plain", NULL, "value");
    line("[$plain] ${plain}s", NULL, "[value] values");
    line("costs 5$ or $ 5 ${", NULL, "costs 5$ or $ 5 ${");
    line("$empty|$none", NULL, "-|-");
}

TEST(escapes)
{
    line("$odd", NULL, "a\\x22b\\x5Cc\\x0A\\x01\\xC3\\xA9");
    line("\"$odd\" $empty", "json", "\"a\\\"b\\\\c\\n\\u0001\xc3\xa9\" ");
    line("$plain$none", "none", "value");
}

TEST(mistakes_are_named)
{
    kgw_log_format_t f;
    char err[128] = "", text[1024] = "";
    kgw_log_format_vars(find, value);
    EXPECT_EQ(KGW_ERROR, kgw_log_format_parse(&f, "$plain $nope", NULL, err, sizeof(err)));
    EXPECT(strstr(err, "\"nope\"") != NULL);
    kgw_log_format_fini(&f);
    for (int i = 0; i < 100; i++) memcpy(text + 6 * i, "$plain", 7);
    EXPECT_EQ(KGW_ERROR, kgw_log_format_parse(&f, text, NULL, err, sizeof(err)));
    kgw_log_format_fini(&f);
}
