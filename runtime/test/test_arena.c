#include "ktest.h"

#include "base/arena.h"
#include "base/freelist.h"
#include "base/str.h"

TEST(memory_is_aligned_and_separate)
{
    kgw_arena_t a;
    kgw_arena_init(&a);
    char *last = NULL;
    for (unsigned i = 1; i < 2000; i++) {
        size_t len = ktest_random() % 300 + 1;
        char *p = i % 2 ? kgw_arena_alloc(&a, len) : kgw_arena_bytes(&a, len);
        if (i % 2) EXPECT_EQ(0, (uintptr_t)p % 8);
        memset(p, (int)i, len);
        if (last) EXPECT_EQ((char)(i - 1), *last);
        last = p;
    }
    kgw_arena_reset(&a);
    EXPECT_EQ(0, a.used);
}

TEST(large_pieces_leave_the_current_chunk_usable)
{
    kgw_arena_t a;
    kgw_arena_init(&a);
    char *small = kgw_arena_bytes(&a, 10);
    char *large = kgw_arena_bytes(&a, 100000);
    memset(large, 'x', 100000);
    EXPECT(kgw_arena_bytes(&a, 10) == small + 10);
    kgw_arena_reset(&a);
}

TEST(chunks_are_used_again)
{
#ifndef __SANITIZE_ADDRESS__
    kgw_arena_t a;
    kgw_arena_init(&a);
    kgw_arena_bytes(&a, 3000);
    kgw_arena_reset(&a);
    uint64_t before = kgw_malloc_cnt;
    for (int i = 0; i < 1000; i++) {
        kgw_arena_bytes(&a, 3000);
        kgw_arena_reset(&a);
    }
    EXPECT_EQ(before, kgw_malloc_cnt);
#endif
}

TEST(copies_end_in_zero)
{
    kgw_arena_t a;
    kgw_arena_init(&a);
    kgw_str_t s = kgw_arena_copy(&a, KGW_STR("abc"));
    EXPECT_STR("abc", s);
    EXPECT_EQ(0, s.ptr[3]);
    EXPECT_STR("n=7", kgw_arena_printf(&a, "n=%d", 7));
    kgw_arena_reset(&a);
}
