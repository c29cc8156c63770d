/* SPDX-License-Identifier: ISC */
/*
 * One connected gateway.  It is not trusted: it names connections of its own
 * and sessions it holds, and whatever else it says ends it and nobody else.
 */
#include "config.h"

#include <sys/queue.h>
#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/broker.h"
#include "broker/connset.h"
#include "broker/order.h"
#include "broker/trace.h"
#include "common/chan.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/unix.h"

struct gate {
	TAILQ_ENTRY(gate) entry;
	struct broker *broker;
	struct chan *chan;
	struct connset conns;
	uint32_t number;	/* in the registry; never used again */
	uint32_t name;		/* the supervisor's number for it */
	uint32_t pool;		/* of listeners that it serves */
	struct count_teller counted;
};

struct chan *
gate_chan(struct gate *gate)
{
	return gate->chan;
}

uint32_t
gate_pool(const struct gate *gate)
{
	return gate->pool;
}

uint32_t
gate_number(const struct gate *gate)
{
	return gate->number;
}

uint32_t
gate_name(const struct gate *gate)
{
	return gate->name;
}

bool
gate_describe(const struct broker *broker, uint32_t after,
    struct gate_info *info)
{
	const struct gate *gate, *next = NULL;

	TAILQ_FOREACH(gate, &broker->gates, entry)
		if (gate->number > after &&
		    (next == NULL || gate->number < next->number))
			next = gate;
	if (next == NULL)
		return false;
	*info = (struct gate_info){
		.number = next->number,
		.name = next->name,
		.pool = next->pool,
		.version = chan_version(next->chan),
		.connections = connset_count(&next->conns),
	};
	return true;
}

void
gates_trace(struct broker *broker, const struct fields_TRACE *trace)
{
	struct gate *gate;

	TAILQ_FOREACH(gate, &broker->gates, entry)
		if (chan_phase(gate->chan) == PHASE_UP)
			chan_send(gate->chan, MSG_BG_TRACE, trace, NULL, 0);
}

struct gate *
gate_find(struct broker *broker, uint32_t number)
{
	struct gate *gate;

	TAILQ_FOREACH(gate, &broker->gates, entry)
		if (gate->number == number)
			break;
	return gate;
}

struct gate *
gate_next(struct broker *broker, struct gate *gate)
{
	return gate == NULL ? TAILQ_FIRST(&broker->gates) :
	    TAILQ_NEXT(gate, entry);
}

/* The data socket's end may have been seen before the gateway's was. */
static void
prolong_all(struct gate *gate)
{
	struct broker *broker = gate->broker;
	struct session *session;
	uint32_t slot;

	for (slot = 0; slot < registry_slots(broker->registry); slot++) {
		session = &broker->sessions[slot];
		if (session->live && session->left_gate == gate->number)
			session_gateway_lost(session);
	}
}

static void
detach_all(struct gate *gate)
{
	struct broker *broker = gate->broker;
	const struct registry_record *record;
	uint32_t slot = 0;

	while ((slot = registry_held_by(broker->registry, gate->number,
		    slot)) != REGISTRY_NO_SLOT) {
		record = registry_get(broker->registry, slot);
		session_detach(&broker->sessions[slot], record->generation,
		    "its gateway has gone");
		slot++;
	}
	prolong_all(gate);
}

/* Its sockets are closed or will be: every lease it held is over. */
static void
gate_close(struct gate *gate, const char *why)
{
	struct broker *broker = gate->broker;

	if (why != NULL)
		log_warnx("gateway %u: %s; closed", gate->name, why);
	else
		log_debug("gate", "gateway %u has gone", gate->name);
	TAILQ_REMOVE(&broker->gates, gate, entry);
	count_leave(&gate->counted);
	attach_forget(broker, gate, 0, true);
	detach_all(gate);
	attach_unanswered(broker, gate);
	chan_free(gate->chan);
	connset_clear(&gate->conns);
	free(gate);
}

static void
gate_lost(void *arg, const char *why)
{
	gate_close(arg, why);
}

