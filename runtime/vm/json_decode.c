/* Text to Lua values; see json.h. Errors say what lua-cjson says, with the position in characters from 1. */
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/freelist.h"
#include "vm/json.h"

enum token { T_OBJ_BEGIN, T_OBJ_END, T_ARR_BEGIN, T_ARR_END, T_STRING, T_NUMBER, T_BOOLEAN, T_NULL, T_COLON, T_COMMA, T_END, T_ERROR };
static const char *const token_names[] = {"T_OBJ_BEGIN", "T_OBJ_END", "T_ARR_BEGIN", "T_ARR_END", "T_STRING", "T_NUMBER",
                                          "T_BOOLEAN",   "T_NULL",    "T_COLON",     "T_COMMA",   "T_END",    "T_ERROR"};

typedef struct {
    lua_State *L;
    const json_t *conf;
    const char *text, *p, *end; /* a zero byte follows end */
    int depth;
    enum token token;
    const char *at;    /* where the token begins */
    const char *error; /* T_ERROR */
    double number;
    bool boolean;
    const char *str; /* T_STRING: into the text or into unescaped */
    size_t str_len;
} parser_t;

#define BUFFER_KEPT (1u << 20)

/* Strings with escapes are put together here, one at a time. */
static char *unescaped;
static size_t unescaped_cap;

static void fail_token(parser_t *p, const char *why, const char *at)
{
    p->token = T_ERROR;
    p->error = why;
    p->at = at;
}

static int hex4(const char *s)
{
    int v = 0;
    for (int i = 0; i < 4; i++) {
        char c = s[i];
        int d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        if (d < 0) return -1;
        v = v << 4 | d;
    }
    return v;
}

static char *put_utf8(char *o, unsigned v)
{
    if (v < 0x80) {
        *o++ = (char)v;
    } else if (v < 0x800) {
        *o++ = (char)(0xc0 | v >> 6);
        *o++ = (char)(0x80 | (v & 63));
    } else if (v < 0x10000) {
        *o++ = (char)(0xe0 | v >> 12);
        *o++ = (char)(0x80 | (v >> 6 & 63));
        *o++ = (char)(0x80 | (v & 63));
    } else {
        *o++ = (char)(0xf0 | v >> 18);
        *o++ = (char)(0x80 | (v >> 12 & 63));
        *o++ = (char)(0x80 | (v >> 6 & 63));
        *o++ = (char)(0x80 | (v & 63));
    }
    return o;
}

/* s is at the backslash of \uXXXX; returns what is behind it, NULL when it is wrong. */
static const char *unicode(const char *s, const char *end, char **o)
{
    int v = end - s >= 6 ? hex4(s + 2) : -1;
    if (v < 0 || (v & 0xfc00) == 0xdc00) return NULL;
    s += 6;
    if ((v & 0xfc00) == 0xd800) {
        if (end - s < 6 || s[0] != '\\' || s[1] != 'u') return NULL;
        int low = hex4(s + 2);
        if (low < 0 || (low & 0xfc00) != 0xdc00) return NULL;
        v = 0x10000 + ((v & 0x3ff) << 10 | (low & 0x3ff));
        s += 6;
    }
    *o = put_utf8(*o, (unsigned)v);
    return s;
}

static void string_token(parser_t *p)
{
    const char *s = p->p + 1;
    while (s < p->end && *s != '"' && *s != '\\' && *s) s++;
    if (*s == '"' && s < p->end) {
        p->token = T_STRING;
        p->str = p->p + 1;
        p->str_len = (size_t)(s - p->str);
        p->p = s + 1;
        return;
    }
    size_t need = (size_t)(p->end - p->p);
    if (need > unescaped_cap) {
        unescaped_cap = need * 2;
        unescaped = kgw_realloc(unescaped, unescaped_cap);
    }
    char *o = unescaped;
    for (s = p->p + 1; s < p->end && *s != '"';) {
        if (!*s) break;
        if (*s != '\\') {
            *o++ = *s++;
            continue;
        }
        switch (s[1]) {
        case '"': *o++ = '"'; break;
        case '\\': *o++ = '\\'; break;
        case '/': *o++ = '/'; break;
        case 'b': *o++ = '\b'; break;
        case 'f': *o++ = '\f'; break;
        case 'n': *o++ = '\n'; break;
        case 'r': *o++ = '\r'; break;
        case 't': *o++ = '\t'; break;
        case 'u': {
            const char *next = unicode(s, p->end, &o);
            if (!next) {
                fail_token(p, "invalid unicode escape code", s);
                return;
            }
            s = next;
            continue;
        }
        default: fail_token(p, "invalid escape code", s); return;
        }
        s += 2;
    }
    if (s >= p->end || *s != '"') {
        fail_token(p, "unexpected end of string", s);
        return;
    }
    p->token = T_STRING;
    p->str = unescaped;
    p->str_len = (size_t)(o - unescaped);
    p->p = s + 1;
}

/* What strtod takes and JSON forbids. */
static bool is_odd_number(const char *s)
{
    if (*s == '+') return true;
    if (*s == '-') s++;
    if (*s == '0') return (s[1] | 0x20) == 'x' || (s[1] >= '0' && s[1] <= '9');
    if (*s >= '1' && *s <= '9') return false;
    return strncasecmp(s, "inf", 3) == 0 || strncasecmp(s, "nan", 3) == 0;
}

