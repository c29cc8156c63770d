/* SPDX-License-Identifier: ISC */
/* What operators are told of sessions. */
#include "config.h"

#include <unistd.h>
#include <stdio.h>

#include "broker/auth/source.h"
#include "broker/epitaph.h"
#include "broker/operator_private.h"
#include "broker/order.h"
#include "broker/tenant.h"
#include "common/chan.h"
#include "common/clock.h"

/* Texts that a row borrows. */
struct texts {
	char id[IDENT_TEXT_SIZE];
	char source[WHENCE_SIZE];
	char cgroup[4096];
};

/* Of a time of the monotonic clock, the wall clock's. */
static uint64_t
wall(uint64_t ms)
{
	uint64_t now = clock_ms(), now_wall = clock_wall_ms();

	if (ms > now)
		return clock_add(now_wall, ms - now);
	return now - ms < now_wall ? now_wall - (now - ms) : 0;
}

static void
fill_record(struct fields_BC_SESSION *row,
    const struct registry_record *record, struct texts *texts)
{
	row->session = span_str(ident_print(&record->id, texts->id));
	row->state = span_str(registry_state_name(record->state));
	row->since_ms = wall(record->since_ms);
	row->generation = record->generation;
	row->detach_ttl_ms = record->ttl_ms;
	row->runner_state = span_str(registry_runner_name(record->runner));
	if (record->deadline_ms != REGISTRY_NEVER) {
		row->has_deadline_ms = true;
		row->deadline_ms = wall(record->deadline_ms);
	}
}

static void
fill_end(struct broker *broker, struct fields_BC_SESSION *row,
    const struct registry_record *record)
{
	const char *note = notes_find(broker->notes, &record->id);

	if (record->state != REGISTRY_STATE_ENDING &&
	    record->state != REGISTRY_STATE_TOMBSTONE)
		return;
	row->has_reason_name = row->has_reason_text = row->has_detail = true;
	row->reason_name = span_str(registry_reason_name(record->reason));
	row->reason_text = span_str(registry_reason_text(record->reason));
	row->detail = record->detail;
	row->has_text = note != NULL;
	if (note != NULL)
		row->text = span_str(note);
	row->has_ended_ms = record->state == REGISTRY_STATE_TOMBSTONE;
	row->ended_ms = record->ended_wall_ms;
	row->has_kept_ms = true;
	row->kept_ms = BROKER_TOMBSTONE_MS;
}

static void
fill_cgroup(struct fields_BC_SESSION *row, const struct session *session,
    struct texts *texts)
{
	char link[32];
	ssize_t n;

	if (session->cgroup.dir == -1)
		return;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", session->cgroup.dir);
	n = readlink(link, texts->cgroup, sizeof(texts->cgroup));
	if (n <= 0 || (size_t)n >= sizeof(texts->cgroup))
		return;
	row->has_cgroup = true;
	row->cgroup = (struct span){ (const uint8_t *)texts->cgroup,
	    (size_t)n };
}

static void
fill_live(struct fields_BC_SESSION *row, const struct session *session,
    struct texts *texts)
{
	row->has_tenant_name = row->has_uid = true;
	row->tenant_name = span_str(session->tenant->name);
	row->uid = session->uid;
	if (session->gate != NULL) {
		row->has_gateway = true;
		row->gateway = gate_name(session->gate);
	}
	if (session->client != NULL) {
		row->has_client_name = true;
		row->client_name = span_str(session->client);
	}
	if (session->trail.whence.is_known) {
		row->has_source = true;
		row->source = span_str(whence_print(&session->trail.whence,
		    texts->source));
	}
	if (session->run != NULL) {
		row->pid = (uint32_t)run_pid(session->run);
		row->has_pid = row->pid != 0;
		row->version = run_version(session->run);
		row->has_version = row->version != 0;
	}
	fill_cgroup(row, session, texts);
}

