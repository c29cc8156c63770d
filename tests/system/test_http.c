/* SPDX-License-Identifier: ISC */
/* http/request against a server of our own. */
#include "config.h"

#include <sys/types.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "common/xmalloc.h"
#include "tests/lib/call.h"
#include "tests/lib/daemon.h"
#include "tests/lib/procfs.h"
#include "tests/lib/tap.h"
#include "tests/lib/wait.h"
#include "tests/system/ask.h"
#include "tests/system/usage.h"
#include "tests/system/webserver.h"

#define WEB_MS 60000
#define STREAMED 3000001
#define FLOOD 50000000
#define FLOOD_KIB 40960 /* of memory, whatever streams through */
#define BUFFERED_MAX (64 * 1024 * 1024)
#define ROWS(list) list, sizeof(list) / sizeof(list[0])

#define PARAMS (-32602)
#define SYSTEM (-32603)

#define GET(where, more) "{'method':'GET','requestId':'r','url':" where \
	more "}"
#define HERE(path, more) GET("'@" path "'", more)
#define WITH_HEADER(name, value) HERE("/hello", ",'headers':[{'name':'" \
	name "','value':'" value "'}]")
#define HEADER(name, value) "{'name':'" name "','value':'" value "'}"

static const struct ask_row rows[] = {
	{ "all of an answer", "http/request", HERE("/hello", ""), 0,
	    "{'status':200,'headers':[" HEADER("x-a", "1") ","
	    HEADER("x-a", "two") "," HEADER("content-length", "5") ","
	    HEADER("connection", "close") "],'bodyBase64':'aGVsbG8='}",
	    NULL },
	{ "404", "http/request", HERE("/status/404", ""), 0,
	    "+{'status':404,'bodyBase64':''}", NULL },
	{ "500", "http/request", HERE("/status/500", ""), 0,
	    "+{'status':500}", NULL },
	{ "no content", "http/request", HERE("/status/204", ""), 0,
	    "+{'status':204}", NULL },
	{ "HEAD", "http/request",
	    "{'method':'HEAD','url':'@/hello','requestId':'r'}", 0,
	    "+{'status':200,'bodyBase64':''}", NULL },
	{ "ten redirects", "http/request", HERE("/redirect/10", ""), 0,
	    "+{'status':200,'bodyBase64':'YXJyaXZlZA=='}", NULL },
	{ "eleven", "http/request", HERE("/redirect/11", ""), SYSTEM, NULL,
	    NULL },
	{ "a circle", "http/request", HERE("/circle", ""), SYSTEM, NULL,
	    NULL },
	{ "one not followed", "http/request", HERE("/redirect/1",
	    ",'redirectPolicy':'stop'"), 0, "{'status':302,'headers':["
	    HEADER("location", "/redirect/0") ","
	    HEADER("content-length", "9") "," HEADER("connection", "close")
	    "],'bodyBase64':'ZWxzZXdoZXJl'}", NULL },
	{ "no answer in time", "http/request", HERE("/hang",
	    ",'timeoutMs':100"), SYSTEM, NULL, NULL },
	{ "no body in time", "http/request", HERE("/slow",
	    ",'timeoutMs':100"), SYSTEM, NULL, NULL },
	{ "time enough", "http/request", HERE("/hello",
	    ",'timeoutMs':60000"), 0, "+{'status':200}", NULL },
	{ "half a body", "http/request", HERE("/cut", ""), SYSTEM, NULL,
	    NULL },
	{ "refused", "http/request", GET("'http://127.0.0.1:1/'", ""),
	    SYSTEM, NULL, NULL },
	{ "no such host", "http/request",
	    GET("'http://host.invalid/'", ",'timeoutMs':20000"), SYSTEM,
	    NULL, NULL },
	{ "another scheme", "http/request", GET("'ftp://127.0.0.1/'", ""),
	    PARAMS, NULL, NULL },
	{ "a file", "http/request", GET("'file:///etc/passwd'", ""), PARAMS,
	    NULL, NULL },
	{ "no URL", "http/request", GET("'nowhere'", ""), PARAMS, NULL,
	    NULL },
	{ "an empty URL", "http/request", GET("''", ""), PARAMS, NULL,
	    NULL },
	{ "a method of two words", "http/request",
	    "{'method':'GET IT','url':'@/hello','requestId':'r'}", PARAMS,
	    NULL, NULL },
	{ "an empty method", "http/request",
	    "{'method':'','url':'@/hello','requestId':'r'}", PARAMS, NULL,
	    NULL },
	{ "a header of two words", "http/request", WITH_HEADER("a b", "c"),
	    PARAMS, NULL, NULL },
	{ "a nameless header", "http/request", WITH_HEADER("", "c"), PARAMS,
	    NULL, NULL },
	{ "a header of two lines", "http/request",
	    WITH_HEADER("a", "b\\r\\nc: d"), PARAMS, NULL, NULL },
	{ "no headers but null", "http/request", HERE("/hello",
	    ",'headers':null"), PARAMS, NULL, NULL },
	{ "a body that is no base64", "http/request", HERE("/hello",
	    ",'bodyBase64':'?'"), PARAMS, NULL, NULL },
	{ "a policy that is none", "http/request", HERE("/hello",
	    ",'redirectPolicy':'ask'"), PARAMS, NULL, NULL },
	{ "no requestId", "http/request",
	    "{'method':'GET','url':'@/hello'}", PARAMS, NULL, NULL },
	{ "half a second back", "http/request", HERE("/hello",
	    ",'timeoutMs':-500"), PARAMS, NULL, NULL },
};

