/*
 * JSON for Lua: the module kgw.json, whose instances have the contract of OpenResty's lua-cjson (lua/cjson.lua gives it that
 * name). Debian's lua-cjson has neither array_mt nor empty_array nor 16 digits, so it cannot stand in. An instance is a
 * table of functions that share one json_t. Decoding is json_decode.c.
 */
#include "vm/json.h"

#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/freelist.h"
#include "base/str.h"

#define BUFFER_KEPT (1u << 20)

static char array_mt_key, empty_array_mt_key, empty_array_mark;

/* One text is written at a time: encoding calls no Lua code. */
static struct {
    char *ptr;
    size_t len, cap;
} out;

static void room(size_t n)
{
    if (out.len + n <= out.cap) return;
    out.cap = (out.len + n) * 2 + 256;
    out.ptr = kgw_realloc(out.ptr, out.cap);
}

static void add(const char *s, size_t n)
{
    room(n);
    memcpy(out.ptr + out.len, s, n);
    out.len += n;
}

static void add_char(char c)
{
    room(1);
    out.ptr[out.len++] = c;
}

/* 0: as it is; 1: \u00XX; else the letter behind the backslash. */
static char escape_of(unsigned char c, const json_t *j)
{
    switch (c) {
    case '"': return '"';
    case '\\': return '\\';
    case '/': return j->escape_slash ? '/' : 0;
    case '\b': return 'b';
    case '\t': return 't';
    case '\n': return 'n';
    case '\f': return 'f';
    case '\r': return 'r';
    default: return c < 0x20 || c == 0x7f;
    }
}

static void add_string(const json_t *j, const char *s, size_t n)
{
    room(n * 6 + 2);
    char *p = out.ptr + out.len;
    *p++ = '"';
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        char e = c > '\\' && c != 0x7f ? 0 : escape_of(c, j);
        if (likely(!e)) {
            *p++ = (char)c;
        } else if (e == 1) {
            memcpy(p, "\\u00", 4);
            p[4] = "0123456789abcdef"[c >> 4];
            p[5] = "0123456789abcdef"[c & 15];
            p += 6;
        } else {
            *p++ = '\\';
            *p++ = e;
        }
    }
    *p++ = '"';
    out.len = (size_t)(p - out.ptr);
}

static int refuse(lua_State *L, const char *type, const char *why) { return luaL_error(L, "Cannot serialise %s: %s", type, why); }

static const double powers[17] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16};

static void add_number(lua_State *L, const json_t *j, double v)
{
    room(32);
    if (v == (double)(int64_t)v && fabs(v) < powers[j->precision] && !(v == 0 && signbit(v))) {
        int64_t i = (int64_t)v;
        if (i < 0) out.ptr[out.len++] = '-';
        out.len += kgw_u64_dec(out.ptr + out.len, (uint64_t)(i < 0 ? -i : i));
        return;
    }
    if (isnan(v) || isinf(v)) {
        if (j->encode_invalid == JSON_INVALID_REFUSE) refuse(L, "number", "must not be NaN or Infinity");
        if (j->encode_invalid == JSON_INVALID_NULL) {
            add("null", 4);
            return;
        }
        if (isnan(v)) add("NaN", 3);
        else if (v > 0) add("Infinity", 8);
        else add("-Infinity", 9);
        return;
    }
    out.len += (size_t)snprintf(out.ptr + out.len, 32, "%.*g", j->precision, v);
}

/* Length when every key of the table on top is a positive integer, else -1. */
static int array_length(lua_State *L, const json_t *j)
{
    double max = 0;
    int items = 0;
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        double k = lua_type(L, -2) == LUA_TNUMBER ? lua_tonumber(L, -2) : 0;
        if (!k || floor(k) != k || k < 1) {
            lua_pop(L, 2);
            return -1;
        }
        if (k > max) max = k;
        items++;
        lua_pop(L, 1);
    }
    if (j->sparse_ratio > 0 && max > (double)items * j->sparse_ratio && max > j->sparse_safe) {
        if (!j->sparse_convert) refuse(L, "table", "excessively sparse array");
        return -1;
    }
    return (int)max;
}

