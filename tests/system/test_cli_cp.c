/* SPDX-License-Identifier: ISC */
/* holdfast cp: what arrives is what was there, whatever breaks meanwhile. */
#include "config.h"

#include <sys/stat.h>
#include <sys/types.h>

#include <fcntl.h>
#include <sha2.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/xmalloc.h"
#include "tests/lib/daemon.h"
#include "tests/lib/tap.h"
#include "tests/lib/wait.h"
#include "tests/system/cli.h"

#define GATEWAYS 8
#define LARGE 20000000
#define BEGUN 4000000
#define BLOCK 262144

static const size_t sizes[] = { 0, 1, BLOCK - 1, BLOCK, BLOCK + 1,
	3 * BLOCK, 8 * BLOCK, 9 * BLOCK + 7, LARGE };

static char *
at(const struct daemon *daemon, const char *name)
{
	return xasprintf("%s/%s", daemon_dir(daemon), name);
}

static void
put_random(const char *path, size_t len)
{
	char *bytes = xmalloc(len + 1);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	arc4random_buf(bytes, len);
	if (fd == -1 || write(fd, bytes, len) != (ssize_t)len ||
	    close(fd) == -1)
		fatal("%s", path);
	free(bytes);
}

static int
is_same(const char *a, const char *b)
{
	char sums[2][SHA256_DIGEST_STRING_LENGTH];

	return SHA256File(a, sums[0]) != NULL &&
	    SHA256File(b, sums[1]) != NULL && strcmp(sums[0], sums[1]) == 0;
}

/* Run it to its end; what it said goes to "err", to be freed, unless NULL. */
static int
copy(const struct daemon *daemon, const char *from, const char *to,
    char **err)
{
	const char *const args[] = { "-r", from, to, NULL };

	return cli_run(daemon_url(daemon), args, NULL, 0, NULL, err);
}

static char *
colon(const char *path)
{
	return xasprintf(":%s", path);
}

static void
story_sizes(struct daemon *daemon)
{
	char *a = at(daemon, "a"), *b = at(daemon, "b"), *c = at(daemon, "c");
	char *there = colon(b);
	size_t i, good = 0;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		put_random(a, sizes[i]);
		if (copy(daemon, a, there, NULL) == 0 && is_same(a, b) &&
		    copy(daemon, there, c, NULL) == 0 && is_same(a, c))
			good++;
		else
			tap_note("%zu bytes are not right", sizes[i]);
	}
	tap_ok(good == i, "there and back, %zu sizes of %zu", good, i);
	put_random(a, 10);
	tap_ok(copy(daemon, a, there, NULL) == 0 && is_same(a, b) &&
	    copy(daemon, there, c, NULL) == 0 && is_same(a, c),
	    "a short file takes the place of a long one");
	free(there);
	free(a);
	free(b);
	free(c);
}

struct growing {
	const char *path;
	off_t size;
};

static int
has_grown(void *arg)
{
	const struct growing *growing = arg;
	struct stat st;

	return stat(growing->path, &st) == 0 && st.st_size >= growing->size;
}

/* The gateways die when some of the file has arrived. */
static void
killed(struct daemon *daemon, const char *from, const char *to,
    const char *arrives, const char *what)
{
	struct growing growing = { arrives, BEGUN };
	const char *const args[] = { from, to, NULL };
	struct cli *cli = cli_start_null(daemon_url(daemon), args);
	pid_t pids[GATEWAYS];
	size_t i, n;
	int status;

	wait_until(has_grown, &growing, CLI_MS);
	/* So that it is not through before they are found. */
	kill(cli_pid(cli), SIGSTOP);
	n = daemon_find(daemon, "holdfast-gateway", pids, GATEWAYS);
	for (i = 0; i < n && i < GATEWAYS; i++)
		daemon_kill_gateway(daemon, pids[i]);
	kill(cli_pid(cli), SIGCONT);
	status = cli_wait(cli);
	tap_ok(status == 0 && is_same(from + (*from == ':'), arrives),
	    "%s, the gateway killed on the way: %d", what, status);
	tap_ok(strstr(cli_err(cli), "connected again") != NULL,
	    "which was noticed");
	cli_free(cli);
}

