/* Time cached per loop turn, so that a request asks the kernel at most once per turn. */
#ifndef KGW_BASE_CLOCK_H
#define KGW_BASE_CLOCK_H

#include "base/kgw.h"

typedef struct {
    uint64_t mono_ms;  /* CLOCK_MONOTONIC */
    uint64_t wall_ms;  /* CLOCK_REALTIME */
    char http_date[32];   /* "Sun, 06 Nov 1994 08:49:37 GMT" of wall_ms */
    uint64_t http_date_s; /* second http_date was made for */
} kgw_clock_t;

extern kgw_clock_t kgw_clock;
/* Reads the kernel's clocks. Called by the loop once per turn and by ngx.update_time. */
void kgw_clock_update(void);
uint64_t kgw_clock_mono_us(void); /* uncached, for CPU budgets and fine timings */
/* The Date header's text for the cached wall clock; 29 bytes. */
kgw_str_t kgw_clock_http_date(void);
/* Formats any time; out has at least 30 bytes; returns 29. */
size_t kgw_http_time(char *out, int64_t seconds);
/* Parses the three HTTP date forms; KGW_ERROR when it is none of them. */
int kgw_http_time_parse(kgw_str_t s, int64_t *seconds) KGW_MUST_CHECK;

#endif
