/* SPDX-License-Identifier: ISC */
/* Telling the broker who is served where (PROTOCOL, 4). */
#ifndef SUPERVISOR_HOSTWIRE_H
#define SUPERVISOR_HOSTWIRE_H

#include <stdint.h>

struct chan;
struct host;
struct host_tenant;
struct options;

/*
 * Send SB_HOST, an SB_LISTENER and an SB_TENANT each, and SB_COMMIT, all
 * with "count".  The listeners have their real ports.  A failure shows as
 * the end of the channel.
 */
void hostwire_send(struct chan *chan, const struct host *host,
    const struct options *o, uint64_t count);

/*
 * Whether what is to be said about "tenant" fits a message: NULL, or which
 * key says too much.
 */
const char *hostwire_excess(const struct host_tenant *tenant);

#endif