static int
holds(const char *text, const char *what)
{
	if (strstr(text, what) != NULL)
		return 1;
	tap_note("no \"%s\" in:\n%s", what, text);
	return 0;
}

/* What goes over the wire: in order, repeated, and nothing of our own. */
static void
story_sent(struct call *call)
{
	struct json_object *result;
	char *got;
	size_t len;

	ask(call, "http/request", "{'method':'PUT','url':'@/echo?a=b',"
	    "'requestId':'e','bodyBase64':'Ym9keQ==','headers':["
	    HEADER("X-One", "a") "," HEADER("x-two", "") ","
	    HEADER("X-One", "b") ",{'name':'x-var','value':'Bearer ',"
	    "'valueEnvVar':'HOLDFAST_TEST_VALUE'}]}", &result);
	got = ask_bytes(result, "bodyBase64", &len);
	json_object_put(result);
	if (!tap_ok(got != NULL, "an echo"))
		return;
	tap_ok(holds(got, "PUT /echo?a=b HTTP/1.1\r\n") &&
	    holds(got, "\r\n\r\nbody"), "method, target and body");
	tap_ok(strcasestr(got, "\r\nx-one: a\r\nx-two:\r\nx-one: b\r\n") !=
	    NULL, "headers in their order");
	tap_ok(strcasestr(got, "\r\nx-var: Bearer swordfish\r\n") != NULL,
	    "a value from the environment");
	tap_ok(strcasestr(got, "\r\nhost: 127.0.0.1:") != NULL &&
	    strcasestr(got, "\r\naccept: */*\r\n") != NULL &&
	    strcasestr(got, "\r\ncontent-length: 4\r\n") != NULL,
	    "the three that belong there");
	tap_ok(strcasestr(got, "user-agent:") == NULL &&
	    strcasestr(got, "expect:") == NULL &&
	    strcasestr(got, "content-type:") == NULL, "and no other");
	if (tap_failed() > 0)
		tap_note("%s", got);
	free(got);
}

