/* Request variables that Lua may write and C reads ($upstream_* of Kong). X-macro: id, Lua name. */
#ifndef KGW_PROXY_VARS_H
#define KGW_PROXY_VARS_H

#define KGW_VAR_LIST(X) \
    X(UPSTREAM_URI, "upstream_uri") \
    X(UPSTREAM_HOST, "upstream_host") \
    X(UPSTREAM_SCHEME, "upstream_scheme") \
    X(UPSTREAM_XFF, "upstream_x_forwarded_for") \
    X(UPSTREAM_XF_PROTO, "upstream_x_forwarded_proto") \
    X(UPSTREAM_XF_HOST, "upstream_x_forwarded_host") \
    X(UPSTREAM_XF_PORT, "upstream_x_forwarded_port") \
    X(UPSTREAM_XF_PATH, "upstream_x_forwarded_path") \
    X(UPSTREAM_XF_PREFIX, "upstream_x_forwarded_prefix") \
    X(UPSTREAM_TE, "upstream_te") \
    X(UPSTREAM_VIA, "upstream_via") \
    X(UPSTREAM_UPGRADE, "upstream_upgrade") \
    X(UPSTREAM_CONNECTION, "upstream_connection") \
    X(PROXY_MODE, "kong_proxy_mode") \
    X(CTX_REF, "ctx_ref") \
    X(ARGS, "args") \
    X(URI, "uri")

enum kgw_var {
#define X(id, name) KGW_VAR_##id,
    KGW_VAR_LIST(X)
#undef X
    KGW_VAR__COUNT
};

#endif