static bool has_metatable(lua_State *L, const char *key)
{
    lua_pushlightuserdata(L, (void *)key);
    lua_rawget(L, LUA_REGISTRYINDEX);
    bool same = lua_rawequal(L, -1, -2);
    lua_pop(L, 1);
    return same;
}

/* false: the value was left out. */
static bool add_value(lua_State *L, const json_t *j, int depth);

static void add_array(lua_State *L, const json_t *j, int depth, int n)
{
    bool first = true;
    add_char('[');
    for (int i = 1; i <= n; i++) {
        size_t before = out.len;
        if (!first) add_char(',');
        lua_rawgeti(L, -1, i);
        bool is_added = add_value(L, j, depth);
        lua_pop(L, 1);
        if (is_added) first = false;
        else out.len = before;
    }
    add_char(']');
}

static void add_key(lua_State *L, const json_t *j)
{
    size_t n;
    const char *s;
    int type = lua_type(L, -2);
    if (type == LUA_TNUMBER) {
        add_char('"');
        add_number(L, j, lua_tonumber(L, -2));
        add("\":", 2);
    } else if (type == LUA_TSTRING) {
        s = lua_tolstring(L, -2, &n);
        add_string(j, s, n);
        add_char(':');
    } else {
        refuse(L, lua_typename(L, type), "table key must be a number or string");
    }
}

static void add_object(lua_State *L, const json_t *j, int depth)
{
    bool first = true;
    add_char('{');
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        size_t before = out.len;
        if (!first) add_char(',');
        add_key(L, j);
        if (add_value(L, j, depth)) first = false;
        else out.len = before;
        lua_pop(L, 1);
    }
    add_char('}');
}

static void add_table(lua_State *L, const json_t *j, int depth)
{
    if (depth > j->encode_depth || !lua_checkstack(L, 5)) luaL_error(L, "Cannot serialise, excessive nesting (%d)", depth);
    bool is_empty_array = false;
    if (lua_getmetatable(L, -1)) {
        bool is_array = has_metatable(L, &array_mt_key);
        is_empty_array = !is_array && has_metatable(L, &empty_array_mt_key);
        lua_pop(L, 1);
        if (is_array) {
            add_array(L, j, depth, (int)lua_objlen(L, -1));
            return;
        }
    }
    int n = array_length(L, j);
    if (n > 0) {
        add_array(L, j, depth, n);
    } else if (is_empty_array) {
        add("[]", 2);
    } else if (n == 0 && !j->empty_as_object) {
        bool is_table_empty = (lua_pushnil(L), lua_next(L, -2) == 0);
        if (!is_table_empty) lua_pop(L, 2);
        add("[]", 2);
    } else {
        add_object(L, j, depth);
    }
}

static bool add_value(lua_State *L, const json_t *j, int depth)
{
    size_t n;
    const char *s;
    int type = lua_type(L, -1);
    switch (type) {
    case LUA_TSTRING:
        s = lua_tolstring(L, -1, &n);
        add_string(j, s, n);
        return true;
    case LUA_TNUMBER: add_number(L, j, lua_tonumber(L, -1)); return true;
    case LUA_TBOOLEAN:
        if (lua_toboolean(L, -1)) add("true", 4);
        else add("false", 5);
        return true;
    case LUA_TTABLE: add_table(L, j, depth + 1); return true;
    case LUA_TNIL: add("null", 4); return true;
    case LUA_TLIGHTUSERDATA:
        if (!lua_touserdata(L, -1)) {
            add("null", 4);
            return true;
        }
        if (lua_touserdata(L, -1) == &empty_array_mark) {
            add("[]", 2);
            return true;
        }
        break;
    default: break;
    }
    if (j->skip_unsupported) return false;
    refuse(L, lua_typename(L, type), "type not supported");
    return false;
}

