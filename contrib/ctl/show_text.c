/* SPDX-License-Identifier: ISC */
/* Answers as people read them. */
#include "config.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/signame.h"
#include "contrib/ctl/safe.h"
#include "contrib/ctl/show.h"
#include "contrib/ctl/table.h"

static void
put(struct writer *w, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Words of our own, and numbers. */
static void
put(struct writer *w, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	writer_put(w, text, strlen(text));
}

static void
put_label(struct writer *w, const char *label)
{
	put(w, "%-14s", label);
}

/* Somebody else's words after a label, if there are any. */
static void
put_line(struct writer *w, const struct show *show, const char *label,
    bool has, struct span text)
{
	if (!has)
		return;
	put_label(w, label);
	safe_put(w, text, show->utf8);
	writer_put_u8(w, '\n');
}

static const char *
when(uint64_t ms, char out[32])
{
	time_t at = (time_t)(ms / 1000);
	struct tm tm;

	if (localtime_r(&at, &tm) == NULL ||
	    strftime(out, 32, "%F %T", &tm) == 0)
		snprintf(out, 32, "?");
	return out;
}

static const char *
ago(const struct show *show, uint64_t ms, char out[SHOW_SPAN_SIZE])
{
	return show_span(show->now_ms > ms ? show->now_ms - ms : 0, out);
}

static const char *
left(const struct show *show, uint64_t ms, char out[SHOW_SPAN_SIZE])
{
	return show_span(ms > show->now_ms ? ms - show->now_ms : 0, out);
}

static void
put_table(struct table *table, struct writer *w, const struct show *show)
{
	if (table_lines(table) > 0)
		table_put(table, w, show->width);
	table_free(table);
}

static void
number(struct table *table, bool has, uint64_t value)
{
	if (has)
		table_cellf(table, "%" PRIu64, value);
	else
		table_cellf(table, "-");
}

static void
word(struct table *table, bool has, struct span text)
{
	table_cell(table, has ? text : span_str("-"));
}

static const struct table_column session_columns[] = {
	{ "SESSION", TABLE_LEFT },
	{ "TENANT", TABLE_CUT },
	{ "STATE", TABLE_LEFT },
	{ "FOR", TABLE_RIGHT },
	{ "LEFT", TABLE_RIGHT },
	{ "GATEWAY", TABLE_RIGHT },
	{ "RUNNER", TABLE_RIGHT },
	{ "CLIENT", TABLE_CUT },
	{ NULL, 0 }
};

static void
show_sessions(const struct show *show, const struct answer *answer,
    struct writer *w)
{
	struct table *table = table_new(session_columns, show->utf8);
	const struct fields_BC_SESSION *row;
	char text[SHOW_SPAN_SIZE];
	union proto_any msg;
	size_t i = 0;

	while (answer_next(answer, &i, MSG_BC_SESSION, &msg) != 0) {
		row = &msg.BC_SESSION;
		table_cell(table, row->session);
		word(table, row->has_tenant_name, row->tenant_name);
		table_cell(table, row->state);
		table_cellf(table, "%s", ago(show, row->since_ms, text));
		table_cellf(table, "%s", row->has_deadline_ms ?
		    left(show, row->deadline_ms, text) : "-");
		number(table, row->has_gateway, row->gateway);
		number(table, row->has_pid, row->pid);
		word(table, row->has_client_name, row->client_name);
	}
	if (table_lines(table) == 0 && answer->status == TOLD_DONE)
		put(w, "no sessions\n");
	put_table(table, w, show);
}

static const struct table_column process_columns[] = {
	{ "PROCESS", TABLE_CUT },
	{ "STATE", TABLE_LEFT },
	{ "FOR", TABLE_RIGHT },
	{ "PID", TABLE_RIGHT },
	{ "TTY", TABLE_LEFT },
	{ "RETAINED", TABLE_RIGHT },
	{ "PROGRAM", TABLE_CUT },
	{ "SESSION", TABLE_CUT },
	{ NULL, 0 }
};

static void
cell_state(struct table *table, const struct fields_PROCESS *process)
{
	char text[64];

	if (process->has_running && process->running)
		table_cellf(table, "running");
	else if (process->has_signal && span_to_str(process->signal, text,
		sizeof(text)) == 0)
		table_cellf(table, "signal %s", text);
	else if (process->has_exit_code)
		table_cellf(table, "exit %" PRId64, process->exit_code);
	else
		table_cellf(table, "running");
}

static void
cells_process(struct table *table, const struct show *show,
    const struct fields_PROCESS *process, struct span session)
{
	char text[SHOW_SPAN_SIZE];

	table_cell(table, process->process_id);
	cell_state(table, process);
	table_cellf(table, "%s", process->has_started_ms ?
	    ago(show, process->started_ms, text) : "-");
	number(table, process->has_pid, process->pid);
	table_cellf(table, "%s", !process->has_tty ? "-" : process->tty ?
	    "yes" : "no");
	table_cellf(table, "%s", process->has_retained ?
	    show_bytes(process->retained, text) : "-");
	word(table, process->has_program, process->program);
	table_cell(table, session);
}

static void
show_processes(const struct show *show, const struct answer *answer,
    struct writer *w)
{
	struct table *table = table_new(process_columns, show->utf8);
	struct fields_PROCESS process;
	union proto_any msg;
	struct span list;
	uint64_t omitted = 0;
	size_t i = 0;

	while (answer_next(answer, &i, MSG_BC_PROCESSES, &msg) != 0) {
		list = msg.BC_PROCESSES.processes;
		omitted += msg.BC_PROCESSES.omitted;
		while (proto_record_next(&list, &proto_process,
		    &process) == 1)
			cells_process(table, show, &process,
			    msg.BC_PROCESSES.session);
	}
	if (table_lines(table) == 0 && show->command == CTL_PROCESSES &&
	    answer->status == TOLD_DONE)
		put(w, "no processes\n");
	put_table(table, w, show);
	if (omitted > 0)
		put(w, "and %" PRIu64 " more\n", omitted);
	for (i = 0; answer_next(answer, &i, MSG_BC_PROCESSES, &msg) != 0;)
		if (msg.BC_PROCESSES.has_text) {
			safe_put(w, msg.BC_PROCESSES.session, show->utf8);
			put(w, ": ");
			safe_put(w, msg.BC_PROCESSES.text, show->utf8);
			put(w, "\n");
		}
}

/* What the number that belongs to a reason means. */
static void
put_detail(struct writer *w, const struct fields_BC_SESSION *row)
{
	char text[SIGNAME_SIZE];

	if (span_is(row->reason_name, "RUNNER_KILLED"))
		put(w, " (%s)", signame_text((int)row->detail, text));
	else if (span_is(row->reason_name, "RUNNER_EXITED"))
		put(w, " (status %u)", row->detail);
	else if (span_is(row->reason_name, "REQUESTED"))
		put(w, " (user %u)", row->detail);
}

static void
show_end(const struct show *show, const struct fields_BC_SESSION *row,
    struct writer *w)
{
	char text[32], span[SHOW_SPAN_SIZE];

	if (!row->has_reason_text)
		return;
	put_label(w, "because");
	safe_put(w, row->reason_text, show->utf8);
	put_detail(w, row);
	put(w, "\n");
	put_line(w, show, "note", row->has_text, row->text);
	if (row->has_ended_ms) {
		put_label(w, "ended");
		put(w, "%s (%s ago)\n", when(row->ended_ms, text),
		    ago(show, row->ended_ms, span));
	}
	if (row->has_ended_ms && row->has_deadline_ms) {
		put_label(w, "remembered");
		put(w, "for %s\n", left(show, row->deadline_ms, span));
	}
}

static void
show_state(const struct show *show, const struct fields_BC_SESSION *row,
    struct writer *w)
{
	char text[32], span[SHOW_SPAN_SIZE];

	put_line(w, show, "session", true, row->session);
	put_line(w, show, "tenant", row->has_tenant_name, row->tenant_name);
	put_label(w, "state");
	safe_put(w, row->state, show->utf8);
	put(w, " since %s (%s)\n", when(row->since_ms, text),
	    ago(show, row->since_ms, span));
	if (row->has_deadline_ms && !row->has_ended_ms) {
		put_label(w, "until");
		put(w, "%s (%s left)\n", when(row->deadline_ms, text),
		    left(show, row->deadline_ms, span));
	}
	show_end(show, row, w);
}

static void
show_runner(const struct show *show, const struct fields_BC_SESSION *row,
    struct writer *w)
{
	put_label(w, "runner");
	safe_put(w, row->runner_state, show->utf8);
	if (row->has_pid)
		put(w, ", process %u", row->pid);
	if (row->has_uid)
		put(w, ", user %u", row->uid);
	if (row->has_version)
		put(w, ", protocol %u", row->version);
	put(w, "\n");
	put_line(w, show, "cgroup", row->has_cgroup, row->cgroup);
}

static void
put_retained(const struct answer *answer, struct writer *w)
{
	char text[SHOW_SPAN_SIZE];
	union proto_any msg;
	size_t i = 0;

	if (answer_next(answer, &i, MSG_BC_PROCESSES, &msg) == 0 ||
	    !msg.BC_PROCESSES.has_retained)
		return;
	put_label(w, "retained");
	put(w, "%s bytes\n", show_bytes(msg.BC_PROCESSES.retained, text));
}

static void
show_session(const struct show *show, const struct answer *answer,
    struct writer *w)
{
	const struct fields_BC_SESSION *row;
	char text[SHOW_SPAN_SIZE];
	union proto_any msg;
	size_t i = 0;

	if (answer_next(answer, &i, MSG_BC_SESSION, &msg) == 0)
		return;
	row = &msg.BC_SESSION;
	show_state(show, row, w);
	put_label(w, "attached");
	put(w, "%" PRIu64 " times", row->generation);
	if (row->has_gateway)
		put(w, ", now by gateway %u", row->gateway);
	put(w, "; may stay detached for %s\n",
	    show_span(row->detach_ttl_ms, text));
	put_line(w, show, "client", row->has_client_name, row->client_name);
	put_line(w, show, "from", row->has_source, row->source);
	show_runner(show, row, w);
	put_retained(answer, w);
	show_processes(show, answer, w);
}

static void
show_why(const struct show *show, const struct answer *answer,
    struct writer *w)
{
	union proto_any msg;
	size_t i = 0;

	if (answer_next(answer, &i, MSG_BC_SESSION, &msg) == 0)
		return;
	show_state(show, &msg.BC_SESSION, w);
	show_processes(show, answer, w);
}

static void
show_server(const struct show *show, const struct answer *answer,
    struct writer *w)
{
	const struct fields_BC_STATUS *row;
	char text[32], span[SHOW_SPAN_SIZE];
	union proto_any msg;
	size_t i = 0;

	if (answer_next(answer, &i, MSG_BC_STATUS, &msg) == 0)
		return;
	row = &msg.BC_STATUS;
	put_label(w, "holdfast");
	safe_put(w, row->release, show->utf8);
	put(w, ", %s\n", row->draining ? "draining: no new sessions" :
	    "serving");
	put_label(w, "broker since");
	put(w, "%s (%s)\n", when(row->started_ms, text),
	    ago(show, row->started_ms, span));
	put_label(w, "configuration");
	put(w, "number %" PRIu64, row->count);
	if (row->has_since_ms)
		put(w, ", taken %s", when(row->since_ms, text));
	put(w, "\n");
	put_label(w, "holdfastd");
	put(w, "%s\n", row->supervised ? "runs" :
	    "is not there: nothing that ends is started again");
	put_label(w, "cgroups");
	if (row->has_cgroup) {
		safe_put(w, row->cgroup, show->utf8);
		put(w, " (");
		safe_put(w, row->controllers, show->utf8);
		put(w, ")\n");
	} else {
		put(w, "none\n");
	}
}

static void
show_states(const struct show *show, const struct answer *answer,
    struct writer *w)
{
	union proto_any msg;
	const char *comma = "";
	size_t i = 0;

	put_label(w, "sessions");
	while (answer_next(answer, &i, MSG_BC_STATE, &msg) != 0) {
		put(w, "%s%" PRIu64 " ", comma, msg.BC_STATE.count);
		safe_put(w, msg.BC_STATE.state, show->utf8);
		comma = ", ";
	}
	put(w, "\n");
}

static const struct table_column role_columns[] = {
	{ "PROCESS", TABLE_LEFT },
	{ "NUMBER", TABLE_RIGHT },
	{ "POOL", TABLE_RIGHT },
	{ "PID", TABLE_RIGHT },
	{ "PROTOCOL", TABLE_RIGHT },
	{ "CONNECTIONS", TABLE_RIGHT },
	{ NULL, 0 }
};

static void
show_roles(const struct show *show, const struct answer *answer,
    struct writer *w)
{
	struct table *table = table_new(role_columns, show->utf8);
	const struct fields_BC_ROLE *row;
	union proto_any msg;
	size_t i = 0;

	while (answer_next(answer, &i, MSG_BC_ROLE, &msg) != 0) {
		row = &msg.BC_ROLE;
		table_cell(table, row->name);
		number(table, row->has_gateway, row->gateway);
		number(table, row->has_pool, row->pool);
		number(table, row->has_pid, row->pid);
		number(table, row->has_version, row->version);
		number(table, row->has_connections, row->connections);
	}
	put(w, "\n");
	put_table(table, w, show);
}

static void
cell_admission(struct table *table, uint32_t admission)
{
	static const struct {
		uint32_t bit;
		const char *name;
	} ways[] = {
		{ ADMIT_NONE, "none" },
		{ ADMIT_PEER_UID, "peer-uid" },
		{ ADMIT_TOKEN, "token" },
		{ ADMIT_SIGNED, "signed" },
	};
	char text[64] = "";
	size_t i;

	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if ((admission & ways[i].bit) != 0) {
			if (text[0] != '\0')
				strlcat(text, ",", sizeof(text));
			strlcat(text, ways[i].name, sizeof(text));
		}
	table_cellf(table, "%s", text);
}

static const struct table_column listener_columns[] = {
	{ "LISTENER", TABLE_CUT },
	{ "POOL", TABLE_RIGHT },
	{ "TENANTS", TABLE_RIGHT },
	{ "ADMISSION", TABLE_LEFT },
	{ NULL, 0 }
};

static void
show_listeners(const struct show *show, const struct answer *answer,
    struct writer *w)
{
	struct table *table = table_new(listener_columns, show->utf8);
	union proto_any msg;
	size_t i = 0;

	while (answer_next(answer, &i, MSG_BC_LISTENER, &msg) != 0) {
		table_cell(table, msg.BC_LISTENER.listener);
		number(table, true, msg.BC_LISTENER.pool);
		number(table, true, msg.BC_LISTENER.count);
		cell_admission(table, msg.BC_LISTENER.admission);
	}
	put(w, "\n");
	put_table(table, w, show);
}

static const struct table_column budget_columns[] = {
	{ "OF", TABLE_CUT },
	{ "BUDGET", TABLE_LEFT },
	{ "USED", TABLE_RIGHT },
	{ "LIMIT", TABLE_RIGHT },
	{ NULL, 0 }
};

static void
show_budgets(const struct show *show, const struct answer *answer,
    struct writer *w)
{
	struct table *table = table_new(budget_columns, show->utf8);
	union proto_any msg;
	size_t i = 0;

	while (answer_next(answer, &i, MSG_BC_BUDGET, &msg) != 0) {
		table_cell(table, msg.BC_BUDGET.has_tenant_name ?
		    msg.BC_BUDGET.tenant_name : span_str("(host)"));
		table_cell(table, msg.BC_BUDGET.name);
		number(table, true, msg.BC_BUDGET.used);
		number(table, msg.BC_BUDGET.has_limit, msg.BC_BUDGET.limit);
	}
	if (table_lines(table) > 0)
		put(w, "\n");
	put_table(table, w, show);
}

static void
show_all_status(const struct show *show, const struct answer *answer,
    struct writer *w)
{
	show_server(show, answer, w);
	show_states(show, answer, w);
	show_roles(show, answer, w);
	show_listeners(show, answer, w);
	show_budgets(show, answer, w);
}

static void
show_kill(const struct show *show, const struct answer *answer,
    struct writer *w)
{
	(void)show;
	put(w, "%" PRIu64 " process%s told\n", answer->count,
	    answer->count == 1 ? " was" : "es were");
}

static void
show_drain(const struct show *show, const struct answer *answer,
    struct writer *w)
{
	(void)show;
	put(w, "%" PRIu64 " session%s there\n", answer->count,
	    answer->count == 1 ? " is" : "s are");
}

static void
show_done(const struct show *show, const struct answer *answer,
    struct writer *w)
{
	if (answer->text[0] == '\0')
		return;
	safe_put(w, span_str(answer->text), show->utf8);
	put(w, "\n");
}

static void (*const shows[CTL_COMMANDS])(const struct show *,
    const struct answer *, struct writer *) = {
	[CTL_STATUS] = show_all_status,
	[CTL_SESSIONS] = show_sessions,
	[CTL_SHOW] = show_session,
	[CTL_WHY] = show_why,
	[CTL_PROCESSES] = show_processes,
	[CTL_KILL] = show_kill,
	[CTL_EVICT] = show_done,
	[CTL_DRAIN] = show_drain,
	[CTL_RELOAD] = show_done,
	[CTL_ROLL] = show_done,
	[CTL_UPGRADE] = show_done,
	[CTL_TRACE] = show_done,
	[CTL_VERSION] = show_done,
};

void
show_text(const struct show *show, const struct answer *answer,
    struct writer *w)
{
	if (answer->status == TOLD_DONE)
		shows[show->command](show, answer, w);
	else if (answer->status == TOLD_AMBIGUOUS)
		show_sessions(show, answer, w);
}
