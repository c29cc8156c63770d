/* SPDX-License-Identifier: ISC */
/*
 * The client's session against a server that does as it is told: each
 * connection it gets plays the next step of a script.
 */
#include "config.h"

#include <sys/socket.h>
#include <sys/types.h>

#include <netinet/in.h>

#include <arpa/inet.h>

#include <netdb.h>
#include <sha1.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <event2/event.h>
#include <json-c/json.h>

#include "common/base64.h"
#include "common/xmalloc.h"
#include "contrib/client/rpc.h"
#include "contrib/client/session.h"
#include "contrib/client/url.h"

TestSuite(clientsession, .timeout = 60);

#define OK_ID(id) "{\"id\":1,\"result\":{\"sessionId\":\"" id "\"}}"
#define OK OK_ID("s-1")
#define BUSY "{\"id\":1,\"error\":{\"code\":-32010,\"message\":\"held\"}}"
#define UNKNOWN "{\"id\":1,\"error\":{\"code\":-32600," \
	"\"message\":\"unknown session id s-1\"}}"

/* What the server does with a connection. */
struct step {
	const char *http; /* answer this and end; NULL: upgrade */
	const char *reply; /* to the first message; NULL: end */
	int stay; /* then do not end the connection */
	const char *more; /* say this, too */
};

struct server {
	struct event_base *base;
	const struct step *steps;
	size_t nsteps;
	size_t step; /* the connection at hand */
	int listener;
	int fd;
	int upgraded;
	char in[4096];
	size_t len;
	char resumed[64]; /* resumeSessionId of the last initialize */
	struct event *accept_event;
	struct event *read_event;
};

/* What the session told, one word each. */
static char seen[1024];
static int go_on; /* after the session is back */
static struct server server;
static struct session *session;
static struct addrinfo address;
static struct sockaddr_in where;
static struct url url;
static struct session_config config;

static void
note(const char *text)
{
	strlcat(seen, text, sizeof(seen));
	strlcat(seen, " ", sizeof(seen));
}

static void
server_hang_up(void)
{
	event_free(server.read_event);
	server.read_event = NULL;
	close(server.fd);
	server.fd = -1;
}

static void
server_write(const void *data, size_t len)
{
	cr_assert_eq(write(server.fd, data, len), (ssize_t)len);
}

static void
server_upgrade(void)
{
	char line[128], *key, accept[29] = "";
	uint8_t digest[SHA1_DIGEST_LENGTH];
	SHA1_CTX ctx;
	int n;

	key = strstr(server.in, "Sec-WebSocket-Key: ");
	cr_assert_not_null(key);
	SHA1Init(&ctx);
	SHA1Update(&ctx, (uint8_t *)key + 19, 24);
	SHA1Update(&ctx,
	    (const uint8_t *)"258EAFA5-E914-47DA-95CA-C5AB0DC85B11", 36);
	SHA1Final(digest, &ctx);
	base64_encode(accept, digest, sizeof(digest));
	n = snprintf(line, sizeof(line), "HTTP/1.1 101 x\r\nUpgrade: "
	    "websocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: %s"
	    "\r\n\r\n", accept);
	server_write(line, (size_t)n);
	server.upgraded = 1;
	server.len = 0;
}

/* A whole small frame at the front of what was read, unmasked. */
static int
server_frame(char *out)
{
	const uint8_t *p = (const uint8_t *)server.in;
	size_t i, head = 2, len;

	if (server.len < 8)
		return 0;
	len = p[1] & 0x7f;
	if (len == 126) {
		len = (size_t)p[2] << 8 | p[3];
		head = 4;
	}
	if (server.len < head + 4 + len)
		return 0;
	for (i = 0; i < len; i++)
		out[i] = (char)(p[head + 4 + i] ^ p[head + i % 4]);
	out[len] = '\0';
	return 1;
}

static void
server_say(const char *text)
{
	uint8_t head[4] = { 0x81 };
	size_t len = strlen(text), n = 2;

	head[1] = (uint8_t)len;
	if (len > 125) {
		head[1] = 126;
		head[2] = (uint8_t)(len >> 8);
		head[3] = (uint8_t)len;
		n = 4;
	}
	server_write(head, n);
	server_write(text, len);
}

