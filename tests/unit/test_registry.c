/* SPDX-License-Identifier: ISC */
/* The life of sessions: the whole table, and each rule by its name. */
#include "config.h"

#include <criterion/criterion.h>
#include <string.h>

#include "broker/registry.h"
#include "broker/slotindex.h"

#define TTL 80000
#define GRACE 1000
#define KEEP 600000

TestSuite(registry, .timeout = 20);

static struct registry *
make(uint32_t sessions, uint32_t tombstones)
{
	struct registry_config config = {
		.sessions_max = sessions,
		.tombstones_max = tombstones,
		.tombstone_ms = KEEP,
		.hash_key = 0x1234567,
	};
	struct registry *reg = registry_new(&config);

	cr_assert_not_null(reg);
	return reg;
}

static struct registry_claim
claim_by(uint32_t gateway, uint64_t handle)
{
	struct registry_claim claim = {
		.handle = handle,
		.ttl_ms = TTL,
		.gateway = gateway,
		.principal = 1000,
	};

	ident_make(&claim.nonce);
	return claim;
}

static uint32_t
attach_new(struct registry *reg, uint64_t now_ms)
{
	struct registry_claim claim = claim_by(1, 7);
	struct ident id;
	uint32_t slot;

	ident_make(&id);
	cr_assert_eq(registry_attach(reg, &claim, &id, now_ms, &slot),
	    REGISTRY_DONE);
	return slot;
}

static enum registry_verdict
resume(struct registry *reg, uint32_t slot, uint64_t now_ms)
{
	struct registry_claim claim = claim_by(2, 9);
	struct ident id = registry_get(reg, slot)->id;

	return registry_resume(reg, &claim, &id, now_ms, &slot);
}

static void
bring_to(struct registry *reg, uint32_t slot, enum registry_state state)
{
	if (state == REGISTRY_STATE_DETACHED)
		registry_detach(reg, slot, 1, 0);
	if (state == REGISTRY_STATE_ENDING || state == REGISTRY_STATE_TOMBSTONE)
		registry_end(reg, slot, REGISTRY_REASON_REQUESTED, 0, GRACE);
	if (state == REGISTRY_STATE_TOMBSTONE)
		registry_ended(reg, slot, 0, 1);
	cr_assert_eq(registry_get(reg, slot)->state, state);
}

static uint8_t
state_of(const struct registry *reg, uint32_t slot)
{
	const struct registry_record *record = registry_get(reg, slot);

	return record == NULL ? REGISTRY_STATE_FREE : record->state;
}

/* One row a state, one column an event, in their order; '-' is impossible. */
static const char *const legal[] = {
	/* NEW RESUME REPEAT DETACH EXPIRE END ENDED FORGET */
	[REGISTRY_STATE_FREE] = "A-------",
	[REGISTRY_STATE_ATTACHED] = "--AD-E--",
	[REGISTRY_STATE_DETACHED] = "-AA-EE--",
	[REGISTRY_STATE_ENDING] = "----E-T-",
	[REGISTRY_STATE_TOMBSTONE] = "-------F",
};
static const char letters[] = "FADET-";

Test(registry, the_whole_table_of_states_and_events)
{
	unsigned int state, event;

	for (state = 0; state < REGISTRY_STATE_COUNT; state++) {
		cr_assert_eq(strlen(legal[state]), REGISTRY_EVENT_COUNT);
		for (event = 0; event < REGISTRY_EVENT_COUNT; event++)
			cr_assert_eq(letters[registry_next_state(state, event)],
			    legal[state][event], "%s, %s",
			    registry_state_name(state),
			    registry_event_name(event));
	}
}

Test(registry, the_whole_table_of_runners)
{
	/* START UP LOSS UNDO */
	static const char *const rows[] = { "S---", "-RLN", "--L-", "----" };
	unsigned int runner, event;

	for (runner = 0; runner < REGISTRY_RUNNER_COUNT; runner++)
		for (event = 0; event < REGISTRY_RUNNER_EVENT_COUNT; event++)
			cr_assert_eq("NSRL-"[registry_next_runner(runner,
					 event)],
			    rows[runner][event], "%s, %u",
			    registry_runner_name(runner), event);
}

