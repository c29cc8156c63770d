/* SPDX-License-Identifier: ISC */
/*
 * A WebSocket client that costs little: one buffer each way, frames handed
 * out where they were read, masked with a key of zeros.  Whatever goes wrong
 * ends the measurement.
 */
#ifndef TESTS_BENCH_CLIENT_H
#define TESTS_BENCH_CLIENT_H

#include <stddef.h>
#include <stdint.h>

struct server;

/* Longest request that client_sendf() takes, and room for its head. */
#define CLIENT_TEXT_MAX 2048
#define CLIENT_HEAD_MAX 14

struct client {
	int fd;
	char *in;
	size_t head; /* first byte not handed out yet */
	size_t tail; /* behind the last byte read */
	size_t cap;
};

/* One data frame; the text is valid until more is read. */
struct frame {
	const char *text;
	size_t len;
};

/* Connect and upgrade. */
void client_open(struct client *c, const struct server *server);

/* The same by steps, for many at once: a connection that has begun. */
void client_begin(struct client *c, const struct server *server);

/* The upgrade request, and how long it is. */
const char *client_upgrade(size_t *len);

/* Take the answer to the upgrade from what was read: 0 if not all there. */
int client_upgraded(struct client *c);

void client_close(struct client *c);

/* Write a text frame to "out"; returns its length. */
size_t client_frame(char *out, const char *text, size_t len);

/* Write all of it, waiting as long as it takes. */
void client_write(struct client *c, const char *data, size_t len);
void client_sendf(struct client *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The next data frame that was read already: 1, or 0 if there is none. */
int client_take(struct client *c, struct frame *frame);

/*
 * Read once.  Returns 0 if there was nothing (descriptors that don't block
 * only); an end is an error unless "may_end", then -1.
 */
int client_fill(struct client *c, int may_end);

/* The next data frame, waiting for it. */
void client_next(struct client *c, struct frame *frame);

#endif
