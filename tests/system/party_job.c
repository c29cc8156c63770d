/* SPDX-License-Identifier: ISC */
/* A client with a session and jobs in it: what passes between the two. */
#include "config.h"

#include <sys/types.h>

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

#define PARTY_POLL_MS 600000

static const struct {
	const char *mode;
	int tty;
	int stdin_open;
} kinds[] = {
	[PARTY_PIPES] = { "talk", 0, 1 },
	[PARTY_PTY] = { "talk", 1, 1 },
	[PARTY_FLOOD] = { "flood", 0, 0 },
	[PARTY_ONCE] = { "once", 0, 0 },
	[PARTY_DEAF] = { "deaf", 0, 1 },
};

const char *
party_job_stream(const struct party_job *job)
{
	return kinds[job->kind].tty ? "pty" : "stdout";
}

void
party_job_free(struct party_job *job)
{
	struct party_write *write;

	while ((write = TAILQ_FIRST(&job->writes)) != NULL) {
		TAILQ_REMOVE(&job->writes, write, entry);
		free(write);
	}
	tape_free(job->tape);
	free(job->id);
	free(job);
}

uint64_t
party_job_seen(const struct party_job *job)
{
	return tape_seen(job->tape);
}

struct json_object *
party_start_params(const struct daemon *daemon, enum party_kind kind,
    const char *id)
{
	const char *build = getenv("top_builddir");
	char *program = xasprintf("%s/tests/system/job",
	    build == NULL ? "." : build);
	char *path = realpath(program, NULL);
	const char *argv[] = { path == NULL ? program : path,
		kinds[kind].mode, daemon_dir(daemon), id, "4711", NULL };
	struct json_object *params;

	params = call_start_params(id, daemon_dir(daemon), argv);
	json_object_object_add(params, "tty",
	    json_object_new_boolean(kinds[kind].tty));
	json_object_object_add(params, "pipeStdin",
	    json_object_new_boolean(kinds[kind].stdin_open));
	free(program);
	free(path);
	return params;
}

int
party_job_send_start(struct party *party, struct party_job *job)
{
	job->asked++;
	job->starting = call_send(party->call, "process/start",
	    party_start_params(party->daemon, job->kind, job->id));
	return job->starting == -1 ?
	    party_fail(party, "%s: the start cannot be sent", job->id) : 0;
}

struct party_job *
party_note_start(struct party *party, enum party_kind kind, const char *id)
{
	struct party_job *job = xcalloc(1, sizeof(*job));

	job->kind = kind;
	job->id = xstrdup(id);
	job->tape = tape_new(id);
	TAILQ_INIT(&job->writes);
	SHA256Init(&job->sent);
	/* A talking job begins with eight bytes, once its terminal is raw. */
	if (strcmp(kinds[kind].mode, "talk") == 0)
		job->want_out = 8;
	/* Until it is answered it is asked for on every connection. */
	job->starting = -1;
	LIST_INSERT_HEAD(&party->jobs, job, entry);
	return job;
}

struct party_job *
party_ask_start(struct party *party, enum party_kind kind, const char *id)
{
	struct party_job *job;

	if (party->error[0] != '\0')
		return NULL;
	job = party_note_start(party, kind, id);
	return party_job_send_start(party, job) == -1 ? NULL : job;
}

int
party_is_ready(struct party *party, struct party_job *job)
{
	(void)party;
	return job->starting == 0 && (job->want_out == 0 ||
	    tape_bytes(job->tape, party_job_stream(job)) >= 8);
}

struct party_job *
party_start(struct party *party, enum party_kind kind, const char *id)
{
	struct party_job *job = party_ask_start(party, kind, id);

	if (job == NULL ||
	    party_until(party, job, party_is_ready, "a start") == -1)
		return NULL;
	return job;
}

/*
 * Asked again, it may have been started by the first request: then it is
 * answered as that one was, and what it has done meanwhile was told to nobody.
 */