/* The calls keep to the table in every state, and say so. */
Test(registry, every_call_in_every_state)
{
	static const struct {
		uint8_t resumed, detached, ended, finished, expired;
	} after[] = {
#define S(name) REGISTRY_STATE_##name
		[S(ATTACHED)] = { S(ATTACHED), S(DETACHED), S(ENDING),
		    S(ATTACHED), S(ATTACHED) },
		[S(DETACHED)] = { S(ATTACHED), S(DETACHED), S(ENDING),
		    S(DETACHED), S(ENDING) },
		[S(ENDING)] = { S(ENDING), S(ENDING), S(ENDING), S(TOMBSTONE),
		    S(ENDING) },
		[S(TOMBSTONE)] = { S(TOMBSTONE), S(TOMBSTONE), S(TOMBSTONE),
		    S(TOMBSTONE), S(FREE) },
#undef S
	};
	enum registry_state state;
	struct registry *reg;
	uint32_t slots[5], slot;
	size_t i;

	for (state = REGISTRY_STATE_ATTACHED; state < REGISTRY_STATE_COUNT;
	    state++) {
		reg = make(8, 8);
		for (i = 0; i < 5; i++) {
			slots[i] = attach_new(reg, 0);
			bring_to(reg, slots[i], state);
		}
		resume(reg, slots[0], 10);
		cr_expect_eq(state_of(reg, slots[0]), after[state].resumed);
		registry_detach(reg, slots[1], 1, 10);
		cr_expect_eq(state_of(reg, slots[1]), after[state].detached);
		registry_end(reg, slots[2], REGISTRY_REASON_SHUTDOWN, 10, 9);
		cr_expect_eq(state_of(reg, slots[2]), after[state].ended);
		registry_ended(reg, slots[3], 10, 10);
		cr_expect_eq(state_of(reg, slots[3]), after[state].finished);
		while (registry_expire(reg, KEEP, GRACE, &slot) !=
		    REGISTRY_STATE_FREE)
			continue;
		cr_expect_eq(state_of(reg, slots[4]), after[state].expired);
		registry_free(reg);
	}
}

Test(registry, a_new_session_is_generation_1_and_has_no_deadline)
{
	struct registry *reg = make(4, 4);
	uint32_t slot = attach_new(reg, 5);
	const struct registry_record *record = registry_get(reg, slot);

	cr_assert_eq(record->generation, 1);
	cr_assert_eq(record->state, REGISTRY_STATE_ATTACHED);
	cr_assert_eq(record->runner, REGISTRY_RUNNER_NONE);
	cr_assert_eq(record->gateway, 1);
	cr_assert_eq(record->handle, 7);
	cr_assert_eq(registry_find(reg, &record->id), slot);
	cr_assert_eq(registry_next_deadline(reg), REGISTRY_NEVER);
	cr_assert_eq(registry_count(reg), 1);
	registry_free(reg);
}

Test(registry, each_attachment_has_the_next_generation)
{
	struct registry *reg = make(4, 4);
	uint32_t slot = attach_new(reg, 0);
	uint64_t n;

	for (n = 1; n < 50; n++) {
		cr_assert_eq(registry_get(reg, slot)->generation, n);
		cr_assert_eq(registry_detach(reg, slot, n, n), REGISTRY_DONE);
		cr_assert_eq(registry_get(reg, slot)->generation, n);
		cr_assert_eq(resume(reg, slot, n), REGISTRY_DONE);
	}
	registry_free(reg);
}

Test(registry, a_stale_detach_does_nothing)
{
	struct registry *reg = make(4, 4);
	uint32_t slot = attach_new(reg, 0);

	registry_detach(reg, slot, 1, 1);
	resume(reg, slot, 2);
	cr_assert_eq(registry_detach(reg, slot, 1, 3), REGISTRY_STALE);
	cr_assert_eq(registry_detach(reg, slot, 3, 3), REGISTRY_STALE);
	cr_assert_eq(state_of(reg, slot), REGISTRY_STATE_ATTACHED);
	cr_assert_eq(registry_get(reg, slot)->gateway, 2);
	cr_assert_eq(registry_detach(reg, slot, 2, 3), REGISTRY_DONE);
	cr_assert_eq(registry_detach(reg, slot, 2, 9), REGISTRY_STALE);
	cr_assert_eq(registry_get(reg, slot)->deadline_ms, 3 + TTL,
	    "a second detach must not lengthen the time to live");
	cr_assert_eq(registry_detach(reg, 3, 1, 3), REGISTRY_STALE);
	cr_assert_eq(registry_detach(reg, 99, 1, 3), REGISTRY_STALE);
	registry_free(reg);
}

Test(registry, an_attached_session_is_exclusive)
{
	struct registry *reg = make(4, 4);
	uint32_t slot = attach_new(reg, 0), which;
	struct registry_claim claim = claim_by(1, 8);
	struct ident id = registry_get(reg, slot)->id;

	cr_assert_eq(registry_resume(reg, &claim, &id, 1, &which),
	    REGISTRY_ATTACHED_ELSEWHERE);
	cr_assert_eq(which, slot);
	cr_assert_eq(registry_get(reg, slot)->handle, 7);
	cr_assert_eq(registry_get(reg, slot)->generation, 1);
	registry_free(reg);
}

