/* SPDX-License-Identifier: ISC */
/* What holdfastd can be told, by its command line and its configuration. */
#ifndef BROKER_OPTIONS_H
#define BROKER_OPTIONS_H

#include <sys/types.h>

#include "broker/certs.h"
#include "common/conf.h"

/* The words of --auth, in this order. */
enum options_auth {
	OPTIONS_AUTH_PEER_UID,
	OPTIONS_AUTH_NONE
};

struct listen_addr;

struct options {
	struct conf_list listen;
	uint64_t gateways;		/* 0 until options_finish() */
	int auth;			/* enum options_auth */
	int allow_root;
	uint64_t detach_ttl_ms;
	uint64_t max_detach_ttl_ms;
	uint64_t retention_ms;
	uint64_t retain_bytes;
	uint64_t hold_ms;
	uint64_t ping_ms;
	uint64_t pong_ms;
	uint64_t handshake_ms;
	uint64_t max_sessions;
	uint64_t max_connections;
	uint64_t max_processes;
	uint64_t concurrent_requests;
	uint64_t watchdog_ms;
	uint64_t stop_grace_ms;
	char *tls_certificate;		/* both or none */
	char *tls_key;
	char *gateway_user;
	char *runtime_dir;		/* NULL: rundir_choose() decides */
	char *libexec_dir;		/* NULL: programs_find() decides */
	char *config;			/* NULL: none */
	int check;
	int debug;
	int verbose;
	struct conf_list trace;
	int version;
	int help;

	/* From "listen", after options_finish(); one for each. */
	struct listen_addr *addrs;
	struct conf_places *places;	/* of the file, NULL: none */
	/* What those two files hold. */
	struct certs certs;
};

/* The table of all options, and how many there are. */
extern const struct conf_key options_keys[];
extern const size_t options_nkeys;

/*
 * Take the command line and the file it names, the command line winning, and
 * check all of it.  Every complaint goes to "errors".  "uid" is who will
 * serve, "cpus" how many processors there are.  With --help or --version
 * nothing is checked.  options_clear() frees what "o" holds.
 */
void options_take(struct options *o, int argc, char **argv, uid_t uid,
    long cpus, struct conf_errors *errors);
void options_clear(struct options *o);

#endif