static void
story_killed(struct daemon *daemon)
{
	char *a = at(daemon, "large"), *b = at(daemon, "there");
	char *c = at(daemon, "back"), *there = colon(b);

	put_random(a, LARGE);
	killed(daemon, a, there, b, "20 MB to the server");
	killed(daemon, there, c, c, "20 MB from it");
	free(there);
	free(a);
	free(b);
	free(c);
}

static int
no_runner(void *daemon)
{
	return daemon_find(daemon, "holdfast-runner", NULL, 0) == 0;
}

/* The gateways die, and the session before anybody asks for it again. */
static void
expired(struct daemon *daemon, const char *from, const char *to,
    const char *arrives, const char *what)
{
	struct growing growing = { arrives, BEGUN };
	const char *const args[] = { from, to, NULL };
	struct cli *cli = cli_start_null(daemon_url(daemon), args);
	pid_t pids[GATEWAYS];
	size_t i, n;
	int gone, status;

	wait_until(has_grown, &growing, CLI_MS);
	kill(cli_pid(cli), SIGSTOP);
	n = daemon_find(daemon, "holdfast-gateway", pids, GATEWAYS);
	for (i = 0; i < n && i < GATEWAYS; i++)
		daemon_kill_gateway(daemon, pids[i]);
	gone = wait_until(no_runner, daemon, CLI_MS);
	kill(cli_pid(cli), SIGCONT);
	status = cli_wait(cli);
	tap_ok(gone == 0 && status == 0 && is_same(from + (*from == ':'),
	    arrives), "%s, the session expired on the way: %d", what,
	    status);
	tap_ok(strstr(cli_err(cli), "going on in a new one") != NULL,
	    "which is told");
	cli_free(cli);
}

static void
story_expired(void)
{
	static const char *const ttl[] = { "--detach-ttl-ms", "1000",
	    NULL };
	struct daemon *daemon = daemon_start(ttl);
	char *a, *b, *c, *there;

	if (!tap_ok(daemon != NULL, "a server that keeps sessions briefly"))
		return;
	a = at(daemon, "large");
	b = at(daemon, "there");
	c = at(daemon, "back");
	there = colon(b);
	put_random(a, LARGE);
	expired(daemon, a, there, b, "20 MB to the server");
	expired(daemon, there, c, c, "20 MB from it");
	free(there);
	free(a);
	free(b);
	free(c);
	daemon_free(daemon, tap_failed() > 0);
}

static void
make(const char *directory, const char *name)
{
	char *path = xasprintf("%s/%s", directory, name);

	if (mkdir(path, 0755) == -1)
		fatal("%s", path);
	free(path);
}

static void
put_in(const char *directory, const char *name, size_t len)
{
	char *path = xasprintf("%s/%s", directory, name);

	put_random(path, len);
	free(path);
}

static void
put_fifo(const char *directory, const char *name)
{
	char *path = xasprintf("%s/%s", directory, name);

	if (mkfifo(path, 0600) == -1)
		fatal("%s", path);
	free(path);
}

static int
is_same_in(const char *a, const char *b, const char *name)
{
	char *one = xasprintf("%s/%s", a, name);
	char *other = xasprintf("%s/%s", b, name);
	int same = is_same(one, other);

	free(one);
	free(other);
	return same;
}

static int
is_same_tree(const char *a, const char *b)
{
	char *empty = xasprintf("%s/sub/empty", b);
	struct stat st;
	int good = stat(empty, &st) == 0 && S_ISDIR(st.st_mode);

	free(empty);
	return good && is_same_in(a, b, "file") &&
	    is_same_in(a, b, "sub/odd \xff#%25?\xc3\xa9") &&
	    is_same_in(a, b, "sub/.hidden");
}