Test(registry, a_holder_proven_gone_makes_way)
{
	struct registry *reg = make(4, 4);
	uint32_t slot = attach_new(reg, 0), which;
	struct registry_claim one = claim_by(1, 8), two = claim_by(1, 9);
	struct ident id = registry_get(reg, slot)->id;

	/* Two ask at once; one wins, and the other's proof is stale then. */
	registry_resume(reg, &one, &id, 1, &which);
	registry_resume(reg, &two, &id, 1, &which);
	cr_assert_eq(registry_detach(reg, slot, 1, 2), REGISTRY_DONE);
	cr_assert_eq(registry_resume(reg, &one, &id, 2, &which),
	    REGISTRY_DONE);
	cr_assert_eq(registry_detach(reg, slot, 1, 2), REGISTRY_STALE);
	cr_assert_eq(registry_resume(reg, &two, &id, 2, &which),
	    REGISTRY_ATTACHED_ELSEWHERE);
	cr_assert_eq(registry_get(reg, slot)->handle, 8);
	registry_free(reg);
}

Test(registry, a_resume_before_the_deadline_wins)
{
	struct registry *reg = make(4, 4);
	uint32_t slot = attach_new(reg, 0);

	registry_detach(reg, slot, 1, 100);
	cr_assert_eq(resume(reg, slot, 100 + TTL - 1), REGISTRY_DONE);
	registry_free(reg);
}

Test(registry, a_resume_at_the_deadline_loses_though_no_timer_fired)
{
	struct registry *reg = make(4, 4);
	uint32_t slot = attach_new(reg, 0);

	registry_detach(reg, slot, 1, 100);
	cr_assert_eq(resume(reg, slot, 100 + TTL), REGISTRY_UNKNOWN);
	cr_assert_eq(resume(reg, slot, 100 + TTL + 1), REGISTRY_UNKNOWN);
	cr_assert_eq(registry_expire(reg, 100 + TTL, GRACE, &slot),
	    REGISTRY_STATE_DETACHED);
	cr_assert_eq(resume(reg, slot, 100), REGISTRY_UNKNOWN);
	registry_free(reg);
}

Test(registry, reattaching_cancels_the_expiry)
{
	struct registry *reg = make(4, 4);
	uint32_t slot = attach_new(reg, 0), due;

	registry_detach(reg, slot, 1, 0);
	cr_assert_eq(registry_next_deadline(reg), TTL);
	resume(reg, slot, TTL - 1);
	cr_assert_eq(registry_next_deadline(reg), REGISTRY_NEVER);
	cr_assert_eq(registry_expire(reg, 10 * TTL, GRACE, &due),
	    REGISTRY_STATE_FREE);
	cr_assert_eq(state_of(reg, slot), REGISTRY_STATE_ATTACHED);
	registry_free(reg);
}

Test(registry, each_detach_starts_a_fresh_time_to_live)
{
	struct registry *reg = make(4, 4);
	uint32_t slot = attach_new(reg, 0);

	registry_detach(reg, slot, 1, 0);
	resume(reg, slot, TTL - 1);
	registry_detach(reg, slot, 2, TTL);
	cr_assert_eq(registry_next_deadline(reg), 2 * TTL);
	cr_assert_eq(resume(reg, slot, 2 * TTL - 1), REGISTRY_DONE);
	registry_free(reg);
}

Test(registry, a_time_to_live_without_end_does_not_wrap)
{
	struct registry *reg = make(4, 4);
	struct registry_claim claim = claim_by(1, 1);
	struct ident id;
	uint32_t slot;

	claim.ttl_ms = UINT64_MAX;
	ident_make(&id);
	registry_attach(reg, &claim, &id, 5, &slot);
	registry_detach(reg, slot, 1, 5);
	cr_assert_eq(registry_next_deadline(reg), REGISTRY_NEVER);
	cr_assert_eq(resume(reg, slot, UINT64_MAX - 1), REGISTRY_DONE);
	registry_free(reg);
}

