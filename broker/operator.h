/* SPDX-License-Identifier: ISC */
/*
 * Who operates the host, over the admin door (see holdfastctl(8)): questions
 * are answered from what the broker has, row by row as the answers are taken,
 * and orders are carried out or passed on.  Nobody here holds the loop.
 */
#ifndef BROKER_OPERATOR_H
#define BROKER_OPERATOR_H

#include <stdint.h>

#include "common/proto.h"

struct broker;
struct session;

#define OPERATORS_MAX 32	/* at once */
#define OPERATORS_EACH 16	/* of one user */
#define OPERATOR_IDLE_MS (2 * 60 * 1000) /* without any question */
#define OPERATOR_STUCK_MS 30000	/* without reading what was asked for */

/*
 * Serve whoever has connected to the door; "fd" is owned from now on, and
 * closed when there are too many.
 */
void operator_new(struct broker *broker, int fd);

/* The supervisor's word on what an operator has ordered. */
void operator_told(struct broker *broker, const struct fields_SB_TOLD *told);

/*
 * A runner's answers; NULL, or what is wrong with them (static).  Those that
 * nobody waits for any more are dropped.
 */
const char *operator_listed(struct session *session,
    const struct fields_RB_LISTED *msg);
void operator_signaled(struct session *session,
    const struct fields_RB_SIGNALED *msg);

/* There is no supervisor any more: who waits for its word is told so. */
void operators_unsupervised(struct broker *broker);

/* 0, or -1 when memory is out. */
int operators_init(struct broker *broker);
void operators_clear(struct broker *broker);

#endif
