/* SPDX-License-Identifier: ISC */
/* The tenants of a configuration: who they are, and how they prove it. */
#include "config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "broker/supervisor/hostcheck.h"
#include "broker/supervisor/hostwire.h"
#include "common/xmalloc.h"

/* As many orders can wait for the broker, and some. */
#define TENANTS_MAX 4000
#define NAME_LENGTH_MAX 63
#define TOKEN_MAX 8192
#define DEFAULT_SHELL "/bin/sh"
#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"

/* A tenant in the making. */
struct making {
	struct host_check *c;
	const struct host_tenant_keys *keys;
	struct host_tenant *tenant;
	struct host_user user;
	size_t number;		/* in the file */
};

int
host_name_ok(const char *name)
{
	size_t i;

	for (i = 0; name[i] != '\0'; i++)
		if (!islower((unsigned char)name[i]) &&
		    !isdigit((unsigned char)name[i]) &&
		    (i == 0 || strchr("._-", name[i]) == NULL))
			return 0;
	return i > 0 && i <= NAME_LENGTH_MAX;
}

static const char *
at(const struct making *m, const char *key, char *path)
{
	return host_path(path, "tenants[%zu].%s", m->number, key);
}

static void
check_name(struct making *m)
{
	const struct host *host = m->c->host;
	const char *name = m->keys->name;
	char path[HOST_PATH_SIZE];
	size_t i;

	at(m, "name", path);
	if (!host_name_ok(name)) {
		host_wrong(m->c, path, "must be 1 to %d of a-z, 0-9, "
		    "\".\", \"_\" and \"-\", the first a letter or a digit, "
		    "not \"%.80s\"", NAME_LENGTH_MAX, name);
		return;
	}
	for (i = 0; i < m->number; i++) {
		if (host->tenants[i].name == NULL)
			continue;
		if (strcmp(host->tenants[i].name, name) == 0)
			host_wrong(m->c, path, "tenants[%zu] is called %s "
			    "already", i, name);
		else if (host->tenants[i].number == m->tenant->number)
			host_wrong(m->c, path, "has the same number as %s; "
			    "one of them needs another name",
			    host->tenants[i].name);
	}
}

/* Returns whether "user" is filled. */
static int
take_user(struct making *m)
{
	const char *name = m->keys->user;
	char path[HOST_PATH_SIZE];

	at(m, "user", path);
	if (host_find_user(name, &m->user) == -1) {
		host_wrong(m->c, path, "there is no user \"%.80s\"", name);
		return 0;
	}
	m->tenant->uid = m->user.uid;
	m->tenant->gid = m->user.gid;
	if (m->user.uid == 0 && !m->keys->allow_root)
		host_wrong(m->c, path, "is root; say \"allow-root\": true if "
		    "its jobs are meant to be");
	else if (m->c->uid != 0 && m->user.uid != m->c->uid)
		host_wrong(m->c, path, "only root can run jobs as \"%.80s\"",
		    name);
	return 1;
}

static void
take_groups(struct making *m)
{
	const struct conf_list *names = &m->keys->groups;
	struct host_tenant *tenant = m->tenant;
	char path[HOST_PATH_SIZE];
	size_t i;

	at(m, "groups", path);
	if (!host_given(m->c, path)) {
		if (m->keys->initgroups && m->user.name != NULL)
			tenant->groups = host_groups(&m->user,
			    &tenant->ngroups);
		return;
	}
	tenant->groups = xcalloc(names->count + 1, sizeof(*tenant->groups));
	for (i = 0; i < names->count; i++)
		if (host_find_group(names->items[i],
		    &tenant->groups[tenant->ngroups++]) == -1)
			host_wrong(m->c, host_path(path,
			    "tenants[%zu].groups[%zu]", m->number, i),
			    "there is no group \"%.80s\"", names->items[i]);
}

/* An absolute path: the one given, or what there is instead. */
static char *
take_path(struct making *m, const char *key, const char *given,
    const char *instead, const char *last)
{
	char path[HOST_PATH_SIZE];

	if (given == NULL)
		return xstrdup(instead != NULL && instead[0] == '/' ?
		    instead : last);
	if (given[0] != '/')
		host_wrong(m->c, at(m, key, path), "must be an absolute path, "
		    "not \"%.80s\"", given);
	return xstrdup(given);
}

