/* See slab.h. Objects up to 2 KiB share pages by class; a page whose objects are all free goes back
 * when another class or a run wants pages. */
#include "shm/slab.h"

#include <string.h>

static const uint16_t sizes[KGW_SLAB_CLASSES] = {16, 24, 32, 48, 64, 80, 96, 128, 160, 192, 256, 320, 384, 512, 768, 1024, 1360, 2048};
enum { PAGE_FREE = 0, PAGE_RUN = 0xfe, PAGE_REST = 0xff };

static unsigned class_of(size_t len)
{
    unsigned c = 0;
    while (c < KGW_SLAB_CLASSES && sizes[c] < len) c++;
    return c;
}

void kgw_slab_init(kgw_slab_t *s, size_t size, bool is_zero)
{
    memset(s, 0, sizeof(*s));
    uint32_t cnt = (uint32_t)((size - sizeof(*s)) / (KGW_SLAB_PAGE + sizeof(uint32_t)));
    size_t head = (sizeof(*s) + cnt * sizeof(uint32_t) + 63) & ~(size_t)63;
    while (cnt && head + (size_t)cnt * KGW_SLAB_PAGE > size) cnt--;
    s->page_cnt = s->free_pages = cnt;
    s->base = (uint32_t)head;
    if (!is_zero) memset(s->pages, 0, cnt * sizeof(uint32_t));
}

static uint32_t find_run(kgw_slab_t *s, uint32_t n)
{
    uint32_t run = 0;
    for (uint32_t i = s->hint; i < s->page_cnt; i++) {
        run = s->pages[i] == PAGE_FREE ? run + 1 : 0;
        if (run == n) return i - n + 1;
    }
    return UINT32_MAX;
}

static uint32_t page_of(const kgw_slab_t *s, uint32_t at) { return (at - s->base) / KGW_SLAB_PAGE; }
static bool is_empty(const kgw_slab_t *s, uint32_t page) { return s->pages[page] >> 8 == 0; }

/* Takes the objects of empty pages off the lists of free objects, then frees the pages. */
static void reclaim(kgw_slab_t *s)
{
    for (unsigned c = 0; c < KGW_SLAB_CLASSES; c++) {
        uint32_t *link = &s->class_free[c];
        while (*link) {
            uint32_t *next = kgw_slab_ptr(s, *link);
            if (is_empty(s, page_of(s, *link))) *link = *next;
            else link = next;
        }
    }
    for (uint32_t i = 0; i < s->page_cnt; i++) {
        uint32_t mark = s->pages[i] & 0xff;
        if (mark == PAGE_FREE || mark == PAGE_RUN || mark == PAGE_REST || !is_empty(s, i)) continue;
        s->pages[i] = PAGE_FREE;
        s->free_pages++;
        if (i < s->hint) s->hint = i;
    }
    s->empty_pages = 0;
}

static uint32_t take_pages(kgw_slab_t *s, uint32_t n, uint32_t mark)
{
    uint32_t at = n > s->free_pages ? UINT32_MAX : find_run(s, n);
    if (at == UINT32_MAX && s->empty_pages) {
        reclaim(s);
        at = n > s->free_pages ? UINT32_MAX : find_run(s, n);
    }
    if (at == UINT32_MAX) return at;
    s->pages[at] = mark;
    for (uint32_t i = 1; i < n; i++) s->pages[at + i] = PAGE_REST;
    s->free_pages -= n;
    if (at == s->hint) s->hint = at + n;
    return at;
}

uint32_t kgw_slab_alloc(kgw_slab_t *s, size_t len)
{
    unsigned c = class_of(len);
    if (c == KGW_SLAB_CLASSES) {
        uint32_t n = (uint32_t)((len + KGW_SLAB_PAGE - 1) / KGW_SLAB_PAGE);
        uint32_t at = take_pages(s, n, PAGE_RUN | n << 8);
        return at == UINT32_MAX ? 0 : s->base + at * KGW_SLAB_PAGE;
    }
    if (!s->class_free[c]) {
        uint32_t at = take_pages(s, 1, c + 1);
        if (at == UINT32_MAX) return 0;
        s->empty_pages++;
        uint32_t first = s->base + at * KGW_SLAB_PAGE;
        for (uint32_t off = 0; off + sizes[c] <= KGW_SLAB_PAGE; off += sizes[c]) {
            *(uint32_t *)kgw_slab_ptr(s, first + off) = s->class_free[c];
            s->class_free[c] = first + off;
        }
    }
    uint32_t got = s->class_free[c], page = page_of(s, got);
    s->class_free[c] = *(uint32_t *)kgw_slab_ptr(s, got);
    if (is_empty(s, page)) s->empty_pages--;
    s->pages[page] += 1 << 8;
    return got;
}

void kgw_slab_free(kgw_slab_t *s, uint32_t at)
{
    uint32_t page = page_of(s, at);
    uint32_t mark = s->pages[page] & 0xff;
    if (mark == PAGE_RUN) {
        uint32_t n = s->pages[page] >> 8;
        for (uint32_t i = 0; i < n; i++) s->pages[page + i] = PAGE_FREE;
        s->free_pages += n;
        if (page < s->hint) s->hint = page;
        return;
    }
    unsigned c = mark - 1;
    *(uint32_t *)kgw_slab_ptr(s, at) = s->class_free[c];
    s->class_free[c] = at;
    s->pages[page] -= 1 << 8;
    if (is_empty(s, page)) s->empty_pages++;
}

size_t kgw_slab_free_bytes(const kgw_slab_t *s) { return (size_t)(s->free_pages + s->empty_pages) * KGW_SLAB_PAGE; }
