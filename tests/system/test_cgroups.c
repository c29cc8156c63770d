/* SPDX-License-Identifier: ISC */
/*
 * What cgroups are for: a tenant who takes all it can get is stopped at its
 * limits, in its own cgroups, and another's calls and streams go on.  For a
 * host that has the controllers, as contrib/vm-check makes one.
 */
#include "config.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <json-c/json.h>
#include <sha256.h>

#include "broker/cgroup.h"
#include "common/xmalloc.h"
#include "tests/lib/call.h"
#include "tests/lib/daemon.h"
#include "tests/lib/procfs.h"
#include "tests/lib/tap.h"
#include "tests/lib/tape.h"
#include "tests/lib/wait.h"
#include "tests/system/ask.h"
#include "tests/system/pattern.h"

/* An emulated machine is slow. */
#define CGROUPS_MS 120000
#define FIRST_UID 62001		/* nobody's, it is hoped */
#define SEED 4711
#define BLOCK 100000		/* of the other's stream, in bytes */
#define ROUNDS 5
#define MIB 1048576
#define PIDS 60			/* of a tenant, and of its session's jobs */
#define SESSION_PIDS 35
#define MEMORY (110 * MIB)
#define SESSION_MEMORY (64 * MIB)
#define KILLED (128 + SIGKILL)

enum { ALPHA, BETA, GAMMA, TENANTS };
static const char *const names[TENANTS] = { "alpha", "beta", "gamma" };
static const char *const tokens[TENANTS] = { "alpha-0123456789abcdef",
	"beta-0123456789abcdef", "gamma-0123456789abcdef" };

/* A session, and the job in it whose output is known. */
struct side {
	struct call *call;
	struct tape *tape;
	char *dir;		/* of its cgroup */
	uint64_t wanted;	/* of its stdout, in bytes */
	unsigned long worst_us;	/* of a cheap call's answer */
	int writes;
};

static char mount_at[PATH_MAX];
static char *place;		/* the cgroup the host is started in */
static char *tops;		/* the one it has made there */
static struct daemon *host;

static char *
hash_of(const void *data, size_t len)
{
	char hex[SHA256_DIGEST_STRING_LENGTH];

	SHA256Data(data, len, hex);
	return xstrdup(hex);
}

