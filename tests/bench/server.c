/* SPDX-License-Identifier: ISC */
/* A server to measure: started here, or one that runs already. */
#include "config.h"

#include <sys/types.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/num.h"
#include "tests/bench/server.h"
#include "tests/bench/usage.h"

#define START_MS 10000
#define STOP_MS 5000

static int
server_parse(struct server *server, const char *url)
{
	char host[64];
	int port;

	if (sscanf(url, "ws://%63[0-9.]:%d", host, &port) != 2 ||
	    inet_pton(AF_INET, host, &server->addr.sin_addr) != 1) {
		fprintf(stderr, "not ws://IPV4:PORT: %s\n", url);
		return -1;
	}
	server->addr.sin_family = AF_INET;
	server->addr.sin_port = htons((uint16_t)port);
	snprintf(server->url, sizeof(server->url), "%s", url);
	return port;
}

/* Its first line, which is its URL. */
static int
server_read_url(struct server *server, int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char line[128] = "";
	size_t len = 0;
	ssize_t n;

	while (strchr(line, '\n') == NULL && len < sizeof(line) - 1) {
		if (poll(&p, 1, START_MS) <= 0 ||
		    (n = read(fd, line + len, sizeof(line) - 1 - len)) <= 0)
			return -1;
		len += (size_t)n;
		line[len] = '\0';
	}
	line[strcspn(line, "\r\n")] = '\0';
	return server_parse(server, line) == -1 ? -1 : 0;
}

static void __attribute__((noreturn))
server_child(int out, const char *command, const char *log)
{
	int null, err;

	setpgid(0, 0);
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	err = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (null == -1 || err == -1 || dup2(null, STDIN_FILENO) == -1 ||
	    dup2(out, STDOUT_FILENO) == -1 || dup2(err, STDERR_FILENO) == -1)
		_exit(127);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

int
server_start(struct server *server, const char *command, const char *args,
    const char *log)
{
	char line[1024];
	int out[2], rc;

	snprintf(line, sizeof(line), "exec %s %s", command,
	    args == NULL ? "" : args);
	if (pipe2(out, O_CLOEXEC) == -1)
		return -1;
	server->pid = fork();
	if (server->pid == 0)
		server_child(out[1], line, log);
	close(out[1]);
	server->started = 1;
	rc = server->pid == -1 ? -1 : server_read_url(server, out[0]);
	if (rc == -1) {
		fprintf(stderr, "no URL from: %s (see %s)\n", line, log);
		server_stop(server);
	}
	/* Not closed: whoever prints more must not die of it. */
	return rc;
}

int
server_start_own(struct server *server, const char *program,
    const char *args, const char *log)
{
	char line[512], dir[] = "/tmp/holdfast-bench-XXXXXX";

	if (mkdtemp(dir) == NULL)
		return -1;
	server->dir = need(NULL, sizeof(dir));
	memcpy(server->dir, dir, sizeof(dir));
	snprintf(line, sizeof(line),
	    "%s --listen ws://127.0.0.1:0 --runtime-dir %s %s", program, dir,
	    geteuid() == 0 ? "--allow-root" : "");
	return server_start(server, line, args, log);
}

int
server_attach(struct server *server, const char *url)
{
	int port = server_parse(server, url);

	if (port == -1)
		return -1;
	server->pid = usage_listener(port);
	return 0;
}

static int
server_wait(struct server *server, unsigned ms)
{
	unsigned i;

	for (i = 0; i < ms; i += 5) {
		if (waitpid(server->pid, NULL, WNOHANG) != 0)
			return 0;
		pause_ms(5);
	}
	return -1;
}

void
server_stop(struct server *server)
{
	if (server->started && server->pid > 0) {
		kill(server->pid, SIGTERM);
		if (server_wait(server, STOP_MS) == -1) {
			fprintf(stderr, "%s did not stop in time\n",
			    server->url);
			kill(-server->pid, SIGKILL);
			waitpid(server->pid, NULL, 0);
		}
	}
	if (server->dir != NULL)
		rmdir(server->dir);
	free(server->dir);
	memset(server, 0, sizeof(*server));
}
