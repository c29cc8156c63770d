/* SPDX-License-Identifier: ISC */
/*
 * What the broker lets this session use up of its tenant's budgets.  Some is
 * there ahead; who needs more waits for the answer, and all that the client
 * has sent behind it.
 */
#ifndef RUNNER_LEND_H
#define RUNNER_LEND_H

#include <stdbool.h>
#include <stdint.h>

#include "common/proto.h"

struct attach;
struct runner;

#define LEND_FREE UINT64_MAX	/* no limit, or none that is told */

/* The amounts at the beginning: all free. */
void lend_init(uint64_t amounts[BUDGET_COUNT]);

/*
 * Whether a request can be served now.  If not, it is put aside: it is served
 * when there is room, or refused; nothing is left to do.
 */
bool lend_admits(struct attach *attach, const struct proto_head *head,
    const union proto_any *msg, const uint8_t *payload);

/* The broker has said something; see PROTOCOL. */
void lend_told(struct runner *runner, const struct fields_LEASE *lease);
void lend_recalled(struct runner *runner, enum proto_budget budget);

/* A new broker is to know all that the former one did. */
void lend_repeat(struct runner *runner);

/* Less is in use than was: what is not needed soon goes back. */
void lend_settle(struct runner *runner);

/* More output is retained: ask for room before there is none. */
void lend_output(struct runner *runner);

/*
 * The same for output in files; returns how many more bytes may be there now.
 * The answer, if that was asked for, comes to spill_lent().
 */
uint64_t lend_spilled(struct runner *runner);

/* What was put aside is nobody's any more. */
void lend_forget(struct runner *runner);

#endif
