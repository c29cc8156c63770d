/* SPDX-License-Identifier: ISC */
/* A child that shares our memory, born in another cgroup. */
#ifndef RUNNER_CLONE_H
#define RUNNER_CLONE_H

#include <sys/types.h>

#include <stddef.h>

/*
 * As clone(2) with CLONE_VM and CLONE_VFORK: run fn(arg), which never returns,
 * on the stack of "size" bytes at "stack" while this process stands still.
 * The child is born in the cgroup of version 2 whose directory "cgroup" is, or
 * in ours if that is -1.  Returns its id, or -1 with errno: ENOSYS where the
 * kernel or a filter around us knows no way to be born elsewhere.
 */
pid_t clone_into(int cgroup, int (*fn)(void *), void *arg, void *stack,
    size_t size);

#endif
