/* Counting semaphores for ngx.semaphore: a count and the coroutines that wait for it, in order. Owned by Lua (ffi.gc). */
#ifndef KGW_VM_SEMA_H
#define KGW_VM_SEMA_H

#include "base/kgw.h"

typedef struct kgw_sema kgw_sema_t;

kgw_sema_t *kgw_sema_new(int count);
/* Nobody waits any more: a waiting coroutine keeps its semaphore alive. */
void kgw_sema_free(kgw_sema_t *s);
/* Takes one. KGW_OK; KGW_AGAIN: the running coroutine waits at most timeout_ms, then its op_rc is KGW_OK or KGW_TIMEOUT;
 * KGW_TIMEOUT: none is there and timeout_ms is 0. */
int kgw_sema_wait(kgw_sema_t *s, uint64_t timeout_ms) KGW_MUST_CHECK;
void kgw_sema_post(kgw_sema_t *s, int n);
/* How many are there; negative: how many coroutines wait. */
int kgw_sema_count(const kgw_sema_t *s);

#endif
