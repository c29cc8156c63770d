/* SPDX-License-Identifier: ISC */
/*
 * Live sessions: what the registry decides is done here.  Before a session
 * has a runner, the runner's end of the data socket is kept and watched for
 * the first byte, without reading it.
 */
#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "broker/broker.h"
#include "broker/epitaph.h"
#include "broker/fdstore.h"
#include "broker/notes.h"
#include "broker/order.h"
#include "common/chan.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/unix.h"

uint32_t
session_slot(const struct session *session)
{
	return (uint32_t)(session - session->broker->sessions);
}

const struct registry_record *
session_record(const struct session *session)
{
	return registry_get(session->broker->registry, session_slot(session));
}

static struct span
id_text(const struct session *session, char out[IDENT_TEXT_SIZE])
{
	return span_str(ident_print(&session_record(session)->id, out));
}

static void
set_young(struct session *session, bool young)
{
	static const struct timeval keep = {
		BROKER_KEEP_MS / 1000, BROKER_KEEP_MS % 1000 * 1000
	};
	struct session_list *list = &session->broker->young;

	if (young == session->is_young)
		return;
	session->is_young = young;
	if (!young) {
		TAILQ_REMOVE(list, session, young);
		return;
	}
	session->store_ms = clock_ms() + BROKER_KEEP_MS;
	if (TAILQ_EMPTY(list))
		event_add(session->broker->young_timer, &keep);
	TAILQ_INSERT_TAIL(list, session, young);
}

void
session_store_data(struct session *session, int fd)
{
	set_young(session, false);
	if (!session->data_stored)
		fdstore_add(session->broker->store, FDSTORE_DATA,
		    session_slot(session), fd);
	session->data_stored = true;
}

void
session_unstore_data(struct session *session)
{
	if (session->data_stored)
		fdstore_remove(session->broker->store, FDSTORE_DATA,
		    session_slot(session));
	session->data_stored = false;
}

/* Those that stay are stored; most have left, or have a runner, by then. */
static void
young_cb(evutil_socket_t fd, short what, void *arg)
{
	struct broker *broker = arg;
	struct session *session;
	uint64_t now = clock_ms();
	struct timeval tv = { 0, 0 };

	(void)fd;
	(void)what;
	while ((session = TAILQ_FIRST(&broker->young)) != NULL &&
	    session->store_ms <= now)
		session_store_data(session, session->data);
	if (session == NULL)
		return;
	tv.tv_sec = (time_t)((session->store_ms - now) / 1000);
	tv.tv_usec = (suseconds_t)((session->store_ms - now) % 1000) * 1000;
	event_add(broker->young_timer, &tv);
}

static void
drop_data(struct session *session)
{
	if (session->first != NULL)
		event_free(session->first);
	session->first = NULL;
	set_young(session, false);
	/* What is stored is the same socket: its other end is to see this. */
	if (session->data != -1 && session->data_stored)
		(void)shutdown(session->data, SHUT_RDWR);
	unix_close(&session->data);
	session_unstore_data(session);
}

