/* SPDX-License-Identifier: ISC */
/* Which versions of the protocol a program speaks that is not run yet. */
#ifndef SUPERVISOR_VERSIONS_H
#define SUPERVISOR_VERSIONS_H

#include <stdint.h>

#define VERSIONS_WHY 256

struct versions {
	uint32_t oldest;
	uint32_t newest;
};

/*
 * Run "program" with --protocol; waits two seconds at most.  Returns 0, or -1
 * with "why", a text that names the program.
 */
int versions_ask(const char *program, struct versions *versions,
    char why[VERSIONS_WHY]);

/* Take the answer apart (pure): 0, or -1. */
int versions_parse(const char *text, struct versions *versions);

/* Whether both understand each other. */
int versions_agree(const struct versions *a, const struct versions *b);

/* What is understood by all who speak "all" and "one". */
void versions_meet(struct versions *all, const struct versions *one);

#endif
