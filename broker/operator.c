/* SPDX-License-Identifier: ISC */
/*
 * One connected operator.  It may be anybody whom the door lets in: what it
 * says that it may not ends its channel, and an answer waits for it, row by
 * row, instead of being queued.
 */
#include "config.h"

#include <sys/socket.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <event2/event.h>

#include "broker/match.h"
#include "broker/operator_private.h"
#include "common/chan.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/unix.h"

#define HELLO_MS 5000
#define ROWS_AT_ONCE 32		/* before others get a turn */
#define CANDIDATES 8		/* shown of those with one prefix */

static void
operator_close(struct operator *op, const char *why)
{
	struct operators *ops = op->broker->operators;

	if (why != NULL)
		log_warnx("operator (uid %u): %s; closed",
		    (unsigned int)op->uid, why);
	TAILQ_REMOVE(&ops->list, op, entry);
	ops->count--;
	trace_forget(op);
	chan_free(op->chan);
	if (op->pump != NULL)
		event_free(op->pump);
	if (op->timer != NULL)
		event_free(op->timer);
	free(op);
}

void
operator_wait(struct operator *op, enum operator_wait wait, uint64_t ms)
{
	struct timeval tv = {
		.tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000) * 1000,
	};

	op->wait = wait;
	event_add(op->timer, &tv);
}

/* From the loop, so that everybody else has a turn before. */
void
operator_go_on(struct operator *op)
{
	static const struct timeval now;

	event_add(op->pump, &now);
}

void
operator_say(struct operator *op, uint16_t type, const void *msg)
{
	chan_send(op->chan, type, msg, NULL, 0);
}

static void
await_question(struct operator *op)
{
	op->busy = false;
	op->step = NULL;
	op->asked = 0;
	op->ordered = 0;
	operator_wait(op, WAIT_QUESTION, OPERATOR_IDLE_MS);
	/* Whoever watches a trace need not ask anything. */
	if (op->ntopics > 0)
		event_del(op->timer);
}

enum operator_step
operator_done(struct operator *op, enum proto_told status, const char *fmt,
    ...)
{
	struct fields_BC_DONE done = {
		.request = op->request,
		.status = status,
		.has_text = fmt != NULL,
		.has_count = op->count > 0,
		.count = op->count,
	};
	char text[512];
	va_list ap;

	if (fmt != NULL) {
		va_start(ap, fmt);
		vsnprintf(text, sizeof(text), fmt, ap);
		va_end(ap);
		done.text = span_str(text);
	}
	await_question(op);
	operator_say(op, MSG_BC_DONE, &done);
	return STEP_DONE;
}

static void
pump_cb(evutil_socket_t fd, short what, void *arg)
{
	struct operator *op = arg;
	int i;

	(void)fd;
	(void)what;
	for (i = 0; i < ROWS_AT_ONCE && op->step != NULL; i++) {
		if (chan_queued(op->chan) > 0) {
			operator_wait(op, WAIT_READER, OPERATOR_STUCK_MS);
			return;
		}
		/* A page at a time: the next when this one is taken. */
		if (op->more && operator_ask_list(op, op->asked_slot))
			return;
		if (op->step(op) != STEP_MORE)
			return;
	}
	if (op->step != NULL)
		operator_go_on(op);
}

static void
timer_cb(evutil_socket_t fd, short what, void *arg)
{
	struct operator *op = arg;

	(void)fd;
	(void)what;
	switch (op->wait) {
	case WAIT_HELLO:
	case WAIT_QUESTION:
		operator_close(op, NULL);
		break;
	case WAIT_READER:
		operator_close(op, "it does not read what it has asked for");
		break;
	case WAIT_RUNNER:
		operator_runner_late(op);
		break;
	case WAIT_SUPERVISOR:
		operator_supervisor_late(op);
		break;
	}
}

static void
operator_lost(void *arg, const char *why)
{
	operator_close(arg, why);
}

static void
operator_drained(void *arg)
{
	struct operator *op = arg;

	if (op->wait == WAIT_READER && op->busy)
		operator_go_on(op);
}

static void
on_hello(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	static const struct fields_HELLO hello = {
		.version = PROTO_VERSION,
		.oldest = PROTO_OLDEST,
	};
	struct operator *op = arg;

	(void)fds;
	if (proto_agree(msg->HELLO.version, msg->HELLO.oldest) == 0) {
		(void)operator_done(op, TOLD_REFUSED, "this server speaks "
		    "version %u, at least %u: use its holdfastctl",
		    PROTO_VERSION, PROTO_OLDEST);
		operator_wait(op, WAIT_HELLO, HELLO_MS);
		return;
	}
	chan_set_version(op->chan, msg->HELLO.version);
	chan_set_phase(op->chan, PHASE_UP);
	chan_send(op->chan, MSG_BC_HELLO, &hello, NULL, 0);
	await_question(op);
}

