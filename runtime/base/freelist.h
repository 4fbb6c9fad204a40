/*
 * Typed free lists for fixed-size structs. Under ASan every object goes straight to malloc/free so that
 * use after free shows. Objects are not cleared.
 */
#ifndef KGW_BASE_FREELIST_H
#define KGW_BASE_FREELIST_H

#include "base/kgw.h"

typedef struct {
    size_t size;
    unsigned max;    /* kept at the most */
    unsigned free_cnt;
    unsigned live_cnt;
    void *head;
} kgw_freelist_t;

#define KGW_FREELIST(type, keep) ((kgw_freelist_t){sizeof(type), (keep), 0, 0, NULL})
void *kgw_freelist_get(kgw_freelist_t *f) __attribute__((returns_nonnull));
void kgw_freelist_put(kgw_freelist_t *f, void *p);

/* The only heap functions outside base: abort on out of memory; sizes are counted for the zero-malloc test. */
void *kgw_malloc(size_t len) __attribute__((malloc, returns_nonnull));
void *kgw_zalloc(size_t len) __attribute__((malloc, returns_nonnull));
void *kgw_realloc(void *p, size_t len) __attribute__((returns_nonnull));
void kgw_free(void *p);
extern uint64_t kgw_malloc_cnt; /* calls of kgw_malloc/zalloc/realloc in this process */

#endif