static void
take_paths(struct making *m)
{
	const struct host_tenant_keys *keys = m->keys;
	struct host_tenant *tenant = m->tenant;

	tenant->shell = take_path(m, "shell", keys->shell, m->user.shell,
	    DEFAULT_SHELL);
	tenant->home = take_path(m, "home", keys->home, m->user.home, "/");
	tenant->directory = take_path(m, "directory", keys->directory,
	    tenant->home, "/");
	tenant->temporary = take_path(m, "temporary-directory",
	    keys->temporary, NULL, "/tmp");
	tenant->umask = (mode_t)keys->umask;
}

static int
is_variable(const char *item)
{
	size_t i;

	for (i = 0; item[i] != '='; i++)
		if (!isalpha((unsigned char)item[i]) && item[i] != '_' &&
		    (i == 0 || !isdigit((unsigned char)item[i])))
			return 0;
	return 1;
}

static int
has_variable(const struct conf_list *list, const char *name)
{
	size_t i, len = strlen(name);

	for (i = 0; i < list->count; i++)
		if (strncmp(list->items[i], name, len) == 0 &&
		    list->items[i][len] == '=')
			return 1;
	return 0;
}

void
host_list_add(struct conf_list *list, char *item)
{
	list->items = xreallocarray(list->items, list->count + 1,
	    sizeof(*list->items));
	list->items[list->count++] = item;
}

static void
take_environment(struct making *m)
{
	const struct conf_list *given = &m->keys->environment;
	struct host_tenant *tenant = m->tenant;
	const char *user = m->user.name != NULL ? m->user.name : tenant->name;
	const struct {
		const char *name;
		const char *value;
	} presets[] = {
		{ "PATH", DEFAULT_PATH },
		{ "HOME", tenant->home },
		{ "USER", user },
		{ "LOGNAME", user },
		{ "SHELL", tenant->shell },
	};
	char path[HOST_PATH_SIZE];
	size_t i;

	for (i = 0; i < given->count; i++) {
		if (!is_variable(given->items[i]))
			host_wrong(m->c, at(m, "environment", path),
			    "\"%.*s\" cannot be the name of a variable",
			    (int)strcspn(given->items[i], "="),
			    given->items[i]);
		host_list_add(&tenant->environment, xstrdup(given->items[i]));
	}
	for (i = 0; i < sizeof(presets) / sizeof(presets[0]); i++)
		if (!has_variable(given, presets[i].name))
			host_list_add(&tenant->environment,
			    xasprintf("%s=%s", presets[i].name,
			    presets[i].value));
}

/* "key" and "i" say where the token stands. */
static void
add_token(struct making *m, const char *path, const uint8_t *hash)
{
	const struct host *host = m->c->host;
	size_t i, j;

	for (i = 0; i < m->number; i++)
		for (j = 0; j < host->tenants[i].ntokens; j++)
			if (memcmp(host->tenants[i].tokens[j], hash,
			    HOST_HASH_SIZE) == 0)
				host_wrong(m->c, path, "is a token of "
				    "tenants[%zu], %s, too", i,
				    host->tenants[i].name);
	host_add_token(m->tenant, hash);
}

static void
take_tokens(struct making *m)
{
	const struct conf_list *hex = &m->keys->tokens;
	const struct conf_list *files = &m->keys->token_files;
	uint8_t hash[HOST_HASH_SIZE];
	char path[HOST_PATH_SIZE], *token;
	size_t i, len;

	for (i = 0; i < hex->count; i++) {
		host_path(path, "tenants[%zu].tokens-sha256[%zu]", m->number,
		    i);
		if (host_hash_of_hex(hash, hex->items[i]) == -1)
			host_wrong(m->c, path, "must be the 64 hexadecimal "
			    "digits of a SHA-256");
		else
			add_token(m, path, hash);
	}
	for (i = 0; i < files->count; i++) {
		host_path(path, "tenants[%zu].token-files[%zu]", m->number, i);
		token = host_read_secret(m->c, path, files->items[i],
		    TOKEN_MAX, 0, &len);
		if (token == NULL)
			continue;
		host_hash(hash, token, len);
		add_token(m, path, hash);
		explicit_bzero(token, len);
		free(token);
	}
}

