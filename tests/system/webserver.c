/* SPDX-License-Identifier: ISC */
/* An HTTP server for tests. */
#include "config.h"

#include <sys/socket.h>

#include <netinet/in.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/system/webserver.h"

#define REQUEST_MAX 1048576

static atomic_int webserver_connections;
static atomic_ullong webserver_bytes;

struct request {
	int fd;
	char path[256];
	char *text;
	size_t len;
};

static int
send_all(int fd, const char *bytes, size_t len)
{
	ssize_t n;

	for (; len > 0; bytes += n, len -= (size_t)n)
		if ((n = send(fd, bytes, len, MSG_NOSIGNAL)) <= 0)
			return -1;
	return 0;
}

static void
answer(const struct request *request, const char *status,
    const char *headers, const char *body, size_t len)
{
	char head[512];
	int n = snprintf(head, sizeof(head), "HTTP/1.1 %s\r\n%s"
	    "Content-Length: %zu\r\nConnection: close\r\n\r\n", status,
	    headers, len);

	if (send_all(request->fd, head, (size_t)n) == 0)
		send_all(request->fd, body, len);
}

/* Until the other side ends it. */
static void
wait_for_end(const struct request *request)
{
	char byte;

	while (read(request->fd, &byte, 1) > 0)
		continue;
}

static void
answer_hello(const struct request *request)
{
	answer(request, "200 OK", "X-A: 1\r\nx-a:  two \r\n", "hello", 5);
}

static void
answer_status(const struct request *request)
{
	char status[32];

	snprintf(status, sizeof(status), "%d Whatever",
	    atoi(request->path + strlen("/status/")));
	answer(request, status, "", "", 0);
}

static void
answer_echo(const struct request *request)
{
	answer(request, "200 OK", "", request->text, request->len);
}

static void
answer_redirect(const struct request *request)
{
	int n = atoi(request->path + strlen("/redirect/"));
	char location[64];

	snprintf(location, sizeof(location), "Location: /redirect/%d\r\n",
	    n - 1);
	if (n > 0)
		answer(request, "302 Found", location, "elsewhere", 9);
	else
		answer(request, "200 OK", "", "arrived", 7);
}

/* "/moved/303": to the echo, by that status. */
static void
answer_moved(const struct request *request)
{
	char status[32];

	snprintf(status, sizeof(status), "%d Moved",
	    atoi(request->path + strlen("/moved/")));
	answer(request, status, "Location: /echo\r\n", "elsewhere", 9);
}

static void
answer_circle(const struct request *request)
{
	answer(request, "302 Found", "Location: /circle\r\n", "", 0);
}

static void
answer_slow(const struct request *request)
{
	static const char text[] =
	    "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome";

	send_all(request->fd, text, sizeof(text) - 1);
	wait_for_end(request);
}

static void
answer_cut(const struct request *request)
{
	static const char text[] =
	    "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome";

	send_all(request->fd, text, sizeof(text) - 1);
}

static void
answer_big(const struct request *request)
{
	size_t left = strtoul(request->path + strlen("/big/"), NULL, 10), n;
	char bytes[251 * 64], head[64];
	size_t i;

	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i % 251);
	snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\n"
	    "Content-Length: %zu\r\n\r\n", left);
	if (send_all(request->fd, head, strlen(head)) == -1)
		return;
	for (; left > 0; left -= n) {
		n = left < sizeof(bytes) ? left : sizeof(bytes);
		if (send_all(request->fd, bytes, n) == -1)
			return;
		webserver_bytes += n;
	}
}

static const struct {
	const char *path; /* what it begins with */
	void (*answer)(const struct request *request);
} pages[] = {
	{ "/hello", answer_hello },
	{ "/status/", answer_status },
	{ "/echo", answer_echo },
	{ "/redirect/", answer_redirect },
	{ "/moved/", answer_moved },
	{ "/circle", answer_circle },
	{ "/hang", wait_for_end },
	{ "/slow", answer_slow },
	{ "/cut", answer_cut },
	{ "/big/", answer_big },
};

/* The head, and as much body as it says. */
static int
read_request(struct request *request)
{
	char *end = NULL, *length;
	size_t wanted = 0;
	ssize_t n;

	while (end == NULL || request->len < wanted) {
		n = read(request->fd, request->text + request->len,
		    REQUEST_MAX - request->len);
		if (n <= 0)
			return -1;
		request->len += (size_t)n;
		request->text[request->len] = '\0';
		end = strstr(request->text, "\r\n\r\n");
		length = strcasestr(request->text, "content-length:");
		if (end != NULL)
			wanted = (size_t)(end + 4 - request->text) +
			    (length != NULL && length < end ?
			    strtoul(length + 15, NULL, 10) : 0);
	}
	return sscanf(request->text, "%*s %255s", request->path) == 1 ? 0 :
	    -1;
}

static void *
serve(void *arg)
{
	struct request request = { .fd = (int)(intptr_t)arg };
	size_t i;

	webserver_connections++;
	request.text = malloc(REQUEST_MAX + 1);
	if (request.text != NULL && read_request(&request) == 0)
		for (i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
			if (strncmp(request.path, pages[i].path,
			    strlen(pages[i].path)) == 0) {
				pages[i].answer(&request);
				break;
			}
	shutdown(request.fd, SHUT_WR);
	wait_for_end(&request);
	close(request.fd);
	free(request.text);
	webserver_connections--;
	return NULL;
}

static void *
accept_all(void *arg)
{
	int fd, listener = (int)(intptr_t)arg;
	pthread_t thread;

	while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) != -1)
		if (pthread_create(&thread, NULL, serve,
		    (void *)(intptr_t)fd) == 0)
			pthread_detach(thread);
		else
			close(fd);
	return NULL;
}

int
webserver_start(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(address);
	pthread_t thread;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd == -1 ||
	    bind(fd, (struct sockaddr *)&address, len) == -1 ||
	    listen(fd, 64) == -1 ||
	    getsockname(fd, (struct sockaddr *)&address, &len) == -1 ||
	    pthread_create(&thread, NULL, accept_all,
	    (void *)(intptr_t)fd) != 0)
		return -1;
	pthread_detach(thread);
	return ntohs(address.sin_port);
}

int
webserver_open(void)
{
	return webserver_connections;
}

uint64_t
webserver_sent(void)
{
	return webserver_bytes;
}
