/* SPDX-License-Identifier: ISC */
/*
 * Who has which session, and for how long: the rules, and nothing else.  No
 * descriptor, no clock, no log.  Every time is in milliseconds of one
 * monotonic clock of the caller's, "wall" ones excepted, which are only kept.
 *
 * A session is a record of fixed size without pointers, named by its slot
 * and found by its identifier.  Indexes stand beside the records and can be
 * made again from them.  The records may be copied into memory of the caller's
 * that outlives the process; from there another one adopts them.
 */
#ifndef BROKER_REGISTRY_H
#define BROKER_REGISTRY_H

#include <stddef.h>
#include <stdint.h>

#include "common/ident.h"

#define REGISTRY_NEVER UINT64_MAX
#define REGISTRY_NO_SLOT UINT32_MAX

/* What a session is. */
#define REGISTRY_STATES(X) \
	X(FREE, "free") \
	X(ATTACHED, "attached") \
	X(DETACHED, "detached") \
	X(ENDING, "ending") \
	X(TOMBSTONE, "tombstone")

/* What can happen to it. */
#define REGISTRY_EVENTS(X) \
	X(NEW, "new") \
	X(RESUME, "resume") \
	X(REPEAT, "repeat") \
	X(DETACH, "detach") \
	X(EXPIRE, "expire") \
	X(END, "end") \
	X(ENDED, "ended") \
	X(FORGET, "forget")

/* What its runner is, and what can happen to that. */
#define REGISTRY_RUNNERS(X) \
	X(NONE, "none") \
	X(STARTING, "starting") \
	X(RUNNING, "running") \
	X(LOST, "lost")
#define REGISTRY_RUNNER_EVENTS(X) \
	X(START, "start") \
	X(UP, "up") \
	X(LOSS, "loss") \
	X(UNDO, "undo")

/* Why it ended. */
#define REGISTRY_REASONS(X) \
	X(NONE, "not ended") \
	X(EXPIRED, "nobody came back in time") \
	X(REQUESTED, "ended by an operator") \
	X(RUNNER_FAILED, "its runner could not be started") \
	X(RUNNER_LOST, "its runner was lost") \
	X(SHUTDOWN, "the server was stopped") \
	X(GAVE_WAY, "it had no work and gave way to another") \
	X(GATEWAY_LOST, "its gateway was lost and nobody came back in time") \
	X(TENANT_REMOVED, "its tenant was removed: nobody could come back") \
	X(RUNNER_EXITED, "its runner exited") \
	X(RUNNER_KILLED, "its runner was killed by a signal") \
	X(RUNNER_MEMORY, "its runner was killed because memory ran out") \
	X(RUNNER_BROKE, "its runner broke the rules and was killed") \
	X(NOT_ADOPTED, "it could not be taken over from an earlier broker")

/* How an attempt came out. */
#define REGISTRY_VERDICTS(X) \
	X(DONE, "done") \
	X(REPEATED, "same request again") \
	X(ATTACHED_ELSEWHERE, "attached to another connection") \
	X(UNKNOWN, "unknown session") \
	X(FULL, "no room for another session") \
	X(STALE, "of an earlier attachment") \
	X(ILLEGAL, "not possible in this state")

#define X(name, text) REGISTRY_STATE_##name,
enum registry_state { REGISTRY_STATES(X) REGISTRY_STATE_COUNT };
#undef X
#define X(name, text) REGISTRY_EVENT_##name,
enum registry_event { REGISTRY_EVENTS(X) REGISTRY_EVENT_COUNT };
#undef X
#define X(name, text) REGISTRY_RUNNER_##name,
enum registry_runner { REGISTRY_RUNNERS(X) REGISTRY_RUNNER_COUNT };
#undef X
#define X(name, text) REGISTRY_RUNNER_EVENT_##name,
enum registry_runner_event {
	REGISTRY_RUNNER_EVENTS(X) REGISTRY_RUNNER_EVENT_COUNT
};
#undef X
#define X(name, text) REGISTRY_REASON_##name,
enum registry_reason { REGISTRY_REASONS(X) REGISTRY_REASON_COUNT };
#undef X
#define X(name, text) REGISTRY_##name,
enum registry_verdict { REGISTRY_VERDICTS(X) REGISTRY_VERDICT_COUNT };
#undef X

/*
 * What the next broker knows the session's descriptors and its runner by: the
 * kernel's numbers of sockets (SO_COOKIE in socket(7)), 0 for none.
 */
struct registry_facts {
	uint64_t control;	/* our end of the runner's control channel */
	uint64_t gateway_end;	/* of the attachment's data socket */
	uint64_t data_end;	/* the runner's end, kept while it has none */
	uint32_t pid;		/* of the runner */
	uint32_t uid;		/* of the owner when it was made */
	uint32_t runner_version;	/* of the wire that it speaks */
	uint32_t given;		/* 1: the runner may have had a data end */
};

