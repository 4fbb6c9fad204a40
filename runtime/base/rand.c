/* xoshiro256** seeded from the kernel. */
#include "base/rand.h"

#include <sys/random.h>

static uint64_t s[4];

void kgw_rand_secret(void *out, size_t len)
{
    char *p = out;
    while (len) {
        ssize_t n = getrandom(p, len, 0);
        if (n <= 0) continue;
        p += n;
        len -= (size_t)n;
    }
}

void kgw_rand_seed(void) { kgw_rand_secret(s, sizeof(s)); }

static inline uint64_t rotl(uint64_t x, int k) { return x << k | x >> (64 - k); }

uint64_t kgw_rand_u64(void)
{
    if (unlikely(!(s[0] | s[1] | s[2] | s[3]))) kgw_rand_seed();
    uint64_t result = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}