/* One question at a time: then nothing that is asked has to be kept. */
static bool
begin(struct operator *op, uint64_t request)
{
	if (op->busy) {
		operator_close(op, "it asks before it was answered");
		return false;
	}
	op->busy = true;
	op->request = request;
	op->stage = 0;
	op->slot = 0;
	op->place = 0;
	op->count = 0;
	op->after = 0;
	op->pages = 0;
	op->more = false;
	op->one = false;
	event_del(op->timer);
	if (op->broker->order != NULL)
		return true;
	(void)operator_done(op, TOLD_UNAVAILABLE, "the server is starting");
	return false;
}

static void
answer(struct operator *op, enum operator_step (*step)(struct operator *op))
{
	op->step = step;
	operator_go_on(op);
}

/* Looking is told of once, doing always. */
static void
audit_look(struct operator *op, uint16_t type)
{
	unsigned int bit = 1u << (type - MSG_CB_HELLO);

	if ((op->audited & bit) == 0)
		trail_operator(op, &(struct trail_operation){
			.verb = proto_name(type) + 3 });
	op->audited |= bit;
}

/* The session that is meant, or the answer is that there is not one. */
static bool
find(struct operator *op, struct span prefix)
{
	struct registry *reg = op->broker->registry;
	uint32_t slots[CANDIDATES];
	size_t i, count = match_prefix(reg, prefix, slots, CANDIDATES);

	if (count == 1) {
		op->slot = slots[0];
		op->one = true;
		return true;
	}
	if (count == 0) {
		(void)operator_done(op, TOLD_NOT_FOUND, "there is no such "
		    "session, and none of the ended ones that are remembered "
		    "(the last %u, for %u minutes)", BROKER_TOMBSTONES_MAX,
		    BROKER_TOMBSTONE_MS / 60000);
		return false;
	}
	for (i = 0; i < count && i < CANDIDATES; i++)
		operator_say_session(op, slots[i]);
	op->count = count > CANDIDATES ? count - CANDIDATES : 0;
	(void)operator_done(op, TOLD_AMBIGUOUS, "%zu sessions begin with "
	    "that: give more of the id", count);
	return false;
}

static void
on_status(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct operator *op = arg;

	(void)fds;
	if (!begin(op, msg->ASK.request))
		return;
	audit_look(op, MSG_CB_STATUS);
	answer(op, operator_step_status);
}

static void
on_sessions(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct operator *op = arg;

	(void)fds;
	if (!begin(op, msg->CB_SESSIONS.request))
		return;
	audit_look(op, MSG_CB_SESSIONS);
	op->all = msg->CB_SESSIONS.ended;
	answer(op, operator_step_sessions);
}

static void
on_show(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct operator *op = arg;

	(void)fds;
	if (!begin(op, msg->CB_SESSION.request))
		return;
	audit_look(op, MSG_CB_SHOW);
	if (find(op, msg->CB_SESSION.prefix))
		answer(op, operator_step_show);
}

static void
on_why(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct operator *op = arg;

	(void)fds;
	if (!begin(op, msg->CB_SESSION.request))
		return;
	audit_look(op, MSG_CB_WHY);
	if (find(op, msg->CB_SESSION.prefix))
		answer(op, operator_step_why);
}

static void
on_processes(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct operator *op = arg;

	(void)fds;
	if (!begin(op, msg->CB_PROCESSES.request))
		return;
	audit_look(op, MSG_CB_PROCESSES);
	if (!msg->CB_PROCESSES.has_prefix ||
	    find(op, msg->CB_PROCESSES.prefix))
		answer(op, operator_step_processes);
}

static void
on_kill(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	const struct fields_CB_KILL *order = &msg->CB_KILL;
	struct span name = order->has_signal ? order->signal :
	    span_str("kill");
	struct operator *op = arg;

	(void)fds;
	if (!begin(op, order->request) || !find(op, order->prefix))
		return;
	trail_operator(op, &(struct trail_operation){
		.verb = "KILL",
		.session = &op->broker->sessions[op->slot],
		.process = order->process_id,
		.signal = name });
	if (!operator_ask_signal(op, op->slot, name,
		order->has_process_id ? &order->process_id : NULL))
		(void)operator_done(op, TOLD_REFUSED,
		    "the session has no runner, and so no processes");
}

