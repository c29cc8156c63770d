/* SPDX-License-Identifier: ISC */
/*
 * Clients whose every byte is an attacker's, at a real gateway.  Whatever
 * they do costs them their connection or is answered; somebody else on the
 * same gateway sees nothing of it, and it leaves nothing behind.
 */
#include "config.h"

#include <sys/resource.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "common/unix.h"
#include "common/xmalloc.h"
#include "gateway/method.h"
#include "tests/lib/call.h"
#include "tests/lib/daemon.h"
#include "tests/lib/procfs.h"
#include "tests/lib/tap.h"
#include "tests/lib/wait.h"
#include "tests/system/party.h"
#include "tests/system/usage.h"

#define HOSTILE_MS 60000
#define SHORT_MS 300		/* nothing is taken any more for as long */
#define HANDSHAKE "1500"
#define PIECE 40000		/* bytes for the bystander in each attack */
#define MEMORY_KIB 6144
#define MALFORMED (-32600)
#define WRONG_PARAMS (-32602)
#define N(array) (sizeof(array) / sizeof((array)[0]))

static struct daemon *host;
static struct party *bystander;
static struct party_job *job;
static pid_t gateway;

/* Somebody else's work goes on while this does its worst. */
static int
undisturbed(void)
{
	return party_settle(bystander) == 0 &&
	    party_gateway(bystander) == gateway;
}

static struct wire *
come(void)
{
	return wire_connect(daemon_url(host), HOSTILE_MS);
}

/* The other side ends the connection, whatever it says before. */
static int
is_ended(struct wire *wire)
{
	uint64_t deadline = deadline_in(HOSTILE_MS);
	struct wire_message msg;
	enum wire_kind kind;

	do {
		kind = wire_recv(wire, &msg, deadline_left(deadline));
		free(msg.data);
		if (kind == WIRE_EOF || kind == WIRE_ERROR ||
		    kind == WIRE_CLOSE)
			return 1;
	} while (kind != WIRE_TIMEOUT);
	return 0;
}

/* So much of it, or until it is not taken any more. */
static void
pour(struct wire *wire, const char *text, size_t most)
{
	static char block[65536];
	size_t len = strlen(text), i, sent = 0;

	for (i = 0; i + len <= sizeof(block); i += len)
		memcpy(block + i, text, len);
	for (; sent < most; sent += i)
		if (wire_send_raw(wire, block, i, HOSTILE_MS) == -1)
			break;
}

#define HEAD "GET / HTTP/1.1\r\nHost: h\r\n"
#define SWITCH "Connection: Upgrade\r\nUpgrade: websocket\r\n"
#define NUMBER "Sec-WebSocket-Version: 13\r\n"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define GOOD HEAD SWITCH NUMBER KEY

/* Every beginning of a good request, all at once, and not a byte more. */
static int
half_heads(void)
{
	static const char good[] = GOOD "\r\n";
	struct wire *wires[N(good)] = { NULL };
	size_t i, ended = 0, n = 0;

	for (i = 0; i < N(good) - 1; i += 5, n++) {
		wires[n] = come();
		if (wires[n] != NULL)
			(void)wire_send_raw(wires[n], good, i, HOSTILE_MS);
	}
	for (i = 0; i < n; i++) {
		ended += wires[i] != NULL &&
		    wire_read_head(wires[i], HOSTILE_MS) != 101 &&
		    is_ended(wires[i]);
		wire_free(wires[i]);
	}
	return ended == n;
}