/* A file's text; the caller's, empty when it cannot be read. */
static char *
text_of(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static char *
text_of(const char *fmt, ...)
{
	char path[PATH_MAX], *text = xcalloc(1, 65536);
	va_list ap;
	ssize_t n;
	int fd;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd == -1 ? -1 : read(fd, text, 65535);
	text[n > 0 ? n : 0] = '\0';
	if (fd != -1)
		close(fd);
	return text;
}

static int
holds(const char *dir, const char *file, const char *wanted)
{
	char *text = text_of("%s/%s", dir, file);
	int same = strncmp(text, wanted, strlen(wanted)) == 0 &&
	    strcmp(text + strlen(wanted), "\n") == 0;

	if (!same)
		tap_note("%s/%s: %s", dir, file, text);
	free(text);
	return same;
}

/* The number after "key" in a file of such lines; without one: its first. */
static long long
number_in(const char *dir, const char *file, const char *key)
{
	char *text = text_of("%s/%s", dir, file), *at = text, *mark;
	long long number = -1;

	if (key != NULL) {
		mark = xasprintf("%s ", key);
		at = strncmp(text, mark, strlen(mark)) == 0 ? text : NULL;
		free(mark);
		mark = xasprintf("\n%s ", key);
		if (at == NULL && (at = strstr(text, mark)) != NULL)
			at++;
		free(mark);
		if (at != NULL)
			at += strlen(key);
	}
	if (at != NULL && *at != '\0')
		number = strtoll(at, NULL, 10);
	free(text);
	return number;
}

/* Where it is among the cgroups, from the root; the caller's. */
static char *
cgroup_of(pid_t pid)
{
	char *text = text_of("/proc/%d/cgroup", (int)pid), own[PATH_MAX];
	char *path;

	if (cgroup_parse_own(text, own, sizeof(own)) == -1)
		own[0] = '\0';
	path = xasprintf("%s%s", mount_at, own);
	free(text);
	return path;
}

static int
find_mount(void)
{
	char *text = text_of("/proc/self/mountinfo");
	int rc = cgroup_parse_mount(text, mount_at, sizeof(mount_at));

	free(text);
	return rc;
}

static const char *
what_is_missing(void)
{
	static const char *const wanted[] = { "cpu", "memory", "pids" };
	char *text;
	size_t i;

	if (geteuid() != 0)
		return "needs root: jobs run as several users";
	if (find_mount() == -1)
		return "no cgroups of version 2";
	text = text_of("%s/cgroup.subtree_control", mount_at);
	for (i = 0; i < 3 && strstr(text, wanted[i]) != NULL; i++)
		;
	free(text);
	return i == 3 ? NULL : "controllers cpu, memory and pids are not "
	    "enabled at the root of cgroups (contrib/vm-check has them)";
}

static char *
tenant_conf(int t, const char *more)
{
	char *hash = hash_of(tokens[t], strlen(tokens[t])), *text;

	text = xasprintf("{ \"name\": \"%s\", \"user\": \"%d\", "
	    "\"tokens-sha256\": [\"%s\"], \"detach-ttl-ms\": 1000, %s }",
	    names[t], FIRST_UID + t, hash, more);
	free(hash);
	return text;
}

static char *
host_conf(const char *more)
{
	char *a_more = xasprintf("\"home\": \"@/alpha\", \"directory\": "
	    "\"@/alpha\", \"cgroup-limits\": { \"pids-max\": %d, "
	    "\"memory-max-bytes\": %d, \"cpu-percent\": 80 }, "
	    "\"session-cgroup-limits\": { \"pids-max\": %d, "
	    "\"memory-max-bytes\": %d, \"cpu-percent\": 40 }", PIDS, MEMORY,
	    SESSION_PIDS, SESSION_MEMORY);
	char *a = tenant_conf(ALPHA, a_more);
	char *b = tenant_conf(BETA, "\"home\": \"@/beta\", \"directory\": "
	    "\"@/beta\", \"cgroup-limits\": { \"pids-max\": 100 }, "
	    "\"session-cgroup-limits\": { \"pids-max\": 50 }");
	char *c = tenant_conf(GAMMA, "\"home\": \"/\", \"directory\": \"/\", "
	    "\"private-tmp\": true, \"private-processes\": true");
	char *text = xasprintf("{ \"gateways\": 2, %s \"require-cgroups\": "
	    "true,\n\"listeners\": [ { \"address\": \"ws://127.0.0.1:0\", "
	    "\"admission\": [\"token\"] } ],\n"
	    "\"tenants\": [\n%s,\n%s,\n%s ] }\n", more, a, b, c);

	free(a_more);
	free(a);
	free(b);
	free(c);
	return text;
}

/* A program that anybody's jobs may run, whoever owns the build. */
static int
copy_program(const char *name)
{
	const char *top = getenv("top_builddir");
	char *from = xasprintf("%s/tests/system/%s",
	    top == NULL ? "." : top, name);
	char *to = xasprintf("%s/%s", daemon_dir(host), name);
	char bytes[65536];
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	ssize_t n = -1;

	while (in != -1 && out != -1 &&
	    (n = read(in, bytes, sizeof(bytes))) > 0)
		if (write(out, bytes, (size_t)n) != n)
			break;
	if (out != -1)
		(void)fchmod(out, 0755);
	close(in);
	close(out);
	free(from);
	free(to);
	return n == 0 ? 0 : -1;
}

static int
make_places(void)
{
	char *path;
	int t, rc = 0;

	for (t = 0; t < TENANTS; t++) {
		path = xasprintf("%s/%s", daemon_dir(host), names[t]);
		if (mkdir(path, 0700) == -1 ||
		    chown(path, FIRST_UID + (uid_t)t,
			FIRST_UID + (gid_t)t) == -1)
			rc = -1;
		free(path);
	}
	return rc;
}

/*
 * Have the next host started in the cgroup "place": a script goes there and
 * becomes it, so that nobody else is in there.
 */
static char *
make_wrapper(void)
{
	const char *set = getenv("HOLDFASTD"), *top = getenv("top_builddir");
	char *program = set != NULL ? xstrdup(set) :
	    xasprintf("%s/broker/holdfastd", top == NULL ? "." : top);
	char *path = xstrdup("/tmp/holdfast-cgroups-XXXXXX");
	int fd = mkstemp(path);

	if (fd == -1 || fchmod(fd, 0755) == -1 ||
	    dprintf(fd, "#!/bin/sh\necho $$ >'%s/cgroup.procs' || exit 1\n"
		"exec '%s' \"$@\"\n", place, program) < 0)
		tap_note("%s: %s", path, strerror(errno));
	if (fd != -1)
		close(fd);
	free(program);
	return path;
}

static void
remove_cgroups(const char *path)
{
	char *const argv[] = { (char *)"/usr/bin/find",
		(char *)(uintptr_t)path, (char *)"-depth", (char *)"-type",
		(char *)"d", (char *)"-exec", (char *)"rmdir", (char *)"{}",
		(char *)";", NULL };
	pid_t pid = fork();

	if (pid == 0) {
		execv(argv[0], argv);
		_exit(127);
	}
	if (pid != -1)
		waitpid(pid, NULL, 0);
}

static int
start_host(const char *more)
{
	char *text = host_conf(more), *wrapper;
	pid_t broker;

	place = xasprintf("%s/holdfast-test-%d", mount_at, (int)getpid());
	if (mkdir(place, 0755) == -1 && errno != EEXIST)
		tap_note("%s: %s", place, strerror(errno));
	wrapper = make_wrapper();
	setenv("HOLDFASTD", wrapper, 1);
	host = daemon_start_conf(text, 1);
	unlink(wrapper);
	unsetenv("HOLDFASTD");
	free(wrapper);
	free(text);
	if (host == NULL)
		return -1;
	if (daemon_find(host, "holdfast-broker", &broker, 1) == 0)
		return -1;
	tops = xasprintf("%s/holdfast-%d", place, (int)broker);
	return make_places() == 0 && copy_program("job") == 0 &&
	    copy_program("hog") == 0 ? 0 : -1;
}

/* A new session of a tenant; NULL when there is none. */
static struct side *
side_new(int t)
{
	struct side *side = xcalloc(1, sizeof(*side));
	char *header = xasprintf("Authorization: Bearer %s\r\n", tokens[t]);

	side->call = call_open_with(daemon_url(host), header, NULL);
	free(header);
	if (side->call == NULL || call_begin(side->call, NULL) == -1) {
		call_free(side->call);
		free(side);
		return NULL;
	}
	side->dir = xasprintf("%s/tenant-%s/%s", tops, names[t],
	    call_session(side->call));
	return side;
}

static void
side_free(struct side *side)
{
	if (side == NULL)
		return;
	call_free(side->call);
	tape_free(side->tape);
	free(side->dir);
	free(side);
}

/* Start "argv" without waiting for more than the answer: 0, or its error. */
static int
start(struct side *side, const char *id, const char *const argv[], int input)
{
	struct json_object *params = call_start_params(id, "/", argv), *reply;
	int code;

	json_object_object_add(params, "pipeStdin",
	    json_object_new_boolean(input));
	reply = call_wait(side->call, call_send(side->call, "process/start",
	    params), CGROUPS_MS);
	code = reply == NULL ? 1 : call_error_code(reply);
	if (code != 0)
		tap_note("%s: %s", id, json_object_to_json_string(reply));
	json_object_put(reply);
	return code;
}

static int
start_hog(struct side *side, const char *id, const char *what,
    const char *more)
{
	char *program = xasprintf("%s/hog", daemon_dir(host));
	const char *argv[] = { program, what, more, NULL };
	int code = start(side, id, argv, 0);

	free(program);
	return code;
}

/* Run a script to its end; its output, the caller's, its exit code. */
static char *
script(struct side *side, const char *id, const char *text, int *code)
{
	const char *argv[] = { "/bin/sh", "-c", text, NULL };
	struct tape *tape = tape_new(id);
	char *out = NULL;

	*code = -1;
	if (start(side, id, argv, 0) == 0 &&
	    tape_follow(tape, side->call, CGROUPS_MS) == 0) {
		*code = tape_exit_code(tape);
		out = xasprintf("%s%s", tape_text(tape, "stdout"),
		    tape_text(tape, "stderr"));
	}
	tape_free(tape);
	return out == NULL ? xstrdup("") : out;
}

static unsigned long
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (unsigned long)ts.tv_sec * 1000000UL +
	    (unsigned long)ts.tv_nsec / 1000;
}

