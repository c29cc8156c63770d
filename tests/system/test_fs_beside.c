/* SPDX-License-Identifier: ISC */
/* Keystrokes and other sessions while files are worked on in bulk. */
#include "config.h"

#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <poll.h>
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
#include "tests/lib/procfs.h"
#include "tests/lib/tap.h"
#include "tests/lib/wait.h"
#include "tests/system/ask.h"
#include "tests/system/usage.h"

#define BESIDE_MS 60000
#define INVALID (-32600)

#define DIRECTORIES 100
#define FILES 60	/* in each of them */
#define KEYS 10
#define LONG (8 << 20)
#define LONG_READS 16
#define LONG_KEYS 5	/* each may wait for two long answers */
#define MIXED 8
#define HUGE (300 << 20)
#define HUGE_KEYS 50
#define ALLOWED 4096	/* KiB that a gateway may grow by */

static void
make_tree(const char *root)
{
	char path[512];
	int fd, i, k;

	for (i = 0; i < DIRECTORIES; i++) {
		snprintf(path, sizeof(path), "%s/big/%d", root, i);
		if (mkdir(path, 0755) == -1)
			fatal("%s", path);
		for (k = 0; k < FILES; k++) {
			snprintf(path, sizeof(path), "%s/big/%d/%d", root, i,
			    k);
			fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
			if (fd == -1 || write(fd, path, 100) != 100 ||
			    close(fd) == -1)
				fatal("%s", path);
		}
	}
}