/* Who comes back without asking for another one has what he had. */
Test(registry, a_time_to_live_stays_until_another_is_asked_for)
{
	struct registry *reg = make(4, 4);
	struct registry_claim claim = claim_by(1, 1);
	struct ident id;
	uint32_t slot;

	claim.ttl_ms = 70;
	ident_make(&id);
	registry_attach(reg, &claim, &id, 0, &slot);
	registry_detach(reg, slot, 1, 0);
	cr_assert_eq(registry_next_deadline(reg), 70);
	claim = claim_by(1, 2);
	claim.ttl_ms = 0;
	cr_assert_eq(registry_resume(reg, &claim, &id, 10, &slot),
	    REGISTRY_DONE);
	registry_detach(reg, slot, 2, 10);
	cr_assert_eq(registry_next_deadline(reg), 80);
	claim = claim_by(1, 3);
	claim.ttl_ms = 5;
	cr_assert_eq(registry_resume(reg, &claim, &id, 20, &slot),
	    REGISTRY_DONE);
	registry_detach(reg, slot, 3, 20);
	cr_assert_eq(registry_next_deadline(reg), 25);
	registry_free(reg);
}

Test(registry, a_repeated_attach_makes_no_second_session)
{
	struct registry *reg = make(4, 4);
	struct registry_claim claim = claim_by(1, 7);
	struct ident first, second;
	uint32_t slot, again;

	ident_make(&first);
	ident_make(&second);
	registry_attach(reg, &claim, &first, 0, &slot);
	claim.gateway = 2;
	claim.handle = 70;
	cr_assert_eq(registry_attach(reg, &claim, &second, 1, &again),
	    REGISTRY_REPEATED);
	cr_assert_eq(again, slot);
	cr_assert_eq(registry_count(reg), 1);
	cr_assert(ident_equal(&registry_get(reg, slot)->id, &first));
	cr_assert_eq(registry_get(reg, slot)->generation, 2);
	cr_assert_eq(registry_get(reg, slot)->gateway, 2);
	cr_assert_eq(registry_find(reg, &second), REGISTRY_NO_SLOT);
	registry_free(reg);
}

Test(registry, a_repeated_attach_finds_its_session_detached)
{
	struct registry *reg = make(4, 4);
	struct registry_claim claim = claim_by(1, 7);
	struct ident id;
	uint32_t slot, again;

	ident_make(&id);
	registry_attach(reg, &claim, &id, 0, &slot);
	registry_detach(reg, slot, 1, 1);
	cr_assert_eq(registry_attach(reg, &claim, &id, 2, &again),
	    REGISTRY_REPEATED);
	cr_assert_eq(again, slot);
	cr_assert_eq(state_of(reg, slot), REGISTRY_STATE_ATTACHED);
	cr_assert_eq(registry_next_deadline(reg), REGISTRY_NEVER);
	registry_free(reg);
}

Test(registry, a_repeated_attach_of_an_ended_session_starts_none)
{
	struct registry *reg = make(4, 4);
	struct registry_claim claim = claim_by(1, 7);
	struct ident id, other;
	uint32_t slot;

	ident_make(&id);
	ident_make(&other);
	registry_attach(reg, &claim, &id, 0, &slot);
	bring_to(reg, slot, REGISTRY_STATE_ENDING);
	cr_assert_eq(registry_attach(reg, &claim, &other, 2, &slot),
	    REGISTRY_UNKNOWN);
	registry_ended(reg, slot, 3, 3);
	cr_assert_eq(registry_attach(reg, &claim, &other, 4, &slot),
	    REGISTRY_UNKNOWN);
	cr_assert_eq(registry_count(reg), 0);
	registry_free(reg);
}

Test(registry, a_repeated_resume_is_not_turned_away)
{
	struct registry *reg = make(4, 4);
	struct registry_claim claim = claim_by(3, 3);
	uint32_t slot = attach_new(reg, 0), again;
	struct ident id = registry_get(reg, slot)->id;

	registry_detach(reg, slot, 1, 1);
	cr_assert_eq(registry_resume(reg, &claim, &id, 2, &again),
	    REGISTRY_DONE);
	cr_assert_eq(registry_resume(reg, &claim, &id, 3, &again),
	    REGISTRY_REPEATED);
	cr_assert_eq(registry_get(reg, slot)->generation, 3);
	registry_free(reg);
}

Test(registry, the_nonce_of_another_principal_is_another_request)
{
	struct registry *reg = make(4, 4);
	struct registry_claim claim = claim_by(1, 7);
	struct ident one, two;
	uint32_t slot, other;

	ident_make(&one);
	ident_make(&two);
	registry_attach(reg, &claim, &one, 0, &slot);
	claim.principal++;
	cr_assert_eq(registry_attach(reg, &claim, &two, 0, &other),
	    REGISTRY_DONE);
	cr_assert_neq(other, slot);
	registry_free(reg);
}

