/* shm/dict and shm/slab: a dictionary against a plain table, eviction, expiry, lists, a holder that dies. */
#include "shm/dict.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/freelist.h"
#include "base/str.h"
#include "ktest.h"
#include "shm/slab.h"

static char *buf;
static size_t cap;
static bool forcible;

static kgw_dict_value_t number(double n) { return (kgw_dict_value_t){.type = KGW_DT_NUMBER, .number = n}; }

static double get(kgw_dict_t *d, const char *key, uint64_t now)
{
    kgw_dict_value_t v;
    return kgw_dict_get(d, kgw_str_c(key), now, false, &v, &buf, &cap) == KGW_OK ? v.number : -1;
}

TEST(set_add_replace_delete)
{
    kgw_dict_t *d = kgw_dict_make("plain", 1 << 20);
    kgw_dict_value_t v = number(1);
    EXPECT_EQ(KGW_DECLINED, kgw_dict_set(d, KGW_STR("a"), &v, 1, 0, KGW_DICT_REPLACE, &forcible));
    EXPECT_EQ(KGW_OK, kgw_dict_set(d, KGW_STR("a"), &v, 1, 0, KGW_DICT_ADD, &forcible));
    EXPECT_EQ(KGW_DECLINED, kgw_dict_set(d, KGW_STR("a"), &v, 1, 0, KGW_DICT_ADD, &forcible));
    EXPECT_EQ(1, get(d, "a", 2));
    EXPECT_EQ(KGW_OK, kgw_dict_delete(d, KGW_STR("a")));
    EXPECT_EQ(-1, get(d, "a", 2));
    EXPECT(kgw_dict_find("plain") == d);
    EXPECT(kgw_dict_find("other") == NULL);
}

TEST(many_keys)
{
    enum { CNT = 30000 };
    kgw_dict_t *d = kgw_dict_make("many", 16 << 20);
    char key[32];
    for (int i = 0; i < CNT; i++) {
        snprintf(key, sizeof(key), "key %d", i);
        kgw_dict_value_t v = number(i);
        EXPECT_EQ(KGW_OK, kgw_dict_set(d, kgw_str_c(key), &v, 1, 0, KGW_DICT_ADD, &forcible));
        if (i % 1000) continue;
        for (int k = 0; k <= i; k += 7) { /* the table grows all the time, every key stays where it is looked for */
            snprintf(key, sizeof(key), "key %d", k);
            EXPECT_EQ(k, get(d, key, 2));
        }
    }
    for (int i = 0; i < CNT; i += 2) {
        snprintf(key, sizeof(key), "key %d", i);
        EXPECT_EQ(KGW_OK, kgw_dict_delete(d, kgw_str_c(key)));
    }
    for (int i = 0; i < CNT; i++) {
        snprintf(key, sizeof(key), "key %d", i);
        EXPECT_EQ(i % 2 ? i : -1, get(d, key, 2));
    }
}

TEST(expiry)
{
    kgw_dict_t *d = kgw_dict_make("expiry", 1 << 20);
    kgw_dict_value_t v = number(7), out;
    EXPECT_EQ(KGW_OK, kgw_dict_set(d, KGW_STR("a"), &v, 1000, 100, 0, &forcible));
    EXPECT_EQ(7, get(d, "a", 1099));
    EXPECT_EQ(-1, get(d, "a", 1101));
    EXPECT_EQ(KGW_OK, kgw_dict_get(d, KGW_STR("a"), 1101, true, &out, &buf, &cap));
    EXPECT(out.is_stale);
    EXPECT_EQ(1, kgw_dict_flush_expired(d, 1101, 0));
    uint64_t ttl;
    EXPECT_EQ(KGW_DECLINED, kgw_dict_ttl(d, KGW_STR("a"), 1101, &ttl));
}

