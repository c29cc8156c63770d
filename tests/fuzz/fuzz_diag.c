/* SPDX-License-Identifier: ISC */
/*
 * The kernel's answer about a socket: no input may name an owner without the
 * verdict that goes with it.
 */
#include "config.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>

#include "broker/auth/peeruid.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sockaddr_in in = {
		.sin_family = AF_INET,
		.sin_port = htons(0x4142),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct peeruid_pair pair;
	enum peeruid_verdict verdict;
	uid_t uid = 12345;

	peeruid_end_set(&pair.client, (struct sockaddr *)&in);
	peeruid_end_set(&pair.server, (struct sockaddr *)&in);
	verdict = peeruid_parse(data, size, &pair, 0x01010101, 0x02020202,
	    65534, &uid);
	if (verdict >= PEERUID_VERDICT_COUNT ||
	    (verdict != PEERUID_OK && uid != 12345) || uid == 65534)
		abort();
	return 0;
}
