/* SPDX-License-Identifier: ISC */
/* Web origins as text. */
#include "config.h"

#include <ctype.h>
#include <string.h>

#include "common/origin.h"

static const struct default_port {
	const char *scheme, *port;
} default_ports[] = {
	{ "http://", ":80" },
	{ "https://", ":443" },
	{ "ws://", ":80" },
	{ "wss://", ":443" },
};

static size_t
span_of(const char *text, const char *more)
{
	size_t n;

	for (n = 0; isalnum((unsigned char)text[n]) ||
	    (text[n] != '\0' && strchr(more, text[n]) != NULL); n++)
		continue;
	return n;
}

/* What follows the scheme; the host in brackets is IPv6. */
static const char *
check_host(const char *host)
{
	size_t n;

	if (host[0] == '[') {
		n = span_of(host + 1, ":.");
		if (n == 0 || host[n + 1] != ']')
			return "has an address without its closing bracket";
		host += n + 2;
	} else {
		n = span_of(host, "-._");
		if (n == 0)
			return "names no host";
		host += n;
	}
	if (host[0] == '\0')
		return NULL;
	n = strspn(host + 1, "0123456789");
	if (host[0] != ':' || n == 0 || n > 5 || host[n + 1] != '\0')
		return "must end behind its host or port: no path";
	return NULL;
}

static void
drop_default_port(char *text)
{
	const struct default_port *d;
	size_t i, len = strlen(text), port;

	for (i = 0; i < sizeof(default_ports) / sizeof(default_ports[0]);
	    i++) {
		d = &default_ports[i];
		port = strlen(d->port);
		if (strncmp(text, d->scheme, strlen(d->scheme)) == 0 &&
		    len > port && strcmp(text + len - port, d->port) == 0) {
			text[len - port] = '\0';
			return;
		}
	}
}

const char *
origin_normalise(struct span text, char out[ORIGIN_SIZE])
{
	const char *wrong;
	size_t i, n;

	if (span_to_str(text, out, ORIGIN_SIZE) == -1)
		return "is too long, or no text";
	for (i = 0; out[i] != '\0'; i++)
		out[i] = (char)tolower((unsigned char)out[i]);
	n = span_of(out, "+-.");
	if (n == 0 || !isalpha((unsigned char)out[0]) ||
	    strncmp(out + n, "://", 3) != 0)
		return "must look like https://HOST or https://HOST:PORT";
	wrong = check_host(out + n + 3);
	if (wrong != NULL)
		return wrong;
	drop_default_port(out);
	return NULL;
}
