/* SPDX-License-Identifier: ISC */
/* Processes as JSON. */
#include "config.h"

#include "common/proto.h"
#include "gateway/jsonw.h"
#include "gateway/process.h"

#define ESCAPED 6	/* the most one byte of a string takes */
#define PROCESS_TEXT 320	/* all but the strings */

bool
process_list_sound(struct span list)
{
	struct fields_PROCESS process;
	int found;

	while ((found = proto_record_next(&list, &proto_process,
		    &process)) == 1)
		continue;
	return found == 0;
}

size_t
process_list_most(struct span list)
{
	return ESCAPED * list.len + PROCESS_TEXT * proto_list_count(list);
}

static void
write_string(struct jsonw *w, const char *key, bool has, struct span value)
{
	jsonw_key(w, key);
	if (has)
		jsonw_string(w, value.p, value.len);
	else
		jsonw_null(w);
}

static void
write_bool(struct jsonw *w, const char *key, bool value)
{
	jsonw_key(w, key);
	jsonw_bool(w, value);
}

static void
write_exit_code(struct jsonw *w, const struct fields_PROCESS *process)
{
	jsonw_key(w, "exitCode");
	if (process->has_exit_code)
		jsonw_i64(w, process->exit_code);
	else
		jsonw_null(w);
}

static void
write_number(struct jsonw *w, const char *key, uint64_t value)
{
	jsonw_key(w, key);
	jsonw_u64(w, value);
}

static void
write_process(struct jsonw *w, const struct fields_PROCESS *p)
{
	write_string(w, "processId", true, p->process_id);
	write_string(w, "argv0", p->has_program, p->program);
	write_bool(w, "tty", p->tty);
	write_bool(w, "running", p->running);
	write_bool(w, "closed", p->closed);
	write_exit_code(w, p);
	write_string(w, "signal", p->has_signal, p->signal);
	write_number(w, "startedAtMs", p->started_ms);
	write_number(w, "lastSeq", p->last_seq);
}

static void
write_left(struct jsonw *w, const struct fields_PROCESS *p)
{
	write_string(w, "processId", true, p->process_id);
	write_exit_code(w, p);
	write_number(w, "lastSeq", p->last_seq);
}

static void
write_items(struct jsonw *w, struct span list,
    void (*write_item)(struct jsonw *w, const struct fields_PROCESS *p))
{
	struct fields_PROCESS process;

	while (proto_record_next(&list, &proto_process, &process) == 1) {
		jsonw_object(w);
		write_item(w, &process);
		jsonw_end_object(w);
	}
}

void
process_list_write(struct jsonw *w, struct span list)
{
	write_items(w, list, write_process);
}

void
process_list_write_left(struct jsonw *w, struct span list)
{
	write_items(w, list, write_left);
}
