/* SPDX-License-Identifier: ISC */
/* Answers as people, or programs, read them.  Pure: time is an argument. */
#ifndef CONTRIB_CTL_SHOW_H
#define CONTRIB_CTL_SHOW_H

#include <stddef.h>
#include <stdint.h>

#include "contrib/ctl/answer.h"
#include "contrib/ctl/options.h"

/* For whom. */
struct show {
	enum ctl_command command;
	size_t width;		/* of the terminal; 0: none */
	int utf8;
	uint64_t now_ms;	/* since the Epoch */
};

/* Append the answer as text. */
void show_text(const struct show *show, const struct answer *answer,
    struct writer *w);

/* As one JSON object and a newline. */
void show_json(const struct show *show, const struct answer *answer,
    struct writer *w);

/* A list as one object a line, each with the time. */
void show_lines(const struct show *show, const struct answer *answer,
    struct writer *w);

/* A time span for people: "5s", "3m", "2h10m", "4d3h".  Returns "out". */
#define SHOW_SPAN_SIZE 24
const char *show_span(uint64_t ms, char out[SHOW_SPAN_SIZE]);

/* Bytes likewise: "512", "3.4K", "12M". */
const char *show_bytes(uint64_t bytes, char out[SHOW_SPAN_SIZE]);

/* The exit status, and a word, for how a question came out. */
int show_status(uint32_t told);
const char *show_status_name(uint32_t told);

#endif
