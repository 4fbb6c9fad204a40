/* Process, time, text, digests, log. */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/md5.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/log_ring.h"
#include "base/rand.h"
#include "base/settings.h"
#include "base/str.h"
#include "ffi/ffi.h"

const kgw_ffi_cur_t *kgw_ffi_cur(void) { return (const kgw_ffi_cur_t *)&kgw_cur; }
void kgw_ffi_boot_set(const char *key, const char *value, size_t len) { kgw_settings_set(key, value, len); }

void kgw_ffi_boot_clear(void) { kgw_settings_clear(); }

int kgw_ffi_boot_log(const char *path, int level)
{
    kgw_log_level = level;
    return kgw_log_open(path);
}

int kgw_ffi_worker_id(void) { return kgw_vm && kgw_vm->is_worker ? (int)kgw_vm->worker_id : -1; }
int kgw_ffi_worker_count(void) { return kgw_vm && kgw_vm->worker_cnt ? (int)kgw_vm->worker_cnt : (int)kgw_settings_int("workers", 1); }
int kgw_ffi_worker_exiting(void) { return kgw_vm && kgw_vm->is_exiting; }
void kgw_ffi_hooked_phases(uint32_t mask) { kgw_hooked_phases = mask; }

void kgw_ffi_conn_stats(uint64_t *out)
{
    out[0] = kgw_conn_stats.accepted;
    out[1] = kgw_conn_stats.handled;
    out[2] = kgw_conn_stats.requests;
    out[3] = kgw_conn_stats.active;
    out[4] = kgw_req_live_cnt;
}

void kgw_ffi_log(int level, const char *ptr, size_t len)
{
    if (level <= kgw_log_level) kgw_log_write(level, ptr, len);
}

int kgw_ffi_log_level(int level)
{
    int before = kgw_log_level;
    if (level >= 0) kgw_log_level = level;
    return before;
}

int kgw_ffi_log_ring_open(size_t bytes) { return kgw_log_ring_open(bytes); }

int kgw_ffi_log_ring_level(int level)
{
    if (!kgw_log_ring_is_open()) return KGW_DECLINED;
    if (level >= 0) kgw_log_ring_level(level);
    return KGW_OK;
}

long kgw_ffi_log_ring_take(char *out, size_t max, int *level, double *time) { return out && level && time ? kgw_log_ring_take(out, max, level, time) : -1; }

double kgw_ffi_now(void)
{
    if (!kgw_clock.wall_ms) kgw_clock_update();
    return (double)kgw_clock.wall_ms / 1000.0;
}

double kgw_ffi_update_time(void)
{
    kgw_clock_update();
    return (double)kgw_clock.wall_ms / 1000.0;
}

uint64_t kgw_ffi_mono_us(void) { return kgw_clock_mono_us(); }
size_t kgw_ffi_http_time(double seconds, char *out) { return kgw_http_time(out, (int64_t)seconds); }

int kgw_ffi_parse_http_time(const char *ptr, size_t len, double *out)
{
    int64_t s;
    int rc = kgw_http_time_parse(kgw_str(ptr, len), &s);
    if (rc == KGW_OK) *out = (double)s;
    return rc;
}

size_t kgw_ffi_escape_uri(const char *ptr, size_t len, int type, char *out) { return kgw_uri_escape(out, ptr, len, type); }
size_t kgw_ffi_unescape_uri(const char *ptr, size_t len, int plus, char *out) { return kgw_uri_unescape(out, ptr, len, plus); }

size_t kgw_ffi_base64_encode(const char *ptr, size_t len, char *out, int url, int pad)
{
    static const char std[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const char *t = url ? safe : std;
    const unsigned char *p = (const unsigned char *)ptr;
    size_t n = 0;
    for (; len >= 3; len -= 3, p += 3) {
        out[n++] = t[p[0] >> 2];
        out[n++] = t[(p[0] & 3) << 4 | p[1] >> 4];
        out[n++] = t[(p[1] & 15) << 2 | p[2] >> 6];
        out[n++] = t[p[2] & 63];
    }
    if (len) {
        out[n++] = t[p[0] >> 2];
        out[n++] = t[(p[0] & 3) << 4 | (len > 1 ? p[1] >> 4 : 0)];
        if (len > 1) out[n++] = t[(p[1] & 15) << 2];
        else if (pad) out[n++] = '=';
        if (pad) out[n++] = '=';
    }
    return n;
}

static int value64(unsigned char c, int url)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == (url ? '-' : '+')) return 62;
    if (c == (url ? '_' : '/')) return 63;
    return -1;
}

int kgw_ffi_base64_decode(const char *ptr, size_t len, char *out, int url)
{
    while (len && ptr[len - 1] == '=') len--;
    if (len % 4 == 1) return -1;
    int n = 0;
    uint32_t acc = 0;
    for (size_t i = 0; i < len; i++) {
        int v = value64((unsigned char)ptr[i], url);
        if (v < 0) return -1;
        acc = acc << 6 | (uint32_t)v;
        if (i % 4 == 3) {
            out[n++] = (char)(acc >> 16);
            out[n++] = (char)(acc >> 8);
            out[n++] = (char)acc;
            acc = 0;
        }
    }
    if (len % 4 == 2) out[n++] = (char)(acc >> 4);
    if (len % 4 == 3) {
        out[n++] = (char)(acc >> 10);
        out[n++] = (char)(acc >> 2);
    }
    return n;
}

void kgw_ffi_md5(const char *ptr, size_t len, char *out) { EVP_Digest(ptr, len, (unsigned char *)out, NULL, EVP_md5(), NULL); }
void kgw_ffi_sha1(const char *ptr, size_t len, char *out) { EVP_Digest(ptr, len, (unsigned char *)out, NULL, EVP_sha1(), NULL); }

void kgw_ffi_hmac_sha1(const char *key, size_t key_len, const char *ptr, size_t len, char *out)
{
    HMAC(EVP_sha1(), key, (int)key_len, (const unsigned char *)ptr, len, (unsigned char *)out, NULL);
}

uint32_t kgw_ffi_crc32(const char *ptr, size_t len) { return (uint32_t)crc32(crc32(0, NULL, 0), (const unsigned char *)ptr, (unsigned)len); }

int kgw_ffi_random(char *out, size_t len)
{
    kgw_rand_secret(out, len);
    return KGW_OK;
}
