/* SPDX-License-Identifier: ISC */
/*
 * An HTTP server for tests, in threads of the test itself, on a loopback
 * port.  What it answers is in the path:
 *
 *	/hello		200 and "hello", the header X-A twice
 *	/status/N	that status, no body
 *	/echo		200 and the request as it came
 *	/redirect/N	302 to /redirect/N-1; "arrived" when N is 0
 *	/circle		302 to itself
 *	/hang		nothing
 *	/slow		a head and some of its body, then nothing
 *	/cut		some of its body, then the end
 *	/big/N		N bytes, number i being i % 251
 *
 * Each connection has one request and ends with its answer.
 */
#ifndef TESTS_SYSTEM_WEBSERVER_H
#define TESTS_SYSTEM_WEBSERVER_H

#include <stdint.h>

/* Start it; returns its port, or -1.  It runs until the test ends. */
int webserver_start(void);

/* Connections that are open, and body bytes that /big has sent in all. */
int webserver_open(void);
uint64_t webserver_sent(void);

#endif