static void
gate_on_hello(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	static const struct fields_HELLO hello = {
		.version = PROTO_VERSION,
		.oldest = PROTO_OLDEST,
	};
	struct gate *gate = arg;

	(void)fds;
	if (proto_agree(msg->HELLO.version, msg->HELLO.oldest) == 0) {
		log_warnx("gateway %u speaks version %u, at least %u; this "
			  "is %u, at least %u", gate->name,
		    msg->HELLO.version, msg->HELLO.oldest, PROTO_VERSION,
		    PROTO_OLDEST);
		gate_close(gate, "no common version");
		return;
	}
	chan_set_version(gate->chan, msg->HELLO.version);
	chan_set_phase(gate->chan, PHASE_UP);
	chan_send(gate->chan, MSG_BG_HELLO, &hello, NULL, 0);
	trace_newcomer(gate->broker, gate->chan, MSG_BG_TRACE);
}

static void
send_refused(struct gate *gate, uint64_t handle, const struct refusal *why)
{
	struct fields_BG_REFUSED refused = {
		.handle = handle,
		.status = why->status,
		.text = span_str(why->text),
	};

	log_event(LOG_LEVEL_DEBUG, "auth", "connection refused", "reason",
	    why->text, NULL);
	chan_send(gate->chan, MSG_BG_REFUSED, &refused, NULL, 0);
}

static void
gate_on_admit(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct gate *gate = arg;
	struct fields_HANDLE admitted = { .handle = msg->GB_ADMIT.handle };
	struct refusal refusal = { 503, "too many connections" };
	struct conn *conn;
	struct admission admission;

	if (connset_find(&gate->conns, admitted.handle) != NULL) {
		gate_close(gate, "one connection admitted twice");
		return;
	}
	if (!admit_judge(gate->broker, gate->pool, &msg->GB_ADMIT,
		fds->fd[0], &admission, &refusal) ||
	    (conn = connset_add(&gate->conns, admitted.handle)) == NULL) {
		trail_refused(gate->broker, &admission, &refusal);
		count_refused(gate->broker, &refusal);
		send_refused(gate, admitted.handle, &refusal);
		return;
	}
	conn->admission = admission;
	chan_send(gate->chan, MSG_BG_ADMITTED, &admitted, NULL, 0);
}

/* The session of the connection, if it is attached to one. */
static struct session *
conn_session(struct gate *gate, const struct conn *conn)
{
	return conn->state == CONN_ATTACHED ?
	    &gate->broker->sessions[conn->slot] : NULL;
}

/*
 * Whoever is attached learns it by BG_GONE; for the others the answer to
 * their admission is another one now.
 */
static void
dismiss(struct gate *gate, struct conn *conn)
{
	static const struct refusal refusal = {
		403, "not admitted any more"
	};
	struct session *session = conn_session(gate, conn);
	uint64_t generation;

	if (session != NULL) {
		generation = session_record(session)->generation;
		session_tell_gone(session, generation, GONE_DISMISSED);
		session_detach(session, generation,
		    "not admitted any more");
		return;
	}
	if (conn->state == CONN_WAITING)
		attach_forget(gate->broker, gate, conn->handle, false);
	conn->state = CONN_IDLE;
	send_refused(gate, conn->handle, &refusal);
}

/* It is detached, and who had it says why. */
static void
explain_detach(struct session *session, bool leaving)
{
	if (leaving)
		session_gateway_lost(session);
	session->left_gate = 0;
}

static void
gate_on_leave(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct gate *gate = arg;
	struct session *session;
	struct conn *conn;

	(void)fds;
	/* Also sent for one that was refused. */
	conn = connset_find(&gate->conns, msg->HANDLE.handle);
	if (conn == NULL)
		return;
	if (conn->state == CONN_WAITING)
		attach_forget(gate->broker, gate, conn->handle, false);
	session = conn_session(gate, conn);
	if (session != NULL)
		session_detach(session, session_record(session)->generation,
		    msg->HANDLE.leaving ? "its gateway has gone" :
		    "the client has left");
	session = &gate->broker->sessions[conn->slot];
	if (session->live && session->left_gate == gate->number &&
	    session->left_handle == conn->handle)
		explain_detach(session, msg->HANDLE.leaving);
	connset_remove(&gate->conns, msg->HANDLE.handle);
}

