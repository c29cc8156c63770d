/* SPDX-License-Identifier: ISC */
/*
 * What is counted, by whom, and what it is called where it is scraped.  One
 * table for all processes: each counts in its own array, by plain increments,
 * and tells the broker what has become of it; the broker adds up.  Pure.
 *
 * Numbers travel and are never used again for something else.  Each process
 * that counts has a block of them.
 */
#ifndef COMMON_METRICS_H
#define COMMON_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/proto.h"

/* Numbers of each process that counts. */
#define METRICS_BLOCK 64
#define METRICS_COUNT (4 * METRICS_BLOCK)

/* What a name in the exposition is: see holdfast-metrics(5). */
enum metric_type {
	METRIC_COUNTER,
	METRIC_GAUGE,
	METRIC_HISTOGRAM
};

/* In what it is counted; seconds are counted in microseconds. */
enum metric_unit {
	METRIC_PLAIN,
	METRIC_BYTES,
	METRIC_SECONDS
};

/* For whom it is counted apart, which is a label. */
enum metric_owner {
	METRIC_OF_HOST,		/* no label */
	METRIC_OF_POOL,		/* of gateways */
	METRIC_OF_TENANT
};

/*
 * Names: each has a type, a unit, an owner and the text of its HELP line.
 * Those of one process stand together, and in the order of its numbers.
 */
#define METRIC_FAMILIES(F) \
	F(BUILD, "holdfast_build_info", GAUGE, PLAIN, HOST, \
	    "The version of the broker, as a label; the value is 1.") \
	F(STARTED, "holdfast_start_time_seconds", GAUGE, SECONDS, HOST, \
	    "When the broker started, in seconds since the Epoch.") \
	F(SESSIONS, "holdfast_sessions", GAUGE, PLAIN, TENANT, \
	    "Sessions by what they are.") \
	F(TOMBSTONES, "holdfast_tombstones", GAUGE, PLAIN, HOST, \
	    "Ended sessions whose end is still remembered.") \
	F(ATTACHES, "holdfast_attaches_total", COUNTER, PLAIN, TENANT, \
	    "Attachments made, of new sessions and by resuming one.") \
	F(TAKEOVERS, "holdfast_takeovers_total", COUNTER, PLAIN, TENANT, \
	    "Attachments taken from a connection that had the session.") \
	F(ATTACH_FAILURES, "holdfast_attach_failures_total", COUNTER, PLAIN, \
	    TENANT, "Attaches that came to nothing, by the reason.") \
	F(DETACHES, "holdfast_detaches_total", COUNTER, PLAIN, TENANT, \
	    "Attachments that ended while their session lived, by cause.") \
	F(ENDS, "holdfast_session_ends_total", COUNTER, PLAIN, TENANT, \
	    "Sessions that ended, by the reason.") \
	F(RUNNER_START, "holdfast_runner_start_seconds", HISTOGRAM, SECONDS, \
	    TENANT, "How long runners took from their start to being ready.") \
	F(REFUSALS, "holdfast_refusals_total", COUNTER, PLAIN, HOST, \
	    "Connections that the broker did not let in, by the reason.") \
	F(GATEWAYS, "holdfast_gateways", GAUGE, PLAIN, HOST, \
	    "Gateways connected to the broker.") \
	F(WAITING, "holdfast_pending_attaches", GAUGE, PLAIN, HOST, \
	    "Attaches that wait until another connection has been asked.") \
	F(QUEUES, "holdfast_control_queue_bytes", GAUGE, BYTES, HOST, \
	    "Messages of the broker that were not taken yet, by channel.") \
	F(RELOADS, "holdfast_reloads_total", COUNTER, PLAIN, HOST, \
	    "Configurations read again, by what became of them.") \
	F(ADOPTED, "holdfast_adopted_sessions_total", COUNTER, PLAIN, HOST, \
	    "Sessions found at the broker's start, by what became of them.") \
	F(BROKER_LAG, "holdfast_broker_event_loop_lag_seconds", HISTOGRAM, \
	    SECONDS, HOST, "How late a timer of the broker was.") \
	F(CONNECTIONS, "holdfast_gateway_connections", GAUGE, PLAIN, POOL, \
	    "Connections of clients.") \
	F(ACCEPTED, "holdfast_gateway_accepted_connections_total", COUNTER, \
	    PLAIN, POOL, "Connections of clients that were accepted.") \
	F(TURNED_AWAY, "holdfast_gateway_turned_away_connections_total", \
	    COUNTER, PLAIN, POOL, \
	    "Connections refused for too many from one address.") \
	F(CLIENT_BYTES, "holdfast_client_bytes_total", COUNTER, BYTES, POOL, \
	    "Bytes read from clients and written to them, before TLS.") \
	F(REQUESTS, "holdfast_client_requests_total", COUNTER, PLAIN, POOL, \
	    "Calls and notifications of clients.") \
	F(UNSENT, "holdfast_gateway_unsent_bytes", GAUGE, BYTES, POOL, \
	    "Bytes that wait for clients to take them.") \
	F(HELD, "holdfast_gateway_incomplete_bytes", GAUGE, BYTES, POOL, \
	    "Bytes of messages of clients that are not complete.") \
	F(GATEWAY_LAG, "holdfast_gateway_event_loop_lag_seconds", HISTOGRAM, \
	    SECONDS, POOL, "How late a timer of a gateway was.") \
	F(PROCESSES, "holdfast_processes", GAUGE, PLAIN, TENANT, \
	    "Processes that run.") \
	F(STARTS, "holdfast_process_starts_total", COUNTER, PLAIN, TENANT, \
	    "Processes that were started.") \
	F(EXITS, "holdfast_process_exits_total", COUNTER, PLAIN, TENANT, \
	    "Processes that have ended, by how.") \
	F(JOB_BYTES, "holdfast_job_bytes_total", COUNTER, BYTES, TENANT, \
	    "Bytes written to processes and read from them.") \
	F(RETAINED, "holdfast_output_retained_bytes", GAUGE, BYTES, TENANT, \
	    "Output kept in memory.") \
	F(SPILLED, "holdfast_output_spilled_bytes", GAUGE, BYTES, TENANT, \
	    "Output kept in files.") \
	F(EVICTED, "holdfast_output_evicted_bytes_total", COUNTER, BYTES, \
	    TENANT, "Output that was kept and gave way to newer.") \
	F(GAPS, "holdfast_output_gaps_total", COUNTER, PLAIN, TENANT, \
	    "Gaps in output that clients were told of.") \
	F(UNACKED, "holdfast_output_unacknowledged_bytes", GAUGE, BYTES, \
	    TENANT, "Output on its way to clients.") \
	F(RUNNER_LAG, "holdfast_runner_event_loop_lag_seconds", HISTOGRAM, \
	    SECONDS, TENANT, "How late a timer of a runner was.") \
	F(RESTARTS, "holdfast_process_restarts_total", COUNTER, PLAIN, HOST, \
	    "Processes of the server that ended unasked and were replaced.") \
	F(ROLLS, "holdfast_rolls_total", COUNTER, PLAIN, HOST, \
	    "Rolling replacements of the gateways, by what became of them.") \
	F(UPGRADES, "holdfast_upgrades_total", COUNTER, PLAIN, HOST, \
	    "Upgrades in place, by what became of them.")

