/* SPDX-License-Identifier: ISC */
/*
 * What holdfast.conf says of each listener: its address, its gateways, which
 * web pages may come; and how many connections of one address may be there
 * that have not been let in.
 */
#include "config.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "common/xmalloc.h"
#include "tests/lib/call.h"
#include "tests/lib/daemon.h"
#include "tests/lib/procfs.h"
#include "tests/lib/raw.h"
#include "tests/lib/tap.h"
#include "tests/lib/testca.h"
#include "tests/lib/wait.h"
#include "tests/lib/wire.h"
#include "tests/system/tlskit.h"

#define LISTENERS 5
#define GATEWAYS 4	/* 1 shared, 1 + 1 + 1 of their own */
#define PER_ADDRESS 3
#define MORE 6
#define CONNECTIONS 12
#define LOCAL (CONNECTIONS / 4)	/* those on this host may be so many */

/* In the order in which they are configured. */
enum { WS, PAGES, WSS, UNIX, TOKEN };

static char certs[] = "/tmp/holdfast-listeners-XXXXXX";

/* The first page may be another, and so may the number of the uninvited. */
static char *
make_conf(const char *origin, int per_address)
{
	return xasprintf("{ \"gateways\": 1, \"max-connections\": %d,\n"
	    "\"listeners\": [\n"
	    "{ \"address\": \"ws://127.0.0.1:0\" },\n"
	    "{ \"address\": \"ws://127.0.0.1:0\", \"gateways\": 1,\n"
	    "  \"origins\": [\"%s\", \"http://127.0.0.1:99\"] },\n"
	    "{ \"address\": \"wss://127.0.0.1:0\", \"gateways\": 1,\n"
	    "  \"certificate\": \"%s/server.pem\",\n"
	    "  \"key\": \"%s/server.key\" },\n"
	    "{ \"address\": \"unix:@/socket\", \"mode\": \"0640\" },\n"
	    "{ \"address\": \"ws://127.0.0.1:0\", \"gateways\": 1,\n"
	    "  \"admission\": [\"token\"] } ],\n"
	    "\"limits\": { \"unauthenticated-per-address\": %d },\n"
	    "\"tenants\": [ { \"name\": \"one\", \"user\": %u,\n"
	    "  \"tokens-sha256\": [\"%064d\"], \"allow-root\": true }"
	    " ] }\n", CONNECTIONS, origin, certs, certs, per_address,
	    (unsigned int)getuid(), 0);
}

static int
is_served(const char *url)
{
	struct call *call = call_attach(url, NULL);

	call_free(call);
	return call != NULL;
}

/* The status of the answer to an upgrade with these headers, or -1. */
static int
ask(const char *url, const char *headers)
{
	struct wire *wire = wire_connect(url, TLSKIT_MS);
	int status = wire == NULL ? -1 : wire_upgrade(wire, headers,
	    TLSKIT_MS);

	wire_free(wire);
	return status;
}

/* Which of the two programs a gateway is; root alone can see. */
static size_t
count_tls(const pid_t *pids, size_t n)
{
	char path[64], image[512];
	size_t i, found = 0;
	ssize_t len;

	for (i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "/proc/%d/exe", (int)pids[i]);
		len = readlink(path, image, sizeof(image) - 1);
		if (len > 0) {
			image[len] = '\0';
			found += strstr(image, "gateway-tls") != NULL;
		}
	}
	return found;
}

static void
story_addresses(const struct daemon *daemon)
{
	static const char *const begin[LISTENERS] = { "ws://127.0.0.1:",
		"ws://127.0.0.1:", "wss://127.0.0.1:", "unix:/",
		"ws://127.0.0.1:" };
	pid_t pids[GATEWAYS + 1];
	struct stat st;
	size_t i, n;

	for (i = 0; i < LISTENERS; i++)
		tap_ok(strncmp(daemon_address(daemon, i), begin[i],
		    strlen(begin[i])) == 0 && (i == TOKEN ||
		    is_served(daemon_address(daemon, i))), "%s...", begin[i]);
	tap_ok(stat(daemon_address(daemon, UNIX) + 5, &st) == 0 &&
	    (st.st_mode & 07777) == 0640, "the socket has its mode");
	n = daemon_find(daemon, "holdfast-gateway", pids, GATEWAYS + 1);
	tap_ok(n == GATEWAYS, "there are %zu gateways", n);
	if (geteuid() != 0)
		tap_skip("it takes root", "which programs they are");
	else
		tap_ok(count_tls(pids, n) == 1, "one of them has TLS");
}

static const struct {
	int listener;
	const char *headers;
	int status;
} origins[] = {
	{ WS, NULL, 101 },
	{ WS, "Origin: https://app.example\r\n", 403 },
	{ WS, "Origin: null\r\n", 403 },
	{ WSS, "Origin: https://app.example\r\n", 403 },
	{ UNIX, "Origin: https://app.example\r\n", 403 },
	{ PAGES, NULL, 101 },
	{ PAGES, "Origin: https://app.example\r\n", 101 },
	{ PAGES, "Origin: HTTPS://App.Example:443\r\n", 101 },
	{ PAGES, "Origin: http://127.0.0.1:99\r\n", 101 },
	{ PAGES, "Origin: http://127.0.0.1:98\r\n", 403 },
	{ PAGES, "Origin: http://app.example\r\n", 403 },
	{ PAGES, "Origin: https://app.example.evil.example\r\n", 403 },
	{ PAGES, "Origin: https://evil.example/https://app.example\r\n",
	    403 },
	{ PAGES, "Origin: null\r\n", 403 },
	{ PAGES, "Origin: \r\n", 403 },
	/* Before anything is asked for that could be guessed at. */
	{ TOKEN, NULL, 401 },
	{ TOKEN, "Origin: https://app.example\r\n", 403 },
};

