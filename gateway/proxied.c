/* SPDX-License-Identifier: ISC */
/*
 * The beginning of a connection where there are proxies: one of them says for
 * whom it connects before anything else, TLS included; nobody else may.  Not
 * a byte more than that is read here, so that the real transport begins where
 * it always does.
 */
#include "config.h"

#include <sys/socket.h>
#include <sys/types.h>

#include <errno.h>
#include <stdlib.h>

#include "common/log.h"
#include "gateway/gateway.h"
#include "gateway/proxyhead.h"
#include "gateway/tls.h"
#include "gateway/transport.h"

struct lead {
	bool is_proxy;		/* a header must come; else none may */
	size_t len;		/* bytes of it that are here */
	uint8_t bytes[PROXYHEAD_MAX];
};

static const struct transport *
after(const struct conn *c)
{
	return c->tls == NULL ? &transport_plain : tls_engine->transport;
}

/* The rest of the connection is read as if nothing had been before. */
static void
pass_on(struct conn *c)
{
	free(c->lead);
	c->lead = NULL;
	c->io = after(c);
}

static ssize_t
refuse(struct conn *c, const char *why)
{
	if (why != NULL)
		listener_complain(c->listener, c->fd, why);
	errno = ECONNRESET;
	return -1;
}

/* It is whom it speaks for who counts from now on. */
static int
take(struct conn *c, const struct proxyhead *head)
{
	const struct sockaddr *from = (const struct sockaddr *)&head->source;

	c->forwarded = true;
	c->source_len = proxies_client_put(c->source_bytes, from);
	log_debug("conn", "%llu: through a proxy, %s",
	    (unsigned long long)c->handle, c->source_len > 0 ?
	    "for a client of its own" : "for nobody that it names");
	return c->source_len == 0 ? 0 : listeners_recount(c, from);
}

/* Read the header; 1 when it has been taken, 0 at the end of file. */
static ssize_t
read_header(struct conn *c)
{
	struct lead *lead = c->lead;
	struct proxyhead head;
	ssize_t n;

	for (;;) {
		switch (proxyhead_parse(lead->bytes, lead->len, &head)) {
		case PROXYHEAD_DONE:
			return take(c, &head) == 0 ? 1 : refuse(c, NULL);
		case PROXYHEAD_BAD:
			return refuse(c, head.why);
		case PROXYHEAD_MORE:
			break;
		}
		n = recv(c->fd, lead->bytes + lead->len,
		    head.length - lead->len, 0);
		if (n <= 0)
			return n;
		lead->len += (size_t)n;
	}
}

/* Only look: 1 when it is no header, 0 at the end of file. */
static ssize_t
look(struct conn *c)
{
	uint8_t bytes[PROXYHEAD_SIGNATURE];
	ssize_t n = recv(c->fd, bytes, sizeof(bytes), MSG_PEEK);

	if (n <= 0)
		return n;
	return proxyhead_is(bytes, (size_t)n) ?
	    refuse(c, "comes from no trusted proxy") : 1;
}

static ssize_t
lead_read(struct conn *c, void *bytes, size_t len)
{
	ssize_t n = c->lead->is_proxy ? read_header(c) : look(c);

	if (n <= 0)
		return n;
	pass_on(c);
	return c->io->read(c, bytes, len);
}

static enum transport_wrote
lead_write(struct conn *c)
{
	return after(c)->write(c);
}

static size_t
lead_unwritten(const struct conn *c)
{
	return after(c)->unwritten(c);
}

static bool
lead_unread(const struct conn *c)
{
	(void)c;
	return false;
}

static void
lead_finish(struct conn *c)
{
	after(c)->finish(c);
}

static const struct transport transport_lead = {
	.read = lead_read,
	.write = lead_write,
	.unwritten = lead_unwritten,
	.unread = lead_unread,
	.finish = lead_finish,
};

int
proxied_begin(struct conn *c, enum peers_trust trust)
{
	c->io = after(c);
	if (trust == PEERS_NONE)
		return 0;
	c->lead = calloc(1, sizeof(*c->lead));
	if (c->lead == NULL)
		return -1;
	c->lead->is_proxy = trust == PEERS_PROXY;
	c->io = &transport_lead;
	return 0;
}
