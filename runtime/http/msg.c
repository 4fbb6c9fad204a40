/* Framing and the checks that keep one message one message (RFC 9112 section 6, RFC 9110 section 7). */
#include "http/msg.h"

#include "base/str.h"

static int refuse(unsigned status, const char *text, const char **why)
{
    *why = text;
    return (int)status;
}

static void read_connection(kgw_msg_t *m)
{
    kgw_str_t conn = m->connection = kgw_hdrs_joined(&m->hdrs, KGW_STR("Connection"));
    bool http10 = m->major == 1 && m->minor == 0;
    m->keep_alive = !http10;
    kgw_str_t item;
    bool upgrade = false;
    while (kgw_str_next_item(&conn, &item)) {
        if (kgw_str_ieq(item, KGW_STR("close"))) m->keep_alive = false;
        else if (http10 && kgw_str_ieq(item, KGW_STR("keep-alive"))) m->keep_alive = true;
        else if (kgw_str_ieq(item, KGW_STR("upgrade"))) upgrade = true;
    }
    kgw_hdr_t *up = kgw_hdrs_find_token(&m->hdrs, KGW_TOK_UPGRADE);
    m->is_upgrade = upgrade && up && !http10;
    m->is_websocket = up && !http10 && kgw_str_ieq(up->value, KGW_STR("websocket"));
}

/* 0 none, 1 chunked, -1 anything else. */
static int read_te(const kgw_msg_t *m)
{
    kgw_hdr_t *te = kgw_hdrs_find_token(&m->hdrs, KGW_TOK_TRANSFER_ENCODING);
    if (!te) return 0;
    if (kgw_hdrs_next_same(&m->hdrs, te)) return -1;
    return kgw_str_ieq(te->value, KGW_STR("chunked")) ? 1 : -1;
}

/* 0 none, 1 ok, -1 bad. */
static int read_cl(kgw_msg_t *m)
{
    kgw_hdr_t *cl = kgw_hdrs_find_token(&m->hdrs, KGW_TOK_CONTENT_LENGTH);
    if (!cl) return 0;
    if (kgw_hdrs_next_same(&m->hdrs, cl)) return -1;
    return kgw_str_to_u64(cl->value, &m->length) == KGW_OK ? 1 : -1;
}

int kgw_msg_check_request(kgw_msg_t *m, const char **why)
{
    kgw_hdr_t *host = kgw_hdrs_find_token(&m->hdrs, KGW_TOK_HOST);
    if (!host && m->minor >= 1) return refuse(400, "client sent HTTP/1.1 request without \"Host\" header", why);
    if (host && kgw_hdrs_next_same(&m->hdrs, host)) return refuse(400, "client sent duplicate \"Host\" header", why);
    if (host && !host->value.len && m->minor >= 1) return refuse(400, "client sent an empty \"Host\" header", why);
    read_connection(m);
    int te = read_te(m), cl = read_cl(m);
    if (te && cl) return refuse(400, "client sent Content-Length and Transfer-Encoding together", why);
    if (cl < 0) return refuse(400, "client sent an invalid or repeated Content-Length", why);
    if (te && m->minor == 0) return refuse(400, "client sent Transfer-Encoding with HTTP/1.0", why);
    if (te < 0) return refuse(501, "client sent an unknown Transfer-Encoding", why);
    m->framing = te ? KGW_FRAME_CHUNKED : cl ? KGW_FRAME_LENGTH : KGW_FRAME_NONE;
    kgw_hdr_t *expect = kgw_hdrs_find_token(&m->hdrs, KGW_TOK_EXPECT);
    if (expect) {
        if (!kgw_str_ieq(expect->value, KGW_STR("100-continue"))) return refuse(417, "client sent an unknown Expect", why);
        m->want_continue = m->minor >= 1 && m->framing != KGW_FRAME_NONE;
    }
    kgw_str_t te_list = kgw_hdrs_joined(&m->hdrs, KGW_STR("TE")), item;
    while (kgw_str_next_item(&te_list, &item)) {
        ptrdiff_t semi = kgw_str_find(item, ';');
        if (semi >= 0) item.len = (size_t)semi;
        if (kgw_str_ieq(kgw_str_trim(item), KGW_STR("trailers"))) m->te_trailers = true;
    }
    return 0;
}

int kgw_msg_check_response(kgw_msg_t *m, unsigned method_id, bool upgrade_asked, const char **why)
{
    read_connection(m);
    int te = read_te(m), cl = read_cl(m);
    if (te && cl) return refuse(KGW_ERROR, "Content-Length and Transfer-Encoding together", why);
    if (cl < 0) return refuse(KGW_ERROR, "invalid or repeated Content-Length", why);
    if (te < 0) return refuse(KGW_ERROR, "unknown Transfer-Encoding", why);
    if (te && m->minor == 0) return refuse(KGW_ERROR, "Transfer-Encoding with HTTP/1.0", why);
    if (m->status == 101) {
        if (!upgrade_asked) return refuse(KGW_ERROR, "101 without an upgrade being asked for", why);
        m->framing = KGW_FRAME_NONE;
        return 0;
    }
    if (m->status < 200 || m->status == 204 || m->status == 304 || method_id == KGW_M_HEAD) m->framing = KGW_FRAME_NONE;
    else m->framing = te ? KGW_FRAME_CHUNKED : cl ? KGW_FRAME_LENGTH : KGW_FRAME_UNTIL_CLOSE;
    return 0;
}

bool kgw_msg_is_forwardable(const kgw_hdr_t *h, kgw_str_t conn)
{
    unsigned flags = h->token ? kgw_token_flags(h->token) : 0;
    if (flags & KGW_TOKF_HOP) return false;
    if (!conn.len || (flags & KGW_TOKF_PROTECTED)) return true;
    return !kgw_str_has_token(conn, h->name);
}

/* Names without a token that frame, route, authenticate, or steer how a message is read. */
static bool may_trail(const kgw_hdr_t *h, kgw_str_t conn)
{
    static const kgw_str_t starts[] = {{"proxy-", 6},   {"if-", 3},     {"x-forwarded-", 12}, {"x-consumer-", 11}, {"x-credential-", 13}, {"x-authenticated-", 16},
                                       {"x-accel-", 8}, {"x-kong-", 7}, {"content-", 8}};
    static const kgw_str_t names[] = {{"age", 3}, {"pragma", 6}, {"warning", 7}, {"forwarded", 9}};
    if (h->token && (kgw_token_flags(h->token) & KGW_TOKF_NO_TRAILER)) return false;
    if (!kgw_msg_is_forwardable(h, conn) || (conn.len && kgw_str_has_token(conn, h->name))) return false;
    for (size_t i = 0; i < KGW_ARRAY_LEN(starts); i++)
        if (h->name.len >= starts[i].len && kgw_str_ieq(kgw_str(h->name.ptr, starts[i].len), starts[i])) return false;
    for (size_t i = 0; i < KGW_ARRAY_LEN(names); i++)
        if (kgw_str_ieq(h->name, names[i])) return false;
    return true;
}

kgw_hdrs_t *kgw_msg_trailers(const kgw_hdrs_t *trailers, kgw_str_t conn, kgw_arena_t *arena)
{
    if (likely(!trailers->cnt)) return NULL;
    kgw_hdrs_t *out = kgw_arena_alloc(arena, sizeof(*out));
    kgw_hdrs_init(out, arena);
    kgw_hdrs_foreach(h, trailers)
    {
        if (may_trail(h, conn)) kgw_hdrs_add(out, h->name, h->value);
    }
    return out->cnt ? out : NULL;
}
