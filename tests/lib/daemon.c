/* SPDX-License-Identifier: ISC */
/* The real holdfastd from the build tree, for tests: start, stop, find. */
#include "config.h"

#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/xmalloc.h"
#include "tests/lib/daemon.h"
#include "tests/lib/procfs.h"
#include "tests/lib/testca.h"
#include "tests/lib/wait.h"

#define DAEMON_ARGS 64
#define DAEMON_URLS 8
#define DAEMON_START_MS 60000

struct daemon {
	pid_t pid;
	pid_t killed; /* a gateway, by daemon_kill_gateway() */
	int status; /* once pid is 0 */
	int ready_fd;
	char *dir;
	char *runtime_dir;
	char *log;
	char *address;
	char *conf;	/* its configuration file, or NULL */
	const char *const *args;	/* the caller's */
	size_t nurls;	/* that it will print */
	char *urls[DAEMON_URLS];
	char url[DAEMON_URLS * 128];	/* their room */
};

static int
daemon_make_dirs(struct daemon *daemon)
{
	const char *tmp = getenv("TMPDIR");

	daemon->dir = xasprintf("%s/holdfast-test-XXXXXX",
	    tmp == NULL || *tmp == '\0' ? "/tmp" : tmp);
	if (mkdtemp(daemon->dir) == NULL)
		return -1;
	/* Gateways of a daemon run by root are somebody else. */
	if (geteuid() == 0 && chmod(daemon->dir, 0755) == -1)
		return -1;
	daemon->runtime_dir = xasprintf("%s/run", daemon->dir);
	daemon->log = xasprintf("%s/log", daemon->dir);
	return mkdir(daemon->runtime_dir, geteuid() == 0 ? 0755 : 0700);
}

/* SCHEME=wss or unix in the environment: instead of ws. */
static int
daemon_settle_address(struct daemon *daemon)
{
	const char *scheme = getenv("SCHEME");

	if (scheme == NULL || strcmp(scheme, "ws") == 0) {
		daemon->address = xasprintf("ws://127.0.0.1:0");
		return 0;
	}
	if (strcmp(scheme, "unix") == 0) {
		daemon->address = xasprintf("unix:%s/socket", daemon->dir);
		return 0;
	}
	daemon->address = xasprintf("wss://127.0.0.1:0");
	return testca_make(daemon->dir, "server",
	    "IP:127.0.0.1,DNS:localhost");
}

static char *
daemon_program(void)
{
	const char *program = getenv("HOLDFASTD");
	const char *build = getenv("top_builddir");

	if (program != NULL)
		return xstrdup(program);
	return xasprintf("%s/broker/holdfastd", build == NULL ? "." : build);
}

static size_t
daemon_arguments(const struct daemon *daemon, char *program,
    const char *const args[], const char *argv[DAEMON_ARGS])
{
	size_t n = 0;

	argv[n++] = program;
	/* Pings are answered only while a test receives. */
	argv[n++] = "--ping-ms";
	argv[n++] = "3600000";
	/* Who is waited for to expire need not wait longer for a gateway. */
	argv[n++] = "--gateway-loss-ttl-ms";
	argv[n++] = "1";
	if (daemon->conf != NULL) {
		argv[n++] = "--config";
		argv[n++] = daemon->conf;
		argv[n++] = "--runtime-dir";
		argv[n++] = daemon->runtime_dir;
		argv[n] = NULL;
		return n;
	}
	argv[n++] = "--listen";
	argv[n++] = daemon->address;
	if (strncmp(daemon->address, "wss:", 4) == 0) {
		argv[n++] = "--tls-certificate";
		argv[n++] = xasprintf("%s/server.pem", daemon->dir);
		argv[n++] = "--tls-key";
		argv[n++] = xasprintf("%s/server.key", daemon->dir);
	}
	argv[n++] = "--runtime-dir";
	argv[n++] = daemon->runtime_dir;
	if (geteuid() == 0)
		argv[n++] = "--allow-root";
	while (args != NULL && *args != NULL && n < DAEMON_ARGS - 1)
		argv[n++] = *args++;
	argv[n] = NULL;
	return n;
}