Test(registry, no_nonce_is_never_a_repetition)
{
	struct registry *reg = make(4, 4);
	struct registry_claim claim = { .gateway = 1, .ttl_ms = TTL };
	struct ident one, two;
	uint32_t slot, other;

	ident_make(&one);
	ident_make(&two);
	registry_attach(reg, &claim, &one, 0, &slot);
	cr_assert_eq(registry_attach(reg, &claim, &two, 0, &other),
	    REGISTRY_DONE);
	cr_assert_eq(registry_count(reg), 2);
	registry_free(reg);
}

Test(registry, the_session_of_another_principal_is_unknown)
{
	struct registry *reg = make(4, 4);
	uint32_t slot = attach_new(reg, 0), which;
	struct registry_claim claim = claim_by(1, 8);
	struct ident id = registry_get(reg, slot)->id;
	enum registry_state state;

	claim.principal++;
	for (state = REGISTRY_STATE_ATTACHED; state < REGISTRY_STATE_COUNT;
	    state++) {
		if (state != REGISTRY_STATE_TOMBSTONE)
			bring_to(reg, slot, state);
		else
			registry_ended(reg, slot, 0, 0);
		which = slot;
		cr_assert_eq(registry_resume(reg, &claim, &id, 1, &which),
		    REGISTRY_UNKNOWN);
		cr_assert_eq(which, REGISTRY_NO_SLOT);
	}
	registry_free(reg);
}

Test(registry, an_identifier_never_made_is_unknown)
{
	struct registry *reg = make(4, 4);
	struct registry_claim claim = claim_by(1, 8);
	struct ident id;
	uint32_t slot;

	ident_make(&id);
	cr_assert_eq(registry_resume(reg, &claim, &id, 1, &slot),
	    REGISTRY_UNKNOWN);
	cr_assert_eq(slot, REGISTRY_NO_SLOT);
	registry_free(reg);
}

Test(registry, a_lost_gateway_loses_all_that_it_held_and_no_more)
{
	struct registry *reg = make(16, 4);
	struct registry_claim claim;
	struct ident id;
	uint32_t slot, i, found = 0;

	for (i = 0; i < 12; i++) {
		claim = claim_by(1 + i % 3, i);
		ident_make(&id);
		registry_attach(reg, &claim, &id, 0, &slot);
	}
	for (slot = registry_held_by(reg, 2, 0); slot != REGISTRY_NO_SLOT;
	    slot = registry_held_by(reg, 2, slot + 1)) {
		registry_detach(reg, slot, 1, 5);
		found++;
	}
	cr_assert_eq(found, 4);
	cr_assert_eq(registry_held_by(reg, 2, 0), REGISTRY_NO_SLOT);
	for (slot = 0; slot < registry_slots(reg); slot++)
		cr_assert_eq(state_of(reg, slot), slot % 3 == 1 ?
		    REGISTRY_STATE_DETACHED : REGISTRY_STATE_ATTACHED);
	registry_free(reg);
}

Test(registry, expiry_ends_the_session_then_its_grace_ends)
{
	struct registry *reg = make(4, 4);
	uint32_t slot = attach_new(reg, 0), due;

	registry_detach(reg, slot, 1, 0);
	cr_assert_eq(registry_expire(reg, TTL - 1, GRACE, &due),
	    REGISTRY_STATE_FREE);
	cr_assert_eq(registry_expire(reg, TTL, GRACE, &due),
	    REGISTRY_STATE_DETACHED);
	cr_assert_eq(due, slot);
	cr_assert_eq(registry_get(reg, slot)->reason, REGISTRY_REASON_EXPIRED);
	cr_assert_eq(registry_expire(reg, TTL, GRACE, &due),
	    REGISTRY_STATE_FREE);
	cr_assert_eq(registry_next_deadline(reg), TTL + GRACE);
	cr_assert_eq(registry_expire(reg, TTL + GRACE, GRACE, &due),
	    REGISTRY_STATE_ENDING);
	cr_assert_eq(due, slot);
	cr_assert_eq(registry_next_deadline(reg), TTL + 2 * GRACE,
	    "what has not ended is looked at again");
	registry_free(reg);
}

Test(registry, no_grace_still_comes_to_rest)
{
	struct registry *reg = make(4, 4);
	uint32_t slot = attach_new(reg, 0), due;

	registry_detach(reg, slot, 1, 0);
	cr_assert_eq(registry_expire(reg, TTL, 0, &due),
	    REGISTRY_STATE_DETACHED);
	cr_assert_eq(registry_expire(reg, TTL, 0, &due), REGISTRY_STATE_FREE);
	registry_free(reg);
}

