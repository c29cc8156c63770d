/* SPDX-License-Identifier: ISC */
/*
 * To be born in a cgroup costs nothing; to move there takes many milliseconds.
 * The C library has no function for it, and on a stack of its own a child
 * cannot return from one: so a few instructions are written out here.
 */
#include "config.h"

#include <sys/syscall.h>

#include <linux/sched.h>

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <unistd.h>

#include "broker/runner/clone.h"

#if defined(__x86_64__)

static long
clone3_call(struct clone_args *args, int (*fn)(void *), void *arg)
{
	long result = SYS_clone3;

	/* The child has our registers, but for the stack and the result. */
	__asm__ volatile(
	    "syscall\n\t"
	    "testq %%rax, %%rax\n\t"
	    "jnz 1f\n\t"
	    "movq %[arg], %%rdi\n\t"
	    "callq *%[fn]\n\t"
	    "hlt\n"
	    "1:"
	    : "+a"(result)
	    : "D"(args), "S"(sizeof(*args)), [fn] "r"(fn), [arg] "r"(arg)
	    : "rcx", "r11", "memory", "cc");
	return result;
}
#define HAVE_CLONE3_CALL 1

#elif defined(__aarch64__)

static long
clone3_call(struct clone_args *args, int (*fn)(void *), void *arg)
{
	register long x0 __asm__("x0") = (long)(uintptr_t)args;
	register long x1 __asm__("x1") = (long)sizeof(*args);
	register long x8 __asm__("x8") = SYS_clone3;

	__asm__ volatile(
	    "svc #0\n\t"
	    "cbnz x0, 1f\n\t"
	    "mov x0, %[arg]\n\t"
	    "blr %[fn]\n\t"
	    "brk #1\n"
	    "1:"
	    : "+r"(x0)
	    : "r"(x1), "r"(x8), [fn] "r"(fn), [arg] "r"(arg)
	    : "memory", "cc");
	return x0;
}
#define HAVE_CLONE3_CALL 1

#else
#define HAVE_CLONE3_CALL 0
#endif

pid_t
clone_into(int cgroup, int (*fn)(void *), void *arg, void *stack, size_t size)
{
#if HAVE_CLONE3_CALL
	struct clone_args args = {
		.flags = CLONE_VM | CLONE_VFORK | CLONE_INTO_CGROUP,
		.exit_signal = SIGCHLD,
		.stack = (uintptr_t)stack,
		.stack_size = size,
		.cgroup = (uint64_t)cgroup,
	};
	long result;
#endif

	if (cgroup == -1)
		return clone(fn, (char *)stack + size,
		    CLONE_VM | CLONE_VFORK | SIGCHLD, arg);
#if HAVE_CLONE3_CALL
	result = clone3_call(&args, fn, arg);
	if (result >= 0)
		return (pid_t)result;
	/* What is not known is told in many ways. */
	errno = result == -E2BIG ? ENOSYS : (int)-result;
#else
	errno = ENOSYS;
#endif
	return -1;
}
