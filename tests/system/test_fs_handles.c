/* SPDX-License-Identifier: ISC */
/* Open files by blocks, and watches for what is missing. */
#include "config.h"

#include <sys/stat.h>
#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
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

#define HANDLES_MS 60000
#define QUIET_MS 200
#define HANDLES 128
#define BLOCK 1048576
#define BIG (3 * BLOCK + 12345)
#define VANISHING 64
#define ROWS(list) list, sizeof(list) / sizeof(list[0])

#define NO_SUCH (-32004)
#define INVALID (-32600)
#define PARAMS (-32602)
#define SYSTEM (-32603)

static char *
at(const char *directory, const char *name)
{
	return xasprintf("%s/%s", directory, name);
}

static void
put(const char *directory, const char *name, const void *bytes, size_t len)
{
	char *path = at(directory, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd == -1 || write(fd, bytes, len) != (ssize_t)len ||
	    close(fd) == -1)
		fatal("%s", path);
	free(path);
}

static int
is_empty_file(const char *directory)
{
	char *path = at(directory, "out");
	struct stat st;
	int good = stat(path, &st) == 0 && st.st_size == 0;

	free(path);
	return good;
}

static int
is_unlinked(const char *directory)
{
	char *path = at(directory, "ten");
	int good = unlink(path) == 0;

	free(path);
	return good;
}

static const struct ask_row handle_rows[] = {
	{ "to read", "fs/open", "{'handleId':'r','path':'@/ten'}", 0,
	    "{'handleId':'r'}", NULL },
	{ "its id again", "fs/open", "{'handleId':'r','path':'@/ten'}",
	    INVALID, NULL, NULL },
	{ "up to its end", "fs/readBlock",
	    "{'handleId':'r','offset':0,'len':10}", 0,
	    "{'chunk':'MDEyMzQ1Njc4OQ==','eof':false}", NULL },
	{ "at its end", "fs/readBlock",
	    "{'handleId':'r','offset':10,'len':10}", 0,
	    "{'chunk':'','eof':true}", NULL },
	{ "beyond its end", "fs/readBlock",
	    "{'handleId':'r','offset':1000,'len':1}", 0,
	    "{'chunk':'','eof':true}", NULL },
	{ "over its end", "fs/readBlock",
	    "{'handleId':'r','offset':8,'len':1048576}", 0,
	    "{'chunk':'ODk=','eof':true}", NULL },
	{ "no bytes", "fs/readBlock", "{'handleId':'r','offset':0,'len':0}",
	    INVALID, NULL, NULL },
	{ "too many", "fs/readBlock",
	    "{'handleId':'r','offset':0,'len':1048577}", INVALID, NULL,
	    NULL },
	{ "an offset that no file has", "fs/readBlock",
	    "{'handleId':'r','offset':18446744073709551615,'len':1}",
	    INVALID, NULL, NULL },
	{ "to one that is read", "fs/writeBlock",
	    "{'handleId':'r','offset':0,'chunk':'b2s='}", SYSTEM, NULL,
	    NULL },
	{ "after it lost its name", "fs/readBlock",
	    "{'handleId':'r','offset':0,'len':2}", 0,
	    "{'chunk':'MDE=','eof':false}", is_unlinked },
	{ "and then", "fs/readBlock",
	    "{'handleId':'r','offset':0,'len':2}", 0,
	    "{'chunk':'MDE=','eof':false}", NULL },
	{ "it", "fs/close", "{'handleId':'r'}", 0, "{}", NULL },
	{ "of one closed", "fs/readBlock",
	    "{'handleId':'r','offset':0,'len':2}", NO_SUCH, NULL, NULL },
	{ "of one closed", "fs/writeBlock",
	    "{'handleId':'r','offset':0,'chunk':'b2s='}", NO_SUCH, NULL,
	    NULL },
	{ "one that never was", "fs/close", "{'handleId':'nobody'}", 0, "{}",
	    NULL },
	{ "to replace", "fs/open",
	    "{'handleId':'w','path':'@/out','mode':'replace'}", 0,
	    "{'handleId':'w'}", is_empty_file },
	{ "a block", "fs/writeBlock",
	    "{'handleId':'w','offset':4,'chunk':'b2s='}", 0, "{}", NULL },
	{ "none", "fs/writeBlock",
	    "{'handleId':'w','offset':4,'chunk':''}", INVALID, NULL, NULL },
	{ "the gap", "fs/readFile", "{'path':'@/out'}", 0,
	    "{'dataBase64':'AAAAAG9r'}", NULL },
	{ "before it", "fs/writeBlock",
	    "{'handleId':'w','offset':2,'chunk':'eHk='}", 0, "{}", NULL },
	{ "all of it", "fs/readFile", "{'path':'@/out'}", 0,
	    "{'dataBase64':'AAB4eW9r'}", NULL },
	{ "the same file to read", "fs/open",
	    "{'handleId':'','path':'@/out','mode':'read'}", 0,
	    "{'handleId':''}", NULL },
	{ "with an empty id", "fs/readBlock",
	    "{'handleId':'','offset':2,'len':2}", 0,
	    "{'chunk':'eHk=','eof':false}", NULL },
	{ "with an empty id", "fs/close", "{'handleId':''}", 0, "{}", NULL },
	{ "it", "fs/close", "{'handleId':'w'}", 0, "{}", NULL },
	{ "a new file", "fs/open",
	    "{'handleId':'n','path':'@/new','mode':'replace'}", 0, NULL,
	    NULL },
	{ "it", "fs/close", "{'handleId':'n'}", 0, "{}", NULL },
	{ "a long id", "fs/open", "{'handleId':"
	    "'0123456789abcdef0123456789abcdef','path':'@/out'}", 0, NULL,
	    NULL },
	{ "a long id", "fs/close", "{'handleId':"
	    "'0123456789abcdef0123456789abcdef'}", 0, NULL, NULL },
	{ "an id too long", "fs/open", "{'handleId':"
	    "'0123456789abcdef0123456789abcdefX','path':'@/out'}", INVALID,
	    NULL, NULL },
	{ "an unknown mode", "fs/open",
	    "{'handleId':'x','path':'@/out','mode':'append'}", PARAMS, NULL,
	    NULL },
	{ "a directory", "fs/open", "{'handleId':'x','path':'@'}", INVALID,
	    NULL, NULL },
	{ "a directory", "fs/open",
	    "{'handleId':'x','path':'@','mode':'replace'}", INVALID, NULL,
	    NULL },
	{ "a FIFO", "fs/open", "{'handleId':'x','path':'@/fifo'}", INVALID,
	    NULL, NULL },
	{ "a device", "fs/open",
	    "{'handleId':'x','path':'file:///dev/null','mode':'replace'}",
	    INVALID, NULL, NULL },
	{ "nothing", "fs/open", "{'handleId':'x','path':'@/nothing'}",
	    NO_SUCH, NULL, NULL },
	{ "in no directory", "fs/open",
	    "{'handleId':'x','path':'@/nothing/x','mode':'replace'}",
	    NO_SUCH, NULL, NULL },
};

