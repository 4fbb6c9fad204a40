/* What receive calls want, against every way the bytes may arrive. */
#include "ktest.h"

#include "vm/recv.c"

static kgw_recv_t r;

static void add(const char *s, size_t n)
{
    while (n) {
        kgw_block_t *b = kgw_recv_alloc(&r);
        size_t room = b->cap - b->used, m = n < room ? n : room;
        memcpy(b->data + b->used, s, m);
        b->used += (uint32_t)m;
        s += m;
        n -= m;
    }
}

static bool took(const char *want)
{
    kgw_str_t s = kgw_recv_take(&r);
    return s.len == strlen(want) && memcmp(s.ptr, want, s.len) == 0;
}

TEST(line_across_pieces_without_its_returns)
{
    kgw_recv_begin(&r, KGW_RECV_LINE, 0, NULL, 0, false);
    add("on", 2);
    EXPECT_EQ(KGW_AGAIN, kgw_recv_check(&r, false));
    add("e\r", 2);
    EXPECT_EQ(KGW_AGAIN, kgw_recv_check(&r, false));
    add("x\r\nrest", 7);
    EXPECT_EQ(KGW_OK, kgw_recv_check(&r, false));
    EXPECT(took("onex"));
    EXPECT_EQ(4, kgw_recv_left(&r));
    kgw_recv_begin(&r, KGW_RECV_LINE, 0, NULL, 0, false);
    EXPECT_EQ(KGW_CLOSED, kgw_recv_check(&r, true));
    kgw_str_t s = kgw_recv_take_partial(&r);
    EXPECT_EQ(4, s.len);
    EXPECT_EQ(0, kgw_recv_left(&r));
    kgw_recv_fini(&r);
}

TEST(all_is_satisfied_by_the_end)
{
    kgw_recv_begin(&r, KGW_RECV_ALL, 0, NULL, 0, false);
    EXPECT_EQ(KGW_AGAIN, kgw_recv_check(&r, false));
    add("abc", 3);
    EXPECT_EQ(KGW_AGAIN, kgw_recv_check(&r, false));
    EXPECT_EQ(KGW_OK, kgw_recv_check(&r, true));
    EXPECT(took("abc"));
    kgw_recv_begin(&r, KGW_RECV_ALL, 0, NULL, 0, false);
    EXPECT_EQ(KGW_OK, kgw_recv_check(&r, true));
    EXPECT(took(""));
    kgw_recv_fini(&r);
}

TEST(any_gives_at_most_what_was_asked_for)
{
    kgw_recv_begin(&r, KGW_RECV_ANY, 2, NULL, 0, false);
    EXPECT_EQ(KGW_AGAIN, kgw_recv_check(&r, false));
    add("abc", 3);
    EXPECT_EQ(KGW_OK, kgw_recv_check(&r, false));
    EXPECT(took("ab"));
    kgw_recv_fini(&r);
}

TEST(big_sizes_grow_the_block)
{
    static char big[200000];
    memset(big, 'x', sizeof(big));
    kgw_recv_begin(&r, KGW_RECV_SIZE, sizeof(big), NULL, 0, false);
    for (size_t i = 0; i < sizeof(big); i += 1000) {
        EXPECT_EQ(KGW_AGAIN, kgw_recv_check(&r, false));
        add(big + i, 1000);
    }
    EXPECT_EQ(KGW_OK, kgw_recv_check(&r, false));
    kgw_str_t s = kgw_recv_take(&r);
    EXPECT(s.len == sizeof(big) && memcmp(s.ptr, big, sizeof(big)) == 0);
    add("y", 1);
    EXPECT_EQ(KGW_BLOCK_SIZE, r.in->cap);
    kgw_recv_fini(&r);
}

/* The bytes of `text`, byte by byte, in pieces of at most `size`: the pieces joined by '/', '!' where the pattern was reached. */
static void pieces(const char *text, const char *pat, size_t size, bool inclusive, const char *want)
{
    char out[128];
    size_t n = 0, fed = 0, len = strlen(text);
    for (;;) {
        kgw_recv_begin(&r, KGW_RECV_UNTIL, size, pat, strlen(pat), inclusive);
        int rc;
        while ((rc = kgw_recv_check(&r, fed == len)) == KGW_AGAIN) {
            EXPECT(fed < len);
            add(text + fed++, 1);
        }
        bool reached = r.has_reached;
        kgw_str_t s = rc == KGW_OK ? kgw_recv_take(&r) : kgw_recv_take_partial(&r);
        memcpy(out + n, s.ptr, s.len);
        n += s.len;
        if (reached) out[n++] = '!';
        out[n++] = rc == KGW_OK ? '/' : '.';
        if (rc != KGW_OK) break;
    }
    out[n] = 0;
    EXPECT(strcmp(out, want) == 0);
    if (strcmp(out, want) != 0) printf("got %s, want %s\n", out, want);
    kgw_recv_fini(&r);
}

TEST(until_a_pattern)
{
    pieces("first--b\r\nsecond--b\r\nrest", "--b\r\n", 0, false, "first/second/rest.");
    pieces("first--b\r\nsecond--b\r\nrest", "--b\r\n", 0, true, "first--b\r\n/second--b\r\n/rest.");
    pieces("abcdefgh|ij|k", "|", 3, false, "abc/def/gh!/ij!/k.");
    pieces("abcdef|", "|", 3, false, "abc/def/!/.");
    pieces("aaab", "aab", 0, false, "a/.");
    pieces("a-a--a---", "--a", 2, false, "a-/a!/---.");
}