static void
story_tree(struct daemon *daemon)
{
	char *a = at(daemon, "tree"), *b = at(daemon, "tree2");
	char *c = at(daemon, "tree3"), *in = at(daemon, "tree3/tree2");
	char *there = colon(b), *link = at(daemon, "tree/link"), *err;
	int status;

	make(daemon_dir(daemon), "tree");
	make(a, "sub");
	make(a, "sub/empty");
	put_in(a, "file", 1000);
	put_in(a, "sub/odd \xff#%25?\xc3\xa9", 300000);
	put_in(a, "sub/.hidden", 0);
	tap_ok(copy(daemon, a, there, NULL) == 0 && is_same_tree(a, b),
	    "a tree to the server");
	tap_ok(copy(daemon, there, c, NULL) == 0 && is_same_tree(a, c),
	    "and from it");
	tap_ok(copy(daemon, there, c, NULL) == 0 && is_same_tree(a, in),
	    "into a directory that is there");
	if (symlink("file", link) == -1)
		fatal("%s", link);
	status = copy(daemon, a, there, &err);
	tap_ok(status == 1 && strstr(err, "symbolic link, not copied") !=
	    NULL, "what can't be copied is told: %d", status);
	free(err);
	free(there);
	there = colon(a);
	free(c);
	c = at(daemon, "tree4");
	put_fifo(a, "sub/pipe");
	status = copy(daemon, there, c, &err);
	tap_ok(status == 1 && is_same_tree(a, c) &&
	    strstr(err, "tree/link: a symbolic link, not copied") != NULL &&
	    strstr(err, "sub/pipe: not a regular file, not copied") != NULL,
	    "on the server, too: %d", status);
	free(err);
	free(link);
	free(there);
	free(in);
	free(a);
	free(b);
	free(c);
}

struct refusal {
	const char *what;
	const char *args[5];
	int status;
	const char *says;
};

static const struct refusal refusals[] = {
	{ "nothing there", { ":/nothing/at/all", "x", NULL }, 1,
	    "No such file" },
	{ "nothing here", { "/nothing/at/all", ":/tmp/x", NULL }, 1,
	    "No such file" },
	{ "nowhere to put it", { "/dev/null", ":/nothing/at/all", NULL }, 1,
	    "not a regular file" },
	{ "no directory for it", { "/proc/version", ":/nothing/at/all",
	    NULL }, 1, "No such file" },
	{ "a directory without -r", { "/etc", ":/tmp/x", NULL }, 1, "-r" },
	{ "a directory there without -r", { ":/etc", "/nothing/x", NULL }, 1,
	    "is not a file" },
	{ "a device there", { ":/dev/zero", "/nothing/x", NULL }, 1,
	    "is not a file" },
	{ "no colon", { "a", "b", NULL }, 125, "colon" },
	{ "two colons", { ":/a", ":/b", NULL }, 125, "colon" },
	{ "a relative path there", { ":a", "b", NULL }, 125, "absolute" },
	{ "one path", { "a", NULL }, 125, "usage" },
	{ "an unknown option", { "-x", "a", ":/b", NULL }, 125, "usage" },
};

static void
story_refusals(struct daemon *daemon)
{
	const struct refusal *row;
	char *err;
	size_t i;
	int status;

	for (i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		row = &refusals[i];
		status = cli_run(daemon_url(daemon), row->args, NULL, 0,
		    NULL, &err);
		tap_ok(status == row->status && strstr(err, row->says) !=
		    NULL, "%s: %d, %.*s", row->what, status,
		    (int)strcspn(err, "\n"), err);
		free(err);
	}
}

static void
story_help(struct daemon *daemon)
{
	static const char *const args[] = { "--help", NULL };
	char *out;
	int status = cli_run(daemon_url(daemon), args, NULL, 0, &out, NULL);

	tap_ok(status == 0 && strstr(out, "--recursive") != NULL, "help");
	free(out);
}

int
main(void)
{
	struct daemon *daemon;

	signal(SIGPIPE, SIG_IGN);
	cli_command("cp");
	daemon = daemon_start(NULL);
	if (tap_ok(daemon != NULL, "holdfastd runs")) {
		story_help(daemon);
		story_sizes(daemon);
		story_killed(daemon);
		story_expired();
		story_tree(daemon);
		story_refusals(daemon);
		tap_ok(daemon_stop(daemon, CLI_MS) == 0,
		    "holdfastd ends with 0");
		tap_ok(daemon_check_clean(daemon, CLI_MS) == 0,
		    "nothing is left behind");
	}
	daemon_free(daemon, tap_failed() > 0);
	return tap_done();
}
