/* SPDX-License-Identifier: ISC */
/*
 * libevent can look up names, which nothing here asks it to; but a static
 * image would carry all of the resolver for it.  These say no instead.
 */
#include "config.h"

#include <sys/socket.h>

#include <netdb.h>
#include <stddef.h>

int
getaddrinfo(const char *restrict node, const char *restrict service,
    const struct addrinfo *restrict hints, struct addrinfo **restrict result)
{
	(void)node;
	(void)service;
	(void)hints;
	*result = NULL;
	return EAI_FAIL;
}

void
freeaddrinfo(struct addrinfo *list)
{
	(void)list;
}

const char *
gai_strerror(int error)
{
	(void)error;
	return "names are not looked up here";
}

struct servent *
getservbyname(const char *name, const char *protocol)
{
	(void)name;
	(void)protocol;
	return NULL;
}

struct protoent *
getprotobynumber(int number)
{
	(void)number;
	return NULL;
}
