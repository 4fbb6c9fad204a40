/* See watchdog.h. Everything but start and on_hook's functions runs in signal handlers: no allocation, no locks, no Lua but lua_sethook. */
#include "vm/watchdog.h"

#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <link.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/log.h"
#include "base/settings.h"
#include "proxy/req.h"
#include "proxy/resp.h"
#include "vm/co.h"

#define TICK_MS 50
#define RANGES_MAX 128
#define STEPS_MAX 400000
/* Compiled code that cannot be left in this many ticks ends the worker. */
#define GIVE_UP_TICKS 600
/* Errors that code may catch before its coroutine is dropped. */
#define ERRORS_MAX 2
/* Timers and the Admin API load configurations, plugins prepare what they need when a worker starts: they get this many times the limit. */
#define BACKGROUND_FACTOR 20
#define MAY_DROP (KGW_PH_REWRITE | KGW_PH_ACCESS | KGW_PH_RESPONSE | KGW_PH_CONTENT)

volatile uint32_t kgw_co_run_cnt;

static lua_State *main_L;
static unsigned limit_ticks;
static kgw_guard_t master_guard; /* outside of coroutines */
static timer_t timer;

static struct {
    uint32_t run;   /* the resume that was seen last */
    unsigned ticks; /* how often */
    bool is_hooked;
    unsigned hooked_ticks;
    unsigned errors; /* raised in it so far */
} seen;

/* Ends the request with the page for 500, whatever the code catches. */
static void end_phase(lua_State *L, kgw_co_t *co)
{
    kgw_resp_exit(co->req, 500);
    co->exit_wanted = true;
    lua_yield(L, 0);
}

static const kgw_guard_t *guard_of(const kgw_co_t *co) { return co ? &co->guard : &master_guard; }

static unsigned limit_of(const kgw_co_t *co)
{
    bool is_short = co && !co->guard.L && (co->phase & KGW_PH_CERT || (co->req && !(co->phase & KGW_PH_CONTENT)));
    return is_short ? limit_ticks : limit_ticks * BACKGROUND_FACTOR;
}

/* All coroutines; of a worker's start and of the master what is guarded. */
static bool is_watched(const kgw_co_t *co) { return guard_of(co)->L || (co && co->phase != KGW_PH_INIT_WORKER); }

/* The guarded function has ended, and its caller runs. */
static bool is_left(const kgw_guard_t *guard, lua_State *L)
{
    lua_Debug ar;
    return L == guard->L && !lua_getstack(L, guard->depth, &ar);
}

static void unhook(void)
{
    lua_sethook(main_L, NULL, 0, 0);
    seen.is_hooked = false;
}

static void on_hook(lua_State *L, lua_Debug *ar)
{
    (void)ar;
    kgw_co_t *co = kgw_cur.co;
    const kgw_guard_t *guard = guard_of(co);
    bool is_other = kgw_co_run_cnt != seen.run || is_left(guard, L), is_droppable = !guard->L && co && co->req && L == co->L && (co->phase & MAY_DROP);
    /* What catches its interruptions where the coroutine cannot be dropped is interrupted at each step, so that every pcall
       around it comes to its end. */
    if (is_other || is_droppable || seen.errors < ERRORS_MAX) unhook();
    if (is_other) return;
    /* Code that catches the error and goes on is interrupted again at the next tick. */
    if (!is_watched(co)) return;
    seen.ticks = limit_of(co);
    luaL_where(L, 0);
    lua_pushfstring(L, "interrupted after %d ms without waiting (see plugin_cpu_limit)", (int)(limit_of(co) * TICK_MS));
    lua_concat(L, 2);
    luaL_traceback(L, L, lua_tostring(L, -1), 0);
    if (seen.errors == ERRORS_MAX) KGW_LOG(KGW_LOG_ERR, "Lua code catches its interruption: %s", lua_tostring(L, -1));
    if (seen.errors++ >= ERRORS_MAX && is_droppable && seen.errors % 2) {
        end_phase(L, co);
        return;
    }
    lua_error(L);
}

#ifdef __x86_64__

/* Code of the executable and its libraries: what runs outside of it was compiled by LuaJIT. */
static struct {
    uintptr_t from, to;
} ranges[RANGES_MAX];
static unsigned range_cnt;

static struct {
    unsigned steps;
    uintptr_t last_back; /* target of the last jump backwards */
    bool has_branch;     /* since it */
} walk;

