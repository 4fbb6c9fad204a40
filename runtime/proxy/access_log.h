/* The access log files; kgw_access_log itself is declared in proxy/req.h. */
#ifndef KGW_PROXY_ACCESS_LOG_H
#define KGW_PROXY_ACCESS_LOG_H

#include "base/kgw.h"

/* Error log lines name the request that is worked on. Once per process. */
void kgw_access_log_init(void);
enum kgw_access_log { KGW_ACCESS_PROXY, KGW_ACCESS_ADMIN, KGW_ACCESS_STATUS, KGW_ACCESS__COUNT };
/* NULL, "" and "off" close it. */
int kgw_access_log_open(enum kgw_access_log which, const char *path);
/* Lines of another form (nginx's log_format); NULL or "": the usual one. KGW_ERROR: err says what is wrong with it. */
int kgw_access_log_format(enum kgw_access_log which, const char *format, const char *escape, char *err, size_t err_len) KGW_MUST_CHECK;
bool kgw_access_log_is_on(enum kgw_access_log which);
int kgw_access_log_reopen(void);
/* Writes what was collected; before every poll and at exit. */
void kgw_access_log_flush(void *arg);
extern uint64_t kgw_access_log_dropped; /* writes that failed */

#endif
