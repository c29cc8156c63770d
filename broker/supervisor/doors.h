/* SPDX-License-Identifier: ISC */
/*
 * The sockets in the runtime directory by which others come: RUNTIME/admin
 * for operators, RUNTIME/adopt for the next holdfastd.  The broker accepts.
 */
#ifndef SUPERVISOR_DOORS_H
#define SUPERVISOR_DOORS_H

#include <sys/types.h>

#include "common/proto.h"

/* By enum proto_door; -1: none. */
struct doors {
	int fds[DOOR_ADOPT + 1];
};

#define DOORS_NONE { { -1, -1, -1 } }

/*
 * Bind those that are not there yet in "dir", which is locked: what is left
 * over there gives way.  The one for operators is open to "group" as well,
 * unless that is -1.  One that cannot be had is told of and missing.
 */
void doors_open(struct doors *doors, const char *dir, gid_t group);

/* Close them; with "remove" their names go, too. */
void doors_close(struct doors *doors, const char *dir, int remove);

#endif