/* Is there an answer to a cheap call? */
static int
is_answered(struct side *side)
{
	unsigned long before = now_us(), took;
	struct json_object *reply;
	int good;

	reply = call_wait(side->call, call_send(side->call,
	    "environment/status", NULL), CGROUPS_MS);
	good = json_object_object_get_ex(reply, "result", NULL);
	took = now_us() - before;
	if (took > side->worst_us)
		side->worst_us = took;
	json_object_put(reply);
	return good;
}

static int
take_events(struct side *side)
{
	struct json_object *event;
	int rc = 0;

	while (rc != -1 && (event = call_take_event(side->call)) != NULL) {
		rc = side->tape == NULL ? 0 : tape_event(side->tape, event);
		json_object_put(event);
	}
	return rc == -1 ? -1 : 0;
}

/* Until the job has shown all that it was asked for. */
static int
take_wanted(struct side *side)
{
	uint64_t deadline = deadline_in(CGROUPS_MS);

	for (;;) {
		if (take_events(side) == -1)
			return -1;
		if (tape_bytes(side->tape, "stdout") >= side->wanted)
			return 0;
		if (deadline_left(deadline) == 0 ||
		    call_receive(side->call, 100) == -1)
			return -1;
	}
}

static int
start_talker(struct side *side)
{
	char *program = xasprintf("%s/job", daemon_dir(host));
	char *home = xasprintf("%s/beta", daemon_dir(host));
	const char *argv[] = { program, "talk", home, "talker", "4711", NULL };
	int code = start(side, "talker", argv, 1);

	side->tape = tape_new("talker");
	side->wanted = 8;
	free(program);
	free(home);
	return code == 0 ? take_wanted(side) : -1;
}

