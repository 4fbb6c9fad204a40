/*
 * HTTP/1 parser for both roles: bytes in, a message head and body slices out. Strict as facts on bad input ask: every
 * line ends in CRLF, no folding, no blanks around names, only HTTP/1.0 and 1.1, one framing. It is our own because the
 * tolerant library parsers know a fixed list of methods and let pass much of what must be refused here.
 * Heads are parsed in place once they are whole: the caller keeps all bytes of a head in ONE block.
 */
#ifndef KGW_HTTP_H1_H
#define KGW_HTTP_H1_H

#include "base/buf.h"
#include "http/msg.h"

enum kgw_h1_event {
    KGW_H1_MORE,      /* all bytes used; feed more */
    KGW_H1_HEAD,      /* msg is complete; feed the rest for the body */
    KGW_H1_BODY,      /* *body is a piece of body inside the bytes given */
    KGW_H1_END,       /* message complete (trailers, if any, in p->trailers) */
    KGW_H1_ERROR,     /* p->status to refuse with (requests), p->why */
};

#define KGW_H1_MAX_FIELDS 1000
#define KGW_H1_TRAILER_MAX 2048

typedef struct {
    uint32_t max_line;    /* request line incl. method; larger -> 414 */
    uint32_t max_field;   /* one header field; larger -> 431 (400 under the compat switch) */
    uint32_t max_head;    /* whole head */
    uint32_t max_fields;  /* <= KGW_H1_MAX_FIELDS */
} kgw_h1_limits_t;

typedef struct kgw_h1 {
    bool is_request;
    bool upgrade_asked;      /* response role: the request asked for an upgrade */
    uint8_t state;           /* enum in h1.c */
    uint16_t status;         /* on ERROR, request role: 400, 413, 414, 417, 431, 501, 505 */
    const char *why;         /* on ERROR: static text */
    kgw_str_t culprit;       /* on ERROR: name of the header field at fault, len 0 when none is; into the bytes given */
    uint32_t request_method; /* response role: method id of the request */
    kgw_msg_t *msg;
    kgw_arena_t *arena;
    const kgw_h1_limits_t *limits;
    uint32_t head_len;       /* bytes of the head, after HEAD */
    bool line_seen;          /* the start line of an incomplete head was checked */
    uint32_t scanned;        /* bytes of an incomplete head already searched for its end */
    uint64_t left;           /* body bytes of this length or chunk still to come */
    uint32_t ext_bytes;      /* chunk extension bytes of this message */
    uint32_t trailer_bytes;  /* all of them; at most a head's limit */
    uint32_t line_len;       /* chunk size digits or trailer line bytes so far */
    char *line;              /* a trailer line being collected (KGW_H1_TRAILER_MAX bytes in the arena), NULL before the first */
    kgw_hdrs_t trailers;
} kgw_h1_t;

void kgw_h1_init(kgw_h1_t *p, bool is_request, kgw_msg_t *msg, kgw_arena_t *arena, const kgw_h1_limits_t *limits);
/* Prepares for the next message on the same connection (msg and arena may be new). */
void kgw_h1_next(kgw_h1_t *p, kgw_msg_t *msg, kgw_arena_t *arena);
/* Parses. While the head is not complete `data` is the START of the head (not just the new bytes) and `len` all bytes so far; afterwards
 * it is new bytes only. *used says how many bytes from data were consumed for good (0 for MORE inside a head). One event per call. */
enum kgw_h1_event kgw_h1_feed(kgw_h1_t *p, const char *data, size_t len, size_t *used, kgw_slice_t *body);
/* True when the next feed says END without needing another byte. */
bool kgw_h1_is_at_end(const kgw_h1_t *p);
/* The peer closed: KGW_H1_END when that ends an until-close body, KGW_H1_ERROR when it cuts a message, KGW_H1_MORE between messages. */
enum kgw_h1_event kgw_h1_eof(kgw_h1_t *p);

#endif
