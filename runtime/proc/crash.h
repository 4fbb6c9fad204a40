/* What a dying worker leaves behind: signal, request, step, the last trace events and a C backtrace, in the error log. */
#ifndef KGW_PROC_CRASH_H
#define KGW_PROC_CRASH_H

#include "base/kgw.h"

void kgw_crash_install(unsigned worker_id);

#endif