/* The other tenant works: calls are answered, more of its stream comes. */
static int
goes_on(struct side *side)
{
	char line[32], id[32];
	struct json_object *reply;
	int i, good = 1;

	side->worst_us = 0;
	for (i = 0; good && i < ROUNDS; i++) {
		snprintf(line, sizeof(line), "o %d\n", BLOCK);
		snprintf(id, sizeof(id), "w%d", side->writes++);
		side->wanted += BLOCK;
		reply = call_wait(side->call, call_send(side->call,
		    "process/write", call_write_params("talker", id, line,
			strlen(line))), CGROUPS_MS);
		good = json_object_object_get_ex(reply, "result", NULL);
		json_object_put(reply);
		good = good && is_answered(side) && take_wanted(side) == 0;
	}
	if (good)
		tap_note("its slowest call took %lu us", side->worst_us);
	else
		tap_note("%s after %ju of %ju bytes, %s",
		    call_ended(side->call) ? "ended" : "stuck",
		    (uintmax_t)tape_bytes(side->tape, "stdout"),
		    (uintmax_t)side->wanted, tape_error(side->tape));
	return good;
}

static int
stream_is_right(struct side *side)
{
	uint8_t *all = xmalloc(side->wanted);
	char got[TAPE_HASH_SIZE], *wanted;
	int good;

	pattern_fill(all, side->wanted, SEED, 0);
	wanted = hash_of(all, side->wanted);
	good = tape_bytes(side->tape, "stdout") == side->wanted &&
	    strcmp(tape_hash(side->tape, "stdout", got), wanted) == 0;
	free(wanted);
	free(all);
	return good;
}

struct count {
	const char *dir, *file, *key;
	long long least;
};

static int
count_is_reached(void *arg)
{
	const struct count *c = arg;

	return number_in(c->dir, c->file, c->key) >= c->least;
}

/* Wait until a counter of a cgroup says at least "least". */
static int
reaches(const char *dir, const char *file, const char *key, long long least)
{
	struct count c = { dir, file, key, least };

	if (wait_until(count_is_reached, &c, CGROUPS_MS) == 0)
		return 1;
	tap_note("%s/%s: %s is %lld", dir, file, key,
	    number_in(dir, file, key));
	return 0;
}

static int
is_gone(void *arg)
{
	return access(arg, F_OK) == -1 && errno == ENOENT;
}

/* How many processes of a tenant are not below its cgroup. */
static size_t
strays(int t)
{
	static struct procfs_entry all[PROCFS_MAX];
	char *own = xasprintf("%s/tenant-%s/", tops, names[t]), *at;
	size_t n = procfs_list(all, PROCFS_MAX), i, found = 0;

	for (i = 0; i < n && i < PROCFS_MAX; i++) {
		if (procfs_uid(all[i].pid) != FIRST_UID + (uid_t)t ||
		    all[i].state == 'Z')
			continue;
		at = cgroup_of(all[i].pid);
		/* One that has gone meanwhile is in the root, or nowhere. */
		if (strncmp(at, own, strlen(own)) != 0 &&
		    procfs_uid(all[i].pid) == FIRST_UID + (uid_t)t) {
			tap_note("%s (%d) is in %s", all[i].comm,
			    (int)all[i].pid, at);
			found++;
		}
		free(at);
	}
	free(own);
	return found;
}

/* Leave; what is to be left of the session is nothing. */
static void
leave(struct side *side, const char *what)
{
	char *dir = xstrdup(side->dir);

	side_free(side);
	tap_ok(wait_until(is_gone, dir, CGROUPS_MS) == 0,
	    "%s: the session's cgroup is empty and gone", what);
	free(dir);
}

static void
story_limits(struct side *a, struct side *b)
{
	char *tenant = xasprintf("%s/tenant-alpha", tops);
	char *jobs = xasprintf("%s/jobs", a->dir);
	char *beta = xasprintf("%s/jobs", b->dir);
	char number[32];
	int good;

	snprintf(number, sizeof(number), "%d", MEMORY);
	good = holds(tenant, "pids.max", "60") &&
	    holds(tenant, "memory.max", number) &&
	    holds(tenant, "cpu.max", "80000 100000");
	tap_ok(good, "the tenant's limits are set");
	snprintf(number, sizeof(number), "%d", SESSION_MEMORY);
	good = holds(jobs, "pids.max", "35") &&
	    holds(jobs, "memory.max", number) &&
	    holds(jobs, "cpu.max", "40000 100000") &&
	    holds(jobs, "memory.oom.group", "1");
	tap_ok(good, "and those of its session's jobs");
	tap_ok(holds(beta, "pids.max", "50") &&
	    holds(beta, "memory.max", "max"), "and the other's are its own");
	free(tenant);
	free(jobs);
	free(beta);
}

