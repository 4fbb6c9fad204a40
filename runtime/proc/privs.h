/* Who the process is: user and group, limits, pid file. */
#ifndef KGW_PROC_PRIVS_H
#define KGW_PROC_PRIVS_H

#include "base/kgw.h"

/* Only when root and a user is named; KGW_ERROR is logged. */
int kgw_privs_drop(const char *user, const char *group) KGW_MUST_CHECK;
/* Raises the soft limit of open files as far as allowed: `wanted`, or the hard limit clamped to 65536 when 0. */
void kgw_privs_nofile(int wanted);
int kgw_pid_write(const char *path, int pid) KGW_MUST_CHECK;

#endif
