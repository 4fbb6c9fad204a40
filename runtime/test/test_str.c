/* base/str: comparison, lists, numbers, hex. */
#include "base/str.h"

#include "ktest.h"

TEST(ieq_ignores_ascii_case_only)
{
    EXPECT(kgw_str_ieq(KGW_STR("Content-Type"), KGW_STR("content-tYPE")));
    EXPECT(!kgw_str_ieq(KGW_STR("a"), KGW_STR("ab")));
    EXPECT(!kgw_str_ieq(KGW_STR("[x"), KGW_STR("{x")));
}

TEST(token_lists)
{
    EXPECT(kgw_str_has_token(KGW_STR("close, Keep-Alive"), KGW_STR("keep-alive")));
    EXPECT(!kgw_str_has_token(KGW_STR("closed"), KGW_STR("close")));
    kgw_str_t list = KGW_STR(" a ,, b"), item;
    EXPECT(kgw_str_next_item(&list, &item));
    EXPECT_STR("a", item);
    unsigned more = 0;
    while (kgw_str_next_item(&list, &item)) more++;
    EXPECT(more >= 1);
    EXPECT_STR("b", item);
}

TEST(numbers_are_digits_without_overflow)
{
    uint64_t n = 0;
    EXPECT_EQ(KGW_OK, kgw_str_to_u64(KGW_STR("9223372036854775807"), &n));
    EXPECT(n == INT64_MAX);
    EXPECT_EQ(KGW_ERROR, kgw_str_to_u64(KGW_STR("18446744073709551616"), &n));
    EXPECT_EQ(KGW_ERROR, kgw_str_to_u64(KGW_STR(""), &n));
    EXPECT_EQ(KGW_ERROR, kgw_str_to_u64(KGW_STR("+1"), &n));
    EXPECT_EQ(KGW_ERROR, kgw_str_to_u64(KGW_STR("1 "), &n));
    char out[24];
    EXPECT_STR("0", kgw_str(out, kgw_u64_dec(out, 0)));
    EXPECT_STR("18446744073709551615", kgw_str(out, kgw_u64_dec(out, UINT64_MAX)));
    EXPECT_STR("ff", kgw_str(out, kgw_u64_hex(out, 255)));
}

TEST(trim_and_find)
{
    EXPECT_STR("a b", kgw_str_trim(KGW_STR(" \ta b\t ")));
    EXPECT_STR("", kgw_str_trim(KGW_STR("   ")));
    EXPECT_EQ(1, kgw_str_find(KGW_STR("a:b"), ':'));
    EXPECT_EQ(-1, kgw_str_find(KGW_STR("ab"), ':'));
}
