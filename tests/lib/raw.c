/* SPDX-License-Identifier: ISC */
/* Bytes of a client that does not wait for answers, for tests. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "common/xmalloc.h"
#include "tests/lib/raw.h"

static const char *
raw_host(const char *url)
{
	if (strncmp(url, "unix:", 5) == 0)
		return "localhost";
	return url + (strncmp(url, "wss", 3) == 0 ? 6 : 5);
}

size_t
raw_begin(char to[RAW_BEGIN_MAX], const char *url)
{
	snprintf(to, RAW_BEGIN_MAX, "GET / HTTP/1.1\r\nHost: %s\r\n"
	    "Connection: Upgrade\r\nUpgrade: websocket\r\n"
	    "Sec-WebSocket-Version: 13\r\n"
	    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
	    raw_host(url));
	return strlen(to);
}

size_t
raw_frame(char *to, const char *text)
{
	size_t len = strlen(text), n = 0;

	to[n++] = (char)0x81;
	to[n++] = (char)(0x80 | (len < 126 ? len : 126));
	if (len >= 126) {
		to[n++] = (char)(len >> 8);
		to[n++] = (char)len;
	}
	memset(to + n, 0, 4);
	memcpy(to + n + 4, text, len);
	return n + 4 + len;
}

char *
raw_initialize(const char *resume)
{
	return xasprintf("{\"id\":1,\"method\":\"initialize\",\"params\":{"
	    "\"clientName\":\"raw\"%s%s%s}}",
	    resume == NULL ? "" : ",\"resumeSessionId\":\"",
	    resume == NULL ? "" : resume, resume == NULL ? "" : "\"");
}
