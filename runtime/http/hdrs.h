/*
 * Ordered header table in an arena: original order and case kept, several fields of one name allowed.
 * Names and values point into the read block or the arena; the owner of both keeps them alive.
 * "Find" is linear: by token id where the name is well known, else by (length, case-insensitive hash).
 */
#ifndef KGW_HTTP_HDRS_H
#define KGW_HTTP_HDRS_H

#include "base/arena.h"
#include "http/token.h"

typedef struct {
    kgw_str_t name;
    kgw_str_t value;
    uint32_t hash;    /* kgw_str_ihash(name), '_' not folded */
    uint16_t token;   /* KGW_TOK_NONE when the name is not well known */
    uint8_t removed;   /* skipped by every function; slots are not moved */
    uint8_t is_theirs; /* in a response: the upstream sent it */
} kgw_hdr_t;

typedef struct {
    kgw_hdr_t *list;
    uint32_t cnt, cap; /* cnt includes removed ones */
    uint32_t live_cnt;
    kgw_arena_t *arena;
} kgw_hdrs_t;

void kgw_hdrs_init(kgw_hdrs_t *h, kgw_arena_t *arena);
/* Adds at the end; name and value are not copied. Returns the slot (valid until the next add). */
kgw_hdr_t *kgw_hdrs_add(kgw_hdrs_t *h, kgw_str_t name, kgw_str_t value);
/* As add for a well-known name whose token the caller has. Name text is the token's canonical spelling. */
kgw_hdr_t *kgw_hdrs_add_token(kgw_hdrs_t *h, unsigned token, kgw_str_t value);
/* First live field of that name (case-insensitive), NULL when none. */
kgw_hdr_t *kgw_hdrs_find(const kgw_hdrs_t *h, kgw_str_t name);
kgw_hdr_t *kgw_hdrs_find_token(const kgw_hdrs_t *h, unsigned token);
/* Next live field of the same name after `at`, NULL at the end. */
kgw_hdr_t *kgw_hdrs_next_same(const kgw_hdrs_t *h, const kgw_hdr_t *at);
/* Replaces the first field of that name (keeping its place) and removes the others; adds when there is none. */
void kgw_hdrs_set(kgw_hdrs_t *h, kgw_str_t name, kgw_str_t value);
void kgw_hdrs_set_token(kgw_hdrs_t *h, unsigned token, kgw_str_t value);
/* Removes all fields of that name; returns how many. */
unsigned kgw_hdrs_remove(kgw_hdrs_t *h, kgw_str_t name);
unsigned kgw_hdrs_remove_token(kgw_hdrs_t *h, unsigned token);
void kgw_hdrs_remove_at(kgw_hdrs_t *h, kgw_hdr_t *at);
/* All values of a name joined by ", " (in the arena when there are several); ptr NULL when none. */
kgw_str_t kgw_hdrs_joined(const kgw_hdrs_t *h, kgw_str_t name);
#define kgw_hdrs_foreach(it, h) \
    for (kgw_hdr_t *it = (h)->list; it < (h)->list + (h)->cnt; it++) if (!it->removed)

#endif
