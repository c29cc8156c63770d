/* SPDX-License-Identifier: ISC */
/*
 * What the broker counts, called where it happens, and what it answers when
 * all is asked for.
 */
#ifndef BROKER_COUNT_H
#define BROKER_COUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/tally.h"
#include "common/meter.h"
#include "common/proto.h"

struct broker;
struct chan;
struct refusal;
struct session;
struct tenant;

/* What the broker keeps for it. */
struct counts {
	struct tally tally;
	struct tally_source supervisor;
	struct meter meter;
};

/* One process that tells what it has counted. */
struct count_teller {
	struct tally_account *account;	/* NULL: it tells nothing */
	struct tally_source source;
	enum proto_role role;
};

/* 0, or -1: no memory. */
int count_init(struct broker *broker);
void count_clear(struct broker *broker);

/* Another order is in force. */
void count_follow(struct broker *broker);

/* A gateway of that pool, or a runner of that tenant, begins to tell. */
void count_gateway(struct broker *broker, struct count_teller *teller,
    uint32_t pool);
void count_runner(struct broker *broker, struct count_teller *teller,
    const struct tenant *tenant);
/* 0, or -1 when what it tells is malformed. */
int count_take(struct count_teller *teller, struct span counts);
void count_leave(struct count_teller *teller);
int count_supervisor(struct broker *broker, struct span counts);

/* Something happened to a session; to a connection; to the broker. */
void count_attached(struct session *session, bool resumed);
void count_attach_failed(struct broker *broker, uint64_t principal,
    enum proto_attach_failure why);
void count_takeover(struct session *session);
/* "why" is what the audit trail says. */
void count_detached(struct session *session, const char *why);
void count_ended(struct session *session);
void count_runner_up(struct session *session, uint64_t started_us);
void count_refused(struct broker *broker, const struct refusal *refusal);
void count_reloaded(struct broker *broker, bool taken);
void count_adopted(struct broker *broker, uint64_t taken, uint64_t refused);

/*
 * Answer a GB_SCRAPE from a gateway of that pool.  -1: it has no business
 * with that.
 */
int count_answer(struct broker *broker, struct chan *chan, uint32_t pool,
    const struct fields_GB_SCRAPE *scrape);

#endif
