/* base/wheel: timers against a plain list; the test owns the clock. */
#include "base/wheel.h"

#include "ktest.h"

#define COUNT 500

static kgw_wheel_t wheel;
static struct {
    kgw_timer_t timer;
    uint64_t due;
    unsigned fired;
} all[COUNT];
static uint64_t now;

static void on_timer(kgw_timer_t *t)
{
    unsigned i = (unsigned)(((char *)t - (char *)all) / sizeof(all[0]));
    EXPECT(all[i].due && all[i].due <= now);
    all[i].due = 0;
    all[i].fired++;
}

TEST(timers_fire_once_and_in_time)
{
    kgw_wheel_init(&wheel, now = 1000);
    for (unsigned i = 0; i < COUNT; i++) kgw_timer_init(&all[i].timer, on_timer);
    for (unsigned turn = 0; turn < 20000; turn++) {
        unsigned i = ktest_random() % COUNT;
        if (ktest_random() % 4 == 0) {
            kgw_wheel_stop(&wheel, &all[i].timer);
            all[i].due = 0;
        } else {
            uint64_t delay = ktest_random() % (ktest_random() % 8 ? 300 : 100000);
            kgw_wheel_start(&wheel, &all[i].timer, delay);
            all[i].due = wheel.now_ms + delay ? wheel.now_ms + delay : 1;
        }
        EXPECT(kgw_timer_is_running(&all[i].timer) == (all[i].due != 0));
        int64_t next = kgw_wheel_next(&wheel);
        for (unsigned k = 0; k < COUNT; k += 50)
            if (all[k].due && next >= 0) EXPECT((int64_t)all[k].due + KGW_WHEEL_TICK_MS >= (int64_t)wheel.now_ms + (next ? 1 : 0));
        now += ktest_random() % 20;
        kgw_wheel_run(&wheel, now);
        for (unsigned k = 0; k < COUNT; k++)
            if (all[k].due && all[k].due + 2 * KGW_WHEEL_TICK_MS < now) KTEST_FAIL("a timer of %llu did not fire by %llu", (unsigned long long)all[k].due, (unsigned long long)now);
    }
    now += 200000;
    kgw_wheel_run(&wheel, now);
    EXPECT_EQ(0, wheel.cnt);
    EXPECT_EQ(-1, kgw_wheel_next(&wheel));
}

static kgw_timer_t first, second;
static unsigned restarts;
static void restart(kgw_timer_t *t)
{
    kgw_wheel_stop(&wheel, &second);
    if (++restarts < 3) kgw_wheel_start(&wheel, t, 5);
}

TEST(a_timer_may_start_itself_and_stop_others)
{
    kgw_wheel_init(&wheel, 0);
    kgw_timer_init(&first, restart);
    kgw_timer_init(&second, restart);
    kgw_wheel_start(&wheel, &first, 5);
    kgw_wheel_start(&wheel, &second, 5);
    for (uint64_t t = 0; t < 100; t += 4) kgw_wheel_run(&wheel, t);
    EXPECT_EQ(3, restarts);
    EXPECT_EQ(0, wheel.cnt);
}
