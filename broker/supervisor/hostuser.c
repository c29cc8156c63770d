/* SPDX-License-Identifier: ISC */
/* Users and groups: asked for while a configuration is read, and only then. */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "broker/supervisor/hostcheck.h"
#include "common/xmalloc.h"

/* More a user cannot have (NGROUPS_MAX of Linux). */
#define GROUPS_MAX 65536

/* Returns 0, or -1 when "text" is no number of a user or group. */
static int
number_of(const char *text, uint32_t *number)
{
	unsigned long long value;
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return -1;
	value = strtoull(text, &end, 10);
	/* The largest one means "none" where ids are changed. */
	if (*end != '\0' || value >= UINT32_MAX)
		return -1;
	*number = (uint32_t)value;
	return 0;
}

int
host_find_user(const char *text, struct host_user *user)
{
	const struct passwd *pw = getpwnam(text);
	uint32_t number;

	memset(user, 0, sizeof(*user));
	if (pw == NULL && number_of(text, &number) == 0) {
		user->uid = number;
		user->gid = number;
		pw = getpwuid(number);
		if (pw == NULL)
			return 0;
	}
	if (pw == NULL)
		return -1;
	user->uid = pw->pw_uid;
	user->gid = pw->pw_gid;
	user->name = xstrdup(pw->pw_name);
	user->home = xstrdup(pw->pw_dir);
	user->shell = xstrdup(pw->pw_shell);
	return 0;
}

void
host_user_clear(struct host_user *user)
{
	free(user->name);
	free(user->home);
	free(user->shell);
	memset(user, 0, sizeof(*user));
}

int
host_find_group(const char *text, gid_t *gid)
{
	const struct group *gr = getgrnam(text);
	uint32_t number;

	if (gr != NULL) {
		*gid = gr->gr_gid;
		return 0;
	}
	if (number_of(text, &number) == -1)
		return -1;
	*gid = number;
	return 0;
}

gid_t *
host_groups(const struct host_user *user, size_t *count)
{
	int room = 64, n = room;
	gid_t *groups = NULL;

	do {
		groups = xreallocarray(groups, (size_t)room, sizeof(*groups));
		n = room;
		if (getgrouplist(user->name, user->gid, groups, &n) != -1)
			break;
		room *= 4;
		n = 0;
	} while (room <= GROUPS_MAX);
	*count = (size_t)n;
	return groups;
}