static void
server_initialize(const struct step *step)
{
	char text[4096];
	struct json_object *request, *params;

	if (!server_frame(text))
		return;
	server.len = 0;
	request = json_tokener_parse(text);
	cr_assert_str_eq(rpc_string(request, "method", ""), "initialize");
	json_object_object_get_ex(request, "params", &params);
	strlcpy(server.resumed, rpc_string(params, "resumeSessionId", "-"),
	    sizeof(server.resumed));
	json_object_put(request);
	if (step->reply != NULL)
		server_say(step->reply);
	if (step->more != NULL)
		server_say(step->more);
	if (!step->stay)
		server_hang_up();
}

static void
server_read_cb(evutil_socket_t fd, short what, void *arg)
{
	const struct step *step = &server.steps[server.step - 1];
	ssize_t n;

	(void)what;
	(void)arg;
	n = recv(fd, server.in + server.len,
	    sizeof(server.in) - server.len - 1, 0);
	if (n <= 0) {
		server_hang_up();
		return;
	}
	server.len += (size_t)n;
	server.in[server.len] = '\0';
	if (server.upgraded) {
		if (server.upgraded++ == 1)
			server_initialize(step);
	} else if (strstr(server.in, "\r\n\r\n") == NULL) {
		return;
	} else if (step->http != NULL) {
		server_write(step->http, strlen(step->http));
		server_hang_up();
	} else
		server_upgrade();
}

static void
server_accept_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	(void)arg;
	if (server.read_event != NULL)
		server_hang_up();
	server.fd = accept(fd, NULL, NULL);
	cr_assert_neq(server.fd, -1);
	server.step++;
	cr_assert_leq(server.step, server.nsteps, "one connection too many");
	server.upgraded = 0;
	server.len = 0;
	server.read_event = event_new(server.base, server.fd,
	    EV_READ | EV_PERSIST, server_read_cb, NULL);
	event_add(server.read_event, NULL);
}

static void
on_ready(void *arg)
{
	(void)arg;
	note("ready");
}

static void
on_back(void *arg, uint64_t away_ms)
{
	(void)arg;
	(void)away_ms;
	note("back");
	if (!go_on)
		event_base_loopbreak(server.base);
}

static void
on_away(void *arg, const char *why)
{
	(void)arg;
	cr_expect_neq(*why, '\0');
	note("away");
}

static void
on_reply(void *arg, int what, uint64_t tag, const struct rpc_message *msg)
{
	(void)arg;
	(void)what;
	(void)tag;
	(void)msg;
	note("reply");
}

static void
on_notification(void *arg, const struct rpc_message *msg)
{
	(void)arg;
	note(msg->method);
}

static void
on_failed(void *arg, const char *why)
{
	(void)arg;
	note("failed:");
	note(why);
	event_base_loopbreak(server.base);
}

static const struct session_ops ops = {
	.ready = on_ready,
	.back = on_back,
	.away = on_away,
	.reply = on_reply,
	.notification = on_notification,
	.failed = on_failed,
};

static void
play(const struct step *steps, size_t nsteps)
{
	socklen_t len = sizeof(where);
	char text[64];

	memset(&server, 0, sizeof(server));
	seen[0] = '\0';
	server.base = event_base_new();
	server.steps = steps;
	server.nsteps = nsteps;
	server.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	memset(&where, 0, sizeof(where));
	where.sin_family = AF_INET;
	where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	cr_assert_eq(bind(server.listener, (struct sockaddr *)&where, len), 0);
	cr_assert_eq(listen(server.listener, 5), 0);
	getsockname(server.listener, (struct sockaddr *)&where, &len);
	server.accept_event = event_new(server.base, server.listener,
	    EV_READ | EV_PERSIST, server_accept_cb, NULL);
	event_add(server.accept_event, NULL);
	snprintf(text, sizeof(text), "ws://127.0.0.1:%d",
	    ntohs(where.sin_port));
	cr_assert_null(url_parse(&url, text));
	address.ai_family = AF_INET;
	address.ai_addr = (struct sockaddr *)&where;
	address.ai_addrlen = sizeof(where);
	config.url = &url;
	config.url_text = "URL";
	config.addresses = &address;
	session = session_new(server.base, &config, &ops, NULL);
	session_begin(session);
	event_base_dispatch(server.base);
	session_free(session);
	event_free(server.accept_event);
	if (server.read_event != NULL)
		server_hang_up();
	close(server.listener);
	event_base_free(server.base);
}

