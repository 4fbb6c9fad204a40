/* Cached clocks and HTTP dates. */
#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

kgw_clock_t kgw_clock;

static uint64_t read_ms(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

void kgw_clock_update(void)
{
    kgw_clock.mono_ms = read_ms(CLOCK_MONOTONIC);
    kgw_clock.wall_ms = read_ms(CLOCK_REALTIME);
}

uint64_t kgw_clock_mono_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static const char days[] = "SunMonTueWedThuFriSat";
static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

size_t kgw_http_time(char *out, int64_t seconds)
{
    time_t t = (time_t)seconds;
    struct tm tm;
    if (!gmtime_r(&t, &tm)) memset(&tm, 0, sizeof(tm));
    char text[64];
    int n = snprintf(text, sizeof(text), "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days + tm.tm_wday * 3, tm.tm_mday, months + tm.tm_mon * 3, tm.tm_year + 1900, tm.tm_hour,
                     tm.tm_min, tm.tm_sec);
    if (n > 29) n = 29;
    memcpy(out, text, (size_t)n);
    out[n] = 0;
    return (size_t)n;
}

kgw_str_t kgw_clock_http_date(void)
{
    uint64_t s = kgw_clock.wall_ms / 1000;
    if (s != kgw_clock.http_date_s) {
        kgw_clock.http_date_s = s;
        kgw_http_time(kgw_clock.http_date, (int64_t)s);
    }
    return (kgw_str_t){kgw_clock.http_date, 29};
}

int kgw_http_time_parse(kgw_str_t s, int64_t *seconds)
{
    static const char *const forms[] = {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y"};
    char text[64];
    if (s.len >= sizeof(text)) return KGW_ERROR;
    memcpy(text, s.ptr, s.len);
    text[s.len] = 0;
    for (size_t i = 0; i < KGW_ARRAY_LEN(forms); i++) {
        struct tm tm;
        memset(&tm, 0, sizeof(tm));
        char *end = strptime(text, forms[i], &tm);
        if (!end || *end) continue;
        *seconds = (int64_t)timegm(&tm);
        return KGW_OK;
    }
    return KGW_ERROR;
}
