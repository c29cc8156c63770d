/* SPDX-License-Identifier: ISC */
/* The command line of holdfast(1). */
#ifndef CONTRIB_CLIENT_OPTIONS_H
#define CONTRIB_CLIENT_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

enum options_command {
	OPTIONS_COMMAND_RUN,
	OPTIONS_ATTACH,
	OPTIONS_PS
};

struct options {
	enum options_command command;
	const char *url;
	const char *token_file; /* or NULL */
	const char *ca; /* or NULL: the system's */
	const char *cwd; /* or NULL: where we are */
	int tty; /* -1: as standard input and output are */
	int inherit_env;
	int no_stdin;
	int quiet;
	int detach;
	int takeover;
	int escape; /* byte, or -1: none */
	uint64_t ttl_ms; /* 0: none asked for */
	const char *session; /* to attach to or to list, or NULL */
	const char *process; /* to attach to, or NULL */
	char **env; /* "NAME=value", NULL at its end */
	size_t nenv;
	char **argv; /* of the job */
};

enum options_result {
	OPTIONS_RUN,
	OPTIONS_DONE, /* --help or --version was printed */
	OPTIONS_BAD /* said on standard error */
};

/*
 * Fill "options" from the command line; it points into "argv".  "url" is
 * what HOLDFAST_URL says, or NULL.  Clear it with options_clear().
 */
enum options_result options_parse(struct options *options, int argc,
    char *argv[], const char *url);
void options_clear(struct options *options);

/* Add a copy of "NAME=value", replacing what NAME was before. */
void options_set_env(struct options *options, const char *assignment);

#endif
