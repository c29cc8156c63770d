/* SPDX-License-Identifier: ISC */
/* The connection to the broker, by its admin door. */
#ifndef CONTRIB_CTL_CALL_H
#define CONTRIB_CTL_CALL_H

#include <stddef.h>
#include <stdint.h>

#include "contrib/ctl/answer.h"

struct call;

/* How long a broker that is being replaced is waited for, in ms. */
#define CALL_WAIT_MS 10000

/* What became of a question. */
enum call_result {
	CALL_ANSWERED,
	CALL_NO_SERVER,
	CALL_NOT_ALLOWED,
	CALL_VERSION,		/* it speaks another one, or nonsense */
	CALL_LOST		/* it went meanwhile, and did not come back */
};

/*
 * For the server with that runtime directory, or the usual ones if it is
 * NULL.  Ends the program when memory is out.
 */
struct call *call_new(const char *runtime_dir);
void call_free(struct call *call);

/* Where it was looked for last. */
const char *call_path(const struct call *call);

/* Why it did not work, in words; valid until the next call. */
const char *call_why(const struct call *call);

/*
 * Ask, and take the whole answer.  "msg" is the struct of the type, whose
 * first member is the request: it is set here.  With "again" the question is
 * asked anew when the broker goes before it has answered; without, only if
 * it can't have read it.  "told" (or NULL) sees what is said meanwhile.
 */
enum call_result call_ask(struct call *call, uint16_t type,
    union proto_any *msg, int again, struct answer *answer,
    void (*told)(void *arg, struct span text), void *arg);

/* Wait until the broker goes, or a signal comes (-1 with EINTR). */
int call_hold(struct call *call);

#endif