static void
story_origins(const struct daemon *daemon)
{
	const char *headers;
	size_t i;
	int status;

	for (i = 0; i < sizeof(origins) / sizeof(origins[0]); i++) {
		headers = origins[i].headers;
		status = ask(daemon_address(daemon,
		    (size_t)origins[i].listener), headers);
		tap_ok(status == origins[i].status, "listener %d, %.*s: %d",
		    origins[i].listener, headers == NULL ? 9 :
		    (int)strcspn(headers, "\r"), headers == NULL ?
		    "no origin" : headers, status);
	}
}

/* The status of what the server says to "fd"; 0: nothing yet, -1: the end. */
static int
status_of(int fd)
{
	char answer[64] = "";
	ssize_t n = recv(fd, answer, sizeof(answer) - 1, MSG_DONTWAIT);

	if (n == -1)
		return 0;
	return strncmp(answer, "HTTP/1.1 ", 9) == 0 ? atoi(answer + 9) : -1;
}

/* Whether an upgrade from that address is answered so. */
static int
knock(const char *url, const char *source, int wanted)
{
	char request[RAW_BEGIN_MAX];
	size_t len = raw_begin(request, url);
	int fd = tlskit_dial(url, source), status = -1;

	if (fd == -1)
		return 0;
	(void)send(fd, request, len, MSG_NOSIGNAL);
	if (wait_fd(fd, POLLIN, deadline_in(TLSKIT_MS)) != -1)
		status = status_of(fd);
	close(fd);
	return status == wanted;
}

static void
story_crowd(const struct daemon *daemon)
{
	const char *url = daemon_address(daemon, WS);
	struct call *before = call_attach(url, NULL);
	int fds[LOCAL], i, silent = 0;
	struct json_object *result;

	for (i = 0; i < LOCAL; i++)
		fds[i] = tlskit_dial(url, "127.0.0.1");
	tap_ok(knock(url, "127.0.0.1", 503),
	    "beyond %d that ask for nothing one more is refused", LOCAL);
	tap_ok(knock(url, "127.0.0.2", 101), "not one from elsewhere");
	result = before == NULL ? NULL : call_result(before,
	    "environment/status", NULL);
	tap_ok(result != NULL, "nor who is there");
	json_object_put(result);
	call_free(before);
	for (i = 0; i < LOCAL; i++) {
		silent += fds[i] != -1 && status_of(fds[i]) == 0;
		if (fds[i] != -1)
			close(fds[i]);
	}
	tap_ok(silent == LOCAL, "the first ones may still ask");
}

struct knocker {
	const char *url, *headers;
	int status;
};

static int
is_answered_so(void *arg)
{
	const struct knocker *k = arg;

	return ask(k->url, k->headers) == k->status;
}

/* One more than could be so far. */
static int
is_roomier(void *arg)
{
	const char *url = arg;
	int fds[LOCAL], i, in;

	for (i = 0; i < LOCAL; i++)
		fds[i] = tlskit_dial(url, "127.0.0.3");
	in = knock(url, "127.0.0.3", 101);
	for (i = 0; i < LOCAL; i++)
		if (fds[i] != -1)
			close(fds[i]);
	return in;
}

static void
story_reload(struct daemon *daemon)
{
	struct knocker k = { daemon_address(daemon, PAGES),
		"Origin: https://new.example\r\n", 101 };
	char *conf = make_conf("https://new.example", MORE);
	char *url = xstrdup(daemon_address(daemon, WS));

	tap_ok(daemon_reload(daemon, conf) == 0 &&
	    tlskit_logged(daemon, "configuration 2 is in force"),
	    "the configuration is read again");
	tap_ok(wait_until(is_answered_so, &k, TLSKIT_MS) == 0,
	    "another page may come");
	k.headers = "Origin: https://app.example\r\n";
	tap_ok(ask(k.url, k.headers) == 403, "the first may not");
	tap_ok(ask(k.url, "Origin: http://127.0.0.1:99\r\n") == 101,
	    "the other one may as before");
	tap_ok(wait_until(is_roomier, url, TLSKIT_MS) == 0,
	    "and more of one address may ask for nothing");
	free(url);
	free(conf);
}

int
main(void)
{
	struct daemon *daemon = NULL;
	const char *scheme = getenv("SCHEME");
	char *conf = NULL, *path;
	size_t i;
	static const char *const files[] = { "ca.pem", "server.pem",
		"server.key" };

	if (scheme != NULL && strcmp(scheme, "ws") != 0)
		tap_skip_all("speaks all of them in any case");
	if (mkdtemp(certs) != NULL &&
	    testca_make(certs, "server", "IP:127.0.0.1") == 0) {
		conf = make_conf("https://app.example", PER_ADDRESS);
		daemon = daemon_start_conf(conf, LISTENERS);
	}
	if (tap_ok(daemon != NULL, "the daemon starts")) {
		story_addresses(daemon);
		story_origins(daemon);
		story_crowd(daemon);
		story_reload(daemon);
		path = xstrdup(daemon_address(daemon, UNIX) + 5);
		tap_ok(daemon_stop(daemon, TLSKIT_MS) == 0, "it stops");
		tap_ok(access(path, F_OK) == -1, "the socket has gone");
		tap_ok(daemon_check_clean(daemon, TLSKIT_MS) == 0, "cleanly");
		free(path);
		daemon_free(daemon, tap_failed());
	}
	free(conf);
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		path = xasprintf("%s/%s", certs, files[i]);
		unlink(path);
		free(path);
	}
	rmdir(certs);
	return tap_done();
}
