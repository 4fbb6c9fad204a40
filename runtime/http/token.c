/* Header names and methods as ids. The lookup is a small perfect-enough hash built once at start. */
#include "http/token.h"

#include "base/str.h"

/* clang-format off */
static const struct { kgw_str_t name; uint8_t flags; } table[KGW_TOK__COUNT] = {
#define X(id, text, bits) [KGW_TOK_##id] = {{text, sizeof(text) - 1}, bits},
    KGW_TOKEN_TABLE(X)
#undef X
};
/* clang-format on */

#define BUCKETS 512
static uint8_t buckets[BUCKETS][4];

/* Length and three letters tell nearly all names apart; the compare decides. */
static unsigned hash(const char *p, size_t len)
{
    unsigned a = (unsigned char)p[0] | 0x20, b = (unsigned char)p[len - 1] | 0x20, c = (unsigned char)p[len / 2] | 0x20;
    return (unsigned)(len * 31 + a * 7 + b * 17 + c * 59) % BUCKETS;
}

__attribute__((constructor)) static void build(void)
{
    for (unsigned t = 1; t < KGW_TOK__COUNT; t++) {
        uint8_t *slot = buckets[hash(table[t].name.ptr, table[t].name.len)];
        unsigned i = 0;
        while (i < 4 && slot[i]) i++;
        KGW_ASSERT(i < 4);
        slot[i] = (uint8_t)t;
    }
}

unsigned kgw_token_find(const char *name, size_t len)
{
    if (!len) return KGW_TOK_NONE;
    const uint8_t *slot = buckets[hash(name, len)];
    for (unsigned i = 0; i < 4 && slot[i]; i++)
        if (table[slot[i]].name.len == len && kgw_str_ieq(table[slot[i]].name, kgw_str(name, len))) return slot[i];
    return KGW_TOK_NONE;
}

kgw_str_t kgw_token_name(unsigned token) { return table[token].name; }
unsigned kgw_token_flags(unsigned token) { return table[token].flags; }

/* clang-format off */
static const struct { unsigned id; kgw_str_t name; } methods[] = {
#define M(n) {KGW_M_##n, {#n, sizeof(#n) - 1}}
    M(GET), M(POST), M(HEAD), M(PUT), M(DELETE), M(OPTIONS), M(PATCH), M(MKCOL), M(COPY), M(MOVE), M(PROPFIND), M(PROPPATCH), M(LOCK), M(UNLOCK), M(TRACE), M(CONNECT),
#undef M
};
/* clang-format on */

unsigned kgw_method_id(kgw_str_t name)
{
    for (size_t i = 0; i < KGW_ARRAY_LEN(methods); i++)
        if (kgw_str_eq(methods[i].name, name)) return methods[i].id;
    return KGW_M_OTHER;
}

kgw_str_t kgw_method_name(unsigned id)
{
    for (size_t i = 0; i < KGW_ARRAY_LEN(methods); i++)
        if (methods[i].id == id) return methods[i].name;
    return KGW_STR_NULL;
}

/* clang-format off */
static const struct { uint16_t status; kgw_str_t reason; } reasons[] = {
#define R(n, t) {n, {t, sizeof(t) - 1}}
    R(100, "Continue"), R(101, "Switching Protocols"), R(200, "OK"), R(201, "Created"), R(202, "Accepted"), R(204, "No Content"), R(206, "Partial Content"),
    R(301, "Moved Permanently"), R(302, "Moved Temporarily"), R(303, "See Other"), R(304, "Not Modified"), R(307, "Temporary Redirect"), R(308, "Permanent Redirect"),
    R(400, "Bad Request"), R(401, "Unauthorized"), R(402, "Payment Required"), R(403, "Forbidden"), R(404, "Not Found"), R(405, "Not Allowed"), R(406, "Not Acceptable"),
    R(408, "Request Time-out"), R(409, "Conflict"), R(410, "Gone"), R(411, "Length Required"), R(412, "Precondition Failed"), R(413, "Request Entity Too Large"),
    R(414, "Request-URI Too Large"), R(415, "Unsupported Media Type"), R(416, "Requested Range Not Satisfiable"), R(421, "Misdirected Request"), R(426, "Upgrade Required"),
    R(429, "Too Many Requests"), R(431, "Request Header Fields Too Large"), R(500, "Internal Server Error"), R(501, "Not Implemented"), R(502, "Bad Gateway"),
    R(503, "Service Temporarily Unavailable"), R(504, "Gateway Time-out"), R(505, "HTTP Version Not Supported"), R(507, "Insufficient Storage"),
#undef R
};
/* clang-format on */

kgw_str_t kgw_status_reason(unsigned status)
{
    for (size_t i = 0; i < KGW_ARRAY_LEN(reasons); i++)
        if (reasons[i].status == status) return reasons[i].reason;
    return KGW_STR("");
}
