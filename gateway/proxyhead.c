/* SPDX-License-Identifier: ISC */
/* Headers of the PROXY protocol. */
#include "config.h"

#include <netinet/in.h>

#include <string.h>

#include "common/buf.h"
#include "gateway/proxyhead.h"

#define HEADER_VERSION 2
#define TLV_CHECKSUM 3		/* PP2_TYPE_CRC32C */
#define POLYNOMIAL 0x82f63b78U	/* of RFC 3720, section 12.1, mirrored */
#define MAPPED 12

static const uint8_t signature[PROXYHEAD_SIGNATURE] = {
	0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a
};
static const char version_one[] = "PROXY ";

enum command { COMMAND_LOCAL, COMMAND_PROXY };

/* Where the fields of a header stand. */
struct fixed {
	unsigned int version, command, family;
	size_t len;		/* of what follows */
};

static void
take_four(const uint8_t *block, struct sockaddr_storage *source)
{
	struct sockaddr_in *sin = (struct sockaddr_in *)source;

	sin->sin_family = AF_INET;
	memcpy(&sin->sin_addr, block, 4);
	memcpy(&sin->sin_port, block + 8, 2);
}

/* Who listens for both at one socket names IPv4 clients like this. */
static void
take_six(const uint8_t *block, struct sockaddr_storage *source)
{
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)source;
	struct sockaddr_in *sin = (struct sockaddr_in *)source;
	struct in6_addr address;

	memcpy(&address, block, sizeof(address));
	if (IN6_IS_ADDR_V4MAPPED(&address)) {
		sin->sin_family = AF_INET;
		memcpy(&sin->sin_addr, address.s6_addr + MAPPED, 4);
		memcpy(&sin->sin_port, block + 32, 2);
		return;
	}
	sin6->sin6_family = AF_INET6;
	sin6->sin6_addr = address;
	memcpy(&sin6->sin6_port, block + 32, 2);
}

/*
 * Families and transports.  Over what the client came to the proxy does not
 * matter here: it may have been QUIC.
 */
static const struct family {
	uint8_t number;
	uint8_t len;		/* of the block of addresses */
	void (*take)(const uint8_t *block, struct sockaddr_storage *source);
} families[] = {
	{ 0x00, 0, NULL },		/* UNSPEC */
	{ 0x11, 12, take_four },	/* TCP over IPv4 */
	{ 0x12, 12, take_four },	/* UDP */
	{ 0x21, 36, take_six },		/* TCP over IPv6 */
	{ 0x22, 36, take_six },		/* UDP */
	{ 0x31, 216, NULL },		/* Unix stream */
	{ 0x32, 216, NULL },		/* Unix datagrams */
};

