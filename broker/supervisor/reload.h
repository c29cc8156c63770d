/* SPDX-License-Identifier: ISC */
/* Reading the configuration again while everything runs. */
#ifndef SUPERVISOR_RELOAD_H
#define SUPERVISOR_RELOAD_H

struct conf_errors;
struct host;
struct options;

/* How it was read the first time. */
struct reload {
	int argc;
	char **argv;
};

/*
 * Read the command line and the file again.  What takes a restart is logged
 * and stays as it was; of the listeners those that are open stay, in their
 * order.  On success "*options" and "*host" are replaced and the old ones
 * freed: 0.  When anything is wrong with the file, all of it is logged and
 * both stay: -1.
 */
int reload_take(const struct reload *reload, struct options **options,
    struct host **host);

/* What is read then; complaints go to "errors".  For free(3). */
struct options *reload_options(const struct reload *reload,
    struct conf_errors *errors);

#endif