static void
story_places(struct side *a)
{
	char *runner = xasprintf("%s/runner", a->dir);
	char *jobs = xasprintf("%s/jobs", a->dir);
	char *wanted, *text, *at;
	pid_t pids[2];
	int code;

	text = script(a, "place", "cat /proc/self/cgroup", &code);
	wanted = xasprintf("0::%s\n", jobs + strlen(mount_at));
	tap_ok(code == 0 && strstr(text, wanted) != NULL,
	    "a job is among the jobs");
	free(text);
	free(wanted);
	text = text_of("%s/cgroup.procs", runner);
	pids[0] = (pid_t)strtol(text, NULL, 10);
	tap_ok(pids[0] > 0 && strchr(text, '\n') == strrchr(text, '\n'),
	    "and the runner is where it is alone");
	free(text);
	at = cgroup_of(daemon_pid(host));
	wanted = xasprintf("%s/supervision", tops);
	text = text_of("%s/cgroup.procs", place);
	tap_ok(strcmp(at, wanted) == 0 && text[0] == '\0',
	    "holdfastd has made room for controllers in its cgroup");
	free(text);
	free(wanted);
	free(at);
	free(runner);
	free(jobs);
}

/* What a job tries; $S: its session, $T: its tenant, $H: the host, $J... */
static const char *const escapes[] = {
	"echo $$ >$S/cgroup.procs", "echo $$ >$S/runner/cgroup.procs",
	"echo $$ >$T/cgroup.procs", "echo $$ >$H/cgroup.procs",
	"echo $$ >$H/supervision/cgroup.procs", "echo $$ >$P/cgroup.procs",
	"echo $$ >$R/cgroup.procs", "echo $$ >$O/jobs/cgroup.procs",
	"echo $$ >$O/cgroup.procs", "echo $$ >$B/jobs/cgroup.procs",
	"echo $$ >$B/cgroup.procs", "echo $$ >$S/jobs/cgroup.threads",
	"echo $$ >$S/cgroup.threads", "echo threaded >$S/jobs/cgroup.type",
	"echo threaded >$S/cgroup.type",
	"echo max >$S/jobs/pids.max", "echo max >$S/jobs/memory.max",
	"echo max >$S/jobs/cpu.max", "echo max >$S/pids.max",
	"echo max >$T/pids.max", "echo max >$T/memory.max",
	"echo max >$T/cpu.max", "echo 0 >$S/jobs/memory.oom.group",
	"echo 1 >$S/memory.oom.group", "echo 1 >$B/jobs/pids.max",
	"echo 1 >$B/cgroup.kill", "echo 1 >$B/cgroup.freeze",
	"echo 1 >$O/cgroup.kill", "echo 1 >$T/cgroup.freeze",
	"echo -pids >$S/cgroup.subtree_control",
	"echo +pids >$S/jobs/cgroup.subtree_control",
	"mkdir $S/jobs/x", "mkdir $S/x", "mkdir $T/x", "mkdir $H/x",
	"rmdir $S/runner", "rmdir $S/jobs", "chmod 777 $S/jobs",
	"chmod 666 $S/jobs/pids.max", "chown $(id -u) $S/jobs/pids.max",
};

/* "O" is another session of its own, "B" one of the other tenant. */
static void
story_escapes(struct side *a, struct side *other, struct side *b)
{
	char *text, *next, *jobs;
	size_t i;
	int code;

	text = xasprintf("S=%s T=%s/tenant-alpha H=%s P=%s R=%s O=%s B=%s\n",
	    a->dir, tops, tops, place, mount_at, other->dir, b->dir);
	for (i = 0; i < sizeof(escapes) / sizeof(escapes[0]); i++) {
		next = xasprintf("%s( %s ) 2>/dev/null && echo '%s'\n", text,
		    escapes[i], escapes[i]);
		free(text);
		text = next;
	}
	next = xasprintf("%scat /proc/self/cgroup", text);
	free(text);
	text = script(a, "escapes", next, &code);
	free(next);
	jobs = xasprintf("0::%s/jobs\n", a->dir + strlen(mount_at));
	next = strstr(text, "0::");
	if (!tap_ok(code == 0 && next != NULL && strcmp(next, jobs) == 0,
		"a job that tries is where it was"))
		tap_note("%d: %s", code, text);
	/* Other hierarchies, if there are any, come before that. */
	if (!tap_ok(strstr(text, "echo ") == NULL &&
	    strstr(text, "dir ") == NULL && strstr(text, "ch") == NULL,
		"none of %zu ways leads out, up or beyond a limit", i))
		tap_note("%s", text);
	tap_ok(is_answered(other) && is_answered(b), "and harms nobody");
	free(text);
	free(jobs);
}

