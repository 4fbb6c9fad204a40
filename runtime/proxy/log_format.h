/*
 * The text of access log lines as kong.conf gives it (nginx's log_format): literals and $variables, compiled once.
 * proxy/ does not know variables by name; whoever does hands in two functions.
 */
#ifndef KGW_PROXY_LOG_FORMAT_H
#define KGW_PROXY_LOG_FORMAT_H

#include "proxy/req.h"

#define KGW_LOG_PARTS_MAX 96

typedef struct {
    kgw_str_t literal; /* before the variable */
    kgw_str_t name;    /* len 0: no variable behind the literal */
    int id;
} kgw_log_part_t;

typedef struct {
    kgw_log_part_t parts[KGW_LOG_PARTS_MAX];
    unsigned cnt;
    enum { KGW_LOG_ESCAPE_DEFAULT, KGW_LOG_ESCAPE_JSON, KGW_LOG_ESCAPE_NONE } escape;
    char *text; /* owned; the parts point into it */
} kgw_log_format_t;

/* find: id of a variable, -1 when there is none of that name. value: ptr NULL when it has none now. */
void kgw_log_format_vars(int (*find)(kgw_str_t name), kgw_str_t (*value)(kgw_req_t *r, int id, kgw_str_t name));
/* KGW_ERROR: too many parts or an unknown variable (in err). escape: "default", "json", "none" or NULL. */
int kgw_log_format_parse(kgw_log_format_t *f, const char *text, const char *escape, char *err, size_t err_len) KGW_MUST_CHECK;
void kgw_log_format_fini(kgw_log_format_t *f);
/* Hands the pieces of one line to add. */
void kgw_log_format_write(const kgw_log_format_t *f, kgw_req_t *r, void (*add)(const char *p, size_t n));
/* Quotes, backslashes and control bytes as \xXX, so that a line cannot be forged; "-" for nothing. */
void kgw_log_escape(kgw_str_t s, void (*add)(const char *p, size_t n));

#endif