static void __attribute__((noreturn))
daemon_child(const struct daemon *daemon, int out, char *program,
    const char *const args[])
{
	const char *argv[DAEMON_ARGS];
	int log;

	/* A test that is killed takes its daemon with it. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	daemon_arguments(daemon, program, args, argv);
	log = open(daemon->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
	    0600);
	if (log == -1 || dup2(out, STDOUT_FILENO) == -1 ||
	    dup2(log, STDERR_FILENO) == -1)
		_exit(127);
	execv(program, (char *const *)(uintptr_t)argv);
	dprintf(STDERR_FILENO, "%s: %s\n", program, strerror(errno));
	_exit(127);
}

static size_t
daemon_count_lines(const char *text)
{
	size_t n = 0;

	for (; (text = strchr(text, '\n')) != NULL; text++)
		n++;
	return n;
}

/* All lines, each of which is terminated then. */
static int
daemon_read_urls(struct daemon *daemon)
{
	uint64_t deadline = deadline_in(DAEMON_START_MS);
	char *line = daemon->url;
	size_t len = 0, i;
	ssize_t n;

	memset(daemon->url, 0, sizeof(daemon->url));
	while (daemon_count_lines(daemon->url) < daemon->nurls) {
		if (len == sizeof(daemon->url) - 1 ||
		    wait_fd(daemon->ready_fd, POLLIN, deadline) == -1)
			return -1;
		n = read(daemon->ready_fd, daemon->url + len,
		    sizeof(daemon->url) - 1 - len);
		if (n <= 0)
			return -1;
		len += (size_t)n;
	}
	for (i = 0; i < daemon->nurls; i++) {
		daemon->urls[i] = strsep(&line, "\n");
		if (daemon->address != NULL && strncmp(daemon->urls[i],
		    daemon->address, strcspn(daemon->address, ":")) != 0)
			return -1;
	}
	return 0;
}

static int
daemon_spawn(struct daemon *daemon, const char *const args[])
{
	char *program = daemon_program();
	int out[2];

	if (pipe2(out, O_CLOEXEC) == -1) {
		free(program);
		return -1;
	}
	daemon->ready_fd = out[0];
	daemon->pid = fork();
	if (daemon->pid == 0)
		daemon_child(daemon, out[1], program, args);
	close(out[1]);
	free(program);
	return daemon->pid == -1 ? -1 : 0;
}

/* "text" with each @ replaced by the directory. */
static int
daemon_write_conf(const struct daemon *daemon, const char *text)
{
	FILE *f = fopen(daemon->conf, "we");

	if (f == NULL || fchmod(fileno(f), 0600) == -1)
		return -1;
	for (; *text != '\0'; text++)
		if (*text == '@')
			fputs(daemon->dir, f);
		else
			fputc(*text, f);
	return fclose(f) == EOF ? -1 : 0;
}

static int
daemon_settle_conf(struct daemon *daemon, const char *text)
{
	daemon->conf = xasprintf("%s/holdfast.conf", daemon->dir);
	return daemon_write_conf(daemon, text);
}

static struct daemon *
daemon_start_with(const char *const args[], const char *conf, size_t lines)
{
	struct daemon *daemon = xcalloc(1, sizeof(*daemon));

	daemon->ready_fd = -1;
	daemon->args = args;
	daemon->nurls = lines < DAEMON_URLS ? lines : DAEMON_URLS;
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) == -1 ||
	    daemon_make_dirs(daemon) == -1 ||
	    (conf == NULL ? daemon_settle_address(daemon) :
	    daemon_settle_conf(daemon, conf)) == -1 ||
	    daemon_spawn(daemon, args) == -1) {
		fprintf(stderr, "daemon: %s\n", strerror(errno));
		daemon_free(daemon, 0);
		return NULL;
	}
	if (daemon_read_urls(daemon) == -1) {
		fprintf(stderr, "daemon: no URL from holdfastd\n");
		daemon_free(daemon, 1);
		return NULL;
	}
	return daemon;
}