#define PLAY(steps) play(steps, sizeof(steps) / sizeof((steps)[0]))

#define HTTP(status) "HTTP/1.1 " status " x\r\nContent-Length: 3\r\n\r\nwhy"

Test(clientsession, first_time_errors)
{
	static const struct step denied[] = { { .http = HTTP("401") } };
	static const struct step forbidden[] = { { .http = HTTP("403") } };
	static const struct step nowhere[] = { { .http = HTTP("404") } };
	static const struct step rejected[] = { { .reply = UNKNOWN } };
	static const struct step nameless[] = {
		{ .reply = "{\"id\":1,\"result\":{}}", .stay = 1 }
	};

	PLAY(denied);
	cr_expect_str_eq(seen, "failed: no session at URL: the server "
	    "answered 401: why ");
	PLAY(forbidden);
	cr_expect_str_eq(seen, "failed: no session at URL: the server "
	    "answered 403: why ");
	PLAY(nowhere);
	cr_expect_str_eq(seen, "failed: no session at URL: the server "
	    "answered 404: why ");
	PLAY(rejected);
	cr_expect_str_eq(seen, "failed: no session at URL: unknown session "
	    "id s-1 ");
	PLAY(nameless);
	cr_expect_str_eq(seen, "failed: no session at URL: the server names "
	    "no session ");
}

Test(clientsession, first_time_is_repeated)
{
	static const struct step steps[] = {
		{ .http = HTTP("503") },
		{ .http = "" }, /* ends without an answer */
		{ .reply = NULL }, /* ends instead of initializing */
		{ .reply = OK }, /* attached, and lost */
		{ .reply = OK, .stay = 1 },
	};

	PLAY(steps);
	cr_expect_str_eq(seen, "ready away back ");
	cr_expect_str_eq(server.resumed, "s-1");
}

Test(clientsession, away_is_repeated)
{
	static const struct step steps[] = {
		{ .reply = OK },
		{ .http = HTTP("503") },
		{ .http = HTTP("502") },
		{ .http = HTTP("504") },
		{ .http = HTTP("429") },
		{ .http = "" },
		{ .reply = BUSY, .stay = 1 },
		{ .reply = NULL },
		{ .reply = OK, .stay = 1 },
	};

	PLAY(steps);
	cr_expect_str_eq(seen, "ready away back ");
	cr_expect_eq(server.step, 9);
}

Test(clientsession, away_ends)
{
	static const struct step unknown[] = {
		{ .reply = OK }, { .reply = UNKNOWN, .stay = 1 }
	};
	static const struct step other[] = {
		{ .reply = OK }, { .reply = OK_ID("s-2"), .stay = 1 }
	};
	static const struct step denied[] = {
		{ .reply = OK }, { .http = HTTP("401") }
	};

	PLAY(unknown);
	cr_expect_str_eq(seen, "ready away failed: the session is gone: "
	    "unknown session id s-1 ");
	PLAY(other);
	cr_expect_str_eq(seen, "ready away failed: the session is gone: "
	    "the server gave us another one ");
	PLAY(denied);
	cr_expect_str_eq(seen, "ready away failed: the session is lost: URL: "
	    "the server answered 401: why ");
}

Test(clientsession, the_servers_time_to_live)
{
	/* Then nobody answers: the last step ends every connection. */
	static struct step steps[40] = {
		{ .reply = "{\"id\":1,\"result\":{\"sessionId\":\"s-1\","
		    "\"holdfast\":{\"detachTtlMs\":1000}}}" },
	};
	size_t i;

	for (i = 1; i < 40; i++)
		steps[i].http = "";
	PLAY(steps);
	cr_expect_eq(strncmp(seen, "ready away failed: the session is lost: "
	    "URL: not reached within the 1 seconds", 77), 0, "%s", seen);
	cr_expect_gt(server.step, 2);
}

Test(clientsession, a_server_that_makes_no_sense)
{
	static const struct step step = {
		.reply = OK, .stay = 1, .more = "nonsense"
	};
	struct step steps[SESSION_BROKEN_MAX];
	size_t i;

	for (i = 0; i < SESSION_BROKEN_MAX; i++)
		steps[i] = step;
	go_on = 1;
	PLAY(steps);
	cr_expect_str_eq(seen, "ready away back away back away back away "
	    "back failed: the session is gone: the server sent a message "
	    "that is not JSON-RPC ");
}