/* How many bytes wait unread, none of them taken: -1 none, 0 at the end. */
static ssize_t
peek_data(const struct session *session)
{
	char byte;
	ssize_t n;

	do
		n = recv(session->data, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	while (n == -1 && errno == EINTR);
	/* A reset is an end as well. */
	return n == -1 && errno != EAGAIN ? 0 : n;
}

static void
first_byte_cb(evutil_socket_t fd, short what, void *arg)
{
	struct session *session = arg;
	ssize_t n = peek_data(session);

	(void)fd;
	(void)what;
	if (n == 0)
		session_detach(session, session_record(session)->generation,
		    "the client has left");
	else if (n > 0)
		run_start(session);
}

int
session_keep_data(struct session *session, int fd)
{
	session->data = fd;
	session->first = event_new(session->broker->base, fd,
	    EV_READ | EV_PERSIST, first_byte_cb, session);
	if (session->first != NULL && event_add(session->first, NULL) == 0) {
		set_young(session, fdstore_is_there(session->broker->store) &&
		    !session->data_stored);
		return 0;
	}
	drop_data(session);
	errno = ENOMEM;
	return -1;
}

struct session *
session_open(struct broker *broker, uint32_t slot)
{
	struct session *session = &broker->sessions[slot];

	if (session->live)
		return session;
	memset(session, 0, sizeof(*session));
	session->broker = broker;
	session->data = -1;
	cgroup_init(&session->cgroup);
	session->live = true;
	session->tenant = order_tenant(broker->order,
	    session_record(session)->principal);
	session->tenant->sessions++;
	session->uid = session->tenant->uid;
	budget_force(&session->tenant->account, &broker->budget,
	    BUDGET_SESSIONS, 1);
	return session;
}

bool
session_has_owner(const struct session *session)
{
	return !session->tenant->removed &&
	    session->uid == session->tenant->uid;
}

/* Keep the list of those that can give way; its order is that of detaches. */
void
session_set_idle(struct session *session, bool idle)
{
	struct session_list *list = &session->broker->idle;

	if (session->is_idle)
		TAILQ_REMOVE(list, session, idle);
	if (idle)
		TAILQ_INSERT_TAIL(list, session, idle);
	session->is_idle = idle;
}

bool
session_give_way(struct broker *broker, const struct tenant *tenant)
{
	struct session *session;

	/* Nobody's session goes for the sake of somebody else. */
	TAILQ_FOREACH(session, &broker->idle, idle)
		if (session->tenant == tenant)
			break;
	if (session != NULL)
		session_end(session, REGISTRY_REASON_GAVE_WAY, 0);
	return session != NULL;
}

int
session_take_data(struct session *session)
{
	int fd = session->data;

	/* What is stored stays so: it may have to be had again. */
	session->data = -1;
	if (session->first != NULL)
		event_free(session->first);
	session->first = NULL;
	set_young(session, false);
	return fd;
}

static int
make_data(struct session *session, uint64_t generation)
{
	struct registry_facts facts;
	int pair[2];

	if (unix_pair(SOCK_STREAM, pair) == -1)
		return -1;
	facts = session_record(session)->facts;
	facts.gateway_end = fdstore_cookie(pair[0]);
	facts.data_end = fdstore_cookie(pair[1]);
	facts.uid = session->uid;
	registry_describe(session->broker->registry, session_slot(session),
	    &facts);
	if (session->run != NULL)
		run_attachment(session->run, generation, pair[1]);
	else if (session_keep_data(session, pair[1]) == -1)
		unix_close(&pair[0]);
	return pair[0];
}

/* What an attachment takes up, which has been looked at before. */
void
session_count(struct session *session, bool attached)
{
	struct budget_account *own = &session->tenant->account;
	struct budget_account *host = &session->broker->budget;

	if (attached && !session->is_counted) {
		budget_force(own, host, BUDGET_ATTACHMENTS, 1);
		budget_force(own, host, BUDGET_FLIGHT_BYTES, SESSION_FLIGHT);
	} else if (!attached && session->is_counted) {
		budget_give(own, host, BUDGET_ATTACHMENTS, 1);
		budget_give(own, host, BUDGET_FLIGHT_BYTES, SESSION_FLIGHT);
	}
	session->is_counted = attached;
}

int
session_attach(struct session *session, struct gate *gate, uint64_t handle)
{
	uint64_t generation = session_record(session)->generation;
	int fd, saved;

	/* What the last attachment left unread is over. */
	drop_data(session);
	session_set_idle(session, false);
	session->gate = gate;
	session->handle = handle;
	session->unclaimed = false;
	session->left_gate = 0;
	session_count(session, true);
	fd = make_data(session, generation);
	if (fd == -1) {
		saved = errno;
		session->gate = NULL;
		session_detach(session, generation, "no data socket");
		errno = saved;
	}
	sessions_rearm(session->broker);
	return fd;
}

static void
unbind(struct session *session)
{
	if (session->gate != NULL) {
		session->left_gate = gate_number(session->gate);
		session->left_handle = session->handle;
		gate_unbind(session->gate, session->handle,
		    session_slot(session));
	}
	session->gate = NULL;
	session_count(session, false);
}

void
session_gateway_lost(struct session *session)
{
	struct broker *broker = session->broker;

	session->left_gate = 0;
	registry_gateway_lost(broker->registry, session_slot(session),
	    broker->order->host.loss_ttl_ms);
	sessions_rearm(broker);
}

void
session_detach(struct session *session, uint64_t generation, const char *why)
{
	struct broker *broker = session->broker;
	char text[IDENT_TEXT_SIZE], number[24];

	if (registry_detach(broker->registry, session_slot(session),
		generation, clock_ms()) != REGISTRY_DONE)
		return;
	trail_detached(session, generation, why);
	snprintf(number, sizeof(number), "%llu",
	    (unsigned long long)generation);
	log_event(LOG_LEVEL_DEBUG, "session", "session detached", "session",
	    ident_print(&session_record(session)->id, text), "tenant",
	    session->tenant->name, "generation", number, "cause", why, NULL);
	count_detached(session, why);
	session->unclaimed = false;
	unbind(session);
	sessions_rearm(broker);
	/* Whole requests may have come before the end did. */
	if (session->data != -1 && peek_data(session) > 0)
		run_start(session);
	else
		drop_data(session);
	/* Its other end may stay in hands that have no right to it now. */
	if (session->live && session->run != NULL)
		run_detach(session->run, generation);
	session_set_idle(session, session->live && session->run == NULL);
	attach_vacated(broker, session_slot(session));
}

bool
session_data_ended(const struct session *session)
{
	struct pollfd pfd = { .fd = session->data, .events = POLLRDHUP };

	return session->data != -1 && poll(&pfd, 1, 0) == 1;
}

void
session_tell_gone(struct session *session, uint64_t generation,
    enum proto_gone reason)
{
	struct fields_BG_GONE gone = {
		.generation = generation,
		.reason = reason,
	};
	char text[IDENT_TEXT_SIZE];

	if (session->gate == NULL)
		return;
	if (session->failure != NULL && reason == GONE_RUNNER_FAILED) {
		gone.has_text = true;
		gone.text = span_str(session->failure);
	}
	gone.session = id_text(session, text);
	chan_send(gate_chan(session->gate), MSG_BG_GONE, &gone, NULL, 0);
	unbind(session);
}

/* What each reason is called on the wire: to the gateway, to the runner. */
static const struct {
	enum proto_gone gone;
	enum proto_end end;
} wire_reasons[REGISTRY_REASON_COUNT] = {
	[REGISTRY_REASON_NONE] = { GONE_ENDED, END_OPERATOR },
	[REGISTRY_REASON_EXPIRED] = { GONE_ENDED, END_EXPIRED },
	[REGISTRY_REASON_REQUESTED] = { GONE_ENDED, END_OPERATOR },
	[REGISTRY_REASON_RUNNER_FAILED] = { GONE_RUNNER_FAILED,
	    END_RUNNER_FAILED },
	[REGISTRY_REASON_RUNNER_LOST] = { GONE_RUNNER_LOST, END_RUNNER_LOST },
	[REGISTRY_REASON_GAVE_WAY] = { GONE_ENDED, END_GAVE_WAY },
	[REGISTRY_REASON_GATEWAY_LOST] = { GONE_ENDED, END_EXPIRED },
	[REGISTRY_REASON_TENANT_REMOVED] = { GONE_ENDED, END_EXPIRED },
	[REGISTRY_REASON_RUNNER_EXITED] = { GONE_RUNNER_LOST, END_RUNNER_LOST },
	[REGISTRY_REASON_RUNNER_KILLED] = { GONE_RUNNER_LOST, END_RUNNER_LOST },
	[REGISTRY_REASON_RUNNER_MEMORY] = { GONE_RUNNER_LOST, END_RUNNER_LOST },
	[REGISTRY_REASON_RUNNER_BROKE] = { GONE_RUNNER_LOST, END_RUNNER_LOST },
	[REGISTRY_REASON_NOT_ADOPTED] = { GONE_RUNNER_LOST, END_RUNNER_LOST },
	[REGISTRY_REASON_SHUTDOWN] = { GONE_STOPPING, END_SHUTDOWN },
};

void
session_obituary(struct broker *broker, uint32_t slot,
    struct fields_BG_ATTACH_FAILED *failed)
{
	const struct registry_record *record = registry_get(broker->registry,
	    slot);
	uint32_t reason = record->reason;

	/* Too late, and the timer has not fired yet. */
	if (record->state == REGISTRY_STATE_DETACHED)
		reason = REGISTRY_REASON_EXPIRED;
	failed->has_end_reason = true;
	failed->end_reason = wire_reasons[reason].end;
	if (record->state != REGISTRY_STATE_TOMBSTONE)
		return;
	failed->has_ended_ms = true;
	failed->ended_ms = record->ended_wall_ms;
	failed->has_processes = epitaph_find(broker->epitaphs, &record->id,
	    &failed->processes, &failed->omitted);
	/* Without a runner there was none. */
	if (record->runner == REGISTRY_RUNNER_NONE)
		failed->has_processes = true;
	failed->has_omitted = failed->omitted > 0;
}

void
session_take_over(struct session *session, const struct admission *taker)
{
	uint64_t generation = session_record(session)->generation;

	trail_takeover(session, taker);
	count_takeover(session);
	session_tell_gone(session, generation, GONE_REPLACED);
	session_detach(session, generation, "taken over");
}

/* The registry says that it ends: tell all who are concerned. */
static void
leave(struct session *session, uint64_t grace_ms)
{
	const struct registry_record *record = session_record(session);
	char text[IDENT_TEXT_SIZE];

	log_event(LOG_LEVEL_DEBUG, "session", "session ends", "session",
	    ident_print(&record->id, text), "tenant", session->tenant->name,
	    "reason", registry_reason_text(record->reason), NULL);
	session_set_idle(session, false);
	session->unclaimed = false;
	session_count(session, false);
	session_tell_gone(session, record->generation,
	    wire_reasons[record->reason].gone);
	drop_data(session);
	if (session->run != NULL)
		run_end(session->run, wire_reasons[record->reason].end,
		    grace_ms);
	else
		session_ended(session);
}

void
session_fail(struct session *session, enum registry_reason reason)
{
	struct broker *broker = session->broker;

	if (registry_end(broker->registry, session_slot(session),
		REGISTRY_REASON_RUNNER_LOST, clock_ms(), BROKER_END_MS) ==
	    REGISTRY_DONE)
		(void)registry_explain(broker->registry,
		    session_slot(session), reason, 0);
	cgroup_kill(&session->cgroup);
	sweep_session(session);
}

void
session_end(struct session *session, enum registry_reason reason,
    uint64_t grace_ms)
{
	session_end_because(session, reason, 0, NULL, grace_ms);
}

void
session_end_because(struct session *session, enum registry_reason reason,
    uint32_t detail, const char *note, uint64_t grace_ms)
{
	struct broker *broker = session->broker;
	uint32_t slot = session_slot(session);

	if (registry_end(broker->registry, slot, reason, clock_ms(),
		clock_add(BROKER_END_MS, grace_ms)) != REGISTRY_DONE)
		return;
	(void)registry_explain(broker->registry, slot, reason, detail);
	if (note != NULL)
		notes_add(broker->notes, &session_record(session)->id, note);
	leave(session, grace_ms);
	sessions_rearm(broker);
}

void
session_set_client(struct session *session, const char *name)
{
	free(session->client);
	session->client = *name == '\0' ? NULL : strdup(name);
}

void
session_end_again(struct session *session)
{
	const struct registry_record *record = session_record(session);
	uint64_t until = clock_add(clock_ms(), BROKER_END_MS);

	run_end(session->run, wire_reasons[record->reason].end,
	    record->deadline_ms > until && record->deadline_ms !=
	    REGISTRY_NEVER ? record->deadline_ms - until : 0);
}

void
session_ended(struct session *session)
{
	struct broker *broker = session->broker;
	char text[IDENT_TEXT_SIZE];

	ident_print(&session_record(session)->id, text);
	log_event(LOG_LEVEL_DEBUG, "session", "session has ended", "session",
	    text, "tenant", session->tenant->name, NULL);
	if (session->is_leaving)
		TAILQ_REMOVE(&broker->leaving, session, leaving);
	session->is_leaving = false;
	session->live = false;
	drop_data(session);
	if (session->run_stored) {
		fdstore_remove(broker->store, FDSTORE_CONTROL,
		    session_slot(session));
		fdstore_remove(broker->store, FDSTORE_PIDFD,
		    session_slot(session));
	}
	run_free(session->run);
	session->run = NULL;
	free(session->failure);
	session->failure = NULL;
	free(session->client);
	session->client = NULL;
	cgroup_remove(text, &session->cgroup);
	trail_ended(session);
	count_ended(session);
	budget_give(&session->tenant->account, &broker->budget,
	    BUDGET_SESSIONS, 1);
	order_release(broker->order, session->tenant);
	session->tenant = NULL;
	registry_ended(broker->registry, session_slot(session), clock_ms(),
	    clock_wall_ms());
	sessions_rearm(broker);
	broker_check_stopped(broker);
}

static void
expire(struct broker *broker, uint64_t now)
{
	struct session *session;
	enum registry_state was;
	uint32_t slot;

	while ((was = registry_expire(broker->registry, now, BROKER_END_MS,
		&slot)) != REGISTRY_STATE_FREE) {
		if (was == REGISTRY_STATE_TOMBSTONE)
			continue;
		session = &broker->sessions[slot];
		if (was == REGISTRY_STATE_DETACHED) {
			if (!session_has_owner(session))
				(void)registry_explain(broker->registry, slot,
				    REGISTRY_REASON_TENANT_REMOVED, 0);
			if (session_record(session)->flags & REGISTRY_LOSS)
				(void)registry_explain(broker->registry, slot,
				    REGISTRY_REASON_GATEWAY_LOST, 0);
			trail_expired(session);
			leave(session, 0);
		} else if (session->run != NULL)
			run_kill(session->run);
	}
}

static void
expiry_cb(evutil_socket_t fd, short what, void *arg)
{
	struct broker *broker = arg;

	(void)fd;
	(void)what;
	broker->expiry_at = REGISTRY_NEVER;
	expire(broker, clock_ms());
	sessions_rearm(broker);
}

void
sessions_rearm(struct broker *broker)
{
	uint64_t next = registry_next_deadline(broker->registry);
	uint64_t now, wait;
	struct timeval tv;

	if (next == broker->expiry_at)
		return;
	broker->expiry_at = next;
	if (next == REGISTRY_NEVER) {
		event_del(broker->expiry_timer);
		return;
	}
	now = clock_ms();
	wait = next > now ? next - now : 0;
	tv.tv_sec = (time_t)(wait / 1000);
	tv.tv_usec = (suseconds_t)(wait % 1000 * 1000);
	event_add(broker->expiry_timer, &tv);
}

int
sessions_init(struct broker *broker)
{
	struct registry_config config = {
		.sessions_max = broker->settings.max_sessions,
		.tombstones_max = BROKER_TOMBSTONES_MAX,
		.tombstone_ms = BROKER_TOMBSTONE_MS,
	};
	struct ident key;
	size_t i;

	TAILQ_INIT(&broker->idle);
	TAILQ_INIT(&broker->young);
	ident_make(&key);
	for (i = 0; i < sizeof(config.hash_key); i++)
		config.hash_key = config.hash_key << 8 | key.bytes[i];
	if (adopt_registry(broker, &config) == -1)
		return -1;
	broker->sessions = calloc(registry_capacity(broker->registry),
	    sizeof(*broker->sessions));
	broker->young_timer = evtimer_new(broker->base, young_cb, broker);
	broker->expiry_timer = evtimer_new(broker->base, expiry_cb, broker);
	broker->expiry_at = REGISTRY_NEVER;
	if (broker->registry == NULL || broker->epitaphs == NULL ||
	    broker->sessions == NULL || broker->young_timer == NULL ||
	    broker->expiry_timer == NULL)
		return -1;
	return 0;
}

void
sessions_clear(struct broker *broker)
{
	struct session *session;
	uint32_t slot;

	if (broker->registry == NULL)
		return;
	for (slot = 0; slot < registry_slots(broker->registry); slot++) {
		session = &broker->sessions[slot];
		if (!session->live)
			continue;
		drop_data(session);
		run_free(session->run);
		free(session->failure);
		free(session->client);
		cgroup_close_leaves(&session->cgroup);
		unix_close(&session->cgroup.dir);
	}
	if (broker->expiry_timer != NULL)
		event_free(broker->expiry_timer);
	if (broker->young_timer != NULL)
		event_free(broker->young_timer);
	free(broker->sessions);
	epitaphs_free(broker->epitaphs);
	registry_free(broker->registry);
}

uint64_t
sessions_beyond(struct broker *broker, uint32_t version, uint32_t oldest,
    struct writer *ids)
{
	char text[IDENT_TEXT_SIZE];
	const struct session *session;
	uint32_t slot, theirs, least;
	uint64_t count = 0;

	for (slot = 0; slot < registry_slots(broker->registry); slot++) {
		session = &broker->sessions[slot];
		if (!session->live || session->run == NULL ||
		    !run_speaks(session->run, &theirs, &least))
			continue;
		if (theirs >= oldest && version >= least)
			continue;
		count++;
		if (ids->len + IDENT_TEXT_SIZE + sizeof(uint32_t) <= ids->max)
			proto_list_add(ids, span_str(ident_print(
			    &session_record(session)->id, text)));
	}
	return count;
}