static int
endless_heads(void)
{
	static const struct {
		const char *begin, *more;
	} heads[] = {
		{ "", "G" }, { "", "\r\n" }, { "GET /", "a" },
		{ "GET / HTTP/1.1", "1" }, { HEAD, "x: y\r\n" },
		{ HEAD, "x" }, { HEAD "x: ", "y" }, { HEAD "x: y\r\n", " z" },
		{ HEAD "Authorization: Bearer ", "a" },
		{ HEAD SWITCH NUMBER "Sec-WebSocket-Key: ", "a" },
		{ HEAD "Cookie: ", "a=b; " },
	};
	struct wire *wire;
	size_t i, ended = 0;
	int status;

	for (i = 0; i < N(heads); i++) {
		wire = come();
		if (wire == NULL)
			continue;
		(void)wire_send_raw(wire, heads[i].begin,
		    strlen(heads[i].begin), HOSTILE_MS);
		pour(wire, heads[i].more, 1 << 20);
		/* The answer is lost where the rest was refused first. */
		status = wire_read_head(wire, HOSTILE_MS);
		if ((status == -1 || status >= 400) && is_ended(wire))
			ended++;
		else
			tap_note("head %zu: %d", i, status);
		wire_free(wire);
	}
	return ended == i;
}

static const char *const wrong_upgrades[] = {
	HEAD SWITCH NUMBER "\r\n",
	HEAD SWITCH KEY "\r\n",
	HEAD "Upgrade: websocket\r\n" NUMBER KEY "\r\n",
	HEAD "Connection: Upgrade\r\n" NUMBER KEY "\r\n",
	HEAD "Connection: close\r\nUpgrade: websocket\r\n" NUMBER KEY "\r\n",
	HEAD "Connection: Upgrade\r\nUpgrade: h2c\r\n" NUMBER KEY "\r\n",
	HEAD SWITCH "Sec-WebSocket-Version: 12\r\n" KEY "\r\n",
	HEAD SWITCH "Sec-WebSocket-Version: 13, 8\r\n" KEY "\r\n",
	HEAD SWITCH "Sec-WebSocket-Version: \r\n" KEY "\r\n",
	HEAD SWITCH NUMBER "Sec-WebSocket-Key: short\r\n\r\n",
	HEAD SWITCH NUMBER "Sec-WebSocket-Key: \r\n\r\n",
	HEAD SWITCH NUMBER KEY KEY "\r\n",
	GOOD "Host: other\r\n\r\n",
	GOOD "Origin: http://h\r\n\r\n",
	GOOD "Origin: null\r\n\r\n",
	GOOD "Content-Length: 5\r\n\r\nhello",
	GOOD "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
	GOOD " folded\r\n\r\n",
	GOOD "no colon\r\n\r\n",
	GOOD "blank : x\r\n\r\n",
	GOOD "x: a\rb\r\n\r\n",
	"GET / HTTP/1.0\r\nHost: h\r\n" SWITCH NUMBER KEY "\r\n",
	"GET / HTTP/1.1\r\n" SWITCH NUMBER KEY "\r\n",
	"GET / HTTP/2.0\r\nHost: h\r\n" SWITCH NUMBER KEY "\r\n",
	"GET /ws HTTP/1.1\r\nHost: h\r\n" SWITCH NUMBER KEY "\r\n",
	"GET /../ HTTP/1.1\r\nHost: h\r\n" SWITCH NUMBER KEY "\r\n",
	"GET  / HTTP/1.1\r\nHost: h\r\n" SWITCH NUMBER KEY "\r\n",
	"get / HTTP/1.1\r\nHost: h\r\n" SWITCH NUMBER KEY "\r\n",
	"POST / HTTP/1.1\r\nHost: h\r\n" SWITCH NUMBER KEY "\r\n",
	"CONNECT h:1 HTTP/1.1\r\nHost: h\r\n" SWITCH NUMBER KEY "\r\n",
	"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
};

static int
wrong_upgrade(void)
{
	struct wire *wire;
	size_t i, met = 0;
	int status;

	for (i = 0; i < N(wrong_upgrades); i++) {
		wire = come();
		if (wire == NULL)
			continue;
		(void)wire_send_raw(wire, wrong_upgrades[i],
		    strlen(wrong_upgrades[i]), HOSTILE_MS);
		status = wire_read_head(wire, HOSTILE_MS);
		if (status >= 400 && status < 600)
			met++;
		else
			tap_note("%d for %s", status, wrong_upgrades[i]);
		wire_free(wire);
	}
	return met == i;
}

static struct wire *
opened(void)
{
	return wire_open(daemon_url(host), HOSTILE_MS);
}

