/* SPDX-License-Identifier: ISC */
/* The HTTP part of opening a WebSocket (RFC 6455, section 4.1). */
#ifndef CONTRIB_CLIENT_UPGRADE_H
#define CONTRIB_CLIENT_UPGRADE_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

struct url;

#define UPGRADE_NONCE 16 /* bytes of randomness in a key */
#define UPGRADE_KEY_SIZE 25 /* of the key's text, terminator included */
#define UPGRADE_HEAD_MAX 16384 /* bytes of an answer's head at most */
#define UPGRADE_TEXT_SIZE 128

struct upgrade_answer {
	int status; /* HTTP */
	char text[UPGRADE_TEXT_SIZE]; /* why, printable; may be empty */
};

/*
 * The request for "url", with "token" as bearer token unless it is NULL.
 * Fills "key", which upgrade_parse() needs.  The caller frees the result; it
 * may hold a secret.
 */
char *upgrade_request(const struct url *url, const char *token,
    const uint8_t nonce[UPGRADE_NONCE], char key[UPGRADE_KEY_SIZE]);

/*
 * Look for a whole answer in "len" bytes of "data".  With "eof" set no more
 * will come.  Returns the number of bytes that it takes, 0 when more is
 * needed, or -1 when this is no answer of a WebSocket server; "answer" says
 * why.  A status of 101 is one only with the right headers.
 */
ssize_t upgrade_parse(const char *data, size_t len, int eof,
    const char *key, struct upgrade_answer *answer);

#endif
