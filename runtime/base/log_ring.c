/* The last lines of the error log. */
#include "base/log_ring.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"

/* Before every line in the ring. */
typedef struct {
    double time;
    int level;
    uint32_t len;
} entry_t;

static char *bytes;
static size_t size, head, used; /* head: the oldest byte */
static int worst_kept = KGW_LOG_DEBUG;

int kgw_log_ring_open(size_t wanted)
{
    if (wanted > KGW_LOG_RING_MAX) return KGW_ERROR;
    char *fresh = wanted ? malloc(wanted) : NULL;
    if (wanted && !fresh) return KGW_ERROR;
    free(bytes);
    bytes = fresh;
    size = wanted;
    head = used = 0;
    return KGW_OK;
}

bool kgw_log_ring_is_open(void) { return bytes != NULL; }
void kgw_log_ring_level(int level) { worst_kept = level; }

static void put(const void *from, size_t len)
{
    size_t at = (head + used) % size, first = len < size - at ? len : size - at;
    memcpy(bytes + at, from, first);
    memcpy(bytes, (const char *)from + first, len - first);
    used += len;
}

/* `to` may be NULL: the bytes are passed over. */
static void get(void *to, size_t len)
{
    size_t first = len < size - head ? len : size - head;
    if (to) {
        memcpy(to, bytes + head, first);
        memcpy((char *)to + first, bytes, len - first);
    }
    head = (head + len) % size;
    used -= len;
}

static void drop_oldest(void)
{
    entry_t e;
    get(&e, sizeof(e));
    get(NULL, e.len);
}

void kgw_log_ring_add(int level, double time, const char *ptr, size_t len)
{
    entry_t e = {.time = time, .level = level, .len = (uint32_t)len};
    if (!bytes || level > worst_kept || len > size || sizeof(e) + len > size) return;
    while (size - used < sizeof(e) + len) drop_oldest();
    put(&e, sizeof(e));
    put(ptr, len);
}

long kgw_log_ring_take(char *out, size_t max, int *level, double *time)
{
    entry_t e;
    if (!bytes || !used) return -1;
    get(&e, sizeof(e));
    size_t n = e.len < max ? e.len : max;
    get(out, n);
    get(NULL, e.len - n);
    *level = e.level;
    *time = e.time;
    return (long)n;
}
