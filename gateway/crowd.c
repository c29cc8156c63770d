/* SPDX-License-Identifier: ISC */
/* Sources of connections, and how many each has. */
#include "config.h"

#include <sys/socket.h>
#include <sys/tree.h>

#include <netinet/in.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/crowd.h"

struct crowd_key {
	uint8_t family;
	uint8_t bytes[8];	/* of the address: 4, 8 or none */
};

struct crowd_source {
	RB_ENTRY(crowd_source) entry;
	struct crowd_key key;
	size_t count;
};

RB_HEAD(crowd_sources, crowd_source);

struct crowd {
	struct crowd_sources sources;
};

static int
source_cmp(const struct crowd_source *a, const struct crowd_source *b)
{
	return memcmp(&a->key, &b->key, sizeof(a->key));
}

/* RB_GENERATE_STATIC() names an attribute that no header here defines. */
RB_GENERATE_INTERNAL(crowd_sources, crowd_source, entry, source_cmp,
    __attribute__((__unused__)) static)

struct crowd *
crowd_new(void)
{
	struct crowd *crowd = calloc(1, sizeof(*crowd));

	if (crowd != NULL)
		RB_INIT(&crowd->sources);
	return crowd;
}

void
crowd_free(struct crowd *crowd)
{
	free(crowd);
}

static struct crowd_key
key_of(const struct sockaddr *from)
{
	struct crowd_key key = { .family = (uint8_t)from->sa_family };
	struct sockaddr_in6 sin6;
	struct sockaddr_in sin;

	if (from->sa_family == AF_INET) {
		memcpy(&sin, from, sizeof(sin));
		memcpy(key.bytes, &sin.sin_addr, 4);
	} else if (from->sa_family == AF_INET6) {
		memcpy(&sin6, from, sizeof(sin6));
		memcpy(key.bytes, &sin6.sin6_addr, sizeof(key.bytes));
	}
	return key;
}

bool
crowd_is_local(const struct sockaddr *from)
{
	struct sockaddr_in6 sin6;
	struct crowd_key key;

	if (from->sa_family == AF_INET6) {
		memcpy(&sin6, from, sizeof(sin6));
		return IN6_IS_ADDR_LOOPBACK(&sin6.sin6_addr);
	}
	key = key_of(from);
	return from->sa_family == AF_UNIX ||
	    (from->sa_family == AF_INET && key.bytes[0] == 127);
}

struct crowd_source *
crowd_enter(struct crowd *crowd, const struct sockaddr *from, size_t most)
{
	struct crowd_source wanted = { .key = key_of(from) }, *source;

	source = RB_FIND(crowd_sources, &crowd->sources, &wanted);
	if (source == NULL) {
		source = calloc(1, sizeof(*source));
		if (source == NULL)
			return NULL;
		source->key = wanted.key;
		RB_INSERT(crowd_sources, &crowd->sources, source);
	} else if (source->count >= most) {
		return NULL;
	}
	source->count++;
	return source;
}

void
crowd_leave(struct crowd *crowd, struct crowd_source *source)
{
	if (--source->count > 0)
		return;
	RB_REMOVE(crowd_sources, &crowd->sources, source);
	free(source);
}