static void
take_peers(struct making *m)
{
	const struct conf_list *names = &m->keys->peers;
	struct host_tenant *tenant = m->tenant;
	struct host_user user;
	char path[HOST_PATH_SIZE];
	size_t i;

	tenant->peers = xcalloc(names->count + 1, sizeof(*tenant->peers));
	if (!host_given(m->c, at(m, "peer-uids", path))) {
		tenant->peers[tenant->npeers++] = tenant->uid;
		return;
	}
	for (i = 0; i < names->count; i++) {
		if (host_find_user(names->items[i], &user) == -1) {
			host_wrong(m->c, host_path(path,
			    "tenants[%zu].peer-uids[%zu]", m->number, i),
			    "there is no user \"%.80s\"", names->items[i]);
			continue;
		}
		tenant->peers[tenant->npeers++] = user.uid;
		host_user_clear(&user);
	}
}

static void
take_flags(struct making *m)
{
	const struct host_tenant_keys *keys = m->keys;

	if (!keys->no_new_privileges)
		m->tenant->flags |= TENANT_PRIVILEGED_JOBS;
	if (keys->private_tmp)
		m->tenant->flags |= TENANT_PRIVATE_TMP;
	if (keys->private_processes)
		m->tenant->flags |= TENANT_PRIVATE_PIDS;
}

static void
take_times(struct making *m)
{
	const struct options *o = m->c->o;
	struct host_tenant *tenant = m->tenant;
	uint64_t most = o->max_detach_ttl_ms;
	char path[HOST_PATH_SIZE];

	if (m->keys->max_detach_ttl_ms != CONF_UNSET)
		most = tenant->max_detach_ttl_ms = m->keys->max_detach_ttl_ms;
	if (m->keys->detach_ttl_ms == CONF_UNSET)
		return;
	tenant->detach_ttl_ms = m->keys->detach_ttl_ms;
	if (tenant->detach_ttl_ms > most)
		host_wrong(m->c, at(m, "detach-ttl-ms", path), "is above "
		    "max-detach-ttl-ms, %ju", (uintmax_t)most);
}

static void
take_tenant(struct host_check *c, size_t number)
{
	const struct host_tenant_keys *rows = c->o->tenants.rows;
	struct making m = {
		.c = c,
		.keys = &rows[number],
		.tenant = &c->host->tenants[number],
		.number = number,
	};
	char path[HOST_PATH_SIZE];
	const char *excess;
	int known = 0;

	if (m.keys->name != NULL) {
		m.tenant->name = xstrdup(m.keys->name);
		m.tenant->number = host_number(m.keys->name);
		check_name(&m);
	}
	if (m.keys->user != NULL)
		known = take_user(&m);
	take_groups(&m);
	take_paths(&m);
	take_environment(&m);
	take_tokens(&m);
	if (known || host_given(c, at(&m, "peer-uids", path)))
		take_peers(&m);
	take_flags(&m);
	take_times(&m);
	host_take_tenant_limits(c, m.tenant, m.keys,
	    host_path(path, "tenants[%zu]", number));
	host_user_clear(&m.user);
	excess = m.tenant->name == NULL ? NULL : hostwire_excess(m.tenant);
	if (excess != NULL)
		host_wrong(c, at(&m, excess, path), "is more than fits a "
		    "message (16384 bytes; 8192 for tokens and peers, "
		    "4096 for a path)");
}

void
host_take_tenants(struct host_check *c)
{
	struct host *host = c->host;
	size_t i, count = c->o->tenants.count;

	if (count > TENANTS_MAX) {
		host_wrong(c, "tenants", "are %zu, at most %d can be", count,
		    TENANTS_MAX);
		count = TENANTS_MAX;
	}
	host->tenants = xcalloc(count == 0 ? 1 : count,
	    sizeof(*host->tenants));
	if (count == 0) {
		host->ntenants = 1;
		host_self_tenant(&host->tenants[0]);
	}
	for (i = 0; i < count; i++) {
		host->ntenants = i + 1;
		take_tenant(c, i);
	}
}
