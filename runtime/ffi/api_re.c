/* Regular expressions for ngx.re, semaphores for ngx.semaphore. */
#include "base/str.h"
#include "ffi/ffi.h"
#include "vm/regex.h"
#include "vm/sema.h"

void *kgw_ffi_re_compile(const char *re, size_t len, uint32_t flags, char *err, size_t err_len, int *groups)
{
    kgw_regex_t *x = kgw_regex_new(kgw_str(re, len), flags, err, err_len);
    if (x) *groups = (int)kgw_regex_groups(x);
    return x;
}

void kgw_ffi_re_free(void *re) { kgw_regex_free(re); }

/* The group of the i-th name, 0 behind the last. */
int kgw_ffi_re_name(void *re, int i, kgw_ffi_str_t *name)
{
    kgw_str_t n;
    int group;
    if (!kgw_regex_name(re, (unsigned)i, &n, &group)) return 0;
    put(name, n);
    return group;
}

int kgw_ffi_re_exec(void *re, const char *s, size_t len, size_t at, int *ov) { return kgw_regex_exec(re, kgw_str(s, len), at, ov); }
void kgw_ffi_re_match_limit(uint32_t limit) { kgw_regex_set_match_limit(limit); }
int kgw_ffi_re_jit_stack(size_t bytes) { return kgw_regex_set_jit_stack(bytes); }

void *kgw_ffi_sema_new(int count) { return kgw_sema_new(count); }
void kgw_ffi_sema_free(void *s) { kgw_sema_free(s); }
int kgw_ffi_sema_wait(void *s, double seconds) { return kgw_sema_wait(s, seconds > 0 ? (uint64_t)(seconds * 1000 + 0.5) : 0); }
void kgw_ffi_sema_post(void *s, int n) { kgw_sema_post(s, n); }
int kgw_ffi_sema_count(void *s) { return kgw_sema_count(s); }
int kgw_ffi_op_rc(void) { return kgw_cur.co ? kgw_cur.co->op_rc : KGW_ERROR; }
