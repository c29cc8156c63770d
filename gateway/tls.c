/* SPDX-License-Identifier: ISC */
/*
 * TLS on one client's socket.  What is encrypted goes into a queue of its
 * own before the socket, so that a write into TLS never stops half way and
 * it is always known how many bytes stand between the client and what was
 * written: libevent's own buffers for TLS would not tell.
 */
#include "config.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "common/log.h"
#include "gateway/gateway.h"
#include "gateway/tls.h"
#include "gateway/tlsctx.h"
#include "gateway/transport.h"

/* Encrypted before it is written, in bytes. */
#define BATCH (64 * 1024)

/* More waits only if the client asks for it and does not read. */
#define CIPHER_MAX (4 * BATCH)

#define RECORD 16384	/* RFC 8446, section 5.1 */
#define WRITE_IOV 16

/*
 * What is read at once of a client that sends messages of TLS itself, in
 * bytes: each costs far more than its length.
 */
#define WARY 4096

/* Reads of the socket before others get a turn, if they yield no data. */
#define READS_MAX 2

struct tls_session {
	SSL *ssl;
	struct outq cipher;
	int fd;
	bool failed;
	bool more;		/* may be there, read and not taken */
	bool thanked;		/* the handshake is acknowledged */
	bool dry;		/* the socket had nothing more */
	bool wary;		/* what came last was not the client's data */
	int reads;		/* of the socket since there was data */
};

static int
bio_read(BIO *bio, char *bytes, int len)
{
	struct tls_session *s = BIO_get_data(bio);
	ssize_t n;

	BIO_clear_retry_flags(bio);
	if (s->reads++ == READS_MAX) {
		BIO_set_retry_read(bio);
		return -1;
	}
	if (s->wary && len > WARY)
		len = WARY;
	n = recv(s->fd, bytes, (size_t)len, 0);
	if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
		BIO_set_retry_read(bio);
		s->dry = true;
	}
	return (int)n;
}

static int
bio_write(BIO *bio, const char *bytes, int len)
{
	struct tls_session *s = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	if (s->cipher.len > CIPHER_MAX ||
	    outq_add(&s->cipher, bytes, (size_t)len) == -1)
		return -1;
	return len;
}

static long
bio_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
	(void)bio;
	(void)num;
	(void)ptr;
	return cmd == BIO_CTRL_FLUSH;
}

/* One for the process, never freed. */
static BIO_METHOD *
bio_method(void)
{
	static BIO_METHOD *method;

	if (method != NULL)
		return method;
	method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK,
	    "holdfast");
	if (method == NULL)
		return NULL;
	BIO_meth_set_read(method, bio_read);
	BIO_meth_set_write(method, bio_write);
	BIO_meth_set_ctrl(method, bio_ctrl);
	return method;
}

static int
begin(void)
{
	return tlsctx_begin() == -1 || bio_method() == NULL ? -1 : 0;
}

static void
session_free(struct tls_session *s)
{
	if (s == NULL)
		return;
	SSL_free(s->ssl);
	outq_clear(&s->cipher);
	free(s);
}

static struct tls_session *
session_new(struct tls_context *context, int fd)
{
	struct tls_session *s = calloc(1, sizeof(*s));
	BIO *bio;

	if (s == NULL)
		return NULL;
	s->fd = fd;
	outq_init(&s->cipher);
	s->ssl = SSL_new((SSL_CTX *)context);
	bio = BIO_new(bio_method());
	if (s->ssl == NULL || bio == NULL) {
		BIO_free(bio);
		session_free(s);
		return NULL;
	}
	BIO_set_data(bio, s);
	BIO_set_init(bio, 1);
	SSL_set_bio(s->ssl, bio, bio);
	SSL_set_accept_state(s->ssl);
	return s;
}

/* Write what is encrypted: whether all of it went out; -1: failed. */
static int
push(struct tls_session *s)
{
	struct iovec iov[WRITE_IOV];
	ssize_t n;

	while (s->cipher.len > 0) {
		n = writev(s->fd, iov, outq_peek(&s->cipher, iov, WRITE_IOV));
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (n == -1)
			return -1;
		outq_drain(&s->cipher, (size_t)n);
	}
	return 1;
}

/* An alert for the client may be there; nothing follows it. */
static ssize_t
fail(struct conn *c)
{
	struct tls_session *s = c->tls;
	unsigned long code = ERR_peek_error();
	const char *reason = code == 0 ? NULL : ERR_reason_error_string(code);

	if (!s->failed)
		log_debug("conn", "%llu: TLS: %s",
		    (unsigned long long)c->handle,
		    reason == NULL ? "lost" : reason);
	s->failed = true;
	ERR_clear_error();
	(void)push(s);
	errno = ECONNRESET;
	return -1;
}

