/* SPDX-License-Identifier: ISC */
/* A server to measure: started here, or one that runs already. */
#ifndef TESTS_BENCH_SERVER_H
#define TESTS_BENCH_SERVER_H

#include <sys/types.h>

#include <netinet/in.h>

struct server {
	pid_t pid; /* its first process, whose descendants count; 0: unknown */
	int started; /* by server_start(), so server_stop() ends it */
	char url[128];
	struct sockaddr_in addr;
	char *dir; /* removed at the end, or NULL */
};

/*
 * Run "command" (by sh, with "args" behind it; they may be NULL) and wait
 * until it prints ws://IP:PORT.  Its messages go to the file "log".  Returns
 * 0, or -1 after saying why.
 */
int server_start(struct server *server, const char *command,
    const char *args, const char *log);

/* Our own daemon with a runtime directory of its own; as above. */
int server_start_own(struct server *server, const char *program,
    const char *args, const char *log);

/* One that runs already at "url"; its process is found by its port. */
int server_attach(struct server *server, const char *url);

/* End what was started, with everything below it. */
void server_stop(struct server *server);

#endif
