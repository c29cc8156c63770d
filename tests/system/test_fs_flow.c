/* SPDX-License-Identifier: ISC */
/* Files while much goes on: long answers, order, and clients that go. */
#include "config.h"

#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <poll.h>
#include <sha2.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "common/log.h"
#include "common/xmalloc.h"
#include "tests/lib/call.h"
#include "tests/lib/daemon.h"
#include "tests/lib/tap.h"
#include "tests/lib/wait.h"
#include "tests/system/ask.h"

#define FLOW_MS 60000
#define ORDERED 100
#define VANISHING 100
#define LONG_ANSWERS 6
#define PAGE 4096
#define GROWTH 300
#define WORKERS 8

#define NO_SUCH (-32004)
#define INVALID (-32600)

static const size_t sizes[] = { 65534, 65535, 65536, 65537, 131070, 131071,
	1 << 20, (3 << 20) + 1 };

static char *
at(const char *directory, const char *name)
{
	return xasprintf("%s/%s", directory, name);
}

static char *
put_random(const char *directory, const char *name, size_t len)
{
	char *path = at(directory, name), *bytes = xmalloc(len);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	size_t done = 0;
	ssize_t n;

	arc4random_buf(bytes, len);
	for (; fd != -1 && done < len; done += (size_t)n)
		if ((n = write(fd, bytes + done, len - done)) <= 0)
			fatal("%s", path);
	if (fd == -1 || close(fd) == -1)
		fatal("%s", path);
	free(path);
	return bytes;
}

static int64_t
send_read(struct call *call, const char *name)
{
	return call_send(call, "fs/readFile", ask_jsonf("{'path':'@/%s'}",
	    name));
}

/* Whether the answer to "id" holds exactly these bytes. */
static int
came(struct call *call, int64_t id, const char *bytes, size_t len)
{
	struct json_object *result;
	size_t got_len = 0;
	char *got = NULL;
	int good;

	if (ask_wait(call, id, &result) == 0)
		got = ask_bytes(result, "dataBase64", &got_len);
	good = got != NULL && got_len == len && memcmp(got, bytes, len) == 0;
	free(got);
	json_object_put(result);
	return good;
}

static void
story_sizes(struct call *call, const char *d)
{
	size_t i, good = 0;
	char *bytes;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		bytes = put_random(d, "sized", sizes[i]);
		if (came(call, send_read(call, "sized"), bytes, sizes[i]))
			good++;
		else
			tap_note("%zu bytes are not right", sizes[i]);
		free(bytes);
	}
	tap_ok(good == i, "files around the size of a message: %zu of %zu",
	    good, i);
}

/* It comes as one message in several frames. */
static void
story_fragments(struct daemon *daemon)
{
	struct call *call = call_attach(daemon_url(daemon), NULL);
	struct wire_message msg = { .kind = WIRE_ERROR };
	struct json_object *request, *reply;

	if (!tap_ok(call != NULL, "a client that looks at frames"))
		return;
	request = ask_json("{'id':'long','method':'fs/readFile',"
	    "'params':{'path':'@/sized'}}");
	wire_send_text(call_wire(call), json_object_to_json_string(request),
	    FLOW_MS);
	json_object_put(request);
	wire_recv(call_wire(call), &msg, FLOW_MS);
	reply = msg.data == NULL ? NULL : json_tokener_parse(msg.data);
	tap_ok(msg.kind == WIRE_TEXT && msg.fragments > 10 && reply != NULL,
	    "a long answer is one message in %d frames", msg.fragments);
	json_object_put(reply);
	free(msg.data);
	call_free(call);
}

/* Files, blocks and listings at the same time do not get mixed up. */
static void
story_several(struct call *call, const char *d)
{
	char *bytes[LONG_ANSWERS], name[16];
	int64_t ids[LONG_ANSWERS], block;
	struct json_object *result;
	size_t len = (2 << 20) + 7;
	int i, good = 0;

	for (i = 0; i < LONG_ANSWERS; i++) {
		snprintf(name, sizeof(name), "many%d", i);
		bytes[i] = put_random(d, name, len);
	}
	ask(call, "fs/open", "{'handleId':'s','path':'@/many0'}", NULL);
	block = call_send(call, "fs/readBlock", ask_json(
	    "{'handleId':'s','offset':7,'len':1048576}"));
	for (i = 0; i < LONG_ANSWERS; i++) {
		snprintf(name, sizeof(name), "many%d", i);
		ids[i] = send_read(call, name);
	}
	for (i = 0; i < LONG_ANSWERS; i++)
		good += came(call, ids[i], bytes[i], len);
	tap_ok(good == LONG_ANSWERS, "long answers asked for together: %d",
	    good);
	ask_wait(call, block, &result);
	free(bytes[1]);
	bytes[1] = ask_bytes(result, "chunk", &len);
	tap_ok(bytes[1] != NULL && len == 1048576 &&
	    memcmp(bytes[1], bytes[0] + 7, len) == 0,
	    "and a block between them");
	json_object_put(result);
	ask(call, "fs/close", "{'handleId':'s'}", NULL);
	for (i = 0; i < LONG_ANSWERS; i++)
		free(bytes[i]);
}

