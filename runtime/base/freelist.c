/* Free lists and the counted heap. */
#include "base/freelist.h"

#include <stdlib.h>
#include <string.h>

uint64_t kgw_malloc_cnt;

void *kgw_malloc(size_t len)
{
    kgw_malloc_cnt++;
    void *p = malloc(len ? len : 1);
    KGW_ASSERT(p);
    return p;
}

void *kgw_zalloc(size_t len)
{
    kgw_malloc_cnt++;
    void *p = calloc(1, len ? len : 1);
    KGW_ASSERT(p);
    return p;
}

void *kgw_realloc(void *old, size_t len)
{
    kgw_malloc_cnt++;
    void *p = realloc(old, len ? len : 1);
    KGW_ASSERT(p);
    return p;
}

void kgw_free(void *p) { free(p); }

void *kgw_freelist_get(kgw_freelist_t *f)
{
    f->live_cnt++;
    if (f->head) {
        void *p = f->head;
        f->head = *(void **)p;
        f->free_cnt--;
        return p;
    }
    return kgw_malloc(f->size);
}

void kgw_freelist_put(kgw_freelist_t *f, void *p)
{
    f->live_cnt--;
#ifndef __SANITIZE_ADDRESS__
    if (f->free_cnt < f->max) {
        *(void **)p = f->head;
        f->head = p;
        f->free_cnt++;
        return;
    }
#endif
    kgw_free(p);
}
