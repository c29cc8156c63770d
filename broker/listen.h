/* SPDX-License-Identifier: ISC */
/*
 * Listening sockets from ws://IP:PORT, wss://IP:PORT and unix:/PATH.  They
 * are opened once, by the supervisor, so that no port closes while a gateway
 * is replaced.
 */
#ifndef BROKER_LISTEN_H
#define BROKER_LISTEN_H

#include <sys/socket.h>
#include <sys/types.h>

#include <stdbool.h>

/* The room for the longest of them with its terminator, in bytes. */
#define LISTEN_URL_SIZE 128

/* Who may connect to a socket in the file system if nobody says. */
#define LISTEN_MODE 0600

struct listen_addr {
	struct sockaddr_storage ss;
	socklen_t len;
	bool tls;		/* wss */
	bool metrics;		/* for those who scrape, see holdfast-metrics(5) */
	/* Of a socket in the file system; -1: as it comes. */
	mode_t mode;
	uid_t owner;
	gid_t group;
	/* Which file it is, once open. */
	dev_t dev;
	ino_t ino;
};

/*
 * Take "url" apart: a numeric address only, IPv6 in brackets, port 0 to 65535
 * (0: any free one), or an absolute path as long as unix(7) allows; mode,
 * owner and group are preset.  Returns NULL, or why it was refused (static).
 */
const char *listen_parse(const char *url, struct listen_addr *addr);

/* Write the URL of "addr" to "url" and return it. */
const char *listen_format(const struct listen_addr *addr,
    char url[LISTEN_URL_SIZE]);

/* Whether only this host can reach "addr"; whether it is in a file system. */
int listen_is_loopback(const struct listen_addr *addr);
int listen_is_unix(const struct listen_addr *addr);

/*
 * Bind and listen: close-on-exec, non-blocking, backlog 4096, IPv6 without
 * IPv4.  "addr" gets the port that was picked.  A socket that is left over
 * from before gives way; one that somebody listens on does not (EADDRINUSE),
 * nor does anything else (EEXIST).  Returns the descriptor, the caller's, or
 * -1 with errno.
 */
int listen_open(struct listen_addr *addr);

/*
 * "fd" listens already, for an earlier holdfastd: "addr" becomes what it is.
 * Returns 0, or -1 when it is of no use (its name was taken away).
 */
int listen_adopt(struct listen_addr *addr, int fd);

/* Remove what listen_open() has put into the file system. */
void listen_remove(struct listen_addr *addr);

#endif
