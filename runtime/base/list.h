/*
 * Intrusive doubly linked list. The head is a node; an empty list points at itself; a node that is in
 * no list points at itself too, so kgw_list_remove is safe twice.
 */
#ifndef KGW_BASE_LIST_H
#define KGW_BASE_LIST_H

#include "base/kgw.h"

typedef struct kgw_list {
    struct kgw_list *next, *prev;
} kgw_list_t;

static inline void kgw_list_init(kgw_list_t *l) { l->next = l->prev = l; }
static inline bool kgw_list_is_empty(const kgw_list_t *l) { return l->next == l; }
static inline void kgw_list_add_after(kgw_list_t *at, kgw_list_t *n)
{
    n->next = at->next;
    n->prev = at;
    at->next->prev = n;
    at->next = n;
}
static inline void kgw_list_push_front(kgw_list_t *l, kgw_list_t *n) { kgw_list_add_after(l, n); }
static inline void kgw_list_push_back(kgw_list_t *l, kgw_list_t *n) { kgw_list_add_after(l->prev, n); }
static inline void kgw_list_remove(kgw_list_t *n)
{
    n->next->prev = n->prev;
    n->prev->next = n->next;
    n->next = n->prev = n;
}
/* First node removed, NULL when empty. */
static inline kgw_list_t *kgw_list_pop_front(kgw_list_t *l)
{
    kgw_list_t *n = l->next;
    if (n == l) return NULL;
    kgw_list_remove(n);
    return n;
}
/* Moves all nodes of `from` to the end of `to`. */
static inline void kgw_list_splice(kgw_list_t *to, kgw_list_t *from)
{
    if (kgw_list_is_empty(from)) return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    kgw_list_init(from);
}
#define kgw_list_foreach(it, l) for (kgw_list_t *it = (l)->next; it != (l); it = it->next)
#define kgw_list_foreach_safe(it, l) \
    for (kgw_list_t *it = (l)->next, *it##_next = it->next; it != (l); it = it##_next, it##_next = it->next)

#endif