/*
 * The client's last word of the handshake has no answer that could carry the
 * kernel's acknowledgement, and a client that is not TCP_NODELAY keeps its
 * first request back until that comes, 40 ms later; see tcp(7).
 */
static void
thank(struct tls_session *s)
{
	int on = 1;

	if (s->thanked || !SSL_is_init_finished(s->ssl))
		return;
	s->thanked = true;
	if (s->cipher.len == 0)
		(void)setsockopt(s->fd, IPPROTO_TCP, TCP_QUICKACK, &on,
		    sizeof(on));
}

/*
 * Take what the client has written, "*got" bytes of it.  The library would
 * not return while nothing comes but what is TLS's own, and a client can send
 * other keys for as long as it likes: then others have a turn before.
 */
static int
take(struct tls_session *s, char *bytes, size_t len, size_t *got)
{
	int error = SSL_ERROR_NONE;
	size_t n;

	ERR_clear_error();
	s->dry = false;
	for (*got = 0; *got < len; *got += n) {
		s->reads = 0;
		if (SSL_read_ex(s->ssl, bytes + *got, len - *got, &n) != 1) {
			error = SSL_get_error(s->ssl, 0);
			break;
		}
	}
	s->wary = error == SSL_ERROR_WANT_READ && !s->dry;
	s->more = *got == len || s->wary;
	return error;
}

static ssize_t
tls_read(struct conn *c, void *bytes, size_t len)
{
	struct tls_session *s = c->tls;
	size_t got;
	int error;

	if (s->failed)
		return fail(c);
	error = take(s, bytes, len, &got);
	if (got == len)
		return (ssize_t)got;
	/* What came before the end is handed out before it. */
	if (got > 0) {
		s->failed = error != SSL_ERROR_WANT_READ &&
		    error != SSL_ERROR_ZERO_RETURN;
		ERR_clear_error();
		return (ssize_t)got;
	}
	if (error == SSL_ERROR_ZERO_RETURN)
		return 0;
	if (error != SSL_ERROR_WANT_READ)
		return fail(c);
	thank(s);
	errno = EAGAIN;
	return -1;
}

/* Encrypt some of what waits; false when TLS has failed. */
static bool
encrypt(struct tls_session *s, struct outq *out)
{
	struct iovec iov;
	size_t n;

	ERR_clear_error();
	while (s->cipher.len < BATCH && outq_peek(out, &iov, 1) == 1) {
		if (iov.iov_len > RECORD)
			iov.iov_len = RECORD;
		if (SSL_write_ex(s->ssl, iov.iov_base, iov.iov_len, &n) != 1)
			return false;
		outq_drain(out, n);
	}
	return true;
}

static enum transport_wrote
tls_write(struct conn *c)
{
	struct tls_session *s = c->tls;

	for (;;) {
		switch (push(s)) {
		case -1:
			return TRANSPORT_FAILED;
		case 0:
			return TRANSPORT_FULL;
		}
		if (c->out.len == 0)
			return TRANSPORT_ALL;
		if (!SSL_is_init_finished(s->ssl))
			return TRANSPORT_READ_FIRST;
		if (s->failed || !encrypt(s, &c->out)) {
			(void)fail(c);
			return TRANSPORT_FAILED;
		}
	}
}

static size_t
tls_unwritten(const struct conn *c)
{
	return c->tls->cipher.len;
}

static bool
tls_unread(const struct conn *c)
{
	return c->tls->more || c->tls->failed;
}

static void
tls_finish(struct conn *c)
{
	ERR_clear_error();
	if (!c->tls->failed && SSL_is_init_finished(c->tls->ssl))
		(void)SSL_shutdown(c->tls->ssl);
	ERR_clear_error();
}

static const struct transport transport_tls = {
	.record = RECORD,
	.read = tls_read,
	.write = tls_write,
	.unwritten = tls_unwritten,
	.unread = tls_unread,
	.finish = tls_finish,
};

static const struct tls_engine openssl = {
	.begin = begin,
	.context_new = tlsctx_new,
	.context_free = tlsctx_free,
	.session_new = session_new,
	.session_free = session_free,
	.transport = &transport_tls,
};

const struct tls_engine *const tls_engine = &openssl;
