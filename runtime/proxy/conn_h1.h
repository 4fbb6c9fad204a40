/* HTTP/1 driver of a downstream connection; called by conn.c and, through kgw_conn_ops_t, by the request machine. */
#ifndef KGW_PROXY_CONN_H1_H
#define KGW_PROXY_CONN_H1_H

#include "proxy/conn.h"

void kgw_conn_h1_init(kgw_conn_t *c);
kgw_block_t *kgw_conn_h1_alloc(kgw_conn_t *c);
void kgw_conn_h1_on_bytes(kgw_conn_t *c);
void kgw_conn_h1_on_eof(kgw_conn_t *c);
/* Answers a connection that sent no request which could be parsed, then closes it. */
void kgw_conn_h1_refuse(kgw_conn_t *c, unsigned status, const char *why);
/* The connection broke. */
void kgw_conn_h1_lost(kgw_conn_t *c);
/* Reads pipelined requests whose predecessor is done; before every poll. */
void kgw_conn_h1_run_ready(void *arg);
/* realip.c: the client's address by trusted_ips and real_ip_header. */
void kgw_realip(kgw_req_t *r);

#endif
