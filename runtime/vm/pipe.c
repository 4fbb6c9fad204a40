/* See pipe.h. */
#include "vm/pipe.h"

#include <signal.h>
#include <unistd.h>

#include "base/freelist.h"
#include "vm/vm.h"

typedef struct {
    uv_pipe_t pipe;
    kgw_pipe_t *owner;
    bool is_open, has_eof;
    kgw_recv_t recv; /* not of stdin */
    kgw_op_t op;
    kgw_timer_t timer;
    uv_write_t write; /* of stdin */
    bool is_writing;
} stream_t;

struct kgw_pipe {
    uv_process_t process;
    stream_t streams[3];
    kgw_op_t op; /* wait */
    kgw_timer_t timer;
    int pid, code, signal;
    bool has_exited, is_forgotten;
    unsigned handles; /* not closed yet */
};

static void maybe_free(kgw_pipe_t *p)
{
    if (p->handles || !p->is_forgotten) return;
    for (int i = 1; i < 3; i++) kgw_recv_fini(&p->streams[i].recv);
    kgw_free(p);
}

static void on_stream_closed(uv_handle_t *h)
{
    stream_t *s = container_of(h, stream_t, pipe);
    s->owner->handles--;
    maybe_free(s->owner);
}

static void on_process_closed(uv_handle_t *h)
{
    kgw_pipe_t *p = container_of(h, kgw_pipe_t, process);
    p->handles--;
    maybe_free(p);
}

static void close_stream(stream_t *s)
{
    if (!s->is_open) return;
    s->is_open = false;
    uv_close((uv_handle_t *)&s->pipe, on_stream_closed);
}

static void end_stream(stream_t *s, int rc)
{
    kgw_timer_stop(kgw_vm->loop, &s->timer);
    if (s->is_open && s != &s->owner->streams[KGW_PIPE_STDIN]) uv_read_stop((uv_stream_t *)&s->pipe);
    kgw_op_complete(&s->op, rc);
}

static void on_stream_timer(kgw_timer_t *t) { end_stream(container_of(t, stream_t, timer), KGW_TIMEOUT); }

static void cancel_stream(kgw_op_t *op)
{
    stream_t *s = container_of(op, stream_t, op);
    kgw_timer_stop(kgw_vm->loop, &s->timer);
    if (s->is_writing) close_stream(s); /* the bytes will not live on */
    else if (s->is_open) uv_read_stop((uv_stream_t *)&s->pipe);
}

static void end_wait(kgw_pipe_t *p, int rc)
{
    kgw_timer_stop(kgw_vm->loop, &p->timer);
    kgw_op_complete(&p->op, rc);
}

static void on_wait_timer(kgw_timer_t *t) { end_wait(container_of(t, kgw_pipe_t, timer), KGW_TIMEOUT); }
static void cancel_wait(kgw_op_t *op) { kgw_timer_stop(kgw_vm->loop, &container_of(op, kgw_pipe_t, op)->timer); }

static void on_exit(uv_process_t *process, int64_t code, int sig)
{
    kgw_pipe_t *p = container_of(process, kgw_pipe_t, process);
    p->has_exited = true;
    p->code = (int)code;
    p->signal = sig;
    uv_close((uv_handle_t *)process, on_process_closed);
    end_wait(p, KGW_OK);
}

static uv_stdio_container_t stdio_of(stream_t *s, int flags)
{
    uv_stdio_container_t c;
    c.flags = UV_CREATE_PIPE | flags;
    c.data.stream = (uv_stream_t *)&s->pipe;
    return c;
}

kgw_pipe_t *kgw_pipe_spawn(char **args, char **env, bool merge_stderr, int *err)
{
    kgw_pipe_t *p = kgw_zalloc(sizeof(*p));
    kgw_timer_init(&p->timer, on_wait_timer);
    for (int i = 0; i < 3; i++) {
        stream_t *s = &p->streams[i];
        s->owner = p;
        s->is_open = true;
        kgw_timer_init(&s->timer, on_stream_timer);
        uv_pipe_init(&kgw_vm->loop->uv, &s->pipe, 0);
    }
    uv_stdio_container_t stdio[3] = {stdio_of(&p->streams[0], UV_READABLE_PIPE), stdio_of(&p->streams[1], UV_WRITABLE_PIPE), stdio_of(&p->streams[2], UV_WRITABLE_PIPE)};
    uv_process_options_t o = {.exit_cb = on_exit, .file = args[0], .args = args, .env = env, .stdio = stdio, .stdio_count = 3};
    char *merged[] = {"/bin/sh", "-c", "exec \"$@\" 2>&1", "sh", NULL};
    char **list = NULL;
    if (merge_stderr) { /* the shell joins the two before it becomes the program */
        size_t n = 0;
        while (args[n]) n++;
        list = kgw_malloc((n + 5) * sizeof(*list));
        for (size_t i = 0; i < 4; i++) list[i] = merged[i];
        for (size_t i = 0; i <= n; i++) list[i + 4] = args[i];
        o.file = list[0];
        o.args = list;
    }
    *err = uv_spawn(&kgw_vm->loop->uv, &p->process, &o);
    kgw_free(list);
    p->handles = 4;
    p->pid = p->process.pid;
    if (*err == 0) return p;
    p->is_forgotten = p->has_exited = true;
    for (int i = 0; i < 3; i++) close_stream(&p->streams[i]);
    uv_close((uv_handle_t *)&p->process, on_process_closed);
    return NULL;
}

