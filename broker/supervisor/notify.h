/* SPDX-License-Identifier: ISC */
/* Telling a service manager how far we are, as sd_notify(3) does. */
#ifndef SUPERVISOR_NOTIFY_H
#define SUPERVISOR_NOTIFY_H

/*
 * Send "state" ("READY=1", "STOPPING=1") to the datagram socket that
 * NOTIFY_SOCKET names: an absolute path, or @NAME for an abstract one.  Does
 * nothing when it is not set.  Never blocks.  Returns 0, or -1 with errno
 * when the address is bad or nobody took the message.
 */
int notify_send(const char *state);

#endif
