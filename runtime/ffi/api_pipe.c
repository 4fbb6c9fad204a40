/* Child processes for ngx.pipe. */
#include "base/str.h"
#include "ffi/ffi.h"
#include "vm/pipe.h"
#include "vm/sock.h"

static uint64_t to_ms(double ms) { return ms >= 1 ? (uint64_t)ms : ms > 0 ? 1 : 0; }

void *kgw_ffi_pipe_spawn(const char **args, const char **env, int merge_stderr, kgw_ffi_str_t *why)
{
    static char text[128];
    int err;
    kgw_pipe_t *p = kgw_pipe_spawn((char **)args, (char **)env, merge_stderr, &err);
    if (!p) put(why, kgw_str_c(kgw_sock_strerror(err, text)));
    return p;
}

void kgw_ffi_pipe_free(void *p) { kgw_pipe_free(p); }
int kgw_ffi_pipe_pid(void *p) { return kgw_pipe_pid(p); }
int kgw_ffi_pipe_write(void *p, const char *ptr, size_t len, double timeout_ms) { return kgw_pipe_write(p, ptr, len, to_ms(timeout_ms)); }

int kgw_ffi_pipe_read(void *p, int end, int mode, double want, double timeout_ms) { return kgw_pipe_read(p, (unsigned)end, (unsigned)mode, (size_t)want, to_ms(timeout_ms)); }

int kgw_ffi_pipe_read_result(void *p, int end, int rc, kgw_ffi_str_t *out)
{
    kgw_str_t got;
    rc = kgw_pipe_read_result(p, (unsigned)end, rc, &got);
    put(out, got);
    return rc;
}

int kgw_ffi_pipe_shutdown(void *p, int end) { return kgw_pipe_shutdown(p, (unsigned)end); }
int kgw_ffi_pipe_wait(void *p, double timeout_ms) { return kgw_pipe_wait(p, to_ms(timeout_ms)); }
int kgw_ffi_pipe_status(void *p, int *code, int *signal) { return kgw_pipe_status(p, code, signal) ? KGW_OK : KGW_AGAIN; }
int kgw_ffi_pipe_kill(void *p, int signal) { return kgw_pipe_kill(p, signal); }