/* A process of ours adds pages, each full of its number. */
static pid_t
grow(const char *path)
{
	unsigned char page[PAGE];
	pid_t pid = fork();
	int fd, i;

	if (pid != 0)
		return pid;
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	for (i = 0; fd != -1 && i < GROWTH; i++) {
		memset(page, i & 255, sizeof(page));
		if (write(fd, page, sizeof(page)) != PAGE)
			_exit(1);
	}
	_exit(fd == -1);
}

static void
story_growing(struct call *call, const char *d)
{
	struct json_object *result;
	char *path = at(d, "growing"), *got;
	size_t len, i, last = 0;
	int status, good = 1, reads = 0;
	pid_t pid = grow(path);

	do {
		if (ask(call, "fs/readFile", "{'path':'@/growing'}",
		    &result) == NO_SUCH)
			continue;
		got = ask_bytes(result, "dataBase64", &len);
		for (i = 0; got != NULL && i < len; i++)
			good = good && (unsigned char)got[i] ==
			    (i / PAGE & 255);
		good = good && got != NULL && len >= last;
		last = len;
		free(got);
		json_object_put(result);
		reads++;
	} while (good && last < (size_t)GROWTH * PAGE);
	waitpid(pid, &status, 0);
	tap_ok(good && last == (size_t)GROWTH * PAGE, "a file that grows is "
	    "read as it is at some moment, %d times", reads);
	free(path);
}

static void
story_too_large(struct call *call, const char *d)
{
	char *path = at(d, "huge");
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	if (fd == -1 || ftruncate(fd, 536870913) == -1)
		fatal("%s", path);
	close(fd);
	tap_ok(ask(call, "fs/readFile", "{'path':'@/huge'}", NULL) ==
	    INVALID, "512 MiB and a byte are refused");
	unlink(path);
	free(path);
}

static void
story_copy(struct call *call, const char *d)
{
	char sum[2][SHA256_DIGEST_STRING_LENGTH] = { "", "" };
	char *from = at(d, "many0"), *to = at(d, "copied");
	struct stat st = { 0 };

	free(put_random(d, "many0", 50 << 20));
	tap_ok(ask(call, "fs/copy", "{'sourcePath':'@/many0',"
	    "'destinationPath':'@/copied','recursive':false}", NULL) == 0 &&
	    stat(to, &st) == 0 && st.st_size == 50 << 20 &&
	    SHA256File(from, sum[0]) != NULL &&
	    SHA256File(to, sum[1]) != NULL && strcmp(sum[0], sum[1]) == 0,
	    "50 MiB are copied as they are");
	unlink(from);
	unlink(to);
	free(from);
	free(to);
}

/* What is asked for without waiting happens in the order asked for. */
static void
story_order(struct call *call)
{
	int64_t ids[ORDERED][6];
	char text[16];
	int i, good = 0;

	for (i = 0; i < ORDERED; i++) {
		snprintf(text, sizeof(text), "number %d", i);
		ids[i][0] = call_send(call, "fs/writeFile", ask_add_bytes(
		    ask_json("{'path':'@/o/x'}"), "dataBase64", text,
		    strlen(text)));
		ids[i][1] = send_read(call, "o/x");
		ids[i][2] = call_send(call, "fs/remove",
		    ask_json("{'path':'@/o'}"));
		ids[i][3] = send_read(call, "o/x");
		ids[i][4] = call_send(call, "fs/createDirectory",
		    ask_json("{'path':'@/o'}"));
		ids[i][5] = call_send(call, "fs/readDirectory",
		    ask_json("{'path':'@/o'}"));
	}
	for (i = 0; i < ORDERED; i++) {
		snprintf(text, sizeof(text), "number %d", i);
		good += ask_wait(call, ids[i][0], NULL) ==
		    (i == 0 ? NO_SUCH : 0) &&
		    (i == 0 || came(call, ids[i][1], text, strlen(text))) &&
		    ask_wait(call, ids[i][2], NULL) == 0 &&
		    ask_wait(call, ids[i][3], NULL) == NO_SUCH &&
		    ask_wait(call, ids[i][4], NULL) == 0 &&
		    ask_wait(call, ids[i][5], NULL) == 0;
	}
	tap_ok(good == ORDERED, "order on one path: %d of %d rounds", good,
	    ORDERED);
}

