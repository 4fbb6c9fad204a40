/*
 * HTTP/1 parser for both roles on top of llhttp: bytes in, a message head and body slices out. Strict as
 * facts/bad-input.md 4.1/4.2 ask. Heads are parsed in place: the caller keeps all bytes of a head in ONE block
 * (moving them to a larger one when a head crosses the block's end) and passes the head's start each time; spans
 * are offsets until the head is complete, so moving is safe.
 */
#ifndef KGW_HTTP_H1_H
#define KGW_HTTP_H1_H

#include <llhttp.h>

#include "base/buf.h"
#include "http/msg.h"

enum kgw_h1_event {
    KGW_H1_MORE,      /* all bytes used; feed more */
    KGW_H1_HEAD,      /* msg is complete; feed the rest for the body */
    KGW_H1_BODY,      /* *body is a piece of body inside the bytes given */
    KGW_H1_END,       /* message complete (trailers, if any, in p->trailers) */
    KGW_H1_ERROR,     /* p->status to refuse with (requests), p->why */
};

typedef struct {
    uint32_t name_off, name_len, value_off, value_len;
} kgw_h1_span_t;

#define KGW_H1_MAX_FIELDS 1000

typedef struct {
    uint32_t max_line;    /* request line incl. method; larger -> 414 */
    uint32_t max_field;   /* one header field; larger -> 431 (400 under the compat switch) */
    uint32_t max_head;    /* whole head */
    uint32_t max_fields;  /* <= KGW_H1_MAX_FIELDS */
} kgw_h1_limits_t;

typedef struct kgw_h1 {
    llhttp_t ll;
    bool is_request;
    uint8_t state;
    bool upgrade_asked;      /* response role: the request asked for an upgrade */
    uint16_t status;         /* on ERROR, request role: 400, 408, 413, 414, 417, 431, 501, 505 */
    const char *why;         /* on ERROR: static text */
    uint32_t request_method; /* response role: method id of the request */
    kgw_msg_t *msg;
    kgw_arena_t *arena;
    const kgw_h1_limits_t *limits;
    uint32_t head_len;       /* bytes of the head so far / total after HEAD */
    uint64_t body_seen;      /* body bytes delivered */
    uint32_t ext_bytes;      /* chunk extension bytes so far */
    uint32_t start_off, start_len, start2_off, start2_len; /* method and target, or reason */
    uint32_t field_cnt, field_cap;
    kgw_h1_span_t *fields;   /* arena */
    kgw_h1_span_t inline_fields[32];
    kgw_hdrs_t trailers;
    void *priv[4];
} kgw_h1_t;

void kgw_h1_init(kgw_h1_t *p, bool is_request, kgw_msg_t *msg, kgw_arena_t *arena, const kgw_h1_limits_t *limits);
/* Prepares for the next message on the same connection (msg and arena may be new). */
void kgw_h1_next(kgw_h1_t *p, kgw_msg_t *msg, kgw_arena_t *arena);
/* Parses. While the head is not complete `data` is the START of the head (not just the new bytes) and `len` all bytes so far; afterwards
 * it is new bytes only. *used says how many bytes from data were consumed for good (0 for MORE inside a head). One event per call. */
enum kgw_h1_event kgw_h1_feed(kgw_h1_t *p, const char *data, size_t len, size_t *used, kgw_slice_t *body);
/* The peer closed: KGW_H1_END when that ends an until-close body, KGW_H1_ERROR when it cuts a message, KGW_H1_MORE between messages. */
enum kgw_h1_event kgw_h1_eof(kgw_h1_t *p);

#endif
