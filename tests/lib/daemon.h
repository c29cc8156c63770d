/* SPDX-License-Identifier: ISC */
/*
 * The real holdfastd from the build tree, one for each test that wants it:
 * its own directory, its own port, and nothing left when it has gone.
 */
#ifndef TESTS_LIB_DAEMON_H
#define TESTS_LIB_DAEMON_H

#include <sys/types.h>

#include <stddef.h>

struct call;
struct daemon;

/*
 * Start holdfastd with "--listen ws://127.0.0.1:0" (with SCHEME=wss or unix
 * in the environment: that), a runtime directory of its own, no pings for an
 * hour, --allow-root where needed, and "args" (NULL at its end, or NULL),
 * and wait for the line with its URL.  "args" must live as long as the daemon.
 * The calling process becomes a child
 * subreaper, so that whatever the daemon leaves behind is found.  Its log
 * goes to a file.  Returns NULL after saying why on stderr.
 */
struct daemon *daemon_start(const char *const args[]);

/*
 * The same with a configuration file of this text, in which @ stands for the
 * daemon's directory, and without any of those options but the runtime
 * directory; "lines" is how many addresses it will print.
 */
struct daemon *daemon_start_conf(const char *text, size_t lines);

/* The address printed in line "n", from 0; NULL: there is none. */
const char *daemon_address(const struct daemon *daemon, size_t n);

/* Write its configuration anew, and have it read: it is sent SIGHUP. */
int daemon_reload(struct daemon *daemon, const char *text);

/*
 * Kill holdfastd, and it alone, with SIGKILL; and start it again as it was
 * started, at the address it had, which must be what it prints.  0 or -1.
 */
void daemon_kill(struct daemon *daemon);
int daemon_start_again(struct daemon *daemon);

/*
 * Stop it if it runs (as daemon_stop()), remove its directory, free it.
 * With "failed" set its log is shown on stderr first.
 */
void daemon_free(struct daemon *daemon, int failed);

/* Owned by the daemon: its address, its directory, its log's path. */
const char *daemon_url(const struct daemon *daemon);
const char *daemon_dir(const struct daemon *daemon);
const char *daemon_runtime_dir(const struct daemon *daemon);
const char *daemon_log(const struct daemon *daemon);
pid_t daemon_pid(const struct daemon *daemon);

/*
 * Fill "pids" with at most "max" processes named "name" (holdfast-gateway,
 * holdfast-broker, holdfast-runner) below this daemon, by the parentage in
 * /proc, oldest first.  Returns how many there are.
 */
size_t daemon_find(const struct daemon *daemon, const char *name, pid_t *pids,
    size_t max);

/* Wait until there are at least "count" of them; 0, or -1 after "ms". */
int daemon_wait_for(const struct daemon *daemon, const char *name,
    size_t count, int ms);

/* Wait until a line of the log contains "text"; 0, or -1 after "ms". */
int daemon_wait_logged(const struct daemon *daemon, const char *text, int ms);

/* Wait until there is none of them; 0, or -1 after "ms". */
int daemon_wait_none(const struct daemon *daemon, const char *name, int ms);

/*
 * The process of this daemon at the server's end of the TCP connection that
 * has "port" on the client's side: which gateway carries it.  0 when none
 * is found.
 */
pid_t daemon_owner_of(const struct daemon *daemon, int port);

/* SIGKILL; from now on nothing here counts on this gateway. */
void daemon_kill_gateway(struct daemon *daemon, pid_t gateway);

/* The last one killed so, 0 before that: it may not be dead yet. */
pid_t daemon_killed(const struct daemon *daemon);

/*
 * Until daemon_unpin() no gateway but "gateway" accepts connections: the
 * others are stopped.  A gateway started meanwhile is not.
 */
void daemon_pin(const struct daemon *daemon, pid_t gateway);
void daemon_unpin(const struct daemon *daemon);

/*
 * call_attach(), and which gateway carries the connection.  "wanted" must
 * be that gateway; 0 takes any.  NULL after saying why.
 */
struct call *daemon_attach(const struct daemon *daemon, const char *resume,
    pid_t wanted, pid_t *gateway);

/*
 * SIGTERM and wait at most "ms" milliseconds.  Returns the exit status as
 * waitpid(2) gives it, or -1 when it had to be killed.
 */
int daemon_stop(struct daemon *daemon, int ms);

/*
 * Processes below the calling one, the daemon itself not counted: after it
 * has ended, what it or its jobs started and left alive ("pids" as in
 * daemon_find(); zombies are reaped and don't count), and files left in the
 * runtime directory.
 */
size_t daemon_left_alive(struct daemon *daemon, pid_t *pids, size_t max);
size_t daemon_left_files(const struct daemon *daemon);

/*
 * Both of the above are nothing within "ms" milliseconds, and the log tells
 * of no crash and holds no report of a sanitizer: 0, else -1 with what there
 * is on stderr.
 */
int daemon_check_clean(struct daemon *daemon, int ms);

/* The same of processes alone, for a daemon that could not tidy up. */
int daemon_check_alive(struct daemon *daemon, int ms);

#endif
