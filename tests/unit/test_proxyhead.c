/* SPDX-License-Identifier: ISC */
/* Headers of the PROXY protocol, by the tables of its specification. */
#include "config.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "gateway/proxyhead.h"

TestSuite(proxyhead, .timeout = 20);

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

static uint8_t bytes[PROXYHEAD_MAX + 64];
static struct proxyhead head;

/* A header whose block and TLVs have "len" bytes, counted up. */
static size_t
make(uint8_t command, uint8_t family, size_t len)
{
	size_t i;

	memcpy(bytes, SIGNATURE, PROXYHEAD_SIGNATURE);
	bytes[12] = command;
	bytes[13] = family;
	bytes[14] = (uint8_t)(len >> 8);
	bytes[15] = (uint8_t)len;
	for (i = 0; i < len && PROXYHEAD_FIXED + i < sizeof(bytes); i++)
		bytes[PROXYHEAD_FIXED + i] = (uint8_t)(i + 1);
	return PROXYHEAD_FIXED + len;
}

/* Exactly so many bytes, so that a step beyond shows. */
static enum proxyhead_verdict
parse(size_t len)
{
	uint8_t *copy = malloc(len + (len == 0));
	enum proxyhead_verdict verdict;

	cr_assert_not_null(copy);
	memcpy(copy, bytes, len);
	verdict = proxyhead_parse(copy, len, &head);
	free(copy);
	return verdict;
}

static const char *
source(void)
{
	static char text[INET6_ADDRSTRLEN];
	const void *at = head.source.ss_family == AF_INET6 ?
	    (const void *)&((struct sockaddr_in6 *)&head.source)->sin6_addr :
	    (const void *)&((struct sockaddr_in *)&head.source)->sin_addr;

	if (head.source.ss_family == AF_UNSPEC)
		return "";
	return inet_ntop(head.source.ss_family, at, text, sizeof(text));
}

/* Every command with every family and transport. */
Test(proxyhead, families)
{
	static const struct {
		size_t len;	/* of the addresses */
		const char *source;
	} known[256] = {
		[0x00] = { 0, "" },
		[0x11] = { 12, "1.2.3.4" },
		[0x12] = { 12, "1.2.3.4" },
		[0x21] = { 36, "102:304:506:708:90a:b0c:d0e:f10" },
		[0x22] = { 36, "102:304:506:708:90a:b0c:d0e:f10" },
		[0x31] = { 216, "" },
		[0x32] = { 216, "" },
	};
	unsigned int command, family;
	size_t len;

	for (command = 0x20; command < 0x30; command++)
		for (family = 0; family < 256; family++) {
			len = make((uint8_t)command, (uint8_t)family,
			    known[family].len);
			if (command > 0x21 || (command == 0x21 &&
			    known[family].source == NULL)) {
				cr_assert_eq(parse(len), PROXYHEAD_BAD);
				cr_assert_not_null(head.why);
				continue;
			}
			cr_assert_eq(parse(len), PROXYHEAD_DONE, "%x %x",
			    command, family);
			cr_assert_eq(head.length, len);
			cr_assert_eq(head.is_relayed, command == 0x21);
			cr_assert_str_eq(source(), command == 0x21 ?
			    known[family].source : "");
		}
}

Test(proxyhead, ports_and_mapped_addresses)
{
	size_t len = make(0x21, 0x11, 12);

	cr_assert_eq(parse(len), PROXYHEAD_DONE);
	cr_assert_eq(ntohs(((struct sockaddr_in *)&head.source)->sin_port),
	    0x090a);
	len = make(0x21, 0x21, 36);
	cr_assert_eq(parse(len), PROXYHEAD_DONE);
	cr_assert_eq(ntohs(((struct sockaddr_in6 *)&head.source)->sin6_port),
	    0x2122);
	memset(bytes + PROXYHEAD_FIXED, 0, 10);
	memset(bytes + PROXYHEAD_FIXED + 10, 0xff, 2);
	cr_assert_eq(parse(len), PROXYHEAD_DONE);
	cr_assert_eq(head.source.ss_family, AF_INET);
	cr_assert_str_eq(source(), "13.14.15.16");
	cr_assert_eq(ntohs(((struct sockaddr_in *)&head.source)->sin_port),
	    0x2122);
}

/* Of each part so much is asked for as is known to be there. */
Test(proxyhead, piece_by_piece)
{
	size_t whole = make(0x21, 0x11, 12), len;

	bytes[whole] = 'G';
	for (len = 0; len < whole; len++) {
		cr_assert_eq(parse(len), PROXYHEAD_MORE, "%zu", len);
		cr_assert_eq(head.length, len < PROXYHEAD_FIXED ?
		    PROXYHEAD_FIXED : whole);
	}
	cr_assert_eq(parse(whole + 1), PROXYHEAD_DONE);
	cr_assert_eq(head.length, whole);
}

