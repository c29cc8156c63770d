/* SPDX-License-Identifier: ISC */
/* A client with a session and jobs in it: its connections. */
#include "config.h"

#include <sys/socket.h>
#include <sys/types.h>

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "common/xmalloc.h"
#include "tests/lib/call.h"
#include "tests/lib/daemon.h"
#include "tests/lib/tape.h"
#include "tests/lib/wait.h"
#include "tests/system/party_private.h"

#define PARTY_SMALL_BUFFER 65536

int
party_fail(struct party *party, const char *fmt, ...)
{
	va_list ap;
	size_t n;

	if (party->error[0] != '\0')
		return -1;
	n = (size_t)snprintf(party->error, sizeof(party->error), "%s: ",
	    party->name);
	va_start(ap, fmt);
	vsnprintf(party->error + n, sizeof(party->error) - n, fmt, ap);
	va_end(ap);
	return -1;
}

void
party_shrink_buffer(struct party *party)
{
	int size = PARTY_SMALL_BUFFER;

	if (party->small)
		setsockopt(wire_fd(call_wire(party->call)), SOL_SOCKET,
		    SO_RCVBUF, &size, sizeof(size));
}

static int
party_attach(struct party *party)
{
	if (party->roams)
		return party_attach_roaming(party);
	party->call = daemon_attach(party->daemon, party->session, 0,
	    &party->gateway);
	if (party->call == NULL)
		return party_fail(party, "cannot attach");
	party_shrink_buffer(party);
	return 0;
}

struct party *
party_alloc(struct daemon *daemon, const char *name)
{
	struct party *party = xcalloc(1, sizeof(*party));

	party->daemon = daemon;
	party->name = xstrdup(name);
	LIST_INIT(&party->jobs);
	return party;
}

struct party *
party_new(struct daemon *daemon, const char *name)
{
	struct party *party = party_alloc(daemon, name);

	if (party_attach(party) == -1) {
		party_free(party);
		return NULL;
	}
	party->session = xstrdup(call_session(party->call));
	return party;
}

void
party_free(struct party *party)
{
	struct party_job *job;

	if (party == NULL)
		return;
	while ((job = LIST_FIRST(&party->jobs)) != NULL) {
		LIST_REMOVE(job, entry);
		party_job_free(job);
	}
	call_free(party->call);
	free(party->session);
	free(party->name);
	free(party);
}

const char *
party_name(const struct party *party)
{
	return party->name;
}

const char *
party_error(const struct party *party)
{
	return party->error;
}

const char *
party_session(const struct party *party)
{
	return party->session;
}

struct call *
party_call(struct party *party)
{
	return party->call;
}

pid_t
party_gateway(const struct party *party)
{
	return party->gateway;
}

void
party_small_buffer(struct party *party)
{
	party->small = 1;
}

int
party_receive(struct party *party, int timeout_ms)
{
	if (party->error[0] != '\0')
		return -1;
	if (party->call == NULL ||
	    call_receive(party->call, timeout_ms) == -1)
		return party_fail(party, "the connection ended");
	return party_dispatch(party);
}

int
party_until(struct party *party, struct party_job *job,
    int (*cond)(struct party *, struct party_job *), const char *what)
{
	uint64_t deadline = deadline_in(PARTY_MS);

	if (party->error[0] != '\0' || party->call == NULL ||
	    party_dispatch(party) == -1)
		return -1;
	while (!cond(party, job)) {
		if (deadline_left(deadline) == 0)
			return party_fail(party, "waited in vain: %s", what);
		if (party_receive(party, deadline_left(deadline)) == -1)
			return -1;
	}
	return 0;
}

int
party_sip(struct party *party, int messages)
{
	while (messages-- > 0)
		if (party_receive(party, 0) == -1)
			return -1;
	return 0;
}

int
party_is_connected(struct party *party)
{
	struct pollfd pfd = { .events = POLLRDHUP };

	if (party->call == NULL || call_ended(party->call))
		return 0;
	pfd.fd = wire_fd(call_wire(party->call));
	return poll(&pfd, 1, 0) == 0;
}

int
party_check(struct party *party)
{
	uint64_t deadline = deadline_in(PARTY_MS);
	struct json_object *reply = NULL;
	int64_t id;

	if (party->error[0] != '\0')
		return -1;
	id = call_send(party->call, "environment/status", NULL);
	while (id != -1 && reply == NULL && deadline_left(deadline) > 0) {
		if (party_receive(party, deadline_left(deadline)) == -1)
			return -1;
		reply = call_take_reply(party->call, id);
	}
	if (!json_object_object_get_ex(reply, "result", NULL)) {
		json_object_put(reply);
		return party_fail(party, "a request was not answered");
	}
	json_object_put(reply);
	return 0;
}

void
party_leave(struct party *party, enum party_leave leave)
{
	uint64_t deadline = deadline_in(PARTY_MS);

	if (party->call == NULL)
		return;
	if (leave == PARTY_DRAIN) {
		party->leaving = 1;
		while (call_receive(party->call, deadline_left(deadline)) == 1)
			(void)party_dispatch(party);
		party->leaving = 0;
		if (!call_ended(party->call))
			party_fail(party, "the connection does not end");
	}
	call_free(party->call);
	party->call = NULL;
}

int
party_resume(struct party *party, enum party_leave leave)
{
	struct party_job *job;

	party_leave(party, leave);
	if (party->error[0] != '\0' || party_attach(party) == -1)
		return -1;
	LIST_FOREACH(job, &party->jobs, entry)
		if (party_job_again(party, job) == -1)
			return -1;
	return 0;
}

uint64_t
party_bytes(const struct party *party)
{
	struct party_job *job;
	uint64_t bytes = 0;

	LIST_FOREACH(job, &party->jobs, entry)
		bytes += tape_bytes(job->tape, "stdout") +
		    tape_bytes(job->tape, "stderr") +
		    tape_bytes(job->tape, "pty");
	return bytes;
}
