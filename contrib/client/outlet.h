/* SPDX-License-Identifier: ISC */
/*
 * Output to a descriptor of ours without ever waiting for its reader, and
 * without changing how others who share it see it.
 */
#ifndef CONTRIB_CLIENT_OUTLET_H
#define CONTRIB_CLIENT_OUTLET_H

#include <stddef.h>

struct event_base;
struct outlet;

struct outlet_ops {
	/* Less is queued than before. */
	void (*drained)(void *arg);
	/* It takes no more (errno); what was queued is gone. */
	void (*broken)(void *arg, int error);
};

/*
 * "fd" stays the caller's and must stay open.  The callbacks come from the
 * event loop only, never from outlet_write().
 */
struct outlet *outlet_new(struct event_base *base, int fd,
    const struct outlet_ops *ops, void *arg);
void outlet_free(struct outlet *outlet);

/* Write or queue (copy) "len" bytes; dropped once it is broken. */
void outlet_write(struct outlet *outlet, const void *data, size_t len);

/* Bytes that are queued. */
size_t outlet_queued(const struct outlet *outlet);

/*
 * A second description of the same pipe or terminal, non-blocking and
 * close-on-exec, or -1 where there can be none.  "flags" as for open(2).
 */
int outlet_reopen(int fd, int flags);

#endif