static void
story_forks(struct side *b)
{
	struct side *one = side_new(ALPHA), *two = NULL, *three = NULL;
	char *jobs, *others, *tenant = xasprintf("%s/tenant-alpha", tops);
	const char *const argv[] = { "/bin/true", NULL };

	if (!tap_ok(one != NULL && start_hog(one, "bomb", "forks", NULL) == 0,
		"a fork bomb of alpha's"))
		goto out;
	jobs = xasprintf("%s/jobs", one->dir);
	tap_ok(reaches(jobs, "pids.events", "max", 100) &&
	    number_in(jobs, "pids.current", NULL) <= SESSION_PIDS,
	    "is stopped at the limit of its session");
	free(jobs);
	tap_ok(goes_on(b), "beta works on");
	tap_ok(is_answered(one), "alpha's runner answers");
	tap_ok(start(one, "more", argv, 0) != 0,
	    "there is no room for one more job, which it is told");
	two = side_new(ALPHA);
	if (tap_ok(two != NULL && start_hog(two, "bomb", "forks", NULL) == 0,
		"another bomb in another session")) {
		others = xasprintf("%s/jobs", two->dir);
		/* Those who are refused are counted where they are. */
		tap_ok(reaches(others, "pids.events", "max", 100) &&
		    number_in(others, "pids.current", NULL) < SESSION_PIDS &&
		    number_in(tenant, "pids.current", NULL) <= PIDS,
		    "is stopped at the limit of the tenant");
		free(others);
		tap_ok(goes_on(b), "beta works on");
		/* May be refused at any step. */
		three = side_new(ALPHA);
		tap_note("a third session is %s", three == NULL ? "refused" :
		    start(three, "true", argv, 0) == 0 ? "made, its job too" :
		    "made, its job refused");
		tap_ok(strays(ALPHA) == 0, "nothing of alpha's is elsewhere");
	}
out:
	if (one != NULL)
		leave(one, "bomb");
	if (two != NULL)
		leave(two, "second bomb");
	side_free(three);
	tap_ok(goes_on(b), "beta works on after it");
	free(tenant);
}

/* Wait for the exit of a process that is followed; its code, or -1. */
static int
exit_of(struct side *side, struct tape *tape)
{
	return tape_follow(tape, side->call, CGROUPS_MS) == 0 ?
	    tape_exit_code(tape) : -1;
}

static void
story_memory(struct side *b)
{
	struct side *one = side_new(ALPHA), *two = side_new(ALPHA);
	const char *const argv[] = { "/bin/sleep", "1000", NULL };
	struct tape *hog = tape_new("hog");
	char *jobs, *text;
	int code;

	if (!tap_ok(one != NULL && two != NULL &&
		start(one, "sleep", argv, 0) == 0 &&
		start(two, "sleep", argv, 0) == 0 &&
		start_hog(one, "hog", "memory", "1000") == 0,
		"a memory hog of alpha's"))
		goto out;
	jobs = xasprintf("%s/jobs", one->dir);
	tap_ok(goes_on(b), "beta works on");
	code = exit_of(one, hog);
	tap_ok(code == KILLED, "its end by a signal is told (%d)", code);
	tap_ok(reaches(jobs, "memory.events", "oom_group_kill", 1) &&
	    reaches(jobs, "memory.events", "oom_kill", 2) &&
	    number_in(jobs, "cgroup.events", "populated") == 0,
	    "with all of that session's jobs");
	text = script(one, "after", "echo here", &code);
	tap_ok(code == 0 && strcmp(text, "here\n") == 0,
	    "whose runner lives and starts others");
	free(text);
	free(jobs);
	jobs = xasprintf("%s/jobs", two->dir);
	tap_ok(number_in(jobs, "pids.current", NULL) == 1 &&
	    is_answered(two), "alpha's other session has lost nothing");
	free(jobs);
	tap_ok(goes_on(b), "beta works on after it");
out:
	tape_free(hog);
	if (one != NULL)
		leave(one, "hog");
	if (two != NULL)
		leave(two, "beside the hog");
}

struct pair {
	struct side *one, *two;
};

/* How many of two sessions have no job any more. */
static int
ended_jobs(void *arg)
{
	const struct pair *pair = arg;
	char *first = xasprintf("%s/jobs", pair->one->dir);
	char *second = xasprintf("%s/jobs", pair->two->dir);
	int n = (number_in(first, "cgroup.events", "populated") == 0) +
	    (number_in(second, "cgroup.events", "populated") == 0);

	free(first);
	free(second);
	return n;
}

/* Neither has too much for a session, both have for the tenant. */
static void
story_memory_of_all(struct side *b)
{
	struct pair pair = { side_new(ALPHA), side_new(ALPHA) };
	char *tenant = xasprintf("%s/tenant-alpha", tops);
	long long before = number_in(tenant, "memory.events", "oom_kill");

	if (tap_ok(pair.one != NULL && pair.two != NULL &&
		start_hog(pair.one, "hog", "memory", "58") == 0 &&
		start_hog(pair.two, "hog", "memory", "58") == 0,
		"two sessions that are too much together")) {
		tap_ok(reaches(tenant, "memory.events", "oom_kill",
		    before + 1) && wait_until(ended_jobs, &pair,
		    CGROUPS_MS) == 0 && ended_jobs(&pair) == 1,
		    "one of them loses its jobs");
		tap_ok(is_answered(pair.one) && is_answered(pair.two),
		    "both keep their runners");
		tap_ok(goes_on(b), "beta works on");
	}
	if (pair.one != NULL)
		leave(pair.one, "one");
	if (pair.two != NULL)
		leave(pair.two, "the other");
	free(tenant);
}

