/* SPDX-License-Identifier: ISC */
/*
 * The audit trail of the broker: one function an event (audit.h), called
 * where it happens.  All are cheap and silent when the trail goes nowhere.
 */
#ifndef BROKER_TRAIL_H
#define BROKER_TRAIL_H

#include <stdint.h>

#include "broker/audit.h"
#include "broker/auth/source.h"
#include "common/ident.h"
#include "common/proto.h"

struct admission;
struct auditsink;
struct broker;
struct chan_fds;
struct operator;
struct refusal;
struct session;

/* What the broker keeps for it. */
struct trail {
	struct auditsink *sink;
	bool arguments;
	struct audit_rate refusals;
	struct audit_rate attach_refusals;
};

/* And for each session. */
struct trail_session {
	struct whence whence;	/* of whoever had it last */
	struct audit_rate events;
};

/* 0, or -1 with errno. */
int trail_init(struct broker *broker);
void trail_clear(struct broker *broker);

/* Where it goes from now on; takes the descriptor there is. */
void trail_direct(struct broker *broker, const struct fields_SB_AUDIT *msg,
    struct chan_fds *fds);

/* What runners are to tell. */
enum proto_report trail_report(const struct broker *broker);

/* Nobody was let in. */
void trail_refused(struct broker *broker, const struct admission *admission,
    const struct refusal *refusal);

/* The session is attached, for the first time or again. */
void trail_attached(struct session *session,
    const struct admission *admission);

/* "resume" is the session that was asked for, or NULL. */
void trail_attach_refused(struct broker *broker,
    const struct admission *admission, const struct ident *resume,
    enum proto_attach_failure failure);

/* It is taken from who has it, for that connection. */
void trail_takeover(struct session *session,
    const struct admission *admission);
void trail_detached(struct session *session, uint64_t generation,
    const char *why);
void trail_expired(struct session *session);
void trail_ended(struct session *session);

/* Its runner's word; nothing of it has been looked at. */
void trail_event(struct session *session,
    const struct fields_RB_EVENT *event);

/* What an operator does; what does not belong to it is NULL or empty. */
struct trail_operation {
	const char *verb;	/* in upper case */
	struct session *session;
	struct span process, signal;
	const char *reason;
};
void trail_operator(struct operator *operator,
    const struct trail_operation *what);
/* So many sessions were taken over from an earlier broker. */
void trail_adopted(struct broker *broker, uint32_t sessions);

/* A later order was taken, or not: "wrong" says why. */
void trail_reloaded(struct broker *broker, const char *wrong);

#endif
