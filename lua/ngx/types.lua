-- Types that code written for OpenResty expects to find in the FFI namespace and declares its own functions with.
local ffi = require "ffi"

ffi.cdef [[
typedef intptr_t ngx_int_t;
typedef uintptr_t ngx_uint_t;
typedef intptr_t ngx_flag_t;
typedef unsigned char u_char;
typedef struct { size_t len; const unsigned char *data; } ngx_str_t;
typedef struct ngx_http_request_s ngx_http_request_t;
typedef struct ngx_http_lua_socket_tcp_upstream_s ngx_http_lua_socket_tcp_upstream_t;
typedef struct { int len; const unsigned char *data; } ngx_http_lua_ffi_str_t;
]]

return true
