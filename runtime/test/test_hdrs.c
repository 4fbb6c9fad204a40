/* http/hdrs and http/token: the header table. */
#include "http/hdrs.h"

#include "base/str.h"
#include "http/token.h"
#include "ktest.h"

static kgw_arena_t arena;
static kgw_hdrs_t h;

static void fresh(void)
{
    kgw_arena_reset(&arena);
    kgw_hdrs_init(&h, &arena);
}

TEST(order_and_case_are_kept)
{
    fresh();
    kgw_hdrs_add(&h, KGW_STR("X-b"), KGW_STR("1"));
    kgw_hdrs_add(&h, KGW_STR("hOST"), KGW_STR("a"));
    kgw_hdrs_add(&h, KGW_STR("x-B"), KGW_STR("2"));
    EXPECT_EQ(3, h.live_cnt);
    kgw_hdr_t *first = kgw_hdrs_find(&h, KGW_STR("X-B"));
    EXPECT_STR("1", first->value);
    EXPECT_STR("2", kgw_hdrs_next_same(&h, first)->value);
    EXPECT(kgw_hdrs_next_same(&h, kgw_hdrs_next_same(&h, first)) == NULL);
    EXPECT_STR("hOST", kgw_hdrs_find_token(&h, KGW_TOK_HOST)->name);
    EXPECT_STR("1, 2", kgw_hdrs_joined(&h, KGW_STR("x-b")));
    EXPECT(kgw_hdrs_joined(&h, KGW_STR("none")).ptr == NULL);
}

TEST(set_replaces_the_first_and_removes_the_others)
{
    fresh();
    kgw_hdrs_add(&h, KGW_STR("A"), KGW_STR("1"));
    kgw_hdrs_add(&h, KGW_STR("B"), KGW_STR("2"));
    kgw_hdrs_add(&h, KGW_STR("a"), KGW_STR("3"));
    kgw_hdrs_set(&h, KGW_STR("A"), KGW_STR("4"));
    EXPECT_EQ(2, h.live_cnt);
    EXPECT_STR("4", kgw_hdrs_find(&h, KGW_STR("a"))->value);
    kgw_hdrs_set(&h, KGW_STR("C"), KGW_STR("5"));
    EXPECT_EQ(3, h.live_cnt);
    EXPECT_EQ(1, kgw_hdrs_remove(&h, KGW_STR("b")));
    EXPECT_EQ(0, kgw_hdrs_remove(&h, KGW_STR("b")));
    EXPECT(kgw_hdrs_find(&h, KGW_STR("B")) == NULL);
}

TEST(many_fields_find_each_other)
{
    fresh();
    for (unsigned i = 0; i < 300; i++) kgw_hdrs_add(&h, kgw_arena_printf(&arena, "X-%u", i), kgw_arena_printf(&arena, "%u", i));
    for (unsigned i = 0; i < 300; i++) EXPECT(kgw_hdrs_find(&h, kgw_arena_printf(&arena, "x-%u", i)) == &h.list[i]);
    fresh();
}

TEST(tokens)
{
    EXPECT_EQ(KGW_TOK_CONTENT_LENGTH, kgw_token_find("content-LENGTH", 14));
    EXPECT_EQ(KGW_TOK_NONE, kgw_token_find("content_length", 14));
    EXPECT_STR("X-Forwarded-For", kgw_token_name(KGW_TOK_X_FORWARDED_FOR));
    EXPECT(kgw_token_flags(KGW_TOK_CONNECTION) & KGW_TOKF_HOP);
    for (unsigned t = 1; t < KGW_TOK__COUNT; t++) EXPECT_EQ(t, kgw_token_find(kgw_token_name(t).ptr, kgw_token_name(t).len));
    EXPECT_EQ(KGW_M_PATCH, kgw_method_id(KGW_STR("PATCH")));
    EXPECT_EQ(KGW_M_OTHER, kgw_method_id(KGW_STR("patch")));
    EXPECT_STR("Not Found", kgw_status_reason(404));
}