struct daemon *
daemon_start(const char *const args[])
{
	return daemon_start_with(args, NULL, 1);
}

struct daemon *
daemon_start_conf(const char *text, size_t lines)
{
	return daemon_start_with(NULL, text, lines);
}

const char *
daemon_address(const struct daemon *daemon, size_t n)
{
	return n < daemon->nurls ? daemon->urls[n] : NULL;
}

int
daemon_reload(struct daemon *daemon, const char *text)
{
	return daemon_write_conf(daemon, text) == -1 ? -1 :
	    kill(daemon->pid, SIGHUP);
}

static void
daemon_show_log(const struct daemon *daemon)
{
	char line[1024];
	FILE *f;

	if (daemon->log == NULL || (f = fopen(daemon->log, "re")) == NULL)
		return;
	while (fgets(line, sizeof(line), f) != NULL)
		fprintf(stderr, "| %s", line);
	fclose(f);
}

static int
daemon_remove_cb(const char *path, const struct stat *st, int type,
    struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	(void)remove(path);
	return 0;
}

void
daemon_free(struct daemon *daemon, int failed)
{
	if (daemon == NULL)
		return;
	if (daemon->pid > 0)
		daemon_stop(daemon, DAEMON_START_MS);
	if (failed)
		daemon_show_log(daemon);
	if (daemon->dir != NULL)
		nftw(daemon->dir, daemon_remove_cb, 16, FTW_DEPTH | FTW_PHYS);
	if (daemon->ready_fd != -1)
		close(daemon->ready_fd);
	free(daemon->dir);
	free(daemon->runtime_dir);
	free(daemon->log);
	free(daemon->conf);
	free(daemon->address);
	free(daemon);
}

void
daemon_kill(struct daemon *daemon)
{
	if (daemon->pid <= 0)
		return;
	kill(daemon->pid, SIGKILL);
	waitpid(daemon->pid, &daemon->status, 0);
	daemon->pid = 0;
}

int
daemon_start_again(struct daemon *daemon)
{
	char *url = xstrdup(daemon->url);
	int rc = -1;

	/* Not any port any more, but the one it got. */
	if (daemon->address != NULL) {
		free(daemon->address);
		daemon->address = xstrdup(url);
	}
	close(daemon->ready_fd);
	if (daemon_spawn(daemon, daemon->args) == 0 &&
	    daemon_read_urls(daemon) == 0 && strcmp(daemon->url, url) == 0)
		rc = 0;
	else
		memcpy(daemon->url, url, strlen(url) + 1);
	free(url);
	return rc;
}

const char *
daemon_url(const struct daemon *daemon)
{
	return daemon->url;
}

const char *
daemon_dir(const struct daemon *daemon)
{
	return daemon->dir;
}

const char *
daemon_runtime_dir(const struct daemon *daemon)
{
	return daemon->runtime_dir;
}

const char *
daemon_log(const struct daemon *daemon)
{
	return daemon->log;
}

pid_t
daemon_pid(const struct daemon *daemon)
{
	return daemon->pid;
}

void
daemon_kill_gateway(struct daemon *daemon, pid_t gateway)
{
	daemon->killed = gateway;
	kill(gateway, SIGKILL);
}

pid_t
daemon_killed(const struct daemon *daemon)
{
	return daemon->killed;
}

static int
daemon_exited(void *arg)
{
	struct daemon *daemon = arg;

	if (waitpid(daemon->pid, &daemon->status, WNOHANG) != daemon->pid)
		return 0;
	daemon->pid = 0;
	return 1;
}

int
daemon_stop(struct daemon *daemon, int ms)
{
	if (daemon->pid <= 0)
		return daemon->status;
	kill(daemon->pid, SIGTERM);
	if (wait_until(daemon_exited, daemon, ms) == 0)
		return daemon->status;
	fprintf(stderr, "daemon: did not end within %d ms\n", ms);
	kill(daemon->pid, SIGKILL);
	waitpid(daemon->pid, &daemon->status, 0);
	daemon->pid = 0;
	return -1;
}