static int
party_started(struct party *party, struct party_job *job,
    struct json_object *reply)
{
	job->starting = 0;
	if (!json_object_object_get_ex(reply, "result", NULL))
		return party_fail(party, "%s: %s", job->id,
		    json_object_to_json_string(reply));
	if (job->asked > 1 && tape_catch_up(job->tape, party->call) == -1)
		return party_fail(party, "%s: %s", job->id,
		    tape_error(job->tape));
	return 0;
}

static int
party_written(struct party *party, struct party_job *job,
    struct party_write *write, struct json_object *reply)
{
	struct json_object *result, *status;

	if (!json_object_object_get_ex(reply, "result", &result) ||
	    !json_object_object_get_ex(result, "status", &status) ||
	    strcmp(json_object_get_string(status), "accepted") != 0)
		return party_fail(party, "%s: write %s: %s", job->id,
		    write->id, json_object_to_json_string(reply));
	TAILQ_REMOVE(&job->writes, write, entry);
	free(write);
	return 0;
}

static int
party_send_poll(struct party *party, struct party_job *job)
{
	struct json_object *params = call_process_params(job->id);

	json_object_object_add(params, "afterSeq",
	    json_object_new_uint64(tape_seen(job->tape)));
	json_object_object_add(params, "waitMs",
	    json_object_new_int(PARTY_POLL_MS));
	job->poll = call_send(party->call, "process/read", params);
	return job->poll == -1 ?
	    party_fail(party, "%s: a read cannot be sent", job->id) : 0;
}

int
party_poll(struct party *party, struct party_job *job)
{
	job->polling = 1;
	return party_send_poll(party, job);
}

static int
party_polled(struct party *party, struct party_job *job,
    struct json_object *reply)
{
	struct json_object *result;

	if (!json_object_object_get_ex(reply, "result", &result))
		return party_fail(party, "%s: read: %s", job->id,
		    json_object_to_json_string(reply));
	if (tape_read(job->tape, result) == -1)
		return party_fail(party, "%s: read: %s", job->id,
		    tape_error(job->tape));
	job->poll = 0;
	if (tape_closed(job->tape))
		job->polling = 0;
	return job->polling && !party->leaving ?
	    party_send_poll(party, job) : 0;
}

static int
party_job_replies(struct party *party, struct party_job *job)
{
	struct party_write *write, *next;
	struct json_object *reply;
	int rc = 0;

	if (job->starting > 0 && !party->leaving && (reply = call_take_reply(
	    party->call, job->starting)) != NULL) {
		rc = party_started(party, job, reply);
		json_object_put(reply);
	}
	if (rc == 0 && job->poll > 0 && (reply = call_take_reply(party->call,
	    job->poll)) != NULL) {
		rc = party_polled(party, job, reply);
		json_object_put(reply);
	}
	for (write = TAILQ_FIRST(&job->writes); rc == 0 && write != NULL;
	    write = next) {
		next = TAILQ_NEXT(write, entry);
		if (write->call == 0 || (reply = call_take_reply(party->call,
		    write->call)) == NULL)
			continue;
		rc = party_written(party, job, write, reply);
		json_object_put(reply);
	}
	return rc;
}

static int
party_event(struct party *party, struct json_object *event)
{
	struct party_job *job;
	int rc = 0;

	LIST_FOREACH(job, &party->jobs, entry) {
		if ((rc = tape_event(job->tape, event)) != 0)
			break;
	}
	if (rc == -1)
		return party_fail(party, "%s: %s", job->id,
		    tape_error(job->tape));
	return 0;
}

int
party_dispatch(struct party *party)
{
	struct json_object *event;
	struct party_job *job;
	int rc = 0;

	while (rc == 0 && (event = call_take_event(party->call)) != NULL) {
		rc = party_event(party, event);
		json_object_put(event);
	}
	LIST_FOREACH(job, &party->jobs, entry) {
		if (rc == -1)
			return -1;
		rc = party_job_replies(party, job);
	}
	return rc;
}

