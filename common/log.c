/* SPDX-License-Identifier: ISC */
/* Logging to stderr or the system's log. */
#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/logsock.h"

#define LOG_LINE_SIZE 1024
#define LOG_TOPICS 16
#define LOG_TRACE_SIZE 32

static const struct {
	const char *word;
	int priority;
} levels[] = {
	[LOG_LEVEL_ERROR] = { "error", LOG_ERR },
	[LOG_LEVEL_WARN] = { "warning", LOG_WARNING },
	[LOG_LEVEL_INFO] = { "info", LOG_INFO },
	[LOG_LEVEL_DEBUG] = { "debug", LOG_DEBUG },
};

static const char *log_name = "holdfast";
static enum log_level log_level = LOG_LEVEL_INFO;
static int log_to_syslog;
static uint32_t log_format;
static struct lograte log_rate;
static const char *log_topics[LOG_TOPICS];
static size_t log_ntopics;
static char log_traces[LOG_TRACES][LOG_TRACE_SIZE];
static size_t log_ntraces;
static void (*log_hook)(enum log_level, const char *);

void
log_init(const char *name, enum log_level level, int use_syslog)
{
	log_name = name;
	log_level = level;
	/* Connected to now: a jail allows it no more. */
	if (use_syslog && !log_to_syslog)
		(void)logsock_open(_PATH_LOG);
	log_to_syslog = use_syslog;
}

void
log_set_format(uint32_t format)
{
	log_format = format;
}

uint32_t
log_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char here[64];
	struct stat st;

	if (stream == NULL || fstat(STDERR_FILENO, &st) == -1)
		return 0;
	snprintf(here, sizeof(here), "%ju:%ju", (uintmax_t)st.st_dev,
	    (uintmax_t)st.st_ino);
	return strcmp(stream, here) == 0 ? LOG_JOURNAL : 0;
}

void
log_topic(const char *topic)
{
	if (log_ntopics < LOG_TOPICS)
		log_topics[log_ntopics++] = topic;
}

int
log_trace(const char *topic, size_t len)
{
	if (len == 0 || len >= LOG_TRACE_SIZE || log_ntraces == LOG_TRACES)
		return -1;
	memcpy(log_traces[log_ntraces], topic, len);
	log_traces[log_ntraces++][len] = '\0';
	return 0;
}

void
log_trace_clear(void)
{
	log_ntraces = 0;
}

void
log_set_hook(void (*hook)(enum log_level, const char *))
{
	log_hook = hook;
}

static int
log_topic_wanted(const char *topic)
{
	size_t i;

	for (i = 0; i < log_ntraces; i++)
		if (strcmp(log_traces[i], topic) == 0 ||
		    strcmp(log_traces[i], "all") == 0)
			return 1;
	if (log_level < LOG_LEVEL_DEBUG)
		return 0;
	for (i = 0; i < log_ntopics; i++)
		if (strcmp(log_topics[i], topic) == 0)
			return 1;
	return log_ntopics == 0;
}

static void
log_emit(enum log_level level, const char *topic, const char *msg,
    const struct logline_pair *pairs, size_t npairs)
{
	struct logline line = {
		.wall_ms = clock_wall_ms(),
		.process = log_name,
		.pid = (int)getpid(),
		.level = levels[level].word,
		.priority = levels[level].priority,
		.topic = topic,
		.msg = msg,
		.pairs = pairs,
		.npairs = npairs,
	};
	char text[LOGLINE_SIZE];
	size_t len;

	if (log_hook != NULL || (log_to_syslog &&
	    (log_format & LOG_FORMAT_MASK) == LOG_FORMAT_TEXT)) {
		logline_text(text, &line);
		if (log_hook != NULL) {
			log_hook(level, text);
			return;
		}
		if (logsock_send(LOG_DAEMON | line.priority, log_name,
		    text) == 0)
			return;
	}
	len = logline_format(text, log_format, &line);
	if (log_to_syslog) {
		text[len - 1] = '\0';
		if (logsock_send(LOG_DAEMON | line.priority, log_name,
		    text) == 0)
			return;
		text[len - 1] = '\n';
	}
	/* One write a line: several processes share this stderr. */
	(void)!write(STDERR_FILENO, text, len);
}

