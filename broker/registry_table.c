/* SPDX-License-Identifier: ISC */
/* What may follow what in the life of a session; and the names for it. */
#include "config.h"

#include "broker/registry.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define STATE(name) REGISTRY_STATE_##name
#define NO STATE(COUNT)

static const uint8_t next_state[REGISTRY_STATE_COUNT][REGISTRY_EVENT_COUNT] = {
	[STATE(FREE)] = {
		[REGISTRY_EVENT_NEW] = STATE(ATTACHED),
		[REGISTRY_EVENT_RESUME] = NO,
		[REGISTRY_EVENT_REPEAT] = NO,
		[REGISTRY_EVENT_DETACH] = NO,
		[REGISTRY_EVENT_EXPIRE] = NO,
		[REGISTRY_EVENT_END] = NO,
		[REGISTRY_EVENT_ENDED] = NO,
		[REGISTRY_EVENT_FORGET] = NO,
	},
	[STATE(ATTACHED)] = {
		[REGISTRY_EVENT_NEW] = NO,
		[REGISTRY_EVENT_RESUME] = NO,
		[REGISTRY_EVENT_REPEAT] = STATE(ATTACHED),
		[REGISTRY_EVENT_DETACH] = STATE(DETACHED),
		[REGISTRY_EVENT_EXPIRE] = NO,
		[REGISTRY_EVENT_END] = STATE(ENDING),
		[REGISTRY_EVENT_ENDED] = NO,
		[REGISTRY_EVENT_FORGET] = NO,
	},
	[STATE(DETACHED)] = {
		[REGISTRY_EVENT_NEW] = NO,
		[REGISTRY_EVENT_RESUME] = STATE(ATTACHED),
		[REGISTRY_EVENT_REPEAT] = STATE(ATTACHED),
		[REGISTRY_EVENT_DETACH] = NO,
		[REGISTRY_EVENT_EXPIRE] = STATE(ENDING),
		[REGISTRY_EVENT_END] = STATE(ENDING),
		[REGISTRY_EVENT_ENDED] = NO,
		[REGISTRY_EVENT_FORGET] = NO,
	},
	[STATE(ENDING)] = {
		[REGISTRY_EVENT_NEW] = NO,
		[REGISTRY_EVENT_RESUME] = NO,
		[REGISTRY_EVENT_REPEAT] = NO,
		[REGISTRY_EVENT_DETACH] = NO,
		[REGISTRY_EVENT_EXPIRE] = STATE(ENDING),
		[REGISTRY_EVENT_END] = NO,
		[REGISTRY_EVENT_ENDED] = STATE(TOMBSTONE),
		[REGISTRY_EVENT_FORGET] = NO,
	},
	[STATE(TOMBSTONE)] = {
		[REGISTRY_EVENT_NEW] = NO,
		[REGISTRY_EVENT_RESUME] = NO,
		[REGISTRY_EVENT_REPEAT] = NO,
		[REGISTRY_EVENT_DETACH] = NO,
		[REGISTRY_EVENT_EXPIRE] = NO,
		[REGISTRY_EVENT_END] = NO,
		[REGISTRY_EVENT_ENDED] = NO,
		[REGISTRY_EVENT_FORGET] = STATE(FREE),
	},
};

#undef STATE
#undef NO
#define RUNNER(name) REGISTRY_RUNNER_##name
#define NO RUNNER(COUNT)

/*
 * A session has one runner in its life: what it held cannot be had again.
 * What was killed before it had anything to hold was none.
 */
