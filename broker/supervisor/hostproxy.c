/* SPDX-License-Identifier: ISC */
/* The proxies in front of a listener, and who may come through them. */
#include "config.h"

#include "broker/supervisor/hostcheck.h"
#include "common/proxies.h"

/* A user of this host, at a socket in the file system. */
static void
take_user(struct host_check *c, struct writer *w, const char *name,
    const char *path)
{
	struct host_user user;

	if (host_find_user(name, &user) == -1)
		host_wrong(c, path, "there is no user \"%.80s\"", name);
	else
		proxies_add_user(w, user.uid);
	host_user_clear(&user);
}

static void
take_network(struct host_check *c, struct writer *w, const char *text,
    const char *path)
{
	const char *wrong = proxies_add_network(w, text);

	if (wrong != NULL)
		host_wrong(c, path, "\"%.80s\" %s", text, wrong);
}

/* Those who come through a proxy have nothing but a token. */
static void
check_admission(struct host_check *c, uint32_t bits, const char *path)
{
	if (bits & ADMIT_NONE)
		host_wrong(c, path, "does not go with admission none: who "
		    "comes through a proxy needs a token");
	else if (bits != 0 && !(bits & (ADMIT_TOKEN | ADMIT_SIGNED)))
		host_wrong(c, path, "lets nobody in: who comes through a "
		    "proxy needs a token, and none is taken here");
}

static void
take_list(struct host_check *c, struct host_listener *listener,
    const struct conf_list *list, size_t number)
{
	char path[HOST_PATH_SIZE];
	size_t i;

	for (i = 0; i < list->count; i++) {
		host_path(path, "listeners[%zu].trusted-proxies[%zu]", number,
		    i);
		if (listen_is_unix(&listener->addr))
			take_user(c, &listener->proxies, list->items[i], path);
		else
			take_network(c, &listener->proxies, list->items[i],
			    path);
	}
}

void
host_take_proxies(struct host_check *c, struct host_listener *listener,
    const struct host_listener_keys *keys, size_t number, int known)
{
	const struct conf_list *list = &keys->trusted_proxies;
	char path[HOST_PATH_SIZE], given[HOST_PATH_SIZE];

	host_path(path, "listeners[%zu].proxy-protocol", number);
	host_path(given, "listeners[%zu].trusted-proxies", number);
	if (!keys->proxy_protocol) {
		if (host_given(c, given))
			host_wrong(c, given, "goes with \"proxy-protocol\": "
			    "true");
		return;
	}
	check_admission(c, listener->admission, path);
	if (!known)
		return;
	if (list->count == 0 && host_given(c, given))
		host_wrong(c, given, "names nobody");
	else if (list->count == 0 && !listen_is_unix(&listener->addr))
		host_wrong(c, path, "needs \"trusted-proxies\", the addresses "
		    "of the proxies");
	else if (list->count == 0)
		proxies_add_anybody(&listener->proxies);
	take_list(c, listener, list, number);
	if (listener->proxies.failed)
		host_wrong(c, given, "is more than fits a message (%d bytes)",
		    PROXIES_MAX);
}
