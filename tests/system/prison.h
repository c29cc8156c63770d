/* SPDX-License-Identifier: ISC */
/* What tests of sandboxes try to get out of. */
#ifndef TESTS_SYSTEM_PRISON_H
#define TESTS_SYSTEM_PRISON_H

#include <sys/types.h>

struct call;
struct json_object;

#define SYSTEM (-32603)	/* the code of what the system forbids */

/*
 * The prison: "root"/w is the workspace, "root"/out what is not.  Sockets and
 * a process wait outside for somebody to come.
 */
struct prison {
	char *root, *w, *out, *prisoner;
	int tcp, udp, abstract, named, datagram;
	char tcp_port[16], udp_port[16], abstract_name[64];
	char *named_path, *datagram_path;
	pid_t victim;
	char victim_pid[16];
};
extern struct prison prison;


/*
 * Run "stories" with a daemon of their own, in a new prison, which is where @
 * leads (ask.h); skips all where there can be no sandbox.  Returns main()'s
 * result.
 */
int prison_main(void (*stories)(struct call *call));

/* Whether nothing outside is as if somebody had been there. */
int prison_holds(void);

/* Forget who has been let out. */
void prison_drain(void);

/*
 * Run the prisoner (prisoner.c) with at most four arguments, in which %w, %o,
 * %t, %u, %a, %n, %d and %v stand for what the prison has; as box_run().
 */
int prison_try(struct call *call, const char *const *way,
    struct json_object *policy, char *out);

/* fs calls as ask(), in a sandbox: "policy" becomes theirs. */
int ask_boxed(struct call *call, const char *method, const char *params,
    struct json_object *policy, struct json_object **result);

/* "name" below "directory"; the caller's. */
char *below(const char *directory, const char *name);

/* Make things there, or look at them; what cannot be made ends the test. */
void put_file(const char *directory, const char *name, const char *text);
void make_directory(const char *directory, const char *name);
void make_link(const char *target, const char *directory, const char *name);
int file_is(const char *directory, const char *name, const char *text);
int is_there(const char *directory, const char *name);

#endif
