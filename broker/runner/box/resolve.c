/* SPDX-License-Identifier: ISC */
/* Rules meet the file system. */
#include "config.h"

#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "broker/runner/box/plan.h"
#include "broker/runner/box/resolve.h"
#include "common/proto.h"
#include "common/xmalloc.h"

static int refuse(struct resolve *resolve, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static int
refuse(struct resolve *resolve, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(resolve->why, resolve->why_size, fmt, ap);
	va_end(ap);
	return -1;
}

static void
mark(struct resolve *resolve, const char *path)
{
	size_t i;

	for (i = 0; i < resolve->mark_count; i++)
		if (strcmp(resolve->marks[i], path) == 0)
			return;
	resolve->marks = xreallocarray(resolve->marks,
	    resolve->mark_count + 1, sizeof(*resolve->marks));
	resolve->marks[resolve->mark_count++] = xstrdup(path);
}

static enum plan_kind
look(struct resolve *resolve, const char *path)
{
	return resolve->looks->kind(resolve->looks->arg, path);
}

/* Whether who is in the sandbox may write to what "path" lies in. */
static bool
writable_above(const struct resolve *resolve, const char *path)
{
	char parent[PATH_MAX];

	strlcpy(parent, path, sizeof(parent));
	path_up(parent);
	return entries_access(&resolve->entries, parent) == ACCESS_WRITE;
}

/*
 * A link in a place that can be written leads where whoever is in the sandbox
 * wants: what it stands for cannot be protected, and to allow it would be to
 * allow anything.  Otherwise "real" becomes where it leads, and "*kind" what
 * is there; PLAN_LINK if that is nowhere.
 */
static int
pass_link(struct resolve *resolve, char *real, enum plan_kind *kind)
{
	const struct plan_looks *looks = resolve->looks;
	char out[PATH_MAX];
	int followed;

	if (writable_above(resolve, real))
		return refuse(resolve, "sandbox: %.400s is a symbolic link "
		    "where the sandbox may write, so nothing can be promised "
		    "about it; put there what it points to", real);
	mark(resolve, real);
	followed = looks->follow(looks->arg, real, out);
	if (followed == 0)
		strlcpy(real, out, PATH_MAX);
	*kind = followed == 0 ? look(resolve, real) :
	    followed == 1 ? PLAN_LINK : PLAN_UNSEEN;
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
 * "*kind" is what is there.  If it is neither a directory nor something else
 * in a directory, "real" is the first part that is not.
 */
static int
walk_to(struct resolve *resolve, const char *path, char *real,
    enum plan_kind *kind)
{
	const char *part = path, *end;
	size_t have, len;

	strlcpy(real, "/", PATH_MAX);
	*kind = PLAN_DIRECTORY;
	for (; *part != '\0'; part = end) {
		part += strspn(part, "/");
		end = strchrnul(part, '/');
		len = (size_t)(end - part);
		if (len == 0 || (len == 1 && part[0] == '.'))
			continue;
		have = strlen(real);
		if (have + len + 2 > PATH_MAX)
			return refuse(resolve, "sandbox: a path is too long");
		if (have > 1)
			real[have++] = '/';
		memcpy(real + have, part, len);
		real[have + len] = '\0';
		*kind = look(resolve, real);
		if (*kind == PLAN_LINK && pass_link(resolve, real, kind) == -1)
			return -1;
		if (*kind != PLAN_DIRECTORY && *kind != PLAN_OTHER)
			break;
	}
	return 0;
}

/*
 * Nothing is there that could be mounted on.  1: it need not be; 0: it is
 * there now.
 */
static int
make_place(struct resolve *resolve, const struct fields_RULE *rule,
    const char *real, enum plan_kind *kind)
{
	int made;

	if (rule->access == ACCESS_WRITE || *kind == PLAN_CLOSED)
		return 1;
	if (*kind == PLAN_UNSEEN)
		return refuse(resolve, "sandbox: %.400s cannot be looked at, "
		    "so nothing can be promised about it", real);
	if (rule->skip_missing)
		return 1;
	if (*kind == PLAN_LINK)
		return refuse(resolve, "sandbox: %.400s is a symbolic link to "
		    "nowhere, so nothing can be promised about it", real);
	if (!writable_above(resolve, real))
		return 1;
	made = resolve->looks->make(resolve->looks->arg, real);
	if (made == 1)
		return 1;
	*kind = made == 0 ? look(resolve, real) : PLAN_MISSING;
	if (*kind != PLAN_DIRECTORY && *kind != PLAN_OTHER)
		return refuse(resolve, "sandbox: %.400s is missing and cannot "
		    "be made, so it cannot be protected", real);
	return 0;
}

/*
 * Have what "path" leads to as "rule" says.  "real" and "*kind" become that;
 * "*kind" is PLAN_MISSING where there is nothing to be done.
 */
static int
add_path(struct resolve *resolve, const char *path,
    const struct fields_RULE *rule, char *real, enum plan_kind *kind)
{
	struct entries *entries = &resolve->entries;
	int needless;

	if (has_dots(path))
		return refuse(resolve, "sandbox: %.400s has \"..\" in it",
		    path);
	if (walk_to(resolve, path, real, kind) == -1)
		return -1;
	if (real[1] == '\0') {
		if (rule->access > entries->root)
			entries->root = rule->access;
		return 0;
	}
	if (path_within(real, "/proc") || path_within(real, "/dev"))
		return refuse(resolve, "sandbox: %.400s: /proc and /dev are "
		    "always the sandbox's own", real);
	mark(resolve, real);
	if (*kind != PLAN_DIRECTORY && *kind != PLAN_OTHER) {
		needless = make_place(resolve, rule, real, kind);
		if (needless != 0) {
			*kind = PLAN_MISSING;
			return needless == 1 ? 0 : -1;
		}
	}
	entries_add(entries, real, rule->access, *kind == PLAN_DIRECTORY);
	return 0;
}

/* 1 or 2 when the first part of "path" is "." or "..", else 0. */
static size_t
leading_dots(const char *path)
{
	size_t dots = strspn(path, ".");

	return dots <= 2 && (path[dots] == '/' || path[dots] == '\0') ? dots :
	    0;
}

/*
 * What "text" in "file" means.  The file's directory is free of links, so
 * that ".." at the beginning leads where it seems to.
 */
static int
join(const char *file, const char *text, char *out)
{
	char above[PATH_MAX];
	size_t dots;
	int len;

	strlcpy(above, file, sizeof(above));
	path_up(above);
	for (; (dots = leading_dots(text)) != 0; text += strspn(text, "/")) {
		if (dots == 2)
			path_up(above);
		text += dots;
	}
	if (text[0] == '/')
		len = snprintf(out, PATH_MAX, "%s", text);
	else
		len = snprintf(out, PATH_MAX, "%s%s%s", above,
		    text[0] == '\0' ? "" : "/", text);
	return len < 0 || len >= PATH_MAX ? -1 : 0;
}

/* Where "file" points to, behind "label"; 1: nowhere. */
static int
pointed_to(struct resolve *resolve, const char *file, const char *label,
    char *out)
{
	const struct plan_looks *looks = resolve->looks;
	char text[PATH_MAX];
	int found = looks->pointer(looks->arg, file, label, text);

	if (found == 1)
		return 1;
	if (found == -1 || join(file, text, out) == -1)
		return refuse(resolve, "sandbox: %.400s cannot be read, so "
		    "what it points to cannot be protected", file);
	return 0;
}

/*
 * ".git" may be a file that says where the repository is; that holds what is
 * to be protected, or says in a file of its own where most of it is.  See
 * gitrepository-layout(5).
 */
static int
add_repository(struct resolve *resolve, const char *git,
    const struct fields_RULE *rule)
{
	char path[PATH_MAX], real[PATH_MAX], common[PATH_MAX];
	enum plan_kind kind;
	int found, len;

	found = pointed_to(resolve, git, "gitdir:", path);
	if (found != 0)
		return found == 1 ? 0 : -1;
	if (path_within(git, path))
		return refuse(resolve, "sandbox: %.400s points to what it "
		    "lies in", git);
	if (add_path(resolve, path, rule, real, &kind) == -1)
		return -1;
	len = snprintf(common, sizeof(common), "%s/commondir", real);
	if (kind != PLAN_DIRECTORY || len >= (int)sizeof(common) ||
	    look(resolve, common) != PLAN_OTHER)
		return 0;
	found = pointed_to(resolve, common, "", path);
	if (found != 0)
		return found == 1 ? 0 : -1;
	return add_path(resolve, path, rule, real, &kind);
}

static int
add_rule(struct resolve *resolve, const struct fields_RULE *rule)
{
	char path[PATH_MAX], real[PATH_MAX];
	enum plan_kind kind;

	if (span_to_str(rule->subpath, path, sizeof(path)) == -1)
		return refuse(resolve, "sandbox: a path is not one");
	if (add_path(resolve, path, rule, real, &kind) == -1)
		return -1;
	if (rule->access == ACCESS_WRITE || kind != PLAN_OTHER ||
	    strcmp(strrchr(real, '/'), "/.git") != 0)
		return 0;
	return add_repository(resolve, real, rule);
}

static int
add_rules(struct resolve *resolve, struct span rules, bool writing)
{
	struct fields_RULE rule;
	int more;

	while ((more = proto_record_next(&rules, &proto_rule, &rule)) == 1) {
		if (rule.access >= ACCESS_COUNT)
			return refuse(resolve, "sandbox: a rule is not known");
		if ((rule.access == ACCESS_WRITE) == writing &&
		    add_rule(resolve, &rule) == -1)
			return -1;
	}
	return more == 0 ? 0 : refuse(resolve,
	    "sandbox: a rule is malformed");
}

int
resolve_rules(struct resolve *resolve, struct span rules)
{
	/*
	 * What may be written first, for protection depends on it; and once
	 * more, for so do the ways to it.
	 */
	resolve->entries.root = -1;
	if (add_rules(resolve, rules, true) == -1 ||
	    add_rules(resolve, rules, true) == -1)
		return -1;
	return add_rules(resolve, rules, false);
}
