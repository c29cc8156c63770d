/* SPDX-License-Identifier: ISC */
/* Just enough of the protocol to make a server work, written by hand. */
#include "config.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/client.h"
#include "tests/bench/num.h"
#include "tests/bench/rpc.h"

/* Where in a message the names and ids stand that are looked for. */
#define LOOK 200

/* Behind "key" in the first (or else the last) bytes of a message. */
static const char *
find(const struct frame *frame, const char *key)
{
	size_t look = frame->len < LOOK ? frame->len : LOOK;
	size_t len = strlen(key);
	const char *at = memmem(frame->text, look, key, len);

	if (at == NULL && frame->len > look)
		at = memmem(frame->text + frame->len - look, look, key, len);
	return at == NULL ? NULL : at + len;
}

/* Frames are not terminated, but a number never stands at the end of one. */
static unsigned
number_at(const char *p)
{
	return p == NULL ? UINT_MAX : (unsigned)strtoul(p, NULL, 10);
}

enum got
rpc_got(const struct frame *frame, unsigned *number)
{
	const char *method = find(frame, "\"method\":\"process/");

	if (method == NULL) {
		*number = number_at(find(frame, "\"id\":"));
		return find(frame, "\"error\":{") != NULL ? GOT_ERROR :
		    GOT_RESULT;
	}
	*number = number_at(find(frame, "\"processId\":\"p"));
	switch (*method) {
	case 'o':
		return GOT_OUTPUT;
	case 'e':
		return GOT_EXITED;
	case 'c':
		return GOT_CLOSED;
	}
	return GOT_OTHER;
}

size_t
rpc_bytes(const struct frame *frame)
{
	const char *from = find(frame, "\"chunk\":\""), *to;
	size_t len;

	if (from == NULL)
		return 0;
	to = memchr(from, '"', frame->len - (size_t)(from - frame->text));
	if (to == NULL)
		give_up("a chunk without end");
	len = (size_t)(to - from);
	if (len == 0)
		return 0;
	return len / 4 * 3 - (to[-1] == '=') - (to[-2] == '=');
}

void
rpc_wait(struct client *c, unsigned id, struct frame *frame)
{
	enum got got;
	unsigned n;

	do {
		client_next(c, frame);
		got = rpc_got(frame, &n);
	} while ((got != GOT_RESULT && got != GOT_ERROR) || n != id);
	if (got == GOT_ERROR)
		give_up("refused: %.*s",
		    frame->len < 200 ? (int)frame->len : 200, frame->text);
}

void
rpc_wait_for(struct client *c, enum got what, unsigned number,
    struct frame *frame)
{
	enum got got;
	unsigned n;

	do {
		client_next(c, frame);
		got = rpc_got(frame, &n);
		if (got == GOT_ERROR)
			give_up("refused: %.*s",
			    frame->len < 200 ? (int)frame->len : 200,
			    frame->text);
	} while (got != what || n != number);
}

size_t
rpc_initialize(char *text, size_t size, const char *resume)
{
	int n;

	if (resume == NULL)
		n = snprintf(text, size, "{\"id\":1,\"method\":\"initialize\","
		    "\"params\":{\"clientName\":\"bench\"}}");
	else
		n = snprintf(text, size, "{\"id\":1,\"method\":\"initialize\","
		    "\"params\":{\"clientName\":\"bench\","
		    "\"resumeSessionId\":\"%s\"}}", resume);
	return (size_t)n;
}

void
rpc_session_id(const struct frame *frame, char id[SESSION_ID_MAX])
{
	const char *at, *key = "\"sessionId\":\"";

	at = memmem(frame->text, frame->len, key, strlen(key));
	if (at == NULL)
		give_up("no session: %.*s", (int)frame->len, frame->text);
	at += strlen(key);
	snprintf(id, SESSION_ID_MAX, "%.*s", (int)strcspn(at, "\""), at);
}

void
session_open(struct client *c, const struct server *server,
    const char *resume, char id[SESSION_ID_MAX])
{
	char text[CLIENT_TEXT_MAX];
	struct frame frame;

	client_open(c, server);
	rpc_initialize(text, sizeof(text), resume);
	client_sendf(c, "%s", text);
	rpc_wait(c, 1, &frame);
	if (id != NULL)
		rpc_session_id(&frame, id);
	client_sendf(c, "%s", RPC_INITIALIZED);
}

size_t
rpc_start(char text[CLIENT_TEXT_MAX], unsigned number, int how,
    const char *program, const char *arg1, const char *arg2)
{
	int n;

	n = snprintf(text, CLIENT_TEXT_MAX,
	    "{\"id\":%u,\"method\":\"process/start\",\"params\":{"
	    "\"processId\":\"p%u\",\"argv\":[\"%s\"%s%s%s%s%s%s],"
	    "\"cwd\":\"file:///\",\"env\":{},\"tty\":%s,\"pipeStdin\":%s}}",
	    number, number, program,
	    arg1 == NULL ? "" : ",\"", arg1 == NULL ? "" : arg1,
	    arg1 == NULL ? "" : "\"",
	    arg2 == NULL ? "" : ",\"", arg2 == NULL ? "" : arg2,
	    arg2 == NULL ? "" : "\"",
	    how & JOB_TTY ? "true" : "false",
	    how & JOB_STDIN ? "true" : "false");
	if (n < 0 || n >= CLIENT_TEXT_MAX)
		give_up("request too long");
	return (size_t)n;
}

const char *
job_program(void)
{
	static char path[PATH_MAX];
	ssize_t n;

	if (path[0] == '\0') {
		n = readlink("/proc/self/exe", path, sizeof(path) - 8);
		if (n <= 0)
			give_up("who am I?");
		path[n] = '\0';
		memcpy(strrchr(path, '/'), "/job", sizeof("/job"));
	}
	return path;
}

void
job_start(struct client *c, unsigned number, int how, const char *mode,
    const char *arg)
{
	char text[CLIENT_TEXT_MAX];
	struct frame frame;

	rpc_start(text, number, how, job_program(), mode, arg);
	client_sendf(c, "%s", text);
	rpc_wait(c, number, &frame);
}

void
job_end(struct client *c, unsigned number)
{
	struct frame frame;

	client_sendf(c, RPC_TERMINATE_FMT, number, number);
	rpc_wait_for(c, GOT_CLOSED, number, &frame);
}