/* A file of zeros that takes no room. */
static void
make_file(const char *root, const char *name, off_t len)
{
	char *path = xasprintf("%s/%s", root, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	if (fd == -1 || ftruncate(fd, len) == -1 || close(fd) == -1)
		fatal("%s", path);
	free(path);
}

static void
make_all(const char *root)
{
	char *path = xasprintf("%s/big", root), *fifo;

	if (mkdir(path, 0755) == -1)
		fatal("%s", path);
	make_tree(root);
	make_file(root, "long", LONG);
	make_file(root, "huge", HUGE);
	fifo = xasprintf("%s/fifo", root);
	if (mkfifo(fifo, 0600) == -1)
		fatal("%s", fifo);
	free(fifo);
	free(path);
}

static int
start_terminal(struct call *call)
{
	return ask(call, "process/start", "{'processId':'t','argv':['cat'],"
	    "'cwd':'file:///','env':{'PATH':'/usr/bin:/bin'},'tty':true}",
	    NULL) == 0;
}

/* One key, and its echo; "number" is that of the key in its session. */
static int
echoed(struct call *call, int number)
{
	struct json_object *params, *event, *value;
	char key = (char)('a' + number % 26), id[16], *bytes;
	size_t len = 0;
	int good = 0;

	snprintf(id, sizeof(id), "%d", number);
	params = call_write_params("t", id, &key, 1);
	if (call_send(call, "process/write", params) == -1)
		return 0;
	event = call_next(call, BESIDE_MS);
	if (json_object_object_get_ex(event, "params", &value)) {
		bytes = ask_bytes(value, "chunk", &len);
		good = bytes != NULL && len == 1 && bytes[0] == key;
		free(bytes);
	}
	json_object_put(event);
	return good;
}

static int
echoes(struct call *call, int from, int count)
{
	int i, good = 0;

	for (i = 0; i < count && good == i; i++)
		good += echoed(call, from + i);
	return good;
}

/* The answer is among those that have come already. */
static int
has_come(struct call *call, int64_t id)
{
	struct json_object *reply = call_take_reply(call, id);

	json_object_put(reply);
	return reply != NULL;
}

/* What takes long in a worker holds up nothing but its own answer. */
static void
story_trees(struct call *call)
{
	struct json_object *result, *entries;
	int64_t copy, walk, fifo, next;
	int good;

	copy = call_send(call, "fs/copy", ask_json("{'sourcePath':'@/big',"
	    "'destinationPath':'@/copy','recursive':true}"));
	walk = call_send(call, "fs/walk", ask_json("{'path':'@/big',"
	    "'options':{'maxDepth':9,'maxDirectories':1000,'maxEntries':"
	    "50000,'followDirectorySymlinks':true}}"));
	fifo = call_send(call, "fs/readFile", ask_json("{'path':'@/fifo'}"));
	good = echoes(call, 0, KEYS);
	next = call_send(call, "environment/status", NULL);
	tap_ok(good == KEYS && ask_wait(call, next, NULL) == 0 &&
	    !has_come(call, copy), "%d of %d keys are echoed before a tree "
	    "is copied", good, KEYS);
	tap_ok(ask_wait(call, fifo, NULL) == INVALID, "a FIFO is no file");
	ask_wait(call, walk, &result);
	tap_ok(json_object_object_get_ex(result, "entries", &entries) &&
	    json_object_array_length(entries) == DIRECTORIES * (FILES + 1),
	    "the tree is listed");
	json_object_put(result);
	tap_ok(ask_wait(call, copy, NULL) == 0 && ask(call, "fs/getMetadata",
	    "{'path':'@/copy/99/59'}", NULL) == 0, "and copied");
}

/* Long answers come one after another, and an echo between two of them. */
static void
story_reads(struct call *call)
{
	int64_t ids[LONG_READS], fifos[LONG_READS];
	struct json_object *result;
	int i, good, right = 0;
	size_t len;

	for (i = 0; i < LONG_READS; i++) {
		ids[i] = call_send(call, "fs/readFile",
		    ask_json("{'path':'@/long'}"));
		fifos[i] = call_send(call, "fs/readFile",
		    ask_json("{'path':'@/fifo'}"));
	}
	good = echoes(call, KEYS, LONG_KEYS);
	tap_ok(good == LONG_KEYS && !has_come(call, ids[LONG_READS - 1]),
	    "%d of %d keys are echoed before %d long files are read", good,
	    LONG_KEYS, LONG_READS);
	for (i = 0; i < LONG_READS; i++) {
		ask_wait(call, ids[i], &result);
		free(ask_bytes(result, "dataBase64", &len));
		right += len == LONG && ask_wait(call, fifos[i], NULL) ==
		    INVALID;
		json_object_put(result);
	}
	tap_ok(right == LONG_READS, "which are: %d", right);
}

/* Events of this kind until "count" of them have come; how many have. */
static int
events(struct call *call, const char *method, int count)
{
	struct json_object *event, *value;
	int came = 0;

	while (came < count &&
	    (event = call_next(call, BESIDE_MS)) != NULL) {
		came += json_object_object_get_ex(event, "method", &value) &&
		    strcmp(json_object_get_string(value), method) == 0;
		json_object_put(event);
	}
	return came;
}

static int64_t
start(struct call *call, const char *id, const char *script)
{
	return call_send(call, "process/start", ask_jsonf("{'processId':"
	    "'%s','argv':['sh','-c','%s'],'cwd':'file:///','env':{'PATH':"
	    "'/usr/bin:/bin'},'tty':false}", id, script));
}

static size_t
read_length(struct call *call, int64_t id, const char *name)
{
	struct json_object *result;
	size_t len = 0;

	ask_wait(call, id, &result);
	free(ask_bytes(result, name, &len));
	json_object_put(result);
	return len;
}

/*
 * Long answers of files and of output, short ones, output and ends at the
 * same time: none of them waits for what waits for it.
 */
static void
story_mixed(struct daemon *daemon)
{
	struct call *call = call_attach(daemon_url(daemon), NULL);
	int64_t ids[MIXED][3];
	struct json_object *result;
	int i, right = 0, whole = 0;
	char id[16];

	if (!tap_ok(call != NULL, "a session that does much"))
		goto out;
	start(call, "past", "head -c 4000000 /dev/zero");
	tap_ok(events(call, "process/closed", 1) == 1, "output to be read");
	start(call, "flood", "head -c 20000000 /dev/zero");
	for (i = 0; i < MIXED; i++) {
		snprintf(id, sizeof(id), "short%d", i);
		ids[i][0] = call_send(call, "fs/readFile",
		    ask_json("{'path':'@/long'}"));
		ids[i][1] = call_send(call, "process/read",
		    ask_json("{'processId':'past'}"));
		start(call, id, "echo hi");
		ids[i][2] = call_send(call, "fs/readFile",
		    ask_json("{'path':'@/big/1/1'}"));
	}
	for (i = 0; i < MIXED; i++) {
		right += read_length(call, ids[i][0], "dataBase64") == LONG;
		right += ask_wait(call, ids[i][1], &result) == 0 &&
		    ask_int(result, "closed") == 1;
		json_object_put(result);
		whole += read_length(call, ids[i][2], "dataBase64") == 100;
	}
	tap_ok(right == MIXED * 2 && whole == MIXED, "all long answers come, "
	    "%d, and the short ones, %d", right, whole);
	i = events(call, "process/closed", MIXED + 1);
	tap_ok(i == MIXED + 1, "and all processes end: %d", i);
out:
	call_free(call);
}

/* A process of ours takes the answer as fast as it comes. */
static pid_t
take_all(struct call *call, size_t wanted)
{
	static char piece[256 * 1024];
	pid_t pid = fork();
	ssize_t n = 1;

	if (pid != 0)
		return pid;
	while (wanted > 0 && n > 0) {
		if (wait_fd(wire_fd(call_wire(call)), POLLIN,
		    deadline_in(BESIDE_MS)) == -1)
			_exit(1);
		n = read(wire_fd(call_wire(call)), piece, sizeof(piece));
		wanted -= n < 0 || (size_t)n > wanted ? wanted : (size_t)n;
	}
	_exit(n <= 0);
}

/* Another session of the same gateway goes on, and that stays small. */
static void
story_huge(struct daemon *daemon, struct call *other)
{
	struct call *call = call_attach(daemon_url(daemon), NULL);
	unsigned long before, now, most = 0;
	int status = -1, i, good = 0, early = 0;
	pid_t gateway, pid;

	if (!tap_ok(call != NULL && daemon_find(daemon, "holdfast-gateway",
	    &gateway, 1) == 1, "two sessions, one gateway"))
		goto out;
	before = procfs_memory(gateway);
	call_send(call, "fs/readFile", ask_json("{'path':'@/huge'}"));
	pid = take_all(call, (size_t)HUGE / 3 * 4);
	for (i = 0; i < HUGE_KEYS && good == i; i++) {
		good += echoed(other, KEYS + LONG_KEYS + i);
		now = procfs_memory(gateway);
		most = now > most ? now : most;
	}
	early = waitpid(pid, &status, WNOHANG) == 0;
	tap_ok(good == HUGE_KEYS && early, "%d of %d keys are echoed before "
	    "300 MiB are read", good, HUGE_KEYS);
	while (early && waitpid(pid, &status, WNOHANG) == 0) {
		now = procfs_memory(gateway);
		most = now > most ? now : most;
		poll(NULL, 0, 20);
	}
	tap_ok(status == 0, "which are");
	now = most > before ? most - before : 0;
	if (usage_has_memory())
		tap_ok(now <= ALLOWED, "and the gateway grew by %lu KiB",
		    now);
	else
		tap_skip("a sanitizer keeps memory", "memory is bounded");
out:
	call_free(call);
}

static void
stories(struct daemon *daemon)
{
	char *directory = xasprintf("%s/files", daemon_dir(daemon)), *real;
	struct call *call = call_attach(daemon_url(daemon), NULL);

	if (mkdir(directory, 0755) == -1)
		fatal("%s", directory);
	real = realpath(directory, NULL);
	make_all(real);
	ask_at(real);
	if (tap_ok(call != NULL && start_terminal(call), "a terminal")) {
		story_trees(call);
		story_reads(call);
		story_mixed(daemon);
		story_huge(daemon, call);
	}
	call_free(call);
	free(real);
	free(directory);
}

int
main(void)
{
	static const char *const args[] = { "--gateways", "1", NULL };
	struct daemon *daemon = daemon_start(args);

	signal(SIGPIPE, SIG_IGN);
	if (tap_ok(daemon != NULL, "holdfastd runs")) {
		stories(daemon);
		tap_ok(daemon_stop(daemon, BESIDE_MS) == 0,
		    "holdfastd ends with 0");
		tap_ok(daemon_check_clean(daemon, BESIDE_MS) == 0,
		    "nothing is left behind");
	}
	daemon_free(daemon, tap_failed() > 0);
	return tap_done();
}
