/* SPDX-License-Identifier: ISC */
/*
 * Topics that operators have logged while the server runs, see holdfastctl(8).
 */
#ifndef BROKER_TRACE_H
#define BROKER_TRACE_H

#include <stdint.h>

struct broker;
struct chan;

/*
 * Whoever has just become ready is told what is traced, if anything is;
 * "type" is BG_TRACE or BR_TRACE.
 */
void trace_newcomer(struct broker *broker, struct chan *chan, uint16_t type);

#endif