TEST(incr)
{
    kgw_dict_t *d = kgw_dict_make("incr", 1 << 20);
    double n;
    EXPECT_EQ(KGW_DECLINED, kgw_dict_incr(d, KGW_STR("a"), 1, false, 0, 0, 1, &n, &forcible));
    EXPECT_EQ(KGW_OK, kgw_dict_incr(d, KGW_STR("a"), 2, true, 10, 50, 100, &n, &forcible));
    EXPECT_EQ(12, n);
    EXPECT_EQ(KGW_OK, kgw_dict_incr(d, KGW_STR("a"), 1, true, 10, 50, 120, &n, &forcible));
    EXPECT_EQ(13, n);
    EXPECT_EQ(KGW_OK, kgw_dict_incr(d, KGW_STR("a"), 1, true, 10, 50, 151, &n, &forcible));
    EXPECT_EQ(11, n);
    kgw_dict_value_t text = {.type = KGW_DT_STRING, .ptr = "x", .len = 1};
    EXPECT_EQ(KGW_OK, kgw_dict_set(d, KGW_STR("t"), &text, 1, 0, 0, &forcible));
    EXPECT_EQ(KGW_ERROR, kgw_dict_incr(d, KGW_STR("t"), 1, false, 0, 0, 1, &n, &forcible));
}

TEST(lists)
{
    kgw_dict_t *d = kgw_dict_make("lists", 1 << 20);
    uint32_t len;
    for (int i = 1; i <= 3; i++) {
        kgw_dict_value_t v = number(i);
        EXPECT_EQ(KGW_OK, kgw_dict_push(d, KGW_STR("l"), &v, false, 1, &len));
    }
    EXPECT_EQ(3, len);
    kgw_dict_value_t out;
    EXPECT_EQ(KGW_OK, kgw_dict_pop(d, KGW_STR("l"), true, 1, &out, &buf, &cap));
    EXPECT_EQ(1, out.number);
    EXPECT_EQ(KGW_OK, kgw_dict_pop(d, KGW_STR("l"), false, 1, &out, &buf, &cap));
    EXPECT_EQ(3, out.number);
    EXPECT_EQ(KGW_ERROR, kgw_dict_get(d, KGW_STR("l"), 1, false, &out, &buf, &cap));
}

TEST(memory_of_small_values_serves_large_ones)
{
    kgw_dict_t *d = kgw_dict_make("sizes", 1 << 20);
    static char text[3000];
    kgw_dict_value_t small = number(1), large = {.type = KGW_DT_STRING, .ptr = text, .len = sizeof(text)};
    char name[16];
    for (unsigned i = 0; i < 20000; i++) {
        snprintf(name, sizeof(name), "%u", i);
        EXPECT_EQ(KGW_OK, kgw_dict_set(d, kgw_str_c(name), &small, 1, 0, 0, &forcible));
    }
    for (unsigned i = 0; i < 20000; i++) {
        snprintf(name, sizeof(name), "%u", i);
        kgw_dict_delete(d, kgw_str_c(name));
    }
    for (unsigned i = 0; i < 100; i++) {
        snprintf(name, sizeof(name), "%u", i);
        EXPECT_EQ(KGW_OK, kgw_dict_set(d, kgw_str_c(name), &large, 1, 0, 0, &forcible));
        EXPECT(!forcible);
    }
}

#define KEYS 200

TEST(random_operations_against_a_model)
{
    kgw_dict_t *d = kgw_dict_make("model", 4 << 20);
    static double model[KEYS];
    static char text[3000];
    memset(text, 'x', sizeof(text));
    for (int i = 0; i < KEYS; i++) model[i] = -1;
    for (int turn = 0; turn < 50000; turn++) {
        unsigned k = ktest_random() % KEYS;
        char name[16];
        snprintf(name, sizeof(name), "key-%u", k);
        kgw_dict_value_t v = {0};
        switch (ktest_random() % 3) {
        case 0:
            model[k] = ktest_random() % 3000;
            v = ktest_random() % 2 ? number(model[k]) : (kgw_dict_value_t){.type = KGW_DT_STRING, .ptr = text, .len = (size_t)model[k]};
            EXPECT_EQ(KGW_OK, kgw_dict_set(d, kgw_str_c(name), &v, 1, 0, 0, &forcible));
            break;
        case 1:
            kgw_dict_delete(d, kgw_str_c(name));
            model[k] = -1;
            break;
        default: break;
        }
        kgw_dict_value_t out;
        int rc = kgw_dict_get(d, kgw_str_c(name), 1, false, &out, &buf, &cap);
        EXPECT_EQ(model[k] < 0 ? KGW_DECLINED : KGW_OK, rc);
        if (rc == KGW_OK) EXPECT_EQ(model[k], out.type == KGW_DT_STRING ? (double)out.len : out.number);
    }
}

