/* SPDX-License-Identifier: ISC */
/*
 * Out of every process, by every way that can be thought of: real processes,
 * which try the whole table by themselves once they are confined, and what
 * the kernel says about them.  Then, jobs are not hampered.
 */
#include "config.h"

#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "broker/powers.h"
#include "common/role.h"
#include "common/xmalloc.h"
#include "tests/jail/attempts.h"
#include "tests/lib/call.h"
#include "tests/lib/daemon.h"
#include "tests/lib/tap.h"
#include "tests/lib/wait.h"
#include "tests/system/ask.h"

#define JAIL_MS 60000
/* No one in particular; what stands for unknown users is let in nowhere. */
#define SOMEBODY 64321
#define FATE_MAX 16

static const struct {
	const char *program;
	enum jail jail;
} inmates[] = {
	{ "supervisor", JAIL_JOBS }, { "broker", JAIL_JOBS },
	{ "gateway", JAIL_GATEWAY }, { "runner", JAIL_JOBS },
	{ "files", JAIL_FILES }, { "http", JAIL_HTTP },
	{ "job", JAIL_JOBS },
};

static char *
built(const char *name)
{
	const char *build = getenv("top_builddir");

	return xasprintf("%s/tests/jail/%s", build == NULL ? "." : build,
	    name);
}

/* The log as it is by now; for free(3). */
static char *
read_text(const char *path)
{
	size_t size = 1 << 20;
	char *text = xmalloc(size);
	FILE *f = fopen(path, "re");

	text[f == NULL ? 0 : fread(text, 1, size - 1, f)] = '\0';
	if (f != NULL)
		fclose(f);
	return text;
}

/* "fate" gets what the first process of this kind told of this attempt. */
static int
told(const char *log, const char *program, const char *attempt,
    char fate[FATE_MAX])
{
	char who[32], what[64];
	const char *line = log;
	int pid;

	while ((line = strstr(line, "jail: ")) != NULL) {
		if (sscanf(line, "jail: %31s %d %63s %15s", who, &pid, what,
		    fate) == 4 && strcmp(who, program) == 0 &&
		    strcmp(what, attempt) == 0)
			return 1;
		line++;
	}
	return 0;
}

struct waiting {
	const struct daemon *daemon;
	const char *program;
};

static int
has_tried(void *arg)
{
	struct waiting *waiting = arg;
	char *log = read_text(daemon_log(waiting->daemon));
	char fate[FATE_MAX];
	int done = told(log, waiting->program, "done", fate);

	free(log);
	return done;
}

/* Every row of the table that is claimed for this process. */
static void
compare(const struct daemon *daemon, const char *program, enum jail jail)
{
	struct waiting waiting = { daemon, program };
	const struct attempt *a;
	char fate[FATE_MAX], *log;
	size_t i, good = 0, claims = 0;

	if (!tap_ok(wait_until(has_tried, &waiting, JAIL_MS) == 0,
	    "%s has tried it all", program))
		return;
	log = read_text(daemon_log(daemon));
	for (i = 0; i < nattempts; i++) {
		a = &attempts[i];
		if (a->fate[jail] == FATE_UNKNOWN)
			continue;
		claims++;
		if (!told(log, program, a->name, fate))
			tap_note("%s: %s: nothing told", program, a->name);
		else if (strcmp(fate, fate_name(a->fate[jail])) != 0)
			tap_note("%s: %s: %s, not %s", program, a->name,
			    fate, fate_name(a->fate[jail]));
		else
			good++;
	}
	tap_ok(good == claims, "%s: %zu of %zu attempts end as they should",
	    program, good, claims);
	free(log);
}

/* Whatever starts a process of its own is asked for once. */
static void
use_everything(struct daemon *daemon, struct call *call, const char *cwd)
{
	char *tryall = built("tryall");
	const char *argv[] = { tryall, daemon_log(daemon), NULL };
	struct json_object *result;

	result = call_result(call, "process/start",
	    call_start_params("tryall", cwd, argv));
	tap_ok(result != NULL, "a job is started");
	json_object_put(result);
	tap_ok(ask(call, "fs/readFile", "{'path':'file:///etc/passwd'}",
	    NULL) == 0, "a file is read");
	/* Nobody listens there, which is an answer. */
	tap_ok(ask(call, "http/request", "{'requestId':'r','method':'GET',"
	    "'url':'http://127.0.0.1:1/','headers':[]}", NULL) != 0,
	    "a request is tried");
	free(tryall);
}

