/* SPDX-License-Identifier: ISC */
/*
 * How many there are from each source whom nobody has let in yet.  A source
 * is an IPv4 address, an IPv6 network of 64 bits, or this host's own sockets
 * in the file system, all together.
 */
#ifndef GATEWAY_CROWD_H
#define GATEWAY_CROWD_H

#include <stdbool.h>
#include <stddef.h>

struct crowd;
struct crowd_source;
struct sockaddr;

struct crowd *crowd_new(void);

/* All have left before. */
void crowd_free(struct crowd *crowd);

/* Whether the source is on this host. */
bool crowd_is_local(const struct sockaddr *from);

/*
 * One more from there; to be ended by crowd_leave() with what is returned.
 * NULL: there are "most" of them already, or there is no memory.
 */
struct crowd_source *crowd_enter(struct crowd *crowd,
    const struct sockaddr *from, size_t most);
void crowd_leave(struct crowd *crowd, struct crowd_source *source);

#endif
