/* SPDX-License-Identifier: ISC */
/* The address of a server. */
#include "config.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "contrib/client/url.h"

#define URL_HOST_CHARS \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_"
#define URL_HOST6_CHARS "ABCDEFabcdef0123456789:."

static const char *
url_parse_host(struct url *url, const char **text)
{
	const char *p = *text;
	size_t len;

	if (*p == '[') {
		url->literal6 = 1;
		len = strspn(++p, URL_HOST6_CHARS);
		if (p[len] != ']')
			return "its address has no closing bracket";
		*text = p + len + 1;
	} else {
		len = strspn(p, URL_HOST_CHARS);
		*text = p + len;
	}
	if (len == 0)
		return "it names no host";
	if (len >= sizeof(url->host))
		return "its host name is too long";
	memcpy(url->host, p, len);
	url->host[len] = '\0';
	return NULL;
}

static const char *
url_parse_port(struct url *url, const char **text)
{
	size_t len;
	int port;

	strlcpy(url->port, url->tls ? "443" : "80", sizeof(url->port));
	if (**text != ':')
		return NULL;
	++*text;
	len = strspn(*text, "0123456789");
	if (len == 0 || len >= sizeof(url->port))
		return "its port is not a number from 1 to 65535";
	memcpy(url->port, *text, len);
	url->port[len] = '\0';
	port = atoi(url->port);
	if (port < 1 || port > 65535)
		return "its port is not a number from 1 to 65535";
	*text += len;
	return NULL;
}

static const char *
url_parse_target(struct url *url, const char *text)
{
	const unsigned char *p;
	size_t n;

	for (p = (const unsigned char *)text; *p != '\0'; p++)
		if (*p <= ' ' || *p >= 0x7f)
			return "blanks and other than ASCII must be escaped";
	if (strchr(text, '#') != NULL)
		return "it has a fragment (#)";
	/* "?query" directly behind the host is a query of the root. */
	url->target[0] = '/';
	n = strlcpy(url->target + 1, *text == '/' ? text + 1 : text,
	    sizeof(url->target) - 1);
	if (n >= sizeof(url->target) - 1)
		return "its path is too long";
	return NULL;
}

/* The host is nobody's name: the server wants to see one. */
static const char *
url_parse_path(struct url *url, const char *path)
{
	if (*path != '/')
		return "unix: must be followed by an absolute path";
	if (strlcpy(url->path, path, sizeof(url->path)) >= sizeof(url->path))
		return "its path is longer than a socket's can be";
	strlcpy(url->host, "localhost", sizeof(url->host));
	strlcpy(url->port, "80", sizeof(url->port));
	strlcpy(url->target, "/", sizeof(url->target));
	return NULL;
}

const char *
url_parse(struct url *url, const char *text)
{
	const char *why;

	memset(url, 0, sizeof(*url));
	if (strncmp(text, "unix:", 5) == 0)
		return url_parse_path(url, text + 5);
	url->tls = strncasecmp(text, "wss://", 6) == 0;
	if (!url->tls && strncasecmp(text, "ws://", 5) != 0)
		return "it does not begin with ws://, wss:// or unix:/";
	text += url->tls ? 6 : 5;
	if (strchr(text, '@') != NULL)
		return "it holds a user name; use --token-file instead";
	if ((why = url_parse_host(url, &text)) != NULL ||
	    (why = url_parse_port(url, &text)) != NULL)
		return why;
	if (*text != '\0' && *text != '/' && *text != '?')
		return "something unexpected follows its host";
	return url_parse_target(url, text);
}

int
url_is_loopback(const struct sockaddr *address)
{
	struct sockaddr_in6 sin6;
	struct sockaddr_in sin;

	switch (address->sa_family) {
	case AF_INET:
		memcpy(&sin, address, sizeof(sin));
		return ntohl(sin.sin_addr.s_addr) >> 24 == 127;
	case AF_INET6:
		memcpy(&sin6, address, sizeof(sin6));
		if (IN6_IS_ADDR_V4MAPPED(&sin6.sin6_addr))
			return sin6.sin6_addr.s6_addr[12] == 127;
		return IN6_IS_ADDR_LOOPBACK(&sin6.sin6_addr);
	default:
		return 0;
	}
}
