/* SPDX-License-Identifier: ISC */
/* What the broker is told for the audit trail. */
#include "config.h"

#include <string.h>

#include "broker/runner/runner.h"
#include "common/chan.h"
#include "common/signame.h"

/* What may wait for the broker, in bytes: far below what ends a channel. */
#define WAITING_MAX 65536
/* Of arguments, in bytes: more than it will write down. */
#define ARGUMENTS_MAX 4096

static bool
wanted(const struct runner *runner)
{
	return runner->report != REPORT_NOTHING && runner->broker != NULL &&
	    chan_phase(runner->broker) != PHASE_START;
}

static void
tell(struct runner *runner, struct fields_RB_EVENT *event,
    const struct child *child)
{
	if (chan_queued(runner->broker) > WAITING_MAX) {
		runner->untold++;
		return;
	}
	event->process_id = (struct span){ child->id, child->id_len };
	event->has_program = child->program != NULL;
	if (event->has_program)
		event->program = span_str(child->program);
	event->has_omitted = runner->untold > 0;
	event->omitted = runner->untold;
	runner->untold = 0;
	chan_send(runner->broker, MSG_RB_EVENT, event, NULL, 0);
}

void
report_prepare(struct child *child, struct span argv)
{
	struct span item;
	size_t room;

	if (child->runner->report != REPORT_ARGUMENTS)
		return;
	writer_init(&child->argv, ARGUMENTS_MAX);
	while (proto_list_next(&argv, &item) &&
	    child->argv.len + sizeof(uint32_t) < ARGUMENTS_MAX) {
		room = ARGUMENTS_MAX - child->argv.len - sizeof(uint32_t);
		if (item.len > room)
			item.len = room;
		proto_list_add(&child->argv, item);
	}
}

void
report_start(struct child *child)
{
	struct fields_RB_EVENT event = {
		.event = EVENT_START,
		.argv = { child->argv.p, child->argv.len },
		.has_argv = child->argv.len > 0,
	};

	runner_count(child->runner, METRIC_STARTS, 1);
	if (wanted(child->runner))
		tell(child->runner, &event, child);
	writer_clear(&child->argv);
}

void
report_signal(const struct child *child, int signo)
{
	struct fields_RB_EVENT event = { .event = EVENT_SIGNAL };
	char name[SIGNAME_SIZE];

	if (child->pid == 0 || !wanted(child->runner))
		return;
	event.signal = span_str(signame_text(signo, name));
	event.has_signal = true;
	tell(child->runner, &event, child);
}

void
report_exit(const struct child *child)
{
	struct fields_RB_EVENT event = {
		.event = EVENT_EXIT,
		.exit_code = child->exit_code,
		.has_exit_code = true,
		.has_signal = child->signal != 0,
	};
	char name[SIGNAME_SIZE];

	runner_count(child->runner, child->signal != 0 ? METRIC_EXITS_SIGNAL :
	    child->exit_code == 0 ? METRIC_EXITS_SUCCESS :
	    METRIC_EXITS_FAILURE, 1);
	if (!wanted(child->runner))
		return;
	if (event.has_signal)
		event.signal = span_str(signame_text(child->signal, name));
	tell(child->runner, &event, child);
}

static void
collect(void *arg)
{
	const struct runner *runner = arg;
	const struct attach *attach = runner->attach;
	const struct child *child;
	uint64_t running = 0;

	TAILQ_FOREACH(child, &runner->children, entry)
		running += !child->exited && child->starting == NULL;
	metrics_set(METRIC_PROCESSES, running);
	metrics_set(METRIC_RETAINED, outlog_pool_used());
	metrics_set(METRIC_SPILLED, runner->spill.used);
	metrics_set(METRIC_UNACKED, attach == NULL ? 0 :
	    attach->sent - attach->acked);
}

static bool
tell_counts(void *arg, struct span items)
{
	struct runner *runner = arg;
	struct fields_COUNTS counts = { .counts = items };

	return runner->broker != NULL &&
	    chan_phase(runner->broker) != PHASE_START &&
	    chan_queued(runner->broker) <= WAITING_MAX &&
	    chan_send(runner->broker, MSG_RB_COUNTS, &counts, NULL, 0) == 0;
}

const struct meter_ops runner_meter = {
	.role = ROLE_RUNNER,
	.lag = METRIC_RUNNER_LAG,
	.collect = collect,
	.tell = tell_counts,
};
