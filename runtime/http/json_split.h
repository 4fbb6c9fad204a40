/*
 * Finds the parts of a large JSON text without decoding them: the members of an object and the elements of an array, as
 * spans. A configuration of 10,000 entities is cut by this in a helper thread; the loop then decodes entity by entity, and only those whose
 * bytes changed. Pure: bytes in, spans out; strings are checked for their end and control bytes, numbers and words only for their alphabet
 * (whoever decodes a part checks the rest). RFC 8259.
 */
#ifndef KGW_HTTP_JSON_SPLIT_H
#define KGW_HTTP_JSON_SPLIT_H

#include "base/kgw.h"

#define KGW_JSON_MAX_DEPTH 256

enum kgw_json_kind { KGW_JSON_OBJECT = '{', KGW_JSON_ARRAY = '[', KGW_JSON_STRING = '"', KGW_JSON_OTHER = 'o' };

/* A cursor over the members of one object or the elements of one array. */
typedef struct {
    const char *text;
    size_t len, at;
    char close; /* '}' or ']' */
    bool is_started, is_ended;
    bool is_nested; /* it ends at its bracket, whatever follows */
    bool is_lazy;   /* containers are not read over: their value has no length until kgw_json_iter_skip */
} kgw_json_iter_t;

typedef struct {
    kgw_str_t name;  /* of a member, with escapes as they stand; empty in arrays */
    kgw_str_t value; /* without surrounding space */
    char kind;       /* enum kgw_json_kind */
} kgw_json_part_t;

/* text must be one object or array (space around it is fine). KGW_ERROR: it is neither. */
int kgw_json_iter_init(kgw_json_iter_t *it, const char *text, size_t len) KGW_MUST_CHECK;
/* KGW_OK: part is filled; KGW_DONE: the end was reached and nothing follows; KGW_ERROR: malformed at it->at. */
int kgw_json_iter_next(kgw_json_iter_t *it, kgw_json_part_t *part) KGW_MUST_CHECK;
/* After a lazy iterator gave an object or array: either go through it in place, so that no byte is read twice (enter, next until
 * KGW_DONE, leave), or read over it (skip, which sets part->value). */
void kgw_json_iter_enter(const kgw_json_iter_t *it, kgw_json_iter_t *child);
void kgw_json_iter_leave(kgw_json_iter_t *it, const kgw_json_iter_t *child);
int kgw_json_iter_skip(kgw_json_iter_t *it, kgw_json_part_t *part) KGW_MUST_CHECK;

#endif
