/* Child processes for ngx.pipe: spawned on the worker's loop, their standard streams as sockets for Lua. Owned by Lua (ffi.gc);
 * its memory goes when libuv has closed its handles. A process that Lua forgets is killed. */
#ifndef KGW_VM_PIPE_H
#define KGW_VM_PIPE_H

#include "vm/co.h"
#include "vm/recv.h"

enum kgw_pipe_end { KGW_PIPE_STDIN, KGW_PIPE_STDOUT, KGW_PIPE_STDERR };

typedef struct kgw_pipe kgw_pipe_t;

/* args and env end with NULL; env NULL: ours. NULL: *err is a negative errno. */
kgw_pipe_t *kgw_pipe_spawn(char **args, char **env, bool merge_stderr, int *err);
void kgw_pipe_free(kgw_pipe_t *p);
int kgw_pipe_pid(const kgw_pipe_t *p);
/* The bytes must live until the coroutine goes on. KGW_OK, KGW_AGAIN, KGW_CLOSED, KGW_DECLINED (busy). */
int kgw_pipe_write(kgw_pipe_t *p, const char *ptr, size_t len, uint64_t timeout_ms) KGW_MUST_CHECK;
/* end: STDOUT or STDERR; mode, want: see recv.h. Then kgw_pipe_read_result. */
int kgw_pipe_read(kgw_pipe_t *p, unsigned end, unsigned mode, size_t want, uint64_t timeout_ms) KGW_MUST_CHECK;
int kgw_pipe_read_result(kgw_pipe_t *p, unsigned end, int rc, kgw_str_t *out) KGW_MUST_CHECK;
int kgw_pipe_shutdown(kgw_pipe_t *p, unsigned end) KGW_MUST_CHECK;
/* KGW_OK: it has ended; KGW_AGAIN; KGW_DECLINED: somebody waits. */
int kgw_pipe_wait(kgw_pipe_t *p, uint64_t timeout_ms) KGW_MUST_CHECK;
/* *signal 0: it exited with *code. False while it runs. */
bool kgw_pipe_status(const kgw_pipe_t *p, int *code, int *signal);
int kgw_pipe_kill(kgw_pipe_t *p, int signal) KGW_MUST_CHECK;

#endif
