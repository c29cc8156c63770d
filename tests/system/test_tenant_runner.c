/* SPDX-License-Identifier: ISC */
/*
 * What the runner of a tenant gives its jobs, as root: user, limits, places
 * of their own, and their place among the processes of the host.
 */
#include "config.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "common/xmalloc.h"
#include "tests/lib/call.h"
#include "tests/lib/daemon.h"
#include "tests/lib/procfs.h"
#include "tests/lib/tap.h"
#include "tests/lib/tape.h"
#include "tests/lib/wait.h"
#include "tests/system/ask.h"

#define RUNNER_MS 60000
#define FIRST_UID 61011		/* nobody's, it is hoped */
#define SLEEP "77012345"	/* seconds that nobody else sleeps */

enum { PLAIN, GAINING, TMP, PIDS, LOST, NOBODY, TENANTS };
static const struct {
	const char *name;
	const char *more;
} tenants[TENANTS] = {
	[PLAIN] = { "plain", "\"home\": \"/\", \"umask\": \"0027\", "
	    "\"groups\": [\"4\", \"24\"], \"resource-limits\": { "
	    "\"open-files\": { \"soft\": 300, \"hard\": 400 }, "
	    "\"core-bytes\": 0, \"file-bytes\": 1048576 }" },
	[GAINING] = { "gaining", "\"home\": \"/\", "
	    "\"no-new-privileges\": false" },
	[TMP] = { "tmp", "\"home\": \"/\", \"private-tmp\": true" },
	[PIDS] = { "pids", "\"home\": \"/\", \"private-processes\": true" },
	[LOST] = { "lost", "\"home\": \"/\", \"directory\": \"/not/there\"" },
	[NOBODY] = { "nobody", "\"home\": \"/nonexistent\"" },
};

static struct daemon *host;

static char *
host_conf(void)
{
	char *listeners = xstrdup(""), *list = xstrdup(""), *next, *text;
	int i;

	for (i = 0; i < TENANTS; i++) {
		next = xasprintf("%s%s{ \"address\": \"ws://127.0.0.1:0\", "
		    "\"tenants\": [\"%s\"], \"admission\": [\"none\"] }\n",
		    listeners, i == 0 ? "" : ", ", tenants[i].name);
		free(listeners);
		listeners = next;
		next = xasprintf("%s%s{ \"name\": \"%s\", \"user\": \"%d\", "
		    "%s }\n", list, i == 0 ? "" : ", ", tenants[i].name,
		    FIRST_UID + i, tenants[i].more);
		free(list);
		list = next;
	}
	text = xasprintf("{ \"gateways\": 1, \"detach-ttl-ms\": 100,\n"
	    "\"listeners\": [ %s ],\n\"tenants\": [ %s ] }\n", listeners,
	    list);
	free(listeners);
	free(list);
	return text;
}

static struct call *
come(int tenant)
{
	return call_attach(daemon_address(host, (size_t)tenant), NULL);
}

/* Run a script to its end; its output, the caller's. */
static char *
job(struct call *call, const char *script)
{
	const char *argv[] = { "/bin/sh", "-c", script, NULL };
	static int number;
	struct json_object *result;
	struct tape *tape;
	char id[32], *text = NULL;

	snprintf(id, sizeof(id), "job-%d", number++);
	tape = tape_new(id);
	result = call_result(call, "process/start",
	    call_start_params(id, "/", argv));
	if (result != NULL && tape_follow(tape, call, RUNNER_MS) == 0)
		text = xstrdup(tape_text(tape, "stdout"));
	json_object_put(result);
	tape_free(tape);
	return text == NULL ? xstrdup("it did not end") : text;
}

static int
says(struct call *call, const char *script, const char *wanted)
{
	char *text = call == NULL ? xstrdup("no session") : job(call, script);
	int good = strcmp(text, wanted) == 0;

	if (!good)
		tap_note("got %s", text);
	free(text);
	return good;
}

/* A program that would make whoever runs it root. */
static int
make_setuid(const char *path)
{
	char bytes[65536];
	int in = open("/usr/bin/id", O_RDONLY | O_CLOEXEC);
	int out = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	ssize_t n = -1;

	while (in != -1 && out != -1 &&
	    (n = read(in, bytes, sizeof(bytes))) > 0)
		if (write(out, bytes, (size_t)n) != n)
			break;
	if (out != -1 && fchmod(out, 04755) == -1)
		n = -1;
	if (in != -1)
		close(in);
	if (out != -1)
		close(out);
	return n == 0 ? 0 : -1;
}

static void
story_plain(void)
{
	struct call *call = come(PLAIN);
	char *ids = xasprintf("%d %d %d 4 24\n", FIRST_UID + PLAIN,
	    FIRST_UID + PLAIN, FIRST_UID + PLAIN);

	tap_ok(says(call, "echo $(id -u) $(id -g) $(id -G)", ids),
	    "user, group and the groups that are listed");
	tap_ok(says(call, "umask", "0027\n"), "the umask");
	tap_ok(says(call, "ulimit -Sn; ulimit -Hn; ulimit -Hc; "
	    "ulimit -Hf", "300\n400\n0\n2048\n") ||
	    says(call, "ulimit -Sn; ulimit -Hn; ulimit -Hc; ulimit -Hf",
		"300\n400\n0\n1024\n"),
	    "limits of resources, soft and hard");
	tap_ok(says(call, "ulimit -Hn 401 2>/dev/null || echo no", "no\n"),
	    "which cannot be raised");
	free(ids);
	call_free(call);
}