/* With the configuration file "config" unless that is NULL. */
static struct daemon *
start_jails(const char *config)
{
	char *program = built("holdfastd"), *dir = built("");
	const char *args[] = { "--libexec-dir", dir, "--gateways", "1", "-v",
		config == NULL ? NULL : "--config", config, NULL };
	struct daemon *daemon;

	setenv("HOLDFASTD", program, 1);
	daemon = daemon_start(args);
	free(program);
	free(dir);
	return daemon;
}

/* Of /proc/PID/status: the number behind "name", or all bits set. */
static unsigned long long
status_of(pid_t pid, const char *name, int base)
{
	unsigned long long value = ~0ULL;
	char path[64], *text, *line;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	text = read_text(path);
	line = strstr(text, name);
	if (line != NULL)
		value = strtoull(line + strlen(name), NULL, base);
	free(text);
	return value;
}

static const char *const capability_sets[] = {
	"CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:",
};

/* As far as the kernel tells: what cannot be tried from inside. */
static void
look_at_gateway(struct daemon *daemon)
{
	unsigned long long caps = 0;
	char path[64], root[4096] = "", *log;
	pid_t pid = 0;
	size_t i;

	daemon_find(daemon, "holdfast-gateway", &pid, 1);
	for (i = 0; i < 5; i++)
		if (geteuid() == 0 || i != 3)
			caps |= status_of(pid, capability_sets[i], 16);
	tap_ok(caps == 0, "the gateway has no capability");
	tap_ok(status_of(pid, "NoNewPrivs:", 10) == 1,
	    "nor can it get any");
	tap_ok(status_of(pid, "Seccomp:", 10) == 2, "it has a filter");
	log = read_text(daemon_log(daemon));
	tap_ok(strstr(log, "confined by Landlock") != NULL ||
	    strstr(log, "no Landlock") != NULL, "it has tried Landlock");
	free(log);
	if (geteuid() != 0) {
		tap_skip("needs root", "its user and root directory");
		return;
	}
	snprintf(path, sizeof(path), "/proc/%d/root", (int)pid);
	(void)!readlink(path, root, sizeof(root) - 1);
	tap_ok(status_of(pid, "Uid:", 10) != 0, "it has another user");
	tap_ok(strstr(root, "/empty") != NULL && rmdir(root) == 0 &&
	    mkdir(root, 0555) == 0, "its root directory, %s, is empty", root);
}

static void
finish(struct daemon *daemon)
{
	tap_ok(daemon_stop(daemon, JAIL_MS) == 0, "holdfastd ends with 0");
	tap_ok(daemon_check_clean(daemon, JAIL_MS) == 0,
	    "nothing is left behind");
	daemon_free(daemon, tap_failed() > 0);
}

/* "root": without a configuration jobs are root's, and keep what root has. */
static void
story_attempts(int root)
{
	struct daemon *daemon = start_jails(NULL);
	struct call *call;
	size_t i;

	if (!tap_ok(daemon != NULL, "processes that try to get out"))
		return;
	call = call_attach(daemon_url(daemon), NULL);
	if (tap_ok(call != NULL, "which serve all the same"))
		use_everything(daemon, call, daemon_dir(daemon));
	for (i = 0; i < sizeof(inmates) / sizeof(inmates[0]); i++)
		if (!root || inmates[i].jail != JAIL_JOBS)
			compare(daemon, inmates[i].program, inmates[i].jail);
	look_at_gateway(daemon);
	call_free(call);
	finish(daemon);
}

/* Whether anybody may run what is built here. */
static int
is_public(void)
{
	char *path = built("holdfast-runner"), *slash;
	struct stat st;
	int is = 1;

	while (is && *path != '\0') {
		is = stat(path, &st) == 0 && (st.st_mode & S_IXOTH) != 0;
		slash = strrchr(path, '/');
		*(slash == NULL ? path : slash) = '\0';
	}
	free(path);
	return is;
}

static char *
write_config(void)
{
	char *path = xstrdup("/tmp/holdfast-jail-XXXXXX");
	int fd = mkstemp(path);

	if (fd == -1)
		return path;
	dprintf(fd, "{ \"tenants\": [ { \"name\": \"t\", \"user\": "
	    "\"daemon\", \"directory\": \"/\", \"peer-uids\": [\"0\"] } "
	    "] }\n");
	close(fd);
	return path;
}

