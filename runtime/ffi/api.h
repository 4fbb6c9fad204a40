/* The boundary between C and Lua: every C function and struct that Lua may touch. Plain C that LuaJIT's parser reads: no
   preprocessor lines; the build embeds this text in the executable and lua/ngx/base.lua hands it to ffi.cdef.
   Functions return 0 (KGW_OK) or a negative kgw_rc unless they say otherwise; strings that come out point into memory that is
   valid until the coroutine waits or ends: copy them at once. Comment tags name the phases where a function may be called. */

typedef struct { const char *ptr; size_t len; } kgw_ffi_str_t;
typedef struct { void *req; void *co; uint32_t phase; uint32_t slot; } kgw_ffi_cur_t;

/* boot and process */
const kgw_ffi_cur_t *kgw_ffi_cur(void);
void kgw_ffi_boot_set(const char *key, const char *value, size_t len);
void kgw_ffi_boot_clear(void);
/* A self-signed certificate and its key as PEM; kind: 0 RSA 2048, 1 P-256, 2 P-384. The texts live until the next call.
   ..._later: the master makes them in a process of its own once it runs, and replaces two files. */
int kgw_ffi_self_signed(int kind, const char *name, int days, kgw_ffi_str_t *cert, kgw_ffi_str_t *key);
int kgw_ffi_self_signed_later(int kind, const char *name, int days, const char *cert_path, const char *key_path);
int kgw_ffi_boot_log(const char *path, int level);
int kgw_ffi_worker_id(void);
int kgw_ffi_worker_count(void);
int kgw_ffi_worker_exiting(void);
void kgw_ffi_hooked_phases(uint32_t mask);
void kgw_ffi_conn_stats(uint64_t *out);
void kgw_ffi_log(int level, const char *ptr, size_t len);
int kgw_ffi_log_level(int level);
int kgw_ffi_log_ring_open(size_t bytes);
int kgw_ffi_log_ring_level(int level);
long kgw_ffi_log_ring_take(char *out, size_t max, int *level, double *time);

/* time */
double kgw_ffi_now(void);
double kgw_ffi_update_time(void);
uint64_t kgw_ffi_mono_us(void);
size_t kgw_ffi_http_time(double seconds, char *out);
int kgw_ffi_parse_http_time(const char *ptr, size_t len, double *out);

/* text and digests; out buffers are the caller's */
size_t kgw_ffi_escape_uri(const char *ptr, size_t len, int type, char *out);
size_t kgw_ffi_unescape_uri(const char *ptr, size_t len, int plus, char *out);
size_t kgw_ffi_base64_encode(const char *ptr, size_t len, char *out, int url, int pad);
int kgw_ffi_base64_decode(const char *ptr, size_t len, char *out, int url);
void kgw_ffi_md5(const char *ptr, size_t len, char *out);
void kgw_ffi_sha1(const char *ptr, size_t len, char *out);
void kgw_ffi_hmac_sha1(const char *key, size_t key_len, const char *ptr, size_t len, char *out);
void kgw_ffi_hex(const char *ptr, size_t len, char *out);
/* value_len -1: a name without "=". Texts lie in buf (len bytes). Returns how many; max is the size of list. */
typedef struct { const char *key, *value; uint32_t key_len; int32_t value_len; } kgw_ffi_arg_t;
int kgw_ffi_args_decode(const char *ptr, size_t len, char *buf, kgw_ffi_arg_t *list, uint32_t max, int *is_truncated);
uint32_t kgw_ffi_crc32(const char *ptr, size_t len);
int kgw_ffi_random(char *out, size_t len);

