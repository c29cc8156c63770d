/* SPDX-License-Identifier: ISC */
/* holdfastctl and a server: what it shows, and what it has done. */
#include "config.h"

#include <sys/types.h>
#include <sys/wait.h>

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "common/xmalloc.h"
#include "tests/lib/call.h"
#include "tests/lib/daemon.h"
#include "tests/lib/tap.h"
#include "tests/lib/wait.h"

#define CTL_MS 30000
#define NPIDS 16
/* A process id that would clear a screen and turn the direction of text. */
#define HOSTILE "\033[2J\n\xe2\x80\xae" "p"

static const struct daemon *server;
static char output[1 << 20];

/* Run it; what it says on both outputs is in "output". */
static int
ctl(const char *words)
{
	const char *build = getenv("top_builddir");
	char *command = xasprintf("%s/holdfastctl --runtime-dir %s %s 2>&1",
	    build == NULL ? "." : build, daemon_runtime_dir(server), words);
	FILE *in = popen(command, "r");
	size_t len = 0;
	int status = -1;

	if (in != NULL) {
		len = fread(output, 1, sizeof(output) - 1, in);
		status = pclose(in);
	}
	output[len] = '\0';
	free(command);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The words around a session's id. */
static int
ctl_session(const char *before, const char *id, const char *after)
{
	char *all = xasprintf("%s %s %s", before, id, after);
	int status = ctl(all);

	free(all);
	return status;
}

/* The number of items of a list in the answer, or -1. */
static int
count(const char *words, const char *list)
{
	struct json_object *answer, *value;
	int n = -1;

	(void)ctl(words);
	answer = json_tokener_parse(output);
	if (json_object_is_type(answer, json_type_object) &&
	    json_object_object_get_ex(answer, list, &value) &&
	    json_object_is_type(value, json_type_array))
		n = (int)json_object_array_length(value);
	json_object_put(answer);
	return n;
}

static int
is_printable(void)
{
	const unsigned char *p;

	for (p = (const unsigned char *)output; *p != '\0'; p++)
		if ((*p < ' ' && *p != '\n') || *p == 0x7f)
			return 0;
	return strstr(output, "\xe2\x80\xae") == NULL;
}

static void
start(struct call *call, const char *id, const char *program)
{
	const char *argv[] = { program, "300", NULL };

	json_object_put(call_result(call, "process/start",
	    call_start_params(id, "/", argv)));
}

static void
tell_looking(struct call *call)
{
	const char *id = call_session(call);

	tap_ok(ctl("status") == 0 && strstr(output, "1 attached") != NULL,
	    "the status is told");
	tap_ok(count("status --json", "roles") == 3, "with each process");
	tap_ok(ctl("sessions") == 0 && strstr(output, id) != NULL,
	    "sessions are listed");
	tap_ok(ctl("processes") == 0 && is_printable() &&
	    strstr(output, "\\x1b[2J\\x0a\\xe2\\x80\\xaep") != NULL,
	    "hostile names do no harm");
	tap_ok(count("processes --json", "processes") == 2 && is_printable(),
	    "and in JSON neither");
	tap_ok(ctl_session("show", id, "") == 0 &&
	    strstr(output, "attached") != NULL &&
	    strstr(output, "sleep") != NULL, "a session is shown");
	tap_ok(ctl_session("why", id, "") == 4, "it has not ended");
	tap_ok(ctl("show 00000000-0000") == 1, "what is not there is not");
}

static void
tell_doing(struct call *call)
{
	const char *id = call_session(call);

	tap_ok(ctl_session("kill", id, "second --signal TERM") == 0,
	    "a process is sent a signal");
	tap_ok(ctl_session("kill", id, "nothing") == 1,
	    "there is no such process");
	tap_ok(ctl_session("kill", id, "") == 0, "all are killed");
	tap_ok(ctl("drain") == 0, "no new sessions");
	call_free(call_attach(daemon_url(server), NULL));
	tap_ok(ctl("drain --off") == 0, "new sessions again");
	call_free(call_attach(daemon_url(server), NULL));
	tap_ok(count("sessions --json", "sessions") == 2,
	    "one was taken, and one was not");
	tap_ok(ctl("trace session --keep") == 0, "a topic is traced");
	call_free(call_attach(daemon_url(server), NULL));
	tap_ok(ctl("trace session --off") == 0, "and no more");
	tap_ok(ctl("trace NO") == 4, "what is no topic is refused");
	tap_ok(ctl("reload") == 0, "the configuration is read again");
}

static void
tell_death(struct call *call)
{
	pid_t pids[NPIDS];
	const char *id = call_session(call);

	if (daemon_find(server, "holdfast-broker", pids, NPIDS) == 1)
		kill(pids[0], SIGKILL);
	tap_ok(ctl("sessions") == 0 && strstr(output, id) != NULL,
	    "the next broker answers in place of one that was killed");
	tap_ok(ctl_session("evict", id, "--reason 'that is all'") == 0,
	    "a session is ended");
	tap_ok(ctl_session("why", id, "") == 0 &&
	    strstr(output, "ended by an operator") != NULL &&
	    strstr(output, "that is all") != NULL, "and why");
}

static int
log_has(void *arg)
{
	(void)arg;
	return daemon_wait_logged(server, "session attached session=", 0) == 0;
}

int
main(void)
{
	const char *args[] = { "--gateways", "1", NULL };
	const char *scheme = getenv("SCHEME");
	struct daemon *daemon;
	struct call *call;

	if (scheme != NULL && strcmp(scheme, "ws") != 0)
		tap_skip_all("speaks ws:// only");
	daemon = daemon_start(args);
	if (!tap_ok(daemon != NULL, "a daemon"))
		return tap_done();
	server = daemon;
	call = call_attach(daemon_url(daemon), NULL);
	if (tap_ok(call != NULL, "a client")) {
		start(call, HOSTILE, "/bin/sleep");
		start(call, "second", "/bin/sleep");
		tell_looking(call);
		tell_doing(call);
		tap_ok(wait_until(log_has, NULL, CTL_MS) == 0, "what was traced is in the log");
		tell_death(call);
		call_free(call);
	}
	tap_ok(daemon_stop(daemon, CTL_MS) == 0, "the daemon stops");
	tap_ok(ctl("status") == 69 &&
	    strstr(output, "no server runs here") != NULL,
	    "then there is no server");
	daemon_free(daemon, tap_failed());
	return tap_done();
}