/* Whether a connection that begins with these bytes is ended for it. */
static int
ends_by(const void *bytes, size_t len)
{
	struct wire *wire = opened();
	int rc;

	if (wire == NULL)
		return 0;
	(void)wire_send_raw(wire, bytes, len, HOSTILE_MS);
	rc = is_ended(wire);
	wire_free(wire);
	return rc;
}

/* Empty and masked: a message can begin so, or a control frame can be it. */
static int
may_begin(unsigned int first)
{
	unsigned int opcode = first & 0x0f;

	if (first & 0x70)
		return 0;
	return opcode == 1 || opcode == 2 ||
	    ((first & 0x80) && opcode >= 8 && opcode <= 10);
}

/* Every first byte there is, with a mask and without. */
static int
wrong_frames(void)
{
	size_t tried = 0, met = 0;
	unsigned int first;
	uint8_t frame[6] = { 0, 0x80, 1, 2, 3, 4 };

	for (first = 0; first < 256; first++) {
		frame[0] = (uint8_t)first;
		if (!may_begin(first)) {
			tried++;
			met += ends_by(frame, 6) != 0;
		}
		frame[1] = 0;
		if (first % 4 == 1) {
			tried++;
			met += ends_by(frame, 2) != 0;
		}
		frame[1] = 0x80;
	}
	if (met != tried)
		tap_note("%zu of %zu", met, tried);
	return met == tried;
}

static int
wrong_lengths(void)
{
	static const uint8_t heads[][14] = {
		{ 0x81, 0xff, 0, 0, 0, 0, 1, 0, 0, 1 },
		{ 0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 0 },
		{ 0x81, 0xff, 0x7f, 255, 255, 255, 255, 255, 255, 255 },
		{ 0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0 },
		{ 0x01, 0xff, 255, 255, 255, 255, 255, 255, 255, 255 },
		{ 0x89, 0xff, 0, 0, 0, 0, 0, 0, 0, 1 },
		{ 0x89, 0xfe, 0, 126 },
		{ 0x8a, 0xfe, 255, 255 },
		{ 0x88, 0xff, 0, 0, 0, 0, 0, 1, 0, 0 },
		{ 0x88, 0x81, 1, 2, 3, 4, 9 },
	};
	size_t i, met = 0;

	for (i = 0; i < N(heads); i++)
		if (ends_by(heads[i], sizeof(heads[i])))
			met++;
		else
			tap_note("length %zu", i);
	return met == i;
}

/* Pieces of one message, until it is too much. */
static int
endless_message(void)
{
	static const size_t size = 4 << 20;
	struct wire *wire = opened();
	char *piece = xcalloc(1, size);
	int i, rc = 0;

	for (i = 0; wire != NULL && rc == 0 && i < 20; i++)
		rc = wire_send_frame(wire, i == 0 ? WIRE_OP_BINARY :
		    WIRE_OP_CONTINUATION, WIRE_NOT_FINAL, piece, size,
		    HOSTILE_MS) == -1;
	rc = wire != NULL && (rc != 0 || is_ended(wire));
	free(piece);
	wire_free(wire);
	return rc;
}

/* A message in ever so many pieces of nothing is still a message. */
static int
empty_fragments(void)
{
	static uint8_t frames[6 * 4096];
	static const uint8_t frame[6] = { 0x00, 0x80, 1, 2, 3, 4 };
	struct wire *wire = opened();
	struct wire_message msg = { .data = NULL };
	size_t i;
	int rc;

	if (wire == NULL)
		return 0;
	for (i = 0; i < sizeof(frames); i++)
		frames[i] = frame[i % 6];
	rc = wire_send_frame(wire, WIRE_OP_TEXT, WIRE_NOT_FINAL, "[", 1,
	    HOSTILE_MS) == 0;
	for (i = 0; rc && i < 50; i++)
		rc = wire_send_raw(wire, frames, sizeof(frames),
		    HOSTILE_MS) == 0;
	rc = rc && wire_send_frame(wire, WIRE_OP_CONTINUATION, 0, "]", 1,
	    HOSTILE_MS) == 0 &&
	    wire_recv(wire, &msg, HOSTILE_MS) == WIRE_TEXT &&
	    strstr(msg.data, "\"id\":-1") != NULL;
	free(msg.data);
	wire_free(wire);
	return rc;
}

