/* SPDX-License-Identifier: ISC */
/* Checking a configuration: what the parts of hostconf.h share. */
#ifndef SUPERVISOR_HOSTCHECK_H
#define SUPERVISOR_HOSTCHECK_H

#include <sys/types.h>

#include "broker/supervisor/hostconf.h"
#include "broker/supervisor/hostkeys.h"
#include "broker/supervisor/options.h"

/* The room for a path such as "tenants[12].peer-uids[3]", in bytes. */
#define HOST_PATH_SIZE 160

/* What is being checked, and as whom. */
struct host_check {
	const struct options *o;
	struct host *host;
	uid_t uid;
	struct conf_errors *errors;
};

/* A user of the user database. */
struct host_user {
	uid_t uid;
	gid_t gid;
	char *name;		/* NULL: a number without an entry */
	char *home, *shell;
};

/* Count and report what is wrong with the value at a path. */
#define host_wrong(c, path, ...) \
	conf_error_at((c)->errors, (c)->o->places, path, __VA_ARGS__)

/* Whether the configuration file has a value at "path". */
#define host_given(c, path) conf_places_has((c)->o->places, path)

/* Write a path to "path" (HOST_PATH_SIZE) and return it. */
const char *host_path(char *path, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Look a user or a group up by name, or by number.  Return 0, or -1 when
 * there is none; host_user_clear() frees what the first has filled.
 */
int host_find_user(const char *text, struct host_user *user);
int host_find_group(const char *text, gid_t *gid);
void host_user_clear(struct host_user *user);

/*
 * The groups that the user database has for "user", which has a name: for the
 * caller to free.
 */
gid_t *host_groups(const struct host_user *user, size_t *count);

/*
 * Read a file with a secret, at most "max" bytes: it must be a regular file
 * that belongs to root or to us, and others may neither read nor write it,
 * unless "lenient", which only logs that.  Whitespace around it is cut off,
 * the terminator is not counted.  Returns what the caller frees, or NULL after
 * saying what is wrong with the value at "path".
 */
char *host_read_secret(const struct host_check *c, const char *path,
    const char *file, size_t max, int lenient, size_t *len);

/* SHA-256 of a token, and of 64 hexadecimal digits: 0, or -1. */
void host_hash(uint8_t out[HOST_HASH_SIZE], const void *bytes, size_t len);
int host_hash_of_hex(uint8_t out[HOST_HASH_SIZE], const char *hex);

/* Add an item, which the list owns from now on. */
void host_list_add(struct conf_list *list, char *item);

void host_add_token(struct host_tenant *tenant,
    const uint8_t hash[HOST_HASH_SIZE]);

/* Whether two addresses are the same; whether any free port will do. */
int host_same_address(const struct listen_addr *a,
    const struct listen_addr *b);
int host_any_port(const struct listen_addr *addr);
void host_set_any_port(struct listen_addr *addr);

/* Look up who the gateways of a pool become; only as root they become. */
void host_take_gateway_user(struct host_check *c, struct host_pool *pool,
    const char *name, const char *path);

/* The parts: each fills what it checks. */
void host_take_tenants(struct host_check *c);
void host_take_limits(struct host_check *c, const struct host_limit_keys *keys,
    uint64_t budgets[BUDGET_COUNT]);
void host_take_tenant_limits(struct host_check *c,
    struct host_tenant *tenant, const struct host_tenant_keys *keys,
    const char *path);
void host_take_signed(struct host_check *c);
void host_take_proofs(struct host_check *c);	/* --ws-auth */
void host_take_audit(struct host_check *c);
void host_take_listeners(struct host_check *c);
/* "known": the address of the listener is understood. */
void host_take_proxies(struct host_check *c, struct host_listener *listener,
    const struct host_listener_keys *keys, size_t number, int known);

#endif
