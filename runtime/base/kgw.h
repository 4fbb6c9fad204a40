/*
 * Names every layer shares: return codes, likely(), container_of and the forward names of the types.
 * Included by every header; includes nothing of ours.
 */
#ifndef KGW_BASE_KGW_H
#define KGW_BASE_KGW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Return codes. Functions that return int return one of these unless they say otherwise. */
enum {
    KGW_OK = 0,
    KGW_ERROR = -1,
    KGW_AGAIN = -2,    /* not finished; somebody will call back. Never an error. */
    KGW_DONE = -4,
    KGW_DECLINED = -5, /* not found, not applicable */
    KGW_ENOMEM = -6,   /* a size that came from a user did not fit */
    KGW_TIMEOUT = -7,
    KGW_CLOSED = -8,
};

#define KGW_MUST_CHECK __attribute__((warn_unused_result))
#define KGW_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#define KGW_EXPORT __attribute__((visibility("default"), used))

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define KGW_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

typedef struct kgw_worker kgw_worker_t;
typedef struct kgw_loop kgw_loop_t;
typedef struct kgw_io kgw_io_t;
typedef struct kgw_tls kgw_tls_t;
typedef struct kgw_tls_ctx kgw_tls_ctx_t;
typedef struct kgw_conn kgw_conn_t;
typedef struct kgw_req kgw_req_t;
typedef struct kgw_peer kgw_peer_t;
typedef struct kgw_pool kgw_pool_t;
typedef struct kgw_co kgw_co_t;
typedef struct kgw_op kgw_op_t;
typedef struct kgw_vm kgw_vm_t;
typedef struct kgw_dict kgw_dict_t;
typedef struct kgw_zone kgw_zone_t;

/* A piece of memory that somebody else owns; not zero-terminated. */
typedef struct {
    const char *ptr;
    size_t len;
} kgw_str_t;

#define KGW_STR(literal) ((kgw_str_t){"" literal, sizeof(literal) - 1})
#define KGW_STR_NULL ((kgw_str_t){NULL, 0})

/* The program says it cannot go on: writes a crash report and aborts (the master respawns the worker). */
void kgw_panic(const char *file, int line, const char *what) __attribute__((noreturn, cold));
#define KGW_ASSERT(cond) \
    do { \
        if (unlikely(!(cond))) kgw_panic(__FILE__, __LINE__, #cond); \
    } while (0)
#ifdef KGW_DEBUG
#define KGW_DCHECK(cond) KGW_ASSERT(cond)
#else
#define KGW_DCHECK(cond) ((void)0)
#endif

#endif
