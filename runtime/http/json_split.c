/* See json_split.h. */
#include "http/json_split.h"

static void skip_space(kgw_json_iter_t *it)
{
    while (it->at < it->len) {
        char c = it->text[it->at];
        if (c != ' ' && c != '\n' && c != '\r' && c != '\t') return;
        it->at++;
    }
}

static bool skip_string(kgw_json_iter_t *it)
{
    for (it->at++; it->at < it->len; it->at++) {
        unsigned char c = (unsigned char)it->text[it->at];
        if (c == '"') {
            it->at++;
            return true;
        }
        if (c == '\\') it->at++;
        else if (c < 0x20) return false;
    }
    return false;
}

static bool is_word(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-' || c == '+' || c == '.' || c == 'E'; }

static bool skip_word(kgw_json_iter_t *it)
{
    size_t start = it->at;
    while (it->at < it->len && is_word(it->text[it->at])) it->at++;
    return it->at > start;
}

/* A whole nested value: only brackets and strings matter, the decoder sees the rest. */
static bool skip_nested(kgw_json_iter_t *it)
{
    char open[KGW_JSON_MAX_DEPTH];
    unsigned depth = 0;
    while (it->at < it->len) {
        char c = it->text[it->at];
        if (c == '"') {
            if (!skip_string(it)) return false;
            continue;
        }
        if (c == '{' || c == '[') {
            if (depth == KGW_JSON_MAX_DEPTH) return false;
            open[depth++] = c;
        } else if (c == '}' || c == ']') {
            if (depth == 0 || open[depth - 1] != (c == '}' ? '{' : '[')) return false;
            depth--;
        }
        it->at++;
        if (depth == 0) return true;
    }
    return false;
}

static bool read_value(kgw_json_iter_t *it, kgw_json_part_t *part)
{
    size_t start = it->at;
    if (start >= it->len) return false;
    char c = it->text[start];
    bool ok;
    if (c == '{' || c == '[') {
        part->kind = c;
        ok = it->is_lazy || skip_nested(it);
    } else if (c == '"') {
        part->kind = KGW_JSON_STRING;
        ok = skip_string(it);
    } else {
        part->kind = KGW_JSON_OTHER;
        ok = skip_word(it);
    }
    part->value = (kgw_str_t){it->text + start, it->at - start};
    return ok && it->at <= it->len;
}

static bool read_name(kgw_json_iter_t *it, kgw_json_part_t *part)
{
    size_t start = it->at + 1;
    if (it->at >= it->len || it->text[it->at] != '"' || !skip_string(it)) return false;
    part->name = (kgw_str_t){it->text + start, it->at - 1 - start};
    skip_space(it);
    if (it->at >= it->len || it->text[it->at] != ':') return false;
    it->at++;
    skip_space(it);
    return true;
}

int kgw_json_iter_init(kgw_json_iter_t *it, const char *text, size_t len)
{
    *it = (kgw_json_iter_t){.text = text, .len = len};
    skip_space(it);
    if (it->at >= len || (text[it->at] != '{' && text[it->at] != '[')) return KGW_ERROR;
    it->close = text[it->at] == '{' ? '}' : ']';
    it->at++;
    return KGW_OK;
}

void kgw_json_iter_enter(const kgw_json_iter_t *it, kgw_json_iter_t *child)
{
    char open = it->text[it->at];
    *child = (kgw_json_iter_t){.text = it->text, .len = it->len, .at = it->at + 1, .close = open == '{' ? '}' : ']', .is_nested = true};
}

void kgw_json_iter_leave(kgw_json_iter_t *it, const kgw_json_iter_t *child) { it->at = child->at; }

int kgw_json_iter_skip(kgw_json_iter_t *it, kgw_json_part_t *part)
{
    size_t start = it->at;
    if (!skip_nested(it)) return KGW_ERROR;
    part->value = (kgw_str_t){it->text + start, it->at - start};
    return KGW_OK;
}

static int at_end(kgw_json_iter_t *it)
{
    it->at++;
    it->is_ended = true;
    if (it->is_nested) return KGW_DONE;
    skip_space(it);
    return it->at == it->len ? KGW_DONE : KGW_ERROR;
}

int kgw_json_iter_next(kgw_json_iter_t *it, kgw_json_part_t *part)
{
    *part = (kgw_json_part_t){0};
    if (it->is_ended) return KGW_DONE;
    skip_space(it);
    if (it->at >= it->len) return KGW_ERROR;
    char c = it->text[it->at];
    if (c == it->close) return at_end(it);
    if (it->is_started) {
        if (c != ',') return KGW_ERROR;
        it->at++;
        skip_space(it);
    }
    it->is_started = true;
    if (it->close == '}' && !read_name(it, part)) return KGW_ERROR;
    return read_value(it, part) ? KGW_OK : KGW_ERROR;
}