/* The first handle of a session waits for what its path waits for. */
static void
story_open_behind(struct call *call, const char *d)
{
	char *bytes = put_random(d, "behind", 1 << 20);
	struct json_object *result;
	int64_t ids[3];

	ids[0] = call_send(call, "fs/copy", ask_json("{'sourcePath':"
	    "'@/behind','destinationPath':'@/opened','recursive':false}"));
	ids[1] = call_send(call, "fs/open", ask_json("{'handleId':'b',"
	    "'path':'@/opened'}"));
	ids[2] = call_send(call, "fs/readBlock", ask_json("{'handleId':'b',"
	    "'offset':1048575,'len':2}"));
	tap_ok(ask_wait(call, ids[0], NULL) == 0 &&
	    ask_wait(call, ids[1], NULL) == 0 &&
	    ask_wait(call, ids[2], &result) == 0 &&
	    ask_int(result, "eof") == 1, "opened right behind its copying");
	json_object_put(result);
	ask(call, "fs/close", "{'handleId':'b'}", NULL);
	free(bytes);
}

/* One worker is stopped in the middle: only its path waits. */
static void
story_stuck(struct daemon *daemon, const char *d)
{
	struct call *call = call_attach(daemon_url(daemon), NULL);
	char *a = put_random(d, "a", 1000), *b = put_random(d, "b", 1000);
	pid_t pids[WORKERS];
	int64_t stuck, behind, beside[5];
	int i, good = 0;

	if (!tap_ok(call != NULL && came(call, send_read(call, "a"), a, 1000)
	    && daemon_find(daemon, "holdfast-fs", pids, WORKERS) == 1,
	    "one worker"))
		goto out;
	kill(pids[0], SIGSTOP);
	stuck = send_read(call, "a");
	behind = call_send(call, "fs/remove", ask_json("{'path':'@/a'}"));
	for (i = 0; i < 5; i++)
		beside[i] = send_read(call, "b");
	for (i = 0; i < 5; i++)
		good += came(call, beside[i], b, 1000);
	tap_ok(good == 5, "while it is stuck, others are served: %d", good);
	tap_ok(call_take_reply(call, behind) == NULL &&
	    call_take_reply(call, stuck) == NULL,
	    "not the one whose order says that it waits");
	kill(pids[0], SIGCONT);
	tap_ok(came(call, stuck, a, 1000) && ask_wait(call, behind, NULL) ==
	    0, "then it goes on");
	tap_ok(daemon_find(daemon, "holdfast-fs", pids, WORKERS) <= 4,
	    "with few workers");
out:
	call_free(call);
	free(a);
	free(b);
}

/* A worker that dies takes its request with it, and nothing else. */
static void
story_dead(struct daemon *daemon, const char *d)
{
	struct call *call = call_attach(daemon_url(daemon), NULL);
	char *a = put_random(d, "a", 1000);
	pid_t pids[WORKERS];
	size_t i, n, good = 0;
	int64_t id;

	if (!tap_ok(call != NULL && came(call, send_read(call, "a"), a,
	    1000), "a client whose worker dies"))
		goto out;
	n = daemon_find(daemon, "holdfast-fs", pids, WORKERS);
	for (i = 0; i < n && i < WORKERS; i++)
		kill(pids[i], SIGSTOP);
	id = send_read(call, "a");
	json_object_put(call_request(call, "environment/status", NULL));
	/* Others find that out, too: those of sessions before. */
	for (i = 0; i < n && i < WORKERS; i++)
		good += kill(pids[i], SIGKILL) == 0;
	i = (size_t)ask_wait(call, id, NULL);
	tap_ok(good == n && ((int)i == -32603 || i == 0),
	    "it is told that it was lost: %d", (int)i);
	tap_ok(came(call, send_read(call, "a"), a, 1000),
	    "the next request has another");
out:
	call_free(call);
	free(a);
}

static int
all_written(void *directory)
{
	char path[256];
	struct stat st;
	int i;

	for (i = 0; i < VANISHING; i++) {
		snprintf(path, sizeof(path), "%s/vanished/%d",
		    (const char *)directory, i);
		if (stat(path, &st) == -1 || st.st_size != 20000)
			return 0;
	}
	return 1;
}

static void
story_vanishing(struct daemon *daemon, char *d)
{
	struct call *call = call_attach(daemon_url(daemon), NULL);
	char *bytes = xcalloc(1, 20000);
	int i;

	if (!tap_ok(call != NULL, "a client that will vanish"))
		goto out;
	call_send(call, "fs/createDirectory",
	    ask_json("{'path':'@/vanished'}"));
	for (i = 0; i < VANISHING; i++)
		call_send(call, "fs/writeFile", ask_add_bytes(ask_jsonf(
		    "{'path':'@/vanished/%d'}", i), "dataBase64", bytes,
		    20000));
	/* The runner answers this at once: it has had all before it. */
	json_object_put(call_request(call, "process/terminate",
	    call_process_params("nobody")));
	call_free(call);
	tap_ok(wait_until(all_written, d, FLOW_MS) == 0,
	    "what it had asked for is done");
out:
	free(bytes);
}

