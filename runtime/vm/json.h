/* JSON for Lua; see json.c. Only vm/ uses it. */
#ifndef KGW_VM_JSON_H
#define KGW_VM_JSON_H

#include <lua.h>

#include "base/kgw.h"

enum { JSON_INVALID_REFUSE, JSON_INVALID_ALLOW, JSON_INVALID_NULL };

/* The settings of one instance; ints, since Lua sets them all the same way. */
typedef struct {
    int sparse_convert, sparse_ratio, sparse_safe;
    int encode_depth, decode_depth;
    int precision;      /* significant digits */
    int keep_buffer;    /* accepted, without effect */
    int encode_invalid; /* NaN and Infinity: JSON_INVALID_* */
    int decode_invalid; /* hexadecimal, NaN, Infinity, leading zeros */
    int empty_as_object;
    int with_array_mt; /* decoded arrays get array_mt */
    int escape_slash, skip_unsupported;
} json_t;

/* lua_CFunction; upvalue 1 is the json_t. */
int kgw_json_decode(lua_State *L);
void kgw_json_push_array_mt(lua_State *L);
/* lua_CFunction that makes the module kgw.json: new(), new_safe(). */
int kgw_json_open(lua_State *L);

#endif
