// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE

#include "CSandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define THIS_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define THIS_ARCH AUDIT_ARCH_AARCH64
#else
#error "the sandbox knows x86_64 and aarch64 only"
#endif

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define ALLOW(name) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define DENY BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)
// The low half of the third argument: where mmap and mprotect say what the memory may be used for (both arches are little-endian).
#define ALLOW_UNLESS_EXECUTABLE(name)                                                                                   \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 4), LOAD(args[2]),                                               \
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1), DENY, BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

int postern_close_from(unsigned int first) {
    return syscall(SYS_close_range, first, ~0U, 0) == 0 ? 0 : errno;
}

static int limit(int resource, rlim_t value) {
    struct rlimit both = {value, value};
    return setrlimit(resource, &both) == 0 ? 0 : errno;
}

static int apply_limits(uint64_t address_space) {
    int error = limit(RLIMIT_AS, address_space);
    if (error == 0) error = limit(RLIMIT_CORE, 0);
    if (error == 0) error = limit(RLIMIT_FSIZE, 0);
    if (error == 0) error = limit(RLIMIT_NPROC, 0);
    if (error == 0) error = limit(RLIMIT_NOFILE, 0);
    return error;
}

static int close_the_filter(void) {
    struct sock_filter filter[] = {
        LOAD(arch),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, THIS_ARCH, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        LOAD(nr),
        ALLOW(read),
        ALLOW(write),
        ALLOW(readv),
        ALLOW(writev),
        ALLOW(futex),
        ALLOW(brk),
        ALLOW(munmap),
        ALLOW(mremap),
        ALLOW(madvise),
        ALLOW(mlock),
        ALLOW(munlock),
        ALLOW(getrandom),
        ALLOW(clock_gettime),
        ALLOW(clock_getres),
        ALLOW(gettimeofday),
#ifdef SYS_time
        ALLOW(time),
#endif
        ALLOW(rt_sigaction),
        ALLOW(rt_sigprocmask),
        ALLOW(rt_sigreturn),
        ALLOW(sigaltstack),
        ALLOW(restart_syscall),
        ALLOW(sched_yield),
        ALLOW(getpid),
        ALLOW(gettid),
        ALLOW(close),
        ALLOW(exit),
        ALLOW(exit_group),
        ALLOW_UNLESS_EXECUTABLE(mmap),
        ALLOW_UNLESS_EXECUTABLE(mprotect),
        DENY,
    };
    struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};
    // Every thread that there is, should the runtime have made one.
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) == 0 ? 0 : errno ? errno : EINVAL;
}

int postern_sandbox_enter(uint64_t address_space) {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return errno;
    int error = apply_limits(address_space);
    return error != 0 ? error : close_the_filter();
}

#ifdef DEBUG
int postern_sandbox_try(int step) {
    long result = -1;
    errno = 0;
    switch (step) {
    case 1: result = syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY, 0); break;
    case 2: result = syscall(SYS_socket, AF_INET, SOCK_STREAM, 0); break;
#ifdef SYS_fork
    case 3: result = syscall(SYS_fork); break;
#else
    case 3: result = syscall(SYS_clone, 17, 0, 0, 0, 0); break;
#endif
    case 4: {
        void *memory = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        result = memory == MAP_FAILED ? -1 : 0;
        break;
    }
    case 5: result = syscall(SYS_openat, AT_FDCWD, "/", O_RDONLY | O_DIRECTORY, 0); break;
    default: return ENOSYS;
    }
    if (step == 3 && result == 0) _exit(0);
    return result >= 0 ? 0 : errno;
}
#endif