/* Bytes of an answer that has begun to arrive. */
static int
take_some(struct call *call, size_t wanted)
{
	uint64_t deadline = deadline_in(FLOW_MS);
	size_t got = 0;
	char piece[4096];
	ssize_t n;

	while (got < wanted) {
		if (wait_fd(wire_fd(call_wire(call)), POLLIN,
		    deadline) == -1)
			return -1;
		n = read(wire_fd(call_wire(call)), piece, sizeof(piece));
		if (n <= 0)
			return -1;
		got += (size_t)n;
	}
	return 0;
}

static void
story_killed(struct daemon *daemon, const char *d)
{
	size_t len = 20 << 20;
	char *bytes = put_random(d, "twenty", len), *session = NULL;
	struct call *call = NULL;
	int round, good = 0;
	pid_t gateway;

	for (round = 0; round < 3; round++) {
		call = daemon_attach(daemon, session, 0, &gateway);
		if (call == NULL)
			break;
		free(session);
		session = xstrdup(call_session(call));
		send_read(call, "twenty");
		if (take_some(call, 1 << 20) == -1)
			tap_note("the answer does not begin");
		daemon_kill_gateway(daemon, gateway);
		call_free(call);
		wait_until(wait_pid_gone, &gateway, FLOW_MS);
		call = daemon_attach(daemon, session, 0, &gateway);
		good += call != NULL &&
		    came(call, send_read(call, "twenty"), bytes, len);
		call_free(call);
	}
	tap_ok(good == 3, "20 MiB, the gateway killed on the way, asked for "
	    "again: %d of 3", good);
	free(session);
	free(bytes);
}

static void
stories(struct daemon *daemon)
{
	char *directory = at(daemon_dir(daemon), "tree"), *real;
	struct call *call = call_attach(daemon_url(daemon), NULL);

	if (mkdir(directory, 0755) == -1)
		fatal("%s", directory);
	real = realpath(directory, NULL);
	ask_at(real);
	if (tap_ok(call != NULL, "attached")) {
		story_open_behind(call, real);
		story_sizes(call, real);
		story_several(call, real);
		story_growing(call, real);
		story_too_large(call, real);
		story_copy(call, real);
		story_order(call);
		tap_ok(daemon_find(daemon, "holdfast-fs", NULL, 0) <= 5,
		    "few workers did all that");
	}
	call_free(call);
	story_fragments(daemon);
	free(real);
	free(directory);
}

static int
no_worker(void *daemon)
{
	return daemon_find(daemon, "holdfast-fs", NULL, 0) == 0;
}

/* Sessions end soon here, and with them all that works for them. */
static void
stories_of_ends(struct daemon *daemon)
{
	char *directory = at(daemon_dir(daemon), "tree"), *real;

	if (mkdir(directory, 0755) == -1)
		fatal("%s", directory);
	real = realpath(directory, NULL);
	ask_at(real);
	story_stuck(daemon, real);
	tap_ok(wait_until(no_worker, daemon, FLOW_MS) == 0,
	    "workers end with their session");
	story_dead(daemon, real);
	story_vanishing(daemon, real);
	tap_ok(wait_until(no_worker, daemon, FLOW_MS) == 0,
	    "workers end with their session");
	free(real);
	free(directory);
}

/* Sessions wait for their clients, however long these take. */
static void
stories_of_gateways(struct daemon *daemon)
{
	char *real = realpath(daemon_dir(daemon), NULL);

	ask_at(real);
	story_killed(daemon, real);
	free(real);
}

static void
with_daemon(const char *const args[], void (*fn)(struct daemon *daemon))
{
	struct daemon *daemon = daemon_start(args);
	int failed = tap_failed();

	if (tap_ok(daemon != NULL, "holdfastd runs")) {
		fn(daemon);
		tap_ok(daemon_stop(daemon, FLOW_MS) == 0,
		    "holdfastd ends with 0");
		tap_ok(daemon_check_clean(daemon, FLOW_MS) == 0,
		    "nothing is left behind");
	}
	daemon_free(daemon, tap_failed() > failed);
}

int
main(void)
{
	static const char *const args[] = { "--gateways", "1", NULL };
	static const char *const brief[] = { "--gateways", "2",
		"--detach-ttl-ms", "3000", NULL };
	static const char *const two[] = { "--gateways", "2", NULL };

	signal(SIGPIPE, SIG_IGN);
	with_daemon(args, stories);
	with_daemon(brief, stories_of_ends);
	with_daemon(two, stories_of_gateways);
	return tap_done();
}
