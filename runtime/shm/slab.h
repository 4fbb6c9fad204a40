/*
 * Size-class allocator inside a piece of shared memory: power-of-two-and-a-half classes cut from 4 KiB pages, larger
 * sizes as runs of pages (first fit, merged on free). All links are offsets, so every process may map it anywhere.
 * The caller holds the lock of the memory.
 */
#ifndef KGW_SHM_SLAB_H
#define KGW_SHM_SLAB_H

#include "base/kgw.h"

#define KGW_SLAB_PAGE 4096
#define KGW_SLAB_CLASSES 18

typedef struct {
    uint32_t page_cnt, first_page; /* pages of the run area, offset of its page table index 0 */
    uint32_t free_pages;
    uint32_t class_free[KGW_SLAB_CLASSES]; /* offset of the first free object, 0 none */
    uint32_t base;                         /* offset of page 0 from this struct */
    uint32_t hint;                         /* no page below is free: the lowest pages are used again first, so that a zone touches little memory */
    uint32_t empty_pages;                  /* pages of a class without an object in use: they go back when pages are wanted */
    /* followed by page_cnt words: low 8 bits class+1 or PAGE_* mark, rest run length or objects in use */
    uint32_t pages[];
} kgw_slab_t;

/* Lays a slab over `size` bytes at s. Memory that is known to be zero (a new mapping) is not touched more than needed. */
void kgw_slab_init(kgw_slab_t *s, size_t size, bool is_zero);
/* Offset from s, 0 when there is no room. */
uint32_t kgw_slab_alloc(kgw_slab_t *s, size_t len);
void kgw_slab_free(kgw_slab_t *s, uint32_t at);
static inline void *kgw_slab_ptr(kgw_slab_t *s, uint32_t at) { return (char *)s + at; }
size_t kgw_slab_free_bytes(const kgw_slab_t *s);

#endif
