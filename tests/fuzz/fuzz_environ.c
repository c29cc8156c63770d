/* SPDX-License-Identifier: ISC */
/*
 * A job's environment from a client's lists and patterns: every entry has a
 * name and a value, and no name comes twice.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "broker/runner/envpolicy.h"

#define MOST 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const base[] = { "HOME=/root", "PATH=/bin", "A=",
	"MY_SECRET=x", "KEY=y", "LANG=C", NULL };

static void
check(char **env)
{
	size_t i, k, len;

	for (i = 0; env[i] != NULL; i++) {
		len = strcspn(env[i], "=");
		if (len == 0 || env[i][len] != '=')
			abort();
		for (k = 0; k < i; k++)
			if (strncmp(env[k], env[i], len + 1) == 0)
				abort();
	}
}

/* Flags, then the lengths of three of the four lists. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct envpolicy policy = { 0 };
	struct span *lists[] = { &policy.exclude, &policy.set,
		&policy.include_only, &policy.overlay };
	size_t i, at = 4, len;
	char **env;

	if (size < 4 || size > 16384)
		return 0;
	policy.given = data[0] & 1;
	policy.inherit = (enum proto_inherit)((data[0] >> 1) % 3);
	policy.no_default_excludes = data[0] >> 3 & 1;
	policy.shell = (data[0] & 16) != 0 ? "/bin/sh" : NULL;
	for (i = 0; i < 4; i++) {
		len = i < 3 ? data[i + 1] : size - at;
		if (len > size - at)
			return 0;
		*lists[i] = (struct span){ data + at, len };
		at += len;
	}
	env = envpolicy_make(&policy, base, MOST);
	if (env != NULL)
		check(env);
	free(env);
	return 0;
}
