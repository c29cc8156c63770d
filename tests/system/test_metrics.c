/* SPDX-License-Identifier: ISC */
/* What is counted is what was done; and who asks is told how things stand. */
#include "config.h"

#include <sys/socket.h>
#include <sys/types.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "tests/lib/call.h"
#include "tests/lib/daemon.h"
#include "tests/lib/tap.h"
#include "tests/lib/wait.h"

#define METRICS_MS 60000
#define ANSWER_MAX (1024 * 1024)

static int port;
static char answer[ANSWER_MAX];

/* One that nobody has now. */
static int
free_port(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(fd, (struct sockaddr *)&sin, len) == -1 ||
	    getsockname(fd, (struct sockaddr *)&sin, &len) == -1)
		return 0;
	close(fd);
	return ntohs(sin.sin_port);
}

/* The whole answer is in "answer"; its status, or -1. */
static int
ask(const char *method, const char *path, int times)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_port = htons((in_port_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	uint64_t deadline = deadline_in(METRICS_MS);
	char request[256];
	size_t used = 0;
	ssize_t n = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), status = -1;

	answer[0] = '\0';
	if (connect(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1)
		goto out;
	for (; times > 0; times--) {
		snprintf(request, sizeof(request), "%s %s HTTP/1.1\r\n"
		    "Host: x\r\n%s\r\n", method, path,
		    times == 1 ? "Connection: close\r\n" : "");
		if (send(fd, request, strlen(request), MSG_NOSIGNAL) == -1)
			goto out;
	}
	while (n > 0 && used < sizeof(answer) - 1 &&
	    wait_fd(fd, POLLIN, deadline) != 0) {
		n = read(fd, answer + used, sizeof(answer) - 1 - used);
		used += n > 0 ? (size_t)n : 0;
	}
	answer[used] = '\0';
	if (sscanf(answer, "HTTP/1.1 %d ", &status) != 1)
		status = -1;
out:
	close(fd);
	return status;
}

/* The sum of all series of a name whose labels contain "label". */
static long long
value_of(const char *name, const char *label)
{
	long long sum = 0, value;
	size_t len = strlen(name);
	const char *line, *end, *space;
	int found = 0;

	if (ask("GET", "/metrics", 1) != 200)
		return -1;
	for (line = answer; (end = strchr(line, '\n')) != NULL;
	    line = end + 1) {
		char one[512];

		snprintf(one, sizeof(one), "%.*s", (int)(end - line), line);
		if (strncmp(one, name, len) != 0 ||
		    (one[len] != '{' && one[len] != ' ') ||
		    (label != NULL && strstr(one, label) == NULL) ||
		    (space = strrchr(one, ' ')) == NULL ||
		    sscanf(space, " %lld", &value) != 1)
			continue;
		sum += value;
		found = 1;
	}
	return found ? sum : -1;
}

struct expected {
	const char *name, *label;
	long long value;
};

static int
is_there(void *arg)
{
	const struct expected *e = arg;

	return value_of(e->name, e->label) == e->value;
}

/* What a process tells may be a second old. */
static void
expect(const char *name, const char *label, long long value)
{
	struct expected e = { name, label, value };
	int good = wait_until(is_there, &e, METRICS_MS) == 0;

	tap_ok(good, "%s %s is %lld", name, label == NULL ? "" : label,
	    value);
	if (!good)
		tap_note("it is %lld", value_of(name, label));
}

static void
start(struct call *call, const char *id, const char *script)
{
	const char *const argv[] = { "/bin/sh", "-c", script, NULL };

	json_object_put(call_result(call, "process/start",
	    call_start_params(id, "/", argv)));
}

static void
test_numbers(struct call *call)
{
	start(call, "good", "printf 12345");
	start(call, "bad", "printf 123; exit 3");
	start(call, "killed", "kill -9 $$");
	expect("holdfast_process_starts_total", NULL, 3);
	expect("holdfast_process_exits_total", "success", 1);
	expect("holdfast_process_exits_total", "failure", 1);
	expect("holdfast_process_exits_total", "signal", 1);
	expect("holdfast_job_bytes_total", "out", 8);
	expect("holdfast_processes", NULL, 0);
	expect("holdfast_attaches_total", "new", 1);
	expect("holdfast_sessions", "\"attached\"", 1);
	expect("holdfast_runner_start_seconds_count", NULL, 1);
	start(call, "long", "head -c 100000 /dev/zero; cat >/dev/null");
	expect("holdfast_job_bytes_total", "out", 100008);
}

static void
test_answers(void)
{
	tap_ok(ask("GET", "/healthz", 1) == 200, "it is alive");
	tap_ok(ask("GET", "/readyz", 1) == 200, "it is ready");
	tap_ok(ask("GET", "/nothing", 1) == 404, "there is nothing else");
	tap_ok(ask("POST", "/metrics", 1) == 405, "nothing can be posted");
	tap_ok(ask("HEAD", "/metrics", 1) == 200 &&
	    strstr(answer, "version=0.0.4") != NULL &&
	    strstr(answer, "holdfast_sessions") == NULL, "HEAD is a head");
	tap_ok(ask("GET", "/healthz", 5) == 200 &&
	    strstr(strstr(answer, "alive") + 1, "alive") != NULL,
	    "a connection is kept");
	tap_ok(ask("G\001T", "/metrics", 1) == 400, "garbage is refused");
}

/* What a gateway has counted stays when it is another one. */
static struct call *
test_gateway(struct daemon *daemon, struct call *call)
{
	char session[64];
	long long in, accepted;
	pid_t pids[8];
	size_t i, n;

	snprintf(session, sizeof(session), "%s", call_session(call));
	expect("holdfast_gateway_connections", "pool=\"0\"", 1);
	in = value_of("holdfast_client_bytes_total", "\"in\"");
	accepted = value_of("holdfast_gateway_accepted_connections_total",
	    NULL);
	tap_ok(in > 0 && accepted == 1, "a client was there");
	/* The last one is that of who scrapes. */
	n = daemon_find(daemon, "holdfast-gateway", pids, 8);
	for (i = 0; i + 1 < n && i < 8; i++)
		daemon_kill_gateway(daemon, pids[i]);
	/* Which of a dead gateway's sockets is seen to end first is chance. */
	expect("holdfast_detaches_total", NULL, 1);
	expect("holdfast_sessions", "\"detached\"", 1);
	expect("holdfast_process_restarts_total", "\"gateway\"",
	    (long long)n - 1);
	call_free(call);
	call = call_attach(daemon_url(daemon), session);
	tap_ok(call != NULL, "it is resumed");
	expect("holdfast_attaches_total", "resume", 1);
	expect("holdfast_gateway_accepted_connections_total", NULL,
	    accepted + 1);
	tap_ok(value_of("holdfast_client_bytes_total", "\"in\"") > in,
	    "what gateways counted goes on");
	return call;
}

static int
not_ready(void *arg)
{
	(void)arg;
	return ask("GET", "/readyz", 1) == 503;
}

static int
ready(void *arg)
{
	(void)arg;
	return ask("GET", "/readyz", 1) == 200;
}

static void
test_broker(struct daemon *daemon)
{
	pid_t broker;

	if (daemon_find(daemon, "holdfast-broker", &broker, 1) != 1) {
		tap_ok(0, "there is a broker");
		return;
	}
	kill(broker, SIGSTOP);
	tap_ok(wait_until(not_ready, NULL, METRICS_MS) == 0 &&
	    strstr(answer, "broker") != NULL,
	    "not ready while the broker does not answer");
	tap_ok(ask("GET", "/healthz", 1) == 200, "but alive");
	kill(broker, SIGCONT);
	tap_ok(wait_until(ready, NULL, METRICS_MS) == 0, "ready again");
}

int
main(void)
{
	char address[64];
	const char *const args[] = { "--metrics", address, "--gateways", "2",
		"--watchdog-ms", "60000", NULL };
	struct daemon *daemon;
	struct call *call;

	port = free_port();
	snprintf(address, sizeof(address), "metrics://127.0.0.1:%d", port);
	daemon = daemon_start(args);
	call = daemon == NULL ? NULL : call_attach(daemon_url(daemon), NULL);
	if (!tap_ok(call != NULL, "a session")) {
		daemon_free(daemon, 1);
		return tap_done();
	}
	test_answers();
	test_numbers(call);
	call = test_gateway(daemon, call);
	test_broker(daemon);
	call_free(call);
	expect("holdfast_detaches_total", NULL, 2);
	tap_ok(daemon_stop(daemon, METRICS_MS) == 0, "it ends");
	tap_ok(daemon_check_clean(daemon, METRICS_MS) == 0,
	    "nothing is left");
	daemon_free(daemon, tap_failed());
	return tap_done();
}
