/* SPDX-License-Identifier: ISC */
/* A TLS client that can misbehave, and what belongs to it; for tests. */
#ifndef TESTS_SYSTEM_TLSKIT_H
#define TESTS_SYSTEM_TLSKIT_H

#include <stddef.h>

#include <openssl/ssl.h>

struct daemon;

/* How long any of this waits, in milliseconds. */
#define TLSKIT_MS 60000

/* A hexadecimal SHA-256 of a certificate. */
#define TLSKIT_MARK_SIZE 65

struct tlskit {
	int fd; /* blocking */
	SSL_CTX *ctx;
	SSL *ssl;
};

/* A blocking TCP connection to the port of "url", from "source"; or -1. */
int tlskit_dial(const char *url, const char *source);

/*
 * Connect and shake hands with at most this version (0: any), believing
 * whatever certificate comes.  Returns 0, or -1; either way tlskit_end().
 */
int tlskit_begin(struct tlskit *kit, const char *url, int version);
void tlskit_end(struct tlskit *kit);

/* Which certificate the server of "url" shows now; "": none. */
void tlskit_mark(const char *url, char mark[TLSKIT_MARK_SIZE]);

/*
 * Whether the log of "daemon" has a line with "text" or gets one within
 * TLSKIT_MS.
 */
int tlskit_logged(const struct daemon *daemon, const char *text);

/* Copy a file of at most 16 KiB, others may not read it; 0 or -1. */
int tlskit_copy(const char *from, const char *to);

/*
 * Run holdfastd from the build tree with "args" (NULL at its end) to its end.
 * Returns its exit status, or -1; "said" gets what it wrote, terminated.
 */
int tlskit_holdfastd(const char *const args[], char *said, size_t size);

#endif