/*
 * Histograms: a number for each of their bounds, in seconds, then one for
 * their sum.  The last bound is also their count.
 */
#define METRIC_BOUNDS(B, name, number, family) \
	B(name, 1MS, number, family, "0.001") \
	B(name, 10MS, number + 1, family, "0.01") \
	B(name, 100MS, number + 2, family, "0.1") \
	B(name, 1S, number + 3, family, "1") \
	B(name, INF, number + 4, family, "+Inf")
#define METRIC_BOUNDS_COUNT 5

/*
 * Numbers: each belongs to a family and has labels of its own, or none.  S is
 * for simple ones, H for histograms, which take six.
 */
#define METRIC_NUMBERS(S, H) \
	S(BUILD, 0, BUILD, "version=\"" PACKAGE_VERSION "\"") \
	S(STARTED, 1, STARTED, "") \
	S(SESSIONS_ATTACHED, 2, SESSIONS, "state=\"attached\"") \
	S(SESSIONS_DETACHED, 3, SESSIONS, "state=\"detached\"") \
	S(SESSIONS_ENDING, 4, SESSIONS, "state=\"ending\"") \
	S(TOMBSTONES, 5, TOMBSTONES, "") \
	S(ATTACHES_NEW, 6, ATTACHES, "kind=\"new\"") \
	S(ATTACHES_RESUME, 7, ATTACHES, "kind=\"resume\"") \
	S(TAKEOVERS, 8, TAKEOVERS, "") \
	S(ATTACH_UNKNOWN, 9, ATTACH_FAILURES, "reason=\"unknown_session\"") \
	S(ATTACH_ELSEWHERE, 10, ATTACH_FAILURES, \
	    "reason=\"attached_elsewhere\"") \
	S(ATTACH_LIMIT, 11, ATTACH_FAILURES, "reason=\"limit\"") \
	S(ATTACH_STOPPING, 12, ATTACH_FAILURES, "reason=\"stopping\"") \
	S(ATTACH_INTERNAL, 13, ATTACH_FAILURES, "reason=\"internal\"") \
	S(DETACHES_CLIENT, 14, DETACHES, "cause=\"client\"") \
	S(DETACHES_GATEWAY, 15, DETACHES, "cause=\"gateway\"") \
	S(DETACHES_TAKEOVER, 16, DETACHES, "cause=\"takeover\"") \
	S(DETACHES_DISMISSED, 17, DETACHES, "cause=\"dismissed\"") \
	S(DETACHES_OTHER, 18, DETACHES, "cause=\"other\"") \
	S(ENDS_EXPIRED, 19, ENDS, "reason=\"expired\"") \
	S(ENDS_REQUESTED, 20, ENDS, "reason=\"requested\"") \
	S(ENDS_RUNNER_FAILED, 21, ENDS, "reason=\"runner_failed\"") \
	S(ENDS_RUNNER_LOST, 22, ENDS, "reason=\"runner_lost\"") \
	S(ENDS_SHUTDOWN, 23, ENDS, "reason=\"shutdown\"") \
	S(ENDS_GAVE_WAY, 24, ENDS, "reason=\"gave_way\"") \
	S(ENDS_GATEWAY_LOST, 25, ENDS, "reason=\"gateway_lost\"") \
	S(ENDS_TENANT_REMOVED, 26, ENDS, "reason=\"tenant_removed\"") \
	S(ENDS_RUNNER_EXITED, 27, ENDS, "reason=\"runner_exited\"") \
	S(ENDS_RUNNER_KILLED, 28, ENDS, "reason=\"runner_killed\"") \
	S(ENDS_RUNNER_MEMORY, 29, ENDS, "reason=\"runner_memory\"") \
	S(ENDS_RUNNER_BROKE, 30, ENDS, "reason=\"runner_broke\"") \
	S(ENDS_NOT_ADOPTED, 31, ENDS, "reason=\"not_adopted\"") \
	S(ENDS_OTHER, 32, ENDS, "reason=\"other\"") \
	H(RUNNER_START, 33, RUNNER_START) \
	S(REFUSALS_PROOF, 39, REFUSALS, "reason=\"unauthenticated\"") \
	S(REFUSALS_FORBIDDEN, 40, REFUSALS, "reason=\"forbidden\"") \
	S(REFUSALS_RATE, 41, REFUSALS, "reason=\"too_many_failures\"") \
	S(REFUSALS_OTHER, 42, REFUSALS, "reason=\"unavailable\"") \
	S(GATEWAYS, 43, GATEWAYS, "") \
	S(WAITING, 44, WAITING, "") \
	S(QUEUE_SUPERVISOR, 45, QUEUES, "channel=\"supervisor\"") \
	S(QUEUE_GATEWAYS, 46, QUEUES, "channel=\"gateways\"") \
	S(QUEUE_RUNNERS, 47, QUEUES, "channel=\"runners\"") \
	S(RELOADS_TAKEN, 48, RELOADS, "result=\"taken\"") \
	S(RELOADS_REFUSED, 49, RELOADS, "result=\"refused\"") \
	S(ADOPTED_TAKEN, 50, ADOPTED, "result=\"adopted\"") \
	S(ADOPTED_REFUSED, 51, ADOPTED, "result=\"refused\"") \
	H(BROKER_LAG, 52, BROKER_LAG) \
	S(CONNECTIONS, 64, CONNECTIONS, "") \
	S(ACCEPTED, 65, ACCEPTED, "") \
	S(TURNED_AWAY, 66, TURNED_AWAY, "") \
	S(CLIENT_IN, 67, CLIENT_BYTES, "direction=\"in\"") \
	S(CLIENT_OUT, 68, CLIENT_BYTES, "direction=\"out\"") \
	S(REQUESTS, 69, REQUESTS, "") \
	S(UNSENT, 70, UNSENT, "") \
	S(HELD, 71, HELD, "") \
	H(GATEWAY_LAG, 72, GATEWAY_LAG) \
	S(PROCESSES, 128, PROCESSES, "") \
	S(STARTS, 129, STARTS, "") \
	S(EXITS_SUCCESS, 130, EXITS, "result=\"success\"") \
	S(EXITS_FAILURE, 131, EXITS, "result=\"failure\"") \
	S(EXITS_SIGNAL, 132, EXITS, "result=\"signal\"") \
	S(JOB_IN, 133, JOB_BYTES, "direction=\"in\"") \
	S(JOB_OUT, 134, JOB_BYTES, "direction=\"out\"") \
	S(RETAINED, 135, RETAINED, "") \
	S(SPILLED, 136, SPILLED, "") \
	S(EVICTED, 137, EVICTED, "") \
	S(GAPS, 138, GAPS, "") \
	S(UNACKED, 139, UNACKED, "") \
	H(RUNNER_LAG, 140, RUNNER_LAG) \
	S(RESTARTS_BROKER, 192, RESTARTS, "process=\"broker\"") \
	S(RESTARTS_GATEWAY, 193, RESTARTS, "process=\"gateway\"") \
	S(ROLLS_DONE, 194, ROLLS, "result=\"done\"") \
	S(ROLLS_FAILED, 195, ROLLS, "result=\"failed\"") \
	S(UPGRADES_DONE, 196, UPGRADES, "result=\"done\"") \
	S(UPGRADES_FAILED, 197, UPGRADES, "result=\"failed\"")

