/* A whole connection's bytes through the HTTP/1 parser, cut into pieces whose sizes come from the first input byte. */
#ifndef KGW_FUZZ_H1_H
#define KGW_FUZZ_H1_H

#include <string.h>

#include "base/str.h"
#include "http/h1.h"

static const kgw_h1_limits_t fuzz_limits = {1024, 1024, 8192, 100};

static void check_head(const kgw_msg_t *m, bool is_request)
{
    KGW_ASSERT(m->major == 1 && m->minor <= 1);
    if (is_request) KGW_ASSERT(m->method.len > 0 && m->target.len > 0 && m->framing != KGW_FRAME_UNTIL_CLOSE);
    kgw_hdrs_foreach(h, &m->hdrs)
    {
        KGW_ASSERT(h->name.len > 0);
        for (size_t i = 0; i < h->name.len; i++) KGW_ASSERT(h->name.ptr[i] > ' ' && h->name.ptr[i] != ':');
        for (size_t i = 0; i < h->value.len; i++) KGW_ASSERT(h->value.ptr[i] != '\r' && h->value.ptr[i] != '\n' && h->value.ptr[i] != 0);
    }
    /* Never two framings. */
    KGW_ASSERT(!(kgw_hdrs_find_token(&m->hdrs, KGW_TOK_CONTENT_LENGTH) && kgw_hdrs_find_token(&m->hdrs, KGW_TOK_TRANSFER_ENCODING)));
}

static int fuzz_h1(const uint8_t *data, size_t len, bool is_request)
{
    if (len < 2) return 0;
    size_t step = data[0] ? data[0] : 4096;
    unsigned flags = data[1];
    const char *text = (const char *)data + 2;
    size_t total = len - 2, at = 0, have = 0;
    kgw_arena_t arena;
    kgw_msg_t msg;
    kgw_h1_t p;
    kgw_arena_init(&arena);
    kgw_h1_init(&p, is_request, &msg, &arena, &fuzz_limits);
    p.request_method = flags & 1 ? KGW_M_HEAD : KGW_M_GET;
    p.upgrade_asked = flags & 2;
    bool in_head = true;
    for (unsigned messages = 0; messages < 16;) {
        size_t used = 0;
        kgw_slice_t body = {NULL, 0, NULL};
        enum kgw_h1_event e = kgw_h1_feed(&p, text + at, have, &used, &body);
        KGW_ASSERT(used <= have);
        at += used;
        have -= used;
        if (e == KGW_H1_ERROR) break;
        if (e == KGW_H1_HEAD) {
            in_head = false;
            check_head(&msg, is_request);
        } else if (e == KGW_H1_BODY) {
            KGW_ASSERT(!in_head && body.len && body.ptr >= text && body.ptr + body.len <= text + at);
        } else if (e == KGW_H1_END) {
            kgw_arena_reset(&arena);
            kgw_h1_next(&p, &msg, &arena);
            in_head = true;
            messages++;
        } else {
            KGW_ASSERT(in_head || have == 0); /* in a body every byte is used */
            if (at + have >= total) break;
            have += step < total - at - have ? step : total - at - have;
        }
    }
    kgw_h1_eof(&p);
    kgw_arena_reset(&arena);
    return 0;
}

#endif
