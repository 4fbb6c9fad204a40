/* See regex.h. One match context and one JIT stack serve every expression of the process: a match never waits. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "vm/regex.h"

#include <pcre2.h>
#include <stdio.h>
#include <string.h>

#include "base/freelist.h"

#define JIT_STACK_MIN 32768
#define JIT_STACK_MAX (1024 * 1024)
#define MATCH_LIMIT 100000
#define DFA_WORKSPACE 1000

struct kgw_regex {
    pcre2_code *code;
    pcre2_match_data *match;
    uint32_t groups, name_cnt, name_size;
    PCRE2_SPTR names;
    bool is_dfa;
};

static pcre2_match_context *context;
static pcre2_jit_stack *jit_stack;
static uint32_t match_limit = MATCH_LIMIT;

static pcre2_match_context *get_context(void)
{
    if (context) return context;
    context = pcre2_match_context_create(NULL);
    pcre2_set_match_limit(context, match_limit);
    jit_stack = pcre2_jit_stack_create(JIT_STACK_MIN, JIT_STACK_MAX, NULL);
    pcre2_jit_stack_assign(context, NULL, jit_stack);
    return context;
}

void kgw_regex_set_match_limit(uint32_t limit)
{
    match_limit = limit;
    if (context) pcre2_set_match_limit(context, limit);
}

int kgw_regex_set_jit_stack(size_t bytes)
{
    get_context();
    pcre2_jit_stack *bigger = pcre2_jit_stack_create(bytes < JIT_STACK_MIN ? bytes : JIT_STACK_MIN, bytes > JIT_STACK_MAX ? bytes : JIT_STACK_MAX, NULL);
    if (!bigger) return KGW_ERROR;
    pcre2_jit_stack_assign(context, NULL, bigger);
    pcre2_jit_stack_free(jit_stack);
    jit_stack = bigger;
    return KGW_OK;
}

static uint32_t compile_options(unsigned flags)
{
    static const struct {
        unsigned flag;
        uint32_t option;
    } map[] = {
        {KGW_RE_ANCHORED, PCRE2_ANCHORED},   {KGW_RE_DUPNAMES, PCRE2_DUPNAMES}, {KGW_RE_CASELESS, PCRE2_CASELESS}, {KGW_RE_JAVASCRIPT, PCRE2_MATCH_UNSET_BACKREF | PCRE2_ALT_BSUX},
        {KGW_RE_MULTILINE, PCRE2_MULTILINE}, {KGW_RE_DOTALL, PCRE2_DOTALL},     {KGW_RE_UTF, PCRE2_UTF},           {KGW_RE_NO_UTF_CHECK, PCRE2_UTF},
        {KGW_RE_EXTENDED, PCRE2_EXTENDED},
    };
    uint32_t options = 0;
    for (size_t i = 0; i < KGW_ARRAY_LEN(map); i++)
        if (flags & map[i].flag) options |= map[i].option;
    /* Trusting the subject to be UTF-8 would let a plugin read anywhere; bytes that are not just never match. */
    if (flags & KGW_RE_NO_UTF_CHECK && !(flags & KGW_RE_DFA)) options |= PCRE2_MATCH_INVALID_UTF;
    return options;
}

static void describe(kgw_str_t re, int code, size_t at, char *err, size_t err_len)
{
    PCRE2_UCHAR text[128];
    pcre2_get_error_message(code, text, sizeof(text));
    if (at >= re.len) snprintf(err, err_len, "pcre2_compile() failed: %s in \"%.*s\"", (char *)text, (int)re.len, re.ptr);
    else snprintf(err, err_len, "pcre2_compile() failed: %s in \"%.*s\" at \"%.*s\"", (char *)text, (int)re.len, re.ptr, (int)(re.len - at), re.ptr + at);
}

kgw_regex_t *kgw_regex_new(kgw_str_t re, unsigned flags, char *err, size_t err_len)
{
    int code;
    PCRE2_SIZE at;
    pcre2_code *c = pcre2_compile((PCRE2_SPTR)re.ptr, re.len, compile_options(flags), &code, &at, NULL);
    if (!c) {
        describe(re, code, at, err, err_len);
        return NULL;
    }
    kgw_regex_t *x = kgw_zalloc(sizeof(*x));
    x->code = c;
    x->is_dfa = flags & KGW_RE_DFA;
    x->match = pcre2_match_data_create_from_pattern(c, NULL);
    pcre2_pattern_info(c, PCRE2_INFO_CAPTURECOUNT, &x->groups);
    pcre2_pattern_info(c, PCRE2_INFO_NAMECOUNT, &x->name_cnt);
    pcre2_pattern_info(c, PCRE2_INFO_NAMEENTRYSIZE, &x->name_size);
    pcre2_pattern_info(c, PCRE2_INFO_NAMETABLE, &x->names);
    if (flags & KGW_RE_JIT && !x->is_dfa) pcre2_jit_compile(c, PCRE2_JIT_COMPLETE);
    return x;
}

void kgw_regex_free(kgw_regex_t *x)
{
    pcre2_match_data_free(x->match);
    pcre2_code_free(x->code);
    kgw_free(x);
}

unsigned kgw_regex_groups(const kgw_regex_t *x) { return x->groups; }

bool kgw_regex_name(const kgw_regex_t *x, unsigned i, kgw_str_t *name, int *group)
{
    if (i >= x->name_cnt) return false;
    PCRE2_SPTR e = x->names + (size_t)i * x->name_size;
    *group = e[0] << 8 | e[1];
    name->ptr = (const char *)e + 2;
    name->len = strlen(name->ptr);
    return true;
}

int kgw_regex_exec(kgw_regex_t *x, kgw_str_t s, size_t at, int *ov)
{
    static int workspace[DFA_WORKSPACE];
    int rc;
    if (x->is_dfa) rc = pcre2_dfa_match(x->code, (PCRE2_SPTR)s.ptr, s.len, at, 0, x->match, get_context(), workspace, DFA_WORKSPACE);
    else rc = pcre2_match(x->code, (PCRE2_SPTR)s.ptr, s.len, at, 0, x->match, get_context());
    if (rc < 0) return rc;
    const PCRE2_SIZE *pairs = pcre2_get_ovector_pointer(x->match);
    int cnt = rc == 0 || x->is_dfa ? 1 : rc; /* dfa: the longest match alone */
    for (int i = 0; i < 2 * cnt; i++) ov[i] = pairs[i] == PCRE2_UNSET ? -1 : (int)pairs[i];
    for (unsigned i = 2 * (unsigned)cnt; i < 2 * (x->groups + 1); i++) ov[i] = -1;
    return cnt;
}
