/* SPDX-License-Identifier: ISC */
/*
 * One line of the audit trail: who did what with which session, as one JSON
 * object of printable ASCII.  Pure; where lines go is auditsink.h's.  What
 * each event and member means is told in holdfast-audit(5).
 */
#ifndef BROKER_AUDIT_H
#define BROKER_AUDIT_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

/* Bytes of a line, newline and terminator included; PIPE_BUF holds it. */
#define AUDIT_LINE_SIZE 4096

/* Each event: its name here and in the line. */
#define AUDIT_EVENTS(X) \
	X(REFUSED, "refused") \
	X(ATTACH, "attach") \
	X(RESUME, "resume") \
	X(TAKEOVER, "takeover") \
	X(ATTACH_REFUSED, "attach-refused") \
	X(DETACH, "detach") \
	X(START, "start") \
	X(SIGNAL, "signal") \
	X(EXIT, "exit") \
	X(EXPIRE, "expire") \
	X(END, "end") \
	X(RELOAD, "reload") \
	X(OPERATE, "operator") \
	X(ADOPT, "adopt") \
	X(SUPPRESSED, "suppressed") \
	X(LOST, "lost")

#define X(name, text) AUDIT_##name,
enum audit_event { AUDIT_EVENTS(X) AUDIT_EVENT_COUNT };
#undef X

/*
 * Each member: its name, its kind (what the struct has: a STRING or BYTES
 * that may be NULL, a LIST of bytes as proto.h has them, a USER that may be NULL,
 * NUMBER, or POSITIVE: 0 is "not known"), and for texts how many bytes of the
 * line they may take.
 */
#define AUDIT_MEMBERS(X) \
	X(principal, STRING, 96) \
	X(session, STRING, 40) \
	X(generation, POSITIVE, 0) \
	X(source, STRING, 192) \
	X(proxy, STRING, 64) \
	X(uid, USER, 0) \
	X(proof, STRING, 16) \
	X(verb, STRING, 16) \
	X(reason, STRING, 256) \
	X(status, POSITIVE, 0) \
	X(process, BYTES, 1024) \
	X(program, BYTES, 512) \
	X(arguments, LIST, 1024) \
	X(code, NUMBER, 0) \
	X(signal, BYTES, 32) \
	X(count, NUMBER, 0)

#define X(name, kind, max) AUDIT_MEMBER_##name,
enum audit_member { AUDIT_MEMBERS(X) AUDIT_MEMBER_COUNT };
#undef X

#define AUDIT_CTYPE_STRING const char *
#define AUDIT_CTYPE_BYTES struct span
#define AUDIT_CTYPE_LIST struct span
#define AUDIT_CTYPE_USER const uid_t *
#define AUDIT_CTYPE_POSITIVE uint64_t
#define AUDIT_CTYPE_NUMBER int64_t

/* What there is to say; all borrowed.  What is not known is left out. */
struct audit_record {
	enum audit_event event;
	uint64_t time_ms;	/* since the Epoch */
#define X(name, kind, max) AUDIT_CTYPE_##kind name;
	AUDIT_MEMBERS(X)
#undef X
};

/*
 * Write the line of the record: only members that are the event's.  Texts
 * that are too long are cut, which the line then says.  Returns its length
 * with the newline, without the terminator.
 */
size_t audit_format(const struct audit_record *record,
    char line[AUDIT_LINE_SIZE]);

/* Whether lines of this event can have that member; their names. */
int audit_has(enum audit_event event, enum audit_member member);
const char *audit_event_name(enum audit_event event);
const char *audit_member_name(enum audit_member member);

/*
 * At most so many events a second, after a first burst: for those that
 * anybody can cause.  Zeroed, it begins with the burst.
 */
#define AUDIT_RATE 50
#define AUDIT_BURST 500
struct audit_rate {
	uint64_t spent;		/* of the burst, in thousandths of an event */
	uint64_t at_ms;		/* when that was so */
	uint64_t suppressed;	/* since the last that was let through */
};

/* Whether one more may be written at "now_ms" (monotonic). */
int audit_rate_take(struct audit_rate *rate, uint64_t now_ms);

#endif
