/* SPDX-License-Identifier: ISC */
/*
 * Taking over what an earlier holdfastd has left: its broker, over the door
 * RUNTIME/adopt, and whatever that has kept.
 */
#ifndef SUPERVISOR_ADOPT_H
#define SUPERVISOR_ADOPT_H

#include <stddef.h>
#include <stdint.h>

#include "broker/supervisor/ward.h"
#include "common/proto.h"

#define ADOPT_URL_SIZE 256

struct adopt_listener {
	char url[ADOPT_URL_SIZE];
	int fd;			/* -1: taken out */
};

struct adopt_gateway {
	uint32_t number, pool;
	struct ward_found found;	/* .pidfd -1: taken out */
};

/* Descriptors are its own until they are taken out; adopt_clear(). */
struct adoption {
	int found;		/* whether there is a broker */
	struct ward_found broker;
	struct adopt_listener *listeners;
	size_t nlisteners;
	struct adopt_gateway *gateways;
	size_t ngateways;
	int doors[DOOR_ADOPT + 1];	/* by enum proto_door; -1: none */
};

/*
 * See whether a broker of an earlier holdfastd serves in the runtime directory
 * "dir", which must be locked, and take over.  Waits a few seconds at most.
 * Returns 0 when it is so or nobody is there, or -1 after saying why neither
 * this can be nor a start beside it.
 */
int adopt_find(struct adoption *adoption, const char *dir);
void adopt_clear(struct adoption *adoption);

/*
 * The listening socket of that URL, the caller's from then on; -1 when none
 * was kept.
 */
int adopt_take_listener(struct adoption *adoption, const char *url);

/* Take out a gateway of the pool; NULL when there is none (any more). */
struct adopt_gateway *adopt_take_gateway(struct adoption *adoption,
    uint32_t pool);

/* Whether it is one of those that were there, taken out or not. */
int adopt_has_number(const struct adoption *adoption, uint32_t number);

#endif