Test(registry, ended_is_said_only_once_and_only_after_ending)
{
	struct registry *reg = make(4, 4);
	uint32_t slot = attach_new(reg, 0);

	cr_assert_eq(registry_ended(reg, slot, 1, 1), REGISTRY_ILLEGAL);
	cr_assert_eq(registry_end(reg, slot, REGISTRY_REASON_REQUESTED, 1, 9),
	    REGISTRY_DONE);
	cr_assert_eq(registry_end(reg, slot, REGISTRY_REASON_SHUTDOWN, 2, 9),
	    REGISTRY_ILLEGAL);
	cr_assert_eq(registry_count(reg), 1, "ending is not ended");
	cr_assert_eq(registry_ended(reg, slot, 3, 3), REGISTRY_DONE);
	cr_assert_eq(registry_ended(reg, slot, 4, 4), REGISTRY_ILLEGAL);
	cr_assert_eq(registry_count(reg), 0);
	registry_free(reg);
}

Test(registry, a_tombstone_tells_why_and_when_for_a_while)
{
	struct registry *reg = make(4, 4);
	uint32_t slot = attach_new(reg, 0), which;
	struct registry_claim claim = claim_by(1, 8);
	struct ident id = registry_get(reg, slot)->id;

	registry_end(reg, slot, REGISTRY_REASON_RUNNER_LOST, 10, GRACE);
	registry_ended(reg, slot, 20, 1700000000000);
	cr_assert_eq(registry_resume(reg, &claim, &id, 21, &which),
	    REGISTRY_UNKNOWN);
	cr_assert_eq(which, slot);
	cr_assert_eq(registry_get(reg, which)->reason,
	    REGISTRY_REASON_RUNNER_LOST);
	cr_assert_eq(registry_get(reg, which)->ended_wall_ms, 1700000000000);
	cr_assert_eq(registry_next_deadline(reg), 20 + KEEP);
	cr_assert_eq(registry_expire(reg, 20 + KEEP - 1, GRACE, &which),
	    REGISTRY_STATE_FREE);
	cr_assert_eq(registry_expire(reg, 20 + KEEP, GRACE, &which),
	    REGISTRY_STATE_TOMBSTONE);
	cr_assert_eq(registry_find(reg, &id), REGISTRY_NO_SLOT);
	cr_assert_null(registry_get(reg, slot));
	cr_assert_eq(registry_next_deadline(reg), REGISTRY_NEVER);
	registry_free(reg);
}

Test(registry, why_it_ended_can_become_more_precise_and_nothing_else)
{
	struct registry *reg = make(2, 4);
	enum registry_reason given, more;
	uint32_t slot;
	int right;

	for (given = 1; given < REGISTRY_REASON_COUNT; given++)
		for (more = 0; more < REGISTRY_REASON_COUNT; more++) {
			slot = attach_new(reg, 0);
			cr_assert_eq(registry_explain(reg, slot, more, 7),
			    REGISTRY_ILLEGAL, "it has not ended");
			registry_end(reg, slot, given, 0, GRACE);
			right = given == more ||
			    (registry_reason_general(more) == given);
			cr_assert_eq(registry_explain(reg, slot, more, 7),
			    right ? REGISTRY_DONE : REGISTRY_ILLEGAL);
			cr_assert_eq(registry_get(reg, slot)->reason,
			    right ? more : given);
			cr_assert_eq(registry_get(reg, slot)->detail,
			    right ? 7u : 0u);
			cr_assert(registry_record_valid(registry_get(reg,
			    slot)));
			registry_ended(reg, slot, 0, 1);
			cr_assert_eq(registry_explain(reg, slot, given, 8),
			    REGISTRY_ILLEGAL, "it is told already");
		}
	cr_assert_eq(registry_explain(reg, 99, given, 8), REGISTRY_ILLEGAL);
	registry_free(reg);
}

Test(registry, general_reasons_include_themselves)
{
	enum registry_reason reason, general;

	for (reason = 0; reason < REGISTRY_REASON_COUNT; reason++) {
		general = registry_reason_general(reason);
		cr_assert_eq(registry_reason_general(general), general);
		cr_assert_str_neq(registry_reason_name(reason), "?");
		cr_assert_str_neq(registry_reason_text(reason), "?");
	}
	cr_assert_eq(registry_reason_general(REGISTRY_REASON_RUNNER_KILLED),
	    REGISTRY_REASON_RUNNER_LOST);
	cr_assert_str_eq(registry_reason_name(REGISTRY_REASON_GAVE_WAY),
	    "GAVE_WAY");
	cr_assert_str_eq(registry_reason_name(99), "?");
}

