/* SPDX-License-Identifier: ISC */
/*
 * What only runners know or can do, asked for an operator.  A runner belongs
 * to a tenant: it may say anything, late, or nothing.
 */
#include "config.h"

#include "broker/operator_private.h"
#include "common/chan.h"

#define RUNNER_MS 1000		/* that a runner has to answer */
#define PAGES_MAX 1024		/* of one runner: it may invent processes */

static struct run *
runner_of(const struct operator *op, uint32_t slot)
{
	const struct session *session = &op->broker->sessions[slot];

	return session->live && session->run != NULL &&
	    run_is_up(session->run) ? session->run : NULL;
}

static void
expect(struct operator *op, uint32_t slot)
{
	op->asked_slot = slot;
	operator_wait(op, WAIT_RUNNER, RUNNER_MS);
}

bool
operator_ask_list(struct operator *op, uint32_t slot)
{
	struct run *run = runner_of(op, slot);
	struct fields_BR_LIST list = {
		.request = ++op->broker->operators->last_asked,
		.has_after = op->after != 0,
		.after = op->after,
	};

	op->more = false;
	if (run == NULL)
		return false;
	op->asked = list.request;
	run_send(run, MSG_BR_LIST, &list);
	expect(op, slot);
	return true;
}

bool
operator_ask_signal(struct operator *op, uint32_t slot, struct span name,
    const struct span *process)
{
	struct run *run = runner_of(op, slot);
	struct fields_BR_SIGNAL order = {
		.request = ++op->broker->operators->last_asked,
		.signal = name,
		.has_process_id = process != NULL,
	};

	if (run == NULL)
		return false;
	if (process != NULL)
		order.process_id = *process;
	op->asked = order.request;
	run_send(run, MSG_BR_SIGNAL, &order);
	expect(op, slot);
	return true;
}

/* Who has asked that of this session's runner, and still waits. */
static struct operator *
asker(struct session *session, uint64_t request)
{
	struct operator *op;

	TAILQ_FOREACH(op, &session->broker->operators->list, entry)
		if (op->asked == request && op->wait == WAIT_RUNNER &&
		    op->asked_slot == session_slot(session))
			return op;
	return NULL;
}

static void
say_processes(struct operator *op, struct fields_BC_PROCESSES *row)
{
	const struct registry_record *record = registry_get(
	    op->broker->registry, op->asked_slot);
	char id[IDENT_TEXT_SIZE];

	if (record == NULL)
		return;
	row->request = op->request;
	row->session = span_str(ident_print(&record->id, id));
	operator_say(op, MSG_BC_PROCESSES, row);
}

const char *
operator_listed(struct session *session, const struct fields_RB_LISTED *msg)
{
	struct operator *op = asker(session, msg->request);
	struct fields_BC_PROCESSES row = {
		.has_processes = true,
		.processes = msg->processes,
		.has_retained = msg->has_retained,
		.retained = msg->retained,
	};
	struct fields_PROCESS process;
	struct span list = msg->processes;
	int more;

	while ((more = proto_record_next(&list, &proto_process, &process)) > 0)
		;
	if (more == -1)
		return "it lists what are no processes";
	if (op == NULL)
		return NULL;
	op->asked = 0;
	say_processes(op, &row);
	/* It goes up, or there would be no end. */
	op->more = msg->has_next && msg->next > op->after &&
	    ++op->pages < PAGES_MAX;
	op->after = msg->next;
	operator_go_on(op);
	return NULL;
}

void
operator_signaled(struct session *session,
    const struct fields_RB_SIGNALED *msg)
{
	struct operator *op = asker(session, msg->request);

	if (op == NULL)
		return;
	op->asked = 0;
	op->count = msg->count;
	if (msg->count == 0)
		(void)operator_done(op, TOLD_NOT_FOUND,
		    "no such process runs in that session");
	else
		(void)operator_done(op, TOLD_DONE, NULL);
}

void
operator_runner_late(struct operator *op)
{
	struct fields_BC_PROCESSES row = {
		.has_text = true,
		.text = span_str("its runner does not answer"),
	};

	op->asked = 0;
	if (op->step == NULL) {
		(void)operator_done(op, TOLD_UNAVAILABLE,
		    "its runner does not answer; evict ends the session");
		return;
	}
	say_processes(op, &row);
	operator_go_on(op);
}
