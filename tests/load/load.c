/* SPDX-License-Identifier: ISC */
/*
 * Load on a holdfastd whose gateways are replaced all the time:
 *
 *	load [-n SECONDS] [-r RATE] [-s STEADY] [-e MS] URL PID
 *
 * RATE times a second somebody connects, initializes and leaves; every tenth
 * runs a job and reads its output, over as many connections as that takes.
 * STEADY others stay, and ask for the status now and then.  Every MS
 * milliseconds PID is sent SIGUSR1.  Says how many connects failed, how many
 * jobs were lost, and how many of those who stay were dropped between
 * messages; the exit status is 0 if no connect failed and no job was lost.
 */
#include "config.h"

#include <sys/queue.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <json-c/json.h>

#include "common/base64.h"
#include "common/clock.h"
#include "common/xmalloc.h"
#include "tests/lib/raw.h"

#define TICK_MS 5
#define PATIENCE_MS 20000	/* for one connect */
#define REST_MS 30000		/* for all to finish in the end */
#define STATUS_MS 200		/* between questions of those who stay */
#define JOB_EACH 10
#define JOB_LINES 5000
#define IN_MAX (1024 * 1024)
#define TEXT_MAX 512

enum kind { PASSING, WORKING, STEADY };
enum stage { DIALING, UPGRADING, INITIALIZING, SERVED, LEAVING };

struct client {
	TAILQ_ENTRY(client) entry;
	enum kind kind;
	enum stage stage;
	int fd;
	struct event *ev;
	uint8_t *in;
	size_t len;
	uint64_t since;		/* the connect began, or was answered */
	char session[64];
	bool asked;		/* an answer is due */
	bool started;		/* the job's start was answered */
	uint64_t seq, bytes, sum;
	uint64_t ask_at;
};

static TAILQ_HEAD(, client) clients = TAILQ_HEAD_INITIALIZER(clients);
static struct event_base *base;
static struct sockaddr_in server;
static const char *url;
static struct {
	uint64_t connects, failed, resumes, jobs, done, lost, rolls;
	uint64_t dropped_between, dropped_waiting, steady_answers;
	uint64_t slowest_ms;
} count;
static uint64_t job_sum, job_bytes;

static void dial(struct client *c);

static uint64_t
add_sum(uint64_t sum, const uint8_t *bytes, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		sum = (sum ^ bytes[i]) * 1099511628211u;
	return sum;
}

static void
expect_job(void)
{
	char line[32];
	int i, n;

	for (i = 1; i <= JOB_LINES; i++) {
		n = snprintf(line, sizeof(line), "%d\n", i);
		job_sum = add_sum(job_sum, (uint8_t *)line, (size_t)n);
		job_bytes += (size_t)n;
	}
}

static void
hang_up(struct client *c)
{
	if (c->ev != NULL)
		event_free(c->ev);
	c->ev = NULL;
	if (c->fd != -1)
		close(c->fd);
	c->fd = -1;
	c->len = 0;
	c->asked = false;
}

static void
drop(struct client *c)
{
	hang_up(c);
	TAILQ_REMOVE(&clients, c, entry);
	free(c->in);
	free(c);
}

static void
complain(const struct client *c, const char *what)
{
	fprintf(stderr, "load: %s (stage %d%s, after %llu ms)\n", what,
	    c->stage, c->session[0] != '\0' ? ", resuming" : "",
	    (unsigned long long)(clock_ms() - c->since));
}

/* It is over before anybody asked for that. */
static void
broken(struct client *c, const char *what)
{
	bool connecting = c->stage <= INITIALIZING;

	if (connecting) {
		count.failed++;
		complain(c, what);
	} else if (c->kind == STEADY && c->stage == SERVED) {
		if (c->asked)
			count.dropped_waiting++;
		else
			count.dropped_between++;
	}
	if (c->stage == LEAVING || c->kind == PASSING) {
		drop(c);
		return;
	}
	hang_up(c);
	if (c->kind == WORKING && connecting && c->session[0] == '\0') {
		count.lost++;
		drop(c);
		return;
	}
	count.resumes++;
	if (count.failed > 100)
		exit(1);
	dial(c);
}

