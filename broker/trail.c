/* SPDX-License-Identifier: ISC */
/* What becomes a line of the audit trail, and with what in it. */
#include "config.h"

#include <ctype.h>
#include <string.h>

#include "broker/auditsink.h"
#include "broker/broker.h"
#include "broker/connset.h"
#include "broker/operator_private.h"
#include "broker/order.h"
#include "broker/tenant.h"
#include "broker/trail.h"
#include "common/chan.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/unix.h"

static bool
wanted(const struct broker *broker)
{
	return broker->trail.sink != NULL &&
	    auditsink_wants(broker->trail.sink);
}

static void
emit(struct broker *broker, struct audit_record *record)
{
	char line[AUDIT_LINE_SIZE];

	record->time_ms = clock_wall_ms();
	auditsink_write(broker->trail.sink, line, audit_format(record, line));
}

/* Texts that a record borrows. */
struct texts {
	char id[IDENT_TEXT_SIZE];
	char whence[WHENCE_SIZE];
	char proxy[WHENCE_SIZE];
};

static void
fill_whence(struct audit_record *record, const struct whence *whence,
    struct texts *texts)
{
	record->source = whence_print(whence, texts->whence);
	record->proxy = whence_print_proxy(whence, texts->proxy);
	record->uid = whence->has_uid ? &whence->uid : NULL;
}

static void
fill_session(struct audit_record *record, const struct session *session,
    struct texts *texts)
{
	const struct registry_record *known = session_record(session);

	record->principal = session->tenant->name;
	record->session = ident_print(&known->id, texts->id);
	record->generation = known->generation;
	fill_whence(record, &session->trail.whence, texts);
}

static const char *
principal_name(const struct broker *broker, uint64_t principal)
{
	const struct tenant *tenant = order_tenant(broker->order, principal);

	return tenant == NULL ? NULL : tenant->name;
}

static const char *
proof_name(uint32_t way)
{
	static const struct {
		uint32_t way;
		const char *name;
	} ways[] = {
		{ ADMIT_NONE, "none" },
		{ ADMIT_PEER_UID, "peer-uid" },
		{ ADMIT_TOKEN, "token" },
		{ ADMIT_SIGNED, "signed" },
	};
	size_t i;

	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (ways[i].way == way)
			return ways[i].name;
	return NULL;
}

/* Tell how many were left out, if any were, before what follows them. */
static void
tell_suppressed(struct broker *broker, struct audit_rate *rate,
    const struct session *session, const char *what)
{
	struct audit_record record = {
		.event = AUDIT_SUPPRESSED,
		.reason = what,
		.count = (int64_t)rate->suppressed,
	};
	struct texts texts;

	if (rate->suppressed == 0)
		return;
	rate->suppressed = 0;
	if (session != NULL)
		fill_session(&record, session, &texts);
	emit(broker, &record);
}

int
trail_init(struct broker *broker)
{
	broker->trail.sink = auditsink_new(broker->base);
	return broker->trail.sink == NULL ? -1 : 0;
}

void
trail_clear(struct broker *broker)
{
	if (wanted(broker)) {
		tell_suppressed(broker, &broker->trail.refusals, NULL,
		    audit_event_name(AUDIT_REFUSED));
		tell_suppressed(broker, &broker->trail.attach_refusals, NULL,
		    audit_event_name(AUDIT_ATTACH_REFUSED));
	}
	auditsink_free(broker->trail.sink);
	broker->trail.sink = NULL;
}

enum proto_report
trail_report(const struct broker *broker)
{
	if (!wanted(broker))
		return REPORT_NOTHING;
	return broker->trail.arguments ? REPORT_ARGUMENTS : REPORT_EVENTS;
}

static void
tell_runners(struct broker *broker)
{
	uint32_t slot;

	if (broker->registry == NULL)
		return;
	for (slot = 0; slot < registry_slots(broker->registry); slot++)
		if (broker->sessions[slot].live &&
		    broker->sessions[slot].run != NULL)
			run_report(broker->sessions[slot].run);
}

