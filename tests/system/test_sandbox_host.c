/* SPDX-License-Identifier: ISC */
/*
 * Hosts on which there can be no sandbox: whoever asks for one is told what
 * is missing, and nothing runs without.  bwrap is covered by others, in a
 * mount namespace of this test's own.
 */
#include "config.h"

#include <sys/mount.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <sched.h>
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
#include "tests/system/boxkit.h"

#define GONE_MS 20000	/* far less than a sandbox may take to set up */
#define COUNT(list) (sizeof(list) / sizeof(list[0]))

static const struct {
	const char *what;
	const char *script;	/* in place of bwrap; NULL: it cannot run */
	const char *reason[3];
} hosts[] = {
	{ "no bubblewrap", NULL, { "bubblewrap", "not installed",
	    "install the package" } },
	{ "no namespaces", "echo 'bwrap: Creating new namespace failed: "
	    "Operation not permitted' >&2; exit 1",
	    { "bwrap: Creating", "Operation not permitted; " } },
	{ "an old bubblewrap", "echo 'bwrap: Unknown option --perms' >&2; "
	    "exit 1", { "Unknown option", "too old" } },
	{ "one that says nothing", "exit 1", { "without a word" } },
	{ "one that pretends", "exit 0", { "without a word" } },
};

static const char *bwrap;

static const char *
find_bwrap(void)
{
	static const char *const places[] = { "/usr/bin/bwrap",
	    "/usr/local/bin/bwrap", "/bin/bwrap" };
	size_t i;

	for (i = 0; i < COUNT(places); i++)
		if (access(places[i], X_OK) == 0)
			return places[i];
	return NULL;
}

/* Have "path" where bwrap is. */
static void
cover(const char *path)
{
	if (mount(path, bwrap, NULL, MS_BIND, NULL) == -1)
		fatal("%s", bwrap);
}

static char *
write_script(struct daemon *daemon, const char *script)
{
	char *path = xasprintf("%s/bwrap", daemon_dir(daemon));
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

	if (fd == -1 || dprintf(fd, "#!/bin/sh\n%s\n", script) < 0 ||
	    close(fd) == -1)
		fatal("%s", path);
	return path;
}

static int
has_all(const char *text, const char *const reason[3])
{
	size_t i;

	for (i = 0; i < 3 && reason[i] != NULL; i++)
		if (strstr(text, reason[i]) == NULL)
			return 0;
	return 1;
}

/* By a call that works on files; nothing may have been done. */
static void
story_file(struct call *call, const char *directory, size_t i)
{
	struct json_object *params, *reply, *error, *message;
	char *path = xasprintf("%s/written", directory);
	const char *text = "";
	struct stat st;

	params = ask_jsonf("{'path':'file://%s','dataBase64':'b3V0'}", path);
	json_object_object_add(params, "sandbox", box_policy(directory,
	    "restricted", ""));
	reply = call_request(call, "fs/writeFile", params);
	if (json_object_object_get_ex(reply, "error", &error) &&
	    json_object_object_get_ex(error, "message", &message))
		text = json_object_get_string(message);
	tap_ok(has_all(text, hosts[i].reason) && lstat(path, &st) == -1,
	    "%s, for a file: %s", hosts[i].what, text);
	json_object_put(reply);
	free(path);
}

/* Processes in which a sandbox hangs, as they wrote themselves down. */
struct hung {
	char *path;
	pid_t pids[3];
};

static int
all_hang(void *arg)
{
	struct hung *hung = arg;
	FILE *file = fopen(hung->path, "re");
	size_t count = 0;
	char line[32];

	while (file != NULL && count < COUNT(hung->pids) &&
	    fgets(line, sizeof(line), file) != NULL)
		hung->pids[count++] = (pid_t)atoi(line);
	if (file != NULL)
		fclose(file);
	return count == COUNT(hung->pids);
}

static int
all_gone(void *arg)
{
	struct hung *hung = arg;
	size_t i;

	for (i = 0; i < COUNT(hung->pids); i++)
		if (!wait_pid_gone(&hung->pids[i]))
			return 0;
	return 1;
}

