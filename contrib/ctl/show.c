/* SPDX-License-Identifier: ISC */
/* Answers as JSON, and what text needs of words for numbers. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "contrib/ctl/safe.h"
#include "contrib/ctl/show.h"

static const struct {
	const char *name;
	int status;
} results[TOLD_COUNT] = {
	[TOLD_DONE] = { "done", 0 },
	[TOLD_NOT_FOUND] = { "not-found", CTL_NOT_FOUND },
	[TOLD_AMBIGUOUS] = { "ambiguous", CTL_USAGE },
	[TOLD_REFUSED] = { "refused", CTL_REFUSED },
	[TOLD_FAILED] = { "failed", CTL_FAILED },
	[TOLD_UNAVAILABLE] = { "unavailable", CTL_UNAVAILABLE },
};

int
show_status(uint32_t told)
{
	return told < TOLD_COUNT ? results[told].status : CTL_FAILED;
}

const char *
show_status_name(uint32_t told)
{
	return told < TOLD_COUNT ? results[told].name : "unknown";
}

const char *
show_span(uint64_t ms, char out[SHOW_SPAN_SIZE])
{
	uint64_t s = ms / 1000, m = s / 60, h = m / 60;

	if (m == 0)
		snprintf(out, SHOW_SPAN_SIZE, "%" PRIu64 "s", s);
	else if (h == 0)
		snprintf(out, SHOW_SPAN_SIZE, "%" PRIu64 "m%" PRIu64 "s", m,
		    s % 60);
	else if (h < 24)
		snprintf(out, SHOW_SPAN_SIZE, "%" PRIu64 "h%" PRIu64 "m", h,
		    m % 60);
	else
		snprintf(out, SHOW_SPAN_SIZE, "%" PRIu64 "d%" PRIu64 "h",
		    h / 24, h % 24);
	return out;
}

const char *
show_bytes(uint64_t bytes, char out[SHOW_SPAN_SIZE])
{
	static const char units[] = "KMGTPE";
	uint64_t whole = bytes, rest = 0;
	size_t unit = 0;

	if (bytes < 1024) {
		snprintf(out, SHOW_SPAN_SIZE, "%" PRIu64, bytes);
		return out;
	}
	for (; whole >= 1024 && unit < sizeof(units) - 1; unit++) {
		rest = whole % 1024;
		whole /= 1024;
	}
	if (whole < 10)
		snprintf(out, SHOW_SPAN_SIZE, "%" PRIu64 ".%" PRIu64 "%c",
		    whole, rest * 10 / 1024, units[unit - 1]);
	else
		snprintf(out, SHOW_SPAN_SIZE, "%" PRIu64 "%c", whole,
		    units[unit - 1]);
	return out;
}

/* Rows and where they go; of "one" there is no more than that. */
static const struct {
	uint16_t type;
	const char *name;
	bool one;
} sections[] = {
	{ MSG_BC_STATUS, "server", true },
	{ MSG_BC_STATE, "states", false },
	{ MSG_BC_ROLE, "roles", false },
	{ MSG_BC_LISTENER, "listeners", false },
	{ MSG_BC_BUDGET, "budgets", false },
};

static void
put_time(struct writer *w, const struct show *show, bool *first)
{
	char text[32];

	answer_put_name(w, "time_ms", first);
	snprintf(text, sizeof(text), "%" PRIu64, show->now_ms);
	writer_put(w, text, strlen(text));
}

static void
put_rows(struct writer *w, const struct answer *answer, uint16_t type,
    bool one)
{
	union proto_any msg;
	bool first = true;
	size_t i = 0;

	if (!one)
		writer_put_u8(w, '[');
	while (answer_next(answer, &i, type, &msg) != 0) {
		if (!first)
			writer_put_u8(w, ',');
		first = false;
		answer_put_json(w, proto_row(type), &msg);
		if (one)
			return;
	}
	if (one)
		writer_put(w, "null", 4);
	else
		writer_put_u8(w, ']');
}

/* A process, and of which session it is. */
static void
put_process(struct writer *w, struct span session,
    const struct fields_PROCESS *process, const struct show *lines)
{
	bool first = true;

	writer_put_u8(w, '{');
	if (lines != NULL)
		put_time(w, lines, &first);
	answer_put_name(w, "session", &first);
	safe_put_json(w, session);
	answer_put_members(w, &proto_process, process, &first);
	writer_put_u8(w, '}');
}

