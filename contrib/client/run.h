/* SPDX-License-Identifier: ISC */
/* "holdfast run": one job, as if it ran here. */
#ifndef CONTRIB_CLIENT_RUN_H
#define CONTRIB_CLIENT_RUN_H

struct options;

/* Do what "options" says; returns the exit status for the process. */
int run_main(struct options *options);

#endif