void
operator_say_session(struct operator *op, uint32_t slot)
{
	struct broker *broker = op->broker;
	const struct registry_record *record = registry_get(broker->registry,
	    slot);
	const struct session *session = &broker->sessions[slot];
	const struct tenant *tenant;
	struct fields_BC_SESSION row = { .request = op->request };
	static struct texts texts;

	fill_record(&row, record, &texts);
	fill_end(broker, &row, record);
	if (session->live) {
		fill_live(&row, session, &texts);
	} else if ((tenant = order_tenant(broker->order,
	    record->principal)) != NULL) {
		row.has_tenant_name = true;
		row.tenant_name = span_str(tenant->name);
	}
	operator_say(op, MSG_BC_SESSION, &row);
}

static bool
is_over(const struct registry_record *record)
{
	return record->state == REGISTRY_STATE_TOMBSTONE;
}

enum operator_step
operator_step_sessions(struct operator *op)
{
	const struct registry *reg = op->broker->registry;
	const struct registry_record *record;

	for (; op->slot < registry_slots(reg); op->slot++) {
		record = registry_get(reg, op->slot);
		if (record != NULL && (op->all || !is_over(record))) {
			operator_say_session(op, op->slot++);
			return STEP_MORE;
		}
	}
	return operator_done(op, TOLD_DONE, NULL);
}

/* What its runner has told of its processes at the end. */
static void
say_epitaph(struct operator *op, const struct registry_record *record)
{
	char id[IDENT_TEXT_SIZE];
	struct fields_BC_PROCESSES row = {
		.request = op->request,
		.session = span_str(ident_print(&record->id, id)),
	};

	row.has_processes = epitaph_find(op->broker->epitaphs, &record->id,
	    &row.processes, &row.omitted);
	row.has_omitted = row.omitted > 0;
	if (!row.has_processes && record->runner != REGISTRY_RUNNER_NONE &&
	    is_over(record)) {
		row.has_text = true;
		row.text = span_str("what became of its processes is not "
				    "known");
	}
	operator_say(op, MSG_BC_PROCESSES, &row);
}

/* The session of a slot may be another one by now. */
static const struct registry_record *
the_one(const struct operator *op)
{
	return registry_get(op->broker->registry, op->slot);
}

enum operator_step
operator_step_show(struct operator *op)
{
	const struct registry_record *record = the_one(op);

	if (record == NULL)
		return operator_done(op, TOLD_NOT_FOUND,
		    "the session has just been forgotten");
	if (op->stage++ == 0) {
		operator_say_session(op, op->slot);
		if (!is_over(record) && operator_ask_list(op, op->slot))
			return STEP_WAIT;
		if (is_over(record) ||
		    record->state == REGISTRY_STATE_ENDING)
			say_epitaph(op, record);
	}
	return operator_done(op, TOLD_DONE, NULL);
}

enum operator_step
operator_step_why(struct operator *op)
{
	const struct registry_record *record = the_one(op);

	if (record == NULL)
		return operator_done(op, TOLD_NOT_FOUND,
		    "the session has just been forgotten");
	operator_say_session(op, op->slot);
	if (!is_over(record) && record->state != REGISTRY_STATE_ENDING)
		return operator_done(op, TOLD_REFUSED, "it has not ended: it "
		    "is %s", registry_state_name(record->state));
	say_epitaph(op, record);
	return operator_done(op, TOLD_DONE, NULL);
}

enum operator_step
operator_step_processes(struct operator *op)
{
	const struct registry *reg = op->broker->registry;
	uint32_t slot;

	if (op->one) {
		if (op->stage++ == 0 && operator_ask_list(op, op->slot))
			return STEP_WAIT;
		return operator_done(op, TOLD_DONE, NULL);
	}
	while (op->slot < registry_slots(reg)) {
		slot = op->slot++;
		op->after = 0;
		op->pages = 0;
		if (operator_ask_list(op, slot))
			return STEP_WAIT;
	}
	return operator_done(op, TOLD_DONE, NULL);
}