static void
send_text(struct client *c, const char *text)
{
	char frame[TEXT_MAX + RAW_FRAME_MAX];
	size_t len = raw_frame(frame, text);

	/* Small enough to fit any socket; the end shows by reading. */
	(void)!send(c->fd, frame, len, MSG_NOSIGNAL);
}

static void
send_close(struct client *c)
{
	static const char frame[] = "\x88\x82\0\0\0\0\x03\xe8";

	c->stage = LEAVING;
	c->since = clock_ms();
	(void)!send(c->fd, frame, sizeof(frame) - 1, MSG_NOSIGNAL);
}

static void
ask_job(struct client *c)
{
	char text[TEXT_MAX];

	if (c->started)
		snprintf(text, sizeof(text), "{\"id\":3,\"method\":"
		    "\"process/read\",\"params\":{\"processId\":\"p\","
		    "\"afterSeq\":%llu,\"waitMs\":1000}}",
		    (unsigned long long)c->seq);
	else
		snprintf(text, sizeof(text), "{\"id\":2,\"method\":"
		    "\"process/start\",\"params\":{\"processId\":\"p\","
		    "\"argv\":[\"sh\",\"-c\",\"seq 1 %d; sleep 0.2; seq %d "
		    "%d\"],\"cwd\":\"file:///\",\"env\":{\"PATH\":"
		    "\"/usr/bin:/bin\"},\"tty\":false,\"pipeStdin\":false,"
		    "\"arg0\":null}}", JOB_LINES / 2, JOB_LINES / 2 + 1,
		    JOB_LINES);
	c->asked = true;
	send_text(c, text);
}

static void
served(struct client *c, struct json_object *result)
{
	uint64_t took = clock_ms() - c->since;
	struct json_object *id;

	if (took > count.slowest_ms)
		count.slowest_ms = took;
	if (json_object_object_get_ex(result, "sessionId", &id))
		snprintf(c->session, sizeof(c->session), "%s",
		    json_object_get_string(id));
	c->stage = SERVED;
	c->ask_at = clock_ms() + STATUS_MS;
	send_text(c, "{\"method\":\"initialized\",\"params\":{}}");
	if (c->kind == PASSING)
		send_close(c);
	else if (c->kind == WORKING)
		ask_job(c);
}

static void
job_over(struct client *c)
{
	if (c->sum == job_sum && c->bytes == job_bytes) {
		count.done++;
	} else {
		count.lost++;
		fprintf(stderr, "load: a job's output is wrong: %llu bytes\n",
		    (unsigned long long)c->bytes);
	}
	send_close(c);
}

static size_t
take_chunks(struct client *c, struct json_object *chunks)
{
	struct json_object *one, *data;
	static uint8_t bytes[IN_MAX];
	ssize_t len;
	size_t i;

	for (i = 0; i < json_object_array_length(chunks); i++) {
		one = json_object_array_get_idx(chunks, i);
		if (!json_object_object_get_ex(one, "chunk", &data) ||
		    (size_t)json_object_get_string_len(data) > IN_MAX ||
		    (len = base64_decode(bytes, json_object_get_string(data),
		    (size_t)json_object_get_string_len(data))) == -1)
			continue;
		c->sum = add_sum(c->sum, bytes, (size_t)len);
		c->bytes += (uint64_t)len;
		c->seq = json_object_get_uint64(json_object_object_get(one,
		    "seq"));
	}
	return i;
}

static void
take_answer(struct client *c, struct json_object *answer)
{
	struct json_object *result, *member;
	size_t chunks = 0;

	if (!json_object_object_get_ex(answer, "id", NULL))
		return;
	c->asked = false;
	if (!json_object_object_get_ex(answer, "result", &result)) {
		fprintf(stderr, "load: %s\n",
		    json_object_to_json_string(answer));
		if (c->stage == INITIALIZING && c->session[0] != '\0') {
			/* The session is not there any more. */
			count.failed++;
			if (c->kind == WORKING)
				count.lost++;
			drop(c);
		} else
			broken(c, "refused");
		return;
	}
	if (c->stage == INITIALIZING) {
		served(c, result);
	} else if (c->kind == STEADY) {
		count.steady_answers++;
	} else if (c->kind == WORKING && c->stage == SERVED) {
		if (json_object_object_get_ex(result, "chunks", &member))
			chunks = take_chunks(c, member);
		c->started = true;
		if (chunks == 0 && json_object_object_get_ex(result, "closed",
		    &member) && json_object_get_boolean(member))
			job_over(c);
		else
			ask_job(c);
	}
}

