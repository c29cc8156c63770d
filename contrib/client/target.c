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
#include "contrib/client/wstls.h"

#define TARGET_TOKEN_MAX 8192

static char *target_env_token; /* wiped when it has been used */

void
target_take_environment(void)
{
	char *value = getenv("HOLDFAST_TOKEN");

	if (value == NULL)
		return;
	if (*value != '\0')
		target_env_token = xstrdup(value);
	explicit_bzero(value, strlen(value));
	unsetenv("HOLDFAST_TOKEN");
}

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

/* What surrounds the one token does not count: 0, or -1 if it is none. */
static int
target_set_token(struct target *target, const char *p, ssize_t len)
{
	ssize_t i;

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
		return -1;
	target->token = xmalloc((size_t)len + 1);
	memcpy(target->token, p, (size_t)len);
	target->token[len] = '\0';
	return 0;
}

/* The environment's serves all targets there may be. */
static int
target_use_environment(struct target *target)
{
	if (target_set_token(target, target_env_token,
	    (ssize_t)strlen(target_env_token)) == 0)
		return 0;
	say_error("HOLDFAST_TOKEN: not one token of printable characters");
	return -1;
}

static int
target_read_token(struct target *target, const char *path)
{
	char buf[TARGET_TOKEN_MAX];
	ssize_t len;
	int rc;

	if ((len = target_read_file(path, buf)) == -1) {
		say_error("token file %s: %s", path, strerror(errno));
		return -1;
	}
	rc = target_set_token(target, buf, len);
	explicit_bzero(buf, sizeof(buf));
	if (rc == -1)
		say_error("token file %s: not one token of printable "
		    "characters", path);
	return rc;
}

static int
target_check_token(const struct target *target, const char *url_text)
{
	const struct addrinfo *ai;

	if (target->url.tls || target->url.path[0] != '\0')
		return 0;
	for (ai = target->addresses; ai != NULL; ai = ai->ai_next)
		if (!url_is_loopback(ai->ai_addr)) {
			say_error("%s: a token is not sent in clear text over "
			    "the network; use wss://, or a tunnel to a loopback "
			    "address", url_text);
			return -1;
		}
	return 0;
}

static void
target_take_path(struct target *target)
{
	target->socket.sun_family = AF_UNIX;
	strlcpy(target->socket.sun_path, target->url.path,
	    sizeof(target->socket.sun_path));
	target->local = (struct addrinfo){
		.ai_family = AF_UNIX,
		.ai_socktype = SOCK_STREAM,
		.ai_addr = (struct sockaddr *)&target->socket,
		.ai_addrlen = sizeof(target->socket),
	};
	target->addresses = &target->local;
}

static int
target_look_up(struct target *target, const char *url_text)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	int error;

	if (target->url.path[0] != '\0') {
		target_take_path(target);
		return 0;
	}
	error = getaddrinfo(target->url.host, target->url.port, &hints,
	    &target->addresses);
	if (error == 0)
		return 0;
	target->addresses = NULL;
	say_error("%s: %s", url_text, gai_strerror(error));
	return -1;
}

int
target_init(struct target *target, const char *url_text,
    const char *token_file, const char *ca)
{
	const char *why;

	memset(target, 0, sizeof(*target));
	if ((why = url_parse(&target->url, url_text)) != NULL) {
		say_error("%s: %s", url_text, why);
		return -1;
	}
	if (target->url.tls && (why = wstls_trust(ca)) != NULL) {
		say_error("%s: %s", ca == NULL ? "the system's certificates" :
		    ca, why);
		return -1;
	}
	if (target_look_up(target, url_text) == -1)
		return -1;
	if (token_file == NULL && target_env_token == NULL)
		return 0;
	if (target_check_token(target, url_text) == -1)
		return -1;
	return token_file == NULL ? target_use_environment(target) :
	    target_read_token(target, token_file);
}

void
target_clear(struct target *target)
{
	if (target->addresses != NULL && target->addresses != &target->local)
		freeaddrinfo(target->addresses);
	target->addresses = NULL;
	if (target->token != NULL)
		freezero(target->token, strlen(target->token));
	target->token = NULL;
}