void kgw_pipe_free(kgw_pipe_t *p)
{
    p->is_forgotten = true;
    if (!p->has_exited) uv_process_kill(&p->process, SIGKILL); /* on_exit closes the handle */
    for (int i = 0; i < 3; i++) close_stream(&p->streams[i]);
    maybe_free(p);
}

int kgw_pipe_pid(const kgw_pipe_t *p) { return p->pid; }

static void on_written(uv_write_t *w, int status)
{
    stream_t *s = container_of(w, stream_t, write);
    s->is_writing = false;
    end_stream(s, status == 0 ? KGW_OK : KGW_CLOSED);
}

static int wait_stream(stream_t *s, uint64_t timeout_ms)
{
    kgw_op_begin(&s->op, cancel_stream);
    if (timeout_ms) kgw_timer_start(kgw_vm->loop, &s->timer, timeout_ms);
    return KGW_AGAIN;
}

int kgw_pipe_write(kgw_pipe_t *p, const char *ptr, size_t len, uint64_t timeout_ms)
{
    stream_t *s = &p->streams[KGW_PIPE_STDIN];
    if (!s->is_open) return KGW_CLOSED;
    if (s->op.co || s->is_writing) return KGW_DECLINED;
    if (len == 0) return KGW_OK;
    uv_buf_t buf = uv_buf_init((char *)ptr, (unsigned)len);
    if (uv_write(&s->write, (uv_stream_t *)&s->pipe, &buf, 1, on_written) != 0) return KGW_CLOSED;
    s->is_writing = true;
    return wait_stream(s, timeout_ms);
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
    (void)suggested;
    kgw_block_t *b = kgw_recv_alloc(&container_of(h, stream_t, pipe)->recv);
    *buf = uv_buf_init(b->data + b->used, b->cap - b->used);
}

static void on_read(uv_stream_t *h, ssize_t n, const uv_buf_t *buf)
{
    (void)buf;
    stream_t *s = container_of(h, stream_t, pipe);
    if (n > 0) s->recv.in->used += (uint32_t)n;
    else if (n < 0) s->has_eof = true;
    if (!s->op.co) return;
    int rc = kgw_recv_check(&s->recv, s->has_eof);
    if (rc != KGW_AGAIN) end_stream(s, rc);
}

int kgw_pipe_read(kgw_pipe_t *p, unsigned end, unsigned mode, size_t want, uint64_t timeout_ms)
{
    stream_t *s = &p->streams[end];
    if (!s->is_open) return KGW_CLOSED;
    if (s->op.co) return KGW_DECLINED;
    kgw_recv_begin(&s->recv, mode, want, NULL, 0, false);
    int rc = kgw_recv_check(&s->recv, s->has_eof);
    if (rc != KGW_AGAIN) return rc;
    uv_read_start((uv_stream_t *)&s->pipe, on_alloc, on_read);
    return wait_stream(s, timeout_ms);
}

int kgw_pipe_read_result(kgw_pipe_t *p, unsigned end, int rc, kgw_str_t *out)
{
    stream_t *s = &p->streams[end];
    if (rc == KGW_OK) {
        *out = kgw_recv_take(&s->recv);
        return KGW_OK;
    }
    *out = kgw_recv_take_partial(&s->recv);
    return rc;
}

int kgw_pipe_shutdown(kgw_pipe_t *p, unsigned end)
{
    stream_t *s = &p->streams[end];
    if (!s->is_open) return KGW_CLOSED;
    if (s->op.co) return KGW_DECLINED;
    close_stream(s);
    return KGW_OK;
}

int kgw_pipe_wait(kgw_pipe_t *p, uint64_t timeout_ms)
{
    if (p->has_exited) return KGW_OK;
    if (p->op.co) return KGW_DECLINED;
    kgw_op_begin(&p->op, cancel_wait);
    if (timeout_ms) kgw_timer_start(kgw_vm->loop, &p->timer, timeout_ms);
    return KGW_AGAIN;
}

bool kgw_pipe_status(const kgw_pipe_t *p, int *code, int *signal)
{
    *code = p->code;
    *signal = p->signal;
    return p->has_exited;
}

int kgw_pipe_kill(kgw_pipe_t *p, int signal) { return p->has_exited ? KGW_CLOSED : uv_process_kill(&p->process, signal) == 0 ? KGW_OK : KGW_ERROR; }