static int64_t
open_boxed(struct call *call, const char *id, const char *path,
    struct json_object *policy)
{
	struct json_object *params = ask_jsonf("{'handleId':'%s','path':"
	    "'file://%s'}", id, path);

	json_object_object_add(params, "sandbox", policy);
	return call_send(call, "fs/open", params);
}

static struct call *
again(struct daemon *daemon, struct call *call)
{
	char *session = xstrdup(call_session(call));

	call_free(call);
	call = call_attach(daemon_url(daemon), session);
	free(session);
	return call;
}

/*
 * Sandboxes that hang while they are set up, for somebody who has gone: they
 * are ended when what is left of that connection is given up.
 */
static void
story_hang(struct daemon *daemon, const char *directory)
{
	struct call *call = call_attach(daemon_url(daemon), NULL);
	struct hung hung = { .path = xasprintf("%s/hung", directory) };
	char *script, *path;
	int64_t id;

	script = xasprintf("echo $$ >>%s; exec sleep 600", hung.path);
	path = write_script(daemon, script);
	cover(path);
	open_boxed(call, "1", path, box_read_only(directory));
	open_boxed(call, "2", path, box_policy(directory, "restricted", ""));
	open_boxed(call, "3", path, box_policy(directory, "enabled", ""));
	tap_ok(wait_until(all_hang, &hung, BOX_MS) == 0, "sandboxes hang");
	umount2(bwrap, MNT_DETACH);
	call = again(daemon, call);
	if (call != NULL)
		call = again(daemon, call);
	tap_ok(call != NULL && wait_until(all_gone, &hung, GONE_MS) == 0,
	    "and are ended when nobody wants them any more");
	id = open_boxed(call, "1", path, box_read_only(directory));
	tap_ok(ask_wait(call, id, NULL) == 0, "others have their place");
	call_free(call);
	unlink(path);
	unlink(hung.path);
	free(hung.path);
	free(path);
	free(script);
}

static void
stories(struct daemon *daemon)
{
	static const char *const argv[] = { "/bin/true", NULL };
	struct call *call = call_attach(daemon_url(daemon), NULL);
	char *directory = realpath(daemon_dir(daemon), NULL), *path;
	char text[256], id[16];
	size_t i;
	int code;

	for (i = 0; i < COUNT(hosts); i++) {
		path = hosts[i].script == NULL ? xstrdup("/dev/null") :
		    write_script(daemon, hosts[i].script);
		cover(path);
		snprintf(id, sizeof(id), "host%zu", i);
		text[0] = '\0';
		code = box_start(call, id, directory, argv, 0, box_policy(
		    directory, "restricted", ""), text);
		tap_ok(code == -32603 && has_all(text, hosts[i].reason),
		    "%s: %s", hosts[i].what, text);
		story_file(call, directory, i);
		umount2(bwrap, MNT_DETACH);
		if (hosts[i].script != NULL)
			unlink(path);
		free(path);
	}
	code = box_start(call, "after", directory, argv, 0, box_policy(
	    directory, "restricted", ""), text);
	tap_ok(code == 0, "it works once bubblewrap does");
	call_free(call);
	story_hang(daemon, directory);
	free(directory);
}

int
main(void)
{
	static const char *const args[] = { "--gateways", "1", NULL };
	const char *why = box_missing();
	struct daemon *daemon;

	bwrap = find_bwrap();
	if (why != NULL || bwrap == NULL)
		tap_skip_all(why != NULL ? why : "bwrap is somewhere else");
	if (geteuid() != 0 || unshare(CLONE_NEWNS) == -1 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1)
		tap_skip_all("mounts cannot be changed here");
	daemon = daemon_start(args);
	if (tap_ok(daemon != NULL, "holdfastd runs")) {
		stories(daemon);
		tap_ok(daemon_stop(daemon, BOX_MS) == 0,
		    "holdfastd ends with 0");
	}
	daemon_free(daemon, tap_failed() > 0);
	return tap_done();
}
