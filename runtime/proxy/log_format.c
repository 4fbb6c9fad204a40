/* See log_format.h. */
#include "proxy/log_format.h"

#include <stdio.h>
#include <string.h>

#include "base/freelist.h"
#include "base/str.h"

#define VALUE_MAX 2048 /* bytes of one value that are logged */

static int (*find_var)(kgw_str_t name);
static kgw_str_t (*value_of)(kgw_req_t *r, int id, kgw_str_t name);

void kgw_log_format_vars(int (*find)(kgw_str_t), kgw_str_t (*value)(kgw_req_t *, int, kgw_str_t))
{
    find_var = find;
    value_of = value;
}

static bool is_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

/* Takes "$name" or "${name}" off the front of *s; false when there is no name. */
static bool take_name(kgw_str_t *s, kgw_str_t *name)
{
    bool has_brace = s->len > 1 && s->ptr[1] == '{';
    size_t from = has_brace ? 2 : 1, to = from;
    while (to < s->len && is_name(s->ptr[to])) to++;
    if (to == from || (has_brace && (to == s->len || s->ptr[to] != '}'))) return false;
    *name = kgw_str(s->ptr + from, to - from);
    to += has_brace;
    *s = kgw_str(s->ptr + to, s->len - to);
    return true;
}

int kgw_log_format_parse(kgw_log_format_t *f, const char *text, const char *escape, char *err, size_t err_len)
{
    memset(f, 0, sizeof(*f));
    size_t n = strlen(text);
    f->text = kgw_malloc(n + 1);
    memcpy(f->text, text, n + 1);
    f->escape = !escape || strcmp(escape, "default") == 0 ? KGW_LOG_ESCAPE_DEFAULT : strcmp(escape, "json") == 0 ? KGW_LOG_ESCAPE_JSON : KGW_LOG_ESCAPE_NONE;
    kgw_str_t rest = kgw_str(f->text, n);
    while (rest.len) {
        if (f->cnt == KGW_LOG_PARTS_MAX) {
            snprintf(err, err_len, "the log format has too many variables (at most %d)", KGW_LOG_PARTS_MAX);
            return KGW_ERROR;
        }
        kgw_log_part_t *p = &f->parts[f->cnt++];
        size_t from = 0;
        for (;;) {
            const char *dollar = memchr(rest.ptr + from, '$', rest.len - from);
            size_t at = dollar ? (size_t)(dollar - rest.ptr) : rest.len;
            kgw_str_t behind = kgw_str(rest.ptr + at, rest.len - at);
            p->literal = kgw_str(rest.ptr, at);
            if (dollar && !take_name(&behind, &p->name)) {
                from = at + 1; /* a plain dollar */
                continue;
            }
            rest = behind;
            break;
        }
        if (!p->name.len) break;
        p->id = find_var ? find_var(p->name) : -1;
        if (p->id != -1) continue;
        snprintf(err, err_len, "unknown variable \"%.*s\" in the log format", (int)p->name.len, p->name.ptr);
        return KGW_ERROR;
    }
    return KGW_OK;
}

void kgw_log_format_fini(kgw_log_format_t *f)
{
    kgw_free(f->text);
    memset(f, 0, sizeof(*f));
}

void kgw_log_escape(kgw_str_t s, void (*add)(const char *p, size_t n))
{
    static const char digits[] = "0123456789ABCDEF";
    if (!s.len) {
        add("-", 1);
        return;
    }
    size_t done = 0, len = s.len < VALUE_MAX ? s.len : VALUE_MAX;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c >= 0x20 && c != '"' && c != '\\' && c < 0x7f) continue;
        char esc[4] = {'\\', 'x', digits[c >> 4], digits[c & 15]};
        add(s.ptr + done, i - done);
        add(esc, 4);
        done = i + 1;
    }
    add(s.ptr + done, len - done);
}

static void escape_json(kgw_str_t s, void (*add)(const char *p, size_t n))
{
    size_t done = 0, len = s.len < VALUE_MAX ? s.len : VALUE_MAX;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c >= 0x20 && c != '"' && c != '\\') continue;
        char esc[8];
        const char *short_form = c == '\n' ? "\\n" : c == '\r' ? "\\r" : c == '\t' ? "\\t" : c == '"' ? "\\\"" : c == '\\' ? "\\\\" : NULL;
        int n = short_form ? snprintf(esc, sizeof(esc), "%s", short_form) : snprintf(esc, sizeof(esc), "\\u%04X", c);
        add(s.ptr + done, i - done);
        add(esc, (size_t)n);
        done = i + 1;
    }
    add(s.ptr + done, len - done);
}

void kgw_log_format_write(const kgw_log_format_t *f, kgw_req_t *r, void (*add)(const char *p, size_t n))
{
    for (unsigned i = 0; i < f->cnt; i++) {
        const kgw_log_part_t *p = &f->parts[i];
        add(p->literal.ptr, p->literal.len);
        if (!p->name.len) continue;
        kgw_str_t v = value_of(r, p->id, p->name);
        if (!v.ptr) v.len = 0;
        if (f->escape == KGW_LOG_ESCAPE_JSON) escape_json(v, add);
        else if (f->escape == KGW_LOG_ESCAPE_DEFAULT) kgw_log_escape(v, add);
        else if (v.len) add(v.ptr, v.len < VALUE_MAX ? v.len : VALUE_MAX);
    }
}