static const uint8_t
    next_runner[REGISTRY_RUNNER_COUNT][REGISTRY_RUNNER_EVENT_COUNT] = {
	[RUNNER(NONE)] = {
		[REGISTRY_RUNNER_EVENT_START] = RUNNER(STARTING),
		[REGISTRY_RUNNER_EVENT_UP] = NO,
		[REGISTRY_RUNNER_EVENT_LOSS] = NO,
		[REGISTRY_RUNNER_EVENT_UNDO] = NO,
	},
	[RUNNER(STARTING)] = {
		[REGISTRY_RUNNER_EVENT_START] = NO,
		[REGISTRY_RUNNER_EVENT_UP] = RUNNER(RUNNING),
		[REGISTRY_RUNNER_EVENT_LOSS] = RUNNER(LOST),
		[REGISTRY_RUNNER_EVENT_UNDO] = RUNNER(NONE),
	},
	[RUNNER(RUNNING)] = {
		[REGISTRY_RUNNER_EVENT_START] = NO,
		[REGISTRY_RUNNER_EVENT_UP] = NO,
		[REGISTRY_RUNNER_EVENT_LOSS] = RUNNER(LOST),
		[REGISTRY_RUNNER_EVENT_UNDO] = NO,
	},
	[RUNNER(LOST)] = {
		[REGISTRY_RUNNER_EVENT_START] = NO,
		[REGISTRY_RUNNER_EVENT_UP] = NO,
		[REGISTRY_RUNNER_EVENT_LOSS] = NO,
		[REGISTRY_RUNNER_EVENT_UNDO] = NO,
	},
};

#undef RUNNER
#undef NO

enum registry_state
registry_next_state(enum registry_state state, enum registry_event event)
{
	return next_state[state][event];
}

enum registry_runner
registry_next_runner(enum registry_runner runner,
    enum registry_runner_event event)
{
	return next_runner[runner][event];
}

#define REASON(name) REGISTRY_REASON_##name

/* Those that are not here are general themselves. */
static const uint8_t general[REGISTRY_REASON_COUNT] = {
	[REASON(GATEWAY_LOST)] = REASON(EXPIRED),
	[REASON(TENANT_REMOVED)] = REASON(EXPIRED),
	[REASON(RUNNER_EXITED)] = REASON(RUNNER_LOST),
	[REASON(RUNNER_KILLED)] = REASON(RUNNER_LOST),
	[REASON(RUNNER_MEMORY)] = REASON(RUNNER_LOST),
	[REASON(RUNNER_BROKE)] = REASON(RUNNER_LOST),
	[REASON(NOT_ADOPTED)] = REASON(RUNNER_LOST),
};

#undef REASON

enum registry_reason
registry_reason_general(enum registry_reason reason)
{
	return general[reason] == REGISTRY_REASON_NONE ? reason :
	    (enum registry_reason)general[reason];
}

#define X(name, text) text,
static const char *const state_names[] = { REGISTRY_STATES(X) };
static const char *const event_names[] = { REGISTRY_EVENTS(X) };
static const char *const runner_names[] = { REGISTRY_RUNNERS(X) };
static const char *const reason_texts[] = { REGISTRY_REASONS(X) };
static const char *const verdict_texts[] = { REGISTRY_VERDICTS(X) };
#undef X
#define X(name, text) #name,
static const char *const reason_names[] = { REGISTRY_REASONS(X) };
#undef X

static const char *
text_of(const char *const *texts, size_t count, unsigned int number)
{
	return number < count ? texts[number] : "?";
}

const char *
registry_state_name(unsigned int state)
{
	return text_of(state_names, COUNT(state_names), state);
}

const char *
registry_event_name(unsigned int event)
{
	return text_of(event_names, COUNT(event_names), event);
}

const char *
registry_runner_name(unsigned int runner)
{
	return text_of(runner_names, COUNT(runner_names), runner);
}

const char *
registry_reason_text(unsigned int reason)
{
	return text_of(reason_texts, COUNT(reason_texts), reason);
}

const char *
registry_reason_name(unsigned int reason)
{
	return text_of(reason_names, COUNT(reason_names), reason);
}

const char *
registry_verdict_text(unsigned int verdict)
{
	return text_of(verdict_texts, COUNT(verdict_texts), verdict);
}