void
trail_direct(struct broker *broker, const struct fields_SB_AUDIT *msg,
    struct chan_fds *fds)
{
	enum proto_report before = trail_report(broker);

	broker->trail.arguments = msg->audit_argv;
	if (msg->audit_to == AUDIT_FILE && fds->count == 1)
		auditsink_to_file(broker->trail.sink, chan_take_fd(fds, 0));
	else if (msg->audit_to == AUDIT_SYSLOG)
		auditsink_to_syslog(broker->trail.sink, AUDITSINK_SYSLOG);
	else
		auditsink_to_nowhere(broker->trail.sink);
	if (trail_report(broker) != before)
		tell_runners(broker);
}

void
trail_refused(struct broker *broker, const struct admission *admission,
    const struct refusal *refusal)
{
	struct audit_record record = {
		.event = AUDIT_REFUSED,
		.reason = refusal->text,
		.status = refusal->status,
	};
	struct audit_rate *rate = &broker->trail.refusals;
	struct texts texts;

	if (!wanted(broker) || !audit_rate_take(rate, clock_ms()))
		return;
	tell_suppressed(broker, rate, NULL, audit_event_name(record.event));
	fill_whence(&record, &admission->whence, &texts);
	emit(broker, &record);
}

void
trail_attached(struct session *session, const struct admission *admission)
{
	struct audit_record record = {
		.event = session_record(session)->generation == 1 ?
		    AUDIT_ATTACH : AUDIT_RESUME,
		.proof = proof_name(admission->way),
	};
	struct texts texts;

	/* Kept in any case: a trail may be asked for later. */
	session->trail.whence = admission->whence;
	if (!wanted(session->broker))
		return;
	fill_session(&record, session, &texts);
	emit(session->broker, &record);
}

void
trail_attach_refused(struct broker *broker,
    const struct admission *admission, const struct ident *resume,
    enum proto_attach_failure failure)
{
	static const char *const reasons[] = {
		[ATTACH_UNKNOWN_SESSION] = "unknown session",
		[ATTACH_ELSEWHERE] = "attached to another connection",
		[ATTACH_LIMIT] = "a limit is reached",
		[ATTACH_STOPPING] = "the server is stopping",
		[ATTACH_INTERNAL] = "internal error",
	};
	struct audit_record record = {
		.event = AUDIT_ATTACH_REFUSED,
		.proof = proof_name(admission->way),
		.reason = reasons[failure],
	};
	struct audit_rate *rate = &broker->trail.attach_refusals;
	struct texts texts;

	if (!wanted(broker) || !audit_rate_take(rate, clock_ms()))
		return;
	tell_suppressed(broker, rate, NULL, audit_event_name(record.event));
	record.principal = principal_name(broker, admission->principal);
	if (resume != NULL)
		record.session = ident_print(resume, texts.id);
	fill_whence(&record, &admission->whence, &texts);
	emit(broker, &record);
}

void
trail_takeover(struct session *session, const struct admission *admission)
{
	struct audit_record record = { .event = AUDIT_TAKEOVER };
	struct texts texts;

	if (!wanted(session->broker))
		return;
	fill_session(&record, session, &texts);
	fill_whence(&record, &admission->whence, &texts);
	record.proof = proof_name(admission->way);
	emit(session->broker, &record);
}

void
trail_detached(struct session *session, uint64_t generation, const char *why)
{
	struct audit_record record = {
		.event = AUDIT_DETACH,
		.reason = why,
	};
	struct texts texts;

	if (!wanted(session->broker))
		return;
	fill_session(&record, session, &texts);
	record.generation = generation;
	emit(session->broker, &record);
}

void
trail_expired(struct session *session)
{
	struct audit_record record = { .event = AUDIT_EXPIRE };
	struct texts texts;

	if (!wanted(session->broker))
		return;
	fill_session(&record, session, &texts);
	emit(session->broker, &record);
}

