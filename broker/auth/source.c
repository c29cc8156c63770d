/* SPDX-License-Identifier: ISC */
/* Where an accepted connection came from. */
#include "config.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "broker/auth/source.h"
#include "common/proxies.h"

#define PATH_AT offsetof(struct sockaddr_un, sun_path)

static int
option(int fd, int name)
{
	socklen_t len = sizeof(int);
	int value;

	if (getsockopt(fd, SOL_SOCKET, name, &value, &len) == -1)
		return -1;
	return value;
}

static int
read_tcp(struct source *source, const struct sockaddr_storage *server,
    const struct sockaddr_storage *client, int fd)
{
	if (option(fd, SO_PROTOCOL) != IPPROTO_TCP ||
	    peeruid_end_set(&source->server,
		(const struct sockaddr *)server) == -1)
		return -1;
	return peeruid_end_set(&source->client,
	    (const struct sockaddr *)client);
}

/*
 * The user is that of whoever made the connection, as long as the socket was
 * accepted.  A listening one, one that connected itself and one of a pair
 * tell who listened or made the pair, which is us or our superior more often
 * than not, so none of these may pass for a client.
 */
static int
read_local(struct source *source, const struct sockaddr_un *server,
    socklen_t server_len, socklen_t client_len, int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);
	size_t path_len = server_len - PATH_AT;

	if (server_len <= PATH_AT || server->sun_path[0] != '/' ||
	    client_len > PATH_AT || option(fd, SO_ACCEPTCONN) != 0)
		return -1;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == -1 ||
	    len != sizeof(peer) || peer.uid == (uid_t)-1 ||
	    peer.pid == getpid() || peer.pid == getppid())
		return -1;
	memcpy(source->path, server->sun_path, path_len);
	source->path[path_len] = '\0';
	source->uid = peer.uid;
	source->is_local = true;
	return 0;
}

int
source_read(struct source *source, int fd)
{
	struct sockaddr_storage server, client;
	socklen_t server_len = sizeof(server), client_len = sizeof(client);

	memset(source, 0, sizeof(*source));
	memset(&server, 0, sizeof(server));
	memset(&client, 0, sizeof(client));
	if (option(fd, SO_TYPE) != SOCK_STREAM ||
	    getsockname(fd, (struct sockaddr *)&server, &server_len) == -1 ||
	    getpeername(fd, (struct sockaddr *)&client, &client_len) == -1)
		return -1;
	if (server.ss_family == AF_UNIX)
		return read_local(source, (const struct sockaddr_un *)&server,
		    server_len, client_len, fd);
	return read_tcp(source, &server, &client, fd);
}

void
source_whence(const struct source *source, struct whence *whence)
{
	memset(whence, 0, sizeof(*whence));
	whence->client = source->client;
	whence->uid = source->uid;
	whence->is_known = true;
	whence->is_local = source->is_local;
	whence->has_uid = source->is_local;
}

int
whence_claim(struct whence *whence, struct span bytes)
{
	struct sockaddr_storage from;
	struct peeruid_end client;

	if (proxies_client_get(bytes, &from) == -1 ||
	    peeruid_end_set(&client, (struct sockaddr *)&from) == -1)
		return -1;
	whence->proxy = whence->client;
	whence->has_proxy = true;
	whence->client = client;
	whence->is_local = false;
	whence->has_uid = false;
	return 0;
}

static void
end_print(const struct peeruid_end *end, char *out)
{
	bool six = end->family == AF_INET6;
	char address[INET6_ADDRSTRLEN];

	if (inet_ntop(end->family, end->address, address,
		sizeof(address)) == NULL)
		snprintf(out, WHENCE_SIZE, "unknown");
	else
		snprintf(out, WHENCE_SIZE, six ? "[%s]:%u" : "%s:%u", address,
		    (unsigned int)ntohs(end->port));
}

const char *
whence_print(const struct whence *whence, char *out)
{
	if (!whence->is_known || whence->is_local)
		snprintf(out, WHENCE_SIZE, "%s",
		    whence->is_known ? "unix" : "unknown");
	else
		end_print(&whence->client, out);
	return out;
}

const char *
whence_print_proxy(const struct whence *whence, char *out)
{
	if (!whence->has_proxy)
		return NULL;
	if (whence->proxy.family == 0)
		snprintf(out, WHENCE_SIZE, "unix");
	else
		end_print(&whence->proxy, out);
	return out;
}