static int add_ranges(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)size;
    (void)arg;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
        if (ph->p_type != PT_LOAD || !(ph->p_flags & PF_X) || range_cnt == RANGES_MAX) continue;
        ranges[range_cnt].from = info->dlpi_addr + ph->p_vaddr;
        ranges[range_cnt++].to = info->dlpi_addr + ph->p_vaddr + ph->p_memsz;
    }
    return 0;
}

static bool is_compiled(uintptr_t pc)
{
    for (unsigned i = 0; i < range_cnt; i++)
        if (pc >= ranges[i].from && pc < ranges[i].to) return false;
    return true;
}

static int32_t rel32(const uint8_t *p)
{
    int32_t v;
    memcpy(&v, p, 4);
    return v;
}

/* LuaJIT's exits: push imm8 (the exit's number), then jmp or push. */
static bool is_exit(uintptr_t to)
{
    const uint8_t *p = (const uint8_t *)to;
    return !(is_compiled(to) && p[0] == 0x6a) ? false : p[2] == 0xeb || p[2] == 0x6a;
}

/* The first group of exits in one mapping. */
static uintptr_t find_exit0(uintptr_t from, uintptr_t to)
{
    for (uintptr_t at = from; at + 16 <= to; at++) {
        const uint8_t *p = (const uint8_t *)at;
        if (p[0] == 0x6a && p[1] == 0 && p[2] == 0xeb && p[4] == 0x6a && p[5] == 1 && p[6] == 0xeb && p[8] == 0x6a && p[9] == 2 && p[10] == 0xeb) return at;
    }
    return 0;
}

static uintptr_t hex(const char **s)
{
    uintptr_t v = 0;
    for (;; ++*s) {
        char c = **s;
        unsigned d = c >= '0' && c <= '9' ? (unsigned)(c - '0') : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 16;
        if (d == 16) return v;
        v = v << 4 | d;
    }
}

/* One line of /proc/self/maps: the exit if it is executable memory that no file backs. */
static uintptr_t exit0_of_line(const char *s)
{
    uintptr_t from = hex(&s), to;
    if (*s++ != '-') return 0;
    to = hex(&s);
    if (strncmp(s, " r-xp 00000000 00:00 0", 22) != 0 || strchr(s, '[')) return 0;
    return find_exit0(from, to);
}

/* Exit number 0 of the running trace: the state at its entry. */
static uintptr_t any_exit0(void)
{
    static char buf[4096];
    size_t have = 0;
    uintptr_t found = 0;
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    for (;;) {
        ssize_t n = read(fd, buf + have, sizeof(buf) - 1 - have);
        if (n <= 0) break;
        have += (size_t)n;
        buf[have] = 0;
        char *line = buf, *end;
        while (!found && (end = strchr(line, '\n')) != NULL) {
            *end = 0;
            found = exit0_of_line(line);
            line = end + 1;
        }
        have -= (size_t)(line - buf);
        memmove(buf, line, have);
        if (found || have == sizeof(buf) - 1) break;
    }
    close(fd);
    return found;
}

/*
 * The address to go on at instead of `pc`, 0 to let the instruction run. A guard may always fail: the interpreter takes
 * over at the guard's own snapshot. A loop without any guard is one root trace that changes nothing the snapshot of its
 * entry knows, so that one serves.
 */
static uintptr_t way_out(uintptr_t pc)
{
    const uint8_t *p = (const uint8_t *)pc;
    bool is_near = p[0] == 0x0f && (p[1] & 0xf0) == 0x80, is_short = (p[0] & 0xf0) == 0x70;
    if (is_near || is_short) {
        uintptr_t next = pc + (is_near ? 6 : 2), target = next + (uintptr_t)(intptr_t)(is_near ? rel32(p + 2) : (int8_t)p[1]);
        walk.has_branch = true;
        if (is_near && is_exit(target)) return target;
        const uint8_t *after = (const uint8_t *)next;
        if (after[0] == 0xe9 && is_exit(next + 5 + (uintptr_t)(intptr_t)rel32(after + 1))) return next;
        return 0;
    }
    if (p[0] != 0xe9 && p[0] != 0xeb) return 0;
    uintptr_t next = pc + (p[0] == 0xe9 ? 5 : 2), target = next + (uintptr_t)(intptr_t)(p[0] == 0xe9 ? rel32(p + 1) : (int8_t)p[1]);
    if (target > pc) return 0;
    if (target == walk.last_back && !walk.has_branch) return any_exit0();
    walk.last_back = target;
    walk.has_branch = false;
    return 0;
}