static void
put_processes(struct writer *w, const struct answer *answer,
    const struct show *lines)
{
	struct fields_PROCESS process;
	union proto_any msg;
	struct span list;
	bool first = true;
	size_t i = 0;

	while (answer_next(answer, &i, MSG_BC_PROCESSES, &msg) != 0) {
		list = msg.BC_PROCESSES.processes;
		while (proto_record_next(&list, &proto_process,
		    &process) == 1) {
			if (!first && lines == NULL)
				writer_put_u8(w, ',');
			first = false;
			put_process(w, msg.BC_PROCESSES.session, &process,
			    lines);
			if (lines != NULL)
				writer_put_u8(w, '\n');
		}
	}
}

/* What is told of all of a session's processes. */
static void
put_lists(struct writer *w, const struct answer *answer)
{
	union proto_any msg;
	bool first = true;
	size_t i = 0;

	while (answer_next(answer, &i, MSG_BC_PROCESSES, &msg) != 0) {
		if (!first)
			writer_put_u8(w, ',');
		first = false;
		msg.BC_PROCESSES.has_processes = false;
		answer_put_json(w, proto_row(MSG_BC_PROCESSES), &msg);
	}
}

static void
put_told(struct writer *w, const struct answer *answer)
{
	union proto_any msg;
	bool first = true;
	size_t i = 0;

	while (answer_next(answer, &i, MSG_BC_TOLD, &msg) != 0) {
		if (!first)
			writer_put_u8(w, ',');
		first = false;
		safe_put_json(w, msg.BC_TOLD.text);
	}
}

static void
put_result(struct writer *w, const struct answer *answer, bool *first)
{
	bool inner = true;
	char text[32];

	answer_put_name(w, "result", first);
	writer_put_u8(w, '{');
	answer_put_name(w, "status", &inner);
	safe_put_json(w, span_str(show_status_name(answer->status)));
	if (answer->count > 0) {
		answer_put_name(w, "count", &inner);
		snprintf(text, sizeof(text), "%" PRIu64, answer->count);
		writer_put(w, text, strlen(text));
	}
	if (answer->text[0] != '\0') {
		answer_put_name(w, "note", &inner);
		safe_put_json(w, span_str(answer->text));
	}
	writer_put_u8(w, '}');
}

static void
put_list(struct writer *w, const char *name, bool *first,
    const struct answer *answer,
    void (*put)(struct writer *, const struct answer *))
{
	answer_put_name(w, name, first);
	writer_put_u8(w, '[');
	put(w, answer);
	writer_put_u8(w, ']');
}

static void
put_all_processes(struct writer *w, const struct answer *answer)
{
	put_processes(w, answer, NULL);
}

#define LISTS_SESSIONS(command) \
	((command) == CTL_SESSIONS || (command) == CTL_SHOW || \
	(command) == CTL_WHY)
#define LISTS_PROCESSES(command) \
	((command) == CTL_PROCESSES || (command) == CTL_SHOW || \
	(command) == CTL_WHY)

void
show_json(const struct show *show, const struct answer *answer,
    struct writer *w)
{
	bool first = true, one = show->command != CTL_SESSIONS &&
	    answer->status != TOLD_AMBIGUOUS;
	size_t i;

	writer_put_u8(w, '{');
	put_time(w, show, &first);
	for (i = 0; show->command == CTL_STATUS &&
	    i < sizeof(sections) / sizeof(sections[0]); i++) {
		answer_put_name(w, sections[i].name, &first);
		put_rows(w, answer, sections[i].type, sections[i].one);
	}
	if (LISTS_SESSIONS(show->command) ||
	    answer->status == TOLD_AMBIGUOUS) {
		answer_put_name(w, one ? "session" : "sessions", &first);
		put_rows(w, answer, MSG_BC_SESSION, one);
	}
	if (LISTS_PROCESSES(show->command)) {
		put_list(w, "processes", &first, answer, put_all_processes);
		put_list(w, "lists", &first, answer, put_lists);
	}
	put_list(w, "progress", &first, answer, put_told);
	put_result(w, answer, &first);
	writer_put(w, "}\n", 2);
}

void
show_lines(const struct show *show, const struct answer *answer,
    struct writer *w)
{
	union proto_any msg;
	bool first;
	size_t i = 0;

	if (answer->status != TOLD_DONE || (show->command != CTL_SESSIONS &&
	    show->command != CTL_PROCESSES)) {
		show_json(show, answer, w);
		return;
	}
	put_processes(w, answer, show);
	while (answer_next(answer, &i, MSG_BC_SESSION, &msg) != 0) {
		first = true;
		writer_put_u8(w, '{');
		put_time(w, show, &first);
		answer_put_members(w, proto_row(MSG_BC_SESSION), &msg,
		    &first);
		writer_put(w, "}\n", 2);
	}
}
