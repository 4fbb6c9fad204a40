/*
 * Gunzips a configuration message and finds its entities in a helper thread, so that the loop never stalls on either: megabytes of
 * JSON become spans with a 64-bit hash each. Made by clustering (Lua), freed by it; the coroutine that began it waits.
 * Bounded: an inflated size above `max` ends with an error (gzip bombs).
 */
#ifndef KGW_VM_UNPACK_H
#define KGW_VM_UNPACK_H

#include "http/json_split.h"
#include "vm/co.h"

/* depth 0: a member of the message; depth 1: a member of its "config_table". Items are the elements of an array value; arrays of
 * the table and the table itself have no value. With a base: base_cnt items had the section there; the first `prefix` and the last
 * `suffix` of them are the same here. */
typedef struct {
    kgw_str_t name, value;
    uint32_t first, cnt, base_cnt, prefix, suffix;
    uint8_t depth, kind;
} kgw_unpack_section_t;

typedef struct {
    uint64_t off, hash; /* span in the text, XXH3 of its bytes */
    uint32_t len;
    uint32_t prev; /* between prefix and suffix: 1 + the index of the same item in the base's section, 0 for none */
} kgw_unpack_item_t;

typedef struct kgw_unpack {
    uv_work_t work;
    struct kgw_unpack *base; /* the message before; read by the thread */
    unsigned refs;
    kgw_op_t op;
    char *in;
    size_t in_len, max;
    char *text;
    size_t text_len;
    char *names; /* of the sections, once the text is gone */
    kgw_unpack_section_t *sections;
    uint32_t section_cnt, section_cap;
    kgw_unpack_item_t *items;
    uint32_t item_cnt, item_cap;
    char err[160];
    bool is_running, is_orphan, is_failed;
} kgw_unpack_t;

/* Copies the input. gzip or plain JSON (told by its first bytes). base: a message to compare with, after
 * kgw_unpack_keep (others are ignored; it is held as long as needed), or NULL. */
kgw_unpack_t *kgw_unpack_new(const char *in, size_t len, size_t max, kgw_unpack_t *base);
/* Begins; the current co waits for it. KGW_AGAIN, or KGW_ERROR when it cannot start. */
int kgw_unpack_begin(kgw_unpack_t *u) KGW_MUST_CHECK;
/* The same in place (no loop yet: the master at start). KGW_ERROR: u->err. */
int kgw_unpack_run(kgw_unpack_t *u) KGW_MUST_CHECK;
/* Drops the text; names and hashes stay, for it to be a base. */
void kgw_unpack_keep(kgw_unpack_t *u);
void kgw_unpack_free(kgw_unpack_t *u);

/* The way back: gzip in a helper thread. */
typedef struct {
    uv_work_t work;
    kgw_op_t op;
    char *in, *out;
    size_t in_len, out_len;
    uint32_t crc;
    int level;
    bool is_part, is_running, is_orphan, is_failed;
} kgw_pack_t;

/* is_part: a run of deflate blocks that ends at a byte and refers to nothing before it, to be put together with others to one stream;
 * crc is that of the input. */
kgw_pack_t *kgw_pack_new(const char *in, size_t len, int level, bool is_part);
/* Of two pieces of a text, the second len bytes (below 2 GiB) long. */
uint32_t kgw_pack_crc_of_both(uint32_t first, uint32_t second, size_t len);
int kgw_pack_begin(kgw_pack_t *p) KGW_MUST_CHECK;
int kgw_pack_run(kgw_pack_t *p) KGW_MUST_CHECK;
void kgw_pack_free(kgw_pack_t *p);

#endif
