/* SPDX-License-Identifier: ISC */
/* TLS below a WebSocket connection. */
#include "config.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <event2/buffer.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "common/xmalloc.h"
#include "contrib/client/url.h"
#include "contrib/client/wstls.h"

/* A record: with less room, part of one would stay where poll(2) sees none. */
#define WSTLS_RECORD 16384

struct wstls {
	SSL *ssl;
	int waits;
	char denied[160];
};

static SSL_CTX *wstls_ctx;

const char *
wstls_trust(const char *ca)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (ctx == NULL || SSL_CTX_set_min_proto_version(ctx,
	    TLS1_2_VERSION) != 1)
		return "TLS cannot be set up";
	if (ca != NULL ? SSL_CTX_load_verify_file(ctx, ca) != 1 :
	    SSL_CTX_set_default_verify_paths(ctx) != 1) {
		SSL_CTX_free(ctx);
		return "holds no certificates in PEM that can be read";
	}
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION |
	    SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
	    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_free(wstls_ctx);
	wstls_ctx = ctx;
	return NULL;
}

/* Addresses are compared as such, and not sent as a name (RFC 6066). */
static int
wstls_expect(SSL *ssl, const char *host)
{
	struct in6_addr address;

	if (inet_pton(AF_INET, host, &address) == 1 ||
	    inet_pton(AF_INET6, host, &address) == 1)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl),
		    host) == 1 ? 0 : -1;
	return SSL_set1_host(ssl, host) == 1 &&
	    SSL_set_tlsext_host_name(ssl, host) == 1 ? 0 : -1;
}

struct wstls *
wstls_new(const struct url *url, int fd)
{
	struct wstls *tls = xcalloc(1, sizeof(*tls));

	tls->ssl = wstls_ctx == NULL ? NULL : SSL_new(wstls_ctx);
	if (tls->ssl == NULL || SSL_set_fd(tls->ssl, fd) != 1 ||
	    wstls_expect(tls->ssl, url->host) == -1) {
		wstls_free(tls);
		return NULL;
	}
	SSL_set_connect_state(tls->ssl);
	return tls;
}

void
wstls_free(struct wstls *tls)
{
	if (tls == NULL)
		return;
	SSL_free(tls->ssl);
	free(tls);
}

static void
wstls_judge(struct wstls *tls)
{
	long verdict = SSL_get_verify_result(tls->ssl);
	unsigned long code = ERR_peek_last_error();
	const char *reason = code == 0 ? NULL : ERR_reason_error_string(code);

	if (verdict != X509_V_OK)
		snprintf(tls->denied, sizeof(tls->denied),
		    "the server's certificate: %s",
		    X509_verify_cert_error_string(verdict));
	else if (!SSL_is_init_finished(tls->ssl) && reason != NULL)
		snprintf(tls->denied, sizeof(tls->denied), "TLS: %s", reason);
	ERR_clear_error();
}

/* Sets errno for a call that returned "rc" <= 0; 0 at the end. */
static int
wstls_result(struct wstls *tls, int rc)
{
	switch (SSL_get_error(tls->ssl, rc)) {
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		errno = EAGAIN;
		return -1;
	default:
		wstls_judge(tls);
		errno = ECONNRESET;
		return -1;
	}
}

ssize_t
wstls_read(struct wstls *tls, void *bytes, size_t len)
{
	size_t got = 0;
	int n = 1;

	tls->waits = 0;
	ERR_clear_error();
	while (len - got >= WSTLS_RECORD && (n = SSL_read(tls->ssl,
	    (char *)bytes + got, (int)(len - got))) > 0)
		got += (size_t)n;
	/* What ended it shows again at the next call. */
	if (got > 0) {
		ERR_clear_error();
		return (ssize_t)got;
	}
	return wstls_result(tls, n);
}

int
wstls_write(struct wstls *tls, struct evbuffer *out)
{
	struct evbuffer_iovec piece;
	int n, written = 0;

	ERR_clear_error();
	while (evbuffer_peek(out, -1, NULL, &piece, 1) > 0 &&
	    piece.iov_len > 0) {
		if (piece.iov_len > WSTLS_RECORD)
			piece.iov_len = WSTLS_RECORD;
		n = SSL_write(tls->ssl, piece.iov_base, (int)piece.iov_len);
		if (n <= 0) {
			tls->waits = SSL_want_read(tls->ssl);
			return wstls_result(tls, n) == 0 ? -1 :
			    written > 0 ? written : -1;
		}
		written += n;
		evbuffer_drain(out, (size_t)n);
	}
	return written;
}

int
wstls_waits(const struct wstls *tls)
{
	return tls->waits;
}

const char *
wstls_denied(const struct wstls *tls)
{
	return tls->denied[0] == '\0' ? NULL : tls->denied;
}
