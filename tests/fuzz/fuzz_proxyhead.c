/* SPDX-License-Identifier: ISC */
/*
 * Headers of the PROXY protocol: pieces lead to the same as the whole, never
 * is more asked for than it takes, and who is named can be named on.
 */
#include "config.h"

#include <sys/socket.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/proxies.h"
#include "gateway/proxyhead.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_done(const struct proxyhead *head, const uint8_t *data, size_t size)
{
	uint8_t source[PROXIES_CLIENT_MAX];
	struct sockaddr_storage back;
	size_t len;

	if (head->length < PROXYHEAD_FIXED || head->length > size ||
	    head->length > PROXYHEAD_MAX || !proxyhead_is(data, size))
		abort();
	len = proxies_client_put(source,
	    (const struct sockaddr *)&head->source);
	if (len == 0 && head->source.ss_family != AF_UNSPEC)
		abort();
	if (len > 0 && (!head->is_relayed ||
	    proxies_client_get((struct span){ source, len }, &back) == -1 ||
	    back.ss_family != head->source.ss_family))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proxyhead whole, piece;
	enum proxyhead_verdict want, got;
	uint8_t *copy;
	size_t len = 0;

	want = proxyhead_parse(data, size, &whole);
	do {
		copy = malloc(len + (len == 0));
		if (copy == NULL)
			abort();
		if (len > 0)
			memcpy(copy, data, len);
		got = proxyhead_parse(copy, len, &piece);
		free(copy);
		if (got != PROXYHEAD_MORE)
			break;
		if (piece.length <= len || piece.length > PROXYHEAD_MAX)
			abort();
		/* In pieces as the network may make them. */
		len += 1 + len % 5;
	} while (len <= size);
	if (got == PROXYHEAD_MORE)
		got = proxyhead_parse(data, size, &piece);
	if (got != want || memcmp(&whole.source, &piece.source,
	    sizeof(whole.source)) != 0)
		abort();
	if (want == PROXYHEAD_BAD && whole.why == NULL)
		abort();
	if (want == PROXYHEAD_DONE)
		check_done(&whole, data, size);
	return 0;
}