static const struct family *
find_family(unsigned int number)
{
	size_t i;

	for (i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (families[i].number == number)
			return &families[i];
	return NULL;
}

static uint32_t
checksum(uint32_t sum, const uint8_t *bytes, size_t len)
{
	size_t i;
	int bit;

	for (i = 0; i < len; i++) {
		sum ^= bytes[i];
		for (bit = 0; bit < 8; bit++)
			sum = sum >> 1 ^ (sum & 1 ? POLYNOMIAL : 0);
	}
	return sum;
}

/* The header's, its own four bytes at "at" being zero. */
static uint32_t
checksum_around(const uint8_t *bytes, size_t len, size_t at)
{
	static const uint8_t zero[4];
	uint32_t sum = checksum(~0U, bytes, at);

	sum = checksum(sum, zero, sizeof(zero));
	return ~checksum(sum, bytes + at + sizeof(zero),
	    len - at - sizeof(zero));
}

/* NULL, or what is wrong with what stands behind the addresses. */
static const char *
check_extras(const uint8_t *bytes, size_t len, size_t at)
{
	struct cursor c;
	struct span value;
	bool summed = false;
	uint8_t type;

	cursor_init(&c, bytes + at, len - at);
	while (c.left > 0) {
		type = cursor_u8(&c);
		value = cursor_span(&c, cursor_u16(&c));
		if (c.failed)
			return "has a TLV that goes beyond its end";
		if (type != TLV_CHECKSUM)
			continue;
		if (value.len != 4 || summed)
			return "has a malformed checksum";
		summed = true;
		cursor_init(&c, value.p, value.len);
		if (cursor_u32(&c) != checksum_around(bytes, len,
		    (size_t)(value.p - bytes)))
			return "has a checksum that is not its own";
		at = (size_t)(value.p - bytes) + value.len;
		cursor_init(&c, bytes + at, len - at);
	}
	return NULL;
}

static enum proxyhead_verdict
refuse(struct proxyhead *head, const char *why)
{
	head->why = why;
	return PROXYHEAD_BAD;
}

/* Not even the signature is there, or only its beginning. */
static enum proxyhead_verdict
judge_beginning(const uint8_t *bytes, size_t len, struct proxyhead *head)
{
	size_t n = len < sizeof(signature) ? len : sizeof(signature);

	head->length = PROXYHEAD_FIXED;
	if (len == 0 || memcmp(bytes, signature, n) == 0)
		return PROXYHEAD_MORE;
	n = strlen(version_one);
	if (memcmp(bytes, version_one, len < n ? len : n) != 0)
		return refuse(head, "is missing");
	return len < n ? PROXYHEAD_MORE : refuse(head,
	    "is of version 1; it has to be of version 2 (send-proxy-v2)");
}

static enum proxyhead_verdict
judge_whole(const uint8_t *bytes, const struct fixed *fixed,
    struct proxyhead *head)
{
	const struct family *family = find_family(fixed->family);

	/* The proxy itself: it may say what it likes, and is heard no more. */
	if (fixed->command == COMMAND_LOCAL)
		return PROXYHEAD_DONE;
	head->is_relayed = true;
	if (family->take != NULL)
		family->take(bytes + PROXYHEAD_FIXED, &head->source);
	head->why = check_extras(bytes, head->length,
	    PROXYHEAD_FIXED + (size_t)family->len);
	return head->why == NULL ? PROXYHEAD_DONE : PROXYHEAD_BAD;
}

/* What is wrong with its first bytes, or NULL. */
static const char *
check_fixed(const struct fixed *fixed)
{
	const struct family *family = find_family(fixed->family);

	if (fixed->version != HEADER_VERSION)
		return "is of an unknown version";
	if (fixed->command > COMMAND_PROXY)
		return "has an unknown command";
	if (fixed->len > PROXYHEAD_MAX - PROXYHEAD_FIXED)
		return "is longer than 4096 bytes";
	if (fixed->command == COMMAND_LOCAL)
		return NULL;
	if (family == NULL)
		return "has an unknown family or transport";
	return fixed->len < family->len ?
	    "is too short for its addresses" : NULL;
}

bool
proxyhead_is(const uint8_t *bytes, size_t len)
{
	return len >= sizeof(signature) &&
	    memcmp(bytes, signature, sizeof(signature)) == 0;
}

enum proxyhead_verdict
proxyhead_parse(const uint8_t *bytes, size_t len, struct proxyhead *head)
{
	struct fixed fixed;
	const char *why;

	memset(head, 0, sizeof(*head));
	if (len < PROXYHEAD_FIXED || !proxyhead_is(bytes, len))
		return judge_beginning(bytes, len, head);
	fixed.version = bytes[12] >> 4;
	fixed.command = bytes[12] & 0x0f;
	fixed.family = bytes[13];
	fixed.len = (size_t)bytes[14] << 8 | bytes[15];
	why = check_fixed(&fixed);
	if (why != NULL)
		return refuse(head, why);
	head->length = PROXYHEAD_FIXED + fixed.len;
	return len < head->length ? PROXYHEAD_MORE :
	    judge_whole(bytes, &fixed, head);
}
