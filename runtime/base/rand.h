/* A fast generator for ids and jitter (seeded from getrandom, reseeded after fork) and real randomness for secrets. */
#ifndef KGW_BASE_RAND_H
#define KGW_BASE_RAND_H

#include "base/kgw.h"

void kgw_rand_seed(void); /* call in every process after fork */
uint64_t kgw_rand_u64(void);
void kgw_rand_secret(void *out, size_t len); /* getrandom; aborts when the kernel has none */

#endif