/* Send the same again and again, and read nothing of what comes back. */
static int
never_read(struct wire *wire, const void *bytes, size_t len)
{
	unsigned long before = procfs_memory(gateway), now;
	size_t block_len = 65536 / len * len, sent;
	char *block = xmalloc(block_len);
	int size = 4096, stuck = 0;

	for (sent = 0; sent < block_len; sent += len)
		memcpy(block + sent, bytes, len);
	setsockopt(wire_fd(wire), SOL_SOCKET, SO_RCVBUF, &size,
	    sizeof(size));
	for (sent = 0; !stuck && sent < (size_t)256 << 20; sent += block_len)
		stuck = wire_send_raw(wire, block, block_len, SHORT_MS) ==
		    -1;
	free(block);
	now = procfs_memory(gateway);
	tap_note("not read any more after %zu KiB, the gateway has %ld KiB "
	    "more", sent >> 10, (long)now - (long)before);
	return stuck && (!usage_has_memory() || now < before + MEMORY_KIB) &&
	    undisturbed();
}

/* Pongs to old pings may be left out: then it is read on for ever. */
static int
unread_pings(void)
{
	static const uint8_t ping[6 + 125] = { 0x89, 0x80 | 125, 0 };
	unsigned long before = procfs_memory(gateway), now;
	struct wire *wire = opened();
	int size = 4096, i, rc = 0;

	if (wire == NULL)
		return 0;
	setsockopt(wire_fd(wire), SOL_SOCKET, SO_RCVBUF, &size,
	    sizeof(size));
	for (i = 0; rc == 0 && i < 100000; i++)
		rc = wire_send_raw(wire, ping, sizeof(ping), SHORT_MS);
	now = procfs_memory(gateway);
	tap_note("after %d pings the gateway has %ld KiB more", i,
	    (long)now - (long)before);
	rc = (!usage_has_memory() || now < before + MEMORY_KIB) &&
	    undisturbed();
	wire_free(wire);
	return rc;
}

static int
unread_requests(void)
{
	static const char text[] =
	    "{\"id\":1,\"method\":\"environment/info\"}";
	struct call *call = call_attach(daemon_url(host), NULL);
	uint8_t frame[6 + sizeof(text) - 1] = { 0x81,
		0x80 | (sizeof(text) - 1), 0 };
	int rc;

	memcpy(frame + 6, text, sizeof(text) - 1);
	rc = call != NULL && never_read(call_wire(call), frame,
	    sizeof(frame));
	call_free(call);
	return rc;
}

/* And such as nobody understands: errors are answers, too. */
static int
unread_errors(void)
{
	static const uint8_t frame[] = { 0x81, 0x82, 0, 0, 0, 0, '[', ']' };
	struct call *call = call_attach(daemon_url(host), NULL);
	int rc;

	rc = call != NULL && never_read(call_wire(call), frame,
	    sizeof(frame));
	call_free(call);
	return rc;
}

/* The code of the one answer to this text; 1 for a result, 0 for none. */
static int
code_of(struct call *call, const char *text)
{
	struct wire_message msg = { .data = NULL };
	struct json_object *reply;
	int code = 0;

	if (wire_send_text(call_wire(call), text, HOSTILE_MS) == 0 &&
	    wire_recv(call_wire(call), &msg, HOSTILE_MS) == WIRE_TEXT) {
		reply = json_tokener_parse(msg.data);
		code = call_error_code(reply);
		if (code == 0 &&
		    json_object_object_get_ex(reply, "result", NULL))
			code = 1;
		json_object_put(reply);
	}
	free(msg.data);
	return code;
}

static int
is_served(struct call *call)
{
	return code_of(call,
	    "{\"id\":1,\"method\":\"environment/status\"}") == 1;
}

