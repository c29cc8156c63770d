/* SPDX-License-Identifier: ISC */
/*
 * Attaches.  One that finds its session held waits until the holder has been
 * asked whether its client is still there: somebody who reconnects faster
 * than the loss was noticed is not turned away.
 */
#include "config.h"

#include <sys/queue.h>

#include <stdlib.h>

#include <event2/event.h>

#include "broker/broker.h"
#include "broker/order.h"
#include "common/chan.h"
#include "common/clock.h"
#include "common/log.h"

struct pending {
	TAILQ_ENTRY(pending) entry;
	struct attach_request request;
	uint64_t probe;
	uint64_t deadline_ms;
	uint64_t generation;	/* that was asked about */
	uint32_t slot;
	uint32_t asked;		/* the gateway's number; 0: nobody yet */
};

static const struct ident *
resumed(const struct attach_request *request)
{
	return request->resumes ? &request->resume : NULL;
}

static void
fail(const struct attach_request *request, enum proto_attach_failure reason)
{
	struct fields_BG_ATTACH_FAILED failed = { .reason = reason };

	gate_attach_failed(request->gate, request->handle, resumed(request),
	    &failed);
}

static void
fail_limit(const struct attach_request *request,
    const struct budget_refusal *refusal)
{
	char text[BUDGET_TEXT_SIZE];
	struct fields_BG_ATTACH_FAILED failed = {
		.reason = ATTACH_LIMIT,
		.has_text = true,
		.text = span_str(budget_refusal_text(refusal, text)),
	};

	gate_attach_failed(request->gate, request->handle, resumed(request),
	    &failed);
}

static void
fail_draining(const struct attach_request *request)
{
	struct fields_BG_ATTACH_FAILED failed = {
		.reason = ATTACH_LIMIT,
		.has_text = true,
		.text = span_str("the server takes no new sessions"),
	};

	gate_attach_failed(request->gate, request->handle, NULL, &failed);
}

/* Its owner, and nobody else, is told what became of it. */
static void
fail_unknown(struct broker *broker, const struct attach_request *request,
    uint32_t slot)
{
	struct fields_BG_ATTACH_FAILED failed = {
		.reason = ATTACH_UNKNOWN_SESSION,
	};

	if (request->resumes && slot != REGISTRY_NO_SLOT)
		session_obituary(broker, slot, &failed);
	gate_attach_failed(request->gate, request->handle, resumed(request),
	    &failed);
}

/* The registry has decided for the request. */
static void
grant(struct broker *broker, const struct attach_request *request,
    uint32_t slot, bool repeated)
{
	struct session *session = session_open(broker, slot);
	int fd;

	/* The connection that asked before has lost it to this one. */
	if (repeated)
		session_tell_gone(session,
		    session_record(session)->generation - 1, GONE_REPLACED);
	fd = session_attach(session, request->gate, request->handle);
	if (fd == -1) {
		log_warn("no data socket for a session");
		fail(request, ATTACH_INTERNAL);
		return;
	}
	session_set_client(session, request->client);
	gate_attached(request->gate, request->handle, session, fd);
}

/*
 * Nobody has anything any more as a tenant that was removed, nor, as one
 * that is another user now, what runs as the former.
 */
static bool
may_have(const struct broker *broker, const struct attach_request *request,
    uint32_t *slot)
{
	const struct tenant *tenant = order_tenant(broker->order,
	    request->claim.principal);
	uint32_t found;

	*slot = REGISTRY_NO_SLOT;
	if (tenant == NULL || tenant->removed)
		return false;
	if (!request->resumes)
		return true;
	found = registry_find(broker->registry, &request->resume);
	return found == REGISTRY_NO_SLOT || !broker->sessions[found].live ||
	    broker->sessions[found].tenant != tenant ||
	    session_has_owner(&broker->sessions[found]);
}

/* What all sessions together may have of it, whatever the budgets say. */
static void
registry_is_full(const struct broker *broker, struct budget_refusal *refusal)
{
	*refusal = (struct budget_refusal){
		.whose = broker->budget.whose,
		.budget = BUDGET_SESSIONS,
		.limit = broker->settings.max_sessions,
	};
}