Test(registry, the_oldest_tombstone_gives_way)
{
	struct registry *reg = make(2, 3);
	struct ident ids[8];
	uint32_t slot;
	size_t i;

	for (i = 0; i < 8; i++) {
		slot = attach_new(reg, i);
		ids[i] = registry_get(reg, slot)->id;
		registry_end(reg, slot, REGISTRY_REASON_REQUESTED, i, GRACE);
		registry_ended(reg, slot, i, i);
	}
	for (i = 0; i < 8; i++)
		cr_assert_eq(registry_find(reg, &ids[i]) != REGISTRY_NO_SLOT,
		    i >= 5, "session %zu", i);
	cr_assert_leq(registry_slots(reg), 5);
	registry_free(reg);
}

Test(registry, no_tombstones_wanted_none_kept)
{
	struct registry *reg = make(1, 0);
	uint32_t slot;
	int i;

	for (i = 0; i < 5; i++) {
		slot = attach_new(reg, 0);
		registry_end(reg, slot, REGISTRY_REASON_REQUESTED, 0, GRACE);
		cr_assert_eq(registry_ended(reg, slot, 0, 0), REGISTRY_DONE);
		cr_assert_null(registry_get(reg, slot));
	}
	cr_assert_eq(registry_next_deadline(reg), REGISTRY_NEVER);
	registry_free(reg);
}

Test(registry, sessions_are_bounded_and_tombstones_do_not_count)
{
	struct registry *reg = make(2, 2);
	struct registry_claim claim = claim_by(1, 8);
	struct ident id;
	uint32_t slot;

	slot = attach_new(reg, 0);
	attach_new(reg, 0);
	ident_make(&id);
	cr_assert_eq(registry_attach(reg, &claim, &id, 0, &slot),
	    REGISTRY_FULL);
	slot = registry_held_by(reg, 1, 0);
	registry_end(reg, slot, REGISTRY_REASON_REQUESTED, 0, GRACE);
	cr_assert_eq(registry_attach(reg, &claim, &id, 0, &slot),
	    REGISTRY_FULL, "an ending session still has its place");
	slot = 0;
	registry_ended(reg, slot, 0, 0);
	cr_assert_eq(registry_attach(reg, &claim, &id, 0, &slot),
	    REGISTRY_DONE);
	registry_free(reg);
}

Test(registry, a_session_has_one_runner_in_its_life)
{
	struct registry *reg = make(2, 2);
	uint32_t slot = attach_new(reg, 0);

	cr_assert_eq(registry_runner(reg, slot, REGISTRY_RUNNER_EVENT_UP),
	    REGISTRY_ILLEGAL);
	cr_assert_eq(registry_runner(reg, slot, REGISTRY_RUNNER_EVENT_START),
	    REGISTRY_DONE);
	cr_assert_eq(registry_runner(reg, slot, REGISTRY_RUNNER_EVENT_START),
	    REGISTRY_ILLEGAL);
	cr_assert_eq(registry_runner(reg, slot, REGISTRY_RUNNER_EVENT_UP),
	    REGISTRY_DONE);
	cr_assert_eq(registry_runner(reg, slot, REGISTRY_RUNNER_EVENT_LOSS),
	    REGISTRY_DONE);
	cr_assert_eq(registry_runner(reg, slot, REGISTRY_RUNNER_EVENT_START),
	    REGISTRY_ILLEGAL);
	cr_assert_eq(registry_runner(reg, 7, REGISTRY_RUNNER_EVENT_START),
	    REGISTRY_ILLEGAL);
	registry_free(reg);
}

Test(registry, every_change_counts_the_sequence_and_a_torn_record_shows)
{
	struct registry *reg = make(2, 2);
	uint32_t slot = attach_new(reg, 0);
	struct registry_record copy = *registry_get(reg, slot);
	size_t i;

	cr_assert(registry_record_valid(&copy));
	registry_detach(reg, slot, 1, 1);
	cr_assert_gt(registry_get(reg, slot)->sequence, copy.sequence);
	cr_assert(registry_record_valid(registry_get(reg, slot)));
	for (i = 0; i < sizeof(copy); i++) {
		((uint8_t *)&copy)[i] ^= 1;
		cr_assert_not(registry_record_valid(&copy), "byte %zu", i);
		((uint8_t *)&copy)[i] ^= 1;
	}
	registry_free(reg);
}

