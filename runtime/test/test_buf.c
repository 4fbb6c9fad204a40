/* base/buf: chains of slices against a plain byte string. */
#include "base/buf.h"

#include "base/str.h"
#include "ktest.h"

static char model[1 << 20];
static size_t model_len;

static void compare(const kgw_chain_t *c)
{
    static char out[1 << 20];
    EXPECT_EQ(model_len, c->bytes);
    kgw_chain_copy_out(c, out, c->bytes);
    EXPECT(memcmp(out, model, model_len) == 0);
}

TEST(random_operations_keep_the_bytes)
{
    static char random_bytes[40000];
    for (size_t i = 0; i < sizeof(random_bytes); i++) random_bytes[i] = (char)ktest_random();
    kgw_chain_t c, other;
    kgw_chain_init(&c);
    kgw_chain_init(&other);
    for (int turn = 0; turn < 2000; turn++) {
        size_t n = ktest_random() % 3000;
        const char *p = random_bytes + ktest_random() % (sizeof(random_bytes) - 3000);
        switch (ktest_random() % 4) {
        case 0:
            if (model_len + n > sizeof(model)) break;
            kgw_chain_add_copy(&c, p, n);
            memcpy(model + model_len, p, n);
            model_len += n;
            break;
        case 1:
            if (model_len + n > sizeof(model)) break;
            kgw_chain_add_static(&c, p, n);
            memcpy(model + model_len, p, n);
            model_len += n;
            break;
        case 2:
            if (n > model_len) n = model_len;
            kgw_chain_drop(&c, n);
            memmove(model, model + n, model_len - n);
            model_len -= n;
            break;
        default: /* there and back again */
            kgw_chain_move_bytes(&other, &c, n);
            kgw_chain_move(&other, &c);
            kgw_chain_move(&c, &other);
            break;
        }
        compare(&c);
    }
    kgw_chain_fini(&c);
    kgw_chain_fini(&other);
}

TEST(slices_of_a_block_keep_it_alive)
{
    kgw_chain_t c;
    kgw_chain_init(&c);
    kgw_block_t *b = kgw_block_new();
    memcpy(b->data, "hello", 5);
    kgw_chain_add_block(&c, b, b->data, 5);
    EXPECT_EQ(2, b->refs);
    kgw_block_unref(b);
    struct iovec iov[2];
    EXPECT_EQ(1, kgw_chain_iov(&c, iov, 2));
    EXPECT(iov[0].iov_len == 5 && memcmp(iov[0].iov_base, "hello", 5) == 0);
    kgw_chain_fini(&c);
}