static void
story_flood(struct side *b)
{
	struct side *one = side_new(ALPHA);
	char *program = xasprintf("%s/job", daemon_dir(host)), *jobs;
	char *home = xasprintf("%s/alpha", daemon_dir(host));
	const char *argv[] = { program, "flood", home, "flood", "1", NULL };
	uint64_t deadline = deadline_in(CGROUPS_MS);
	int i;

	if (tap_ok(one != NULL && start(one, "flood", argv, 0) == 0 &&
		start_hog(one, "spin", "spin", NULL) == 0,
		"a flood of output of alpha's, and a job that computes")) {
		/* Some of it is read, then no more: all buffers fill. */
		for (i = 0; i < 20 && deadline_left(deadline) > 0 &&
		    call_receive(one->call, 1000) == 1; i++)
			if (take_events(one) == -1)
				break;
		tap_ok(goes_on(b), "beta works on");
		jobs = xasprintf("%s/jobs", one->dir);
		tap_ok(reaches(jobs, "cpu.stat", "nr_throttled", 3),
		    "alpha's share of the processor is bounded");
		tap_ok(goes_on(b), "beta works on");
		free(jobs);
	}
	if (one != NULL)
		leave(one, "flood");
	free(home);
	free(program);
}

static void
story_guard(struct side *a)
{
	char *text = text_of("/proc/%d/oom_score_adj", (int)daemon_pid(host));
	pid_t pid = 0;
	int score, code;

	tap_ok(strcmp(text, "-900\n") == 0, "holdfastd is not for the killer");
	free(text);
	daemon_find(host, "holdfast-broker", &pid, 1);
	text = text_of("/proc/%d/oom_score_adj", (int)pid);
	tap_ok(strcmp(text, "-900\n") == 0, "nor is the broker");
	free(text);
	text = text_of("%s/runner/cgroup.procs", a->dir);
	pid = (pid_t)strtol(text, NULL, 10);
	free(text);
	text = text_of("/proc/%d/oom_score_adj", (int)pid);
	tap_note("a runner has %s", text);
	score = atoi(text);
	free(text);
	text = script(a, "oom", "cat /proc/self/oom_score_adj", &code);
	tap_ok(code == 0 && atoi(text) > score, "a job goes before its runner "
	    "(%d)", atoi(text));
	free(text);
}

static void
story_private(void)
{
	struct side *c = side_new(GAMMA);
	char *text, *tmp;
	int code;

	if (!tap_ok(c != NULL, "a tenant with what is its alone"))
		return;
	text = script(c, "who", "id -u; ls /tmp; echo x >/tmp/mine-of-gamma; "
	    "cat /tmp/mine-of-gamma; echo x >/var/tmp/it && ls /var/tmp; "
	    "umount /tmp; umount /proc; cat /proc/1/comm; "
	    "ls -d /proc/[0-9]* | wc -l", &code);
	tap_note("%d: %s", code, text);
	tmp = xasprintf("%d\nx\nit\nholdfast-runner\n", FIRST_UID + GAMMA);
	/* The runner, the shell, ls and wc. */
	tap_ok(code == 0 && strncmp(text, tmp, strlen(tmp)) == 0 &&
	    atoi(text + strlen(tmp)) > 0 && atoi(text + strlen(tmp)) <= 5,
	    "sees its own /tmp and processes, and stays there");
	tap_ok(access("/tmp/mine-of-gamma", F_OK) == -1 &&
	    access("/var/tmp/it", F_OK) == -1, "where nobody else looks");
	free(tmp);
	free(text);
	text = script(c, "other", "cat /tmp/mine-of-gamma", &code);
	tap_ok(code == 0 && strcmp(text, "x\n") == 0,
	    "the next job finds what was left there");
	free(text);
	leave(c, "private");
}

static void
tell(struct side *b)
{
	char *tenant = xasprintf("%s/tenant-beta", tops);

	tap_ok(stream_is_right(b), "beta's %ju bytes are right",
	    (uintmax_t)b->wanted);
	leave(b, "beta");
	tap_ok(number_in(tenant, "cgroup.events", "populated") == 0,
	    "nothing is left in its cgroup");
	free(tenant);
}

