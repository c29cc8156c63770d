/* SPDX-License-Identifier: ISC */
/* TLS below a wire, for tests. */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "common/xmalloc.h"
#include "tests/lib/wait.h"
#include "tests/lib/wiretls.h"

struct wiretls {
	SSL_CTX *ctx;
	SSL *ssl;
};

static ssize_t
result_of(struct wiretls *tls, int rc)
{
	switch (SSL_get_error(tls->ssl, rc)) {
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		errno = EAGAIN;
		return -1;
	default:
		errno = ECONNRESET;
		return -1;
	}
}

static int
shake_hands(struct wiretls *tls, int fd, uint64_t deadline)
{
	int rc;

	while ((rc = SSL_connect(tls->ssl)) != 1) {
		if (result_of(tls, rc) != -1 || errno != EAGAIN)
			return -1;
		if (wait_fd(fd, SSL_want_write(tls->ssl) ? POLLOUT : POLLIN,
		    deadline) == -1)
			return -1;
	}
	return 0;
}

struct wiretls *
wiretls_new(int fd, uint64_t deadline)
{
	struct wiretls *tls = xcalloc(1, sizeof(*tls));

	/* It writes as write(2) does. */
	signal(SIGPIPE, SIG_IGN);
	tls->ctx = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_options(tls->ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(tls->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
	    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	tls->ssl = SSL_new(tls->ctx);
	if (SSL_set_fd(tls->ssl, fd) == 1 &&
	    shake_hands(tls, fd, deadline) == 0)
		return tls;
	ERR_clear_error();
	wiretls_free(tls);
	return NULL;
}

void
wiretls_free(struct wiretls *tls)
{
	if (tls == NULL)
		return;
	SSL_free(tls->ssl);
	SSL_CTX_free(tls->ctx);
	free(tls);
}

ssize_t
wiretls_recv(struct wiretls *tls, void *bytes, size_t len)
{
	int n;

	ERR_clear_error();
	n = SSL_read(tls->ssl, bytes, (int)len);
	return n > 0 ? n : result_of(tls, n);
}

ssize_t
wiretls_send(struct wiretls *tls, const void *bytes, size_t len)
{
	int n;

	ERR_clear_error();
	n = SSL_write(tls->ssl, bytes, (int)len);
	return n > 0 ? n : result_of(tls, n);
}