static void
story_privileges(void)
{
	char *path = xasprintf("%s/id", daemon_dir(host));
	char *script = xasprintf("'%s' -u; grep NoNewPrivs "
	    "/proc/self/status", path);
	char *own = xasprintf("%d\nNoNewPrivs:\t1\n", FIRST_UID + PLAIN);
	struct call *plain = come(PLAIN), *gaining = come(GAINING);

	if (tap_ok(make_setuid(path) == 0, "there is a set-user-ID program")) {
		tap_ok(says(plain, script, own), "it gains nothing");
		tap_ok(says(gaining, script, "0\nNoNewPrivs:\t0\n"),
		    "unless jobs may");
	}
	call_free(plain);
	call_free(gaining);
	free(own);
	free(script);
	free(path);
}

/* Why there is no runner is told with the end of the connection. */
static void
lost(int tenant, const char *wanted)
{
	static const char *const argv[] = { "/bin/true", NULL };
	struct call *call = come(tenant);
	char why[256] = "";

	if (!tap_ok(call != NULL, "%s has a session", tenants[tenant].name))
		return;
	json_object_put(call_request(call, "process/start",
	    call_start_params("true", "/", argv)));
	if (call_ended(call))
		snprintf(why, sizeof(why), "%s", call_close_reason(call));
	if (!tap_ok(call_close_code(call) == 1011 && strcmp(why, wanted) == 0,
		"its end says: %s", wanted))
		tap_note("%d %s", call_close_code(call), why);
	call_free(call);
}

static int
has_file(struct call *call, const char *path)
{
	char *params = xasprintf("{'path':'file://%s'}", path);
	int code = ask(call, "fs/getMetadata", params, NULL);

	free(params);
	return code == 0;
}

/* What is in the two places, but for the way to programs that lie there. */
static char *
look(void)
{
	const char *top = getenv("top_builddir");
	char real[PATH_MAX] = "", *slash;

	if (realpath(top == NULL ? "." : top, real) != NULL &&
	    strncmp(real, "/tmp/", 5) == 0) {
		slash = strchr(real + 5, '/');
		if (slash != NULL)
			*slash = '\0';
		return xasprintf("ls -A /tmp /var/tmp | grep -v '^%s$' | "
		    "tr '\\n' ' '; stat -c %%a /tmp", real + 5);
	}
	return xstrdup("ls -A /tmp /var/tmp | tr '\\n' ' '; stat -c %a /tmp");
}

static void
story_tmp(void)
{
	struct call *a = come(TMP), *b = come(TMP);
	char *path = xasprintf("/tmp/holdfast-secret-%d", (int)getpid());
	char *script = xasprintf("echo x >%s; echo x >/var%s; ls %s", path,
	    path, path);
	char *shown = xasprintf("%s\n", path), *ls = look();

	tap_ok(says(a, ls, "/tmp:  /var/tmp: 1777\n"),
	    "its /tmp and /var/tmp are empty");
	tap_ok(says(a, script, shown), "something can be put there");
	tap_ok(a != NULL && has_file(a, path),
	    "and requests for files see it, too");
	tap_ok(b != NULL && says(b, ls, "/tmp:  /var/tmp: 1777\n") &&
	    !has_file(b, path), "another session does not");
	tap_ok(access(path, F_OK) == -1, "nor does the host");
	call_free(a);
	call_free(b);
	tap_ok(daemon_wait_none(host, "holdfast-runner", RUNNER_MS) == 0,
	    "the sessions end");
	a = come(TMP);
	tap_ok(says(a, ls, "/tmp:  /var/tmp: 1777\n") &&
	    access(path, F_OK) == -1, "and it is gone with them");
	call_free(a);
	free(ls);
	free(shown);
	free(script);
	free(path);
}

static int
nobody_sleeps(void *arg)
{
	pid_t pids[16];

	(void)arg;
	return procfs_argument(SLEEP, pids, 16) == 0;
}