static void
stop_host(void)
{
	tap_ok(daemon_stop(host, CGROUPS_MS) == 0 &&
	    daemon_check_clean(host, CGROUPS_MS) == 0,
	    "at the end nothing is left");
	daemon_free(host, tap_failed());
	host = NULL;
	tap_ok(wait_until(is_gone, tops, 0) == 0,
	    "of its cgroups neither");
	remove_cgroups(place);
	free(tops);
	free(place);
	tops = place = NULL;
}

static void
story_host(void)
{
	struct side *a, *b, *other;

	if (!tap_ok(start_host("") == 0, "a host in a cgroup of its own"))
		return;
	a = side_new(ALPHA);
	b = side_new(BETA);
	other = side_new(ALPHA);
	if (tap_ok(a != NULL && b != NULL && other != NULL &&
		start_talker(b) == 0 && start_hog(a, "idle", "memory",
		"1") == 0 && start_hog(other, "idle", "memory", "1") == 0,
		"two tenants at work")) {
		story_limits(a, b);
		story_places(a);
		story_escapes(a, other, b);
		story_guard(a);
		leave(a, "first");
		leave(other, "second");
		a = other = NULL;
		tap_ok(goes_on(b), "beta alone");
		story_forks(b);
		story_memory(b);
		story_memory_of_all(b);
		story_flood(b);
		story_private();
		tell(b);
		b = NULL;
	}
	side_free(a);
	side_free(b);
	side_free(other);
	stop_host();
}

/* What holdfastd says when it is to serve with this; its exit status. */
static char *
says(const char *conf, int *status)
{
	const char *set = getenv("HOLDFASTD"), *top = getenv("top_builddir");
	char *dir = xstrdup("/tmp/holdfast-cgroups-XXXXXX"), *path, *text;
	char *program = set != NULL ? xstrdup(set) :
	    xasprintf("%s/broker/holdfastd", top == NULL ? "." : top);
	size_t len = 0;
	int out[2], fd;
	ssize_t n;
	pid_t pid;

	*status = -1;
	text = xcalloc(1, 65536);
	if (mkdtemp(dir) == NULL || pipe2(out, O_CLOEXEC) == -1)
		return text;
	(void)chmod(dir, 0755);
	path = xasprintf("%s/conf", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	dprintf(fd, "%s", conf);
	close(fd);
	if ((pid = fork()) == 0) {
		dup2(out[1], STDOUT_FILENO);
		dup2(out[1], STDERR_FILENO);
		execl(program, program, "--config", path, "--runtime-dir",
		    dir, NULL);
		_exit(127);
	}
	close(out[1]);
	while (pid != -1 && len < 65535 && wait_fd(out[0], POLLIN,
		deadline_in(CGROUPS_MS / 4)) != -1 &&
	    (n = read(out[0], text + len, 65535 - len)) > 0) {
		len += (size_t)n;
		/* It serves: what it says on its output is an address. */
		if (strstr(text, "ws://") != NULL)
			kill(pid, SIGTERM);
	}
	close(out[0]);
	if (pid != -1)
		waitpid(pid, status, 0);
	unlink(path);
	rmdir(dir);
	free(path);
	free(program);
	free(dir);
	return text;
}

/* In a cgroup whose parent gives it no controllers, or without cgroups. */
static void
story_required(void)
{
	char *parent = NULL, *root = NULL, *text, *conf, *where;
	int status;

	if (mount_at[0] != '\0') {
		parent = xasprintf("%s/holdfast-bare-%d", mount_at,
		    (int)getpid());
		root = xasprintf("%s/below", parent);
		if (mkdir(parent, 0755) == -1 || mkdir(root, 0755) == -1)
			tap_note("%s: %s", root, strerror(errno));
	}
	where = root == NULL ? xstrdup("") :
	    xasprintf("\"cgroup-root\": \"%s\",", root);
	conf = xasprintf("{ %s \"require-cgroups\": true, \"listeners\": "
	    "[ { \"address\": \"ws://127.0.0.1:0\", \"admission\": "
	    "[\"peer-uid\"] } ], \"tenants\": [ { \"name\": \"one\", "
	    "\"user\": \"%d\", \"cgroup-limits\": { \"pids-max\": 10 } } "
	    "] }", where, FIRST_UID);
	text = says(conf, &status);
	if (!tap_ok(status != -1 && !(WIFEXITED(status) &&
		WEXITSTATUS(status) == 0) &&
		strstr(text, "no cgroup controller for pids.max") != NULL &&
		strstr(text, "ws://") == NULL,
		"required limits that cannot be set: nobody is served"))
		tap_note("%d: %s", status, text);
	if (parent != NULL)
		remove_cgroups(parent);
	free(conf);
	free(where);
	free(text);
	free(parent);
	free(root);
}

int
main(void)
{
	const char *missing = what_is_missing();

	if (geteuid() != 0)
		tap_skip_all(missing);
	story_required();
	if (missing != NULL)
		tap_skip(missing, "tenants within their limits");
	else
		story_host();
	return tap_done();
}
