/* See h1.h. Heads in one pass when they are whole; bodies by a small state machine that never looks back. */
#include "http/h1.h"

#include <string.h>

#include "base/str.h"

enum { S_HEAD, S_LENGTH, S_UNTIL_CLOSE, S_SIZE, S_EXT, S_SIZE_LF, S_DATA, S_DATA_CR, S_DATA_LF, S_TRAILER, S_TRAILER_LF, S_END, S_DONE, S_FAILED };

#define EXT_MAX 4096

/* RFC 9110 token bytes. */
/* clang-format off */
static const char is_token[256] = {
    ['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1, ['&'] = 1, ['\''] = 1, ['*'] = 1, ['+'] = 1, ['-'] = 1, ['.'] = 1, ['^'] = 1, ['_'] = 1, ['`'] = 1, ['|'] = 1, ['~'] = 1, ['0'] = 1,
    ['1'] = 1, ['2'] = 1, ['3'] = 1, ['4'] = 1, ['5'] = 1, ['6'] = 1,  ['7'] = 1, ['8'] = 1, ['9'] = 1, ['A'] = 1, ['B'] = 1, ['C'] = 1, ['D'] = 1, ['E'] = 1, ['F'] = 1, ['G'] = 1,
    ['H'] = 1, ['I'] = 1, ['J'] = 1, ['K'] = 1, ['L'] = 1, ['M'] = 1,  ['N'] = 1, ['O'] = 1, ['P'] = 1, ['Q'] = 1, ['R'] = 1, ['S'] = 1, ['T'] = 1, ['U'] = 1, ['V'] = 1, ['W'] = 1,
    ['X'] = 1, ['Y'] = 1, ['Z'] = 1, ['a'] = 1, ['b'] = 1, ['c'] = 1,  ['d'] = 1, ['e'] = 1, ['f'] = 1, ['g'] = 1, ['h'] = 1, ['i'] = 1, ['j'] = 1, ['k'] = 1, ['l'] = 1, ['m'] = 1,
    ['n'] = 1, ['o'] = 1, ['p'] = 1, ['q'] = 1, ['r'] = 1, ['s'] = 1,  ['t'] = 1, ['u'] = 1, ['v'] = 1, ['w'] = 1, ['x'] = 1, ['y'] = 1, ['z'] = 1,
};
/* clang-format on */

void kgw_h1_init(kgw_h1_t *p, bool is_request, kgw_msg_t *msg, kgw_arena_t *arena, const kgw_h1_limits_t *limits)
{
    memset(p, 0, sizeof(*p));
    p->is_request = is_request;
    p->limits = limits;
    kgw_h1_next(p, msg, arena);
}

void kgw_h1_next(kgw_h1_t *p, kgw_msg_t *msg, kgw_arena_t *arena)
{
    p->msg = msg;
    p->arena = arena;
    p->state = S_HEAD;
    p->status = 0;
    p->why = NULL;
    p->culprit = KGW_STR_NULL;
    p->head_len = p->scanned = p->ext_bytes = p->trailer_bytes = p->line_len = 0;
    p->left = 0;
    p->line = NULL;
    p->upgrade_asked = p->line_seen = false;
    p->request_method = 0;
    memset(msg, 0, sizeof(*msg));
    kgw_hdrs_init(&msg->hdrs, arena);
    kgw_hdrs_init(&p->trailers, arena);
}

static enum kgw_h1_event fail(kgw_h1_t *p, unsigned status, const char *why)
{
    p->state = S_FAILED;
    p->status = (uint16_t)status;
    p->why = why;
    return KGW_H1_ERROR;
}

/* Heads ----------------------------------------------------------------------------------------------- */

/* Length of the head with its empty line, 0 when it is not there yet. As RFC 9112 section 2.2 allows and nginx does, a lone LF
 * ends a line of a head too (never one of chunk framing). */