/*
 * One session.  "sequence" grows with every change of the slot and
 * "checksum" covers all the rest, so that a record which was being written
 * when its writer died shows.
 */
struct registry_record {
	uint64_t sequence;
	uint64_t generation;	/* of the attachment; the first is 1 */
	uint64_t deadline_ms;	/* of the state; REGISTRY_NEVER: none */
	uint64_t ttl_ms;	/* how long it may stay detached */
	uint64_t since_ms;	/* when the state was entered */
	uint64_t ended_wall_ms;	/* tombstone: since the Epoch */
	uint64_t handle;	/* attached: the connection, of that gateway */
	uint64_t principal;	/* who owns it */
	struct registry_facts facts;
	struct ident id;
	struct ident nonce;	/* of the request that attached it last */
	uint32_t gateway;	/* attached: the gateway's number; else 0 */
	uint32_t detail;	/* of the reason, see registry_explain() */
	uint32_t unused_words[1];
	uint8_t state;		/* enum registry_state */
	uint8_t runner;		/* enum registry_runner */
	uint8_t reason;		/* enum registry_reason */
	uint8_t flags;		/* REGISTRY_ bits below */
	uint32_t version;	/* REGISTRY_RECORD_VERSION */
	uint32_t checksum;
};

#define REGISTRY_RECORD_VERSION 3
#define REGISTRY_LOSS 0x1u	/* detached by the end of its gateway */

#define REGISTRY_LABEL_SIZE 64

/* Who asks for an attachment.  "gateway" numbers start at 1. */
struct registry_claim {
	struct ident nonce;	/* nil: never taken for a repetition */
	uint64_t handle;
	uint64_t ttl_ms;	/* 0: as the session has it */
	uint64_t principal;
	uint32_t gateway;
};

struct registry_config {
	uint32_t sessions_max;		/* that are not tombstones */
	uint32_t tombstones_max;	/* the oldest gives way; may be 0 */
	uint64_t tombstone_ms;		/* how long one is kept */
	uint64_t hash_key;		/* random; nonces are a peer's choice */
	/*
	 * Where the records are copied to, or NULL: registry_memory_size()
	 * bytes at least, borrowed.
	 */
	void *memory;
	size_t memory_size;
	char label[REGISTRY_LABEL_SIZE];	/* kept there, the caller's */
};

/* What became of the records that were found; see registry_adopt(). */
struct registry_adoption {
	uint32_t live;		/* sessions taken over */
	uint32_t tombstones;
	uint32_t torn;		/* neither of a record's copies is whole */
	uint32_t impossible;	/* whole, but cannot be */
	uint32_t doubles;	/* of an identifier that is there already */
	uint32_t nonces;	/* that were somebody's already: forgotten */
	uint32_t last_gateway;	/* the highest number of one */
};

struct registry;

/* Bytes of memory for so many; 0: there is not so much. */
size_t registry_memory_size(uint32_t sessions_max, uint32_t tombstones_max);

/*
 * Make an empty registry, for registry_free().  Its memory must be zero.  NULL
 * with errno ENOMEM, or EINVAL if no session would fit.
 */
struct registry *registry_new(const struct registry_config *config);

/*
 * Make one of what an earlier registry has left in the memory; its capacity is
 * that of the memory, and its label comes with it, into "label" of
 * REGISTRY_LABEL_SIZE bytes.  Each record is judged alone: one that is not
 * whole or cannot be is dropped and counted.  Each is there twice and written
 * to in turns, so that one whose writer was killed while writing is as it was
 * before.  NULL with errno: EINVAL when it is no such memory, or ENOMEM.
 */
struct registry *registry_adopt(const struct registry_config *config,
    struct registry_adoption *adoption, char *label);
void registry_free(struct registry *reg);

/*
 * The record in a slot, valid until the registry is freed; its content
 * changes with every call below.  NULL for a free slot or no slot at all.
 */
const struct registry_record *registry_get(const struct registry *reg,
    uint32_t slot);

/* How many sessions there are, tombstones not counted. */
uint32_t registry_count(const struct registry *reg);

/* How many slots there can ever be. */
uint32_t registry_capacity(const struct registry *reg);

/* Slots are below this number; for walking all with registry_get(). */
uint32_t registry_slots(const struct registry *reg);

/* The slot of an identifier, tombstones included, or REGISTRY_NO_SLOT. */
uint32_t registry_find(const struct registry *reg, const struct ident *id);

/*
 * Attach a new session with the identifier "id".  DONE, or REPEATED when
 * the principal's same nonce has made or resumed a session that lives: then
 * that session is attached to this claim, under its next generation.  Both
 * set *slot.  FULL; UNKNOWN when what the nonce named is ending or ended.
 */