static json_t *self(lua_State *L) { return lua_touserdata(L, lua_upvalueindex(1)); }

static int encode(lua_State *L)
{
    luaL_argcheck(L, lua_gettop(L) == 1, 1, "expected 1 argument");
    out.len = 0;
    add_value(L, self(L), 0);
    lua_pushlstring(L, out.ptr ? out.ptr : "", out.len);
    if (out.cap > BUFFER_KEPT) {
        kgw_free(out.ptr);
        memset(&out, 0, sizeof(out));
    }
    return 1;
}

/* Of a safe instance: upvalue 2 is the raising function; its error becomes nil, message. */
static int protect(lua_State *L)
{
    luaL_argcheck(L, lua_gettop(L) == 1, 1, "expected 1 argument");
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_insert(L, 1);
    int rc = lua_pcall(L, 1, 1, 0);
    if (rc == 0) return 1;
    if (rc != LUA_ERRRUN) return luaL_error(L, "Memory allocation error in CJSON protected call");
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
}

/* Settings: each function sets what it is given and returns what holds then. ----------------------------- */

static int set_int(lua_State *L, int i, int *v, int min, int max)
{
    if (!lua_isnoneornil(L, i)) {
        lua_Number n = luaL_checknumber(L, i);
        char text[64];
        snprintf(text, sizeof(text), "expected integer between %d and %d", min, max);
        luaL_argcheck(L, n >= min && n <= max, i, text);
        *v = (int)n;
    }
    lua_pushinteger(L, *v);
    return 1;
}

/* `words`: further values than booleans, NULL for none. */
static int set_bool(lua_State *L, int i, int *v, const char *word, int word_value)
{
    if (!lua_isnoneornil(L, i)) {
        if (lua_isboolean(L, i)) {
            *v = lua_toboolean(L, i);
        } else {
            const char *s = luaL_checkstring(L, i);
            if (word && strcmp(s, word) == 0) *v = word_value;
            else if (strcmp(s, "off") == 0) *v = 0;
            else if (strcmp(s, "on") == 0) *v = 1;
            else return luaL_argerror(L, i, lua_pushfstring(L, "invalid option '%s'", s));
        }
    }
    if (word && *v == word_value) lua_pushstring(L, word);
    else lua_pushboolean(L, *v);
    return 1;
}

static int encode_sparse_array(lua_State *L)
{
    json_t *j = self(L);
    luaL_argcheck(L, lua_gettop(L) <= 3, 4, "found too many arguments");
    lua_settop(L, 3);
    set_bool(L, 1, &j->sparse_convert, NULL, 0);
    set_int(L, 2, &j->sparse_ratio, 0, INT32_MAX);
    set_int(L, 3, &j->sparse_safe, 0, INT32_MAX);
    return 3;
}

static int one_argument(lua_State *L)
{
    luaL_argcheck(L, lua_gettop(L) <= 1, 2, "found too many arguments");
    lua_settop(L, 1);
    return 1;
}

static int encode_max_depth(lua_State *L) { return set_int(L, one_argument(L), &self(L)->encode_depth, 1, INT32_MAX); }
static int decode_max_depth(lua_State *L) { return set_int(L, one_argument(L), &self(L)->decode_depth, 1, INT32_MAX); }
static int encode_number_precision(lua_State *L) { return set_int(L, one_argument(L), &self(L)->precision, 1, 16); }
static int encode_keep_buffer(lua_State *L) { return set_bool(L, one_argument(L), &self(L)->keep_buffer, NULL, 0); }
static int encode_invalid_numbers(lua_State *L) { return set_bool(L, one_argument(L), &self(L)->encode_invalid, "null", JSON_INVALID_NULL); }
static int decode_invalid_numbers(lua_State *L) { return set_bool(L, one_argument(L), &self(L)->decode_invalid, NULL, 0); }
static int encode_empty_table_as_object(lua_State *L) { return set_bool(L, one_argument(L), &self(L)->empty_as_object, NULL, 0); }
static int decode_array_with_array_mt(lua_State *L) { return set_bool(L, one_argument(L), &self(L)->with_array_mt, NULL, 0); }
static int encode_escape_forward_slash(lua_State *L) { return set_bool(L, one_argument(L), &self(L)->escape_slash, NULL, 0); }
static int encode_skip_unsupported(lua_State *L) { return set_bool(L, one_argument(L), &self(L)->skip_unsupported, NULL, 0); }