static size_t head_end(kgw_h1_t *p, const char *data, size_t len)
{
    const char *at = data + (p->scanned > 3 ? p->scanned - 3 : 0), *end = data + len;
    while ((at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        if (at == data || at[-1] == '\n' || (at[-1] == '\r' && at >= data + 2 && at[-2] == '\n')) return (size_t)(at - data) + 1;
        at++;
    }
    p->scanned = (uint32_t)len;
    return 0;
}

static int version(kgw_h1_t *p, kgw_str_t v)
{
    if (v.len != 8 || memcmp(v.ptr, "HTTP/", 5) != 0 || v.ptr[6] != '.' || v.ptr[5] < '0' || v.ptr[5] > '9' || v.ptr[7] < '0' || v.ptr[7] > '9') return 400;
    p->msg->major = (uint8_t)(v.ptr[5] - '0');
    p->msg->minor = (uint8_t)(v.ptr[7] - '0');
    return p->msg->major == 1 && p->msg->minor <= 1 ? 0 : 505;
}

static enum kgw_h1_event request_line(kgw_h1_t *p, kgw_str_t line)
{
    if (line.len > p->limits->max_line) return fail(p, 414, "request line is too long");
    ptrdiff_t sp = kgw_str_find(line, ' ');
    if (sp <= 0 || sp > 32) return fail(p, 400, "invalid method");
    for (ptrdiff_t i = 0; i < sp; i++) {
        char c = line.ptr[i];
        if (!((c >= 'A' && c <= 'Z') || c == '_' || c == '-')) return fail(p, 400, "invalid method");
    }
    p->msg->method = kgw_str(line.ptr, (size_t)sp);
    p->msg->method_id = kgw_method_id(p->msg->method);
    kgw_str_t rest = kgw_str(line.ptr + sp + 1, line.len - (size_t)sp - 1);
    ptrdiff_t sp2 = kgw_str_find(rest, ' ');
    if (sp2 <= 0) return fail(p, 400, "invalid request line");
    p->msg->target = kgw_str(rest.ptr, (size_t)sp2);
    int status = version(p, kgw_str(rest.ptr + sp2 + 1, rest.len - (size_t)sp2 - 1));
    if (status) return fail(p, (unsigned)status, "invalid HTTP version");
    return KGW_H1_HEAD;
}

static enum kgw_h1_event status_line(kgw_h1_t *p, kgw_str_t line)
{
    const char *s = line.ptr;
    if (line.len < 12 || s[8] != ' ' || version(p, kgw_str(s, 8)) != 0) return fail(p, 502, "invalid status line");
    for (int i = 9; i < 12; i++)
        if (s[i] < '0' || s[i] > '9') return fail(p, 502, "invalid status code");
    unsigned status = (unsigned)((s[9] - '0') * 100 + (s[10] - '0') * 10 + (s[11] - '0'));
    if (status < 100 || status > 599 || (line.len > 12 && s[12] != ' ')) return fail(p, 502, "invalid status code");
    p->msg->status = (uint16_t)status;
    p->msg->reason = line.len > 13 ? kgw_str(s + 13, line.len - 13) : KGW_STR("");
    for (size_t i = 0; i < p->msg->reason.len; i++) {
        unsigned char c = (unsigned char)p->msg->reason.ptr[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) return fail(p, 502, "invalid reason phrase");
    }
    return KGW_H1_HEAD;
}

static bool is_plain_name(kgw_str_t name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_')) return false;
    }
    return true;
}

static enum kgw_h1_event field(kgw_h1_t *p, kgw_hdrs_t *to, kgw_str_t line)
{
    unsigned refuse = p->is_request ? 400 : 502;
    size_t i = 0;
    while (i < line.len && is_token[(unsigned char)line.ptr[i]]) i++;
    p->culprit = kgw_str(line.ptr, i < 64 ? i : 64);
    if (line.len > p->limits->max_field) return fail(p, p->is_request ? 431 : 502, "header field is too long");
    if (i == 0 || i >= line.len || line.ptr[i] != ':') return fail(p, refuse, "invalid header name");
    kgw_str_t name = kgw_str(line.ptr, i), value = kgw_str_trim(kgw_str(line.ptr + i + 1, line.len - i - 1));
    for (size_t k = 0; k < value.len; k++) {
        unsigned char c = (unsigned char)value.ptr[k];
        if (unlikely((c < 0x20 && c != '\t') || c == 0x7f)) return fail(p, refuse, "invalid byte in a header value");
    }
    if (to->cnt >= p->limits->max_fields) return fail(p, p->is_request ? 431 : 502, "too many header fields");
    if (p->is_request && !is_plain_name(name)) return KGW_H1_HEAD; /* nginx: ignore_invalid_headers */
    kgw_hdrs_add(to, name, value);
    return KGW_H1_HEAD;
}

