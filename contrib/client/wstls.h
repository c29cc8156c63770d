/* SPDX-License-Identifier: ISC */
/* TLS below a WebSocket connection to a server that has to prove itself. */
#ifndef CONTRIB_CLIENT_WSTLS_H
#define CONTRIB_CLIENT_WSTLS_H

#include <sys/types.h>

#include <stddef.h>

struct evbuffer;
struct url;
struct wstls;

/*
 * Trust the authorities in "ca" (PEM), or the system's if it is NULL; once,
 * before the first connection.  Returns NULL, or what is wrong (static).
 */
const char *wstls_trust(const char *ca);

/* On a socket that does not block and stays the caller's; NULL: no memory. */
struct wstls *wstls_new(const struct url *url, int fd);
void wstls_free(struct wstls *tls);

/*
 * As recv(2), and as evbuffer_write().  EAGAIN may mean either direction,
 * and each may have to be tried again after the other; wstls_waits() tells
 * that writing is of no use before something has come.
 */
ssize_t wstls_read(struct wstls *tls, void *bytes, size_t len);
int wstls_write(struct wstls *tls, struct evbuffer *out);
int wstls_waits(const struct wstls *tls);

/* Why it failed if that will not change: the server is not who it must be. */
const char *wstls_denied(const struct wstls *tls);

#endif