/* the request */
int kgw_ffi_var_id(const char *name, size_t len);
int kgw_ffi_var_get(int id, kgw_ffi_str_t *out);
int kgw_ffi_var_dyn(const char *name, size_t len, kgw_ffi_str_t *out);
int kgw_ffi_var_set(int id, const char *ptr, size_t len, int clear);
int kgw_ffi_hdr_first(int of_response, const char *name, size_t len, kgw_ffi_str_t *out, int *more);
int kgw_ffi_hdr_next(int of_response, uint32_t *at, kgw_ffi_str_t *name, kgw_ffi_str_t *value);
int kgw_ffi_hdr_set(int of_response, const char *name, size_t name_len, const char *value, size_t value_len, int append);
int kgw_ffi_hdr_remove(int of_response, const char *name, size_t len);
int kgw_ffi_req_method(kgw_ffi_str_t *out);
int kgw_ffi_req_set_method(uint32_t id);
int kgw_ffi_req_args(kgw_ffi_str_t *out);
int kgw_ffi_req_set_args(const char *ptr, size_t len);
int kgw_ffi_req_set_uri(const char *ptr, size_t len);
double kgw_ffi_req_http_version(void);
double kgw_ffi_req_start_time(void);
int kgw_ffi_match_input(kgw_ffi_str_t *method, kgw_ffi_str_t *host, kgw_ffi_str_t *path, int *is_tls, kgw_ffi_str_t *sni);
int kgw_ffi_req_raw_head(kgw_ffi_str_t *out);
int kgw_ffi_body_read(void);
int kgw_ffi_body_result(void);
int kgw_ffi_body_state(uint64_t *size);
int kgw_ffi_body_copy(char *out, size_t max);
int kgw_ffi_body_file(kgw_ffi_str_t *out);
int kgw_ffi_body_set(const char *ptr, size_t len);
void kgw_ffi_body_discard(void);
uint32_t kgw_ffi_ctx_used(void);
int kgw_ffi_is_proxied(void);
void kgw_ffi_mark_balanced(void);

/* the router's index */
int kgw_ffi_trie_collect(const void *nodes, const void *edges, uint32_t mask, const uint8_t *blob, int root, const uint8_t *path, int len, int32_t *cursors, int cnt);
int kgw_ffi_trie_best(const void *entries, const int32_t *cursors, int cnt, int32_t *slot);
int kgw_ffi_is_ascii(const uint8_t *p, int len);

/* the response */
int kgw_ffi_status_get(void);
int kgw_ffi_status_set(int status, const char *reason, size_t len);
int kgw_ffi_headers_sent(void);
int kgw_ffi_print(const char *ptr, size_t len);
int kgw_ffi_send_headers(void);
/* KGW_AGAIN: nothing was sent yet and header_filter did not run; KGW_OK: it did; KGW_DONE: after ngx.eof; KGW_ERROR: no client. */
int kgw_ffi_out_state(void);
int kgw_ffi_eof(void);
/* What the Connection field will say: 0 keep-alive, 1 close, 2 upgrade. */
int kgw_ffi_resp_connection(void);
void kgw_ffi_exit(int code);
void kgw_ffi_abandon(void);
int kgw_ffi_chunk_get(kgw_ffi_str_t *out, int *last);
int kgw_ffi_chunk_size(size_t *size, int *last);
void kgw_ffi_chunk_set(const char *ptr, size_t len);
void kgw_ffi_chunk_last(int last);
int kgw_ffi_held_body_size(size_t *size);
int kgw_ffi_held_body_copy(char *out, size_t max);
void kgw_ffi_held_body_set(const char *ptr, size_t len);

/* proxying; a kgw_ffi_route_t holds what is the same for all requests of a route. host_len 0: the client's Host is kept; addr_len 0: the
   address is chosen per request */
typedef struct {
  const char *host; size_t host_len;
  const char *base; size_t base_len;
  const char *pool; size_t pool_len;
  uint32_t connect_ms, send_ms, read_ms;
  int32_t retries;
  uint8_t is_tls, strip, request_buffering, response_buffering, addr_len;
  uint8_t addr[32];
} kgw_ffi_route_t;
int kgw_ffi_route_addr(kgw_ffi_route_t *route, const char *ip, size_t len, int port);
void kgw_ffi_route_apply(const kgw_ffi_route_t *route, const char *prefix, size_t prefix_len);
void kgw_ffi_route_peer(const kgw_ffi_route_t *route);
int kgw_ffi_upstream_host(kgw_ffi_str_t *out);
int kgw_ffi_upstream_scheme_set(void);
int kgw_ffi_listen_port(void);
void kgw_ffi_set_upstream(int is_tls, const char *host, size_t host_len, const char *uri, size_t uri_len, const char *prefix, size_t prefix_len);
int kgw_ffi_set_peer(const char *ip, size_t ip_len, int port, const char *sni, size_t sni_len, const char *pool, size_t pool_len);
void kgw_ffi_set_timeouts(uint32_t connect_ms, uint32_t send_ms, uint32_t read_ms);
void kgw_ffi_set_retries(int retries);
void kgw_ffi_set_keepalive(uint32_t idle_ms, uint32_t max);
void kgw_ffi_set_buffering(int request, int response);
int kgw_ffi_set_tls(const char *key, size_t key_len, int verify, int depth, const char *ca, size_t ca_len, const char *cert, size_t cert_len, const char *priv, size_t priv_len);
int kgw_ffi_set_tls_objects(const char *key, size_t key_len, int verify, int depth, const char *ca, size_t ca_len, const char *cert, size_t cert_len, const char *priv, size_t priv_len, void *chain, void *pkey, void *store, kgw_ffi_str_t *made);
void kgw_ffi_want(int header_filter, int body_filter, int log, int response);
void kgw_ffi_want_body_filter(void);
int kgw_ffi_last_failure(void);
int kgw_ffi_try_get(int i, kgw_ffi_str_t *ip, int *port, int *status, int *outcome);
int kgw_ffi_tries(void);
int kgw_ffi_latency(int which, double *ms);

