/* SPDX-License-Identifier: ISC */
/* The one tenant there is without a configuration: the invoking user. */
#include "config.h"

#include <sys/stat.h>

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/supervisor/hostconf.h"
#include "broker/supervisor/options.h"
#include "common/role.h"
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
take_groups(struct host_tenant *tenant)
{
	int count = getgroups(0, NULL);

	if (count <= 0)
		return;
	tenant->groups = xcalloc((size_t)count, sizeof(*tenant->groups));
	count = getgroups(count, tenant->groups);
	tenant->ngroups = count > 0 ? (size_t)count : 0;
}

static char *
name_of(const struct passwd *pw)
{
	char name[32];

	if (pw != NULL && host_name_ok(pw->pw_name))
		return xstrdup(pw->pw_name);
	snprintf(name, sizeof(name), "uid-%u", (unsigned int)getuid());
	return xstrdup(name);
}

void
host_self_tenant(struct host_tenant *tenant)
{
	const struct passwd *pw = getpwuid(getuid());

	tenant->self = 1;
	tenant->name = name_of(pw);
	tenant->number = host_number(tenant->name);
	tenant->uid = getuid();
	tenant->gid = getgid();
	take_groups(tenant);
	tenant->shell = absolute(pw == NULL ? NULL : pw->pw_shell, NULL,
	    DEFAULT_SHELL);
	tenant->home = absolute(getenv("HOME"), pw == NULL ? NULL : pw->pw_dir,
	    "/");
	tenant->temporary = absolute(getenv("TMPDIR"), NULL, DEFAULT_TEMP);
	tenant->directory = present_directory();
	tenant->umask = role_umask();
	tenant->peers = xcalloc(1, sizeof(*tenant->peers));
	tenant->peers[tenant->npeers++] = tenant->uid;
}