static int
open_one(struct call *call, const char *id, const char *file,
    const char *mode)
{
	return ask_wait(call, call_send(call, "fs/open", ask_jsonf(
	    "{'handleId':'%s','path':'@/%s','mode':'%s'}", id, file, mode)),
	    NULL);
}

static int
close_one(struct call *call, const char *id)
{
	return ask_wait(call, call_send(call, "fs/close", ask_jsonf(
	    "{'handleId':'%s'}", id)), NULL);
}

static int
read_one(struct call *call, const char *id)
{
	return ask_wait(call, call_send(call, "fs/readBlock", ask_jsonf(
	    "{'handleId':'%s','offset':0,'len':1}", id)), NULL);
}

static void
story_limit(struct call *call)
{
	char id[16];
	int i, opened = 0, closed = 0;

	for (i = 0; i < HANDLES; i++) {
		snprintf(id, sizeof(id), "h%d", i);
		opened += open_one(call, id, "out", "read") == 0;
	}
	tap_ok(opened == HANDLES, "%d handles at a time", opened);
	tap_ok(open_one(call, "more", "out", "read") == INVALID,
	    "and no more");
	tap_ok(close_one(call, "h7") == 0 &&
	    open_one(call, "more", "out", "read") == 0,
	    "one closed makes room for one");
	close_one(call, "more");
	for (i = 0; i < HANDLES; i++) {
		snprintf(id, sizeof(id), "h%d", i);
		closed += close_one(call, id) == 0;
	}
	tap_ok(closed == HANDLES && read_one(call, "h0") == NO_SUCH,
	    "all are closed");
}

