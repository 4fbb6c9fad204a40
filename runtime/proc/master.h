/* The master: sockets, workers, signals, reload. Has no loop, no threads; everything waits in one ppoll. */
#ifndef KGW_PROC_MASTER_H
#define KGW_PROC_MASTER_H

#include "base/kgw.h"

/* Makes conf's sockets, forks workers and stays until it is stopped. `make_vm` builds a booted VM from the prefix's saved
 * configuration (reload); `first` is the VM that start made. Returns the process's exit code. */
int kgw_master_run(kgw_vm_t *first, kgw_vm_t *(*make_vm)(const char *prefix));

#endif