enum metric_family_id {
#define F(name, text, type, unit, owner, help) METRIC_FAMILY_##name,
	METRIC_FAMILIES(F)
#undef F
	METRIC_FAMILY_COUNT
};

enum metric_number {
#define S(name, number, family, labels) METRIC_##name = number,
#define B(name, bound, number, family, text) METRIC_##name##_##bound = number,
#define H(name, number, family) \
	METRIC_BOUNDS(B, name, number, family) \
	METRIC_##name##_SUM = number + METRIC_BOUNDS_COUNT, \
	METRIC_##name = number,
	METRIC_NUMBERS(S, H)
#undef S
#undef B
#undef H
};

struct metric_family {
	const char *name;
	const char *help;
	enum metric_type type;
	enum metric_unit unit;
	enum metric_owner owner;
};

/* What a number stands for. */
struct metric {
	const struct metric_family *family;
	const char *suffix;	/* of the name: "", "_bucket", "_sum" */
	const char *labels;	/* besides the owner's */
	uint16_t number;
	bool scaled;		/* in microseconds, told in seconds */
	bool totals;		/* its value is also the "_count" */
};

/* All of them, family by family, as they are told; "*count" gets how many. */
const struct metric *metrics_table(size_t *count);
const struct metric_family *metrics_families(size_t *count);

