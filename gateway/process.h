/* SPDX-License-Identifier: ISC */
/*
 * Processes as a runner describes them, as JSON; nothing of what comes is
 * believed.  Pure.
 */
#ifndef GATEWAY_PROCESS_H
#define GATEWAY_PROCESS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"

struct jsonw;

/* Whether every item of the list is a process. */
bool process_list_sound(struct span list);

/* The most bytes of text that any of the functions below writes for it. */
size_t process_list_most(struct span list);

/* The items of a sound list, with all that is known of them. */
void process_list_write(struct jsonw *w, struct span list);

/* The same, for what is left when their session has ended. */
void process_list_write_left(struct jsonw *w, struct span list);

#endif
