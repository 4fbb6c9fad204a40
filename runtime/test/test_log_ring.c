/* base/log_ring. */
#include "base/log_ring.h"

#include <string.h>

#include "base/str.h"
#include "ktest.h"

TEST(takes_the_oldest_line_first)
{
    char out[64];
    int level = 0;
    double time = 0;
    EXPECT_EQ(-1, kgw_log_ring_take(out, sizeof(out), &level, &time));
    EXPECT_EQ(KGW_OK, kgw_log_ring_open(1000));
    kgw_log_ring_add(4, 1.5, "one", 3);
    kgw_log_ring_add(5, 2.5, "two", 3);
    EXPECT_EQ(3, kgw_log_ring_take(out, sizeof(out), &level, &time));
    EXPECT_STR("one", kgw_str(out, 3));
    EXPECT_EQ(4, level);
    EXPECT(time == 1.5);
    EXPECT_EQ(2, kgw_log_ring_take(out, 2, &level, &time));
    EXPECT_STR("tw", kgw_str(out, 2));
    EXPECT_EQ(-1, kgw_log_ring_take(out, sizeof(out), &level, &time));
}

TEST(new_lines_push_out_old_ones_over_the_end_of_the_ring)
{
    char out[64], line[40];
    int level;
    double time;
    EXPECT_EQ(KGW_OK, kgw_log_ring_open(200));
    for (int i = 0; i < 1000; i++) {
        memset(line, 'a' + i % 26, sizeof(line));
        kgw_log_ring_add(4, i, line, 1 + (size_t)i % sizeof(line));
    }
    int n = 0;
    double last = 0;
    for (long len; (len = kgw_log_ring_take(out, sizeof(out), &level, &time)) >= 0; n++, last = time) {
        EXPECT_EQ(1 + (long)time % (long)sizeof(line), len);
        EXPECT_EQ('a' + (int)time % 26, out[len - 1]);
    }
    EXPECT(n >= 2);
    EXPECT(last == 999);
}

TEST(levels_and_sizes_have_limits)
{
    char out[64];
    int level;
    double time;
    EXPECT_EQ(KGW_ERROR, kgw_log_ring_open(KGW_LOG_RING_MAX + 1));
    EXPECT_EQ(KGW_OK, kgw_log_ring_open(50));
    kgw_log_ring_level(4);
    kgw_log_ring_add(5, 1, "warning", 7);
    kgw_log_ring_add(4, 1, "a line that is longer than all of the ring together", 51);
    EXPECT_EQ(-1, kgw_log_ring_take(out, sizeof(out), &level, &time));
    EXPECT_EQ(KGW_OK, kgw_log_ring_open(0));
    EXPECT(!kgw_log_ring_is_open());
}
