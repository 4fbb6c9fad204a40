/* A worker process: loop, VM, listeners of its slot, drain. */
#ifndef KGW_PROC_WORKER_H
#define KGW_PROC_WORKER_H

#include "proc/conf.h"

typedef struct {
    unsigned id;              /* slot */
    kgw_conf_t *conf;
    int fds[KGW_LISTENERS_MAX]; /* listening fds this worker serves, by listener */
    int ready_fd;             /* one byte when ready; the master reads it */
    void *vm;
} kgw_worker_start_t;

/* Never returns: runs the worker and exits the process. */
void kgw_worker_run(const kgw_worker_start_t *start) __attribute__((noreturn));

#endif