/* No more than "may", in each of the sets, and nothing that is inherited. */
static void
check_caps(struct daemon *daemon, const char *name, uint64_t may)
{
	pid_t pid = daemon_pid(daemon);
	size_t i;
	int good = 1;

	if (strcmp(name, "holdfastd") != 0 &&
	    daemon_find(daemon, name, &pid, 1) == 0)
		pid = 0;
	for (i = 0; i < sizeof(capability_sets) / sizeof(capability_sets[0]);
	    i++)
		if ((status_of(pid, capability_sets[i], 16) & ~may) != 0)
			good = 0;
	tap_ok(good && status_of(pid, "CapInh:", 16) == 0 &&
	    status_of(pid, "CapAmb:", 16) == 0,
	    "%s keeps no other capability than it takes", name);
	tap_ok(status_of(pid, "NoNewPrivs:", 10) == 1 &&
	    status_of(pid, "Seccomp:", 10) == 2,
	    "%s gets none back and has a filter", name);
}

/* Root's server, and somebody else's jobs. */
static void
story_tenant(void)
{
	char *config;
	struct daemon *daemon;
	struct call *call;
	size_t i;

	if (!is_public() || getpwnam("daemon") == NULL) {
		tap_skip("what is built here cannot be run by a tenant",
		    "a tenant");
		return;
	}
	config = write_config();
	daemon = start_jails(config);
	unlink(config);
	free(config);
	call = daemon == NULL ? NULL : call_attach(daemon_url(daemon), NULL);
	if (!tap_ok(call != NULL, "a tenant"))
		return;
	/* The job has to write to it. */
	chmod(daemon_log(daemon), 0666);
	use_everything(daemon, call, "/");
	for (i = 0; i < sizeof(inmates) / sizeof(inmates[0]); i++)
		compare(daemon, inmates[i].program, inmates[i].jail);
	check_caps(daemon, "holdfastd", powers_supervisor(0));
	check_caps(daemon, "holdfast-broker", powers_broker(0));
	check_caps(daemon, "holdfast-runner", 0);
	check_caps(daemon, "holdfast-fs", 0);
	check_caps(daemon, "holdfast-http", 0);
	check_caps(daemon, "holdfast-gateway", 0);
	call_free(call);
	finish(daemon);
}

/*
 * Jobs as of any user.  Each is a script that says "good" in the end; 77 is
 * for what this host does not have.
 */
static const struct {
	const char *what, *script;
} free_jobs[] = {
	{ "sessions of their own", "setsid -w true && echo good" },
	{ "lower priorities", "nice -n 5 true && echo good" },
	{ "limits", "ulimit -n 100 && ulimit -c 0 && echo good" },
	{ "signals to each other", "sleep 60 & kill $! && wait $!; "
	    "test $? = 143 && echo good" },
	{ "pipes and temporary files", "t=$(mktemp) && echo x | cat >$t && "
	    "rm $t && echo good" },
	{ "tracing their children", "command -v strace >/dev/null || "
	    "exit 77; strace -f -o /dev/null true && echo good" },
	{ "debugging their children", "command -v gdb >/dev/null || exit 77; "
	    "gdb -nx -batch -ex run -ex 'print $_exitcode' "
	    "--args /bin/true 2>&1 | grep -q '= 0' && echo good" },
	{ "user namespaces", "unshare -U true 2>/dev/null || exit 77; "
	    "unshare -Ur sh -c 'test $(id -u) = 0' && echo good" },
	{ "sandboxes of their own", "command -v bwrap >/dev/null || exit 77; "
	    "unshare -U true 2>/dev/null || exit 77; bwrap --ro-bind / / "
	    "--dev /dev --proc /proc --unshare-all true && echo good" },
	{ "the time", "date +%s >/dev/null && echo good" },
	{ "no trace of us", "test ! -e /proc/self/fd/3 && echo good" },
};

