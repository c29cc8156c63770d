/* SPDX-License-Identifier: ISC */
/*
 * One line a message, to stderr or syslog(3).  Nothing that a client, a
 * gateway or a job wrote is logged except through log_clean().
 */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "common/logline.h"

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG
};

/* The room a cleaned string takes, its terminator included, in bytes. */
#define LOG_CLEAN_SIZE 128

/*
 * Start logging as the process "name" (kept, not copied).  Messages above
 * "level" are dropped.  With "syslog" true they go to the system's log,
 * facility daemon, and to stderr only while that cannot be reached.  Until this is called, messages up to
 * LOG_LEVEL_INFO go to stderr.
 */
void log_init(const char *name, enum log_level level, int syslog);

/*
 * What lines look like from now on, see logline.h; and LOG_JOURNAL if standard
 * error is the journal (JOURNAL_STREAM, systemd.exec(5)), else 0.
 */
void log_set_format(uint32_t format);
uint32_t log_journal(void);

/*
 * Switch a topic of log_debug() on; topics are listed in holdfastd(8).  At
 * LOG_LEVEL_DEBUG with no topic switched on, every topic is shown.  At most
 * 16; more are ignored.  "topic" is kept, not copied.
 */
void log_topic(const char *topic);

/*
 * The same whatever the level is, and until log_trace_clear(): for an operator
 * who looks for something while all runs.  "topic" is copied; "all" is every
 * one.  Returns 0, or -1 when it is no name of a topic or there are too many.
 */
#define LOG_TRACES 16
int log_trace(const char *topic, size_t len);
void log_trace_clear(void);

/*
 * Messages below an error and above debugging are bounded for each "fmt":
 * LOGRATE_BURST at once, LOGRATE_PER_SECOND from then on; how many were left
 * out is told later.
 *
 * The plain forms add ": " and strerror(errno); the x forms do not.  fatal
 * forms exit with status 1.  log_debug's first argument is the topic.
 */
void fatal(const char *fmt, ...)
    __attribute__((noreturn, format(printf, 1, 2)));
void fatalx(const char *fmt, ...)
    __attribute__((noreturn, format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warnx(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *topic, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * An event, with pairs of a key and a value (both strings; a NULL value leaves
 * the pair out) until a NULL key.  "msg" is constant, keys are words; values
 * may be anything and are quoted.  At LOG_LEVEL_DEBUG the topic decides.
 */
void log_event(enum log_level level, const char *topic, const char *msg, ...)
    __attribute__((sentinel));

/*
 * Copy "len" bytes of "text" to "out" so that they can be logged: what is
 * not printable ASCII becomes a question mark, what does not fit is cut.
 * Returns "out", which is terminated.
 */
const char *log_clean(char out[LOG_CLEAN_SIZE], const void *text, size_t len);

/*
 * Send every message to "hook" instead (a test); NULL restores.  The text
 * carries neither name nor level and is valid during the call.
 */
void log_set_hook(void (*hook)(enum log_level level, const char *text));

#endif
