/* SPDX-License-Identifier: ISC */
/*
 * What all processes have counted, added up: for the host, for each pool of
 * gateways and for each tenant.  Who tells is not trusted: what it tells can
 * not go back, nor run over, and goes to its own pool's or tenant's account
 * alone.  Pure.
 */
#ifndef BROKER_TALLY_H
#define BROKER_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/metrics.h"

/* The most a number can come to; a float of 64 bits still has it exactly. */
#define TALLY_MAX (1ULL << 53)
/* The most that one who tells can say of it at a time. */
#define TALLY_STEP (1ULL << 44)

#define TALLY_NAME 64		/* bytes of a tenant's name, with its NUL */

/* An account: of the host, of a pool, of a tenant. */
struct tally_account {
	enum metric_owner owner;
	uint64_t id;		/* the pool's number, the principal */
	char name[TALLY_NAME];	/* for a label */
	bool kept;
	uint64_t values[METRICS_COUNT];
};

struct tally {
	struct tally_account **accounts;
	size_t count;
	struct tally_account host;
};

/* What one process has told so far; zero at first. */
struct tally_source {
	uint64_t last[METRICS_BLOCK];
};

void tally_init(struct tally *tally);
void tally_clear(struct tally *tally);

/*
 * The account of a tenant or pool, made if there is none yet; the host's when
 * memory is out, or for METRIC_OF_HOST.  Valid until tally_sweep().
 */
struct tally_account *tally_account(struct tally *tally,
    enum metric_owner owner, uint64_t id, const char *name);

/* Accounts of tenants that were not kept since tally_sweep_begin() go. */
void tally_sweep_begin(struct tally *tally);
void tally_keep(struct tally *tally, uint64_t principal);
void tally_sweep(struct tally *tally);

/* Count something that the broker itself knows. */
void tally_add(struct tally_account *account, enum metric_number number,
    uint64_t n);
void tally_set(struct tally_account *account, enum metric_number number,
    uint64_t value);
void tally_observe(struct tally_account *account, enum metric_number first,
    uint64_t microseconds);

/*
 * Take items of COUNTS from a process of "role".  Numbers that are not of its
 * block are passed over.  0, or -1 when the items are malformed.
 */
int tally_take(struct tally_account *account, struct tally_source *source,
    enum proto_role role, struct span counts);

/* That process has gone: what it held is held no more. */
void tally_leave(struct tally_account *account, struct tally_source *source,
    enum proto_role role);

/*
 * Walk all samples, family by family: "put" is called for each and says
 * whether to go on.
 */
void tally_walk(const struct tally *tally, bool (*put)(void *arg,
    const struct metrics_item *item), void *arg);

#endif
