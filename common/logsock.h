/* SPDX-License-Identifier: ISC */
/*
 * The system's log by a socket of our own: unlike syslog(3) it never waits,
 * says when it fails, and needs nothing but the open socket as long as nobody
 * restarts the other end.
 */
#ifndef COMMON_LOGSOCK_H
#define COMMON_LOGSOCK_H

/*
 * Connect to the datagram socket "path" (kept, not copied), normally
 * _PATH_LOG, leaving an earlier one.  Returns 0, or -1 with errno.
 */
int logsock_open(const char *path);
void logsock_close(void);

/*
 * Send "text" as "name" with a priority of syslog(3), facility included;
 * what is too long is cut.  When the other end has gone it is connected to
 * again, where that is allowed.  Returns 0, or -1 with errno: then the text
 * has to go elsewhere.
 */
int logsock_send(int priority, const char *name, const char *text);

#endif
