/*
 * The head of one message (request or response): start line, header table, framing.
 * kgw_msg_frame is the only place that decides how long a body is (RFC 9112 section 6); every smuggling check lives there.
 */
#ifndef KGW_HTTP_MSG_H
#define KGW_HTTP_MSG_H

#include "http/hdrs.h"

enum kgw_framing { KGW_FRAME_NONE, KGW_FRAME_LENGTH, KGW_FRAME_CHUNKED, KGW_FRAME_UNTIL_CLOSE };

typedef struct {
    /* request */
    kgw_str_t method;
    kgw_str_t target; /* as received: origin-form, absolute-form, "*" or authority */
    uint32_t method_id;
    /* response */
    uint16_t status;
    kgw_str_t reason;
    /* both */
    uint8_t major, minor;
    uint8_t framing;      /* enum kgw_framing */
    bool keep_alive;      /* what the sender allows, from version and Connection */
    bool is_upgrade;      /* Connection: upgrade and an Upgrade field */
    bool is_websocket;    /* Upgrade: websocket, with or without Connection: Upgrade */
    bool want_continue;   /* Expect: 100-continue */
    bool te_trailers;     /* TE contains trailers */
    kgw_str_t connection; /* the Connection value as received (joined) */
    uint64_t length;      /* with KGW_FRAME_LENGTH */
    kgw_hdrs_t hdrs;
} kgw_msg_t;

/* After the head of a request is complete: framing, flags and all checks of facts/bad-input.md 4.1 and 4.2 on headers, Host included.
 * Returns 0 or the HTTP status to refuse with (400, 417, 501, 505); *why is a static text for the log. */
int kgw_msg_check_request(kgw_msg_t *m, const char **why);
/* After the head of a response to `method_id` is complete. Returns 0 or KGW_ERROR (answer 502); *why as above. */
int kgw_msg_check_response(kgw_msg_t *m, unsigned method_id, bool upgrade_asked, const char **why);
/* What of a message's trailers may go on (RFC 9110, 6.5.1): a copy in the arena, NULL when nothing is left. conn: the message's Connection. */
kgw_hdrs_t *kgw_msg_trailers(const kgw_hdrs_t *trailers, kgw_str_t conn, kgw_arena_t *arena);
/* True when the field may be passed on as it is: not hop-by-hop, not named in Connection (protected names always stay),
 * conn is the message's (joined) Connection value, empty when none. */
bool kgw_msg_is_forwardable(const kgw_hdr_t *h, kgw_str_t conn);

#endif