static void
on_evict(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct operator *op = arg;

	(void)fds;
	if (begin(op, msg->CB_EVICT.request) &&
	    find(op, msg->CB_EVICT.prefix))
		operator_evict(op, op->slot, &msg->CB_EVICT);
}

static void
on_drain(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct operator *op = arg;

	(void)fds;
	if (begin(op, msg->CB_DRAIN.request))
		operator_drain(op, &msg->CB_DRAIN);
}

static void
on_order(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct operator *op = arg;

	(void)fds;
	if (!begin(op, msg->BS_ORDER.request))
		return;
	op->order = msg->BS_ORDER;
	answer(op, operator_step_order);
}

static void
on_trace(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct operator *op = arg;
	const char *why;

	(void)fds;
	if (!begin(op, msg->CB_TRACE.request))
		return;
	trail_operator(op, &(struct trail_operation){ .verb = "TRACE" });
	why = trace_set(op, &msg->CB_TRACE);
	(void)operator_done(op, why == NULL ? TOLD_DONE : TOLD_REFUSED,
	    why == NULL ? NULL : "%s", why);
}

static const struct chan_handler handlers[] = {
	{ MSG_CB_HELLO, on_hello },
	{ MSG_CB_STATUS, on_status },
	{ MSG_CB_SESSIONS, on_sessions },
	{ MSG_CB_SHOW, on_show },
	{ MSG_CB_WHY, on_why },
	{ MSG_CB_PROCESSES, on_processes },
	{ MSG_CB_KILL, on_kill },
	{ MSG_CB_EVICT, on_evict },
	{ MSG_CB_DRAIN, on_drain },
	{ MSG_CB_ORDER, on_order },
	{ MSG_CB_TRACE, on_trace },
};

static const struct chan_ops operator_ops = {
	.handlers = handlers,
	.nhandlers = sizeof(handlers) / sizeof(handlers[0]),
	.lost = operator_lost,
	.drained = operator_drained,
};

/* Nobody is to keep all the others out. */
static bool
has_room(const struct operators *ops, uid_t uid)
{
	const struct operator *op;
	size_t same = 0;

	TAILQ_FOREACH(op, &ops->list, entry)
		same += op->uid == uid;
	return ops->count < OPERATORS_MAX && same < OPERATORS_EACH;
}

static void
refuse(int fd)
{
	static const struct fields_BC_DONE busy = {
		.status = TOLD_UNAVAILABLE,
		.has_text = true,
		.text = { (const uint8_t *)"too many operators are connected",
		    32 },
	};

	(void)chan_write_one(fd, MSG_BC_DONE, &busy, NULL, 0);
	unix_close(&fd);
}

void
operator_new(struct broker *broker, int fd)
{
	struct operators *ops = broker->operators;
	struct operator *op;
	struct ucred who;
	socklen_t len = sizeof(who);

	if (!unix_is_socket(fd, SOCK_SEQPACKET) || getsockopt(fd, SOL_SOCKET,
		SO_PEERCRED, &who, &len) == -1) {
		unix_close(&fd);
		return;
	}
	if (!has_room(ops, who.uid) ||
	    (op = calloc(1, sizeof(*op))) == NULL) {
		refuse(fd);
		return;
	}
	op->broker = broker;
	op->uid = who.uid;
	op->pid = who.pid;
	TAILQ_INSERT_TAIL(&ops->list, op, entry);
	ops->count++;
	op->pump = evtimer_new(broker->base, pump_cb, op);
	op->timer = evtimer_new(broker->base, timer_cb, op);
	op->chan = chan_new(broker->base, fd, ROLE_BROKER, ROLE_OPERATOR,
	    &operator_ops, op);
	if (op->pump == NULL || op->timer == NULL || op->chan == NULL) {
		operator_close(op, "out of memory");
		return;
	}
	operator_wait(op, WAIT_HELLO, HELLO_MS);
}

int
operators_init(struct broker *broker)
{
	broker->operators = calloc(1, sizeof(*broker->operators));
	broker->notes = notes_new(BROKER_TOMBSTONES_MAX);
	if (broker->operators == NULL || broker->notes == NULL)
		return -1;
	TAILQ_INIT(&broker->operators->list);
	broker->operators->started_ms = clock_wall_ms();
	return 0;
}

void
operators_clear(struct broker *broker)
{
	if (broker->operators != NULL)
		while (!TAILQ_EMPTY(&broker->operators->list))
			operator_close(TAILQ_FIRST(&broker->operators->list),
			    NULL);
	free(broker->operators);
	notes_free(broker->notes);
}
