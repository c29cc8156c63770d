/* SPDX-License-Identifier: ISC */
/*
 * The table of ways out.  Each try is harmless where it succeeds: what would
 * be destroyed, stopped or replaced does not exist.
 */
#include "config.h"

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <netinet/in.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/jail/attempts.h"

#define NOWHERE "/nonexistent/jail-test"

/* Opened, and closed again. */
static long
closed(int fd)
{
	if (fd != -1)
		close(fd);
	return fd;
}

static long
open_read(void)
{
	return closed(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
}

static long
open_write(void)
{
	return closed(open("/dev/null", O_WRONLY | O_CLOEXEC));
}

static long
open_create(void)
{
	return closed(open(NOWHERE, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static long
open_proc(void)
{
	return closed(open("/proc/self/status", O_RDONLY | O_CLOEXEC));
}

static long
stat_file(void)
{
	struct stat st;

	return stat("/etc/passwd", &st);
}

static long
unlink_file(void)
{
	return unlink(NOWHERE);
}

static long
rename_file(void)
{
	return syscall(SYS_renameat2, AT_FDCWD, NOWHERE, AT_FDCWD, NOWHERE,
	    0);
}

static long
make_directory(void)
{
	return mkdir(NOWHERE, 0700);
}

static long
change_mode(void)
{
	return syscall(SYS_fchmodat, AT_FDCWD, NOWHERE, 0777);
}

static long
make_device(void)
{
	return mknod(NOWHERE, S_IFCHR | 0600, 0);
}

static long
by_handle(void)
{
	return syscall(SYS_open_by_handle_at, -1, NULL, O_RDONLY);
}

static long
socket_inet(void)
{
	return closed(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static long
socket_unix(void)
{
	return closed(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static long
socket_packet(void)
{
	return closed(socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

static long
connect_somewhere(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET };

	return connect(-1, (void *)&to, sizeof(to));
}

static long
bind_somewhere(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET };

	return bind(-1, (void *)&at, sizeof(at));
}

static long
listen_there(void)
{
	return listen(-1, 1);
}

static long
send_elsewhere(void)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	return sendto(-1, "", 1, 0, (void *)&to, sizeof(to));
}

static long
spy_socket(void)
{
	return setsockopt(-1, SOL_SOCKET, SO_ATTACH_FILTER, NULL, 0);
}

static long
exec_file(void)
{
	char *none[] = { NULL };

	return execve(NOWHERE, none, none);
}

static long
exec_descriptor(void)
{
	char *none[] = { NULL };

	return syscall(SYS_execveat, -1, "", none, none, AT_EMPTY_PATH);
}

/* A child that has got so far leaves at once. */
static long
buried(long pid)
{
	if (pid == 0)
		_exit(0);
	if (pid > 0)
		waitpid((pid_t)pid, NULL, 0);
	return pid;
}

static long
fork_child(void)
{
	return buried(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
}

static long
fork_in_memory(void)
{
	static struct { uint64_t words[8]; } args = { { 0, 0, 0, 0, SIGCHLD } };

	return buried(syscall(SYS_clone3, &args, sizeof(args)));
}

static long
trace_parent(void)
{
	return ptrace(PTRACE_PEEKDATA, getppid(), NULL, NULL);
}

static long
read_parent(void)
{
	char byte;
	struct iovec local = { &byte, 1 }, remote = { &byte, 1 };

	return process_vm_readv(getppid(), &local, 1, &remote, 1, 0);
}

static long
kill_parent(void)
{
	return kill(getppid(), 0);
}

static long
kill_thread(void)
{
	return syscall(SYS_tgkill, getppid(), getppid(), 0);
}

static long
kill_self(void)
{
	return syscall(SYS_tgkill, getpid(), getpid(), 0);
}

static long
hold_parent(void)
{
	return closed((int)syscall(SYS_pidfd_open, getppid(), 0));
}

static long
signals_by_descriptor(void)
{
	return fcntl(STDIN_FILENO, F_SETOWN, getppid());
}

static long
limit_parent(void)
{
	struct rlimit limit = { 1, 1 };

	/* No such resource. */
	return syscall(SYS_prlimit64, getppid(), 4096, &limit, NULL);
}

static long
schedule_parent(void)
{
	id_t parent = (id_t)getppid();

	return setpriority(PRIO_PROCESS, parent,
	    getpriority(PRIO_PROCESS, parent));
}

static long
set_uid(void)
{
	return syscall(SYS_setuid, getuid());
}

static long
set_gid(void)
{
	return syscall(SYS_setgid, getgid());
}

static long
set_groups(void)
{
	return syscall(SYS_setgroups, 1 << 20, NULL);
}

static long
set_caps(void)
{
	return syscall(SYS_capset, NULL, NULL);
}

static long
set_dumpable(void)
{
	return prctl(PR_SET_DUMPABLE, prctl(PR_GET_DUMPABLE));
}

static long
change_root(void)
{
	return chroot(NOWHERE);
}

static long
mount_something(void)
{
	return mount(NULL, NOWHERE, NULL, MS_REMOUNT, NULL);
}

static long
unmount_something(void)
{
	return umount2(NOWHERE, MNT_DETACH);
}

static long
enter_namespace(void)
{
	return setns(-1, 0);
}

/* Of nothing: no flag at all. */
static long
make_namespace(void)
{
	return unshare(0);
}

static long
code_new(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return -1;
	munmap(p, 4096);
	return 0;
}

static long
code_written(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long result;

	if (p == MAP_FAILED)
		return -1;
	result = mprotect(p, 4096, PROT_READ | PROT_EXEC);
	munmap(p, 4096);
	return result;
}

static long
memory_file(void)
{
	return closed(memfd_create("jail-test", MFD_CLOEXEC));
}

static long
keyring(void)
{
	return syscall(SYS_keyctl, 0, -3, 0, 0, 0);
}

static long
uring(void)
{
	char params[120] = "";

	return closed((int)syscall(SYS_io_uring_setup, 0, params));
}

static long
perf_event(void)
{
	return syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0);
}

static long
type_ahead(void)
{
	return ioctl(STDIN_FILENO, TIOCSTI, "x");
}

static long
kernel_code(void)
{
	return syscall(SYS_bpf, 9999, NULL, 0);
}

static long
kernel_module(void)
{
	return syscall(SYS_init_module, NULL, 0, NULL);
}

static long
swap_off(void)
{
	return syscall(SYS_swapoff, NOWHERE);
}

/* Sets nothing, and every user may do that. */
static long
set_time(void)
{
	return syscall(SYS_settimeofday, NULL, NULL);
}

#ifdef SYS_sysfs
/* How many file systems the kernel knows, for every user. */
static long
old_call(void)
{
	return syscall(SYS_sysfs, 3);
}
#endif

#ifdef SYS_ioperm
/* To give up a port that one does not have is free. */
static long
hardware(void)
{
	return syscall(SYS_ioperm, 0, 1, 0);
}
#endif

/* The fates: in the gateway, with files, with requests, with jobs. */
#define A FATE_ALLOWED
#define R FATE_REFUSED
#define E FATE_ENDED
#define U FATE_UNKNOWN

const struct attempt attempts[] = {
	{ "open-to-read", open_read, { R, A, A, A } },
	{ "open-to-write", open_write, { R, A, R, A } },
	{ "open-a-new-file", open_create, { R, A, R, A } },
	{ "open-below-proc", open_proc, { R, A, A, A } },
	{ "stat", stat_file, { R, A, A, A } },
	{ "unlink", unlink_file, { R, A, R, A } },
	{ "rename", rename_file, { R, R, R, A } },
	{ "mkdir", make_directory, { R, A, R, A } },
	{ "chmod", change_mode, { R, R, R, A } },
	{ "mknod", make_device, { R, R, R, A } },
	{ "open-by-handle", by_handle, { E, E, E, R } },

	{ "socket-inet", socket_inet, { R, R, A, A } },
	{ "socket-unix", socket_unix, { R, R, R, A } },
	{ "socket-packet", socket_packet, { R, R, R, U } },
	{ "connect", connect_somewhere, { R, R, A, A } },
	{ "bind", bind_somewhere, { R, R, A, A } },
	{ "listen", listen_there, { R, R, R, A } },
	{ "send-elsewhere", send_elsewhere, { R, R, A, A } },
	{ "socket-filter", spy_socket, { R, R, A, A } },

	{ "exec", exec_file, { E, E, E, A } },
	{ "exec-by-descriptor", exec_descriptor, { E, E, E, A } },
	{ "fork", fork_child, { E, E, E, A } },
	{ "fork-in-memory", fork_in_memory, { R, R, R, A } },

	{ "ptrace", trace_parent, { E, E, E, A } },
	{ "read-memory", read_parent, { E, E, E, U } },
	{ "kill", kill_parent, { E, E, E, U } },
	{ "kill-a-thread", kill_thread, { E, E, E, U } },
	{ "signal-oneself", kill_self, { E, E, E, A } },
	{ "pidfd", hold_parent, { E, E, E, A } },
	{ "signals-by-descriptor", signals_by_descriptor, { R, R, R, U } },
	{ "limits-of-another", limit_parent, { R, R, R, U } },
	{ "priority-of-another", schedule_parent, { R, R, R, U } },

	{ "setuid", set_uid, { E, E, E, A } },
	{ "setgid", set_gid, { E, E, E, A } },
	{ "setgroups", set_groups, { E, E, E, U } },
	{ "capset", set_caps, { E, E, E, A } },
	{ "dumpable", set_dumpable, { R, R, R, A } },

	{ "chroot", change_root, { E, E, E, U } },
	{ "mount", mount_something, { E, E, E, U } },
	{ "umount", unmount_something, { E, E, E, U } },
	{ "setns", enter_namespace, { E, E, E, A } },
	{ "unshare", make_namespace, { E, E, E, A } },

	{ "code-new", code_new, { E, E, E, A } },
	{ "code-written", code_written, { E, E, E, A } },
	{ "memory-file", memory_file, { R, R, R, A } },
	{ "keyring", keyring, { E, E, E, U } },
	{ "io-uring", uring, { E, E, E, U } },
	{ "perf-event", perf_event, { E, E, E, U } },
	{ "type-ahead", type_ahead, { R, R, R, U } },

	{ "bpf", kernel_code, { E, E, E, R } },
	{ "load-a-module", kernel_module, { E, E, E, R } },
	{ "swapoff", swap_off, { E, E, E, R } },
	{ "set-the-time", set_time, { E, E, E, R } },
#ifdef SYS_sysfs
	{ "sysfs", old_call, { E, E, E, R } },
#endif
#ifdef SYS_ioperm
	{ "hardware", hardware, { E, E, E, R } },
#endif
};

const size_t nattempts = sizeof(attempts) / sizeof(attempts[0]);

const char *
jail_name(enum jail jail)
{
	static const char *const names[JAIL_COUNT] = {
		[JAIL_GATEWAY] = "gateway", [JAIL_FILES] = "files",
		[JAIL_HTTP] = "http", [JAIL_JOBS] = "jobs",
	};

	return names[jail];
}

const char *
fate_name(enum fate fate)
{
	static const char *const names[] = {
		[FATE_UNKNOWN] = "unknown", [FATE_ALLOWED] = "allowed",
		[FATE_REFUSED] = "refused", [FATE_ENDED] = "ended",
	};

	return names[fate];
}

enum fate
fate_of(long result, int error)
{
	if (result == -1 && (error == EACCES || error == EPERM ||
	    error == ENOSYS))
		return FATE_REFUSED;
	return FATE_ALLOWED;
}
