/* SPDX-License-Identifier: ISC */
/*
 * How much of what can run out a tenant may have and has, and the host with
 * all its tenants.  Who wants something takes it from both accounts or from
 * neither.  Pure: time is an argument, in milliseconds of any clock that does
 * not go back.
 */
#ifndef BROKER_BUDGET_H
#define BROKER_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/proto.h"

/* Larger limits are taken as this; it leaves room to count in thousandths. */
#define BUDGET_LIMIT_MAX (UINT64_MAX / 1024 / 1024)

#define BUDGET_TEXT_SIZE 192	/* bytes, see budget_refusal_text() */

/*
 * Of a budget "per second" up to the limit may be used at once, and it comes
 * back at that rate; "used" is then what has not come back, in thousandths.
 */
struct budget_account {
	const char *whose;		/* "the host", "tenant alice" */
	uint64_t limit[BUDGET_COUNT];	/* by enum proto_budget; 0: none */
	uint64_t used[BUDGET_COUNT];
	uint64_t seen_ms[BUDGET_COUNT];
};

/* Which account had no room for what; everything borrowed from it. */
struct budget_refusal {
	const char *whose;
	enum proto_budget budget;
	uint64_t limit;
	uint64_t retry_ms;	/* when it may do, or 0: when others give */
};

/* "whose" is borrowed and must live as long as the account. */
void budget_init(struct budget_account *account, const char *whose);

/* Set all limits; what is in use stays counted. */
void budget_set_limits(struct budget_account *account,
    const uint64_t limits[BUDGET_COUNT]);

/* Its name in the configuration and in errors, or NULL for no budget. */
const char *budget_name(enum proto_budget budget);

/* Whether it is "per second": what was taken comes back by itself. */
bool budget_is_rate(enum proto_budget budget);

/* Whether neither account has a limit. */
bool budget_is_free(const struct budget_account *tenant,
    const struct budget_account *host, enum proto_budget budget);

/* How much could be taken now; UINT64_MAX without limits. */
uint64_t budget_left(const struct budget_account *tenant,
    const struct budget_account *host, enum proto_budget budget,
    uint64_t now_ms);

/*
 * Whether both have room; if not, "*refusal" (NULL is fine) says which has
 * none.
 */
bool budget_has(const struct budget_account *tenant,
    const struct budget_account *host, enum proto_budget budget,
    uint64_t amount, uint64_t now_ms, struct budget_refusal *refusal);

/* The same, and if so it is taken from both. */
bool budget_take(struct budget_account *tenant, struct budget_account *host,
    enum proto_budget budget, uint64_t amount, uint64_t now_ms,
    struct budget_refusal *refusal);

/* Count what is in use already, whatever the limit; not for rates. */
void budget_force(struct budget_account *tenant, struct budget_account *host,
    enum proto_budget budget, uint64_t amount);

/* Give back what was taken; does nothing for rates. */
void budget_give(struct budget_account *tenant, struct budget_account *host,
    enum proto_budget budget, uint64_t amount);

/* For whoever was refused.  Returns "out". */
const char *budget_refusal_text(const struct budget_refusal *refusal,
    char out[BUDGET_TEXT_SIZE]);

#endif