/* What becomes of a request on its way to another place. */
static const struct {
	const char *verb, *body;
	int status;
	const char *then;	/* the method there */
	int keeps;		/* the body */
} moves[] = {
	{ "GET", NULL, 301, "GET", 0 },
	{ "GET", NULL, 303, "GET", 0 },
	{ "GET", "Ym9keQ==", 302, "GET", 1 },
	{ "GET", "Ym9keQ==", 307, "GET", 1 },
	{ "POST", "Ym9keQ==", 301, "GET", 0 },
	{ "POST", "Ym9keQ==", 302, "GET", 0 },
	{ "POST", "Ym9keQ==", 303, "GET", 0 },
	{ "POST", NULL, 303, "GET", 0 },
	{ "POST", "Ym9keQ==", 307, "POST", 1 },
	{ "POST", "Ym9keQ==", 308, "POST", 1 },
	{ "PUT", "Ym9keQ==", 301, "PUT", 1 },
	{ "PUT", "Ym9keQ==", 302, "PUT", 1 },
	{ "PUT", "Ym9keQ==", 303, "GET", 0 },
	{ "PUT", "Ym9keQ==", 307, "PUT", 1 },
	{ "PATCH", "Ym9keQ==", 303, "GET", 0 },
	{ "PATCH", "Ym9keQ==", 308, "PATCH", 1 },
	{ "DELETE", NULL, 302, "DELETE", 0 },
	{ "DELETE", NULL, 303, "GET", 0 },
	{ "DELETE", NULL, 307, "DELETE", 0 },
	{ "PROPFIND", NULL, 303, "GET", 0 },
};

static int
is_moved(struct call *call, size_t i)
{
	struct json_object *params, *result;
	char *got, line[64];
	size_t len;
	int good;

	params = ask_jsonf("{'method':'%s','requestId':'m','url':"
	    "'@/moved/%d','headers':[" HEADER("content-type", "text/x") ","
	    HEADER("x-kept", "yes") "]}", moves[i].verb, moves[i].status);
	if (moves[i].body != NULL)
		json_object_object_add(params, "bodyBase64",
		    json_object_new_string(moves[i].body));
	if (ask_wait(call, call_send(call, "http/request", params),
	    &result) != 0)
		return 0;
	got = ask_bytes(result, "bodyBase64", &len);
	json_object_put(result);
	snprintf(line, sizeof(line), "%s /echo HTTP/1.1\r\n",
	    moves[i].then);
	good = got != NULL && strncmp(got, line, strlen(line)) == 0 &&
	    (strstr(got, "\r\n\r\nbody") != NULL) == moves[i].keeps &&
	    strcasestr(got, "\r\nx-kept: yes\r\n") != NULL &&
	    (strcmp(moves[i].then, moves[i].verb) == 0 ||
	    strcasestr(got, "\r\ncontent-") == NULL);
	if (!good)
		tap_note("%s", got == NULL ? "nothing" : got);
	free(got);
	return good;
}

static void
story_moved(struct call *call)
{
	size_t i;

	for (i = 0; i < sizeof(moves) / sizeof(moves[0]); i++)
		tap_ok(is_moved(call, i), "%s%s, then %d: %s",
		    moves[i].verb, moves[i].body == NULL ? "" :
		    " with a body", moves[i].status, moves[i].then);
}

static int
is_pattern(const char *bytes, size_t len, size_t from)
{
	size_t i;

	for (i = 0; i < len; i++)
		if ((unsigned char)bytes[i] != (from + i) % 251)
			return 0;
	return 1;
}

static int64_t
request(struct call *call, const char *id, const char *path, size_t size,
    int streamed)
{
	struct json_object *params = ask_jsonf("{'method':'GET',"
	    "'requestId':'%s','url':'@%s','streamResponse':%s}", id, path,
	    streamed ? "true" : "false");
	char *url, *text;

	if (size > 0) {
		text = xasprintf("%s%zu", path, size);
		url = xasprintf("'@%s'", text);
		json_object_object_add(params, "url", ask_json(url));
		free(text);
		free(url);
	}
	return call_send(call, "http/request", params);
}

static void
story_buffered(struct call *call)
{
	struct json_object *result;
	char *got = NULL;
	size_t len = 0;
	int64_t id = request(call, "b", "/big/", 20000000, 0);

	tap_ok(ask_wait(call, id, &result) == 0 &&
	    (got = ask_bytes(result, "bodyBase64", &len)) != NULL &&
	    len == 20000000 && is_pattern(got, len, 0) &&
	    ask_int(result, "status") == 200, "20 MB in one piece");
	free(got);
	json_object_put(result);
}

static void
story_too_large(struct call *call)
{
	struct json_object *reply, *error, *message = NULL;
	int64_t id = request(call, "b", "/big/", BUFFERED_MAX + 1, 0);

	reply = call_wait(call, id, WEB_MS);
	if (json_object_object_get_ex(reply, "error", &error))
		json_object_object_get_ex(error, "message", &message);
	tap_ok(call_error_code(reply) == SYSTEM && message != NULL &&
	    strstr(json_object_get_string(message), "streamResponse") !=
	    NULL, "more than 64 MiB in one piece is refused, and why: %s",
	    message == NULL ? "?" : json_object_get_string(message));
	json_object_put(reply);
}

