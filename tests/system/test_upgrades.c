/* SPDX-License-Identifier: ISC */
/*
 * Other copies of all programs take the place of those that run: holdfastd
 * becomes the new one in its own process, the broker gives way to the next,
 * gateways take leave, and a client that resumes has lost nothing.
 */
#include "config.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/xmalloc.h"
#include "tests/lib/call.h"
#include "tests/lib/daemon.h"
#include "tests/lib/procfs.h"
#include "tests/lib/tap.h"
#include "tests/lib/wait.h"
#include "tests/system/party.h"

#define UPGRADE_MS 60000
#define UPGRADE_ROUNDS 10

static const struct {
	const char *name, *built;
} programs[] = {
	{ "holdfastd", "broker/holdfastd" },
	{ "holdfast-broker", "broker/holdfast-broker" },
	{ "holdfast-runner", "broker/runner/holdfast-runner" },
	{ "holdfast-gateway", "gateway/holdfast-gateway" },
	{ "holdfast-gateway-tls", "gateway/holdfast-gateway-tls" },
};
#define NPROGRAMS (sizeof(programs) / sizeof(programs[0]))

static char dir[] = "/tmp/holdfast-upgrade-XXXXXX";

static const char *
top(void)
{
	const char *build = getenv("top_builddir");

	return build == NULL ? "." : build;
}

static int
copy(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	char bytes[65536];
	ssize_t n = -1;

	while (in != -1 && out != -1 &&
	    (n = read(in, bytes, sizeof(bytes))) > 0)
		if (write(out, bytes, (size_t)n) != n)
			break;
	close(in);
	close(out);
	return n == 0 ? 0 : -1;
}

/* As a package manager does it: made beside, then renamed over. */
static int
install(const char *name, const char *from)
{
	char *fresh = xasprintf("%s/.%s", dir, name);
	char *path = xasprintf("%s/%s", dir, name);
	int rc = copy(from, fresh) == 0 && rename(fresh, path) == 0 ? 0 : -1;

	free(fresh);
	free(path);
	return rc;
}

static int
install_all(void)
{
	char *from;
	size_t i;
	int rc = 0;

	for (i = 0; i < NPROGRAMS; i++) {
		from = xasprintf("%s/%s", top(), programs[i].built);
		if (access(from, X_OK) == 0 &&
		    install(programs[i].name, from) == -1)
			rc = -1;
		free(from);
	}
	return rc;
}

static int
remove_cb(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	(void)remove(path);
	return 0;
}