static char *
nested(const char *before, char open, char close, size_t depth,
    const char *behind)
{
	size_t first = strlen(before), last = strlen(behind);
	char *text = xmalloc(first + 2 * depth + last + 1);

	memcpy(text, before, first);
	memset(text + first, open, depth);
	memset(text + first + depth, close, depth);
	memcpy(text + first + 2 * depth, behind, last + 1);
	return text;
}

static int
deep_json(void)
{
	static const size_t depths[] = { 1, 62, 63, 64, 65, 66, 1000,
		1000000 };
	struct call *call = call_attach(daemon_url(host), NULL);
	char *text;
	size_t i, met = 0, tried = 0;
	int code;

	for (i = 0; call != NULL && i < N(depths); i++) {
		text = nested("{\"id\":1,\"method\":\"environment/status\","
		    "\"params\":", '[', ']', depths[i], "}");
		code = code_of(call, text);
		tried++;
		met += code == (depths[i] < 64 ? WRONG_PARAMS : MALFORMED);
		free(text);
		/* Where nobody looks, and never closed. */
		text = nested("{\"id\":1,\"method\":\"x\",\"y\":", '[', '[',
		    depths[i], "");
		tried++;
		met += code_of(call, text) == MALFORMED;
		free(text);
		tried++;
		met += is_served(call);
	}
	call_free(call);
	if (met != tried)
		tap_note("%zu of %zu", met, tried);
	return tried > 0 && met == tried;
}

/* As many values, names or characters as fit. */
static int
wide_json(void)
{
	static const struct {
		const char *before, *more, *behind;
		size_t times;
	} rows[] = {
		{ "[", "0,", "0]", 4000000 },
		{ "{\"id\":1,\"method\":\"environment/status\",\"x\":[",
		    "{},", "0]}", 2000000 },
		{ "{\"id\":1,", "\"x\":{},", "\"method\":\"nothing\"}",
		    1000000 },
		{ "{\"id\":1,\"method\":\"", "m", "\"}", 8000000 },
		{ "{\"id\":1,\"method\":\"x\",\"", "k", "\":0}", 8000000 },
		{ "{\"id\":", "9", ",\"method\":\"x\"}", 1000000 },
		{ "{\"id\":1,\"method\":\"x\",\"params\":", "1", "}",
		    1000000 },
		{ "", " ", "", 8000000 },
		{ "{\"id\":1,\"method\":\"", "\\u0000", "\"}", 1000000 },
		{ "{\"id\":1,\"method\":\"", "\\ud800", "\"}", 100000 },
	};
	struct call *call = call_attach(daemon_url(host), NULL);
	size_t i, k, len, met = 0;
	char *text, *p;
	int code;

	for (i = 0; call != NULL && i < N(rows); i++) {
		len = strlen(rows[i].more);
		text = xmalloc(strlen(rows[i].before) + len * rows[i].times +
		    strlen(rows[i].behind) + 1);
		p = stpcpy(text, rows[i].before);
		for (k = 0; k < rows[i].times; k++, p += len)
			memcpy(p, rows[i].more, len);
		memcpy(p, rows[i].behind, strlen(rows[i].behind) + 1);
		code = code_of(call, text);
		if (code < 0 && is_served(call))
			met++;
		else
			tap_note("%d for the message with %zu times %s",
			    code, rows[i].times, rows[i].more);
		free(text);
	}
	call_free(call);
	return i == N(rows) && met == i;
}

static int
odd_ids(void)
{
	static const char *const ids[] = { "null", "true", "1.5", "1e3",
		"-0.0", "{}", "[]", "[1]", "9223372036854775808",
		"-9223372036854775809", "1e400", "01", "+1", "0x1", "NaN",
		"Infinity", "'1'", "\"\\ud800\"", "\"", "" };
	static const char *const good[] = { "0", "-1", "\"\"", "\"\\u0000\"",
		"9223372036854775807", "-9223372036854775808",
		"\"\\ud83d\\ude00\"" };
	struct call *call = call_attach(daemon_url(host), NULL);
	size_t i, met = 0;
	char *text;

	for (i = 0; call != NULL && i < N(ids) + N(good); i++) {
		text = xasprintf("{\"id\":%s,\"method\":"
		    "\"environment/status\"}", i < N(ids) ? ids[i] :
		    good[i - N(ids)]);
		if (code_of(call, text) == (i < N(ids) ? MALFORMED : 1))
			met++;
		else
			tap_note("%s", text);
		free(text);
	}
	i = call != NULL && is_served(call) && met == i;
	call_free(call);
	return (int)i;
}