/* waiting */
int kgw_ffi_sleep(double seconds);
void kgw_ffi_timer_start(uint32_t id, double seconds);
int kgw_ffi_timer_stop(uint32_t id);
int kgw_ffi_timer_count(int running);
int kgw_ffi_thread_kill(void *thread);
int kgw_ffi_op_rc(void);
void *kgw_ffi_dns_new(void);
void kgw_ffi_dns_free(void *q);
int kgw_ffi_dns_begin(void *q, const char *name, int type);
int kgw_ffi_dns_rcode(void *q, int *cnt);
int kgw_ffi_dns_record(void *q, int i, int *type, uint32_t *ttl, kgw_ffi_str_t *name, kgw_ffi_str_t *target, int *port, int *priority, int *weight);
void *kgw_ffi_wait_new(void);
int kgw_ffi_wait_begin(void *w, double timeout_s);
void kgw_ffi_wait_wake(void *w, int rc);
void kgw_ffi_wait_free(void *w);

/* shared dictionaries */
void *kgw_ffi_dict_make(const char *name, double size);
void *kgw_ffi_dict_find(const char *name);
void *kgw_ffi_dict_at(int i, kgw_ffi_str_t *name);
double kgw_ffi_dict_capacity(void *d);
double kgw_ffi_dict_free_space(void *d);
int kgw_ffi_dict_get(void *d, const char *key, size_t len, int stale, int *type, kgw_ffi_str_t *str, double *num, uint32_t *flags, int *is_stale);
int kgw_ffi_dict_set(void *d, const char *key, size_t len, int type, const char *str, size_t str_len, double num, double ttl, uint32_t flags, int how, int *forcible);
int kgw_ffi_dict_delete(void *d, const char *key, size_t len);
int kgw_ffi_dict_incr(void *d, const char *key, size_t len, double by, int has_init, double init, double init_ttl, double *result, int *forcible);
int kgw_ffi_dict_ttl(void *d, const char *key, size_t len, double *ttl);
int kgw_ffi_dict_expire(void *d, const char *key, size_t len, double ttl);
int kgw_ffi_dict_push(void *d, const char *key, size_t len, int type, const char *str, size_t str_len, double num, int left, uint32_t *n);
int kgw_ffi_dict_pop(void *d, const char *key, size_t len, int left, int *type, kgw_ffi_str_t *str, double *num);
int kgw_ffi_dict_llen(void *d, const char *key, size_t len, uint32_t *n);
void kgw_ffi_dict_flush(void *d);
uint32_t kgw_ffi_dict_flush_expired(void *d, uint32_t max);
uint32_t kgw_ffi_dict_keys(void *d, uint32_t max, kgw_ffi_str_t *packed);

/* regular expressions (flags: vm/regex.h); exec returns the number of pairs set in ov, -1 no match, or PCRE2's negative code */
void *kgw_ffi_re_compile(const char *re, size_t len, uint32_t flags, char *err, size_t err_len, int *groups);
void kgw_ffi_re_free(void *re);
int kgw_ffi_re_name(void *re, int i, kgw_ffi_str_t *name);
int kgw_ffi_re_exec(void *re, const char *s, size_t len, size_t at, int *ov);
void kgw_ffi_re_match_limit(uint32_t limit);
int kgw_ffi_re_jit_stack(size_t bytes);

/* cosockets; functions that return KGW_AGAIN made the coroutine wait, then kgw_ffi_op_rc is the result; timeouts in ms, 0 none;
   ip may be "unix:PATH"; mode: vm/recv.h */