/* Whether another attachment has its place. */
static bool
has_room(const struct broker *broker, const struct tenant *tenant,
    struct budget_refusal *refusal)
{
	uint64_t now = clock_ms();

	return budget_has(&tenant->account, &broker->budget,
	    BUDGET_ATTACHMENTS, 1, now, refusal) &&
	    budget_has(&tenant->account, &broker->budget,
	    BUDGET_FLIGHT_BYTES, SESSION_FLIGHT, now, refusal);
}

static enum registry_verdict
resume(struct broker *broker, const struct attach_request *request,
    const struct tenant *tenant, uint32_t *slot,
    struct budget_refusal *refusal)
{
	uint32_t found = registry_find(broker->registry, &request->resume);
	const struct session *session = found == REGISTRY_NO_SLOT ? NULL :
	    &broker->sessions[found];

	/* Whose attachment it takes over makes room by that. */
	if (session != NULL && session->live && session->tenant == tenant &&
	    !session->is_counted && !has_room(broker, tenant, refusal))
		return REGISTRY_FULL;
	return registry_resume(broker->registry, &request->claim,
	    &request->resume, clock_ms(), slot);
}

static enum registry_verdict
ask_registry(struct broker *broker, const struct attach_request *request,
    uint32_t *slot, struct budget_refusal *refusal)
{
	struct tenant *tenant = order_tenant(broker->order,
	    request->claim.principal);
	enum registry_verdict verdict;
	struct ident id;

	if (!may_have(broker, request, slot))
		return REGISTRY_UNKNOWN;
	if (request->resumes)
		return resume(broker, request, tenant, slot, refusal);
	if (!has_room(broker, tenant, refusal))
		return REGISTRY_FULL;
	if (!budget_has(&tenant->account, &broker->budget, BUDGET_SESSIONS, 1,
		clock_ms(), refusal) && !session_give_way(broker, tenant))
		return REGISTRY_FULL;
	ident_make(&id);
	verdict = registry_attach(broker->registry, &request->claim, &id,
	    clock_ms(), slot);
	if (verdict == REGISTRY_FULL && session_give_way(broker, tenant))
		verdict = registry_attach(broker->registry, &request->claim,
		    &id, clock_ms(), slot);
	if (verdict == REGISTRY_FULL)
		registry_is_full(broker, refusal);
	return verdict;
}

static const enum proto_attach_failure failures[REGISTRY_VERDICT_COUNT] = {
	[REGISTRY_DONE] = ATTACH_INTERNAL,
	[REGISTRY_REPEATED] = ATTACH_INTERNAL,
	[REGISTRY_ATTACHED_ELSEWHERE] = ATTACH_ELSEWHERE,
	[REGISTRY_UNKNOWN] = ATTACH_UNKNOWN_SESSION,
	[REGISTRY_FULL] = ATTACH_LIMIT,
	[REGISTRY_STALE] = ATTACH_INTERNAL,
	[REGISTRY_ILLEGAL] = ATTACH_INTERNAL,
};

/* Grant or refuse; ATTACHED_ELSEWHERE is left to the caller. */
static enum registry_verdict
decide(struct broker *broker, const struct attach_request *request,
    uint32_t *slot)
{
	struct budget_refusal refusal;
	enum registry_verdict verdict;

	verdict = ask_registry(broker, request, slot, &refusal);
	switch (verdict) {
	case REGISTRY_DONE:
	case REGISTRY_REPEATED:
		grant(broker, request, *slot, verdict == REGISTRY_REPEATED);
		break;
	case REGISTRY_ATTACHED_ELSEWHERE:
		break;
	case REGISTRY_UNKNOWN:
		fail_unknown(broker, request, *slot);
		break;
	case REGISTRY_FULL:
		fail_limit(request, &refusal);
		break;
	default:
		fail(request, failures[verdict]);
		break;
	}
	return verdict;
}