/* A value of each kind that is right and does no harm. */
static void
put_good(struct json_object *params, const struct param_row *row,
    struct json_object *(*of_members)(const struct param_row *))
{
	struct json_object *value;
	char *uri;

	switch (row->kind) {
	case PARAM_STRINGS:
	case PARAM_STRINGS_SOME:
		value = json_object_new_array();
		json_object_array_add(value,
		    json_object_new_string("/bin/true"));
		break;
	case PARAM_URI:
	case PARAM_PATH:
		uri = xasprintf("file://%s/hostile", daemon_dir(host));
		value = json_object_new_string(uri);
		free(uri);
		break;
	case PARAM_PATHS:
	case PARAM_HEADERS:
	case PARAM_ARRAY:
		value = json_object_new_array();
		break;
	case PARAM_ENV:
	case PARAM_OBJECT:
		value = json_object_new_object();
		break;
	case PARAM_BOOL:
		value = json_object_new_boolean(0);
		break;
	case PARAM_U64:
	case PARAM_U64_SOME:
	case PARAM_U16_SOME:
	case PARAM_I64:
		value = json_object_new_int(1);
		break;
	case PARAM_BASE64:
	case PARAM_CONTENT:
		value = json_object_new_string("eA==");
		break;
	case PARAM_WORD:
	case PARAM_INDEX:
		value = json_object_new_string(row->words[0]);
		break;
	case PARAM_MEMBERS:
		value = of_members(row->members);
		break;
	case PARAM_SANDBOX:
		return;
	default:
		value = json_object_new_string(
		    strcmp(row->name, "url") == 0 ? "http://127.0.0.1:1/" :
		    strcmp(row->name, "method") == 0 ? "GET" : "x");
		break;
	}
	json_object_object_add(params, row->name, value);
}

static struct json_object *
good_params(const struct param_row *row)
{
	struct json_object *params = json_object_new_object();

	for (; row != NULL && row->name != NULL; row++)
		put_good(params, row, good_params);
	return params;
}

static enum json_type
type_of(enum param_kind kind)
{
	switch (kind) {
	case PARAM_STRINGS:
	case PARAM_STRINGS_SOME:
	case PARAM_PATHS:
	case PARAM_HEADERS:
	case PARAM_ARRAY:
		return json_type_array;
	case PARAM_ENV:
	case PARAM_MEMBERS:
	case PARAM_OBJECT:
	case PARAM_SANDBOX:
		return json_type_object;
	case PARAM_BOOL:
		return json_type_boolean;
	case PARAM_U64:
	case PARAM_U64_SOME:
	case PARAM_U16_SOME:
	case PARAM_I64:
		return json_type_int;
	default:
		return json_type_string;
	}
}

/* As text, since not all of it can be made otherwise. */
static const struct {
	const char *text;
	enum json_type type;
} values[] = {
	{ "null", json_type_null },
	{ "true", json_type_boolean },
	{ "0", json_type_int },
	{ "-1", json_type_int },
	{ "18446744073709551616", json_type_double },
	{ "-99999999999999999999", json_type_double },
	{ "1.5", json_type_double },
	{ "1e400", json_type_double },
	{ "\"\"", json_type_string },
	{ "\"\\u0000\"", json_type_string },
	{ "\"\\ud83d\\ude00%00/../..\"", json_type_string },
	{ "\"file://other/x\"", json_type_string },
	{ "[]", json_type_array },
	{ "[null]", json_type_array },
	{ "[[[[[[[[[[[[{}]]]]]]]]]]]]", json_type_array },
	{ "{}", json_type_object },
	{ "{\"\":{\"\":[{}]}}", json_type_object },
};

static struct {
	size_t asked, met;
} calls;