/* The exit status of holdfastctl upgrade. */
static int
order_upgrade(const struct daemon *daemon)
{
	char *ctl = xasprintf("%s/holdfastctl", top());
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		dup2(STDERR_FILENO, STDOUT_FILENO);
		execl(ctl, "holdfastctl", "--runtime-dir",
		    daemon_runtime_dir(daemon), "upgrade",
		    (char *)NULL);
		_exit(127);
	}
	free(ctl);
	if (pid == -1 || waitpid(pid, &status, 0) != pid ||
	    !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

/* Whether "pid" runs what has that name now. */
static int
runs_installed(pid_t pid, const char *name)
{
	char *exe = xasprintf("/proc/%d/exe", (int)pid);
	char *path = xasprintf("%s/%s", dir, name);
	struct stat runs, lies;
	int same = stat(exe, &runs) == 0 && stat(path, &lies) == 0 &&
	    runs.st_dev == lies.st_dev && runs.st_ino == lies.st_ino;

	free(exe);
	free(path);
	return same;
}

/* Broker and gateway, and nobody else of them is left. */
static int
all_are_new(void *arg)
{
	struct daemon *daemon = arg;
	pid_t broker, gateway;

	return daemon_find(daemon, "holdfast-broker", &broker, 1) == 1 &&
	    runs_installed(broker, "holdfast-broker") &&
	    daemon_find(daemon, "holdfast-gateway", &gateway, 1) == 1 &&
	    runs_installed(gateway, "holdfast-gateway");
}

static void
story_rounds(struct daemon *daemon, struct party *party,
    struct party_job *job)
{
	int round, good = 1, early = 0, fds = 0;

	for (round = 0; good && round < UPGRADE_ROUNDS; round++) {
		good = party_ask_output(party, job, 20000) == 0 &&
		    install_all() == 0 && order_upgrade(daemon) == 0 &&
		    wait_until(all_are_new, daemon, UPGRADE_MS) == 0 &&
		    runs_installed(daemon_pid(daemon), "holdfastd");
		good = good && party_resume(party, PARTY_DRAIN) == 0 &&
		    party_settle(party) == 0;
		fds = procfs_descriptors(daemon_pid(daemon));
		if (round == 1)
			early = fds;
	}
	tap_ok(good, "%d upgrades: the same process, other programs (after "
	    "%d) %s", UPGRADE_ROUNDS, round, party_error(party));
	tap_ok(fds <= early, "holdfastd has no descriptor more: %d, %d",
	    early, fds);
}

static int
write_script(const char *name, const char *text)
{
	char *path = xasprintf("%s/.script", dir);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	int rc = fd != -1 && write(fd, text, strlen(text)) ==
	    (ssize_t)strlen(text) ? 0 : -1;

	close(fd);
	if (rc == 0)
		rc = install(name, path);
	unlink(path);
	free(path);
	return rc;
}

/* What could not be used stops it before anything is replaced. */
static void
story_refused(struct daemon *daemon)
{
	static const char *const scripts[] = {
		"#!/bin/sh\necho 7000 7001\n",
		"#!/bin/sh\necho hello\n",
		"#!/bin/sh\nexit 1\n",
		"#!/bin/sh\nexec sleep 1000\n",
	};
	pid_t before = 0, after = 0;
	size_t i;
	int good = 1;

	daemon_find(daemon, "holdfast-broker", &before, 1);
	for (i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
		good = good && write_script("holdfast-runner",
		    scripts[i]) == 0 && order_upgrade(daemon) != 0;
	daemon_find(daemon, "holdfast-broker", &after, 1);
	tap_ok(good && before == after && install_all() == 0,
	    "programs of no use are refused, and nothing is replaced");
}

static int
can_attach(void *arg)
{
	struct daemon *daemon = arg;
	struct call *call = call_attach(daemon_url(daemon), NULL);

	call_free(call);
	return call != NULL;
}

/* Brokers that fail with what is stored are followed by one without. */
static void
story_useless(struct daemon *daemon)
{
	char *real = xasprintf("%s/broker/holdfast-broker", top());
	char *script = xasprintf("#!/bin/sh\n[ -n \"$HOLDFAST_STORE\" ] && "
	    "exit 3\nexec %s/real\n", dir);
	pid_t broker;

	tap_ok(install("real", real) == 0 &&
	    write_script("holdfast-broker", script) == 0 &&
	    daemon_find(daemon, "holdfast-broker", &broker, 1) == 1 &&
	    kill(broker, SIGKILL) == 0 &&
	    wait_until(wait_pid_gone, &broker, UPGRADE_MS) == 0 &&
	    wait_until(can_attach, daemon, UPGRADE_MS) == 0,
	    "what brokers fail with is not given to the next for ever");
	free(real);
	free(script);
}

int
main(void)
{
	const char *args[] = { "--gateways", "1", "--libexec-dir", dir,
		NULL };
	struct party *party = NULL;
	struct party_job *job = NULL;
	struct daemon *daemon = NULL;
	char *own;

	if (mkdtemp(dir) != NULL && chmod(dir, 0755) == 0 &&
	    install_all() == 0) {
		own = xasprintf("%s/holdfastd", dir);
		setenv("HOLDFASTD", own, 1);
		free(own);
		daemon = daemon_start(args);
	}
	if (tap_ok(daemon != NULL, "holdfastd runs"))
		party = party_new(daemon, "stayer");
	if (party != NULL)
		job = party_start(party, PARTY_PIPES, "talk");
	if (tap_ok(job != NULL, "a client and its job")) {
		story_refused(daemon);
		story_rounds(daemon, party, job);
		tap_ok(party_finish(party, job) == 0, "what went through is "
		    "what the job says %s", party_error(party));
		party_free(party);
		story_useless(daemon);
		tap_ok(daemon_stop(daemon, UPGRADE_MS) == 0,
		    "holdfastd ends with 0");
		tap_ok(daemon_check_clean(daemon, UPGRADE_MS) == 0,
		    "nothing is left behind");
	}
	daemon_free(daemon, tap_failed() > 0);
	nftw(dir, remove_cb, 16, FTW_DEPTH | FTW_PHYS);
	return tap_done();
}
