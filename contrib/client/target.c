/* SPDX-License-Identifier: ISC */
/* Where to connect and with which token, made ready before anything runs. */
#include "config.h"

#include <sys/socket.h>
#include <sys/types.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/xmalloc.h"
#include "contrib/client/say.h"
#include "contrib/client/target.h"

#define TARGET_TOKEN_MAX 8192

/* Bytes read, at most TARGET_TOKEN_MAX, or -1. */
static ssize_t
target_read_file(const char *path, char *buf)
{
	ssize_t n, len = 0;
	int fd;

	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return -1;
	do {
		n = read(fd, buf + len, TARGET_TOKEN_MAX - (size_t)len);
		if (n > 0)
			len += n;
	} while (n > 0 || (n == -1 && errno == EINTR));
	close(fd);
	return n == -1 ? -1 : len;
}

static int
target_read_token(struct target *target, const char *path)
{
	char buf[TARGET_TOKEN_MAX];
	const char *p = buf;
	ssize_t i, len;
	int rc = -1;

	if ((len = target_read_file(path, buf)) == -1) {
		say_error("token file %s: %s", path, strerror(errno));
		return -1;
	}
	while (len > 0 && isspace((unsigned char)*p)) {
		p++;
		len--;
	}
	while (len > 0 && isspace((unsigned char)p[len - 1]))
		len--;
	/* Anything else might end the header line it goes into. */
	for (i = 0; i < len && isgraph((unsigned char)p[i]); i++)
		;
	if (len == 0 || i < len || len > TARGET_TOKEN_MAX / 2)
		say_error("token file %s: not one token of printable "
		    "characters", path);
	else {
		target->token = xmalloc((size_t)len + 1);
		memcpy(target->token, p, (size_t)len);
		target->token[len] = '\0';
		rc = 0;
	}
	explicit_bzero(buf, sizeof(buf));
	return rc;
}

static int
target_check_token(const struct target *target, const char *url_text)
{
	const struct addrinfo *ai;

	for (ai = target->addresses; ai != NULL; ai = ai->ai_next)
		if (!url_is_loopback(ai->ai_addr)) {
			say_error("%s: a token is not sent in clear text over "
			    "the network; use a tunnel to a loopback address",
			    url_text);
			return -1;
		}
	return 0;
}

int
target_init(struct target *target, const char *url_text,
    const char *token_file)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	const char *why;
	int error;

	memset(target, 0, sizeof(*target));
	if ((why = url_parse(&target->url, url_text)) != NULL) {
		say_error("%s: %s", url_text, why);
		return -1;
	}
	error = getaddrinfo(target->url.host, target->url.port, &hints,
	    &target->addresses);
	if (error != 0) {
		target->addresses = NULL;
		say_error("%s: %s", url_text, gai_strerror(error));
		return -1;
	}
	if (token_file != NULL &&
	    (target_check_token(target, url_text) == -1 ||
	    target_read_token(target, token_file) == -1))
		return -1;
	return 0;
}

void
target_clear(struct target *target)
{
	if (target->addresses != NULL)
		freeaddrinfo(target->addresses);
	target->addresses = NULL;
	if (target->token != NULL)
		freezero(target->token, strlen(target->token));
	target->token = NULL;
}
