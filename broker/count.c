/* SPDX-License-Identifier: ISC */
/* What the broker counts of its own, and what it is told. */
#include "config.h"

#include <sys/queue.h>

#include <stdio.h>
#include <string.h>

#include "broker/broker.h"
#include "broker/order.h"
#include "common/chan.h"
#include "common/clock.h"

static struct tally_account *
host(struct broker *broker)
{
	return &broker->counts.tally.host;
}

static struct tally_account *
account_of(struct broker *broker, const struct tenant *tenant)
{
	return tally_account(&broker->counts.tally, METRIC_OF_TENANT,
	    tenant->principal, tenant->name);
}

/* Of whoever owns the session. */
static void
count_session(struct session *session, enum metric_number number)
{
	tally_add(account_of(session->broker, session->tenant), number, 1);
	meter_touch(&session->broker->counts.meter);
}

int
count_init(struct broker *broker)
{
	static const struct meter_ops ops = {
		.role = ROLE_BROKER,
		.lag = METRIC_BROKER_LAG,
	};

	tally_init(&broker->counts.tally);
	tally_set(host(broker), METRIC_BUILD, 1);
	tally_set(host(broker), METRIC_STARTED, clock_wall_ms() * 1000);
	return meter_init(&broker->counts.meter, broker->base, &ops, broker);
}

void
count_clear(struct broker *broker)
{
	meter_clear(&broker->counts.meter);
	tally_clear(&broker->counts.tally);
}

void
count_follow(struct broker *broker)
{
	struct tally *tally = &broker->counts.tally;
	const struct tenant *tenant;

	tally_sweep_begin(tally);
	TAILQ_FOREACH(tenant, &broker->order->tenants, entry) {
		(void)account_of(broker, tenant);
		tally_keep(tally, tenant->principal);
	}
	tally_sweep(tally);
}

void
count_gateway(struct broker *broker, struct count_teller *teller,
    uint32_t pool)
{
	char name[16];

	memset(teller, 0, sizeof(*teller));
	snprintf(name, sizeof(name), "%u", pool);
	teller->account = tally_account(&broker->counts.tally, METRIC_OF_POOL,
	    pool, name);
	teller->role = ROLE_GATEWAY;
}

void
count_runner(struct broker *broker, struct count_teller *teller,
    const struct tenant *tenant)
{
	memset(teller, 0, sizeof(*teller));
	teller->account = account_of(broker, tenant);
	teller->role = ROLE_RUNNER;
}

int
count_take(struct count_teller *teller, struct span counts)
{
	if (teller->account == NULL)
		return 0;
	return tally_take(teller->account, &teller->source, teller->role,
	    counts);
}

void
count_leave(struct count_teller *teller)
{
	if (teller->account != NULL)
		tally_leave(teller->account, &teller->source, teller->role);
	teller->account = NULL;
}

int
count_supervisor(struct broker *broker, struct span counts)
{
	return tally_take(host(broker), &broker->counts.supervisor,
	    ROLE_SUPERVISOR, counts);
}

void
count_attached(struct session *session, bool resumed)
{
	count_session(session, resumed ? METRIC_ATTACHES_RESUME :
	    METRIC_ATTACHES_NEW);
}

void
count_attach_failed(struct broker *broker, uint64_t principal,
    enum proto_attach_failure why)
{
	static const enum metric_number numbers[] = {
		[0] = METRIC_ATTACH_INTERNAL,
		[ATTACH_UNKNOWN_SESSION] = METRIC_ATTACH_UNKNOWN,
		[ATTACH_ELSEWHERE] = METRIC_ATTACH_ELSEWHERE,
		[ATTACH_LIMIT] = METRIC_ATTACH_LIMIT,
		[ATTACH_STOPPING] = METRIC_ATTACH_STOPPING,
		[ATTACH_INTERNAL] = METRIC_ATTACH_INTERNAL,
	};
	const struct tenant *tenant = order_tenant(broker->order, principal);
	size_t i = why;

	if (i >= sizeof(numbers) / sizeof(numbers[0]))
		i = 0;
	if (tenant != NULL)
		tally_add(account_of(broker, tenant), numbers[i], 1);
	meter_touch(&broker->counts.meter);
}

void
count_takeover(struct session *session)
{
	count_session(session, METRIC_TAKEOVERS);
}

void
count_detached(struct session *session, const char *why)
{
	static const struct {
		const char *why;
		enum metric_number number;
	} causes[] = {
		{ "the client has left", METRIC_DETACHES_CLIENT },
		{ "its gateway has gone", METRIC_DETACHES_GATEWAY },
		{ "taken over", METRIC_DETACHES_TAKEOVER },
		{ "not admitted any more", METRIC_DETACHES_DISMISSED },
	};
	size_t i;

	for (i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
		if (strcmp(causes[i].why, why) == 0)
			break;
	count_session(session, i < sizeof(causes) / sizeof(causes[0]) ?
	    causes[i].number : METRIC_DETACHES_OTHER);
}

/* The reasons of the registry stand in the same order. */
void
count_ended(struct session *session)
{
	uint32_t reason = session_record(session)->reason;
	uint32_t number = METRIC_ENDS_EXPIRED + reason -
	    REGISTRY_REASON_EXPIRED;

	if (reason < REGISTRY_REASON_EXPIRED || number > METRIC_ENDS_OTHER)
		number = METRIC_ENDS_OTHER;
	count_session(session, (enum metric_number)number);
}

void
count_runner_up(struct session *session, uint64_t started_us)
{
	uint64_t now = clock_us();

	if (started_us == 0 || now < started_us)
		return;
	tally_observe(account_of(session->broker, session->tenant),
	    METRIC_RUNNER_START, now - started_us);
	meter_touch(&session->broker->counts.meter);
}

void
count_refused(struct broker *broker, const struct refusal *refusal)
{
	static const struct {
		uint32_t status;
		enum metric_number number;
	} statuses[] = {
		{ 401, METRIC_REFUSALS_PROOF },
		{ 403, METRIC_REFUSALS_FORBIDDEN },
		{ 429, METRIC_REFUSALS_RATE },
	};
	enum metric_number number = METRIC_REFUSALS_OTHER;
	size_t i;

	for (i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (statuses[i].status == refusal->status)
			number = statuses[i].number;
	tally_add(host(broker), number, 1);
	meter_touch(&broker->counts.meter);
}

void
count_reloaded(struct broker *broker, bool taken)
{
	tally_add(host(broker), taken ? METRIC_RELOADS_TAKEN :
	    METRIC_RELOADS_REFUSED, 1);
}

void
count_adopted(struct broker *broker, uint64_t taken, uint64_t refused)
{
	tally_add(host(broker), METRIC_ADOPTED_TAKEN, taken);
	tally_add(host(broker), METRIC_ADOPTED_REFUSED, refused);
}
