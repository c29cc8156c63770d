/* SPDX-License-Identifier: ISC */
/*
 * The configuration is read again: who is a tenant by it comes in, who is
 * none any more does not, and a file with mistakes changes nothing.
 */
#include "config.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/daemon.h"
#include "tests/lib/raw.h"
#include "tests/lib/tap.h"
#include "tests/lib/wait.h"

#define RELOAD_MS 60000

struct story {
	struct daemon *daemon;
	char conf[64];
	const char *expected;	/* in the log */
};

/* Who runs this is the only tenant, or none is; "more" may be wrong. */
static void
write_conf(const struct story *s, const char *name, const char *peers,
    const char *more)
{
	FILE *out = fopen(s->conf, "w");

	if (out == NULL)
		abort();
	fprintf(out, "{ \"verbose\": true, \"tenants\": [{ \"name\": \"%s\", "
	    "\"user\": %u, \"allow-root\": true%s\n}]%s }\n", name,
	    (unsigned int)getuid(), peers, more);
	fclose(out);
}

static int
log_has(void *arg)
{
	const struct story *s = arg;
	char *line = NULL;
	size_t size = 0;
	int found = 0;
	FILE *in = fopen(daemon_log(s->daemon), "r");

	while (in != NULL && !found && getline(&line, &size, in) != -1)
		found = strstr(line, s->expected) != NULL;
	free(line);
	if (in != NULL)
		fclose(in);
	return found;
}

static int
logged(struct story *s, const char *text)
{
	s->expected = text;
	return wait_until(log_has, s, RELOAD_MS) == 0;
}

static int
dial(const char *url)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_port = htons((in_port_t)atoi(strrchr(url, ':') + 1)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd != -1 && connect(fd, (struct sockaddr *)&sin, sizeof(sin)) ==
	    -1) {
		close(fd);
		return -1;
	}
	return fd;
}

/* The status of the answer to an upgrade request; 0: there was none. */
static int
knock(const struct story *s)
{
	char request[RAW_BEGIN_MAX], answer[64] = "";
	const char *url = daemon_url(s->daemon);
	size_t len = raw_begin(request, url);
	int fd = dial(url), status = 0;

	if (fd == -1)
		return 0;
	if (write(fd, request, len) == (ssize_t)len &&
	    wait_fd(fd, POLLIN, deadline_in(RELOAD_MS)) > 0 &&
	    read(fd, answer, sizeof(answer) - 1) > 0 &&
	    strncmp(answer, "HTTP/1.1 ", 9) == 0)
		status = atoi(answer + 9);
	close(fd);
	return status;
}

static void
hang_up(const struct story *s)
{
	kill(daemon_pid(s->daemon), SIGHUP);
}

static void
tell(struct story *s)
{
	tap_ok(knock(s) == 101, "the tenant's user comes in");
	write_conf(s, "first", ", \"peer-uids\": []", "");
	hang_up(s);
	tap_ok(logged(s, "configuration 2 is in force"),
	    "the configuration is read again");
	tap_ok(knock(s) / 100 == 4, "nobody is the tenant now");

	write_conf(s, "first", ", \"shel\": \"/bin/sh\"",
	    ", \"limits\": {\"sessions\": 0}");
	hang_up(s);
	tap_ok(logged(s, "stays as it was: 2 mistakes"),
	    "a file with mistakes is not taken");
	tap_ok(logged(s, ":1: tenants[0].shel: unknown key") &&
	    logged(s, ":2: limits.sessions: must be between"),
	    "every one of them is logged");
	tap_ok(knock(s) / 100 == 4, "and nothing has changed");

	write_conf(s, "second", "", ", \"gateways\": 9");
	hang_up(s);
	tap_ok(logged(s, "gateways has changed, which takes a restart"),
	    "what takes a restart is named");
	tap_ok(logged(s, "configuration 3 is in force"),
	    "the rest is in force");
	tap_ok(knock(s) == 101, "another tenant's user comes in");
}

int
main(void)
{
	struct story s = { .conf = "/tmp/holdfast-reload-XXXXXX" };
	const char *args[] = { "--config", s.conf, NULL };
	const char *scheme = getenv("SCHEME");
	int fd;

	if (scheme != NULL && strcmp(scheme, "ws") != 0)
		tap_skip_all("speaks ws:// only");
	fd = mkstemp(s.conf);
	if (fd == -1)
		return 1;
	close(fd);
	write_conf(&s, "first", "", "");
	s.daemon = daemon_start(args);
	if (tap_ok(s.daemon != NULL, "the daemon starts"))
		tell(&s);
	if (s.daemon != NULL) {
		tap_ok(daemon_stop(s.daemon, RELOAD_MS) == 0, "and stops");
		daemon_free(s.daemon, tap_failed());
	}
	unlink(s.conf);
	return tap_done();
}
