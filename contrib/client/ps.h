/* SPDX-License-Identifier: ISC */
/* "holdfast ps": the processes of a session, or what was left running. */
#ifndef CONTRIB_CLIENT_PS_H
#define CONTRIB_CLIENT_PS_H

#include <stddef.h>
#include <stdint.h>

struct json_object;
struct options;

/* Do what "options" says; returns the exit status for the process. */
int ps_main(struct options *options);

/* One process of a list; the strings are the object's. */
struct ps_process {
	const char *id;
	const char *program; /* or NULL */
	const char *signal; /* or NULL */
	uint64_t started_ms; /* since the Epoch */
	int tty;
	int running;
	int closed;
	int exited;
	int exit_code;
};

/* Read process "i" of a result of process/list: 0, or -1 at the end. */
int ps_process(struct json_object *result, size_t i,
    struct ps_process *process);

/* "exit 3", "hup", "running" and the like. */
void ps_state(const struct ps_process *process, char *out, size_t size);

#endif
