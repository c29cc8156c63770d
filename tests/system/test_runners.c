/* SPDX-License-Identifier: ISC */
/*
 * Runners that do not start, say nothing, or say what is no message: the
 * client that needed one is told, and nobody else is concerned.
 */
#include "config.h"

#include <sys/stat.h>
#include <sys/types.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "common/clock.h"
#include "common/xmalloc.h"
#include "tests/lib/call.h"
#include "tests/lib/daemon.h"
#include "tests/lib/tap.h"
#include "tests/lib/wait.h"
#include "tests/system/party.h"

#define RUNNERS_MS 60000

/* What is put in the runner's place: a shell script. */
static const struct {
	const char *name;
	const char *script;
} runners[] = {
	{ "one that exits at once", "exit 1\n" },
	{ "one that dies of a signal", "kill -9 $$\n" },
	{ "one that closes its channel", "exec 3>&-\nexec sleep 1000\n" },
	{ "one that says nothing", "exec sleep 1000\n" },
	{ "one that says what is no message",
	    "echo garbage >&3\nexec sleep 1000\n" },
	{ "one that leaves others behind",
	    "setsid sleep 1000 3>&- &\nexit 1\n" },
};

#define NRUNNERS (sizeof(runners) / sizeof(runners[0]))

static int
put_script(const char *dir, const char *script)
{
	char *path = xasprintf("%s/holdfast-runner", dir);
	int fd, rc = -1;

	(void)unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
	if (fd != -1) {
		if (dprintf(fd, "#!/bin/sh\n%s", script) > 0)
			rc = 0;
		close(fd);
	}
	free(path);
	return rc;
}

static int
put_link(const char *dir, const char *folder, const char *name)
{
	const char *build = getenv("top_builddir");
	char *real, *from, *to;
	int rc = -1;

	from = xasprintf("%s/%s/%s", build == NULL ? "." : build, folder,
	    name);
	to = xasprintf("%s/%s", dir, name);
	real = realpath(from, NULL);
	if (real != NULL)
		rc = symlink(real, to);
	free(real);
	free(from);
	free(to);
	return rc;
}

static void
remove_all(const char *dir)
{
	static const char *const names[] = { "holdfast-broker",
		"holdfast-gateway", "holdfast-runner" };
	char *path;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		path = xasprintf("%s/%s", dir, names[i]);
		(void)unlink(path);
		free(path);
	}
	(void)rmdir(dir);
}

/* Nothing is there but the broker and the gateway. */
static int
is_tidy(void *arg)
{
	return daemon_left_alive(arg, NULL, 0) == 2;
}

static void
story(struct daemon *daemon, struct call *other, const char *dir, size_t i)
{
	struct call *call = call_attach(daemon_url(daemon), NULL), *again;
	struct json_object *reply, *result;
	uint64_t began = clock_ms();

	if (!tap_ok(call != NULL && put_script(dir, runners[i].script) == 0,
	    "%s", runners[i].name)) {
		call_free(call);
		return;
	}
	reply = call_request(call, "process/start",
	    party_start_params(daemon, PARTY_ONCE, "once"));
	json_object_put(reply);
	while (call_receive(call, RUNNERS_MS) == 1)
		;
	tap_ok(call_close_code(call) == 1011, "its client is told by close "
	    "%d (%llu ms)", call_close_code(call),
	    (unsigned long long)(clock_ms() - began));
	again = call_attach(daemon_url(daemon), NULL);
	tap_ok(again != NULL, "a session without work is to be had");
	call_free(again);
	result = call_result(other, "environment/status", NULL);
	tap_ok(result != NULL, "another client did not notice");
	json_object_put(result);
	tap_ok(wait_until(is_tidy, daemon, RUNNERS_MS) == 0,
	    "nothing of it is left");
	call_free(call);
}

int
main(void)
{
	const char *tmp = getenv("TMPDIR");
	char *dir = xasprintf("%s/holdfast-libexec-XXXXXX",
	    tmp == NULL || *tmp == '\0' ? "/tmp" : tmp);
	const char *args[] = { "--gateways", "1", "--libexec-dir", NULL, NULL };
	struct daemon *daemon = NULL;
	struct call *other = NULL;
	size_t i;

	args[3] = mkdtemp(dir);
	if (args[3] != NULL && chmod(dir, 0755) == 0 &&
	    put_script(dir, runners[0].script) == 0 &&
	    put_link(dir, "broker", "holdfast-broker") == 0 &&
	    put_link(dir, "gateway", "holdfast-gateway") == 0)
		daemon = daemon_start(args);
	if (daemon != NULL)
		other = call_attach(daemon_url(daemon), NULL);
	if (tap_ok(other != NULL, "holdfastd runs"))
		for (i = 0; i < NRUNNERS; i++)
			story(daemon, other, dir, i);
	call_free(other);
	if (daemon != NULL) {
		tap_ok(daemon_stop(daemon, RUNNERS_MS) == 0,
		    "holdfastd ends with 0");
		tap_ok(daemon_check_clean(daemon, RUNNERS_MS) == 0,
		    "nothing is left behind");
	}
	daemon_free(daemon, tap_failed() > 0);
	remove_all(dir);
	free(dir);
	return tap_done();
}
