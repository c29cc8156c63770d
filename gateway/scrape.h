/* SPDX-License-Identifier: ISC */
/*
 * Those who come to a metrics:// listener: plain HTTP/1.1 with GET and HEAD of
 * /metrics, /healthz and /readyz, and no WebSocket.  What is counted and
 * whether the server is ready is asked of the broker for each of them.
 */
#ifndef GATEWAY_SCRAPE_H
#define GATEWAY_SCRAPE_H

#include <stdbool.h>
#include <stdint.h>

struct fields_BG_SAMPLES;
struct gateway;
struct scrapes;

#define SCRAPES_MAX 32		/* connections at a time */
#define SCRAPE_HEAD_MS 10000	/* for a request to be complete */
#define SCRAPE_BROKER_MS 2000	/* for the broker's answer */
#define SCRAPE_WRITE_MS 30000	/* for taking an answer */
#define SCRAPE_IDLE_MS 120000	/* between requests */

struct scrapes *scrapes_new(struct gateway *gw);
void scrapes_free(struct scrapes *scrapes);

/* Serve an accepted socket, owned from now on. */
void scrapes_accept(struct scrapes *scrapes, int fd);

/* The broker's answer, or a part of it. */
void scrapes_take(struct scrapes *scrapes,
    const struct fields_BG_SAMPLES *samples);

/* There will be none. */
void scrapes_fail(struct scrapes *scrapes);

#endif