static uint64_t
usual_ttl(const struct order *order, const struct tenant *tenant)
{
	return tenant != NULL && tenant->detach_ttl_ms != 0 ?
	    tenant->detach_ttl_ms : order->host.detach_ttl_ms;
}

static uint64_t
longest_ttl(const struct order *order, const struct tenant *tenant)
{
	uint64_t usual = usual_ttl(order, tenant);
	uint64_t longest = tenant != NULL && tenant->max_detach_ttl_ms != 0 ?
	    tenant->max_detach_ttl_ms : order->host.max_detach_ttl_ms;

	return longest < usual ? usual : longest;
}

/* What was asked for within bounds; a resumed session else keeps its own. */
static uint64_t
wanted_ttl(const struct order *order, uint64_t principal,
    const struct fields_GB_ATTACH *attach)
{
	const struct tenant *tenant = order_tenant(order, principal);

	if (!attach->has_detach_ttl_ms)
		return attach->has_resume ? 0 : usual_ttl(order, tenant);
	if (attach->detach_ttl_ms > longest_ttl(order, tenant))
		return longest_ttl(order, tenant);
	return attach->detach_ttl_ms < BROKER_TTL_LEAST_MS ?
	    BROKER_TTL_LEAST_MS : attach->detach_ttl_ms;
}

/* It may have anything in it but the end of a string. */
static void
take_client_name(struct attach_request *request, struct span name)
{
	size_t i;

	if (name.len >= sizeof(request->client))
		name.len = sizeof(request->client) - 1;
	for (i = 0; i < name.len; i++)
		request->client[i] = name.p[i] == '\0' ? '?' : (char)name.p[i];
	request->client[name.len] = '\0';
}

static void
gate_on_attach(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	const struct fields_GB_ATTACH *attach = &msg->GB_ATTACH;
	struct gate *gate = arg;
	struct attach_request request = {
		.gate = gate,
		.handle = attach->handle,
		.resumes = attach->has_resume,
		.claim = {
			.handle = attach->handle,
			.gateway = gate->number,
		},
	};
	struct fields_BG_ATTACH_FAILED unknown = {
		.reason = ATTACH_UNKNOWN_SESSION,
	};
	struct conn *conn = connset_find(&gate->conns, attach->handle);

	(void)fds;
	if (attach->nonce.len != IDENT_SIZE) {
		gate_close(gate, "attach with a short nonce");
		return;
	}
	if (conn == NULL || conn->state != CONN_IDLE) {
		gate_close(gate, "attach for a connection that cannot");
		return;
	}
	if (!admit_still(gate->broker, &conn->admission)) {
		dismiss(gate, conn);
		return;
	}
	memcpy(request.claim.nonce.bytes, attach->nonce.p, IDENT_SIZE);
	request.claim.principal = conn->admission.principal;
	request.claim.ttl_ms = wanted_ttl(gate->broker->order,
	    conn->admission.principal, attach);
	/* Without proof of who somebody is, all would be the same. */
	request.takeover = attach->takeover && 
	    conn->admission.way != ADMIT_NONE;
	conn->state = CONN_WAITING;
	take_client_name(&request, attach->client_name);
	/* What is no identifier at all names no session. */
	if (attach->has_resume &&
	    ident_parse(&request.resume, (const char *)attach->resume.p,
		attach->resume.len) == -1)
		gate_attach_failed(gate, attach->handle, NULL, &unknown);
	else
		attach_request(gate->broker, &request);
}

const struct admission *
gate_admission(const struct gate *gate, uint64_t handle)
{
	return &connset_find(&gate->conns, handle)->admission;
}

