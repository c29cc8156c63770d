/* SPDX-License-Identifier: ISC */
/*
 * What an earlier broker has left is taken over, as far as it can be verified:
 * records that are whole, sockets that are the ones these name, and runners
 * that are still the same processes.  See fdstore.h for what can be missing.
 */
#include "config.h"

#include <sys/mman.h>
#include <sys/socket.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "broker/broker.h"
#include "broker/epitaph.h"
#include "broker/fdstore.h"
#include "broker/order.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/unix.h"

/* For as many sessions the records have room, though fewer are ordered. */
#define ROOM_LEAST 16384

/* What is stored of a slot; -1: nothing. */
struct found {
	int control, pidfd, data;
};

struct taken {
	uint32_t sessions, runners, unclaimed;
	uint32_t unverified;	/* whose runner is not what the record says */
	uint32_t strangers;	/* of no tenant that there is */
	uint32_t unknown;	/* descriptors that belong to nothing */
};

static struct fdstore_item *
stored(struct broker *broker, enum fdstore_kind kind)
{
	size_t i;

	for (i = 0; i < broker->nstored; i++)
		if (broker->stored[i].kind == kind &&
		    broker->stored[i].fd != -1)
			return &broker->stored[i];
	return NULL;
}

static void *
map(int fd, size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
	    fd, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static void
forget_memory(int *fd, void **memory, size_t size)
{
	if (*memory != NULL)
		(void)munmap(*memory, size);
	*memory = NULL;
	unix_close(fd);
}

/* Memory that was stored under that name; false if there is none of use. */
static bool
stored_memory(struct broker *broker, enum fdstore_kind kind, int *fd,
    void **memory, size_t *size)
{
	struct fdstore_item *item = stored(broker, kind);

	if (item == NULL)
		return false;
	*fd = item->fd;
	item->fd = -1;
	*size = fdstore_memory_size(*fd);
	*memory = *size == 0 ? NULL : map(*fd, *size);
	if (*memory != NULL)
		return true;
	unix_close(fd);
	return false;
}

/* New memory; without any, what is in it does not outlive us. */
static void
make_memory(struct broker *broker, enum fdstore_kind kind, size_t size,
    int *fd, void **memory)
{
	*memory = NULL;
	*fd = -1;
	if (!fdstore_is_there(broker->store))
		return;
	*fd = fdstore_memory("holdfast", size);
	if (*fd != -1)
		*memory = map(*fd, size);
	if (*memory == NULL) {
		log_warn("no memory that outlives the broker");
		unix_close(fd);
		return;
	}
	fdstore_remove(broker->store, kind, 0);
	fdstore_add(broker->store, kind, 0, *fd);
}

static void
adopt_epitaphs(struct broker *broker)
{
	size_t size = epitaphs_size(BROKER_TOMBSTONES_MAX);

	if (!stored_memory(broker, FDSTORE_EPITAPHS, &broker->tales_fd,
		&broker->tales, &broker->tales_size) ||
	    broker->tales_size != size) {
		forget_memory(&broker->tales_fd, &broker->tales,
		    broker->tales_size);
		broker->tales_size = size;
		make_memory(broker, FDSTORE_EPITAPHS, size,
		    &broker->tales_fd, &broker->tales);
	}
	broker->epitaphs = epitaphs_new(BROKER_TOMBSTONES_MAX, broker->tales);
}

static void
new_registry(struct broker *broker, struct registry_config *config)
{
	uint32_t room = config->sessions_max < ROOM_LEAST ? ROOM_LEAST :
	    config->sessions_max;

	broker->records_size = registry_memory_size(room,
	    config->tombstones_max);
	make_memory(broker, FDSTORE_RECORDS, broker->records_size,
	    &broker->records_fd, &broker->records);
	config->memory = broker->records;
	config->memory_size = broker->records_size;
	snprintf(config->label, sizeof(config->label), "%s", broker->label);
	broker->registry = registry_new(config);
}

int
adopt_registry(struct broker *broker, struct registry_config *config)
{
	char label[REGISTRY_LABEL_SIZE];

	adopt_epitaphs(broker);
	if (stored_memory(broker, FDSTORE_RECORDS, &broker->records_fd,
		&broker->records, &broker->records_size)) {
		config->memory = broker->records;
		config->memory_size = broker->records_size;
		broker->registry = registry_adopt(config, &broker->adoption,
		    label);
	} else if (broker->nstored > 0)
		log_warnx("what an earlier broker has left is without records");
	if (broker->registry != NULL) {
		broker->adopts = true;
		broker->last_gate = broker->adoption.last_gateway;
		if (cgroup_is_label(label))
			memcpy(broker->label, label, sizeof(label));
		return 0;
	}
	if (broker->records != NULL) {
		log_warnx("what an earlier broker has left is not understood: "
			  "its sessions are lost");
		forget_memory(&broker->records_fd, &broker->records,
		    broker->records_size);
	}
	new_registry(broker, config);
	return broker->registry == NULL || broker->epitaphs == NULL ? -1 : 0;
}

/* Whoever has the other end is to see it; nobody else's socket is touched. */
static void
shut(int fd)
{
	if (unix_is_socket(fd, SOCK_SEQPACKET) ||
	    unix_is_socket(fd, SOCK_STREAM))
		(void)shutdown(fd, SHUT_RDWR);
}

static void
discard(struct broker *broker, enum fdstore_kind kind, uint32_t slot, int *fd)
{
	if (*fd == -1)
		return;
	shut(*fd);
	unix_close(fd);
	fdstore_remove(broker->store, kind, slot);
}

static void
discard_runner(struct broker *broker, uint32_t slot, struct found *found)
{
	discard(broker, FDSTORE_CONTROL, slot, &found->control);
	discard(broker, FDSTORE_PIDFD, slot, &found->pidfd);
}

/* Whether that process is the record's runner, or was. */
static bool
is_runner(const struct registry_record *record, int pidfd)
{
	int pid = pidfd == -1 ? 0 : fdstore_pid(pidfd);

	return pid == -1 || (pid > 0 && record->facts.pid == (uint32_t)pid);
}

/* What is not certain to be it is not touched. */
static void
kill_runner(const struct registry_record *record, const struct found *found)
{
	if (is_runner(record, found->pidfd))
		(void)fdstore_signal(found->pidfd, SIGKILL);
}

static bool
is_socket(int fd, int type, uint64_t cookie)
{
	return fd != -1 && cookie != 0 && unix_is_socket(fd, type) &&
	    fdstore_cookie(fd) == cookie;
}

static bool
has_runner(const struct registry_record *record, const struct found *found)
{
	return is_socket(found->control, SOCK_SEQPACKET,
	    record->facts.control) && is_runner(record, found->pidfd);
}

static bool
has_data(const struct registry_record *record, const struct found *found)
{
	return record->state == REGISTRY_STATE_ATTACHED &&
	    is_socket(found->data, SOCK_STREAM, record->facts.data_end);
}

/* Detached as by the end of its gateway, whichever that was. */
static void
lose_attachment(struct session *session)
{
	session_detach(session, session_record(session)->generation,
	    "its gateway has gone");
	if (session->live)
		session_gateway_lost(session);
}

/* A gateway has to say that it has it; or it has time to come back. */
static void
await(struct session *session, struct taken *taken)
{
	struct broker *broker = session->broker;

	if (session_record(session)->state == REGISTRY_STATE_ATTACHED) {
		session->unclaimed = true;
		session_count(session, true);
		taken->unclaimed++;
	} else {
		registry_prolong(broker->registry, session_slot(session),
		    clock_add(clock_ms(), broker->order->host.reconnect_ms));
		session_set_idle(session, session->run == NULL);
	}
}

/*
 * Its runner, if one was forked, had been told of nothing yet.  Its cgroup is
 * not killed: there are kernels (6.18) in which nothing can be born any more
 * in one that was.  A runner that was not stored ends by itself.
 */
static void
undo_runner(struct session *session, struct found *found)
{
	struct broker *broker = session->broker;
	uint32_t slot = session_slot(session);
	const struct registry_record *record = session_record(session);
	struct registry_facts facts = record->facts;

	kill_runner(record, found);
	discard_runner(broker, slot, found);
	facts.control = 0;
	facts.pid = 0;
	(void)registry_runner(broker->registry, slot,
	    REGISTRY_RUNNER_EVENT_UNDO);
	registry_describe(broker->registry, slot, &facts);
}

static void
adopt_idle(struct session *session, struct found *found, struct taken *taken)
{
	const struct registry_record *record = session_record(session);

	if (record->runner == REGISTRY_RUNNER_STARTING)
		undo_runner(session, found);
	discard_runner(session->broker, session_slot(session), found);
	if (has_data(record, found)) {
		session->data_stored = true;
		if (session_keep_data(session, found->data) == -1)
			lose_attachment(session);
		found->data = -1;
	} else if (record->state == REGISTRY_STATE_ATTACHED)
		lose_attachment(session);
	await(session, taken);
}

static void
adopt_runner(struct session *session, struct found *found,
    struct taken *taken)
{
	const struct registry_record *record = session_record(session);

	session->run_stored = true;
	session->run = run_adopt(session, found->control, found->pidfd);
	found->control = found->pidfd = -1;
	if (session->run == NULL) {
		session_fail(session, REGISTRY_REASON_NOT_ADOPTED);
		return;
	}
	taken->runners++;
	if (record->state == REGISTRY_STATE_ENDING) {
		session_end_again(session);
		return;
	}
	if (has_data(record, found)) {
		session->data_stored = true;
		run_adopt_data(session->run, found->data);
		found->data = -1;
	}
	await(session, taken);
}

static void
adopt_session(struct session *session, struct found *found,
    struct taken *taken)
{
	const struct registry_record *record = session_record(session);
	bool ending = record->state == REGISTRY_STATE_ENDING;

	if (record->runner == REGISTRY_RUNNER_NONE ||
	    (record->runner == REGISTRY_RUNNER_STARTING &&
	    record->facts.given == 0 && !ending)) {
		if (ending)
			sweep_session(session);
		else
			adopt_idle(session, found, taken);
	} else if (record->runner != REGISTRY_RUNNER_LOST &&
	    has_runner(record, found)) {
		adopt_runner(session, found, taken);
	} else {
		kill_runner(record, found);
		if (record->runner != REGISTRY_RUNNER_LOST && !ending)
			taken->unverified++;
		session_fail(session, REGISTRY_REASON_NOT_ADOPTED);
	}
}

/* Its tenant is not there any more, and with it nobody who could ask for it. */
static void
bury_stranger(struct broker *broker, uint32_t slot, struct found *found)
{
	const struct registry_record *record = registry_get(broker->registry,
	    slot);

	kill_runner(record, found);
	if (registry_end(broker->registry, slot, REGISTRY_REASON_RUNNER_LOST,
		clock_ms(), 0) == REGISTRY_DONE)
		(void)registry_explain(broker->registry, slot,
		    REGISTRY_REASON_NOT_ADOPTED, 0);
	(void)registry_ended(broker->registry, slot, clock_ms(),
	    clock_wall_ms());
}

static void
adopt_slot(struct broker *broker, uint32_t slot, struct found *found,
    struct taken *taken)
{
	const struct registry_record *record = registry_get(broker->registry,
	    slot);
	struct session *session;
	char text[IDENT_TEXT_SIZE];

	if (record == NULL || record->state == REGISTRY_STATE_TOMBSTONE)
		return;
	if (order_tenant(broker->order, record->principal) == NULL) {
		taken->strangers++;
		bury_stranger(broker, slot, found);
		return;
	}
	session = session_open(broker, slot);
	session->adopted = true;
	/* One that was just being made has none yet. */
	if (record->facts.gateway_end != 0 ||
	    record->runner != REGISTRY_RUNNER_NONE)
		session->uid = record->facts.uid;
	cgroup_open(broker->cgroup, session->tenant->name,
	    ident_print(&record->id, text), &session->cgroup);
	taken->sessions++;
	adopt_session(session, found, taken);
}

/* Sort them by the slot they belong to; what belongs to none is refused. */
static void
sort_out(struct broker *broker, struct found *found, struct taken *taken)
{
	struct fdstore_item *item;
	struct found *of;
	size_t i;

	for (i = 0; i < broker->nstored; i++) {
		item = &broker->stored[i];
		if (item->fd == -1)
			continue;
		of = item->slot < registry_slots(broker->registry) ?
		    &found[item->slot] : NULL;
		if (of != NULL && item->kind == FDSTORE_CONTROL)
			of->control = item->fd;
		else if (of != NULL && item->kind == FDSTORE_PIDFD)
			of->pidfd = item->fd;
		else if (of != NULL && item->kind == FDSTORE_DATA)
			of->data = item->fd;
		else {
			taken->unknown++;
			shut(item->fd);
			close(item->fd);
			/* A double has the name of what is kept. */
			if (item->slot >= registry_slots(broker->registry))
				fdstore_remove_name(broker->store,
				    item->name);
		}
		item->fd = -1;
	}
}

static void
tell(const struct broker *broker, const struct taken *taken)
{
	const struct registry_adoption *adoption = &broker->adoption;
	uint32_t refused = adoption->torn + adoption->impossible +
	    adoption->doubles + taken->unverified + taken->strangers +
	    taken->unknown;

	log_info("adopted %u sessions, %u with runners, %u attached, "
		 "%u tombstones", taken->sessions, taken->runners,
	    taken->unclaimed, adoption->tombstones);
	if (refused > 0)
		log_warnx("refused: %u torn records, %u impossible ones, "
			  "%u doubles, %u sessions without their runner, "
			  "%u of unknown tenants, %u descriptors",
		    adoption->torn, adoption->impossible, adoption->doubles,
		    taken->unverified, taken->strangers, taken->unknown);
}

static bool
is_known(void *arg, const char *name)
{
	struct broker *broker = arg;
	struct ident id;
	uint32_t slot;

	if (ident_parse(&id, name, strlen(name)) == -1)
		return false;
	slot = registry_find(broker->registry, &id);
	return slot != REGISTRY_NO_SLOT && broker->sessions[slot].live;
}

static void
arm_claims(struct broker *broker)
{
	uint64_t wait = broker->order->host.reconnect_ms;
	struct timeval tv = {
		.tv_sec = (time_t)(wait / 1000),
		.tv_usec = (suseconds_t)(wait % 1000) * 1000,
	};

	event_add(broker->claim_timer, &tv);
}

void
adopt_sessions(struct broker *broker)
{
	static const struct found nothing = { -1, -1, -1 };
	uint32_t slot, slots = registry_slots(broker->registry);
	struct taken taken = { 0 };
	struct found *found;

	found = calloc((size_t)slots + 1, sizeof(*found));
	if (found == NULL)
		fatalx("no memory for %u sessions", slots);
	for (slot = 0; slot < slots; slot++)
		found[slot] = nothing;
	sort_out(broker, found, &taken);
	for (slot = 0; slot < slots; slot++) {
		adopt_slot(broker, slot, &found[slot], &taken);
		discard_runner(broker, slot, &found[slot]);
		discard(broker, FDSTORE_DATA, slot, &found[slot].data);
	}
	free(found);
	if (broker->adopts) {
		cgroup_sweep(broker->cgroup, is_known, broker);
		tell(broker, &taken);
		count_adopted(broker, taken.sessions, taken.unverified +
		    taken.strangers + taken.unknown);
		trail_adopted(broker, taken.sessions);
	}
	free(broker->stored);
	broker->stored = NULL;
	broker->nstored = 0;
	if (taken.unclaimed > 0)
		arm_claims(broker);
	sessions_rearm(broker);
}

/* Their gateways had time enough to say that they have them. */
static void
claim_cb(evutil_socket_t fd, short what, void *arg)
{
	struct broker *broker = arg;
	struct session *session;
	uint32_t slot;

	(void)fd;
	(void)what;
	for (slot = 0; slot < registry_slots(broker->registry); slot++) {
		session = &broker->sessions[slot];
		if (session->live && session->unclaimed)
			lose_attachment(session);
	}
}

/* Runners may be waiting to be stored. */
static void
drained_cb(void *arg)
{
	struct broker *broker = arg;
	uint32_t slot;

	for (slot = 0; slot < registry_slots(broker->registry); slot++)
		if (broker->sessions[slot].live &&
		    broker->sessions[slot].run != NULL)
			run_stored(broker->sessions[slot].run);
}

void
sessions_store(struct broker *broker)
{
	struct session *session;
	uint32_t slot;

	fdstore_renew(broker->store);
	fdstore_add(broker->store, FDSTORE_RECORDS, 0, broker->records_fd);
	fdstore_add(broker->store, FDSTORE_EPITAPHS, 0, broker->tales_fd);
	if (broker->registry == NULL)
		return;
	for (slot = 0; slot < registry_slots(broker->registry); slot++) {
		session = &broker->sessions[slot];
		if (!session->live)
			continue;
		if (session->data != -1 && session->data_stored)
			fdstore_add(broker->store, FDSTORE_DATA, slot,
			    session->data);
		if (session->run != NULL)
			run_store(session->run);
	}
}

int
adopt_init(struct broker *broker)
{
	broker->records_fd = broker->tales_fd = -1;
	snprintf(broker->label, sizeof(broker->label), "holdfast-%d",
	    (int)getpid());
	broker->store = fdstore_new(broker->base, drained_cb, broker);
	broker->claim_timer = evtimer_new(broker->base, claim_cb, broker);
	return broker->store == NULL || broker->claim_timer == NULL ? -1 : 0;
}

void
adopt_clear(struct broker *broker)
{
	forget_memory(&broker->records_fd, &broker->records,
	    broker->records_size);
	forget_memory(&broker->tales_fd, &broker->tales, broker->tales_size);
	fdstore_free(broker->store);
	event_free(broker->claim_timer);
	free(broker->stored);
}