/* Blocks of the largest size, all asked for before the first answer. */
static void
story_blocks(struct call *call, const char *d)
{
	char *bytes = xmalloc(BIG), *got;
	struct json_object *result;
	int64_t ids[BIG / BLOCK + 1];
	size_t i, len, good = 0;
	int code;

	arc4random_buf(bytes, BIG);
	tap_ok(open_one(call, "in", "big", "replace") == 0, "a file to fill");
	for (i = 0; i <= BIG / BLOCK; i++) {
		len = i < BIG / BLOCK ? BLOCK : BIG % BLOCK;
		ids[i] = call_send(call, "fs/writeBlock", ask_add_bytes(
		    ask_jsonf("{'handleId':'in','offset':%zu}", i * BLOCK),
		    "chunk", bytes + i * BLOCK, len));
	}
	for (i = 0; i <= BIG / BLOCK; i++)
		good += ask_wait(call, ids[i], NULL) == 0;
	tap_ok(good == BIG / BLOCK + 1, "written by blocks");
	code = ask_wait(call, call_send(call, "fs/writeBlock", ask_add_bytes(
	    ask_json("{'handleId':'in','offset':0}"), "chunk", bytes,
	    BLOCK + 1)), NULL);
	tap_ok(code == INVALID, "a block too large: %d", code);
	close_one(call, "in");
	tap_ok(open_one(call, "out", "big", "read") == 0, "to be read");
	for (i = 0; i <= BIG / BLOCK; i++)
		ids[i] = call_send(call, "fs/readBlock", ask_jsonf(
		    "{'handleId':'out','offset':%zu,'len':%d}", i * BLOCK,
		    BLOCK));
	for (good = i = 0; i <= BIG / BLOCK; i++) {
		ask_wait(call, ids[i], &result);
		got = ask_bytes(result, "chunk", &len);
		good += got != NULL && len == (i < BIG / BLOCK ? BLOCK :
		    BIG % BLOCK) && memcmp(got, bytes + i * BLOCK, len) ==
		    0 && ask_int(result, "eof") == (i == BIG / BLOCK);
		free(got);
		json_object_put(result);
	}
	tap_ok(good == BIG / BLOCK + 1, "read by blocks");
	close_one(call, "out");
	free(bytes);
	(void)d;
}

static int
no_worker(void *daemon)
{
	return daemon_find(daemon, "holdfast-fs", NULL, 0) == 0;
}

static void
story_connection(struct daemon *daemon)
{
	struct call *call = call_attach(daemon_url(daemon), NULL);
	struct call *other = call_attach(daemon_url(daemon), NULL);
	char *session;

	if (!tap_ok(call != NULL && other != NULL, "two sessions"))
		goto out;
	session = xstrdup(call_session(call));
	tap_ok(open_one(call, "mine", "out", "read") == 0 &&
	    read_one(other, "mine") == NO_SUCH &&
	    open_one(other, "mine", "out", "read") == 0,
	    "each has handles of its own");
	tap_ok(ask(call, "fs/watchMissing",
	    "{'watchId':9,'missing':['@/later']}", NULL) == 0,
	    "and a watch");
	call_free(other);
	call_free(call);
	tap_ok(wait_until(no_worker, daemon, HANDLES_MS) == 0,
	    "with the connection go those who kept them");
	call = call_attach(daemon_url(daemon), session);
	tap_ok(call != NULL && read_one(call, "mine") == NO_SUCH &&
	    open_one(call, "mine", "out", "read") == 0,
	    "the next one knows nothing of them");
	free(session);
	other = NULL;
out:
	call_free(other);
	call_free(call);
	wait_until(no_worker, daemon, HANDLES_MS);
}

struct vanished {
	const char *directory;
	size_t size;
};

static int
has_size(void *arg)
{
	const struct vanished *wanted = arg;
	char *path = at(wanted->directory, "vanishing");
	struct stat st;
	int good = stat(path, &st) == 0 &&
	    (size_t)st.st_size == wanted->size;

	free(path);
	return good;
}

/*
 * The client goes as soon as the runner has taken its requests: they are
 * carried out, opening and closing included, and nothing stays open.
 */
static void
story_vanishing(struct daemon *daemon, const char *d)
{
	struct call *call = call_attach(daemon_url(daemon), NULL);
	struct vanished wanted = { d, (size_t)VANISHING * 1000 };
	char block[1000], *session;
	int i;

	if (!tap_ok(call != NULL, "a client that will vanish"))
		return;
	session = xstrdup(call_session(call));
	memset(block, 'v', sizeof(block));
	call_send(call, "fs/open", ask_json("{'handleId':'v',"
	    "'path':'@/vanishing','mode':'replace'}"));
	for (i = 0; i < VANISHING; i++)
		call_send(call, "fs/writeBlock", ask_add_bytes(ask_jsonf(
		    "{'handleId':'v','offset':%d}", i * 1000), "chunk",
		    block, sizeof(block)));
	/* The runner answers this at once: it has had all before it. */
	json_object_put(call_request(call, "process/terminate",
	    call_process_params("nobody")));
	call_free(call);
	tap_ok(wait_until(has_size, &wanted, HANDLES_MS) == 0,
	    "what it had asked for is done");
	tap_ok(wait_until(no_worker, daemon, HANDLES_MS) == 0,
	    "and nothing stays open");
	call = call_attach(daemon_url(daemon), session);
	tap_ok(call != NULL && read_one(call, "v") == NO_SUCH,
	    "for whoever comes next");
	call_free(call);
	free(session);
	wait_until(no_worker, daemon, HANDLES_MS);
}

