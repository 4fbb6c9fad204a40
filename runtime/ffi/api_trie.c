/* The loops of the router's index (kong.router.trie builds it): per byte and per list, too short and too many for a trace. */
#include <string.h>

#include "ffi/ffi.h"

typedef struct {
    int32_t label, label_len, list, has_edges;
} node_t;
typedef struct {
    int32_t rank, next, slot;
} entry_t;
typedef struct {
    uint32_t key;
    int32_t node;
} edge_t;

static uint32_t slot_of(uint32_t key, uint32_t mask)
{
    uint32_t h = key ^ key >> 15;
    h *= 0x9e35;
    return (h ^ h >> 13) & mask;
}

/* Appends to cursors the lists along a path from one root; returns how many there are now. */
int kgw_ffi_trie_collect(const void *nodes, const void *edges, uint32_t mask, const uint8_t *blob, int root, const uint8_t *path, int len, int32_t *cursors, int cnt)
{
    const node_t *n = (const node_t *)nodes + root;
    int pos = 0;
    for (;;) {
        if (n->label_len) {
            if (pos + n->label_len > len || memcmp(blob + n->label, path + pos, (size_t)n->label_len) != 0) return cnt;
            pos += n->label_len;
        }
        if (n->list) cursors[cnt++] = n->list;
        if (pos >= len || !n->has_edges) return cnt;
        uint32_t key = (uint32_t)(n - (const node_t *)nodes) * 256 + path[pos];
        const edge_t *table = edges, *e = table + slot_of(key, mask);
        while (e->node && e->key != key) e = table + ((uint32_t)(e - table + 1) & mask);
        if (!e->node) return cnt;
        n = (const node_t *)nodes + e->node;
        pos++;
    }
}

/* Index of the cursor with the lowest rank, -1 when all lists have ended; *slot is that entry's. */
int kgw_ffi_trie_best(const void *entries, const int32_t *cursors, int cnt, int32_t *slot)
{
    int at = -1;
    int32_t lowest = INT32_MAX;
    for (int i = 0; i < cnt; i++) {
        const entry_t *e = (const entry_t *)entries + cursors[i];
        if (e->rank >= lowest) continue;
        lowest = e->rank;
        *slot = e->slot;
        at = i;
    }
    return at;
}

int kgw_ffi_is_ascii(const uint8_t *p, int len)
{
    unsigned char bits = 0;
    for (int i = 0; i < len; i++) bits |= p[i];
    return bits < 0x80;
}