/* A stream as it comes in: */
struct stream {
	size_t bytes;
	int64_t seq;
	int done;
	int wrong;
	char error[256];
};

static void
take_delta(struct stream *stream, const char *id, struct json_object *event)
{
	struct json_object *params, *value, *error;
	size_t len;
	char *got;

	if (!json_object_object_get_ex(event, "params", &params) ||
	    !json_object_object_get_ex(params, "requestId", &value) ||
	    strcmp(json_object_get_string(value), id) != 0)
		return;
	got = ask_bytes(params, "deltaBase64", &len);
	stream->wrong += got == NULL || stream->done ||
	    ask_int(params, "seq") != ++stream->seq ||
	    !json_object_object_get_ex(params, "error", &error) ||
	    !is_pattern(got, len, stream->bytes);
	stream->bytes += got == NULL ? 0 : len;
	stream->done = ask_int(params, "done") == 1;
	stream->wrong += stream->done && len > 0;
	if (stream->done && error != NULL)
		strlcpy(stream->error, json_object_get_string(error),
		    sizeof(stream->error));
	free(got);
}

static void
take_stream(struct call *call, const char *id, struct stream *stream)
{
	struct json_object *event;

	*stream = (struct stream){ 0 };
	while (!stream->done) {
		event = call_next(call, WEB_MS);
		if (event == NULL)
			return;
		take_delta(stream, id, event);
		json_object_put(event);
	}
}

/* 0 when the result came, with an empty body, and nothing before it. */
static int
begins(struct call *call, int64_t id)
{
	struct json_object *result, *event, *body;
	int code = ask_wait(call, id, &result);

	event = call_take_event(call);
	if (code == 0 && (event != NULL ||
	    !json_object_object_get_ex(result, "bodyBase64", &body) ||
	    json_object_get_string_len(body) != 0))
		code = 1;
	json_object_put(event);
	json_object_put(result);
	return code;
}

static void
story_streamed(struct call *call)
{
	struct stream stream;
	int64_t id = request(call, "s", "/big/", STREAMED, 1);

	tap_ok(begins(call, id) == 0, "a stream begins with its head");
	take_stream(call, "s", &stream);
	tap_ok(stream.done && !stream.wrong && stream.bytes == STREAMED &&
	    *stream.error == '\0', "%zu bytes in %lld pieces, in order",
	    stream.bytes, (long long)stream.seq);
	id = request(call, "s", "/status/200", 0, 1);
	tap_ok(begins(call, id) == 0, "its id is free again");
	take_stream(call, "s", &stream);
	tap_ok(stream.done && stream.seq == 1, "an empty body is one piece");
	id = request(call, "s", "/redirect/3", 0, 1);
	tap_ok(begins(call, id) == 0, "a redirected one");
	take_stream(call, "s", &stream);
	tap_ok(stream.done && stream.bytes == 7, "has one body: %zu",
	    stream.bytes);
	id = request(call, "s", "/cut", 0, 1);
	tap_ok(begins(call, id) == 0, "one that will be cut");
	take_stream(call, "s", &stream);
	tap_ok(stream.done && *stream.error != '\0', "says so: %s",
	    stream.error);
	id = request(call, "s", "/circle", 0, 1);
	tap_ok(begins(call, id) == SYSTEM, "one that fails at once");
	id = request(call, "s", "/status/404", 0, 1);
	tap_ok(begins(call, id) == 0, "has left its id, and no piece");
	take_stream(call, "s", &stream);
}

static int
is_over(void *arg)
{
	(void)arg;
	return webserver_open() == 0;
}

static int
no_worker(void *daemon)
{
	return daemon_find(daemon, "holdfast-http", NULL, 0) == 0;
}

