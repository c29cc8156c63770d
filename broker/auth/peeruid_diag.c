/* SPDX-License-Identifier: ISC */
/* Addresses, the question, and the kernel's answer to it; pure. */
#include "config.h"

#include <sys/socket.h>

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <string.h>

#include "broker/auth/peeruid.h"

struct diag_request {
	struct nlmsghdr header;
	struct inet_diag_req_v2 body;
};

_Static_assert(sizeof(struct diag_request) == PEERUID_REQUEST_SIZE,
    "the request has the size that the header promises");

#define X(name, text) text,
static const char *const texts[] = { PEERUID_VERDICTS(X) };
#undef X

const char *
peeruid_verdict_text(enum peeruid_verdict verdict)
{
	return texts[verdict];
}

static void
set_ipv4(struct peeruid_end *end, const void *address, uint16_t port)
{
	memset(end, 0, sizeof(*end));
	end->family = AF_INET;
	end->port = port;
	memcpy(end->address, address, 4);
}

static void
set_ipv6(struct peeruid_end *end, const void *address, uint16_t port)
{
	struct in6_addr in6;

	memcpy(&in6, address, sizeof(in6));
	if (IN6_IS_ADDR_V4MAPPED(&in6)) {
		set_ipv4(end, &in6.s6_addr[12], port);
		return;
	}
	memset(end, 0, sizeof(*end));
	end->family = AF_INET6;
	end->port = port;
	memcpy(end->address, &in6, sizeof(in6));
}

int
peeruid_end_set(struct peeruid_end *end, const struct sockaddr *address)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	switch (address->sa_family) {
	case AF_INET:
		memcpy(&in, address, sizeof(in));
		set_ipv4(end, &in.sin_addr, in.sin_port);
		return 0;
	case AF_INET6:
		memcpy(&in6, address, sizeof(in6));
		set_ipv6(end, &in6.sin6_addr, in6.sin6_port);
		return 0;
	default:
		return -1;
	}
}

int
peeruid_end_is_loopback(const struct peeruid_end *end)
{
	struct in6_addr in6;

	if (end->family == AF_INET)
		return end->address[0] == 127;
	memcpy(&in6, end->address, sizeof(in6));
	return IN6_IS_ADDR_LOOPBACK(&in6);
}

static int
is_any(const struct peeruid_end *end)
{
	static const uint8_t any[16];

	return memcmp(end->address, any, sizeof(any)) == 0;
}

int
peeruid_end_listens(const struct peeruid_end *listener,
    const struct peeruid_end *local)
{
	if (listener->port != local->port)
		return 0;
	/* :: may hear IPv4 as well. */
	if (is_any(listener))
		return listener->family == local->family ||
		    listener->family == AF_INET6;
	return listener->family == local->family &&
	    memcmp(listener->address, local->address,
		sizeof(local->address)) == 0;
}

static int
end_equal(const struct peeruid_end *a, const struct peeruid_end *b)
{
	return a->family == b->family && a->port == b->port &&
	    memcmp(a->address, b->address, sizeof(a->address)) == 0;
}

void
peeruid_build(uint8_t request[PEERUID_REQUEST_SIZE],
    const struct peeruid_pair *pair, uint32_t sequence)
{
	struct diag_request r;

	memset(&r, 0, sizeof(r));
	r.header.nlmsg_len = sizeof(r);
	r.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
	r.header.nlmsg_flags = NLM_F_REQUEST;
	r.header.nlmsg_seq = sequence;
	r.body.sdiag_family = (uint8_t)pair->client.family;
	r.body.sdiag_protocol = IPPROTO_TCP;
	r.body.idiag_states = UINT32_MAX;
	r.body.id.idiag_sport = pair->client.port;
	r.body.id.idiag_dport = pair->server.port;
	memcpy(r.body.id.idiag_src, pair->client.address,
	    sizeof(r.body.id.idiag_src));
	memcpy(r.body.id.idiag_dst, pair->server.address,
	    sizeof(r.body.id.idiag_dst));
	r.body.id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
	r.body.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	memcpy(request, &r, sizeof(r));
}

static int
answer_ends(const struct inet_diag_msg *msg, struct peeruid_pair *pair)
{
	const struct inet_diag_sockid *id = &msg->id;

	switch (msg->idiag_family) {
	case AF_INET:
		set_ipv4(&pair->client, id->idiag_src, id->idiag_sport);
		set_ipv4(&pair->server, id->idiag_dst, id->idiag_dport);
		return 0;
	case AF_INET6:
		set_ipv6(&pair->client, id->idiag_src, id->idiag_sport);
		set_ipv6(&pair->server, id->idiag_dst, id->idiag_dport);
		return 0;
	default:
		return -1;
	}
}

static enum peeruid_verdict
parse_error(const uint8_t *body, size_t len)
{
	struct nlmsgerr error;

	if (len < sizeof(error))
		return PEERUID_MALFORMED;
	memcpy(&error, body, sizeof(error));
	return error.error == -ENOENT ? PEERUID_GONE : PEERUID_UNREACHABLE;
}

static enum peeruid_verdict
parse_socket(const uint8_t *body, size_t len, const struct peeruid_pair *pair,
    uid_t nobody, uid_t *uid)
{
	struct inet_diag_msg msg;
	struct peeruid_pair found;

	if (len < sizeof(msg))
		return PEERUID_MALFORMED;
	memcpy(&msg, body, sizeof(msg));
	/* When the client's is gone, a listener may be found in its place. */
	if (answer_ends(&msg, &found) == -1 ||
	    !end_equal(&found.client, &pair->client) ||
	    !end_equal(&found.server, &pair->server))
		return PEERUID_GONE;
	if (msg.idiag_state != TCP_ESTABLISHED || msg.idiag_inode == 0)
		return PEERUID_GONE;
	if (msg.idiag_uid == nobody || msg.idiag_uid == (uid_t)-1)
		return PEERUID_NOBODY;
	*uid = msg.idiag_uid;
	return PEERUID_OK;
}

enum peeruid_verdict
peeruid_parse(const void *answer, size_t len, const struct peeruid_pair *pair,
    uint32_t sequence, uint32_t port, uid_t nobody, uid_t *uid)
{
	struct nlmsghdr header;
	const uint8_t *body;

	if (len < NLMSG_HDRLEN)
		return PEERUID_MALFORMED;
	memcpy(&header, answer, sizeof(header));
	if (header.nlmsg_len < NLMSG_HDRLEN || header.nlmsg_len > len)
		return PEERUID_MALFORMED;
	if (header.nlmsg_seq != sequence || header.nlmsg_pid != port)
		return PEERUID_SKIP;
	body = (const uint8_t *)answer + NLMSG_HDRLEN;
	len = header.nlmsg_len - NLMSG_HDRLEN;
	switch (header.nlmsg_type) {
	case NLMSG_ERROR:
		return parse_error(body, len);
	case SOCK_DIAG_BY_FAMILY:
		return parse_socket(body, len, pair, nobody, uid);
	default:
		return PEERUID_MALFORMED;
	}
}