enum registry_verdict registry_attach(struct registry *reg,
    const struct registry_claim *claim, const struct ident *id,
    uint64_t now_ms, uint32_t *slot);

/*
 * Attach a detached session.  DONE or REPEATED as above.  UNKNOWN: there is
 * none, it is another principal's, it ends, or its deadline is reached,
 * fired or not.  ATTACHED_ELSEWHERE: somebody has it; *slot tells which, so
 * that the holder can be asked; if it proves gone, registry_detach() with
 * that generation and try again.  With UNKNOWN, *slot is the one that ends or
 * has ended if it was this principal's, else REGISTRY_NO_SLOT.
 */
enum registry_verdict registry_resume(struct registry *reg,
    const struct registry_claim *claim, const struct ident *id,
    uint64_t now_ms, uint32_t *slot);

/*
 * End the attachment "generation" and start the session's time to live.
 * DONE; STALE, with nothing done, when that is not the present attachment.
 */
enum registry_verdict registry_detach(struct registry *reg, uint32_t slot,
    uint64_t generation, uint64_t now_ms);

/*
 * Another connection has the attachment "generation" from now on.  DONE, or
 * STALE with nothing done.
 */
enum registry_verdict registry_rehome(struct registry *reg, uint32_t slot,
    uint64_t generation, uint32_t gateway, uint64_t handle);

/* It can be resumed until "until_ms" at least, if it is detached. */
void registry_prolong(struct registry *reg, uint32_t slot,
    uint64_t until_ms);

/*
 * It is detached because its gateway has ended: it can be resumed for
 * "ttl_ms" at least since it was detached.
 */
void registry_gateway_lost(struct registry *reg, uint32_t slot,
    uint64_t ttl_ms);

/* Other facts are known of it, or none any more. */
void registry_describe(struct registry *reg, uint32_t slot,
    const struct registry_facts *facts);

/*
 * The first attached slot at or above "from" which that gateway holds, or
 * REGISTRY_NO_SLOT: for detaching all that a lost gateway held.
 */
uint32_t registry_held_by(const struct registry *reg, uint32_t gateway,
    uint32_t from);

/*
 * Begin to end the session; "grace_ms" from now its deadline strikes.  DONE,
 * or ILLEGAL when it ends already or has ended.
 */
enum registry_verdict registry_end(struct registry *reg, uint32_t slot,
    enum registry_reason reason, uint64_t now_ms, uint64_t grace_ms);

/*
 * More is known of why it ends: "reason" is the one that was given, or a more
 * precise one (see registry_reason_general()).  "detail" is the uid of the
 * operator who ended it, or the status or signal that its runner exited with.
 * DONE, or ILLEGAL with nothing changed.
 */
enum registry_verdict registry_explain(struct registry *reg, uint32_t slot,
    enum registry_reason reason, uint32_t detail);

/*
 * Nothing of it is left: it becomes a tombstone.  DONE, or ILLEGAL unless it
 * was ending.
 */
enum registry_verdict registry_ended(struct registry *reg, uint32_t slot,
    uint64_t now_ms, uint64_t wall_ms);

/* Something happened to its runner.  DONE or ILLEGAL. */
enum registry_verdict registry_runner(struct registry *reg, uint32_t slot,
    enum registry_runner_event event);

/* When registry_expire() must be called next, or REGISTRY_NEVER. */
uint64_t registry_next_deadline(const struct registry *reg);

/*
 * Handle one deadline that is reached; call until it returns FREE.
 * DETACHED: the time to live is over; *slot is ending now, for "grace_ms".
 * ENDING: the grace of *slot is over and it has not ended; the next such
 * call comes "grace_ms" later.  TOMBSTONE: one was forgotten.
 */
enum registry_state registry_expire(struct registry *reg, uint64_t now_ms,
    uint64_t grace_ms, uint32_t *slot);

/* True if the record is whole, of this version and its members in range. */
int registry_record_valid(const struct registry_record *record);

/*
 * What the table says of an event in a state: the next state, or
 * REGISTRY_STATE_COUNT if it cannot happen there; for runners likewise.
 */
enum registry_state registry_next_state(enum registry_state state,
    enum registry_event event);
enum registry_runner registry_next_runner(enum registry_runner runner,
    enum registry_runner_event event);

/* Constant texts of the tables above; "?" for a number out of range. */
const char *registry_state_name(unsigned int state);
const char *registry_event_name(unsigned int event);
const char *registry_runner_name(unsigned int runner);
const char *registry_reason_text(unsigned int reason);

/* A reason's name in upper case, as "GAVE_WAY"; "?" likewise. */
const char *registry_reason_name(unsigned int reason);

/* Which one includes it: itself, if it is general. */
enum registry_reason registry_reason_general(enum registry_reason reason);
const char *registry_verdict_text(unsigned int verdict);

#endif
