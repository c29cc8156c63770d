/* SPDX-License-Identifier: ISC */
/* What to mount where. */
#include "config.h"

#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/runner/box/plan.h"
#include "common/proto.h"
#include "common/xmalloc.h"

struct entry {
	char *path;
	uint8_t access;		/* enum proto_access */
	bool directory;
};

struct work {
	struct plan *plan;
	const struct plan_looks *looks;
	int root;		/* enum proto_access; ACCESS_DENY: nothing */
	struct entry *entries;
	size_t count;
};

static int refuse(struct work *work, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static int
refuse(struct work *work, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(work->plan->why, sizeof(work->plan->why), fmt, ap);
	va_end(ap);
	return -1;
}

void
plan_add(struct plan *plan, const char *arg)
{
	plan->args = xreallocarray(plan->args, plan->count + 2,
	    sizeof(*plan->args));
	plan->args[plan->count++] = xstrdup(arg);
	plan->args[plan->count] = NULL;
}

void
plan_add_all(struct plan *plan, const char *const *args)
{
	for (; *args != NULL; args++)
		plan_add(plan, *args);
}

void
plan_clear(struct plan *plan)
{
	size_t i;

	for (i = 0; i < plan->count; i++)
		free(plan->args[i]);
	free(plan->args);
	plan->args = NULL;
	plan->count = 0;
}

/* Whether "path" is "base" or below it. */
static bool
within(const char *path, const char *base)
{
	size_t len = strlen(base);

	if (len == 1)
		return true;
	return strncmp(path, base, len) == 0 &&
	    (path[len] == '\0' || path[len] == '/');
}

/* The rule that applies to "path": the deepest one. */
static int
access_of(const struct work *work, const char *path)
{
	const struct entry *best = NULL;
	size_t i;

	for (i = 0; i < work->count; i++)
		if (within(path, work->entries[i].path) && (best == NULL ||
		    strlen(work->entries[i].path) > strlen(best->path)))
			best = &work->entries[i];
	return best == NULL ? work->root : best->access;
}

static struct entry *
entry_at(struct work *work, const char *path)
{
	size_t i;

	for (i = 0; i < work->count; i++)
		if (strcmp(work->entries[i].path, path) == 0)
			return &work->entries[i];
	return NULL;
}

/* Of two rules for the same path, to deny beats to write beats to read. */
static void
entry_add(struct work *work, const char *path, uint8_t access, bool directory)
{
	struct entry *entry = entry_at(work, path);

	if (entry != NULL) {
		if (access > entry->access)
			entry->access = access;
		return;
	}
	work->entries = xreallocarray(work->entries, work->count + 1,
	    sizeof(*work->entries));
	work->entries[work->count++] = (struct entry){
		.path = xstrdup(path),
		.access = access,
		.directory = directory,
	};
}

/*
 * A link in a place that can be written leads where whoever is in the sandbox
 * wants: what it stands for cannot be protected, and to allow it would be to
 * allow anything.
 */
static int
pass_link(struct work *work, char *real)
{
	char parent[PATH_MAX], out[PATH_MAX], *slash;

	snprintf(parent, sizeof(parent), "%s", real);
	slash = strrchr(parent, '/');
	slash[slash == parent] = '\0';
	if (access_of(work, parent) == ACCESS_WRITE)
		return refuse(work, "sandbox: %.400s is a symbolic link where "
		    "the sandbox may write, so nothing can be promised about "
		    "it; put there what it points to", real);
	if (work->looks->follow(work->looks->arg, real, out) == -1)
		return 1;
	snprintf(real, PATH_MAX, "%s", out);
	return 0;
}

static bool
has_dots(const char *path)
{
	const char *at = path;

	while ((at = strstr(at, "/..")) != NULL) {
		at += 3;
		if (*at == '\0' || *at == '/')
			return true;
	}
	return path[0] != '/';
}

/*
 * "path" without links, as far as it exists, in "real" (PATH_MAX bytes);
 * "*kind" is PLAN_MISSING if "real" is the first that does not exist.
 */
static int
walk_to(struct work *work, const char *path, char *real, enum plan_kind *kind)
{
	const char *part = path, *end;
	size_t have, len;
	int passed;

	strlcpy(real, "/", PATH_MAX);
	*kind = PLAN_DIRECTORY;
	for (; *part != '\0'; part = end) {
		part += strspn(part, "/");
		end = strchrnul(part, '/');
		len = (size_t)(end - part);
		if (len == 0 || (len == 1 && part[0] == '.'))
			continue;
		if (strlen(real) + len + 2 > PATH_MAX)
			return refuse(work, "sandbox: a path is too long");
		have = strlen(real);
		if (have > 1)
			real[have++] = '/';
		memcpy(real + have, part, len);
		real[have + len] = '\0';
		*kind = work->looks->kind(work->looks->arg, real);
		if (*kind == PLAN_MISSING)
			return 0;
		if (*kind != PLAN_LINK)
			continue;
		passed = pass_link(work, real);
		if (passed == -1)
			return -1;
		if (passed == 1) {
			*kind = PLAN_MISSING;
			return 0;
		}
		*kind = work->looks->kind(work->looks->arg, real);
	}
	return 0;
}

static int
add_rule(struct work *work, const struct fields_RULE *rule)
{
	char path[PATH_MAX], real[PATH_MAX], *slash;
	enum plan_kind kind;

	if (span_to_str(rule->subpath, path, sizeof(path)) == -1)
		return refuse(work, "sandbox: a path is not one");
	if (has_dots(path))
		return refuse(work, "sandbox: %.400s has \"..\" in it", path);
	if (walk_to(work, path, real, &kind) == -1)
		return -1;
	if (real[1] == '\0') {
		if (work->root == -1 || rule->access > work->root)
			work->root = rule->access;
		return 0;
	}
	if (within(real, "/proc") || within(real, "/dev"))
		return refuse(work, "sandbox: %.400s: /proc and /dev are "
		    "always the sandbox's own", real);
	if (kind == PLAN_MISSING) {
		/* What cannot be made needs no protection. */
		strlcpy(path, real, sizeof(path));
		slash = strrchr(path, '/');
		slash[slash == path] = '\0';
		if (rule->access == ACCESS_WRITE || rule->skip_missing ||
		    access_of(work, path) != ACCESS_WRITE ||
		    work->looks->make(work->looks->arg, real) == -1)
			return 0;
		kind = PLAN_DIRECTORY;
	}
	entry_add(work, real, rule->access, kind == PLAN_DIRECTORY);
	return 0;
}

static int
add_rules(struct work *work, struct span rules, bool writing)
{
	struct fields_RULE rule;
	int more;

	while ((more = proto_record_next(&rules, &proto_rule, &rule)) == 1) {
		if (rule.access >= ACCESS_COUNT)
			return refuse(work, "sandbox: a rule is not known");
		if ((rule.access == ACCESS_WRITE) == writing &&
		    add_rule(work, &rule) == -1)
			return -1;
	}
	return more == 0 ? 0 : refuse(work, "sandbox: a rule is malformed");
}

/* Directories above what is protected become mount points, too. */
static void
pin(struct work *work, const char *path)
{
	char above[PATH_MAX], *slash;

	strlcpy(above, path, sizeof(above));
	while ((slash = strrchr(above, '/')) != NULL && slash != above) {
		*slash = '\0';
		if (entry_at(work, above) == NULL &&
		    access_of(work, above) == ACCESS_WRITE)
			entry_add(work, above, ACCESS_WRITE, true);
	}
}

static void
pin_all(struct work *work)
{
	size_t i, count = work->count;

	for (i = 0; i < count; i++)
		if (work->entries[i].access != ACCESS_WRITE)
			pin(work, work->entries[i].path);
}

static int
entry_cmp(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return strcmp(x->path, y->path);
}

/* What holds above "entry" already. */
static int
access_above(const struct work *work, const struct entry *entry)
{
	char above[PATH_MAX], *slash;

	strlcpy(above, entry->path, sizeof(above));
	slash = strrchr(above, '/');
	slash[slash == above] = '\0';
	return access_of(work, above);
}

/* One may pass through what is denied to what is allowed below it. */
static bool
has_below(const struct work *work, const struct entry *entry)
{
	size_t i;

	for (i = 0; i < work->count; i++)
		if (&work->entries[i] != entry &&
		    within(work->entries[i].path, entry->path))
			return true;
	return false;
}

static void
mount_denied(struct work *work, const struct entry *entry)
{
	struct plan *plan = work->plan;

	if (entry->directory) {
		plan_add_all(plan, (const char *const []){ "--perms",
		    has_below(work, entry) ? "0111" : "0000", "--tmpfs",
		    entry->path, NULL });
		return;
	}
	/* A device on a mount without devices: nobody can open it. */
	plan_add_all(plan, (const char *const []){ "--ro-bind", "/dev/null",
	    entry->path, NULL });
}

static void
mount_entry(struct work *work, size_t i)
{
	const struct entry *entry = &work->entries[i];

	if (entry->access == ACCESS_DENY) {
		mount_denied(work, entry);
		return;
	}
	if (entry->access == ACCESS_READ &&
	    access_above(work, entry) == ACCESS_READ)
		return;
	plan_add_all(work->plan, (const char *const []){
	    entry->access == ACCESS_WRITE ? "--bind" : "--ro-bind",
	    entry->path, entry->path, NULL });
}

static void
mount_all(struct work *work)
{
	struct plan *plan = work->plan;
	size_t i;

	if (work->root == ACCESS_READ || work->root == ACCESS_WRITE)
		plan_add_all(plan, (const char *const []){
		    work->root == ACCESS_WRITE ? "--bind" : "--ro-bind", "/",
		    "/", NULL });
	for (i = 0; i < work->count; i++)
		mount_entry(work, i);
	/*
	 * Last, so that nothing can be mounted over them.  Switches of the
	 * kernel obey whoever has root's uid, capabilities or not.
	 */
	plan_add_all(plan, (const char *const []){ "--dev", "/dev", "--proc",
	    "/proc", "--ro-bind-try", "/proc/sys", "/proc/sys", NULL });
	for (i = 0; i < work->count; i++)
		if (work->entries[i].access == ACCESS_DENY &&
		    work->entries[i].directory)
			plan_add_all(plan, (const char *const []){
			    "--remount-ro", work->entries[i].path, NULL });
	if (work->root != ACCESS_READ && work->root != ACCESS_WRITE)
		plan_add_all(plan, (const char *const []){ "--remount-ro",
		    "/", NULL });
}

static void
work_clear(struct work *work)
{
	size_t i;

	for (i = 0; i < work->count; i++)
		free(work->entries[i].path);
	free(work->entries);
}

int
plan_make(struct plan *plan, struct span rules, int network,
    const struct plan_looks *looks)
{
	static const char *const always[] = { "--unshare-pid",
	    "--unshare-ipc", "--unshare-uts", "--die-with-parent",
	    "--cap-drop", "ALL", NULL };
	struct work work = { .plan = plan, .looks = looks, .root = -1 };

	/*
	 * What may be written first, for protection depends on it; and once
	 * more, for so do the ways to it.
	 */
	if (add_rules(&work, rules, true) == -1 ||
	    add_rules(&work, rules, true) == -1 ||
	    add_rules(&work, rules, false) == -1) {
		work_clear(&work);
		return -1;
	}
	pin_all(&work);
	if (work.count > 0)
		qsort(work.entries, work.count, sizeof(*work.entries),
		    entry_cmp);
	mount_all(&work);
	work_clear(&work);
	plan_add_all(plan, always);
	if (!network)
		plan_add(plan, "--unshare-net");
	return 0;
}