#define MARK "\"@@here@@\""

/* "params" with the member "path" made each of the values. */
static void
try_values(struct call *call, const struct method *method,
    const struct param_row *row, struct json_object *params)
{
	const char *json, *at;
	char *text;
	size_t i;
	int code;

	json = json_object_to_json_string_ext(params, JSON_C_TO_STRING_PLAIN);
	at = strstr(json, MARK);
	for (i = 0; at != NULL && i < N(values); i++) {
		text = xasprintf("{\"id\":1,\"method\":\"%s\",\"params\":"
		    "%.*s%s%s}", method->name, (int)(at - json), json,
		    values[i].text, at + strlen(MARK));
		code = code_of(call, text);
		calls.asked++;
		if (values[i].type == type_of(row->kind) ||
		    values[i].type == json_type_null ? code != 0 :
		    code == WRONG_PARAMS)
			calls.met++;
		else
			tap_note("%d for %s", code, text);
		free(text);
	}
}

static void
try_params(struct call *call, const struct method *method,
    const struct param_row *rows, struct json_object *all,
    struct json_object *params)
{
	const struct param_row *row;
	struct json_object *below;

	for (row = rows; row != NULL && row->name != NULL; row++) {
		if (row->kind == PARAM_MEMBERS &&
		    json_object_object_get_ex(params, row->name, &below))
			try_params(call, method, row->members, all, below);
		json_object_object_add(params, row->name,
		    json_object_new_string("@@here@@"));
		try_values(call, method, row, all);
		json_object_object_del(params, row->name);
		put_good(params, row, good_params);
	}
}

static int
wrong_params(void)
{
	struct call *call = call_attach(daemon_url(host), NULL);
	const struct method *rows;
	struct json_object *params;
	size_t count, i;
	int rc;

	calls.asked = calls.met = 0;
	rows = method_rows(&count);
	for (i = 0; call != NULL && i < count; i++) {
		params = good_params(rows[i].params);
		try_params(call, &rows[i], rows[i].params, params, params);
		json_object_put(params);
	}
	tap_note("%zu calls of %zu methods, %zu answered as they must be",
	    calls.asked, count, calls.met);
	rc = call != NULL && calls.asked > 800 && calls.met == calls.asked &&
	    is_served(call);
	call_free(call);
	return rc;
}

/* Nobody has told who he is, and there are very many of him. */
#define CROWD 3000

static int
connect_once(const struct sockaddr_in *in)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0);

	if (fd == -1)
		return -1;
	if (connect(fd, (const struct sockaddr *)in, sizeof(*in)) == -1 &&
	    errno != EINPROGRESS)
		unix_close(&fd);
	return fd;
}

static int
crowd(void)
{
	struct rlimit files = { CROWD + 1024, CROWD + 1024 };
	struct sockaddr_in in = { .sin_family = AF_INET };
	const char *colon = strrchr(daemon_url(host), ':');
	struct call *call;
	int fds[CROWD], i, came = 0, rc;

	if (strncmp(daemon_url(host), "unix:", 5) == 0)
		return undisturbed();
	(void)setrlimit(RLIMIT_NOFILE, &files);
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	in.sin_port = htons((uint16_t)atoi(colon + 1));
	for (i = 0; i < CROWD; i++) {
		fds[i] = connect_once(&in);
		came += fds[i] != -1;
		if (fds[i] != -1 && i % 3 == 0)
			(void)!send(fds[i], HEAD, strlen(HEAD), MSG_NOSIGNAL);
	}
	rc = undisturbed();
	for (i = 0; i < CROWD; i++)
		unix_close(&fds[i]);
	call = call_attach(daemon_url(host), NULL);
	tap_note("%d came", came);
	rc = rc && came > CROWD / 2 && call != NULL && is_served(call);
	call_free(call);
	return rc;
}

