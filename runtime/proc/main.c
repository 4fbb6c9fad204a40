/*
 * The executable: makes the Lua state, runs kgw.main with the command line and does what it asks for: end with its exit
 * code, become the master of a gateway, or run a Lua file on an event loop (test runner).
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/rand.h"
#include "proc/master.h"
#include "vm/vm.h"

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);
    kgw_clock_update();
    kgw_rand_seed();
    kgw_vm_t *vm = kgw_vm_new();
    if (!vm) {
        fputs("Error: cannot make a Lua state\n", stderr);
        return 1;
    }
    kgw_vm_verdict_t v = kgw_vm_main(vm, argc, argv);
    switch (v.then) {
    case KGW_VM_RUN: return kgw_master_run(vm, kgw_vm_reboot);
    case KGW_VM_SCRIPT: return kgw_vm_run_file(vm, v.path, argc - v.args_from, argv + v.args_from);
    default: break;
    }
    fflush(NULL);
    return v.exit_code;
}