static void
consume(struct client *c, size_t len)
{
	c->len -= len;
	memmove(c->in, c->in + len, c->len);
}

/* The length of the first frame's head, 0: not all there; and its payload. */
static size_t
frame_head(const struct client *c, size_t *payload)
{
	size_t n, i, bytes;

	if (c->len < 2)
		return 0;
	n = c->in[1];
	bytes = n == 127 ? 8 : n == 126 ? 2 : 0;
	if (c->len < 2 + bytes)
		return 0;
	*payload = bytes == 0 ? n : 0;
	for (i = 0; i < bytes; i++)
		*payload = *payload << 8 | c->in[2 + i];
	return 2 + bytes;
}

/* One frame; false when there is none or the client is another by now. */
static bool
take_frame(struct client *c)
{
	struct json_object *answer;
	size_t head, len = 0;
	char *text;
	uint8_t opcode;

	head = frame_head(c, &len);
	if (head == 0 || c->len - head < len)
		return false;
	opcode = c->in[0] & 15;
	if (opcode == 8) {
		broken(c, "closed");
		return false;
	}
	text = xmalloc(len + 1);
	memcpy(text, c->in + head, len);
	text[len] = '\0';
	consume(c, head + len);
	answer = opcode == 1 ? json_tokener_parse(text) : NULL;
	free(text);
	if (answer == NULL)
		return true;
	take_answer(c, answer);
	json_object_put(answer);
	/* It may be gone; what it has left is read in the next turn. */
	return false;
}

static void
take_http(struct client *c)
{
	uint8_t *end = memmem(c->in, c->len, "\r\n\r\n", 4);
	char *text;

	if (end == NULL)
		return;
	if (c->len < 12 || memcmp(c->in + 9, "101", 3) != 0) {
		fprintf(stderr, "load: %.12s\n", (char *)c->in);
		broken(c, "not upgraded");
		return;
	}
	consume(c, (size_t)(end + 4 - c->in));
	c->stage = INITIALIZING;
	text = raw_initialize(c->session[0] != '\0' ? c->session : NULL);
	send_text(c, text);
	free(text);
}

static void
ready_cb(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = arg;
	char request[RAW_BEGIN_MAX];
	size_t len;
	ssize_t n;

	if (c->stage == DIALING && what & EV_WRITE) {
		c->stage = UPGRADING;
		event_free(c->ev);
		c->ev = event_new(base, fd, EV_READ | EV_PERSIST, ready_cb,
		    c);
		event_add(c->ev, NULL);
		len = raw_begin(request, url);
		(void)!send(fd, request, len, MSG_NOSIGNAL);
		return;
	}
	n = recv(fd, c->in + c->len, IN_MAX - c->len, 0);
	if (n == -1 && errno == EAGAIN)
		n = 0;
	else if (n <= 0) {
		broken(c, n == 0 ? "ended" : strerror(errno));
		return;
	}
	c->len += (size_t)n;
	if (c->stage == UPGRADING) {
		take_http(c);
		return;
	}
	while (take_frame(c))
		continue;
}

static void
dial(struct client *c)
{
	count.connects++;
	c->stage = DIALING;
	c->since = clock_ms();
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    0);
	if (connect(c->fd, (struct sockaddr *)&server, sizeof(server)) == -1 &&
	    errno != EINPROGRESS) {
		perror("connect");
		count.failed++;
	}
	c->ev = event_new(base, c->fd, EV_READ | EV_WRITE | EV_PERSIST,
	    ready_cb, c);
	event_add(c->ev, NULL);
}

static void
begin(enum kind kind)
{
	struct client *c = xcalloc(1, sizeof(*c));

	c->kind = kind;
	c->fd = -1;
	c->in = xmalloc(IN_MAX);
	if (kind == WORKING)
		count.jobs++;
	TAILQ_INSERT_TAIL(&clients, c, entry);
	dial(c);
}