static void on_step(int sig, siginfo_t *info, void *context)
{
    (void)sig;
    (void)info;
    greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
    uintptr_t pc = (uintptr_t)regs[REG_RIP], to = 0;
    bool is_in = is_compiled(pc);
    if (is_in) to = way_out(pc);
    if (to) regs[REG_RIP] = (greg_t)to;
    /* Not into functions that compiled code calls: they may block the signal that stepping needs. */
    if (to || !is_in || !seen.is_hooked || ++walk.steps > STEPS_MAX) regs[REG_EFL] &= ~(greg_t)0x100;
}

static void begin_steps(void *context)
{
    greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
    if (!is_compiled((uintptr_t)regs[REG_RIP])) return; /* another tick will meet it there */
    memset(&walk, 0, sizeof(walk));
    regs[REG_EFL] |= 0x100;
}

static int prepare_steps(void)
{
    struct sigaction sa = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO | SA_RESTART};
    range_cnt = 0;
    dl_iterate_phdr(add_ranges, NULL);
    return sigaction(SIGTRAP, &sa, NULL) == 0 ? KGW_OK : KGW_ERROR;
}

#else

static void begin_steps(void *context) { (void)context; }
static int prepare_steps(void) { return KGW_OK; }

#endif

static void give_up(void)
{
    static const char text[] = "compiled Lua code could not be interrupted\n";
    ssize_t n = write(STDERR_FILENO, text, sizeof(text) - 1);
    (void)n;
    raise(SIGABRT);
}

static void on_tick(int sig, siginfo_t *info, void *context)
{
    (void)sig;
    (void)info;
    if (!is_watched(kgw_cur.co) || kgw_co_run_cnt != seen.run) {
        if (seen.is_hooked) unhook();
        memset(&seen, 0, sizeof(seen));
        seen.run = kgw_co_run_cnt;
        return;
    }
    if (++seen.ticks <= limit_of(kgw_cur.co)) return;
    if (!seen.is_hooked) {
        seen.is_hooked = true;
        seen.hooked_ticks = 0;
        lua_sethook(main_L, on_hook, LUA_MASKCALL | LUA_MASKRET | LUA_MASKCOUNT, 1);
        return;
    }
    if (++seen.hooked_ticks > GIVE_UP_TICKS && kgw_cur.co) give_up();
    begin_steps(context);
}

int kgw_watchdog_start(lua_State *L)
{
    int64_t ms = kgw_settings_int("plugin_cpu_limit", 1000);
    main_L = L;
    limit_ticks = ms <= 0 ? 0 : ms > 1000000000 ? 1000000000 / TICK_MS / BACKGROUND_FACTOR : (unsigned)(ms + TICK_MS - 1) / TICK_MS;
    if (!limit_ticks) return KGW_OK;
    struct sigaction sa = {.sa_sigaction = on_tick, .sa_flags = SA_SIGINFO | SA_RESTART};
    if (prepare_steps() != KGW_OK || sigaction(SIGVTALRM, &sa, NULL) != 0) return KGW_ERROR;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGVTALRM);
    sigaddset(&set, SIGTRAP);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);

    struct sigevent ev = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGVTALRM};
    ev._sigev_un._tid = (pid_t)syscall(SYS_gettid);
    struct itimerspec every = {{0, TICK_MS * 1000000L}, {0, TICK_MS * 1000000L}};
    if (timer_create(CLOCK_THREAD_CPUTIME_ID, &ev, &timer) != 0 || timer_settime(timer, 0, &every, NULL) != 0) {
        KGW_LOG(KGW_LOG_WARN, "no timer for plugin_cpu_limit: %s", strerror(errno));
        return KGW_ERROR;
    }
    return KGW_OK;
}

kgw_guard_t kgw_watchdog_guard(lua_State *L)
{
    kgw_co_t *co = kgw_cur.co;
    kgw_guard_t *guard = co ? &co->guard : &master_guard, before = *guard;
    bool has_timer = co || before.L || kgw_watchdog_start(L) == KGW_OK;
    lua_Debug ar;
    int depth = 0;
    while (lua_getstack(L, depth, &ar)) depth++;
    kgw_co_run_cnt++;
    if (has_timer) *guard = (kgw_guard_t){L, depth - 1};
    return before;
}

void kgw_watchdog_unguard(kgw_guard_t before)
{
    kgw_co_t *co = kgw_cur.co;
    bool is_last = !co && master_guard.L && !before.L;
    *(co ? &co->guard : &master_guard) = before;
    kgw_co_run_cnt++;
    if (!is_last || !limit_ticks) return;
    if (seen.is_hooked) unhook();
    memset(&seen, 0, sizeof(seen));
    timer_delete(timer);
}