void
trail_ended(struct session *session)
{
	struct audit_record record = {
		.event = AUDIT_END,
		.reason = registry_reason_text(
		    session_record(session)->reason),
	};
	struct texts texts;

	if (!wanted(session->broker))
		return;
	tell_suppressed(session->broker, &session->trail.events, session,
	    "events of processes");
	fill_session(&record, session, &texts);
	emit(session->broker, &record);
}

/* Whether there is such an event; the runner may say anything. */
static bool
event_of(uint32_t number, enum audit_event *event)
{
	static const struct {
		uint32_t number;
		enum audit_event event;
	} events[] = {
		{ EVENT_START, AUDIT_START },
		{ EVENT_SIGNAL, AUDIT_SIGNAL },
		{ EVENT_EXIT, AUDIT_EXIT },
	};
	size_t i;

	for (i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (events[i].number == number) {
			*event = events[i].event;
			return true;
		}
	return false;
}

/* Directories say more of a host and its users than is asked for. */
static struct span
without_directory(struct span program)
{
	size_t i;

	for (i = program.len; i > 0; i--)
		if (program.p[i - 1] == '/')
			break;
	if (program.p != NULL)
		program.p += i;
	program.len -= i;
	return program;
}

void
trail_event(struct session *session, const struct fields_RB_EVENT *event)
{
	static const uint8_t nothing[1];
	struct broker *broker = session->broker;
	struct audit_rate *rate = &session->trail.events;
	struct audit_record record = {
		.process = event->process_id,
		.program = without_directory(event->program),
		.code = event->exit_code,
		.signal = event->signal,
	};
	struct texts texts;

	if (!wanted(broker) || !event_of(event->event, &record.event))
		return;
	if (event->omitted < UINT32_MAX && rate->suppressed < UINT32_MAX)
		rate->suppressed += event->omitted;
	if (!audit_rate_take(rate, clock_ms()))
		return;
	tell_suppressed(broker, rate, session, "events of processes");
	if (broker->trail.arguments)
		record.arguments = event->argv;
	/* Without a character it is an id all the same. */
	if (record.process.p == NULL)
		record.process.p = nothing;
	fill_session(&record, session, &texts);
	emit(broker, &record);
}

/* "DRAIN OFF" is "drain-off". */
static void
verb_name(char *out, size_t size, const char *verb)
{
	size_t i;

	for (i = 0; i + 1 < size && verb[i] != '\0'; i++)
		out[i] = verb[i] == ' ' ? '-' :
		    (char)tolower((unsigned char)verb[i]);
	out[i] = '\0';
}

void
trail_operator(struct operator *op, const struct trail_operation *what)
{
	struct audit_record record = {
		.event = AUDIT_OPERATE,
		.process = what->process,
		.signal = what->signal,
		.reason = what->reason,
	};
	struct texts texts;
	char verb[16];

	if (!wanted(op->broker) || !audit_rate_take(&op->rate, clock_ms()))
		return;
	tell_suppressed(op->broker, &op->rate, NULL,
	    audit_event_name(record.event));
	if (what->session != NULL && what->session->live)
		fill_session(&record, what->session, &texts);
	record.uid = &op->uid;
	verb_name(verb, sizeof(verb), what->verb);
	record.verb = verb;
	emit(op->broker, &record);
}

void
trail_adopted(struct broker *broker, uint32_t sessions)
{
	struct audit_record record = {
		.event = AUDIT_ADOPT,
		.count = sessions,
	};

	if (wanted(broker))
		emit(broker, &record);
}

void
trail_reloaded(struct broker *broker, const char *wrong)
{
	struct audit_record record = {
		.event = AUDIT_RELOAD,
		.reason = wrong == NULL ? "taken" : wrong,
	};

	if (wanted(broker))
		emit(broker, &record);
}