void
gate_attached(struct gate *gate, uint64_t handle, struct session *session,
    int fd)
{
	const struct registry_record *record = session_record(session);
	const struct order_host *host = &gate->broker->order->host;
	const struct tenant *tenant = session->tenant;
	struct conn *conn = connset_find(&gate->conns, handle);
	char text[IDENT_TEXT_SIZE], generation[24];
	struct fields_BG_ATTACHED attached = {
		.handle = handle,
		.session = span_str(ident_print(&record->id, text)),
		.generation = record->generation,
		.detach_ttl_ms = record->ttl_ms,
		.shell_name = span_str(tenant->shell_name),
		.shell_path = span_str(tenant->shell_path),
		.cwd = span_str(tenant->cwd),
		.home = span_str(tenant->home),
		.temp_dir = span_str(tenant->temp_dir),
		.has_max_detach_ttl_ms = true,
		.max_detach_ttl_ms = longest_ttl(gate->broker->order, tenant),
		.has_retention_ms = true,
		.retention_ms = host->retention_ms,
		.has_retain_bytes = true,
		.retain_bytes = host->retain_bytes,
		.has_spill_bytes = true,
		.spill_bytes = host->spill_bytes,
		.has_hold_ms = true,
		.hold_ms = host->hold_ms,
		.has_max_processes = true,
		.max_processes = host->max_processes,
	};

	conn->state = CONN_ATTACHED;
	conn->slot = session_slot(session);
	trail_attached(session, &conn->admission);
	count_attached(session, record->generation > 1);
	snprintf(generation, sizeof(generation), "%llu",
	    (unsigned long long)record->generation);
	log_event(LOG_LEVEL_DEBUG, "session", "session attached", "session",
	    text, "tenant", tenant->name, "generation", generation, NULL);
	chan_send(gate->chan, MSG_BG_ATTACHED, &attached, &fd, 1);
}

void
gate_attach_failed(struct gate *gate, uint64_t handle,
    const struct ident *resume, struct fields_BG_ATTACH_FAILED *failed)
{
	struct conn *conn = connset_find(&gate->conns, handle);

	trail_attach_refused(gate->broker, &conn->admission, resume,
	    failed->reason);
	count_attach_failed(gate->broker, conn->admission.principal,
	    (enum proto_attach_failure)failed->reason);
	failed->handle = handle;
	conn->state = CONN_IDLE;
	chan_send(gate->chan, MSG_BG_ATTACH_FAILED, failed, NULL, 0);
}

void
gate_unbind(struct gate *gate, uint64_t handle, uint32_t slot)
{
	struct conn *conn = connset_find(&gate->conns, handle);

	if (conn != NULL && conn->state == CONN_ATTACHED && conn->slot == slot)
		conn->state = CONN_IDLE;
}

static void
gate_on_detach(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct gate *gate = arg;
	struct broker *broker = gate->broker;
	const struct registry_record *record;
	struct session *session;
	struct ident id;
	uint32_t slot;

	(void)fds;
	if (ident_parse(&id, (const char *)msg->ATTACHMENT.session.p,
		msg->ATTACHMENT.session.len) == -1) {
		gate_close(gate, "detach of what is no session");
		return;
	}
	slot = registry_find(broker->registry, &id);
	record = registry_get(broker->registry, slot);
	session = record == NULL ? NULL : &broker->sessions[slot];
	/* Somebody else's is not this gateway's to detach. */
	if (session != NULL && record->gateway == gate->number)
		session_detach(session, msg->ATTACHMENT.generation,
		    msg->ATTACHMENT.leaving ? "its gateway has gone" :
		    "the client has left");
	if (session != NULL && session->live &&
	    session->left_gate == gate->number &&
	    record->generation == msg->ATTACHMENT.generation)
		explain_detach(session, msg->ATTACHMENT.leaving);
}

/* Whoever has it does not learn of this: it has passed it on itself. */
static void
gate_take(struct gate *gate, struct conn *conn, struct session *session)
{
	struct broker *broker = gate->broker;
	uint32_t slot = session_slot(session);

	(void)registry_rehome(broker->registry, slot,
	    session_record(session)->generation, gate->number, conn->handle);
	if (session->gate != NULL)
		gate_unbind(session->gate, session->handle, slot);
	session->gate = gate;
	session->handle = conn->handle;
	session->unclaimed = false;
	session->trail.whence = conn->admission.whence;
	conn->state = CONN_ATTACHED;
	conn->slot = slot;
}

