/*
 * The Lua state of a process: made by the master (boot, configuration, plugin code), inherited by the workers it forks.
 * Entry functions are fetched once from the Lua module kgw.entry.
 */
#ifndef KGW_VM_VM_H
#define KGW_VM_VM_H

#include <lua.h>

#include "net/loop.h"

struct kgw_vm {
    lua_State *L;
    int entries[16];   /* registry references of the functions of kgw.entry, by KGW_ENTRY_* */
    kgw_loop_t *loop;
    unsigned worker_id, worker_cnt;
    bool is_worker, is_exiting;
};

enum kgw_entry { KGW_ENTRY_REWRITE, KGW_ENTRY_ACCESS, KGW_ENTRY_ACCESS_RESUME, KGW_ENTRY_BALANCER, KGW_ENTRY_RESPONSE, KGW_ENTRY_HEADER_FILTER, KGW_ENTRY_BODY_FILTER,
                 KGW_ENTRY_LOG, KGW_ENTRY_CONTENT, KGW_ENTRY_ERROR_PAGE, KGW_ENTRY_CERT, KGW_ENTRY_RELEASE, KGW_ENTRY_TIMER, KGW_ENTRY_INIT_WORKER, KGW_ENTRY_EXIT_WORKER, KGW_ENTRY__COUNT };

/* The handshake whose certificate phase runs now, NULL outside. */
extern kgw_tls_t *kgw_cur_tls;
extern kgw_vm_t *kgw_vm; /* the one of this process */

/* Folder that holds lua/ and plugins/. */
const char *kgw_vm_root(void);
kgw_vm_t *kgw_vm_new(void);
void kgw_vm_free(kgw_vm_t *vm);
/* What kgw.main wants after it: `return code`, `return 0, "run"`, or `return 0, "script", path, n`: run the Lua file on a loop with
 * the command line's arguments from the n-th on (0 is the program) as `arg`. */
typedef struct {
    enum { KGW_VM_EXIT, KGW_VM_RUN, KGW_VM_SCRIPT } then;
    int exit_code;
    const char *path; /* valid while the VM lives */
    int args_from;
} kgw_vm_verdict_t;
kgw_vm_verdict_t kgw_vm_main(kgw_vm_t *vm, int argc, char **argv);
/* Reload: boots from the prefix's saved configuration. NULL: it is wrong (logged). */
kgw_vm_t *kgw_vm_reboot(const char *prefix);
int kgw_vm_start_worker(kgw_vm_t *vm, kgw_loop_t *loop, unsigned id, unsigned cnt) KGW_MUST_CHECK;
/* The worker will end: ngx.worker.exiting() is true. end_timers: pending timers run now, prematurely. */
void kgw_vm_exiting(kgw_vm_t *vm, bool end_timers);
void kgw_vm_exit_worker(kgw_vm_t *vm);
/* Timers or threads run that a drain should wait for. */
bool kgw_vm_is_busy(kgw_vm_t *vm);
/* Runs a Lua file on a loop of its own as a timer-like coroutine; returns the integer the file returned (0 when none), 1 on an error. */
int kgw_vm_run_file(kgw_vm_t *vm, const char *path, int argc, char **argv);
/* Makes the Lua module kgw.native (native.c): what needs Lua values and so cannot go through the FFI. */
void kgw_native_open(lua_State *L);
void kgw_vm_install_hooks(void); /* phase.c */
uint32_t kgw_slot_get(void);     /* a slot for a timer's ngx.ctx */
void kgw_slot_put(uint32_t slot);
/* A timer: after ms Lua's entry `timer` is called with id in a co of its own. */
void kgw_ltimer_start(uint32_t id, uint64_t ms);
bool kgw_ltimer_stop(uint32_t id);
void kgw_ltimer_drain(void);     /* begins those that are due; before the ready coroutines run */
void kgw_ltimer_fire_all(void);  /* exiting: every pending one runs now, prematurely */
extern unsigned kgw_ltimer_running_cnt, kgw_ltimer_pending_cnt;

#endif
