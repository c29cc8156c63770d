/* SPDX-License-Identifier: ISC */
/*
 * What a line of the log looks like, and how many of them there may be.  No
 * byte that somebody else chose ends a line, a string or a value.  Pure.
 */
#ifndef COMMON_LOGLINE_H
#define COMMON_LOGLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* LOG_FORMAT: a format, and whether lines go to the journal. */
enum log_format {
	LOG_FORMAT_TEXT,
	LOG_FORMAT_LOGFMT,
	LOG_FORMAT_JSON,
	LOG_FORMAT_COUNT
};
#define LOG_FORMAT_MASK 0xffu
#define LOG_JOURNAL 0x100u	/* each begins with <priority>, sd-daemon(3) */

/* Room for any line, its newline and a NUL included: what a pipe takes whole. */
#define LOGLINE_SIZE 4096

/* Pairs of one line; values beyond VALUE_MAX bytes as written are cut. */
#define LOGLINE_PAIRS 8
#define LOGLINE_VALUE_MAX 200

struct logline_pair {
	const char *key, *value;
};

struct logline {
	uint64_t wall_ms;	/* since the Epoch */
	const char *process;
	int pid;
	const char *level;	/* a word */
	int priority;		/* of syslog(3) */
	const char *topic;	/* or NULL */
	const char *msg;
	const struct logline_pair *pairs;
	size_t npairs;
};

/*
 * Write the line as LOG_FORMAT bits say, with a newline.  Returns its length,
 * which is less than LOGLINE_SIZE.
 */
size_t logline_format(char out[LOGLINE_SIZE], uint32_t format,
    const struct logline *line);

/* Only what is to be read: the message and its pairs, as in a line of text. */
void logline_text(char out[LOGLINE_SIZE], const struct logline *line);

/* How often each place may say something. */
#define LOGRATE_PLACES 64
#define LOGRATE_BURST 50	/* at once */
#define LOGRATE_PER_SECOND 10

struct lograte {
	struct {
		const char *place;
		uint64_t last_ms;
		uint64_t credit;	/* in thousandths of a message */
		uint64_t left_out;
	} places[LOGRATE_PLACES];
};

/* Whether the place, a constant text, may say something now. */
bool lograte_take(struct lograte *rate, const char *place, uint64_t now_ms);

/*
 * A place that may speak again and has something left out: how much that was,
 * to be told, and which place; 0 when there is none.
 */
uint64_t lograte_left_out(struct lograte *rate, uint64_t now_ms,
    const char **place);

#endif
