/* SPDX-License-Identifier: ISC */
/*
 * Where the lines of the audit trail go.  Nobody ever waits for that: what
 * cannot be written now waits here, within bounds, and what finds no room is
 * counted and told of by a line of its own.
 */
#ifndef BROKER_AUDITSINK_H
#define BROKER_AUDITSINK_H

#include <stdbool.h>
#include <stddef.h>

#define AUDITSINK_MAX (256 * 1024)	/* bytes of lines that wait */
#define AUDITSINK_SYSLOG "/dev/log"

struct auditsink;
struct event_base;

/* A sink whose lines go nowhere; NULL with errno.  For auditsink_free(). */
struct auditsink *auditsink_new(struct event_base *base);

/* What still waits is tried once more; what is lost then is logged. */
void auditsink_free(struct auditsink *sink);

/*
 * From now on lines, those that wait included, are appended to "fd", owned
 * from now on: a file, or a pipe that was opened O_NONBLOCK, or a stream
 * socket.
 */
void auditsink_to_file(struct auditsink *sink, int fd);

/*
 * They go to the syslog socket at "path", as authpriv.info; it may be missing
 * and come (back) later.
 */
void auditsink_to_syslog(struct auditsink *sink, const char *path);

/* Nowhere; what waits is forgotten. */
void auditsink_to_nowhere(struct auditsink *sink);

/* Whether lines go anywhere at all. */
bool auditsink_wants(const struct auditsink *sink);

/* Take a line of audit_format() with its newline. */
void auditsink_write(struct auditsink *sink, const char *line, size_t len);

/* Bytes that wait, and lines lost that no line has told of yet. */
size_t auditsink_waiting(const struct auditsink *sink);
unsigned long long auditsink_lost(const struct auditsink *sink);

#endif
