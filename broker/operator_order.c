/* SPDX-License-Identifier: ISC */
/* What is done for operators, by the broker or by its superior. */
#include "config.h"

#include <stdio.h>

#include "broker/operator_private.h"
#include "common/chan.h"
#include "common/log.h"

#define SUPERVISOR_MS (10 * 60 * 1000)	/* between two words of it */
#define GRACE_MOST_MS 60000

void
operator_evict(struct operator *op, uint32_t slot,
    const struct fields_CB_EVICT *msg)
{
	struct session *session = &op->broker->sessions[slot];
	const struct registry_record *record = session_record(session);
	uint64_t grace = msg->has_grace_ms && msg->grace_ms < GRACE_MOST_MS ?
	    msg->grace_ms : 0;
	char text[NOTE_SIZE];
	struct span reason = msg->text;

	if (!session->live || record->state == REGISTRY_STATE_ENDING) {
		(void)operator_done(op, TOLD_REFUSED, "it has ended already: "
		    "%s", registry_reason_text(record->reason));
		return;
	}
	if (reason.len >= sizeof(text))
		reason.len = sizeof(text) - 1;
	if (!msg->has_text || span_to_str(reason, text, sizeof(text)) == -1)
		text[0] = '\0';
	trail_operator(op, &(struct trail_operation){
		.verb = "EVICT",
		.session = session,
		.reason = text[0] == '\0' ? NULL : text });
	session_end_because(session, REGISTRY_REASON_REQUESTED, op->uid,
	    text[0] == '\0' ? NULL : text, grace);
	(void)operator_done(op, TOLD_DONE, NULL);
}

void
operator_drain(struct operator *op, const struct fields_CB_DRAIN *msg)
{
	struct broker *broker = op->broker;

	trail_operator(op, &(struct trail_operation){
		.verb = msg->off ? "DRAIN OFF" : "DRAIN" });
	if (broker->draining != !msg->off)
		log_info("%s, by uid %u", msg->off ?
		    "new sessions are taken again" : "no new sessions",
		    (unsigned int)op->uid);
	broker->draining = !msg->off;
	op->count = registry_count(broker->registry);
	(void)operator_done(op, TOLD_DONE, NULL);
}

/* What each order is called, and what does the same without holdfastd. */
static const struct {
	const char *verb;
	const char *instead;
} orders[] = {
	[ORDER_RELOAD] = { "RELOAD",
	    "systemctl reload holdfast-broker" },
	[ORDER_ROLL] = { "ROLL",
	    "systemctl restart 'holdfast-gateway@*'" },
	[ORDER_UPGRADE] = { "UPGRADE",
	    "systemctl restart holdfast-broker 'holdfast-gateway@*'" },
};

enum operator_step
operator_step_order(struct operator *op)
{
	struct broker *broker = op->broker;
	uint32_t which = op->order.order;

	op->step = NULL;
	if (which == 0 || which >= sizeof(orders) / sizeof(orders[0]))
		return operator_done(op, TOLD_REFUSED, "this server knows no "
		    "such order");
	trail_operator(op, &(struct trail_operation){
		.verb = orders[which].verb });
	if (broker->superior == NULL)
		return operator_done(op, TOLD_UNAVAILABLE, "no holdfastd runs "
		    "here: start it again, or under systemd use %s",
		    orders[which].instead);
	if (chan_phase(broker->superior) != PHASE_UP)
		return operator_done(op, TOLD_REFUSED,
		    "the server is starting or stopping");
	op->ordered = ++broker->operators->last_asked;
	op->order.request = op->ordered;
	chan_send(broker->superior, MSG_BS_ORDER, &op->order, NULL, 0);
	operator_wait(op, WAIT_SUPERVISOR, SUPERVISOR_MS);
	return STEP_WAIT;
}

static struct operator *
orderer(struct broker *broker, uint64_t request)
{
	struct operator *op;

	TAILQ_FOREACH(op, &broker->operators->list, entry)
		if (op->ordered == request && op->ordered != 0)
			return op;
	return NULL;
}

void
operator_told(struct broker *broker, const struct fields_SB_TOLD *told)
{
	struct operator *op = orderer(broker, told->request);
	struct fields_BC_TOLD row = { .text = told->text };
	char text[512] = "";
	struct span cut = told->text;

	if (op == NULL)
		return;
	if (!told->done) {
		row.request = op->request;
		/* What it does not read, it does not get. */
		if (chan_queued(op->chan) < PROTO_CONTROL_MAX)
			operator_say(op, MSG_BC_TOLD, &row);
		operator_wait(op, WAIT_SUPERVISOR, SUPERVISOR_MS);
		return;
	}
	if (cut.len >= sizeof(text))
		cut.len = sizeof(text) - 1;
	if (told->has_text)
		(void)span_to_str(cut, text, sizeof(text));
	(void)operator_done(op, told->status == 0 ? TOLD_DONE : TOLD_FAILED,
	    text[0] == '\0' ? NULL : "%s", text);
}

void
operator_supervisor_late(struct operator *op)
{
	(void)operator_done(op, TOLD_UNAVAILABLE,
	    "holdfastd has not said how that came out");
}

void
operators_unsupervised(struct broker *broker)
{
	struct operator *op;

	/* To go and come back is what an upgrade begins with. */
	TAILQ_FOREACH(op, &broker->operators->list, entry)
		if (op->ordered != 0 && op->order.order != ORDER_UPGRADE)
			(void)operator_done(op, TOLD_UNAVAILABLE,
			    "holdfastd has gone meanwhile");
}
