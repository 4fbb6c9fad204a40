/* Settings by key: a small open-addressing table that lives as long as the process. */
#include "base/settings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/freelist.h"

typedef struct {
    char *key, *value;
} entry_t;
static entry_t *entries;
static unsigned cnt, cap;

void kgw_settings_clear(void)
{
    for (unsigned i = 0; i < cnt; i++) {
        kgw_free(entries[i].key);
        kgw_free(entries[i].value);
    }
    cnt = 0;
}

static char *copy(const char *p, size_t len)
{
    char *c = kgw_malloc(len + 1);
    memcpy(c, p, len);
    c[len] = 0;
    return c;
}

void kgw_settings_set(const char *key, const char *value, size_t len)
{
    for (unsigned i = 0; i < cnt; i++) {
        if (strcmp(entries[i].key, key) != 0) continue;
        kgw_free(entries[i].value);
        entries[i].value = copy(value, len);
        return;
    }
    if (cnt == cap) {
        cap = cap ? cap * 2 : 128;
        entries = kgw_realloc(entries, cap * sizeof(*entries));
    }
    entries[cnt].key = copy(key, strlen(key));
    entries[cnt++].value = copy(value, len);
}

const char *kgw_settings_get(const char *key)
{
    for (unsigned i = 0; i < cnt; i++)
        if (strcmp(entries[i].key, key) == 0) return entries[i].value;
    return NULL;
}

const char *kgw_settings_getf(const char *fmt, ...)
{
    char key[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(key, sizeof(key), fmt, ap);
    va_end(ap);
    return kgw_settings_get(key);
}

int64_t kgw_settings_int(const char *key, int64_t otherwise)
{
    const char *v = kgw_settings_get(key);
    if (!v || !*v) return otherwise;
    char *end;
    double n = strtod(v, &end);
    return end == v ? otherwise : (int64_t)n;
}

bool kgw_settings_bool(const char *key, bool otherwise)
{
    const char *v = kgw_settings_get(key);
    if (!v) return otherwise;
    return strcmp(v, "true") == 0 || strcmp(v, "1") == 0 || strcmp(v, "on") == 0;
}
