/* Request targets: split, check, normalise, percent-code, query arguments. Pure. */
#ifndef KGW_HTTP_URI_H
#define KGW_HTTP_URI_H

#include "base/arena.h"

typedef struct {
    kgw_str_t scheme;    /* absolute-form only */
    kgw_str_t authority; /* absolute-form only: host[:port] */
    kgw_str_t path;      /* with the leading '/' */
    kgw_str_t query;     /* behind '?', ptr NULL when there is none */
} kgw_uri_t;

/* Splits and checks a target (bad-input rows 23, 24, 26, 27). Returns 0 or the status to refuse with; *why for the log. */
int kgw_uri_split(kgw_uri_t *u, kgw_str_t target, const char **why);
/* Kong's normal form (facts/router-balancer.md section 3, steps 1-3). KGW_ERROR when the path leaves the root. When the path is
 * already normal, *out is `path` itself and nothing is copied. */
int kgw_uri_normalize(kgw_arena_t *a, kgw_str_t path, kgw_str_t *out) KGW_MUST_CHECK;
/* nginx's $uri: decoded completely, dots resolved, slashes merged. */
int kgw_uri_decode_path(kgw_arena_t *a, kgw_str_t path, kgw_str_t *out) KGW_MUST_CHECK;
/* Step 4 of section 3: what is sent upstream. Returns s itself when nothing needs escaping. */
kgw_str_t kgw_uri_escape_path(kgw_arena_t *a, kgw_str_t s);
/* ngx.escape_uri(s, type) with type 2 (component) or 0 (URI); out has 3*len bytes; returns the length. */
size_t kgw_uri_escape(char *out, const char *s, size_t len, int type);
/* ngx.unescape_uri; out has len bytes and may be s; plus_as_space for arguments. */
size_t kgw_uri_unescape(char *out, const char *s, size_t len, bool plus_as_space);
/* Host header or authority -> host without port and brackets kept, port or -1. KGW_ERROR on forbidden bytes (row 26). */
int kgw_host_split(kgw_str_t host, kgw_str_t *name, int *port) KGW_MUST_CHECK;

#endif
