/* SPDX-License-Identifier: ISC */
/* Which gateway gets a connection, for tests. */
#include "config.h"

#include <sys/types.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/call.h"
#include "tests/lib/daemon.h"
#include "tests/lib/procfs.h"
#include "tests/lib/wait.h"

#define DAEMON_GATEWAYS 64
#define DAEMON_PIN_MS 60000
#define DAEMON_TRIES 200

static int
daemon_is_stopped(void *arg)
{
	const pid_t *pid = arg;
	struct procfs_entry entry;

	return procfs_get(*pid, &entry) == -1 || entry.state == 'T' ||
	    entry.state == 'Z';
}

void
daemon_pin(const struct daemon *daemon, pid_t gateway)
{
	pid_t pids[DAEMON_GATEWAYS];
	size_t i, n;

	n = daemon_find(daemon, "holdfast-gateway", pids, DAEMON_GATEWAYS);
	for (i = 0; i < n && i < DAEMON_GATEWAYS; i++)
		if (pids[i] != gateway)
			kill(pids[i], SIGSTOP);
	for (i = 0; i < n && i < DAEMON_GATEWAYS; i++)
		if (pids[i] != gateway)
			wait_until(daemon_is_stopped, &pids[i], DAEMON_PIN_MS);
}

void
daemon_unpin(const struct daemon *daemon)
{
	pid_t pids[DAEMON_GATEWAYS];
	size_t i, n;

	n = daemon_find(daemon, "holdfast-gateway", pids, DAEMON_GATEWAYS);
	for (i = 0; i < n && i < DAEMON_GATEWAYS; i++)
		kill(pids[i], SIGCONT);
}

/* The gateways that were there before and after are the same. */
static int
daemon_same(const struct daemon *daemon, const pid_t *before, size_t n)
{
	pid_t now[DAEMON_GATEWAYS];
	size_t i;

	if (daemon_find(daemon, "holdfast-gateway", now, DAEMON_GATEWAYS) != n)
		return 0;
	for (i = 0; i < n; i++)
		if (now[i] != before[i])
			return 0;
	return 1;
}

/*
 * Descriptors of a process that is not dumpable can be seen by root alone;
 * others have to let one gateway accept and hold the rest.  Not for longer:
 * the others may be asked about what they hold.
 */
static struct call *
daemon_open_pinned(const struct daemon *daemon, pid_t wanted, pid_t *gateway)
{
	static unsigned int turn;
	pid_t pids[DAEMON_GATEWAYS];
	struct call *call;
	size_t n;
	int tries, same;

	for (tries = 0; tries < DAEMON_TRIES; tries++) {
		if (daemon_wait_for(daemon, "holdfast-gateway", 1,
		    DAEMON_PIN_MS) == -1)
			break;
		n = daemon_find(daemon, "holdfast-gateway", pids,
		    DAEMON_GATEWAYS);
		if (n == 0 || n > DAEMON_GATEWAYS)
			continue;
		*gateway = wanted != 0 ? wanted : pids[turn++ % n];
		if (*gateway == daemon_killed(daemon))
			continue;
		daemon_pin(daemon, *gateway);
		call = call_open(daemon_url(daemon));
		same = daemon_same(daemon, pids, n);
		daemon_unpin(daemon);
		if (call == NULL || same)
			return call;
		call_free(call);
	}
	fprintf(stderr, "daemon: no gateway to attach through\n");
	return NULL;
}

struct daemon_owned {
	const struct daemon *daemon;
	int port;
	pid_t gateway;
};

static int
daemon_is_owned(void *arg)
{
	struct daemon_owned *owned = arg;

	owned->gateway = daemon_owner_of(owned->daemon, owned->port);
	return owned->gateway != 0;
}

static struct call *
daemon_open(const struct daemon *daemon, pid_t wanted, pid_t *gateway)
{
	struct daemon_owned owned = { .daemon = daemon };
	struct call *call;

	/* Nor does a Unix socket have a port to be told by. */
	if (wanted != 0 || procfs_descriptors(daemon_pid(daemon)) == -1 ||
	    strncmp(daemon_url(daemon), "unix:", 5) == 0)
		return daemon_open_pinned(daemon, wanted, gateway);
	if ((call = call_open(daemon_url(daemon))) == NULL)
		return NULL;
	owned.port = wire_local_port(call_wire(call));
	/* Processes that come and go can hide one from a walk through /proc. */
	if (wait_until(daemon_is_owned, &owned, DAEMON_PIN_MS) == 0) {
		*gateway = owned.gateway;
		return call;
	}
	fprintf(stderr, "daemon: no gateway carries the connection\n");
	call_free(call);
	return NULL;
}

struct call *
daemon_attach(const struct daemon *daemon, const char *resume, pid_t wanted,
    pid_t *gateway)
{
	struct call *call = daemon_open(daemon, wanted, gateway);

	if (call != NULL && call_begin(call, resume) == -1) {
		call_free(call);
		call = NULL;
	}
	return call;
}