/* What was left out is told before what follows it. */
static void
log_tell_left_out(uint64_t now)
{
	char text[LOG_LINE_SIZE];
	const char *place;
	uint64_t count;

	while ((count = lograte_left_out(&log_rate, now, &place)) > 0) {
		snprintf(text, sizeof(text), "%llu like this suppressed: %s",
		    (unsigned long long)count, place);
		log_emit(LOG_LEVEL_WARN, NULL, text, NULL, 0);
	}
}

/* Debug messages were asked for; the last words of a process are few. */
static bool
log_may(enum log_level level, const char *place)
{
	uint64_t now;

	if (level == LOG_LEVEL_ERROR || level == LOG_LEVEL_DEBUG)
		return true;
	now = clock_ms();
	log_tell_left_out(now);
	return lograte_take(&log_rate, place, now);
}

static void __attribute__((format(printf, 4, 0)))
log_vput(enum log_level level, const char *topic, int error, const char *fmt,
    va_list ap)
{
	char text[LOG_LINE_SIZE];
	size_t used;
	int n, saved = errno;

	n = vsnprintf(text, sizeof(text), fmt, ap);
	if (n < 0)
		return;
	used = (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1;
	if (error != 0)
		snprintf(text + used, sizeof(text) - used, ": %s",
		    strerror(error));
	log_emit(level, topic, text, NULL, 0);
	errno = saved;
}

static void __attribute__((format(printf, 3, 0)))
log_vwrite(enum log_level level, int error, const char *fmt, va_list ap)
{
	if (level <= log_level && log_may(level, fmt))
		log_vput(level, NULL, error, fmt, ap);
}

void
fatal(const char *fmt, ...)
{
	va_list ap;
	int error = errno;

	va_start(ap, fmt);
	log_vwrite(LOG_LEVEL_ERROR, error, fmt, ap);
	va_end(ap);
	exit(1);
}

void
fatalx(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vwrite(LOG_LEVEL_ERROR, 0, fmt, ap);
	va_end(ap);
	exit(1);
}

void
log_warn(const char *fmt, ...)
{
	va_list ap;
	int error = errno;

	va_start(ap, fmt);
	log_vwrite(LOG_LEVEL_WARN, error, fmt, ap);
	va_end(ap);
}

void
log_warnx(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vwrite(LOG_LEVEL_WARN, 0, fmt, ap);
	va_end(ap);
}

void
log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vwrite(LOG_LEVEL_INFO, 0, fmt, ap);
	va_end(ap);
}

void
log_debug(const char *topic, const char *fmt, ...)
{
	va_list ap;

	if (!log_topic_wanted(topic))
		return;
	va_start(ap, fmt);
	log_vput(LOG_LEVEL_DEBUG, topic, 0, fmt, ap);
	va_end(ap);
}

void
log_event(enum log_level level, const char *topic, const char *msg, ...)
{
	struct logline_pair pairs[LOGLINE_PAIRS];
	int saved = errno;
	size_t n = 0;
	va_list ap;

	if (level == LOG_LEVEL_DEBUG ? !log_topic_wanted(topic) :
	    level > log_level || !log_may(level, msg))
		return;
	va_start(ap, msg);
	while (n < LOGLINE_PAIRS &&
	    (pairs[n].key = va_arg(ap, const char *)) != NULL) {
		pairs[n].value = va_arg(ap, const char *);
		if (pairs[n].value != NULL)
			n++;
	}
	va_end(ap);
	log_emit(level, topic, msg, pairs, n);
	errno = saved;
}

const char *
log_clean(char out[LOG_CLEAN_SIZE], const void *text, size_t len)
{
	const unsigned char *p = text;
	size_t i;

	if (len > LOG_CLEAN_SIZE - 1)
		len = LOG_CLEAN_SIZE - 1;
	for (i = 0; i < len; i++)
		out[i] = p[i] >= 0x20 && p[i] < 0x7f ? (char)p[i] : '?';
	out[len] = '\0';
	return out;
}