void *kgw_ffi_sock_new(void);
void kgw_ffi_sock_free(void *s);
const char *kgw_ffi_sock_err(void *s);
int kgw_ffi_sock_bind(void *s, const char *ip, size_t len);
int kgw_ffi_sock_connect(void *s, const char *ip, size_t len, int port, const char *pool, size_t pool_len, int pool_size, int backlog, double timeout_ms);
int kgw_ffi_sock_client_cert(void *s, void *chain, void *key);
int kgw_ffi_sock_trust(void *s, const char *pem, size_t len, int depth);
void kgw_ffi_sock_tunnel(void *s);
int kgw_ffi_sock_handshake(void *s, const char *name, size_t len, int verify, void *session, double timeout_ms);
void *kgw_ffi_sock_session(void *s);
void kgw_ffi_session_free(void *session);
void *kgw_ffi_sock_ssl(void *s);
int kgw_ffi_sock_send(void *s, const char *ptr, size_t len, double timeout_ms);
int kgw_ffi_sock_receive(void *s, int mode, double want, const char *pat, size_t pat_len, int inclusive, double timeout_ms, kgw_ffi_str_t *out);
int kgw_ffi_sock_received(void *s, int rc, kgw_ffi_str_t *out);
int kgw_ffi_sock_keepalive(void *s, double idle_ms, int size);
int kgw_ffi_sock_close(void *s);
int kgw_ffi_sock_reused(void *s);
int kgw_ffi_sock_option(void *s, int option, int set, int *value);
void *kgw_ffi_rsock_new(int raw, kgw_ffi_str_t *err);
void kgw_ffi_rsock_free(void *s);
const char *kgw_ffi_rsock_err(void *s);
int kgw_ffi_rsock_receive(void *s, int mode, double want, const char *pat, size_t pat_len, int inclusive, double timeout_ms, kgw_ffi_str_t *out);
int kgw_ffi_rsock_received(void *s, int rc, kgw_ffi_str_t *out);
int kgw_ffi_rsock_send(void *s, const char *ptr, size_t len, double timeout_ms);
void *kgw_ffi_udp_new(void);
void kgw_ffi_udp_free(void *u);
int kgw_ffi_udp_bind(void *u, const char *ip, size_t len);
int kgw_ffi_udp_connect(void *u, const char *ip, size_t len, int port, kgw_ffi_str_t *err);
int kgw_ffi_udp_send(void *u, const char *ptr, size_t len, kgw_ffi_str_t *err);
int kgw_ffi_udp_receive(void *u, size_t max, double timeout_ms, kgw_ffi_str_t *out);
int kgw_ffi_udp_close(void *u);

/* child processes; end: 0 stdin, 1 stdout, 2 stderr; KGW_DECLINED: somebody else waits for the same */
void *kgw_ffi_pipe_spawn(const char **args, const char **env, int merge_stderr, kgw_ffi_str_t *why);
void kgw_ffi_pipe_free(void *p);
int kgw_ffi_pipe_pid(void *p);
int kgw_ffi_pipe_write(void *p, const char *ptr, size_t len, double timeout_ms);
int kgw_ffi_pipe_read(void *p, int end, int mode, double want, double timeout_ms);
int kgw_ffi_pipe_read_result(void *p, int end, int rc, kgw_ffi_str_t *out);
int kgw_ffi_pipe_shutdown(void *p, int end);
int kgw_ffi_pipe_wait(void *p, double timeout_ms);
int kgw_ffi_pipe_status(void *p, int *code, int *signal);
int kgw_ffi_pipe_kill(void *p, int signal);

/* semaphores */
void *kgw_ffi_sema_new(int count);
void kgw_ffi_sema_free(void *s);
int kgw_ffi_sema_wait(void *s, double seconds);
void kgw_ffi_sema_post(void *s, int n);
int kgw_ffi_sema_count(void *s);

/* TLS: of the handshake in the certificate phase, else of the request's connection; chains are STACK_OF(X509)*, keys EVP_PKEY*;
   KGW_DECLINED: there is no TLS here */
