/* Small functions on kgw_str_t: compare, search, numbers, hex. No allocation, no locale. */
#ifndef KGW_BASE_STR_H
#define KGW_BASE_STR_H

#include <string.h>

#include "base/kgw.h"

static inline kgw_str_t kgw_str(const char *ptr, size_t len) { return (kgw_str_t){ptr, len}; }
static inline kgw_str_t kgw_str_c(const char *z) { return (kgw_str_t){z, z ? strlen(z) : 0}; }
static inline bool kgw_str_eq(kgw_str_t a, kgw_str_t b) { return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0); }
static inline char kgw_lower(char c) { return (c >= 'A' && c <= 'Z') ? (char)(c | 0x20) : c; }
/* ASCII case-insensitive. */
bool kgw_str_ieq(kgw_str_t a, kgw_str_t b);
/* True when the comma-separated list s has the token (case-insensitive, blanks around ignored). */
bool kgw_str_has_token(kgw_str_t s, kgw_str_t token);
/* Takes the next comma-separated item (blanks trimmed) off the front of *s; false at the end. */
bool kgw_str_next_item(kgw_str_t *s, kgw_str_t *item);
kgw_str_t kgw_str_trim(kgw_str_t s);
/* Position of c or -1. */
ptrdiff_t kgw_str_find(kgw_str_t s, char c);
/* Digits only, no sign or blank, no overflow; KGW_ERROR otherwise. */
int kgw_str_to_u64(kgw_str_t s, uint64_t *out) KGW_MUST_CHECK;
/* Decimal digits of v written to out (at least 20 bytes); returns their number. */
size_t kgw_u64_dec(char *out, uint64_t v);
/* Lower-case hex without leading zeros (at least 16 bytes). */
size_t kgw_u64_hex(char *out, uint64_t v);
/* 2*len lower-case hex digits. */
void kgw_hex(char *out, const void *bytes, size_t len);
/* Case-insensitive 32-bit hash, seeded once per process by kgw_hash_seed. */
uint32_t kgw_str_ihash(kgw_str_t s);
uint32_t kgw_str_hash(kgw_str_t s);
void kgw_hash_seed(uint32_t seed);

#endif