static void number_token(parser_t *p)
{
    const char *s = p->p;
    bool is_negative = *s == '-';
    if (is_negative) s++;
    const char *digits = s;
    int64_t v = 0;
    while (*s >= '0' && *s <= '9' && s - digits < 16) v = v * 10 + (*s++ - '0');
    char c = *s;
    p->token = T_NUMBER;
    if (s > digits && s - digits < 16 && c != '.' && (c | 0x20) != 'e' && (c | 0x20) != 'x' && !(c >= '0' && c <= '9')) {
        p->number = is_negative ? -(double)v : (double)v;
        p->p = s;
        return;
    }
    char *behind;
    p->number = strtod(p->p, &behind);
    if (behind == p->p) fail_token(p, "invalid number", p->p);
    else p->p = behind;
}

static bool word(parser_t *p, const char *w, size_t n, enum token t)
{
    if (strncmp(p->p, w, n) != 0) return false;
    p->token = t;
    p->p += n;
    return true;
}

static void single(parser_t *p, enum token t)
{
    p->token = t;
    p->p++;
}

static void next(parser_t *p)
{
    while (*p->p == ' ' || *p->p == '\n' || *p->p == '\t' || *p->p == '\r') p->p++;
    p->at = p->p;
    char c = *p->p;
    switch (c) {
    case '{': single(p, T_OBJ_BEGIN); return;
    case '}': single(p, T_OBJ_END); return;
    case '[': single(p, T_ARR_BEGIN); return;
    case ']': single(p, T_ARR_END); return;
    case ':': single(p, T_COLON); return;
    case ',': single(p, T_COMMA); return;
    case 0: p->token = T_END; return;
    case '"': string_token(p); return;
    default: break;
    }
    if (c == '-' || (c >= '0' && c <= '9')) {
        if (!p->conf->decode_invalid && is_odd_number(p->p)) fail_token(p, "invalid number", p->p);
        else number_token(p);
        return;
    }
    if (word(p, "true", 4, T_BOOLEAN)) p->boolean = true;
    else if (word(p, "false", 5, T_BOOLEAN)) p->boolean = false;
    else if (word(p, "null", 4, T_NULL)) return;
    else if (p->conf->decode_invalid && is_odd_number(p->p)) number_token(p);
    else fail_token(p, "invalid token", p->p);
}

static void fail(parser_t *p, const char *expected)
{
    const char *found = p->token == T_ERROR ? p->error : token_names[p->token];
    luaL_error(p->L, "Expected %s but found %s at character %d", expected, found, (int)(p->at - p->text) + 1);
}

static void descend(parser_t *p)
{
    p->depth++;
    if (p->depth <= p->conf->decode_depth && lua_checkstack(p->L, 4)) return;
    luaL_error(p->L, "Found too many nested data structures (%d) at character %d", p->depth, (int)(p->p - p->text));
}

static void value(parser_t *p);

static void object(parser_t *p)
{
    descend(p);
    lua_newtable(p->L);
    next(p);
    if (p->token == T_OBJ_END) {
        p->depth--;
        return;
    }
    for (;;) {
        if (p->token != T_STRING) fail(p, "object key string");
        lua_pushlstring(p->L, p->str, p->str_len);
        next(p);
        if (p->token != T_COLON) fail(p, "colon");
        next(p);
        value(p);
        lua_rawset(p->L, -3);
        next(p);
        if (p->token == T_OBJ_END) break;
        if (p->token != T_COMMA) fail(p, "comma or object end");
        next(p);
    }
    p->depth--;
}

static void array(parser_t *p)
{
    descend(p);
    lua_newtable(p->L);
    if (p->conf->with_array_mt) {
        kgw_json_push_array_mt(p->L);
        lua_setmetatable(p->L, -2);
    }
    next(p);
    for (int i = 1; p->token != T_ARR_END || i > 1; i++) {
        value(p);
        lua_rawseti(p->L, -2, i);
        next(p);
        if (p->token == T_ARR_END) break;
        if (p->token != T_COMMA) fail(p, "comma or array end");
        next(p);
    }
    p->depth--;
}

static void value(parser_t *p)
{
    switch (p->token) {
    case T_STRING: lua_pushlstring(p->L, p->str, p->str_len); break;
    case T_NUMBER: lua_pushnumber(p->L, p->number); break;
    case T_BOOLEAN: lua_pushboolean(p->L, p->boolean); break;
    case T_OBJ_BEGIN: object(p); break;
    case T_ARR_BEGIN: array(p); break;
    case T_NULL: lua_pushlightuserdata(p->L, NULL); break;
    default: fail(p, "value");
    }
}

int kgw_json_decode(lua_State *L)
{
    luaL_argcheck(L, lua_gettop(L) == 1, 1, "expected 1 argument");
    size_t len;
    parser_t p = {.L = L, .conf = lua_touserdata(L, lua_upvalueindex(1))};
    p.text = p.p = luaL_checklstring(L, 1, &len);
    p.end = p.text + len;
    if (len >= 2 && (!p.text[0] || !p.text[1])) return luaL_error(L, "JSON parser does not support UTF-16 or UTF-32");
    next(&p);
    value(&p);
    next(&p);
    if (p.token == T_END && p.p != p.end) fail_token(&p, "invalid token", p.p); /* a zero byte */
    if (p.token != T_END) fail(&p, "the end");
    if (unescaped_cap > BUFFER_KEPT) {
        kgw_free(unescaped);
        unescaped = NULL;
        unescaped_cap = 0;
    }
    return 1;
}
