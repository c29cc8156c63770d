/* SPDX-License-Identifier: ISC */
/* What the supervisor orders, checked before anything is built on it. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "broker/broker.h"
#include "broker/listen.h"
#include "common/xmalloc.h"

/* Sessions are held in memory that is set aside at once, if not touched. */
#define SESSIONS_MAX 1000000
/* A session's data end or control channel, and its cgroup. */
#define FILES_SESSION 2
/* All else: a gateway whose descriptors find no room is lost with them. */
#define FILES_RESERVED 256

static const char *
take_listeners(struct settings *settings, struct span list)
{
	struct listen_addr addr;
	struct peeruid_end *end;
	struct span item;
	char url[LISTEN_URL_SIZE];

	while (proto_list_next(&list, &item)) {
		if (settings->nlisteners == BROKER_LISTENERS_MAX)
			return "too many listeners";
		end = &settings->listeners[settings->nlisteners++];
		if (span_to_str(item, url, sizeof(url)) == -1 ||
		    listen_parse(url, &addr) != NULL ||
		    peeruid_end_set(end, (struct sockaddr *)&addr.ss) == -1)
			return "a listener is not understood";
	}
	return NULL;
}

const char *
settings_take(struct settings *settings,
    const struct fields_SB_CONFIG *config)
{
	char path[4097];

	memset(settings, 0, sizeof(*settings));
	if (proto_agree(config->version, config->oldest) == 0)
		return "the supervisor speaks another version";
	if (config->auth != AUTH_NONE && config->auth != AUTH_PEER_UID)
		return "unknown way of admission";
	if (config->max_sessions == 0 || config->max_sessions > SESSIONS_MAX)
		return "number of sessions out of range";
	if (span_to_str(config->runner_path, path, sizeof(path)) == -1 ||
	    path[0] != '/')
		return "the runner's path is not absolute";
	settings->runner_path = xstrdup(path);
	settings->auth = config->auth;
	settings->detach_ttl_ms = config->detach_ttl_ms;
	settings->max_detach_ttl_ms = config->max_detach_ttl_ms;
	if (settings->max_detach_ttl_ms < settings->detach_ttl_ms)
		settings->max_detach_ttl_ms = settings->detach_ttl_ms;
	settings->retention_ms = config->retention_ms;
	settings->retain_bytes = config->retain_bytes;
	settings->hold_ms = config->hold_ms;
	settings->max_sessions = config->max_sessions;
	settings->max_processes = config->max_processes;
	settings->log_level = config->log_level;
	settings->syslog = config->syslog;
	return take_listeners(settings, config->listeners);
}

bool
settings_fit(struct settings *settings, uint64_t files)
{
	uint64_t fit = files < FILES_RESERVED + FILES_SESSION ? 1 :
	    (files - FILES_RESERVED) / FILES_SESSION;

	if (settings->max_sessions <= fit)
		return false;
	settings->max_sessions = (uint32_t)fit;
	return true;
}

void
settings_clear(struct settings *settings)
{
	free(settings->runner_path);
	settings->runner_path = NULL;
}
