/* SPDX-License-Identifier: ISC */
/* Who is believed when it speaks for others. */
#include "config.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/proto.h"
#include "common/proxies.h"

#define MAPPED 12	/* bytes before the IPv4 address in a mapped one */

/* Bytes of an item, its kind included; 0: there is no such kind. */
static const uint8_t lengths[PROXIES_KINDS] = {
	[PROXIES_ANYBODY] = 1,
	[PROXIES_USER] = 5,
	[PROXIES_IP4] = 6,
	[PROXIES_IP6] = 18,
};

/* Returns the bits, or -1. */
static int
take_bits(const char *text, int most)
{
	int bits = 0, i;

	for (i = 0; isdigit((unsigned char)text[i]) && i < 3; i++)
		bits = bits * 10 + (text[i] - '0');
	return i == 0 || text[i] != '\0' || bits > most ? -1 : bits;
}

static bool
is_beyond(const uint8_t *address, size_t len, int bits)
{
	size_t i;

	for (i = (size_t)bits; i < len * 8; i++)
		if (address[i / 8] & 0x80 >> i % 8)
			return true;
	return false;
}

const char *
proxies_add_network(struct writer *w, const char *text)
{
	char host[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t len = slash == NULL ? strlen(text) : (size_t)(slash - text);
	uint8_t item[18];
	struct in6_addr in6;
	int six, bits;

	if (len >= sizeof(host))
		return "is no address and no network";
	memcpy(host, text, len);
	host[len] = '\0';
	six = strchr(host, ':') != NULL;
	if (inet_pton(six ? AF_INET6 : AF_INET, host, item + 2) != 1)
		return "is no address and no network, such as 10.0.0.1, "
		    "10.1.0.0/16 or fd00::/8";
	memcpy(&in6, item + 2, sizeof(in6));
	if (six && IN6_IS_ADDR_V4MAPPED(&in6))
		return "is an IPv4 address in disguise; write it as one";
	item[0] = six ? PROXIES_IP6 : PROXIES_IP4;
	len = lengths[item[0]] - 2U;
	bits = slash == NULL ? (int)len * 8 : take_bits(slash + 1,
	    (int)len * 8);
	if (bits == -1)
		return six ? "must end in /BITS, 1 to 128" :
		    "must end in /BITS, 1 to 32";
	if (bits == 0)
		return "is everybody: then anybody could choose his address";
	if (is_beyond(item + 2, len, bits))
		return "has bits set behind its prefix";
	item[1] = (uint8_t)bits;
	proto_list_add(w, (struct span){ item, len + 2 });
	return NULL;
}

void
proxies_add_user(struct writer *w, uid_t uid)
{
	writer_put_u32(w, lengths[PROXIES_USER]);
	writer_put_u8(w, PROXIES_USER);
	writer_put_u32(w, uid);
}

void
proxies_add_anybody(struct writer *w)
{
	writer_put_u32(w, lengths[PROXIES_ANYBODY]);
	writer_put_u8(w, PROXIES_ANYBODY);
}

static bool
item_valid(struct span item)
{
	if (item.len == 0 || item.p[0] >= PROXIES_KINDS ||
	    lengths[item.p[0]] == 0 || item.len != lengths[item.p[0]])
		return false;
	if (item.p[0] != PROXIES_IP4 && item.p[0] != PROXIES_IP6)
		return true;
	return item.p[1] > 0 && item.p[1] <= (item.len - 2) * 8;
}

bool
proxies_valid(struct span list)
{
	struct span item;

	while (proto_list_next(&list, &item))
		if (!item_valid(item))
			return false;
	return true;
}

static bool
same_network(const uint8_t *a, const uint8_t *b, size_t bits)
{
	size_t whole = bits / 8, rest = bits % 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}

static bool
is_it(struct span item, const struct proxies_peer *peer)
{
	struct cursor c;

	switch (item.p[0]) {
	case PROXIES_ANYBODY:
		return peer->family == AF_UNIX;
	case PROXIES_USER:
		cursor_init(&c, item.p + 1, item.len - 1);
		return peer->family == AF_UNIX && cursor_u32(&c) == peer->uid;
	case PROXIES_IP4:
		return peer->family == AF_INET &&
		    same_network(item.p + 2, peer->address, item.p[1]);
	default:
		return peer->family == AF_INET6 &&
		    same_network(item.p + 2, peer->address, item.p[1]);
	}
}

bool
proxies_trust(struct span list, const struct proxies_peer *peer)
{
	struct span item;

	while (proto_list_next(&list, &item))
		if (item_valid(item) && is_it(item, peer))
			return true;
	return false;
}

size_t
proxies_client_put(uint8_t out[PROXIES_CLIENT_MAX],
    const struct sockaddr *from)
{
	struct sockaddr_in6 sin6;
	struct sockaddr_in sin;

	if (from->sa_family == AF_INET) {
		memcpy(&sin, from, sizeof(sin));
		memcpy(out, &sin.sin_addr, 4);
		memcpy(out + 4, &sin.sin_port, 2);
		return 6;
	}
	if (from->sa_family != AF_INET6)
		return 0;
	memcpy(&sin6, from, sizeof(sin6));
	if (IN6_IS_ADDR_V4MAPPED(&sin6.sin6_addr)) {
		memcpy(out, sin6.sin6_addr.s6_addr + MAPPED, 4);
		memcpy(out + 4, &sin6.sin6_port, 2);
		return 6;
	}
	memcpy(out, &sin6.sin6_addr, 16);
	memcpy(out + 16, &sin6.sin6_port, 2);
	return PROXIES_CLIENT_MAX;
}

int
proxies_client_get(struct span client, struct sockaddr_storage *from)
{
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)from;
	struct sockaddr_in *sin = (struct sockaddr_in *)from;

	memset(from, 0, sizeof(*from));
	if (client.len == 6) {
		sin->sin_family = AF_INET;
		memcpy(&sin->sin_addr, client.p, 4);
		memcpy(&sin->sin_port, client.p + 4, 2);
		return 0;
	}
	if (client.len != PROXIES_CLIENT_MAX)
		return -1;
	sin6->sin6_family = AF_INET6;
	memcpy(&sin6->sin6_addr, client.p, 16);
	memcpy(&sin6->sin6_port, client.p + 16, 2);
	return 0;
}