/* The next line without its end. */
static bool next_line(const char **at, const char *end, kgw_str_t *line)
{
    const char *nl = memchr(*at, '\n', (size_t)(end - *at));
    if (!nl) return false;
    *line = kgw_str(*at, (size_t)(nl - *at) - (nl > *at && nl[-1] == '\r'));
    *at = nl + 1;
    return true;
}

static enum kgw_h1_event begin_body(kgw_h1_t *p)
{
    switch (p->msg->framing) {
    case KGW_FRAME_LENGTH:
        p->left = p->msg->length;
        p->state = p->left ? S_LENGTH : S_END;
        break;
    case KGW_FRAME_CHUNKED: p->state = S_SIZE; break;
    case KGW_FRAME_UNTIL_CLOSE: p->state = S_UNTIL_CLOSE; break;
    default: p->state = S_END; break;
    }
    return KGW_H1_HEAD;
}

static enum kgw_h1_event parse_head(kgw_h1_t *p, const char *data, size_t len)
{
    const char *at = data, *end = data + len;
    kgw_str_t line;
    unsigned refuse = p->is_request ? 400 : 502;
    if (!next_line(&at, end, &line)) return fail(p, refuse, "invalid line end");
    enum kgw_h1_event e = p->is_request ? request_line(p, line) : status_line(p, line);
    if (e != KGW_H1_HEAD) return e;
    for (;;) {
        if (!next_line(&at, end, &line)) return fail(p, refuse, "invalid line end");
        if (!line.len) break;
        if ((e = field(p, &p->msg->hdrs, line)) != KGW_H1_HEAD) return e;
    }
    p->head_len = (uint32_t)len;
    p->culprit = KGW_STR_NULL;
    const char *why = NULL;
    int status = p->is_request ? kgw_msg_check_request(p->msg, &why) : kgw_msg_check_response(p->msg, p->request_method, p->upgrade_asked, &why);
    if (status) return fail(p, status > 0 ? (unsigned)status : 502, why);
    return begin_body(p);
}

static enum kgw_h1_event feed_head(kgw_h1_t *p, const char *data, size_t len, size_t *used)
{
    size_t n = head_end(p, data, len);
    if (n) {
        if (n > p->limits->max_head) return fail(p, p->is_request ? 431 : 502, "head is too long");
        enum kgw_h1_event e = parse_head(p, data, n);
        *used = n;
        return e;
    }
    /* Limits also hold for a head that does not end. */
    const char *nl = memchr(data, '\n', len);
    if (!nl && len > p->limits->max_line + 2) return fail(p, p->is_request ? 414 : 502, "start line is too long");
    if (len > p->limits->max_head) return fail(p, p->is_request ? 431 : 502, "head is too long");
    /* A bad start line is refused at once: HTTP/0.9 clients send nothing more. */
    if (nl && !p->line_seen) {
        p->line_seen = true;
        kgw_str_t line = kgw_str(data, (size_t)(nl - data) - (nl > data && nl[-1] == '\r'));
        enum kgw_h1_event e = p->is_request ? request_line(p, line) : status_line(p, line);
        if (e != KGW_H1_HEAD) return e;
        p->msg->method = p->msg->target = p->msg->reason = KGW_STR_NULL; /* the bytes may still move */
    }
    if (p->is_request && !nl) {
        /* Garbage is refused at once, not after a time-out: a method is upper-case letters. */
        for (size_t i = 0; i < len && i < 33 && data[i] != ' '; i++)
            if (!((data[i] >= 'A' && data[i] <= 'Z') || data[i] == '-' || data[i] == '_') && !(data[i] == '\r' && i == 0)) return fail(p, 400, "invalid method");
    }
    return KGW_H1_MORE;
}

/* Bodies ---------------------------------------------------------------------------------------------- */

static int digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static enum kgw_h1_event trailer_line(kgw_h1_t *p)
{
    kgw_str_t line = kgw_arena_copy(p->arena, kgw_str(p->line, p->line_len));
    p->line_len = 0;
    p->trailer_bytes += (uint32_t)line.len + 2;
    if (p->trailer_bytes > p->limits->max_head) return fail(p, p->is_request ? 431 : 502, "trailers are too long");
    enum kgw_h1_event e = field(p, &p->trailers, line);
    return e == KGW_H1_HEAD ? KGW_H1_MORE : e;
}