static int
party_send_write(struct party *party, struct party_job *job,
    struct party_write *write)
{
	write->call = call_send(party->call, "process/write",
	    call_write_params(job->id, write->id, write->data, write->len));
	return write->call == -1 ?
	    party_fail(party, "%s: a write cannot be sent", job->id) : 0;
}

int
party_job_again(struct party *party, struct party_job *job)
{
	struct party_write *write;

	tape_reattach(job->tape);
	job->poll = 0;
	if (job->starting != 0)
		return party_job_send_start(party, job);
	if (tape_closed(job->tape))
		return 0;
	if (tape_catch_up(job->tape, party->call) == -1)
		return party_fail(party, "%s: catching up: %s", job->id,
		    tape_error(job->tape));
	TAILQ_FOREACH(write, &job->writes, entry)
		if (party_send_write(party, job, write) == -1)
			return -1;
	return job->polling ? party_send_poll(party, job) : 0;
}

static struct party_write *
party_note_write(struct party_job *job, const char *data, size_t len)
{
	struct party_write *write = xmalloc(sizeof(*write) + len);

	memset(write, 0, sizeof(*write));
	snprintf(write->id, sizeof(write->id), "w%lu", ++job->nwrites);
	write->len = len;
	memcpy(write->data, data, len);
	TAILQ_INSERT_TAIL(&job->writes, write, entry);
	SHA256Update(&job->sent, (const uint8_t *)data, len);
	job->sent_bytes += len;
	return write;
}

int
party_say(struct party *party, struct party_job *job, const char *line)
{
	if (party->error[0] != '\0')
		return -1;
	return party_send_write(party, job,
	    party_note_write(job, line, strlen(line)));
}

int
party_say_half(struct party *party, struct party_job *job, const char *line)
{
	struct party_write *write = party_note_write(job, line, strlen(line));
	struct json_object *message = json_object_new_object();
	/* Of 1000 bytes; a mask of zeros lets the text go out as it is. */
	static const unsigned char head[8] = { 0x81, 0xfe, 1000 >> 8,
		1000 & 0xff };
	const char *text;
	size_t len;
	int rc;

	json_object_object_add(message, "id", json_object_new_int(1 << 30));
	json_object_object_add(message, "method",
	    json_object_new_string("process/write"));
	json_object_object_add(message, "params", call_write_params(job->id,
	    write->id, write->data, write->len));
	text = json_object_to_json_string_length(message,
	    JSON_C_TO_STRING_PLAIN, &len);
	rc = wire_send_raw(call_wire(party->call), head, sizeof(head),
	    PARTY_MS);
	if (rc == 0)
		rc = wire_send_raw(call_wire(party->call), text, len / 2,
		    PARTY_MS);
	json_object_put(message);
	return rc == 0 ? 0 : party_fail(party, "half a frame cannot be sent");
}

int
party_ballast(struct party *party, struct party_job *job, int lines,
    size_t len)
{
	char *line = xmalloc(len + 1);
	int rc = 0;

	memset(line, 'x', len);
	line[len - 1] = '\n';
	line[len] = '\0';
	while (rc == 0 && lines-- > 0) {
		snprintf(line, len, "x %d", lines);
		line[strlen(line)] = ' ';
		rc = party_say(party, job, line);
	}
	free(line);
	return rc;
}

/* Both are noted before either can fail to be sent. */
int
party_ask_output(struct party *party, struct party_job *job, size_t len)
{
	struct party_write *out, *err = NULL;
	char line[64];

	if (party->error[0] != '\0')
		return -1;
	snprintf(line, sizeof(line), "o %zu\n", len);
	out = party_note_write(job, line, strlen(line));
	job->want_out += len;
	if (job->kind == PARTY_PIPES) {
		line[0] = 'e';
		err = party_note_write(job, line, strlen(line));
		job->want_err += len;
	}
	if (party_send_write(party, job, out) == -1)
		return -1;
	return err == NULL ? 0 : party_send_write(party, job, err);
}