static void
story_processes(void)
{
	static const char count[] = "set -- /proc/[0-9]*; "
	    "[ $# -le 3 ] && cat /proc/1/comm || echo $#";
	struct call *a = come(PIDS), *b = come(PIDS), *plain = come(PLAIN);
	pid_t pids[16];

	tap_ok(says(a, count, "holdfast-runner\n"),
	    "a session sees only processes of its own");
	tap_ok(says(a, "setsid sleep " SLEEP " >/dev/null 2>&1 & "
	    "(setsid sleep " SLEEP " >/dev/null 2>&1 &); echo ok", "ok\n"),
	    "it leaves something running");
	tap_ok(says(b, "kill -9 -1; kill -9 1; echo here", "here\n"),
	    "a job kills all it can");
	tap_ok(says(b, "echo here", "here\n") && says(a, "echo here",
	    "here\n") && says(plain, "echo here", "here\n"),
	    "which is no runner and nothing of another session");
	tap_ok(procfs_argument(SLEEP, pids, 16) > 0,
	    "what the first one left still runs");
	call_free(a);
	tap_ok(wait_until(nobody_sleeps, NULL, RUNNER_MS) == 0,
	    "and is gone when its session has ended");
	call_free(b);
	/* Without it its user's processes are what it can kill. */
	json_object_put(call_request(plain, "process/start",
	    call_start_params("all", "/", (const char *const []){ "/bin/sh",
	    "-c", "kill -9 -1", NULL })));
	a = come(PIDS);
	tap_ok(says(a, "echo here", "here\n"),
	    "another user's killer does nothing to it either");
	call_free(a);
	call_free(plain);
}

static int
score_of(pid_t pid)
{
	char path[64], text[16] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return -9999;
	if (read(fd, text, sizeof(text) - 1) <= 0)
		text[0] = '\0';
	close(fd);
	return atoi(text);
}

static void
story_memory(void)
{
	struct call *call = come(PLAIN);
	pid_t pids[16];
	char *text;
	size_t n, i;
	int score, runner = -9999;

	/* The runner sets it when the program is running already. */
	text = call == NULL ? xstrdup("") :
	    job(call, "F=/proc/$$/oom_score_adj; i=0; "
	    "while [ $(cat $F) -lt 1 ] && [ $i -lt 200 ]; do "
	    "sleep 0.05; i=$((i+1)); done; cat $F");
	score = atoi(text);
	n = daemon_find(host, "holdfast-runner", pids, 16);
	for (i = 0; i < n && i < 16; i++)
		if (procfs_uid(pids[i]) == FIRST_UID + PLAIN)
			runner = score_of(pids[i]);
	tap_ok(runner != -9999 && score > runner &&
	    score > score_of(daemon_pid(host)),
	    "jobs die first when there is no memory (%d, runner %d)", score,
	    runner);
	tap_ok(says(call, "echo -1000 2>/dev/null >/proc/self/oom_score_adj; "
	    "[ $(cat /proc/self/oom_score_adj) -ge 0 ] && echo so", "so\n"),
	    "and cannot change that");
	free(text);
	call_free(call);
}

/* $C: the job's cgroup.  Nothing of this may succeed. */
static const char *const attempts[] = {
	"echo 0 >$C/../runner/cgroup.procs",
	"echo 0 >$C/../../cgroup.procs",
	"echo 0 >$C/../../../cgroup.procs",
	"echo 5 >$C/cgroup.max.depth",
	"echo 1 >$C/../cgroup.kill",
	"mkdir $C/below",
	"rmdir $C/../runner",
};

static void
story_cgroup(void)
{
	struct call *call = come(PLAIN);
	char *text, *script, *leaf, *at;
	size_t i;

	text = call == NULL ? xstrdup("") :
	    job(call, "sed -n s/^0:://p /proc/self/cgroup");
	at = strstr(text, "/holdfast-");
	if (call == NULL || at == NULL) {
		tap_skip("no cgroups of version 2 for us", "cgroups");
	} else {
		leaf = xasprintf("/tenant-plain/%s/jobs\n",
		    call_session(call));
		tap_ok(strstr(at, leaf) != NULL, "jobs are in a leaf of the "
		    "session's cgroup, below the tenant's");
		free(leaf);
		for (i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
			script = xasprintf("M=$(sed -n 's/^[^ ]* [^ ]* [^ ]* "
			    "[^ ]* \\([^ ]*\\) .* - cgroup2 .*/\\1/p' "
			    "/proc/self/mountinfo); C=$M$(sed -n s/^0:://p "
			    "/proc/self/cgroup); { %s; } 2>/dev/null || "
			    "echo no", attempts[i]);
			tap_ok(says(call, script, "no\n"), "a job may not %s",
			    attempts[i]);
			free(script);
		}
	}
	free(text);
	call_free(call);
}

int
main(void)
{
	char *text;

	if (geteuid() != 0)
		tap_skip_all("needs root: jobs run as several users");
	text = host_conf();
	host = daemon_start_conf(text, TENANTS);
	free(text);
	if (!tap_ok(host != NULL, "a host with %d tenants", TENANTS))
		return tap_done();
	story_plain();
	story_privileges();
	lost(LOST, "cannot enter the working directory /not/there: "
	    "No such file or directory");
	lost(NOBODY, "cannot enter the working directory /nonexistent: "
	    "No such file or directory");
	story_tmp();
	story_processes();
	story_memory();
	story_cgroup();
	tap_ok(daemon_stop(host, RUNNER_MS) == 0 &&
	    daemon_check_clean(host, RUNNER_MS) == 0,
	    "nothing is left behind");
	daemon_free(host, tap_failed() > 0);
	return tap_done();
}