/* Runs "script" to its end; its output, for free(3), and exit code. */
static char *
run_script(struct daemon *daemon, struct call *call, const char *id,
    const char *script, int *code)
{
	const char *argv[] = { "/bin/sh", "-c", script, NULL };
	struct json_object *reply, *chunks;
	char *text = xstrdup(""), *bytes, *joined;
	size_t i, len;

	*code = -1;
	reply = call_result(call, "process/start",
	    call_start_params(id, daemon_dir(daemon), argv));
	json_object_put(reply);
	for (;;) {
		reply = call_result(call, "process/read", ask_jsonf(
		    "{'processId':'%s','waitMs':20000}", id));
		if (reply == NULL)
			return text;
		if (json_object_get_boolean(json_object_object_get(reply,
		    "closed")))
			break;
		json_object_put(reply);
	}
	*code = (int)ask_int(reply, "exitCode");
	chunks = json_object_object_get(reply, "chunks");
	for (i = 0; i < json_object_array_length(chunks); i++) {
		bytes = ask_bytes(json_object_array_get_idx(chunks, i),
		    "chunk", &len);
		joined = xasprintf("%s%s", text, bytes == NULL ? "" : bytes);
		free(bytes);
		free(text);
		text = joined;
	}
	json_object_put(reply);
	return text;
}

static void
story_free_jobs(void)
{
	struct daemon *daemon;
	struct call *call;
	char *text, id[16];
	size_t i;
	int code;

	unsetenv("HOLDFASTD");
	daemon = daemon_start(NULL);
	call = daemon == NULL ? NULL : call_attach(daemon_url(daemon), NULL);
	if (!tap_ok(call != NULL, "jobs that nobody hampers"))
		return;
	for (i = 0; i < sizeof(free_jobs) / sizeof(free_jobs[0]); i++) {
		snprintf(id, sizeof(id), "free-%zu", i);
		text = run_script(daemon, call, id, free_jobs[i].script,
		    &code);
		if (code == 77)
			tap_skip("not on this host", "jobs have %s",
			    free_jobs[i].what);
		else
			tap_ok(strstr(text, "good") != NULL, "jobs have %s",
			    free_jobs[i].what);
		if (code != 77 && strstr(text, "good") == NULL)
			tap_note("%d: %s", code, text);
		free(text);
	}
	call_free(call);
	finish(daemon);
}

/* What root's jobs have is what the server was started with. */
static void
story_root_jobs(void)
{
	struct daemon *daemon = daemon_start(NULL);
	struct call *call;
	char *text, name[32];
	size_t i;
	int code;

	call = daemon == NULL ? NULL : call_attach(daemon_url(daemon), NULL);
	if (!tap_ok(call != NULL, "jobs of root"))
		return;
	text = run_script(daemon, call, "caps", "cat /proc/self/status",
	    &code);
	for (i = 0; i < sizeof(capability_sets) / sizeof(capability_sets[0]);
	    i++) {
		snprintf(name, sizeof(name), "%s\t%016llx",
		    capability_sets[i], status_of(getpid(),
		    capability_sets[i], 16));
		tap_ok(strstr(text, name) != NULL, "keep %s", name);
	}
	tap_ok(strstr(text, "Seccomp:\t0") != NULL ||
	    status_of(getpid(), "Seccomp:", 10) != 0, "and have no filter");
	free(text);
	call_free(call);
	finish(daemon);
}

#define NOT_RUN 127

/* All of this again, as somebody else; what it tells becomes remarks. */
static int
run_as(uid_t uid, const char *self)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (dup2(STDERR_FILENO, STDOUT_FILENO) == -1 ||
		    chdir("/") == -1 || role_become(uid, uid, NULL, 0) == -1)
			_exit(1);
		execl(self, self, (char *)NULL);
		_exit(NOT_RUN);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return 1;
	return WEXITSTATUS(status);
}

static void
story_unprivileged(const char *program)
{
	char *self = realpath(program, NULL);
	int status = run_as(SOMEBODY, self);

	if (status == NOT_RUN)
		tap_skip("others may not run what is built here",
		    "the same without root");
	else
		tap_ok(status == 0, "the same without root");
	free(self);
}

int
main(int argc, char **argv)
{
	int root = geteuid() == 0;

#ifdef WITH_SANITIZERS
	tap_skip_all("no filters under sanitizers");
#endif
	(void)argc;
	story_attempts(root);
	story_free_jobs();
	if (root) {
		story_root_jobs();
		story_tenant();
		story_unprivileged(argv[0]);
	} else {
		tap_skip("needs root", "jobs of root");
	}
	return tap_done();
}
