/*
 * The last lines of the error log of this process, for plugins that read them (directive lua_capture_error_log). Off unless
 * opened; then a ring of a fixed size, where new lines push out the oldest ones.
 */
#ifndef KGW_BASE_LOG_RING_H
#define KGW_BASE_LOG_RING_H

#include "base/kgw.h"

#define KGW_LOG_RING_MAX (64u << 20)

/* bytes: 0 turns it off; what was kept is dropped. KGW_ERROR when there is no memory for it or it is out of range. */
int kgw_log_ring_open(size_t bytes);
bool kgw_log_ring_is_open(void);
/* Only lines of this level or worse are kept. */
void kgw_log_ring_level(int level);
/* A line without its newline, and when it was written (seconds since 1970). Longer lines than the ring are dropped. */
void kgw_log_ring_add(int level, double time, const char *ptr, size_t len);
/* Takes the oldest line out: its length (cut to `max`), or -1 when there is none. */
long kgw_log_ring_take(char *out, size_t max, int *level, double *time);

#endif