/* The id of the next notification, -1 if there is none. */
static int64_t
next_watch(struct call *call, int ms)
{
	struct json_object *event = call_next(call, ms), *params, *method;
	int64_t id = -1;

	if (json_object_object_get_ex(event, "params", &params) &&
	    json_object_object_get_ex(event, "method", &method) &&
	    strcmp(json_object_get_string(method), "fs/missingChanged") == 0)
		id = ask_int(params, "watchId");
	json_object_put(event);
	return id;
}

static int
watch(struct call *call, const char *params)
{
	struct json_object *result;
	int good = ask(call, "fs/watchMissing", params, &result) == 0 &&
	    ask_int(result, "watching") == 1;

	json_object_put(result);
	return good;
}

static void
make(const char *directory, const char *name)
{
	char *path = at(directory, name);

	if (mkdir(path, 0755) == -1)
		fatal("%s", path);
	free(path);
}

static void
story_watch(struct daemon *daemon, const char *d)
{
	struct call *call = call_attach(daemon_url(daemon), NULL);
	char *path, *from;

	if (!tap_ok(call != NULL, "a client that waits for files"))
		return;
	tap_ok(watch(call, "{'watchId':1,'missing':['@/w1']}") &&
	    watch(call, "{'watchId':-2,'missing':['@/w2a','@/w2b']}") &&
	    watch(call, "{'watchId':3,'missing':['@/p/q/w3']}"),
	    "three watches");
	tap_ok(watch(call, "{'watchId':4,'missing':['@/x','@/out']}") &&
	    next_watch(call, HANDLES_MS) == 4, "one for what is there");
	put(d, "w1", "", 0);
	tap_ok(next_watch(call, HANDLES_MS) == 1, "what appears is told");
	put(d, "w2b", "", 0);
	put(d, "w2a", "", 0);
	tap_ok(next_watch(call, HANDLES_MS) == -2, "one of two is enough");
	make(d, "p");
	make(d, "p/q");
	tap_ok(next_watch(call, QUIET_MS) == -1,
	    "its directory's parents are not it");
	put(d, "p/q/w3", "", 0);
	tap_ok(next_watch(call, HANDLES_MS) == 3, "but it is");
	tap_ok(watch(call, "{'watchId':5,'missing':['@/w5/x']}"),
	    "one that comes with its directory");
	make(d, "w5-before");
	put(d, "w5-before/x", "", 0);
	from = at(d, "w5-before");
	path = at(d, "w5");
	tap_ok(rename(from, path) == 0 && next_watch(call, HANDLES_MS) == 5,
	    "renamed to where it is expected");
	free(from);
	free(path);
	put(d, "w1", "again", 5);
	tap_ok(next_watch(call, QUIET_MS) == -1, "each is told once");
	call_free(call);
	tap_ok(wait_until(no_worker, daemon, HANDLES_MS) == 0,
	    "and nobody watches on");
}

static void
stories(struct daemon *daemon)
{
	char *directory = at(daemon_dir(daemon), "tree"), *real, *fifo;
	struct call *call = call_attach(daemon_url(daemon), NULL);

	if (mkdir(directory, 0755) == -1)
		fatal("%s", directory);
	real = realpath(directory, NULL);
	fifo = at(real, "fifo");
	put(real, "ten", "0123456789", 10);
	put(real, "out", "to be replaced", 14);
	if (mkfifo(fifo, 0644) == -1)
		fatal("%s", fifo);
	ask_at(real);
	if (tap_ok(call != NULL, "attached")) {
		ask_rows(call, ROWS(handle_rows));
		story_limit(call);
		story_blocks(call, real);
	}
	call_free(call);
	story_connection(daemon);
	story_vanishing(daemon, real);
	story_watch(daemon, real);
	free(fifo);
	free(real);
	free(directory);
}

int
main(void)
{
	static const char *const args[] = { "--gateways", "1", NULL };
	struct daemon *daemon = daemon_start(args);

	if (tap_ok(daemon != NULL, "holdfastd runs")) {
		stories(daemon);
		tap_ok(daemon_stop(daemon, HANDLES_MS) == 0,
		    "holdfastd ends with 0");
		tap_ok(daemon_check_clean(daemon, HANDLES_MS) == 0,
		    "nothing is left behind");
	}
	daemon_free(daemon, tap_failed() > 0);
	return tap_done();
}