/* Attached, and then left in the middle of everything. */
static int
come_and_go(void)
{
	static const char start[] = "{\"id\":1,\"method\":\"process/start\",";
	struct call *call;
	int i, bad = 0;

	for (i = 0; i < 60; i++) {
		call = call_open(daemon_url(host));
		if (call == NULL || (i % 3 != 0 &&
		    call_begin(call, NULL) == -1))
			bad++;
		else if (i % 4 < 2)
			(void)wire_send_frame(call_wire(call), WIRE_OP_TEXT,
			    WIRE_NOT_FINAL, start, sizeof(start) - 1,
			    HOSTILE_MS);
		if (call != NULL && i % 2)
			wire_reset(call_wire(call));
		call_free(call);
	}
	return bad == 0;
}

/* What ends a connection without a word. */
static int
wrong_messages(void)
{
	static const char *const texts[] = {
		"{\"method\":\"process/start\"}",
		"{\"method\":\"fs/remove\",\"params\":{}}",
		"{\"method\":\"x\"}",
		"{\"id\":1,\"result\":{}}",
		"{\"id\":1,\"error\":{\"code\":1,\"message\":\"x\"}}",
	};
	struct call *call;
	size_t i, met = 0;

	for (i = 0; i < N(texts); i++) {
		call = call_attach(daemon_url(host), NULL);
		if (call == NULL)
			continue;
		(void)wire_send_text(call_wire(call), texts[i], HOSTILE_MS);
		if (is_ended(call_wire(call)))
			met++;
		else
			tap_note("%s", texts[i]);
		call_free(call);
	}
	return met == i;
}

static const struct {
	const char *name;
	int (*fn)(void);
} attacks[] = {
	{ "half heads", half_heads },
	{ "endless heads", endless_heads },
	{ "wrong upgrades", wrong_upgrade },
	{ "every wrong first byte of a frame", wrong_frames },
	{ "wrong and huge lengths", wrong_lengths },
	{ "a message without end", endless_message },
	{ "fragments of nothing", empty_fragments },
	{ "pings, and nothing is read", unread_pings },
	{ "requests, and nothing is read", unread_requests },
	{ "errors, and nothing is read", unread_errors },
	{ "deep JSON", deep_json },
	{ "wide JSON", wide_json },
	{ "odd ids", odd_ids },
	{ "wrong values for every parameter", wrong_params },
	{ "what is neither request nor answer", wrong_messages },
	{ "coming and going", come_and_go },
	{ "thousands from one address", crowd },
};

static void
story_attacks(void)
{
	size_t i;

	for (i = 0; i < N(attacks); i++) {
		party_ask_output(bystander, job, PIECE);
		tap_ok(attacks[i].fn(), "%s", attacks[i].name);
		tap_ok(undisturbed(), "and nobody else notices %s",
		    party_error(bystander));
	}
}

static int
is_alone(void *arg)
{
	pid_t pid;

	(void)arg;
	return daemon_find(host, "holdfast-runner", &pid, 1) <= 1;
}

int
main(void)
{
	static const char *const args[] = { "--gateways", "1",
		"--detach-ttl-ms", "500", "--handshake-ms", HANDSHAKE, NULL };
	struct usage *before;

	host = daemon_start(args);
	if (!tap_ok(host != NULL, "holdfastd runs"))
		return tap_done();
	bystander = party_new(host, "bystander");
	job = bystander == NULL ? NULL :
	    party_start(bystander, PARTY_PIPES, "job");
	if (tap_ok(job != NULL, "a client has work %s",
		bystander == NULL ? "" : party_error(bystander))) {
		gateway = party_gateway(bystander);
		/* Once for what is kept to be used again. */
		story_attacks();
		wait_until(is_alone, NULL, HOSTILE_MS);
		before = usage_take(host);
		story_attacks();
		wait_until(is_alone, NULL, HOSTILE_MS);
		usage_check(before, MEMORY_KIB);
		usage_free(before);
		tap_ok(party_finish(bystander, job) == 0,
		    "its work ends with every byte as it was digested %s",
		    party_error(bystander));
	}
	party_free(bystander);
	tap_ok(daemon_stop(host, HOSTILE_MS) == 0 &&
	    daemon_check_clean(host, HOSTILE_MS) == 0,
	    "and at the end nothing is left");
	daemon_free(host, tap_failed());
	return tap_done();
}
