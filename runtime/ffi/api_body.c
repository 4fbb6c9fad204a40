/* Bodies: the request's, the chunk that body_filter looks at, and a response held back for the response phase. */
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "ffi/ffi.h"

/* Reading the request body --------------------------------------------------------------------------- */

typedef struct {
    kgw_op_t op;
    kgw_req_t *req;
} reader_t;

static void cancel_read(kgw_op_t *op)
{
    reader_t *w = container_of(op, reader_t, op);
    w->req->body_ready = NULL;
    w->req->body_waiter = NULL;
}

static void on_body_ready(kgw_req_t *r, int rc)
{
    reader_t *w = r->body_waiter;
    r->body_waiter = NULL;
    if (w) kgw_op_complete(&w->op, rc);
}

int kgw_ffi_body_read(void)
{
    kgw_req_t *r = cur_req();
    if (!r || r->body_waiter) return KGW_ERROR;
    int rc = kgw_req_read_body(r);
    if (rc == KGW_OK && r->body.kind == KGW_BODY_NONE) r->body.kind = KGW_BODY_WHOLE; /* read: there is none */
    if (rc != KGW_AGAIN) return rc;
    reader_t *w = kgw_arena_alloc(&r->arena, sizeof(*w));
    w->req = r;
    r->body_waiter = w;
    r->body_ready = on_body_ready;
    kgw_op_begin(&w->op, cancel_read);
    kgw_req_body_timer(r);
    return KGW_AGAIN;
}

int kgw_ffi_body_result(void)
{
    kgw_req_t *r = cur_req();
    return r && (r->body.kind == KGW_BODY_WHOLE || r->body.kind == KGW_BODY_NONE || r->body.kind == KGW_BODY_GONE) ? KGW_OK : KGW_ERROR;
}

int kgw_ffi_body_state(uint64_t *size)
{
    kgw_req_t *r = cur_req();
    if (!r) return KGW_ERROR;
    *size = kgw_req_body_size(r);
    return r->body.kind;
}

int kgw_ffi_body_copy(char *out, size_t max)
{
    kgw_req_t *r = cur_req();
    if (!r || r->body.kind != KGW_BODY_WHOLE) return KGW_ERROR;
    size_t n = r->body.length < max ? (size_t)r->body.length : max;
    if (r->body.fd < 0) {
        kgw_chain_copy_out(&r->body.mem, out, n);
        return (int)n;
    }
    size_t done = 0;
    while (done < n) {
        ssize_t got = pread(r->body.fd, out + done, n - done, (off_t)done);
        if (got <= 0) return KGW_ERROR;
        done += (size_t)got;
    }
    return (int)n;
}

int kgw_ffi_body_file(kgw_ffi_str_t *out)
{
    kgw_req_t *r = cur_req();
    if (!r || r->body.kind != KGW_BODY_WHOLE || !r->body.path) return KGW_DECLINED;
    put(out, (kgw_str_t){r->body.path, strlen(r->body.path)});
    return KGW_OK;
}

int kgw_ffi_body_set(const char *ptr, size_t len)
{
    kgw_req_t *r = cur_req();
    if (!r) return KGW_ERROR;
    if (r->body.kind == KGW_BODY_NONE || r->body.kind == KGW_BODY_UNREAD || r->body.kind == KGW_BODY_READING) return KGW_AGAIN;
    if (r->body.kind == KGW_BODY_GONE || r->body.kind == KGW_BODY_LIVE) return KGW_DECLINED;
    kgw_req_set_body(r, ptr, len);
    char *text = kgw_arena_bytes(&r->arena, 20);
    kgw_hdrs_set_token(&r->in.hdrs, KGW_TOK_CONTENT_LENGTH, (kgw_str_t){text, kgw_u64_dec(text, len)});
    kgw_hdrs_remove_token(&r->in.hdrs, KGW_TOK_TRANSFER_ENCODING);
    return KGW_OK;
}

void kgw_ffi_body_discard(void)
{
    if (cur_req()) kgw_req_discard_body(cur_req());
}

/* Filter chunks -------------------------------------------------------------------------------------- */

static kgw_str_t contiguous(kgw_req_t *r, const kgw_chain_t *c)
{
    if (!c->bytes) return (kgw_str_t){"", 0};
    if (c->cnt == 1) return (kgw_str_t){c->slices[c->first].ptr, c->slices[c->first].len};
    char *p = kgw_arena_bytes(&r->arena, c->bytes);
    kgw_chain_copy_out(c, p, c->bytes);
    return (kgw_str_t){p, c->bytes};
}

/* What the next filter function sees: what an earlier one made of the chunk, else the chunk itself. */
static kgw_chain_t *chunk(void)
{
    kgw_req_t *r = cur_req();
    if (!r || !r->filter_in) return NULL;
    return r->filter_touched ? r->filter_out : r->filter_in;
}

int kgw_ffi_chunk_get(kgw_ffi_str_t *out, int *last)
{
    kgw_chain_t *c = chunk();
    if (!c) return KGW_ERROR;
    put(out, contiguous(cur_req(), c));
    *last = cur_req()->filter_last;
    return KGW_OK;
}

int kgw_ffi_chunk_size(size_t *size, int *last)
{
    kgw_chain_t *c = chunk();
    if (!c) return KGW_ERROR;
    *size = c->bytes;
    *last = cur_req()->filter_last;
    return KGW_OK;
}

void kgw_ffi_chunk_set(const char *ptr, size_t len)
{
    kgw_req_t *r = cur_req();
    if (!r || !r->filter_in) return;
    /* ptr may point into the chunk's own bytes (kgw_ffi_chunk_get): copy before the old ones go. */
    kgw_chain_t fresh;
    kgw_chain_init(&fresh);
    if (len) kgw_chain_add_copy(&fresh, ptr, len);
    kgw_chain_clear(r->filter_out);
    kgw_chain_move(r->filter_out, &fresh);
    kgw_chain_fini(&fresh);
    r->filter_touched = true;
}

void kgw_ffi_chunk_last(int last)
{
    kgw_req_t *r = cur_req();
    if (r && r->filter_in) r->filter_last = last != 0;
}

/* A held response ------------------------------------------------------------------------------------ */

int kgw_ffi_held_body_size(size_t *size)
{
    kgw_req_t *r = cur_req();
    if (!r) return KGW_ERROR;
    *size = r->out_body.bytes;
    return KGW_OK;
}

int kgw_ffi_held_body_copy(char *out, size_t max)
{
    kgw_req_t *r = cur_req();
    if (!r) return KGW_ERROR;
    size_t n = r->out_body.bytes < max ? r->out_body.bytes : max;
    kgw_chain_copy_out(&r->out_body, out, n);
    return (int)n;
}

void kgw_ffi_held_body_set(const char *ptr, size_t len)
{
    kgw_req_t *r = cur_req();
    if (!r || r->head_is_out) return;
    kgw_chain_clear(&r->out_body);
    if (len) kgw_chain_add_copy(&r->out_body, ptr, len);
}