static int new_plain(lua_State *L);
static int new_safe(lua_State *L);

static const luaL_Reg functions[] = {
    {"encode", encode},
    {"decode", kgw_json_decode},
    {"encode_sparse_array", encode_sparse_array},
    {"encode_max_depth", encode_max_depth},
    {"decode_max_depth", decode_max_depth},
    {"encode_number_precision", encode_number_precision},
    {"encode_keep_buffer", encode_keep_buffer},
    {"encode_invalid_numbers", encode_invalid_numbers},
    {"decode_invalid_numbers", decode_invalid_numbers},
    {"encode_empty_table_as_object", encode_empty_table_as_object},
    {"decode_array_with_array_mt", decode_array_with_array_mt},
    {"encode_escape_forward_slash", encode_escape_forward_slash},
    {"encode_skip_unsupported_value_types", encode_skip_unsupported},
    {NULL, NULL},
};

static void push_shared(lua_State *L, const char *key)
{
    lua_pushlightuserdata(L, (void *)key);
    lua_rawget(L, LUA_REGISTRYINDEX);
    if (!lua_isnil(L, -1)) return;
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushlightuserdata(L, (void *)key);
    lua_pushvalue(L, -2);
    lua_rawset(L, LUA_REGISTRYINDEX);
}

void kgw_json_push_array_mt(lua_State *L) { push_shared(L, &array_mt_key); }

static int instance(lua_State *L, bool is_safe)
{
    lua_createtable(L, 0, 24);
    json_t *j = lua_newuserdata(L, sizeof(*j));
    *j = (json_t){.sparse_ratio = 2,
                  .sparse_safe = 10,
                  .encode_depth = 1000,
                  .decode_depth = 1000,
                  .precision = 14,
                  .keep_buffer = 1,
                  .decode_invalid = 1,
                  .empty_as_object = 1,
                  .escape_slash = 1};
    for (const luaL_Reg *f = functions; f->name; f++) {
        lua_pushvalue(L, -1);
        lua_pushcclosure(L, f->func, 1);
        if (is_safe && (f->func == encode || f->func == kgw_json_decode)) {
            lua_pushvalue(L, -2);
            lua_insert(L, -2);
            lua_pushcclosure(L, protect, 2);
        }
        lua_setfield(L, -3, f->name);
    }
    lua_pop(L, 1);
    lua_pushcfunction(L, is_safe ? new_safe : new_plain);
    lua_setfield(L, -2, "new");
    lua_pushlightuserdata(L, NULL);
    lua_setfield(L, -2, "null");
    lua_pushlightuserdata(L, &empty_array_mark);
    lua_setfield(L, -2, "empty_array");
    push_shared(L, &array_mt_key);
    lua_setfield(L, -2, "array_mt");
    push_shared(L, &empty_array_mt_key);
    lua_setfield(L, -2, "empty_array_mt");
    lua_pushliteral(L, "cjson");
    lua_setfield(L, -2, "_NAME");
    lua_pushliteral(L, "2.1.0.11");
    lua_setfield(L, -2, "_VERSION");
    return 1;
}

static int new_plain(lua_State *L) { return instance(L, false); }
static int new_safe(lua_State *L) { return instance(L, true); }

int kgw_json_open(lua_State *L)
{
    static const luaL_Reg makers[] = {{"new", new_plain}, {"new_safe", new_safe}, {NULL, NULL}};
    lua_newtable(L);
    luaL_register(L, NULL, makers);
    return 1;
}