/* What a number stands for, or NULL. */
const struct metric *metrics_find(uint32_t number);

/* Who counts a number: supervisor, broker, gateway or runner. */
enum proto_role metrics_role(uint32_t number);

/* What this process has counted. */
extern uint64_t metrics_counted[METRICS_BLOCK];

/* Count, or set a gauge; "number" is one of this process's own. */
static inline void
metrics_add(enum metric_number number, uint64_t n)
{
	metrics_counted[(unsigned int)number % METRICS_BLOCK] += n;
}

static inline void
metrics_set(enum metric_number number, uint64_t value)
{
	metrics_counted[(unsigned int)number % METRICS_BLOCK] = value;
}

/*
 * Put a duration into the histogram whose first number is "first", in
 * "values", which begins with the first number of that block.
 */
void metrics_observe(uint64_t values[METRICS_BLOCK],
    enum metric_number first, uint64_t microseconds);

/* Bytes of an item of COUNTS. */
#define METRICS_ITEM 10

/*
 * Append what differs from "told" to "w", as items of COUNTS, for "role", and
 * note it in "told".  Returns how many there are.
 */
size_t metrics_put_changes(struct writer *w, enum proto_role role,
    const uint64_t counted[METRICS_BLOCK], uint64_t told[METRICS_BLOCK]);

/* An item of COUNTS or SAMPLES. */
struct metrics_item {
	uint16_t number;
	uint64_t value;
	struct span owner;	/* of SAMPLES: a name, or nothing */
};

void metrics_put_item(struct writer *w, const struct metrics_item *item);

/* Take the next item: 1, 0 at the end, -1 when it is malformed. */
int metrics_next_item(struct span *list, struct metrics_item *item);

/*
 * Append a sample in the text format 0.0.4 of Prometheus, before it what
 * opens its family unless "*last", the family of the sample before (at first
 * NULL), is the same.  Numbers without meaning here are passed over.
 */
void metrics_format(struct writer *w, const struct metric_family **last,
    const struct metrics_item *item);

#endif