/* Who has waited too long, who has something to ask, what is left over. */
static void
look_around(bool ending)
{
	struct client *c, *next;
	uint64_t now = clock_ms();
	size_t before;

	for (c = TAILQ_FIRST(&clients); c != NULL; c = next) {
		next = TAILQ_NEXT(c, entry);
		before = c->len;
		if (c->stage <= INITIALIZING && now - c->since > PATIENCE_MS)
			broken(c, "late");
		else if (c->stage == LEAVING && now - c->since > 2000)
			drop(c);
		else if (before > 0 && c->stage >= INITIALIZING &&
		    take_frame(c))
			continue;
		else if (before > 0)
			continue;
		else if (c->kind == STEADY && c->stage == SERVED && ending)
			send_close(c);
		else if (c->kind == STEADY && c->stage == SERVED &&
		    !c->asked && now >= c->ask_at) {
			c->asked = true;
			c->ask_at = now + STATUS_MS;
			send_text(c, "{\"id\":9,\"method\":"
			    "\"environment/status\"}");
		}
	}
}

static void
turn(void)
{
	struct timeval tv = { .tv_usec = TICK_MS * 1000 };

	event_base_loopexit(base, &tv);
	event_base_dispatch(base);
}

static void
run(uint64_t seconds, uint64_t rate, uint64_t steady, uint64_t each,
    pid_t pid)
{
	uint64_t start = clock_ms(), now = start, made = 0, roll_at;

	while (made < steady) {
		begin(STEADY);
		made++;
	}
	roll_at = start + each;
	for (made = 0; now - start < seconds * 1000; now = clock_ms()) {
		for (; made * 1000 < (now - start) * rate; made++)
			begin(made % JOB_EACH == 0 ? WORKING : PASSING);
		if (each != 0 && now >= roll_at) {
			roll_at = now + each;
			count.rolls++;
			kill(pid, SIGUSR1);
		}
		turn();
		look_around(false);
	}
	start = clock_ms();
	while (!TAILQ_EMPTY(&clients) && clock_ms() - start < REST_MS) {
		turn();
		look_around(true);
	}
}

#define N(name) (unsigned long long)count.name

static int
report(void)
{
	struct client *c;

	TAILQ_FOREACH(c, &clients, entry)
		if (c->kind == WORKING)
			count.lost++;
	printf("connects %llu failed %llu slowest %llu ms\n", N(connects),
	    N(failed), N(slowest_ms));
	printf("jobs %llu done %llu lost %llu resumes %llu\n", N(jobs),
	    N(done), N(lost), N(resumes));
	printf("steady answers %llu dropped between messages %llu waiting "
	    "%llu\n", N(steady_answers), N(dropped_between),
	    N(dropped_waiting));
	printf("orders to replace the gateways %llu\n", N(rolls));
	return count.failed == 0 && count.lost == 0 ? 0 : 1;
}

static int
usage(void)
{
	fputs("usage: load [-n SECONDS] [-r RATE] [-s STEADY] [-e MS] "
	    "URL PID\n", stderr);
	return 2;
}

int
main(int argc, char **argv)
{
	uint64_t seconds = 10, rate = 200, steady = 20, each = 3000;
	const char *colon;
	char host[64];
	int ch;

	while ((ch = getopt(argc, argv, "n:r:s:e:")) != -1) {
		uint64_t value = optarg == NULL ? 0 : strtoull(optarg, NULL,
		    10);

		if (ch == 'n')
			seconds = value;
		else if (ch == 'r')
			rate = value;
		else if (ch == 's')
			steady = value;
		else if (ch == 'e')
			each = value;
		else
			return usage();
	}
	if (argc - optind != 2 || strncmp(argv[optind], "ws://", 5) != 0 ||
	    (colon = strrchr(argv[optind], ':')) == NULL)
		return usage();
	url = argv[optind];
	snprintf(host, sizeof(host), "%.*s", (int)(colon - url - 5), url + 5);
	server.sin_family = AF_INET;
	server.sin_port = htons((in_port_t)atoi(colon + 1));
	if (inet_pton(AF_INET, host, &server.sin_addr) != 1)
		return usage();
	signal(SIGPIPE, SIG_IGN);
	expect_job();
	base = event_base_new();
	run(seconds, rate, steady, each, (pid_t)atoi(argv[optind + 1]));
	return report();
}
