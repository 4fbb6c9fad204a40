/* Socket addresses: parse, format, compare, CIDR match. No I/O. */
#ifndef KGW_BASE_ADDR_H
#define KGW_BASE_ADDR_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/kgw.h"

typedef struct {
    union {
        struct sockaddr sa;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
        struct sockaddr_storage ss;
    };
    socklen_t len;
} kgw_addr_t;

#define KGW_ADDR_STRLEN 64

/* "1.2.3.4", "::1" or "[::1]"; KGW_ERROR when it is no IP address. */
int kgw_addr_parse_ip(kgw_addr_t *a, kgw_str_t ip, uint16_t port) KGW_MUST_CHECK;
int kgw_addr_set_unix(kgw_addr_t *a, kgw_str_t path) KGW_MUST_CHECK;
/* IP text without port (no brackets), or "unix:"; out has KGW_ADDR_STRLEN bytes; returns its length. */
size_t kgw_addr_ip(const kgw_addr_t *a, char *out);
uint16_t kgw_addr_port(const kgw_addr_t *a);
void kgw_addr_set_port(kgw_addr_t *a, uint16_t port);
bool kgw_addr_eq(const kgw_addr_t *a, const kgw_addr_t *b); /* address and port */

typedef struct {
    uint8_t family; /* AF_INET, AF_INET6, AF_UNIX */
    uint8_t bits;
    uint8_t net[16];
} kgw_cidr_t;

/* "10.0.0.0/8", "10.0.0.1", "::/0", "unix:". IPv4-mapped IPv6 addresses match IPv4 ranges. */
int kgw_cidr_parse(kgw_cidr_t *c, kgw_str_t s) KGW_MUST_CHECK;
bool kgw_cidr_match(const kgw_cidr_t *c, const kgw_addr_t *a);

#endif