static void
story_ids(struct daemon *daemon)
{
	struct call *call = call_attach(daemon_url(daemon), NULL);
	char *session;

	if (!tap_ok(call != NULL, "a client with a stream that lasts"))
		return;
	session = xstrdup(call_session(call));
	tap_ok(begins(call, request(call, "s", "/slow", 0, 1)) == 0,
	    "it has begun");
	tap_ok(begins(call, request(call, "s", "/hello", 0, 1)) == PARAMS,
	    "its id is taken");
	tap_ok(ask_wait(call, request(call, "s", "/hello", 0, 0), NULL) == 0,
	    "but not for an answer in one piece");
	tap_ok(begins(call, request(call, "t", "/status/404", 0, 1)) == 0,
	    "nor another id");
	request(call, "u", "/hang", 0, 0);
	json_object_put(call_request(call, "environment/status", NULL));
	call_free(call);
	tap_ok(wait_until(is_over, NULL, WEB_MS) == 0 &&
	    wait_until(no_worker, daemon, WEB_MS) == 0,
	    "all of it ends with the connection");
	call = call_attach(daemon_url(daemon), session);
	tap_ok(call != NULL && begins(call, request(call, "s", "/status/200",
	    0, 1)) == 0, "and the next one may use the id");
	call_free(call);
	free(session);
}

/* What the server has sent no longer grows. */
static int
stands_still(void *arg)
{
	uint64_t *last = arg, now = webserver_sent();
	int still = now > 0 && now == last[0] ? (int)++last[1] : 0;

	last[0] = now;
	if (!still)
		last[1] = 0;
	return still > 60;
}

/* A client that does not read: nobody in between takes it all in. */
static void
story_deaf(struct daemon *daemon)
{
	struct call *call = call_attach(daemon_url(daemon), NULL);
	uint64_t last[2] = { 0, 0 }, before = webserver_sent(), held;
	struct stream stream;
	unsigned long kib = 0;
	int64_t id;
	pid_t pid;

	if (!tap_ok(call != NULL, "a client that does not read"))
		return;
	id = request(call, "f", "/big/", FLOOD, 1);
	wait_until(stands_still, last, WEB_MS);
	held = webserver_sent() - before;
	tap_ok(held < FLOOD, "the server has to wait: after %llu bytes",
	    (unsigned long long)held);
	if (!usage_has_memory())
		tap_skip("memory is a sanitizer's", "memory is bounded");
	else if (daemon_find(daemon, "holdfast-http", &pid, 1) == 1)
		kib = procfs_memory(pid);
	if (usage_has_memory())
		tap_ok(kib > 0 && kib < FLOOD_KIB,
		    "memory is bounded: %lu KiB", kib);
	tap_ok(ask_wait(call, id, NULL) == 0, "then it reads");
	take_stream(call, "f", &stream);
	tap_ok(stream.done && !stream.wrong && stream.bytes == FLOOD,
	    "and gets everything: %zu bytes", stream.bytes);
	call_free(call);
}

static void
stories(struct daemon *daemon)
{
	struct call *call = call_attach(daemon_url(daemon), NULL);
	char base[64];
	int port = webserver_start();

	snprintf(base, sizeof(base), "http://127.0.0.1:%d", port);
	ask_base(base);
	if (tap_ok(call != NULL && port != -1, "attached")) {
		ask_rows(call, ROWS(rows));
		story_sent(call);
		story_moved(call);
		story_buffered(call);
		story_too_large(call);
		story_streamed(call);
		tap_ok(daemon_find(daemon, "holdfast-http", NULL, 0) == 1,
		    "one program did all that");
	}
	call_free(call);
	story_ids(daemon);
	story_deaf(daemon);
}

int
main(void)
{
	static const char *const args[] = { "--gateways", "1", NULL };
	struct daemon *daemon;

	signal(SIGPIPE, SIG_IGN);
	setenv("HOLDFAST_TEST_VALUE", "swordfish", 1);
	daemon = daemon_start(args);
	if (tap_ok(daemon != NULL, "holdfastd runs")) {
		stories(daemon);
		tap_ok(daemon_stop(daemon, WEB_MS) == 0,
		    "holdfastd ends with 0");
		tap_ok(daemon_check_clean(daemon, WEB_MS) == 0,
		    "nothing is left behind");
	}
	daemon_free(daemon, tap_failed() > 0);
	return tap_done();
}