Test(proxyhead, what_is_none)
{
	static const struct {
		const char *text;
		const char *why;
	} rows[] = {
		{ "G", "is missing" },
		{ "GET / HTTP/1.1\r\n\r\n", "is missing" },
		{ "POST / HTTP/1.1\r\n", "is missing" },
		{ "PROXYX", "is missing" },
		{ "\x16\x03\x01\x02", "is missing" },
		{ "\r\n\r\nx", "is missing" },
		{ "PROXY ", "is of version 1" },
		{ "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", "is of version 1" },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memcpy(bytes, rows[i].text, strlen(rows[i].text));
		cr_assert_eq(parse(strlen(rows[i].text)), PROXYHEAD_BAD);
		cr_assert_not_null(strstr(head.why, rows[i].why), "%zu: %s",
		    i, head.why);
	}
	memcpy(bytes, "PROXY", 5);
	cr_assert_eq(parse(5), PROXYHEAD_MORE);
	make(0x11, 0x11, 12);
	cr_assert_eq(parse(PROXYHEAD_FIXED), PROXYHEAD_BAD);
	cr_assert_str_eq(head.why, "is of an unknown version");
}

Test(proxyhead, lengths)
{
	size_t len;

	for (len = 0; len < 12; len++) {
		make(0x21, 0x11, len);
		cr_assert_eq(parse(PROXYHEAD_FIXED), PROXYHEAD_BAD);
		cr_assert_str_eq(head.why, "is too short for its addresses");
	}
	for (len = 0; len < 36; len++) {
		make(0x21, 0x21, len);
		cr_assert_eq(parse(PROXYHEAD_FIXED), PROXYHEAD_BAD);
	}
	make(0x21, 0x31, 215);
	cr_assert_eq(parse(PROXYHEAD_FIXED), PROXYHEAD_BAD);
	/* The proxy's own may hold anything, up to the same end. */
	len = make(0x20, 0x77, PROXYHEAD_MAX - PROXYHEAD_FIXED);
	cr_assert_eq(parse(PROXYHEAD_FIXED), PROXYHEAD_MORE);
	cr_assert_eq(parse(len), PROXYHEAD_DONE);
	make(0x20, 0x77, PROXYHEAD_MAX - PROXYHEAD_FIXED + 1);
	cr_assert_eq(parse(PROXYHEAD_FIXED), PROXYHEAD_BAD);
	make(0x21, 0x11, 65535);
	cr_assert_eq(parse(PROXYHEAD_FIXED), PROXYHEAD_BAD);
	cr_assert_str_eq(head.why, "is longer than 4096 bytes");
}

/* Behind 12 bytes of addresses: "text" of "len" bytes. */
static enum proxyhead_verdict
parse_with(const void *text, size_t len)
{
	size_t whole = make(0x21, 0x11, 12 + len);

	memcpy(bytes + PROXYHEAD_FIXED + 12, text, len);
	return parse(whole);
}

Test(proxyhead, extras_are_passed_over)
{
	cr_assert_eq(parse_with("\x04\0\0", 3), PROXYHEAD_DONE);
	cr_assert_eq(parse_with("\x01\0\2h2\x04\0\1x", 9), PROXYHEAD_DONE);
	cr_assert_eq(parse_with("\xee\0\0\xee\0\0", 6), PROXYHEAD_DONE);
	cr_assert_str_eq(source(), "1.2.3.4");
	cr_assert_eq(parse_with("\x04", 1), PROXYHEAD_BAD);
	cr_assert_eq(parse_with("\x04\0", 2), PROXYHEAD_BAD);
	cr_assert_eq(parse_with("\x04\0\1", 3), PROXYHEAD_BAD);
	cr_assert_eq(parse_with("\x01\0\2h2\x04\0\2x", 9), PROXYHEAD_BAD);
	cr_assert_eq(parse_with("\x01\xff\xffh", 4), PROXYHEAD_BAD);
	cr_assert_str_eq(head.why, "has a TLV that goes beyond its end");
}

/*
 * The sum of this very header, computed once by other means: CRC32c of
 * "123456789" being e3069283, as everywhere.
 */
Test(proxyhead, checksums)
{
	static const char right[] = "\x03\0\4\x4b\x1f\x2a\x32\x04\0\1x";
	char text[sizeof(right)];
	size_t i;

	memcpy(text, right, sizeof(right));
	cr_assert_eq(parse_with(text, sizeof(right) - 1), PROXYHEAD_DONE,
	    "%s", head.why);
	/* Every bit of the value, of the addresses and of what follows. */
	for (i = 0; i < 8 * 4; i++) {
		text[3 + i / 8] ^= (char)(1 << i % 8);
		cr_assert_eq(parse_with(text, sizeof(right) - 1),
		    PROXYHEAD_BAD);
		text[3 + i / 8] ^= (char)(1 << i % 8);
	}
	text[10] ^= 1;
	cr_assert_eq(parse_with(text, sizeof(right) - 1), PROXYHEAD_BAD);
	cr_assert_str_eq(head.why, "has a checksum that is not its own");
	cr_assert_eq(parse_with("\x03\0\3abc", 6), PROXYHEAD_BAD);
	cr_assert_eq(parse_with("\x03\0\0", 3), PROXYHEAD_BAD);
	cr_assert_str_eq(head.why, "has a malformed checksum");
}

Test(proxyhead, looks_like_one)
{
	cr_assert(proxyhead_is((const uint8_t *)SIGNATURE "!", 13));
	cr_assert(proxyhead_is((const uint8_t *)SIGNATURE, 12));
	cr_assert_not(proxyhead_is((const uint8_t *)SIGNATURE, 11));
	cr_assert_not(proxyhead_is((const uint8_t *)"GET / HTTP/1.1", 14));
}
