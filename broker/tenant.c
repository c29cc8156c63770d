/* SPDX-License-Identifier: ISC */
/* For whom sessions are run. */
#include "config.h"

#include <sys/types.h>

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/tenant.h"
#include "common/xmalloc.h"

#define DEFAULT_SHELL "/bin/sh"
#define DEFAULT_TEMP "/tmp"

/* The first of the two that is an absolute path, or the last resort. */
static char *
absolute(const char *first, const char *second, const char *last)
{
	if (first != NULL && first[0] == '/')
		return xstrdup(first);
	if (second != NULL && second[0] == '/')
		return xstrdup(second);
	return xstrdup(last);
}

static char *
present_directory(void)
{
	char *cwd = getcwd(NULL, 0), *copy;

	/* Linux answers "(unreachable)..." outside of the root. */
	copy = absolute(cwd, NULL, "/");
	free(cwd);
	return copy;
}

static void
groups_take(struct tenant *tenant)
{
	int count = getgroups(0, NULL);

	if (count <= 0)
		return;
	tenant->groups = xcalloc((size_t)count, sizeof(*tenant->groups));
	count = getgroups(count, tenant->groups);
	tenant->ngroups = count > 0 ? (size_t)count : 0;
}

struct tenant *
tenant_self(char **environment)
{
	struct tenant *tenant = xcalloc(1, sizeof(*tenant));
	const struct passwd *pw = getpwuid(getuid());

	tenant->uid = getuid();
	tenant->gid = getgid();
	tenant->principal = tenant->uid;
	groups_take(tenant);
	tenant->shell_path = absolute(pw == NULL ? NULL : pw->pw_shell, NULL,
	    DEFAULT_SHELL);
	tenant->shell_name = xstrdup(strrchr(tenant->shell_path, '/') + 1);
	tenant->home = absolute(getenv("HOME"), pw == NULL ? NULL : pw->pw_dir,
	    "/");
	tenant->temp_dir = absolute(getenv("TMPDIR"), NULL, DEFAULT_TEMP);
	tenant->cwd = present_directory();
	tenant->environment = environment;
	return tenant;
}

void
tenant_free(struct tenant *tenant)
{
	if (tenant == NULL)
		return;
	free(tenant->groups);
	free(tenant->shell_path);
	free(tenant->shell_name);
	free(tenant->home);
	free(tenant->temp_dir);
	free(tenant->cwd);
	free(tenant);
}
