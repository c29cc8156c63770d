/* SPDX-License-Identifier: ISC */
/* What the supervisor orders, checked before anything is built on it. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "broker/broker.h"
#include "common/xmalloc.h"

/* Sessions are held in memory that is set aside at once, if not touched. */
#define SESSIONS_MAX 1000000
/* A session's data end or control channel, a pidfd, and its cgroup. */
#define FILES_SESSION 3
/* All else: a gateway whose descriptors find no room is lost with them. */
#define FILES_RESERVED 256

const char *
settings_take(struct settings *settings,
    const struct fields_SB_CONFIG *config)
{
	char path[4097];

	memset(settings, 0, sizeof(*settings));
	if (proto_agree(config->version, config->oldest) == 0)
		return "the supervisor speaks another version";
	if (config->max_sessions == 0 || config->max_sessions > SESSIONS_MAX)
		return "number of sessions out of range";
	if (span_to_str(config->runner_path, path, sizeof(path)) == -1 ||
	    path[0] != '/')
		return "the runner's path is not absolute";
	settings->runner_path = xstrdup(path);
	settings->max_sessions = config->max_sessions;
	settings->log_level = config->log_level;
	settings->log_format = config->log_format;
	settings->syslog = config->syslog;
	return NULL;
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
