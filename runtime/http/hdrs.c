/* See hdrs.h. */
#include "http/hdrs.h"

#include <string.h>

#include "base/str.h"

void kgw_hdrs_init(kgw_hdrs_t *h, kgw_arena_t *arena)
{
    static kgw_hdr_t none[1]; /* so that an empty table can be walked */
    memset(h, 0, sizeof(*h));
    h->list = none;
    h->arena = arena;
}

static kgw_hdr_t *slot(kgw_hdrs_t *h)
{
    if (h->cnt == h->cap) {
        uint32_t cap = h->cap ? h->cap * 2 : 24;
        kgw_hdr_t *list = kgw_arena_alloc(h->arena, cap * sizeof(*list));
        if (h->cnt) memcpy(list, h->list, h->cnt * sizeof(*list));
        h->list = list;
        h->cap = cap;
    }
    h->live_cnt++;
    return &h->list[h->cnt++];
}

kgw_hdr_t *kgw_hdrs_add(kgw_hdrs_t *h, kgw_str_t name, kgw_str_t value)
{
    kgw_hdr_t *x = slot(h);
    x->name = name;
    x->value = value;
    x->token = (uint16_t)kgw_token_find(name.ptr, name.len);
    x->hash = x->token ? 0 : kgw_str_ihash(name);
    x->removed = 0;
    x->is_theirs = 0;
    return x;
}

kgw_hdr_t *kgw_hdrs_add_token(kgw_hdrs_t *h, unsigned token, kgw_str_t value)
{
    kgw_hdr_t *x = slot(h);
    x->name = kgw_token_name(token);
    x->value = value;
    x->token = (uint16_t)token;
    x->hash = 0;
    x->removed = 0;
    x->is_theirs = 0;
    return x;
}

static kgw_hdr_t *find_from(const kgw_hdrs_t *h, kgw_hdr_t *from, unsigned token, uint32_t hash, kgw_str_t name)
{
    for (kgw_hdr_t *x = from; x < h->list + h->cnt; x++) {
        if (x->removed) continue;
        if (token ? x->token == token : !x->token && x->hash == hash && kgw_str_ieq(x->name, name)) return x;
    }
    return NULL;
}

kgw_hdr_t *kgw_hdrs_find(const kgw_hdrs_t *h, kgw_str_t name)
{
    unsigned token = kgw_token_find(name.ptr, name.len);
    return find_from(h, h->list, token, token ? 0 : kgw_str_ihash(name), name);
}

kgw_hdr_t *kgw_hdrs_find_token(const kgw_hdrs_t *h, unsigned token) { return find_from(h, h->list, token, 0, KGW_STR_NULL); }

kgw_hdr_t *kgw_hdrs_next_same(const kgw_hdrs_t *h, const kgw_hdr_t *at) { return find_from(h, h->list + (at - h->list) + 1, at->token, at->hash, at->name); }

void kgw_hdrs_remove_at(kgw_hdrs_t *h, kgw_hdr_t *at)
{
    at->removed = 1;
    h->live_cnt--;
}

static void set(kgw_hdrs_t *h, kgw_hdr_t *first, kgw_str_t value)
{
    first->value = value;
    kgw_hdr_t *x = first;
    while ((x = kgw_hdrs_next_same(h, x)) != NULL) kgw_hdrs_remove_at(h, x);
}

void kgw_hdrs_set(kgw_hdrs_t *h, kgw_str_t name, kgw_str_t value)
{
    kgw_hdr_t *x = kgw_hdrs_find(h, name);
    if (!x) {
        kgw_hdrs_add(h, name, value);
        return;
    }
    x->name = name;
    set(h, x, value);
}

void kgw_hdrs_set_token(kgw_hdrs_t *h, unsigned token, kgw_str_t value)
{
    kgw_hdr_t *x = kgw_hdrs_find_token(h, token);
    if (x) set(h, x, value);
    else kgw_hdrs_add_token(h, token, value);
}

static unsigned remove_from(kgw_hdrs_t *h, kgw_hdr_t *x)
{
    unsigned n = 0;
    while (x) {
        kgw_hdr_t *next = kgw_hdrs_next_same(h, x);
        kgw_hdrs_remove_at(h, x);
        n++;
        x = next;
    }
    return n;
}

unsigned kgw_hdrs_remove(kgw_hdrs_t *h, kgw_str_t name) { return remove_from(h, kgw_hdrs_find(h, name)); }
unsigned kgw_hdrs_remove_token(kgw_hdrs_t *h, unsigned token) { return remove_from(h, kgw_hdrs_find_token(h, token)); }

kgw_str_t kgw_hdrs_joined(const kgw_hdrs_t *h, kgw_str_t name)
{
    kgw_hdr_t *first = kgw_hdrs_find(h, name);
    if (!first) return KGW_STR_NULL;
    kgw_hdr_t *second = kgw_hdrs_next_same(h, first);
    if (!second) return first->value;
    const char *sep = first->token == KGW_TOK_COOKIE ? "; " : ", ";
    size_t len = first->value.len;
    for (kgw_hdr_t *x = second; x; x = kgw_hdrs_next_same(h, x)) len += 2 + x->value.len;
    char *p = kgw_arena_bytes(h->arena, len), *at = p;
    for (kgw_hdr_t *x = first; x; x = kgw_hdrs_next_same(h, x)) {
        if (x != first) {
            memcpy(at, sep, 2);
            at += 2;
        }
        memcpy(at, x->value.ptr, x->value.len);
        at += x->value.len;
    }
    return kgw_str(p, len);
}
