/* SPDX-License-Identifier: ISC */
/* Telling what was counted to the gateway that is asked for it. */
#include "config.h"

#include <sys/queue.h>

#include <string.h>

#include "broker/broker.h"
#include "broker/order.h"
#include "common/chan.h"

/* Bytes of samples in one message; and of one of them at most. */
#define PART_MAX 61440
#define SAMPLE_MAX (METRICS_ITEM + TALLY_NAME + 4)

/* Answers that may wait for a gateway, in bytes, before it asks again. */
#define QUEUE_MAX (64 * 1024)

/* An answer under way. */
struct answer {
	struct chan *chan;
	uint64_t scrape;
	struct writer part;
	bool failed;
};

static void
send_part(struct answer *answer, const char *unready, bool done)
{
	struct fields_BG_SAMPLES samples = {
		.scrape = answer->scrape,
		.has_samples = answer->part.len > 0,
		.samples = { answer->part.p, answer->part.len },
		.done = done,
		.has_ready = done,
		.ready = unready == NULL,
		.has_text = done && unready != NULL,
	};

	if (samples.has_text)
		samples.text = span_str(unready);
	if (chan_send(answer->chan, MSG_BG_SAMPLES, &samples, NULL, 0) == -1)
		answer->failed = true;
	writer_reset(&answer->part);
}

static bool
put(void *arg, const struct metrics_item *item)
{
	struct answer *answer = arg;

	if (answer->part.len + SAMPLE_MAX > PART_MAX)
		send_part(answer, NULL, false);
	metrics_put_item(&answer->part, item);
	return !answer->failed;
}

static void
set_sessions(struct broker *broker)
{
	static const enum metric_number numbers[REGISTRY_STATE_COUNT] = {
		[REGISTRY_STATE_ATTACHED] = METRIC_SESSIONS_ATTACHED,
		[REGISTRY_STATE_DETACHED] = METRIC_SESSIONS_DETACHED,
		[REGISTRY_STATE_ENDING] = METRIC_SESSIONS_ENDING,
	};
	struct tally *tally = &broker->counts.tally;
	const struct registry_record *record;
	const struct session *session;
	struct tally_account *account;
	uint64_t tombstones = 0;
	uint32_t slot;
	size_t i;

	for (i = 0; i < tally->count; i++)
		memset(&tally->accounts[i]->values[METRIC_SESSIONS_ATTACHED],
		    0, 3 * sizeof(uint64_t));
	for (slot = 0; slot < registry_slots(broker->registry); slot++) {
		record = registry_get(broker->registry, slot);
		if (record == NULL)
			continue;
		if (record->state == REGISTRY_STATE_TOMBSTONE)
			tombstones++;
		session = &broker->sessions[slot];
		if (!session->live || numbers[record->state] == 0)
			continue;
		account = tally_account(tally, METRIC_OF_TENANT,
		    session->tenant->principal, session->tenant->name);
		account->values[numbers[record->state]]++;
	}
	tally_set(&tally->host, METRIC_TOMBSTONES, tombstones);
}

static void
set_queues(struct broker *broker)
{
	struct tally_account *host = &broker->counts.tally.host;
	uint64_t gates = 0, gate_bytes = 0, run_bytes = 0;
	struct gate *gate = NULL;
	uint32_t slot;

	while ((gate = gate_next(broker, gate)) != NULL) {
		gates++;
		gate_bytes += chan_queued(gate_chan(gate));
	}
	for (slot = 0; slot < registry_slots(broker->registry); slot++)
		if (broker->sessions[slot].live &&
		    broker->sessions[slot].run != NULL)
			run_bytes += run_queued(broker->sessions[slot].run);
	tally_set(host, METRIC_GATEWAYS, gates);
	tally_set(host, METRIC_WAITING, broker->npendings);
	tally_set(host, METRIC_QUEUE_GATEWAYS, gate_bytes);
	tally_set(host, METRIC_QUEUE_RUNNERS, run_bytes);
	tally_set(host, METRIC_QUEUE_SUPERVISOR, broker->superior == NULL ?
	    0 : chan_queued(broker->superior));
}

/* What the meter counts of the loop is of the process, not of the host. */
static void
set_lag(struct broker *broker)
{
	uint64_t *values = broker->counts.tally.host.values;

	memcpy(&values[METRIC_BROKER_LAG],
	    &metrics_counted[METRIC_BROKER_LAG],
	    (METRIC_BOUNDS_COUNT + 1) * sizeof(*values));
}

static bool
is_for_scrapes(const struct broker *broker, uint32_t pool)
{
	const struct order *order = broker->order;
	size_t i;

	for (i = 0; order != NULL && i < order->nlisteners; i++)
		if (order->listeners[i].pool == pool &&
		    order->listeners[i].metrics)
			return true;
	return false;
}

static const char *
unready(const struct broker *broker)
{
	if (broker->stopping)
		return "the server is stopping";
	return broker->draining ? "no new sessions are taken: draining" : NULL;
}

int
count_answer(struct broker *broker, struct chan *chan, uint32_t pool,
    const struct fields_GB_SCRAPE *scrape)
{
	struct answer answer = { .chan = chan, .scrape = scrape->scrape };

	if (!is_for_scrapes(broker, pool))
		return -1;
	writer_init(&answer.part, PART_MAX);
	/* Who does not read what it asks for gets no more of it. */
	if (scrape->full && chan_queued(chan) < QUEUE_MAX) {
		set_sessions(broker);
		set_queues(broker);
		set_lag(broker);
		tally_walk(&broker->counts.tally, put, &answer);
	}
	send_part(&answer, unready(broker), true);
	writer_clear(&answer.part);
	return 0;
}