static void
gate_on_hold(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	const struct fields_HOLD *hold = &msg->HOLD;
	struct gate *gate = arg;
	struct fields_BG_GONE gone = {
		.session = hold->session,
		.generation = hold->generation,
	};
	struct session *session;
	struct conn *conn = connset_find(&gate->conns, hold->handle);

	if (conn == NULL || conn->state != CONN_IDLE) {
		gate_close(gate, "hold by a connection that cannot");
		return;
	}
	if (!admit_still(gate->broker, &conn->admission)) {
		dismiss(gate, conn);
		return;
	}
	gone.reason = claim_judge(gate->broker, gate->pool, &conn->admission,
	    hold, fds->fd[0], &session);
	if (gone.reason != 0) {
		chan_send(gate->chan, MSG_BG_GONE, &gone, NULL, 0);
		return;
	}
	gate_take(gate, conn, session);
	chan_send(gate->chan, MSG_BG_HELD, hold, NULL, 0);
	attach_claimed(gate->broker, session_slot(session));
}

static void
gate_on_probed(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct gate *gate = arg;

	(void)fds;
	attach_probed(gate->broker, gate, msg->GB_PROBED.probe,
	    msg->GB_PROBED.gone);
}

static void
gate_on_counts(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct gate *gate = arg;

	(void)fds;
	if (count_take(&gate->counted, msg->COUNTS.counts) == -1)
		gate_close(gate, "what it has counted is malformed");
}

static void
gate_on_scrape(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct gate *gate = arg;

	(void)fds;
	if (count_answer(gate->broker, gate->chan, gate->pool,
		&msg->GB_SCRAPE) == -1)
		gate_close(gate, "it asks what is not for it");
}

static const struct chan_handler handlers[] = {
	{ MSG_GB_HELLO, gate_on_hello },
	{ MSG_GB_ADMIT, gate_on_admit },
	{ MSG_GB_LEAVE, gate_on_leave },
	{ MSG_GB_ATTACH, gate_on_attach },
	{ MSG_GB_DETACH, gate_on_detach },
	{ MSG_GB_HOLD, gate_on_hold },
	{ MSG_GB_PROBED, gate_on_probed },
	{ MSG_GB_COUNTS, gate_on_counts },
	{ MSG_GB_SCRAPE, gate_on_scrape },
};

static const struct chan_ops gate_ops = {
	.handlers = handlers,
	.nhandlers = sizeof(handlers) / sizeof(handlers[0]),
	.lost = gate_lost,
};

void
gate_new(struct broker *broker, uint32_t name, uint32_t pool, int fd)
{
	struct gate *gate = calloc(1, sizeof(*gate));

	if (gate == NULL || !unix_is_socket(fd, SOCK_SEQPACKET) ||
	    connset_init(&gate->conns) == -1) {
		log_warnx("gateway %u: no channel to it", name);
		unix_close(&fd);
		free(gate);
		return;
	}
	gate->broker = broker;
	gate->name = name;
	gate->pool = pool;
	gate->number = ++broker->last_gate;
	gate->chan = chan_new(broker->base, fd, ROLE_BROKER, ROLE_GATEWAY,
	    &gate_ops, gate);
	if (gate->chan == NULL) {
		log_warn("gateway %u", name);
		connset_clear(&gate->conns);
		free(gate);
		return;
	}
	count_gateway(broker, &gate->counted, pool);
	TAILQ_INSERT_TAIL(&broker->gates, gate, entry);
}

static bool
may_stay(struct gate *gate, const struct conn *conn)
{
	const struct session *session = conn_session(gate, conn);

	return admit_still(gate->broker, &conn->admission) &&
	    (session == NULL || session_has_owner(session));
}

void
gates_review(struct broker *broker)
{
	struct gate *gate;
	struct conn *conn;
	uint32_t place;

	TAILQ_FOREACH(gate, &broker->gates, entry)
		for (place = 0; (conn = connset_next(&gate->conns,
		    &place)) != NULL;)
			if (!may_stay(gate, conn))
				dismiss(gate, conn);
}

void
gates_drop_unready(struct broker *broker)
{
	struct gate *gate, *next;

	for (gate = TAILQ_FIRST(&broker->gates); gate != NULL; gate = next) {
		next = TAILQ_NEXT(gate, entry);
		if (chan_phase(gate->chan) == PHASE_START)
			gate_close(gate, NULL);
	}
}

void
gates_clear(struct broker *broker)
{
	while (!TAILQ_EMPTY(&broker->gates))
		gate_close(TAILQ_FIRST(&broker->gates), NULL);
}
