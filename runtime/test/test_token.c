#include "ktest.h"

#include "base/str.h"
#include "http/token.h"

TEST(every_name_finds_itself_in_any_case)
{
    for (unsigned t = 1; t < KGW_TOK__COUNT; t++) {
        char name[64];
        kgw_str_t s = kgw_token_name(t);
        EXPECT(s.len > 0 && s.len < sizeof(name));
        EXPECT_EQ(t, kgw_token_find(s.ptr, s.len));
        for (size_t i = 0; i < s.len; i++) name[i] = (char)(s.ptr[i] >= 'a' && s.ptr[i] <= 'z' ? s.ptr[i] - 32 : s.ptr[i]);
        EXPECT_EQ(t, kgw_token_find(name, s.len));
        for (size_t i = 0; i < s.len; i++) name[i] = kgw_lower(s.ptr[i]);
        EXPECT_EQ(t, kgw_token_find(name, s.len));
    }
}

TEST(others_are_not_known)
{
    EXPECT_EQ(KGW_TOK_NONE, kgw_token_find("", 0));
    EXPECT_EQ(KGW_TOK_NONE, kgw_token_find("X-Unknown", 9));
    EXPECT_EQ(KGW_TOK_NONE, kgw_token_find("Hos", 3));
    EXPECT_EQ(KGW_TOK_NONE, kgw_token_find("Content_Length", 14));
}

TEST(fields_of_the_connection_are_marked)
{
    EXPECT(kgw_token_flags(KGW_TOK_CONNECTION) & KGW_TOKF_HOP);
    EXPECT(kgw_token_flags(KGW_TOK_TRANSFER_ENCODING) & KGW_TOKF_FRAMING);
    EXPECT(kgw_token_flags(KGW_TOK_HOST) & KGW_TOKF_PROTECTED);
    EXPECT(kgw_token_flags(KGW_TOK_AUTHORIZATION) & KGW_TOKF_NO_TRAILER);
    EXPECT(!(kgw_token_flags(KGW_TOK_ACCEPT) & KGW_TOKF_HOP));
}

TEST(methods)
{
    EXPECT_EQ(KGW_M_GET, kgw_method_id(KGW_STR("GET")));
    EXPECT_EQ(KGW_M_OTHER, kgw_method_id(KGW_STR("get")));
    EXPECT_EQ(KGW_M_OTHER, kgw_method_id(KGW_STR("PURGE")));
    EXPECT_STR("PATCH", kgw_method_name(KGW_M_PATCH));
    EXPECT(kgw_method_name(KGW_M_OTHER).ptr == NULL);
}

TEST(reasons)
{
    EXPECT_STR("Not Found", kgw_status_reason(404));
    EXPECT_STR("", kgw_status_reason(299));
}
