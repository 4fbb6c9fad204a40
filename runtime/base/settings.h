/*
 * What the boot script decided, as text by key ("workers", "listeners.1.ip"): Lua fills it (kgw_ffi_boot_set), proc/conf.c
 * reads it once and validates. Not for the request path.
 */
#ifndef KGW_BASE_SETTINGS_H
#define KGW_BASE_SETTINGS_H

#include "base/kgw.h"

void kgw_settings_clear(void);
void kgw_settings_set(const char *key, const char *value, size_t len);
/* NULL when it is not set. */
const char *kgw_settings_get(const char *key);
const char *kgw_settings_getf(const char *fmt, ...) KGW_PRINTF(1, 2);
int64_t kgw_settings_int(const char *key, int64_t otherwise);
bool kgw_settings_bool(const char *key, bool otherwise); /* "true", "1", "on" */

#endif
