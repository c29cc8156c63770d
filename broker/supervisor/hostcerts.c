/* SPDX-License-Identifier: ISC */
/* The certificates of a configuration, looked at by who is to use them. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/supervisor/certcheck.h"
#include "broker/supervisor/hostcheck.h"
#include "broker/supervisor/hostconf.h"
#include "broker/supervisor/programs.h"

/* The names of the files, and where the configuration has the first. */
struct pair {
	const char *chain, *key;
	char path[HOST_PATH_SIZE];
};

static void
name_pair(const struct options *o, size_t number, struct pair *pair)
{
	const struct host_listener_keys *rows = o->listeners.rows;

	if (o->listeners.count > 0) {
		pair->chain = rows[number].certificate;
		pair->key = rows[number].key;
		host_path(pair->path, "listeners[%zu].certificate", number);
	} else {
		pair->chain = o->tls_certificate;
		pair->key = o->tls_key;
		host_path(pair->path, "tls-certificate");
	}
}

/* Whether an earlier listener has the same pair. */
static int
is_repeated(const struct host *host, const struct options *o, size_t number,
    const struct pair *pair)
{
	struct pair other;
	size_t i;

	for (i = 0; i < number; i++) {
		if (host->listeners[i].certs.chain == -1)
			continue;
		name_pair(o, i, &other);
		if (strcmp(other.chain, pair->chain) == 0 &&
		    strcmp(other.key, pair->key) == 0)
			return 1;
	}
	return 0;
}

static void
check_pair(const struct host *host, const struct options *o, size_t number,
    struct conf_errors *errors)
{
	const struct host_listener *listener = &host->listeners[number];
	char why[CERTS_WHY_SIZE] = "", *tried, *program;
	struct pair pair;

	name_pair(o, number, &pair);
	if (is_repeated(host, o, number, &pair))
		return;
	program = program_locate(PROGRAM_GATEWAY_TLS, o->libexec_dir, &tried);
	if (program == NULL)
		conf_error_at(errors, o->places, pair.path, "cannot be "
		    "checked without %s: %s", tried, strerror(errno));
	else if (certcheck_run(program, &listener->certs,
	    &host->pools[listener->pool], why) == -1)
		conf_error_at(errors, o->places, pair.path, "%s and %s: %s",
		    pair.chain, pair.key, why);
	free(program);
	free(tried);
}

/* Without a user for them, which is wrong enough, nobody could look. */
static int
is_checkable(const struct host *host, const struct host_listener *listener)
{
	return listener->certs.chain != -1 &&
	    (geteuid() != 0 || host->pools[listener->pool].uid != 0);
}

void
host_check_certs(const struct host *host, const struct options *o,
    struct conf_errors *errors)
{
	size_t i;

	for (i = 0; i < host->nlisteners; i++)
		if (is_checkable(host, &host->listeners[i]))
			check_pair(host, o, i, errors);
}
