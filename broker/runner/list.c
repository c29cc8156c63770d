/* SPDX-License-Identifier: ISC */
/*
 * process/list: what runs, and what can still be read; in pages.  And what is
 * left to tell of it when the session ends.
 */
#include "config.h"

#include <string.h>

#include "broker/runner/runner.h"
#include "common/signame.h"

/* Bytes of one page; the largest item fits what is left of a message. */
#define PAGE_BYTES (PROTO_CHUNK_MAX - ITEM_BYTES)
#define ITEM_BYTES 8192
#define NEWEST_MAX 64

static void
put_child(struct writer *w, const struct child *child, bool operated)
{
	char name[SIGNAME_SIZE];
	struct fields_PROCESS process = {
		.process_id = { child->id, child->id_len },
		.last_seq = outlog_next_seq(child->log) - 1,
		.has_exit_code = child->exited,
		.exit_code = child->exit_code,
		.has_signal = child->signal != 0,
		.signal = span_str(signame_text(child->signal, name)),
		.has_program = child->program != NULL,
		.has_tty = true,
		.tty = child->tty,
		.has_running = true,
		.running = !child->exited,
		.has_closed = true,
		.closed = child->closed,
		.has_started_ms = true,
		.started_ms = child->started_ms,
		.has_pid = operated && child->pid != 0,
		.pid = (uint32_t)child->pid,
		.has_retained = operated,
		.retained = outlog_used(child->log) + child->spill_used,
	};

	if (child->program != NULL)
		process.program = span_str(child->program);
	proto_record_add(w, &proto_process, &process);
}

void
list_answer(struct attach *attach, const struct call *call,
    const struct fields_GR_LIST *msg)
{
	struct fields_RG_RESULT result = { .has_processes = true };
	struct child *child;
	struct writer w;

	writer_init(&w, PROTO_CHUNK_MAX);
	/* They stand in the order of their serials. */
	TAILQ_FOREACH(child, &attach->runner->children, entry) {
		if (child->serial <= msg->after)
			continue;
		if (w.len > PAGE_BYTES) {
			result.has_next = true;
			break;
		}
		put_child(&w, child, false);
		result.next = child->serial;
	}
	result.processes = (struct span){ w.p, w.len };
	if (w.failed)
		attach_error(attach, call, MSG_GR_LIST, -32603,
		    "out of memory");
	else
		attach_result(attach, call, MSG_GR_LIST, &result);
	writer_clear(&w);
}

bool
list_page(const struct runner *runner, struct writer *w, uint64_t after,
    uint64_t *next)
{
	const struct child *child;

	TAILQ_FOREACH(child, &runner->children, entry) {
		if (child->serial <= after)
			continue;
		if (w->len + ITEM_BYTES > w->max)
			return true;
		put_child(w, child, true);
		*next = child->serial;
	}
	return false;
}

void
list_newest(struct runner *runner, struct writer *w, uint64_t *omitted)
{
	struct fields_PROCESS process;
	char name[SIGNAME_SIZE];
	struct child *child;
	size_t len, count = 0;

	*omitted = 0;
	TAILQ_FOREACH_REVERSE(child, &runner->children, children, entry) {
		process = (struct fields_PROCESS){
			.process_id = { child->id, child->id_len },
			.last_seq = outlog_next_seq(child->log) - 1,
			.has_exit_code = child->exited,
			.exit_code = child->exit_code,
			.has_signal = child->signal != 0,
			.signal = span_str(signame_text(child->signal, name)),
		};
		len = w->len;
		if (count < NEWEST_MAX)
			proto_record_add(w, &proto_process, &process);
		/* The first one that finds no room ends the list. */
		if (w->failed || count >= NEWEST_MAX) {
			w->len = len;
			w->failed = 0;
			count = NEWEST_MAX;
			++*omitted;
		} else {
			count++;
		}
	}
}
