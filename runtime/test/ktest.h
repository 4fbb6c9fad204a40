/*
 * A test program: TEST(name) { ... } blocks with EXPECT* lines; including this header gives the program its main().
 * Every block runs even when another fails; `test_x NAME` runs those whose name holds NAME. Exit code 1 when any failed.
 */
#ifndef KGW_TEST_KTEST_H
#define KGW_TEST_KTEST_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/kgw.h"

typedef struct { const char *name; void (*run)(void); } ktest_t;
static ktest_t ktest_all[512];
static unsigned ktest_cnt, ktest_failures;

static void __attribute__((unused)) ktest_add(const char *name, void (*run)(void))
{
    if (ktest_cnt == sizeof(ktest_all) / sizeof(ktest_all[0])) abort();
    ktest_all[ktest_cnt++] = (ktest_t){name, run};
}

#define TEST(name) \
    static void test_##name(void); \
    __attribute__((constructor)) static void ktest_register_##name(void) { ktest_add(#name, test_##name); } \
    static void test_##name(void)

#define KTEST_FAIL(...) \
    do { \
        printf("    %s:%d: ", __FILE__, __LINE__); \
        printf(__VA_ARGS__); \
        printf("\n"); \
        ktest_failures++; \
    } while (0)

#define EXPECT(cond) \
    do { \
        if (!(cond)) KTEST_FAIL("%s is not so", #cond); \
    } while (0)

/* Whole numbers. */
#define EXPECT_EQ(want, got) \
    do { \
        long long ktest_w = (long long)(want), ktest_g = (long long)(got); \
        if (ktest_w != ktest_g) KTEST_FAIL("%s: want %lld, got %lld", #got, ktest_w, ktest_g); \
    } while (0)

/* A C string and a kgw_str_t. */
#define EXPECT_STR(want, got) \
    do { \
        kgw_str_t ktest_s = (got); \
        const char *ktest_c = (want); \
        if (ktest_s.len != strlen(ktest_c) || (ktest_s.len && memcmp(ktest_s.ptr, ktest_c, ktest_s.len) != 0)) \
            KTEST_FAIL("%s: want \"%s\", got \"%.*s\"", #got, ktest_c, (int)ktest_s.len, ktest_s.len ? ktest_s.ptr : ""); \
    } while (0)

/* A reproducible sequence for tests against a model. */
static uint32_t __attribute__((unused)) ktest_random(void)
{
    static uint64_t state = 0x9e3779b97f4a7c15u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 16);
}

int main(int argc, char **argv)
{
    unsigned bad = 0, ran = 0;
    for (unsigned i = 0; i < ktest_cnt; i++) {
        if (argc > 1 && !strstr(ktest_all[i].name, argv[1])) continue;
        unsigned before = ktest_failures;
        ktest_all[i].run();
        ran++;
        if (ktest_failures == before) continue;
        bad++;
        printf("FAIL %s\n", ktest_all[i].name);
    }
    printf("%u passed, %u failed\n", ran - bad, bad);
    return bad != 0;
}

#endif
