/* SPDX-License-Identifier: ISC */
/* The metrics listener's clients. */
#include "config.h"

#include <sys/queue.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "common/log.h"
#include "common/metrics.h"
#include "gateway/gateway.h"
#include "gateway/http.h"
#include "gateway/scrape.h"

/* The most text of one answer, in bytes. */
#define TEXT_MAX ((size_t)256 * 1024 * 1024)

#define EXPOSITION "text/plain; version=0.0.4; charset=utf-8"
#define PLAIN "text/plain; charset=utf-8"

enum scrape_state {
	SCRAPE_IDLE,		/* between requests */
	SCRAPE_HEAD,		/* some of one is there */
	SCRAPE_ASKED,		/* the broker has been asked */
	SCRAPE_WRITING
};

struct scrape {
	TAILQ_ENTRY(scrape) entry;
	struct scrapes *all;
	struct bufferevent *io;
	struct event *timer;
	enum scrape_state state;
	uint64_t number;	/* of the question to the broker */
	bool full, head_only, last;
	const struct metric_family *family;
	struct writer text;
};

struct scrapes {
	struct gateway *gw;
	TAILQ_HEAD(, scrape) list;
	size_t count;
	uint64_t serial;
};

struct scrapes *
scrapes_new(struct gateway *gw)
{
	struct scrapes *scrapes = calloc(1, sizeof(*scrapes));

	if (scrapes == NULL)
		return NULL;
	scrapes->gw = gw;
	TAILQ_INIT(&scrapes->list);
	return scrapes;
}

static void
scrape_free(struct scrape *s)
{
	TAILQ_REMOVE(&s->all->list, s, entry);
	s->all->count--;
	if (s->io != NULL)
		bufferevent_free(s->io);
	if (s->timer != NULL)
		event_free(s->timer);
	writer_clear(&s->text);
	free(s);
}

void
scrapes_free(struct scrapes *scrapes)
{
	struct scrape *s;

	if (scrapes == NULL)
		return;
	while ((s = TAILQ_FIRST(&scrapes->list)) != NULL)
		scrape_free(s);
	free(scrapes);
}

static void
scrape_move(struct scrape *s, enum scrape_state state)
{
	static const unsigned int limits[] = {
		[SCRAPE_IDLE] = SCRAPE_IDLE_MS,
		[SCRAPE_HEAD] = SCRAPE_HEAD_MS,
		[SCRAPE_ASKED] = SCRAPE_BROKER_MS,
		[SCRAPE_WRITING] = SCRAPE_WRITE_MS,
	};
	struct timeval tv = {
		.tv_sec = limits[state] / 1000,
		.tv_usec = limits[state] % 1000 * 1000,
	};

	s->state = state;
	event_add(s->timer, &tv);
}

static const char *
reason_of(int status)
{
	static const struct {
		int status;
		const char *reason;
	} reasons[] = {
		{ 200, "OK" }, { 400, "Bad Request" }, { 404, "Not Found" },
		{ 405, "Method Not Allowed" }, { 408, "Request Timeout" },
		{ 414, "URI Too Long" },
		{ 431, "Request Header Fields Too Large" },
		{ 503, "Service Unavailable" },
		{ 505, "HTTP Version Not Supported" },
	};
	size_t i;

	for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Answer";
}

/* The next request is looked at when this has been taken. */
static void
answer(struct scrape *s, int status, const char *type, const void *body,
    size_t len)
{
	char head[512];
	int n;

	n = snprintf(head, sizeof(head), "HTTP/1.1 %d %s\r\n"
	    "Content-Type: %s\r\nContent-Length: %zu\r\n"
	    "Cache-Control: no-store\r\n%s%s\r\n", status, reason_of(status),
	    type, len, status == 405 ? "Allow: GET, HEAD\r\n" : "",
	    s->last ? "Connection: close\r\n" : "");
	bufferevent_write(s->io, head, (size_t)n);
	if (!s->head_only && len > 0)
		bufferevent_write(s->io, body, len);
	scrape_move(s, SCRAPE_WRITING);
	bufferevent_disable(s->io, EV_READ);
}

static void
answer_text(struct scrape *s, int status, const char *text)
{
	answer(s, status, PLAIN, text, strlen(text));
}

static void
ask(struct scrape *s, bool full)
{
	s->full = full;
	s->family = NULL;
	s->number = ++s->all->serial;
	writer_clear(&s->text);
	writer_init(&s->text, TEXT_MAX);
	if (s->all->gw->stopping) {
		answer_text(s, 503, "this gateway is stopping\n");
		return;
	}
	if (upstream_scrape(s->all->gw->upstream, s->number, full) == -1) {
		answer_text(s, 503, "there is no broker\n");
		return;
	}
	bufferevent_disable(s->io, EV_READ);
	scrape_move(s, SCRAPE_ASKED);
}

static void
serve_metrics(struct scrape *s)
{
	ask(s, true);
}

static void
serve_ready(struct scrape *s)
{
	ask(s, false);
}

static void
serve_health(struct scrape *s)
{
	answer_text(s, 200, "alive\n");
}

static const struct {
	const char *path;
	void (*serve)(struct scrape *);
} paths[] = {
	{ "/metrics", serve_metrics },
	{ "/healthz", serve_health },
	{ "/readyz", serve_ready },
};

