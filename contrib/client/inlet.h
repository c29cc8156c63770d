/* SPDX-License-Identifier: ISC */
/* Input from a descriptor of ours, read only when there is room for it. */
#ifndef CONTRIB_CLIENT_INLET_H
#define CONTRIB_CLIENT_INLET_H

#include <sys/types.h>

#include <stddef.h>

struct event_base;
struct inlet;

/*
 * "ready" is called, from the event loop, when there is something to read or
 * the end; it should call inlet_read() once.  "fd" stays the caller's.  Off
 * until inlet_set().
 */
struct inlet *inlet_new(struct event_base *base, int fd,
    void (*ready)(void *arg), void *arg);
void inlet_free(struct inlet *inlet);

/* Call "ready" from now on, or not. */
void inlet_set(struct inlet *inlet, int on);

/* As read(2), without waiting: -1 with EAGAIN when there is nothing. */
ssize_t inlet_read(struct inlet *inlet, void *buf, size_t len);

#endif
