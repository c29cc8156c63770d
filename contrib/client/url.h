/* SPDX-License-Identifier: ISC */
/*
 * The address of a server: ws:// or wss:// (RFC 6455, section 3), or unix:
 * and the path of a socket.
 */
#ifndef CONTRIB_CLIENT_URL_H
#define CONTRIB_CLIENT_URL_H

struct sockaddr;

#define URL_HOST_SIZE 256
#define URL_TARGET_SIZE 2048
#define URL_PATH_SIZE 108 /* unix(7) */

struct url {
	char host[URL_HOST_SIZE]; /* name or address, without brackets */
	char port[6]; /* decimal */
	char target[URL_TARGET_SIZE]; /* path and query, begins with '/' */
	int literal6; /* the host was written in brackets */
	int tls;
	char path[URL_PATH_SIZE]; /* of a socket; "": none */
};

/*
 * Take "text" apart.  Returns NULL, or what is wrong with it (a constant
 * string).  Nothing that could end a header line gets through.
 */
const char *url_parse(struct url *url, const char *text);

/* True for 127.0.0.0/8 and ::1, also as an IPv4-mapped address. */
int url_is_loopback(const struct sockaddr *address);

#endif