static void
probe_arm(struct broker *broker)
{
	struct pending *pending = TAILQ_FIRST(&broker->pendings);
	struct timeval tv = { 0, 0 };
	uint64_t now = clock_ms();

	if (pending == NULL) {
		event_del(broker->probe_timer);
		return;
	}
	if (pending->deadline_ms > now) {
		tv.tv_sec = (time_t)((pending->deadline_ms - now) / 1000);
		tv.tv_usec = (suseconds_t)((pending->deadline_ms - now) %
		    1000) * 1000;
	}
	event_add(broker->probe_timer, &tv);
}

static void
pending_free(struct broker *broker, struct pending *pending)
{
	TAILQ_REMOVE(&broker->pendings, pending, entry);
	broker->npendings--;
	free(pending);
}

/* In the order of deadlines, of which there are few. */
static void
pending_insert(struct broker *broker, struct pending *pending)
{
	struct pending *before = TAILQ_LAST(&broker->pendings, pending_list);

	while (before != NULL && before->deadline_ms > pending->deadline_ms)
		before = TAILQ_PREV(before, pending_list, entry);
	if (before != NULL)
		TAILQ_INSERT_AFTER(&broker->pendings, before, pending, entry);
	else
		TAILQ_INSERT_HEAD(&broker->pendings, pending, entry);
	broker->npendings++;
	probe_arm(broker);
}

static struct pending *
pending_new(struct broker *broker, const struct attach_request *request,
    const struct session *session, uint64_t wait_ms)
{
	struct pending *pending;

	if (broker->npendings >= BROKER_PENDING_MAX ||
	    (pending = calloc(1, sizeof(*pending))) == NULL)
		return NULL;
	pending->request = *request;
	pending->deadline_ms = clock_ms() + wait_ms;
	pending->generation = session_record(session)->generation;
	pending->slot = session_slot(session);
	pending_insert(broker, pending);
	return pending;
}

static int
ask_holder(struct broker *broker, const struct attach_request *request,
    struct session *session, struct gate *holder)
{
	const struct registry_record *record = session_record(session);
	struct fields_BG_PROBE probe;
	char text[IDENT_TEXT_SIZE];
	struct pending *pending;

	pending = pending_new(broker, request, session, BROKER_PROBE_MS);
	if (pending == NULL)
		return -1;
	pending->probe = ++broker->last_probe;
	pending->asked = record->gateway;
	probe = (struct fields_BG_PROBE){
		.probe = pending->probe,
		.session = span_str(ident_print(&record->id, text)),
		.generation = record->generation,
	};
	chan_send(gate_chan(holder), MSG_BG_PROBE, &probe, NULL, 0);
	return 0;
}

static void ask(struct broker *broker, const struct attach_request *request);

void
attach_request(struct broker *broker, const struct attach_request *request)
{
	struct budget_refusal refusal;
	struct tenant *tenant;

	if (broker->stopping) {
		fail(request, ATTACH_STOPPING);
		return;
	}
	if (broker->draining && !request->resumes) {
		fail_draining(request);
		return;
	}
	tenant = order_tenant(broker->order, request->claim.principal);
	if (tenant != NULL && !budget_take(&tenant->account, &broker->budget,
		BUDGET_ATTACHES, 1, clock_ms(), &refusal)) {
		fail_limit(request, &refusal);
		return;
	}
	ask(broker, request);
}

static void
ask(struct broker *broker, const struct attach_request *request)
{
	struct session *session;
	struct gate *holder;
	uint32_t slot;

	if (decide(broker, request, &slot) != REGISTRY_ATTACHED_ELSEWHERE)
		return;
	session = &broker->sessions[slot];
	if (request->takeover) {
		session_take_over(session, gate_admission(request->gate,
		    request->handle));
		if (decide(broker, request, &slot) ==
		    REGISTRY_ATTACHED_ELSEWHERE)
			fail(request, ATTACH_ELSEWHERE);
		return;
	}
	holder = session->gate;
	if (session->unclaimed && !session_data_ended(session)) {
		if (pending_new(broker, request, session,
			BROKER_CLAIM_MS) == NULL)
			fail(request, ATTACH_ELSEWHERE);
	} else if (holder == NULL || session_data_ended(session)) {
		session_detach(session, session_record(session)->generation,
		    "the client had gone");
		if (decide(broker, request, &slot) ==
		    REGISTRY_ATTACHED_ELSEWHERE)
			fail(request, ATTACH_ELSEWHERE);
	} else if (ask_holder(broker, request, session, holder) == -1)
		fail(request, ATTACH_ELSEWHERE);
}

