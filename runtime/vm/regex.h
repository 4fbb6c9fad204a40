/* Compiled regular expressions for ngx.re: PCRE2 with JIT. Owned by Lua, which keeps the cache. */
#ifndef KGW_VM_REGEX_H
#define KGW_VM_REGEX_H

#include "base/kgw.h"

/* The numbers are known to Lua (lua/ngx/re.lua). */
enum {
    KGW_RE_ANCHORED = 1,
    KGW_RE_DFA = 2,
    KGW_RE_DUPNAMES = 4,
    KGW_RE_CASELESS = 8,
    KGW_RE_JAVASCRIPT = 16,
    KGW_RE_MULTILINE = 32,
    KGW_RE_DOTALL = 64,
    KGW_RE_UTF = 128,
    KGW_RE_NO_UTF_CHECK = 256,
    KGW_RE_EXTENDED = 512,
    KGW_RE_JIT = 1024
};

typedef struct kgw_regex kgw_regex_t;

/* NULL: the text in err says why, as OpenResty words it. */
kgw_regex_t *kgw_regex_new(kgw_str_t re, unsigned flags, char *err, size_t err_len);
void kgw_regex_free(kgw_regex_t *x);
unsigned kgw_regex_groups(const kgw_regex_t *x); /* without group 0 */
/* The i-th name and its group; false behind the last. */
bool kgw_regex_name(const kgw_regex_t *x, unsigned i, kgw_str_t *name, int *group);
/* Searches s from byte `at`. Number of pairs set in ov (2 * (groups + 1) ints; -1: unmatched), or PCRE2's negative code
 * (-1: no match). */
int kgw_regex_exec(kgw_regex_t *x, kgw_str_t s, size_t at, int *ov);
/* Limits for all: of the matcher's steps; of the JIT's stack in bytes. */
void kgw_regex_set_match_limit(uint32_t limit);
int kgw_regex_set_jit_stack(size_t bytes);

#endif
