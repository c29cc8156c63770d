/* SPDX-License-Identifier: ISC */
/* A client with a session and jobs in it: waiting for it, and its account. */
#include "config.h"

#include <sys/types.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "tests/lib/call.h"
#include "tests/lib/daemon.h"
#include "tests/lib/tape.h"
#include "tests/system/party_private.h"

static int
party_has_taken(struct party *party, struct party_job *job)
{
	return tape_closed(job->tape) ||
	    tape_bytes(job->tape, party_job_stream(job)) >= party->goal;
}

int
party_take(struct party *party, struct party_job *job, uint64_t bytes)
{
	party->goal = tape_bytes(job->tape, party_job_stream(job)) + bytes;
	return party_until(party, job, party_has_taken, "output");
}

static int
party_is_settled(struct party *party, struct party_job *job)
{
	LIST_FOREACH(job, &party->jobs, entry) {
		if (!TAILQ_EMPTY(&job->writes) || job->starting != 0)
			return 0;
		if (job->want_out > 0 && (tape_bytes(job->tape,
		    party_job_stream(job)) != job->want_out ||
		    tape_bytes(job->tape, "stderr") != job->want_err))
			return 0;
	}
	return 1;
}

int
party_settle(struct party *party)
{
	return party_until(party, NULL, party_is_settled,
	    "answers and output");
}

int
party_is_closed(struct party *party, struct party_job *job)
{
	(void)party;
	return tape_closed(job->tape);
}

int
party_tell_end(struct party *party, struct party_job *job)
{
	struct json_object *params;

	switch (job->kind) {
	case PARTY_PIPES:
	case PARTY_PTY:
		return party_say(party, job, "q\n");
	case PARTY_FLOOD:
	case PARTY_DEAF:
		params = call_process_params(job->id);
		json_object_object_add(params, "signal",
		    json_object_new_string("interrupt"));
		return call_send(party->call, "process/signal", params) == -1 ?
		    party_fail(party, "%s: no signal can be sent", job->id) :
		    0;
	case PARTY_ONCE:
		break;
	}
	return 0;
}

static int
party_compare(struct party *party, struct party_job *job, const char *name,
    const char *hash, unsigned long long bytes)
{
	char seen[TAPE_HASH_SIZE];
	uint64_t nseen;

	if (strcmp(name, "stdin") == 0) {
		SHA256End(&job->sent, seen);
		nseen = job->sent_bytes;
	} else {
		if (strcmp(name, "stdout") == 0)
			name = party_job_stream(job);
		tape_hash(job->tape, name, seen);
		nseen = tape_bytes(job->tape, name);
	}
	if (nseen != bytes || strcmp(seen, hash) != 0)
		return party_fail(party,
		    "%s: %s: %llu bytes here, %llu there, digests %s", job->id,
		    name, (unsigned long long)nseen, bytes,
		    strcmp(seen, hash) == 0 ? "equal" : "differ");
	return 0;
}

static int
party_account(struct party *party, struct party_job *job)
{
	char path[4096], line[256], name[16], hash[TAPE_HASH_SIZE];
	unsigned long long bytes;
	int rc = 0, n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s.result",
	    daemon_dir(party->daemon), job->id);
	if ((f = fopen(path, "re")) == NULL)
		return party_fail(party, "%s: left no result", job->id);
	while (rc == 0 && fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "%15s %64s %llu", name, hash, &bytes) != 3)
			continue;
		rc = party_compare(party, job, name, hash, bytes);
		n++;
	}
	fclose(f);
	return rc == 0 && n != 3 ?
	    party_fail(party, "%s: a torn result", job->id) : rc;
}

int
party_conclude(struct party *party, struct party_job *job)
{
	if (tape_exit_code(job->tape) != 0)
		return party_fail(party, "%s: exit code %d", job->id,
		    tape_exit_code(job->tape));
	return party_account(party, job);
}

int
party_finish(struct party *party, struct party_job *job)
{
	if (party->error[0] != '\0' || party_tell_end(party, job) == -1 ||
	    party_until(party, job, party_is_closed, "a job's end") == -1)
		return -1;
	return party_conclude(party, job);
}

int
party_ran(const char *dir, const char *id, int times)
{
	char path[4096], line[256];
	int n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/runs", dir);
	if ((f = fopen(path, "re")) == NULL)
		return times == 0;
	while (fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		n += strcmp(line, id) == 0;
	}
	fclose(f);
	return n == times;
}

uint64_t
party_flooded(const char *dir, const char *id)
{
	uint64_t count = 0;
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/%s.count", dir, id);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return 0;
	if (read(fd, &count, sizeof(count)) != sizeof(count))
		count = 0;
	close(fd);
	return count;
}
