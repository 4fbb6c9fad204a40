/* The slab allocator against a plain model: no overlap, no loss. */
#include "ktest.h"

#include "shm/slab.h"

#define SIZE (512 * 1024)
#define MAX 2000

static struct {
    uint32_t at;
    size_t len;
    unsigned char mark;
} held[MAX];

TEST(pieces_do_not_overlap_and_all_memory_comes_back)
{
    kgw_slab_t *s = aligned_alloc(4096, SIZE);
    kgw_slab_init(s, SIZE, false);
    size_t whole = kgw_slab_free_bytes(s);
    unsigned cnt = 0;
    for (int i = 0; i < 50000; i++) {
        if (cnt < MAX && ktest_random() % 100 < 55) {
            size_t len = ktest_random() % 10 == 0 ? ktest_random() % 20000 + 1 : ktest_random() % 600 + 1;
            uint32_t at = kgw_slab_alloc(s, len);
            if (!at) continue;
            EXPECT(at + len <= SIZE);
            held[cnt].at = at;
            held[cnt].len = len;
            held[cnt].mark = (unsigned char)i;
            memset(kgw_slab_ptr(s, at), held[cnt].mark, len);
            cnt++;
        } else if (cnt) {
            unsigned k = ktest_random() % cnt;
            const unsigned char *p = kgw_slab_ptr(s, held[k].at);
            if (p[0] != held[k].mark || p[held[k].len - 1] != held[k].mark) KTEST_FAIL("piece %u was overwritten", k);
            kgw_slab_free(s, held[k].at);
            held[k] = held[--cnt];
        }
    }
    while (cnt) kgw_slab_free(s, held[--cnt].at);
    EXPECT_EQ(whole, kgw_slab_free_bytes(s));
    free(s);
}

TEST(too_large_is_refused)
{
    kgw_slab_t *s = aligned_alloc(4096, SIZE);
    kgw_slab_init(s, SIZE, false);
    EXPECT_EQ(0, kgw_slab_alloc(s, SIZE));
    EXPECT(kgw_slab_alloc(s, SIZE / 2) != 0);
    free(s);
}