/* The question is answered, or will never be. */
static void
settle(struct broker *broker, struct pending *pending, bool gone)
{
	struct attach_request request = pending->request;
	const struct registry_record *record;
	uint32_t slot = pending->slot;
	uint64_t generation = pending->generation;

	pending_free(broker, pending);
	record = registry_get(broker->registry, slot);
	/* By now the slot may be another session's. */
	if (gone && record != NULL && ident_equal(&record->id, &request.resume))
		session_detach(&broker->sessions[slot], generation,
		    "the client had gone");
	/* The holder may have left by itself meanwhile. */
	if (broker->stopping)
		fail(&request, ATTACH_STOPPING);
	else if (decide(broker, &request, &slot) ==
	    REGISTRY_ATTACHED_ELSEWHERE)
		fail(&request, ATTACH_ELSEWHERE);
}

void
attach_probed(struct broker *broker, const struct gate *gate, uint64_t probe,
    bool gone)
{
	struct pending *pending;

	TAILQ_FOREACH(pending, &broker->pendings, entry)
		if (pending->probe == probe)
			break;
	/* Late, or not this one's to answer. */
	if (pending == NULL || pending->asked != gate_number(gate))
		return;
	settle(broker, pending, gone);
	probe_arm(broker);
}

/* One of those who wait for a claim to this slot; no longer in the list. */
static bool
take_waiting(struct broker *broker, uint32_t slot,
    struct attach_request *request)
{
	struct pending *pending;

	TAILQ_FOREACH(pending, &broker->pendings, entry)
		if (pending->asked == 0 && pending->slot == slot)
			break;
	if (pending == NULL)
		return false;
	*request = pending->request;
	pending_free(broker, pending);
	return true;
}

void
attach_claimed(struct broker *broker, uint32_t slot)
{
	struct attach_request request;

	while (broker->npendings > 0 && take_waiting(broker, slot, &request))
		ask(broker, &request);
}

void
attach_vacated(struct broker *broker, uint32_t slot)
{
	attach_claimed(broker, slot);
}

void
attach_forget(struct broker *broker, const struct gate *gate, uint64_t handle,
    bool all)
{
	struct pending *pending, *next;

	for (pending = TAILQ_FIRST(&broker->pendings); pending != NULL;
	    pending = next) {
		next = TAILQ_NEXT(pending, entry);
		if (pending->request.gate == gate &&
		    (all || pending->request.handle == handle))
			pending_free(broker, pending);
	}
}

void
attach_unanswered(struct broker *broker, const struct gate *gate)
{
	struct pending *pending, *next;

	for (pending = TAILQ_FIRST(&broker->pendings); pending != NULL;
	    pending = next) {
		next = TAILQ_NEXT(pending, entry);
		if (pending->asked == gate_number(gate))
			settle(broker, pending, true);
	}
	probe_arm(broker);
}

void
attach_refuse_all(struct broker *broker)
{
	while (!TAILQ_EMPTY(&broker->pendings))
		settle(broker, TAILQ_FIRST(&broker->pendings), false);
}

static void
probe_cb(int fd, short what, void *arg)
{
	struct broker *broker = arg;
	struct pending *pending;
	uint64_t now = clock_ms();

	(void)fd;
	(void)what;
	while ((pending = TAILQ_FIRST(&broker->pendings)) != NULL &&
	    pending->deadline_ms <= now)
		settle(broker, pending, pending->asked == 0);
	probe_arm(broker);
}

int
attach_init(struct broker *broker)
{
	TAILQ_INIT(&broker->pendings);
	broker->probe_timer = evtimer_new(broker->base, probe_cb, broker);
	return broker->probe_timer == NULL ? -1 : 0;
}

void
attach_clear(struct broker *broker)
{
	while (!TAILQ_EMPTY(&broker->pendings))
		pending_free(broker, TAILQ_FIRST(&broker->pendings));
	if (broker->probe_timer != NULL)
		event_free(broker->probe_timer);
}
