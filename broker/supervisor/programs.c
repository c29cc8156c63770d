/* SPDX-License-Identifier: ISC */
/* Where the programs are that holdfastd starts. */
#include "config.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/supervisor/programs.h"
#include "common/xmalloc.h"

static const struct {
	const char *name;
	const char *built;	/* from the folder holdfastd is built in */
} programs[PROGRAM_COUNT] = {
	[PROGRAM_BROKER] = { "holdfast-broker", "holdfast-broker" },
	[PROGRAM_RUNNER] = { "holdfast-runner", "runner/holdfast-runner" },
	[PROGRAM_GATEWAY] = { "holdfast-gateway",
	    "../gateway/holdfast-gateway" },
	[PROGRAM_GATEWAY_TLS] = { "holdfast-gateway-tls",
	    "../gateway/holdfast-gateway-tls" },
};

const char *
program_name(enum program program)
{
	return programs[program].name;
}

char *
program_own_dir(void)
{
	char path[PATH_MAX];
	char *slash;
	ssize_t n;

	n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	if (n <= 0)
		return NULL;
	path[n] = '\0';
	slash = strrchr(path, '/');
	if (slash == NULL)
		return NULL;
	*slash = '\0';
	return xstrdup(path);
}

/* All of them must be there, or an installed one would mix with a built one. */
static int
program_is_built_in(const char *dir)
{
	char *path;
	size_t i;
	int ok = 1;

	for (i = 0; i < PROGRAM_COUNT; i++) {
		path = xasprintf("%s/%s", dir, programs[i].built);
		if (access(path, X_OK) == -1)
			ok = 0;
		free(path);
	}
	return ok;
}

char *
program_find(enum program program, const char *libexec_dir,
    const char *own_dir, char **tried)
{
	char *path, *real;

	*tried = NULL;
	if (libexec_dir == NULL && own_dir != NULL &&
	    program_is_built_in(own_dir))
		path = xasprintf("%s/%s", own_dir, programs[program].built);
	else
		path = xasprintf("%s/%s", libexec_dir != NULL ? libexec_dir :
		    LIBEXECDIR, programs[program].name);
	real = realpath(path, NULL);
	if (real != NULL && access(real, X_OK) == 0) {
		free(path);
		return real;
	}
	free(real);
	*tried = path;
	return NULL;
}

char *
program_locate(enum program program, const char *option, char **tried)
{
	char *own = program_own_dir(), *path;

	path = program_find(program, option != NULL ? option :
	    getenv("HOLDFAST_LIBEXEC"), own, tried);
	free(own);
	return path;
}