TEST(a_full_dictionary_evicts_the_oldest)
{
    kgw_dict_t *d = kgw_dict_make("small", 256 << 10);
    static char text[2000];
    kgw_dict_value_t v = {.type = KGW_DT_STRING, .ptr = text, .len = sizeof(text)}, out;
    bool any = false;
    char name[16];
    for (unsigned i = 0; i < 2000; i++) {
        snprintf(name, sizeof(name), "%u", i);
        EXPECT_EQ(KGW_OK, kgw_dict_set(d, kgw_str_c(name), &v, 1, 0, 0, &forcible));
        any |= forcible;
        EXPECT_EQ(KGW_OK, kgw_dict_get(d, kgw_str_c(name), 1, false, &out, &buf, &cap));
    }
    EXPECT(any);
    EXPECT_EQ(KGW_DECLINED, kgw_dict_get(d, KGW_STR("0"), 1, false, &out, &buf, &cap));
    EXPECT_EQ(KGW_ENOMEM, kgw_dict_set(d, KGW_STR("safe"), &v, 1, 0, KGW_DICT_SAFE, &forcible));
}

TEST(processes_share_it_and_survive_each_others_death)
{
    kgw_dict_t *d = kgw_dict_make("shared", 1 << 20);
    pid_t pids[3];
    for (int i = 0; i < 3; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            double n;
            for (;;) {
                kgw_dict_incr(d, KGW_STR("n"), 1, true, 0, 0, 1, &n, &forcible);
                kgw_dict_value_t v = number(n);
                kgw_dict_set(d, KGW_STR("m"), &v, 1, 0, 0, &forcible);
            }
        }
    }
    for (int i = 0; i < 3; i++) {
        usleep(20000);
        kill(pids[i], SIGKILL);
        waitpid(pids[i], NULL, 0);
    }
    double n;
    EXPECT_EQ(KGW_OK, kgw_dict_incr(d, KGW_STR("n"), 1, true, 0, 0, 1, &n, &forcible));
    EXPECT(n >= 1);
    kgw_free(buf);
    buf = NULL;
    cap = 0;
}

TEST(slab_gives_and_takes)
{
    size_t size = 1 << 20;
    kgw_slab_t *s = kgw_zalloc(size);
    kgw_slab_init(s, size, true);
    size_t before = kgw_slab_free_bytes(s);
    static struct {
        uint32_t at, len;
        unsigned char mark;
    } held[200];
    for (int turn = 0; turn < 20000; turn++) {
        unsigned i = ktest_random() % 200;
        if (held[i].at) {
            unsigned char *p = kgw_slab_ptr(s, held[i].at);
            for (uint32_t k = 0; k < held[i].len; k += 13) EXPECT_EQ(held[i].mark, p[k]);
            kgw_slab_free(s, held[i].at);
            held[i].at = 0;
        } else {
            held[i].len = 1 + ktest_random() % (ktest_random() % 10 ? 500 : 20000);
            held[i].mark = (unsigned char)ktest_random();
            held[i].at = kgw_slab_alloc(s, held[i].len);
            if (held[i].at) memset(kgw_slab_ptr(s, held[i].at), held[i].mark, held[i].len);
        }
    }
    for (int i = 0; i < 200; i++)
        if (held[i].at) kgw_slab_free(s, held[i].at);
    EXPECT_EQ(before, kgw_slab_free_bytes(s));
    kgw_free(s);
}
