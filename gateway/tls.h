/* SPDX-License-Identifier: ISC */
/*
 * TLS as the rest of the gateway sees it.  There are two programs: one with
 * it (tls.c, tlsctx.c) and one that does not even carry the library (notls.c),
 * for who serves nothing but plain listeners.
 */
#ifndef GATEWAY_TLS_H
#define GATEWAY_TLS_H

#include <stddef.h>

struct tls_context;
struct tls_session;
struct transport;

/* Room for what is wrong with a certificate or key, in bytes. */
#define TLS_WHY_SIZE 256

struct tls_engine {
	/* Have everything that is read from files; -1 when that fails. */
	int (*begin)(void);

	/*
	 * What a listener needs: certificates in PEM, the server's own first,
	 * and its key, read from the descriptors, which stay the caller's.
	 * NULL with the reason in "why".
	 */
	struct tls_context *(*context_new)(int chain, int key,
	    char why[TLS_WHY_SIZE]);

	/* Sessions live on. */
	void (*context_free)(struct tls_context *context);

	/* The server's side of one connection; NULL: no memory. */
	struct tls_session *(*session_new)(struct tls_context *context,
	    int fd);
	void (*session_free)(struct tls_session *session);

	const struct transport *transport;
};

/* NULL in the program without TLS. */
extern const struct tls_engine *const tls_engine;

#endif
