/* SPDX-License-Identifier: ISC */
/* Controllers and limits of cgroups. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/cgroup_private.h"
#include "common/log.h"
#include "common/proto.h"

#define TEXT_SIZE 256
#define LIMIT_SIZE 4097

static const char *const known[] = { "cpu", "io", "memory", "pids" };

#define NKNOWN (sizeof(known) / sizeof(known[0]))

/* Whether the first "len" bytes of "name" are one of the words in "text". */
static bool
has_word(const char *text, const char *name, size_t len)
{
	const char *at = text;
	size_t n;

	for (; *at != '\0'; at += n) {
		at += strspn(at, " \n");
		n = strcspn(at, " \n");
		if (n == len && n > 0 && memcmp(at, name, n) == 0)
			return true;
	}
	return false;
}

int
cgroup_enable(int dir, char out[CGROUP_NAMES_SIZE])
{
	char there[TEXT_SIZE], on[TEXT_SIZE], text[16];
	size_t i, used = 0;
	int result = 0, saved = 0;

	out[0] = '\0';
	if (cgroup_read(dir, "cgroup.controllers", there,
		sizeof(there)) == -1 ||
	    cgroup_read(dir, "cgroup.subtree_control", on, sizeof(on)) == -1)
		return -1;
	for (i = 0; i < NKNOWN; i++) {
		if (!has_word(there, known[i], strlen(known[i])))
			continue;
		snprintf(text, sizeof(text), "+%s", known[i]);
		if (!has_word(on, known[i], strlen(known[i])) &&
		    cgroup_write(dir, "cgroup.subtree_control", text) == -1) {
			saved = errno;
			result = -1;
			continue;
		}
		used += (size_t)snprintf(out + used, CGROUP_NAMES_SIZE - used,
		    "%s%s", used > 0 ? " " : "", known[i]);
	}
	errno = saved;
	return result;
}

void
cgroup_disable(int dir, const char *names)
{
	char text[16];
	size_t i;

	for (i = 0; i < NKNOWN; i++) {
		if (!has_word(names, known[i], strlen(known[i])))
			continue;
		snprintf(text, sizeof(text), "-%s", known[i]);
		(void)cgroup_write(dir, "cgroup.subtree_control", text);
	}
}

/* An item of CGROUP_LIMITS: the file's name, and what is written to it. */
static bool
split(struct span item, char text[LIMIT_SIZE], const char **value)
{
	size_t len;

	if (item.len == 0 || item.len >= LIMIT_SIZE)
		return false;
	memcpy(text, item.p, item.len);
	text[item.len] = '\0';
	len = strlen(text);
	*value = text + len + 1;
	return len > 0 && len < item.len && strchr(text, '/') == NULL;
}

/*
 * A limit below what is in use already would have it killed; that is for
 * later, when less is.
 */
static bool
would_kill(int dir, const char *name, const char *value)
{
	char text[TEXT_SIZE];

	return strcmp(name, "memory.max") == 0 && strcmp(value, "max") != 0 &&
	    cgroup_read(dir, "memory.current", text, sizeof(text)) == 0 &&
	    strtoull(text, NULL, 10) > strtoull(value, NULL, 10);
}

void
cgroup_limit(int dir, struct span limits, const char *whose)
{
	static bool said;	/* it would be at every session */
	char text[LIMIT_SIZE];
	const char *value;
	struct span item;

	while (proto_list_next(&limits, &item)) {
		if (!split(item, text, &value) ||
		    would_kill(dir, text, value) ||
		    cgroup_write(dir, text, value) == 0)
			continue;
		if (!said)
			log_warn("tenant %s: %s cannot be set to %s", whose,
			    text, value);
		else
			log_debug("cgroup", "%s: %s to %s: %s", whose, value,
			    text, strerror(errno));
		said = true;
	}
}

bool
cgroup_lacks(const struct cgroup *cgroup, struct span limits, char *out,
    size_t size)
{
	char text[LIMIT_SIZE];
	const char *value, *names = cgroup_controllers(cgroup, &value);
	struct span item;

	while (proto_list_next(&limits, &item))
		if (!split(item, text, &value) ||
		    (strncmp(text, "cgroup.", 7) != 0 &&
		    !has_word(names, text, strcspn(text, ".")))) {
			snprintf(out, size, "%s", text);
			return true;
		}
	return false;
}

const char *
cgroup_controllers(const struct cgroup *cgroup, const char **why)
{
	*why = cgroup == NULL ? NULL : cgroup->why;
	return cgroup == NULL ? "" : cgroup->controllers;
}