/* One byte of chunk framing. KGW_H1_MORE: go on; KGW_H1_BODY: data follows; KGW_H1_END. */
static enum kgw_h1_event chunk_byte(kgw_h1_t *p, char c)
{
    switch (p->state) {
    case S_SIZE: {
        int d = digit(c);
        if (d >= 0) {
            if (++p->line_len > 15) return fail(p, 400, "chunk size overflows");
            p->left = p->left << 4 | (uint64_t)d;
            return KGW_H1_MORE;
        }
        if (!p->line_len) return fail(p, 400, "invalid chunk size");
        if (c == '\r') p->state = S_SIZE_LF;
        else if (c == ';') p->state = S_EXT;
        else return fail(p, 400, "invalid chunk size");
        return KGW_H1_MORE;
    }
    case S_EXT:
        if (c == '\r') {
            p->state = S_SIZE_LF;
            return KGW_H1_MORE;
        }
        if (((unsigned char)c < 0x20 && c != '\t') || c == 0x7f) return fail(p, 400, "invalid chunk extension");
        if (++p->ext_bytes > EXT_MAX) return fail(p, 413, "chunk extensions are too long");
        return KGW_H1_MORE;
    case S_SIZE_LF:
        if (c != '\n') return fail(p, 400, "invalid line end in a chunk");
        p->line_len = 0;
        p->state = p->left ? S_DATA : S_TRAILER;
        return KGW_H1_MORE;
    case S_DATA_CR:
        if (c != '\r') return fail(p, 400, "chunk is longer than its size");
        p->state = S_DATA_LF;
        return KGW_H1_MORE;
    case S_DATA_LF:
        if (c != '\n') return fail(p, 400, "invalid line end in a chunk");
        p->state = S_SIZE;
        return KGW_H1_MORE;
    case S_TRAILER:
        if (c == '\r') {
            p->state = S_TRAILER_LF;
            return KGW_H1_MORE;
        }
        if (c == '\n') return fail(p, 400, "invalid line end in a trailer");
        if (p->line_len >= KGW_H1_TRAILER_MAX) return fail(p, 431, "trailer is too long");
        if (!p->line) p->line = kgw_arena_bytes(p->arena, KGW_H1_TRAILER_MAX);
        p->line[p->line_len++] = c;
        return KGW_H1_MORE;
    case S_TRAILER_LF:
        if (c != '\n') return fail(p, 400, "invalid line end in a trailer");
        p->state = S_TRAILER;
        if (p->line_len) return trailer_line(p);
        p->state = S_DONE;
        return KGW_H1_END;
    default: return fail(p, 400, "invalid chunk");
    }
}

static enum kgw_h1_event take(kgw_h1_t *p, const char *data, size_t len, size_t *used, kgw_slice_t *body, uint8_t next)
{
    size_t n = p->left < len ? (size_t)p->left : len;
    p->left -= n;
    *used += n;
    body->ptr = data;
    body->len = n;
    if (!p->left) p->state = next;
    return KGW_H1_BODY;
}

enum kgw_h1_event kgw_h1_feed(kgw_h1_t *p, const char *data, size_t len, size_t *used, kgw_slice_t *body)
{
    *used = 0;
    if (p->state == S_HEAD) return feed_head(p, data, len, used);
    for (;;) {
        if (p->state == S_END) {
            p->state = S_DONE;
            return KGW_H1_END;
        }
        if (p->state == S_FAILED) return KGW_H1_ERROR;
        if (p->state == S_DONE || *used == len) return KGW_H1_MORE;
        if (p->state == S_LENGTH) return take(p, data + *used, len - *used, used, body, S_END);
        if (p->state == S_DATA) return take(p, data + *used, len - *used, used, body, S_DATA_CR);
        if (p->state == S_UNTIL_CLOSE) {
            body->ptr = data;
            body->len = len;
            *used = len;
            return KGW_H1_BODY;
        }
        enum kgw_h1_event e = chunk_byte(p, data[(*used)++]);
        if (e != KGW_H1_MORE) return e;
    }
}

bool kgw_h1_is_at_end(const kgw_h1_t *p) { return p->state == S_END; }

enum kgw_h1_event kgw_h1_eof(kgw_h1_t *p)
{
    if (p->state == S_UNTIL_CLOSE || p->state == S_END || p->state == S_DONE) {
        p->state = S_DONE;
        return KGW_H1_END;
    }
    if (p->state == S_HEAD && !p->scanned) return KGW_H1_MORE;
    return fail(p, 400, "message was cut off");
}
