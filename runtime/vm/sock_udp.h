/* UDP cosockets: one connected datagram socket, one coroutine that waits for a datagram. Owned by Lua (ffi.gc). */
#ifndef KGW_VM_SOCK_UDP_H
#define KGW_VM_SOCK_UDP_H

#include "base/addr.h"

typedef struct kgw_usock kgw_usock_t;

kgw_usock_t *kgw_usock_new(void);
void kgw_usock_free(kgw_usock_t *u);
/* 0 or a negative errno. An earlier peer is forgotten. */
int kgw_usock_connect(kgw_usock_t *u, const kgw_addr_t *to) KGW_MUST_CHECK;
/* The next connect uses this local address. */
void kgw_usock_bind(kgw_usock_t *u, const kgw_addr_t *from);
bool kgw_usock_is_open(const kgw_usock_t *u);
bool kgw_usock_is_busy(const kgw_usock_t *u);
/* Bytes sent or a negative errno. */
int kgw_usock_send(kgw_usock_t *u, const char *ptr, size_t len) KGW_MUST_CHECK;
/* A datagram in *out (valid until the next call): 0. KGW_AGAIN: the running coroutine waits (op_rc KGW_OK: call again, or
 * KGW_TIMEOUT). Otherwise *err is a negative errno and KGW_ERROR is returned. */
int kgw_usock_receive(kgw_usock_t *u, size_t max, uint64_t timeout_ms, kgw_str_t *out, int *err) KGW_MUST_CHECK;
void kgw_usock_close(kgw_usock_t *u);

#endif
