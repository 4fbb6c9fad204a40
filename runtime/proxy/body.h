/*
 * A request body: bytes that arrive from the client, kept in memory up to a limit and then in an unlinked temp file
 * (buffered), or handed on as they come (live). Embedded in req.
 */
#ifndef KGW_PROXY_BODY_H
#define KGW_PROXY_BODY_H

#include "base/buf.h"

enum kgw_body_kind {
    KGW_BODY_NONE,    /* the request has none */
    KGW_BODY_UNREAD,  /* there is one, nobody asked for it yet */
    KGW_BODY_READING, /* being collected (buffered) */
    KGW_BODY_WHOLE,   /* complete: mem, or file when fd >= 0 */
    KGW_BODY_LIVE,    /* streamed to the upstream as it arrives */
    KGW_BODY_GONE,    /* discarded */
};

typedef struct {
    uint8_t kind;
    bool has_eof;          /* the last byte arrived from the client */
    bool is_chunked;       /* as received */
    bool is_replaced;      /* Lua set it */
    uint64_t length;       /* expected (Content-Length) or, when WHOLE, the size */
    uint64_t seen;         /* bytes from the client so far */
    kgw_chain_t mem;       /* bytes kept (READING, WHOLE) or in transit (LIVE) */
    int fd;                /* temp file, -1 */
    char *path;            /* its name while it has one (ngx.req.get_body_file), malloc'ed */
    uint64_t sent;         /* bytes of the current try already handed to the peer */
    uint8_t *file_buf;
} kgw_body_t;

#endif