void *kgw_ffi_ssl_parse_cert(const char *pem, size_t len);
void kgw_ffi_ssl_free_cert(void *chain);
void *kgw_ffi_ssl_parse_key(const char *pem, size_t len, const char *pass);
void kgw_ffi_ssl_free_key(void *key);
int kgw_ffi_ssl_cert_der(const char *pem, size_t len, char *out, size_t max);
int kgw_ffi_ssl_key_der(const char *pem, size_t len, const char *pass, char *out, size_t max);
int kgw_ffi_ssl_clear(void);
int kgw_ffi_ssl_set_cert(void *chain);
int kgw_ffi_ssl_set_key(void *key);
int kgw_ffi_ssl_set_der_cert(const char *der, size_t len);
int kgw_ffi_ssl_set_der_key(const char *der, size_t len);
int kgw_ffi_ssl_server_name(kgw_ffi_str_t *out);
int kgw_ffi_ssl_address(int of_server, int *family, int *port, kgw_ffi_str_t *raw);
int kgw_ffi_ssl_version(void);
int kgw_ffi_ssl_verify_client(void *chain, int depth);
void *kgw_ffi_ssl_pointer(void);
int kgw_ffi_ssl_client_chain(char *out, size_t max);
int kgw_ffi_ssl_disable_reuse(void);
int kgw_ffi_ocsp_responder(const char *der, size_t len, char *out, size_t max, kgw_ffi_str_t *err);
int kgw_ffi_ocsp_request(const char *der, size_t len, char *out, size_t max, kgw_ffi_str_t *err);
int kgw_ffi_ocsp_validate(const char *der_response, size_t response_len, const char *der, size_t len, kgw_ffi_str_t *err);
int kgw_ffi_ocsp_staple(const char *der, size_t len, kgw_ffi_str_t *err);

/* large configurations (clustering): gunzip and cut in a helper thread; hashes are XXH3 of an item's bytes */
typedef struct { kgw_ffi_str_t name, value; uint32_t first, cnt, base_cnt, prefix, suffix; uint8_t depth, kind; } kgw_ffi_section_t;
typedef struct { uint64_t off, hash; uint32_t len, prev; } kgw_ffi_item_t;
void *kgw_ffi_unpack_new(const char *ptr, size_t len, double max, void *base);
int kgw_ffi_unpack_begin(void *u);
int kgw_ffi_unpack_run(void *u);
int kgw_ffi_unpack_result(void *u, kgw_ffi_str_t *err);
const kgw_ffi_section_t *kgw_ffi_unpack_sections(void *u, uint32_t *cnt);
const kgw_ffi_item_t *kgw_ffi_unpack_items(void *u, const char **text);
void kgw_ffi_unpack_keep(void *u);
void kgw_ffi_unpack_free(void *u);
void *kgw_ffi_pack_new(const char *ptr, size_t len, int level, int is_part);
int kgw_ffi_pack_begin(void *p);
int kgw_ffi_pack_run(void *p);
int kgw_ffi_pack_result(void *p, kgw_ffi_str_t *out);
uint32_t kgw_ffi_pack_crc(void *p);
uint32_t kgw_ffi_pack_crc_of_both(uint32_t first, uint32_t second, double len);
void kgw_ffi_pack_free(void *p);

/* the parts of one JSON object or array (http/json_split.h): KGW_OK, KGW_DONE (-4) after the last, or an error with `at` where it is */
typedef struct { const char *text; size_t len, at; char close; uint8_t is_started, is_ended; } kgw_ffi_json_t;
int kgw_ffi_json_open(kgw_ffi_json_t *it, const char *ptr, size_t len);
int kgw_ffi_json_next(kgw_ffi_json_t *it, kgw_ffi_str_t *name, kgw_ffi_str_t *value, int *kind);

/* the durable store; err is 160 bytes */
void *kgw_ffi_store_open(const char *folder, double map_size, int read_only, char *err);
void kgw_ffi_store_close(void *s);
int kgw_ffi_store_probe(const char *folder, double map_size);
int kgw_ffi_store_get(void *s, const char *key, size_t len, kgw_ffi_str_t *value, char *err);
int kgw_ffi_store_seek(void *s, const char *key, size_t len, int after, kgw_ffi_str_t *found, kgw_ffi_str_t *value, char *err);
void kgw_ffi_store_release(void *s);
void kgw_ffi_store_hold(void *s, int is_held);
/* map_size, page_size, max_readers, num_readers, allocated_pages, in_use_pages, entries */
void kgw_ffi_store_info(void *s, double out[7]);
void *kgw_ffi_batch_new(void *s);
int kgw_ffi_batch_put(void *b, const char *key, size_t len, const char *value, size_t value_len);
int kgw_ffi_batch_delete(void *b, const char *key, size_t len);
int kgw_ffi_batch_begin(void *b);
int kgw_ffi_batch_run(void *b);
int kgw_ffi_batch_result(void *b, kgw_ffi_str_t *err);
void kgw_ffi_batch_free(void *b);