static void
serve(struct scrape *s, const struct http_head *head)
{
	size_t i;

	s->head_only = head->method == HTTP_HEAD;
	/* Where a body ends is nothing to find out here. */
	s->last = head->minor == 0 || head->connection_close || head->body;
	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (head->path.len == strlen(paths[i].path) &&
		    memcmp(head->path.at, paths[i].path,
		    head->path.len) == 0)
			break;
	if (head->minor > 0 && head->host.at == NULL)
		answer_text(s, 400, "the Host header is missing\n");
	else if (head->body)
		answer_text(s, 400, "a request has no body here\n");
	else if (i == sizeof(paths) / sizeof(paths[0]))
		answer_text(s, 404, "there are /metrics, /healthz and "
		    "/readyz\n");
	else if (head->method == HTTP_OTHER)
		answer_text(s, 405, "");
	else
		paths[i].serve(s);
}

static void
look(struct scrape *s)
{
	struct evbuffer *in = bufferevent_get_input(s->io);
	size_t len = evbuffer_get_length(in);
	struct http_head head = { 0 };
	const char *bytes;

	if (len == 0)
		return;
	if (len > HTTP_HEAD_MAX)
		len = HTTP_HEAD_MAX;
	bytes = (const char *)evbuffer_pullup(in, (ev_ssize_t)len);
	switch (bytes == NULL ? HTTP_MORE : http_parse(bytes, len, &head)) {
	case HTTP_MORE:
		if (s->state == SCRAPE_IDLE)
			scrape_move(s, SCRAPE_HEAD);
		return;
	case HTTP_BAD:
		s->last = true;
		s->head_only = false;
		answer_text(s, head.status, head.why);
		return;
	case HTTP_COMPLETE:
		break;
	}
	serve(s, &head);
	evbuffer_drain(in, head.length);
}

static void
read_cb(struct bufferevent *io, void *arg)
{
	struct scrape *s = arg;

	(void)io;
	if (s->state == SCRAPE_IDLE || s->state == SCRAPE_HEAD)
		look(s);
}

/* All that was to be written has been. */
static void
write_cb(struct bufferevent *io, void *arg)
{
	struct scrape *s = arg;

	(void)io;
	if (s->state != SCRAPE_WRITING)
		return;
	if (s->last) {
		scrape_free(s);
		return;
	}
	writer_clear(&s->text);
	scrape_move(s, SCRAPE_IDLE);
	bufferevent_enable(s->io, EV_READ);
	look(s);
}

static void
event_cb(struct bufferevent *io, short what, void *arg)
{
	(void)io;
	if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
		scrape_free(arg);
}

static void
timer_cb(evutil_socket_t fd, short what, void *arg)
{
	struct scrape *s = arg;

	(void)fd;
	(void)what;
	if (s->state == SCRAPE_ASKED)
		answer_text(s, 503, "the broker does not answer\n");
	else
		scrape_free(s);
}

void
scrapes_accept(struct scrapes *scrapes, int fd)
{
	struct event_base *base = scrapes->gw->base;
	struct scrape *s;

	s = scrapes->count < SCRAPES_MAX ? calloc(1, sizeof(*s)) : NULL;
	if (s == NULL) {
		log_debug("scrape", "too many connections");
		close(fd);
		return;
	}
	s->all = scrapes;
	writer_init(&s->text, TEXT_MAX);
	TAILQ_INSERT_TAIL(&scrapes->list, s, entry);
	scrapes->count++;
	s->io = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
	s->timer = event_new(base, -1, 0, timer_cb, s);
	if (s->io == NULL || s->timer == NULL) {
		if (s->io == NULL)
			close(fd);
		scrape_free(s);
		return;
	}
	bufferevent_setcb(s->io, read_cb, write_cb, event_cb, s);
	bufferevent_setwatermark(s->io, EV_READ, 0, HTTP_HEAD_MAX);
	scrape_move(s, SCRAPE_HEAD);
	bufferevent_enable(s->io, EV_READ | EV_WRITE);
}

static struct scrape *
find(const struct scrapes *scrapes, uint64_t number)
{
	struct scrape *s;

	TAILQ_FOREACH(s, &scrapes->list, entry)
		if (s->state == SCRAPE_ASKED && s->number == number)
			break;
	return s;
}

static void
finish(struct scrape *s, const struct fields_BG_SAMPLES *samples)
{
	struct span why = samples->has_text ? samples->text :
	    span_str("not ready");
	char text[512];

	if (s->full && s->text.failed) {
		answer_text(s, 503, "out of memory\n");
	} else if (s->full) {
		answer(s, 200, EXPOSITION, s->text.p, s->text.len);
		writer_clear(&s->text);
	} else if (samples->ready) {
		answer_text(s, 200, "ready\n");
	} else {
		snprintf(text, sizeof(text), "%.*s\n",
		    (int)why.len, (const char *)why.p);
		answer_text(s, 503, text);
	}
}

void
scrapes_take(struct scrapes *scrapes,
    const struct fields_BG_SAMPLES *samples)
{
	struct scrape *s = find(scrapes, samples->scrape);
	struct span list = samples->samples;
	struct metrics_item item;

	if (s == NULL)
		return;
	while (samples->has_samples && metrics_next_item(&list, &item) == 1)
		metrics_format(&s->text, &s->family, &item);
	if (samples->done)
		finish(s, samples);
}

void
scrapes_fail(struct scrapes *scrapes)
{
	struct scrape *s;

	TAILQ_FOREACH(s, &scrapes->list, entry)
		if (s->state == SCRAPE_ASKED)
			answer_text(s, 503, "the broker is lost\n");
}
