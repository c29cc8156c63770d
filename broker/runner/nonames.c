/* SPDX-License-Identifier: ISC */
/*
 * libevent can look up names, which nothing here asks it to; but a static
 * image would carry all of the resolver for it.  These say no instead.  And a
 * thread begins with a pointer to a resolver's state of its own.
 */
#include "config.h"

#include <sys/socket.h>

#include <netdb.h>
#include <stddef.h>

struct __res_state;
extern __thread struct __res_state *__libc_resp;
__thread struct __res_state *__libc_resp;

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
