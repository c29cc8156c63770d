/* SPDX-License-Identifier: ISC */
/* What holdfastd can be told, by its command line and its configuration. */
#ifndef SUPERVISOR_OPTIONS_H
#define SUPERVISOR_OPTIONS_H

#include <sys/types.h>

#include "broker/supervisor/hostkeys.h"
#include "common/conf.h"

/* The words of --auth, in this order. */
enum options_auth {
	OPTIONS_AUTH_PEER_UID,
	OPTIONS_AUTH_NONE
};

/* The words of --ws-auth, in this order; the first is none of them. */
enum options_ws_auth {
	OPTIONS_WS_NONE,
	OPTIONS_WS_TOKEN,
	OPTIONS_WS_SIGNED
};
extern const char *const options_ws_auth_words[];

/* Where --log sends messages, in this order. */
enum options_log {
	OPTIONS_LOG_STDERR,
	OPTIONS_LOG_SYSLOG
};

#define OPTIONS_WS_SKEW_SECONDS 30

struct options {
	struct conf_list listen;
	struct conf_list metrics;
	uint64_t gateways;		/* 0 until options_finish() */
	int auth;			/* enum options_auth */
	int ws_auth;			/* enum options_ws_auth */
	char *ws_token_file, *ws_token_sha256;
	char *ws_shared_secret_file;
	char *ws_issuer, *ws_audience;
	uint64_t ws_skew_seconds;	/* CONF_UNSET: not given */
	int allow_root;
	uint64_t detach_ttl_ms;
	uint64_t max_detach_ttl_ms;
	uint64_t gateway_loss_ttl_ms;
	uint64_t reconnect_window_ms;
	uint64_t retention_ms;
	uint64_t retain_bytes;
	uint64_t spill_bytes;
	char *spill_directory;		/* NULL: where temporary files go */
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
	uint64_t drain_ms;
	int handoff;
	char *tls_certificate;		/* both or none */
	char *tls_key;
	char *gateway_user;
	char *runtime_dir;		/* NULL: rundir_choose() decides */
	char *admin_group;		/* NULL: nobody but us */
	char *libexec_dir;		/* NULL: programs_find() decides */
	char *audit_file;		/* NULL: as the file says */
	char *config;			/* NULL: none */
	int log;			/* enum options_log */
	int log_format;			/* enum log_format */
	int check;
	int protocol;
	int debug;
	int verbose;
	struct conf_list trace;
	int version;
	int help;

	/* The objects of the file. */
	struct conf_rows listeners;	/* struct host_listener_keys */
	struct conf_rows tenants;	/* struct host_tenant_keys */
	struct host_limit_keys limits;
	struct host_signed_keys signed_tokens;
	struct host_audit_keys audit;
	char *cgroup_root;
	int require_cgroups;
	struct conf_places *places;	/* of the file, NULL: none */
};

/* The table of all options, and how many there are. */
extern const struct conf_key options_keys[];
extern const size_t options_nkeys;

/*
 * Take the command line and the file it names, the command line winning, and
 * check each value; host_new() checks what they come to.  Root who names no
 * file and does not say --allow-root has the one in SYSCONFDIR, if it is
 * there.  Every complaint goes to "errors".  "uid" is who will serve, "cpus"
 * how many processors there are.  With --help or --version nothing is checked.  options_clear() frees what "o" holds.
 */
void options_take(struct options *o, int argc, char **argv, uid_t uid,
    long cpus, struct conf_errors *errors);
void options_clear(struct options *o);

/* Whether messages go to syslog(3). */
int options_syslog(const struct options *o);

#endif
