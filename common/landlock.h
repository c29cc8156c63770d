/* SPDX-License-Identifier: ISC */
/*
 * Landlock: a process gives up rights on files, ports and other processes for
 * good; see landlock(7).  Descriptors that are open already are not touched.
 */
#ifndef COMMON_LANDLOCK_H
#define COMMON_LANDLOCK_H

#include <stdint.h>

/* What can be left, by the kernel's numbers: of files, and of TCP ports. */
#define LANDLOCK_READING ((1ULL << 2) | (1ULL << 3))
#define LANDLOCK_CONNECT (1ULL << 1)

/*
 * Give up every right that the running kernel knows, also such as are newer
 * than this program - on files, TCP ports, and signals to, abstract sockets
 * and tracing of other processes - but for "files" and "ports".  Needs
 * PR_SET_NO_NEW_PRIVS and holds for whatever this process starts.  Returns
 * the version of the kernel's interface (1 and up), 0 where the kernel does
 * without Landlock, or -1 with errno.
 */
int landlock_confine(uint64_t files, uint64_t ports);

#endif