Test(registry, a_slot_used_again_is_newer_than_what_it_held)
{
	struct registry *reg = make(1, 0);
	uint32_t slot = attach_new(reg, 0);
	uint64_t before = registry_get(reg, slot)->sequence;

	registry_end(reg, slot, REGISTRY_REASON_REQUESTED, 0, GRACE);
	registry_ended(reg, slot, 0, 0);
	cr_assert_eq(attach_new(reg, 0), slot);
	cr_assert_gt(registry_get(reg, slot)->sequence, before);
	cr_assert_eq(registry_get(reg, slot)->generation, 1);
	registry_free(reg);
}

Test(registry, deadlines_come_in_order)
{
	struct registry *reg = make(64, 64);
	uint32_t slots[64], due, i;
	uint64_t last = 0;

	for (i = 0; i < 64; i++)
		slots[i] = attach_new(reg, 0);
	for (i = 0; i < 64; i++)
		registry_detach(reg, slots[(i * 37) % 64], 1, (i * 29) % 64);
	for (i = 0; i < 64; i += 3)
		resume(reg, slots[i], 64);
	for (i = 0; registry_next_deadline(reg) <= TTL + 64; i++) {
		cr_assert_geq(registry_next_deadline(reg), last);
		last = registry_next_deadline(reg);
		cr_assert_eq(registry_expire(reg, last, 10 * TTL, &due),
		    REGISTRY_STATE_DETACHED);
	}
	cr_assert_eq(i, 64 - 22);
	registry_free(reg);
}

Test(registry, a_registry_without_room_is_refused)
{
	struct registry_config config = { .sessions_max = 0 };

	cr_assert_null(registry_new(&config));
	config.sessions_max = UINT32_MAX;
	cr_assert_null(registry_new(&config));
	registry_free(NULL);
}

Test(registry, numbers_out_of_range_have_a_name_too)
{
	cr_assert_str_eq(registry_state_name(REGISTRY_STATE_COUNT), "?");
	cr_assert_str_eq(registry_event_name(99), "?");
	cr_assert_str_eq(registry_runner_name(99), "?");
	cr_assert_str_eq(registry_reason_text(99), "?");
	cr_assert_str_eq(registry_verdict_text(99), "?");
	cr_assert_str_eq(registry_state_name(REGISTRY_STATE_ENDING), "ending");
	cr_assert_str_eq(registry_reason_text(REGISTRY_REASON_EXPIRED),
	    "nobody came back in time");
}

TestSuite(slotindex, .timeout = 20);

/* Against a plain list that is searched from end to end. */
Test(slotindex, the_heap_yields_what_a_list_would)
{
	struct slotheap heap;
	uint64_t keys[50], key, least, seed = 42;
	uint32_t i, n, slot;

	cr_assert_eq(slotheap_init(&heap, 50), 0);
	for (i = 0; i < 50; i++)
		keys[i] = UINT64_MAX;
	for (n = 0; n < 5000; n++) {
		seed = seed * 6364136223846793005U + 1442695040888963407U;
		slot = (uint32_t)(seed >> 33) % 50;
		keys[slot] = (seed >> 20) % 4 == 0 ? UINT64_MAX :
						     (seed >> 40) % 1000;
		slotheap_set(&heap, slot, keys[slot]);
		least = UINT64_MAX;
		for (i = 0; i < 50; i++)
			if (keys[i] < least)
				least = keys[i];
		slot = slotheap_first(&heap, &key);
		cr_assert_eq(key, least);
		cr_assert_eq(slot == SLOT_NONE, least == UINT64_MAX);
		if (slot != SLOT_NONE)
			cr_assert_eq(keys[slot], least);
	}
	slotheap_clear(&heap);
}

Test(slotindex, chains_keep_what_was_not_removed)
{
	struct slotmap map;
	uint32_t slot, seen, i;

	cr_assert_eq(slotmap_init(&map, 10), 0);
	for (i = 0; i < 10; i++)
		slotmap_add(&map, i % 2, i);
	slotmap_remove(&map, 0, 4);
	slotmap_remove(&map, 0, 0);
	slotmap_remove(&map, 0, 8);
	slotmap_remove(&map, 1, 2);
	for (seen = 0, slot = slotmap_first(&map, 0); slot != SLOT_NONE;
	    slot = slotmap_next(&map, slot))
		seen |= 1U << slot;
	cr_assert_eq(seen, 1U << 2 | 1U << 6);
	for (seen = 0, slot = slotmap_first(&map, 1); slot != SLOT_NONE;
	    slot = slotmap_next(&map, slot))
		seen |= 1U << slot;
	cr_assert_eq(seen, 1U << 1 | 1U << 3 | 1U << 5 | 1U << 7 | 1U << 9);
	slotmap_clear(&map);
}
