/* SPDX-License-Identifier: ISC */
/* A client with a session and jobs in it, that nothing can stop. */
#include "config.h"

#include <sys/types.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/xmalloc.h"
#include "tests/lib/call.h"
#include "tests/lib/daemon.h"
#include "tests/lib/wait.h"
#include "tests/system/party_private.h"

#define ROAM_MS 60000
#define ROAM_PAUSE_MS 50
#define UNKNOWN_SESSION (-32600)

static void
party_pause(void)
{
	static const struct timespec pause = {
		.tv_nsec = ROAM_PAUSE_MS * 1000000L
	};

	nanosleep(&pause, NULL);
}

/* Who has been told that the session is not there need not ask again. */
int
party_attach_roaming(struct party *party)
{
	uint64_t deadline = deadline_in(ROAM_MS);
	int code = 1, status = 0;

	while (deadline_left(deadline) > 0) {
		party->call = call_open_with(daemon_url(party->daemon), "",
		    &status);
		if (party->call != NULL)
			code = call_try_begin(party->call, party->session);
		if (party->call != NULL && code == 0) {
			party_shrink_buffer(party);
			return 0;
		}
		call_free(party->call);
		party->call = NULL;
		if (code == UNKNOWN_SESSION)
			break;
		party_pause();
	}
	return party_fail(party, "cannot attach: status %d, code %d", status,
	    code);
}

struct party *
party_new_roaming(struct daemon *daemon, const char *name)
{
	struct party *party = party_alloc(daemon, name);

	party->roams = 1;
	if (party_attach_roaming(party) == -1) {
		fprintf(stderr, "%s\n", party->error);
		party_free(party);
		return NULL;
	}
	party->session = xstrdup(call_session(party->call));
	return party;
}

/* Whether what failed did so because the connection has ended. */
static int
party_was_cut(struct party *party)
{
	return party->call != NULL && !party_is_connected(party);
}

static int
party_recover(struct party *party)
{
	uint64_t deadline = deadline_in(ROAM_MS);

	while (party_was_cut(party) && deadline_left(deadline) > 0) {
		party->error[0] = '\0';
		party->resumed++;
		if (party_resume(party, PARTY_ABANDON) == 0)
			return 0;
	}
	return -1;
}

int
party_roam(struct party *party, int (*step)(struct party *, void *),
    void *arg)
{
	while (step(party, arg) != 0)
		if (party_recover(party) == -1)
			return -1;
	return 0;
}

static int
step_start(struct party *party, void *arg)
{
	struct party_job *job = arg;

	if (job->asked == 0 && party_job_send_start(party, job) == -1)
		return -1;
	return party_until(party, job, party_is_ready, "a start");
}

struct party_job *
party_roam_start(struct party *party, enum party_kind kind, const char *id)
{
	struct party_job *job = party_note_start(party, kind, id);

	return party_roam(party, step_start, job) == -1 ? NULL : job;
}

struct finish {
	struct party_job *job;
	int told;
};

/* A line is sent again by itself; a signal that was lost is not. */
static int
step_finish(struct party *party, void *arg)
{
	struct finish *finish = arg;
	int is_line = finish->job->kind == PARTY_PIPES ||
	    finish->job->kind == PARTY_PTY;

	if (!(is_line && finish->told)) {
		finish->told = 1;
		if (party_tell_end(party, finish->job) == -1)
			return -1;
	}
	return party_until(party, finish->job, party_is_closed,
	    "a job's end");
}

int
party_roam_finish(struct party *party, struct party_job *job)
{
	struct finish finish = { .job = job };

	if (party_roam(party, step_finish, &finish) == -1)
		return -1;
	return party_conclude(party, job);
}

int
party_resumed(const struct party *party)
{
	return party->resumed;
}
