/* Users, limits, the pid file. A read-only prefix makes the pid file fail softly; everything else is logged. */
#include "proc/privs.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

int kgw_privs_drop(const char *user, const char *group)
{
    if (geteuid() != 0 || !user || !*user || strcmp(user, "root") == 0) return KGW_OK;
    struct passwd *pw = getpwnam(user);
    if (!pw) {
        /* A container without this account runs as it is. */
        KGW_LOG(KGW_LOG_NOTICE, "nginx_user: no such user \"%s\", workers keep running as uid %d", user, (int)geteuid());
        return KGW_OK;
    }
    gid_t gid = pw->pw_gid;
    if (group && *group) {
        struct group *gr = getgrnam(group);
        if (gr) gid = gr->gr_gid;
    }
    if (setgid(gid) != 0 || initgroups(user, gid) != 0 || setuid(pw->pw_uid) != 0) {
        KGW_LOG(KGW_LOG_EMERG, "cannot become user \"%s\": %s", user, strerror(errno));
        return KGW_ERROR;
    }
    return KGW_OK;
}

void kgw_privs_nofile(int wanted)
{
    struct rlimit lim;
    if (getrlimit(RLIMIT_NOFILE, &lim) != 0) return;
    rlim_t to = wanted > 0 ? (rlim_t)wanted : lim.rlim_max > 65536 ? 65536 : lim.rlim_max;
    if (to > lim.rlim_max) to = lim.rlim_max;
    if (to <= lim.rlim_cur) return;
    lim.rlim_cur = to;
    if (setrlimit(RLIMIT_NOFILE, &lim) != 0) KGW_LOG(KGW_LOG_WARN, "setrlimit(RLIMIT_NOFILE, %llu) failed: %s", (unsigned long long)to, strerror(errno));
}

int kgw_pid_write(const char *path, int pid)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) {
        KGW_LOG(KGW_LOG_WARN, "cannot write the pid file \"%s\": %s", path, strerror(errno));
        return KGW_ERROR;
    }
    char text[16];
    int n = snprintf(text, sizeof(text), "%d\n", pid);
    ssize_t done = write(fd, text, (size_t)n);
    close(fd);
    return done == n ? KGW_OK : KGW_ERROR;
}
