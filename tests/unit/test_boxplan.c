/* SPDX-License-Identifier: ISC */
/* Rules and a file system on paper become arguments of bubblewrap. */
#include "config.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/runner/box/plan.h"
#include "common/proto.h"

TestSuite(boxplan, .timeout = 20);

/*
 * What there is: directories end with a slash, links have their target behind
 * an arrow, "!" stands behind what cannot be looked at, "^" behind what others
 * keep closed, and everything else is a file, its text behind "=".  What
 * begins with "never" or "full" has no place for more, in either way.
 */
struct paper {
	const char *const *items;
	char made[256];
};

static const char *
find(const struct paper *paper, const char *path, enum plan_kind *kind)
{
	size_t len = strlen(path);
	const char *const *item;

	*kind = PLAN_DIRECTORY;
	if (strcmp(path, "/") == 0)
		return path;
	for (item = paper->items; *item != NULL; item++) {
		if (strncmp(*item, path, len) != 0)
			continue;
		if ((*item)[len] == '\0' || (*item)[len] == '=')
			*kind = PLAN_OTHER;
		else if ((*item)[len] == '!')
			*kind = PLAN_UNSEEN;
		else if ((*item)[len] == '^')
			*kind = PLAN_CLOSED;
		else if ((*item)[len] == '>')
			*kind = PLAN_LINK;
		else if ((*item)[len] != '/')
			continue;
		return *item + len + 1;
	}
	*kind = PLAN_MISSING;
	return NULL;
}

static enum plan_kind
look_kind(void *arg, const char *path)
{
	enum plan_kind kind;

	find(arg, path, &kind);
	/* A directory that was made is there from then on. */
	if (kind == PLAN_MISSING && strstr(((struct paper *)arg)->made,
	    path) != NULL)
		return PLAN_DIRECTORY;
	return kind;
}

static int
look_follow(void *arg, const char *path, char *out)
{
	enum plan_kind kind;
	const char *target = find(arg, path, &kind);

	cr_assert_eq(kind, PLAN_LINK);
	snprintf(out, PATH_MAX, "%s", target);
	find(arg, out, &kind);
	return kind == PLAN_MISSING ? 1 : kind == PLAN_UNSEEN ? -1 : 0;
}

static int
look_make(void *arg, const char *path)
{
	struct paper *paper = arg;

	if (strcmp(paper->items[0], "never") == 0)
		return 1;
	if (strcmp(paper->items[0], "full") == 0)
		return -1;
	snprintf(paper->made + strlen(paper->made), sizeof(paper->made) -
	    strlen(paper->made), "%s ", path);
	return 0;
}

static int
look_pointer(void *arg, const char *path, const char *label, char *out)
{
	enum plan_kind kind;
	const char *text = find(arg, path, &kind);

	cr_assert_eq(kind, PLAN_OTHER);
	if (text[-1] != '=' || strncmp(text, label, strlen(label)) != 0)
		return 1;
	snprintf(out, PATH_MAX, "%s", text + strlen(label));
	return strcmp(out, "?") == 0 ? -1 : 0;
}

/* "r /x", "w /x", "d /x", or "R /x": skipped where missing. */
static void
put_rules(struct writer *w, const char *const *rules)
{
	struct fields_RULE rule;

	for (; *rules != NULL; rules++) {
		rule = (struct fields_RULE){
			.access = (*rules)[0] == 'w' ? ACCESS_WRITE :
			    strchr("dD", (*rules)[0]) != NULL ? ACCESS_DENY :
			    ACCESS_READ,
			.skip_missing = strchr("RD", (*rules)[0]) != NULL,
			.has_skip_missing = true,
			.subpath = span_str(*rules + 2),
			.has_subpath = true,
		};
		proto_record_add(w, &proto_rule, &rule);
	}
}

#define MOST 16
struct plan_case {
	const char *const items[MOST], *const rules[MOST];
	const char *mounts;	/* before --dev; or what the reason has */
	const char *made;
};

static void
expect_mounts(const struct plan *plan, const char *wanted)
{
	char text[4096] = "";
	size_t i;

	for (i = 0; i < plan->count && strcmp(plan->args[i], "--dev") != 0;
	    i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
		    "%s%s", i > 0 ? " " : "", plan->args[i]);
	cr_assert_str_eq(text, wanted);
}

static int
make(struct plan *plan, const struct plan_case *c, struct paper *paper)
{
	const struct plan_looks looks = { look_kind, look_follow, look_make,
	    look_pointer, paper };
	struct writer w;
	int result;

	*paper = (struct paper){ .items = c->items };
	*plan = (struct plan){ 0 };
	writer_init(&w, 65536);
	put_rules(&w, c->rules);
	result = plan_make(plan, (struct span){ w.p, w.len }, 0, &looks);
	writer_clear(&w);
	return result;
}

static const struct plan_case good[] = {
	{ { NULL }, { "r /", NULL }, "--ro-bind / /", "" },
	{ { NULL }, { "w /", NULL }, "--bind / /", "" },
	{ { NULL }, { "r /", "w /", NULL }, "--bind / /", "" },
	{ { "/w/", "/w/.git/", "/tmp/", NULL },
	    { "r /", "w /w", "w /tmp", "R /w/.git", "R /w/.codex", NULL },
	    "--ro-bind / / --bind /tmp /tmp --bind /w /w "
	    "--ro-bind /w/.git /w/.git", "" },
	/* A file is protected as a directory is. */
	{ { "/w/", "/w/.git", NULL }, { "r /", "w /w", "r /w/.git", NULL },
	    "--ro-bind / / --bind /w /w --ro-bind /w/.git /w/.git", "" },
	/* Missing, and not to be made. */
	{ { "/w/", NULL }, { "r /", "w /w", "r /w/.git", NULL },
	    "--ro-bind / / --bind /w /w --ro-bind /w/.git /w/.git",
	    "/w/.git " },
	{ { "/w/", NULL }, { "r /", "w /w", "r /w/a/b/c", NULL },
	    "--ro-bind / / --bind /w /w --ro-bind /w/a /w/a", "/w/a " },
	/* Where nothing can be made, nothing need be. */
	{ { "/w/", NULL }, { "r /", "w /w", "r /x", "d /y", NULL },
	    "--ro-bind / / --bind /w /w", "" },
	{ { NULL }, { "r /", "w /gone", NULL }, "--ro-bind / /", "" },
	/* A root named by a link. */
	{ { "/l>/w", "/w/", "/w/.git/", NULL },
	    { "r /", "w /l", "r /l/.git", NULL },
	    "--ro-bind / / --bind /w /w --ro-bind /w/.git /w/.git", "" },
	/* One writable place in another, and what is above what is kept. */
	{ { "/t/", "/t/a/", "/t/a/w/", "/t/a/w/.git/", NULL },
	    { "r /", "w /t", "w /t/a/w", "R /t/a/w/.git", NULL },
	    "--ro-bind / / --bind /t /t --bind /t/a /t/a "
	    "--bind /t/a/w /t/a/w --ro-bind /t/a/w/.git /t/a/w/.git", "" },
	/* Writable again below what is not. */
	{ { "/w/", "/w/a/", "/w/a/b/", NULL },
	    { "r /", "w /w/a/b", "r /w/a", "w /w", NULL },
	    "--ro-bind / / --bind /w /w --ro-bind /w/a /w/a "
	    "--bind /w/a/b /w/a/b", "" },
	/* Of several rules for a path. */
	{ { "/w/", NULL }, { "r /", "r /w", "w /w", NULL },
	    "--ro-bind / / --bind /w /w", "" },
	{ { "/w/", NULL }, { "r /", "d /w", "w /w", NULL },
	    "--ro-bind / / --perms 0000 --tmpfs /w", "" },
	/* Neither read nor written, and something allowed inside. */
	{ { "/h/", "/h/u/", "/h/s", NULL }, { "r /", "d /h", "w /h/u", NULL },
	    "--ro-bind / / --perms 0111 --tmpfs /h --bind /h/u /h/u", "" },
	{ { "/h/", "/h/s", NULL }, { "r /", "d /h/s", NULL },
	    "--ro-bind / / --ro-bind /dev/null /h/s", "" },
	/* Nothing but what is listed. */
	{ { "/usr/", "/w/", NULL }, { "r /usr", "w /w", NULL },
	    "--ro-bind /usr /usr --bind /w /w", "" },
	{ { "/usr/", NULL }, { "d /", "r /usr", NULL },
	    "--ro-bind /usr /usr", "" },
	/* As paths may be written. */
	{ { "/w/", NULL }, { "r /", "w //w/./", NULL },
	    "--ro-bind / / --bind /w /w", "" },
	{ { "/a/", "/a/w/", "/a-b/", NULL },
	    { "r /", "w /a", "w /a-b", "r /a/w", NULL },
	    "--ro-bind / / --bind /a /a --bind /a-b /a-b "
	    "--ro-bind /a/w /a/w", "" },
	/* What nobody in there could make, or get at. */
	{ { "never", "/w/", NULL }, { "r /", "w /w", "r /w/.git", NULL },
	    "--ro-bind / / --bind /w /w", "" },
	{ { "/w/", "/w/a/", "/w/a/b^", NULL },
	    { "r /", "w /w", "d /w/a/b", NULL },
	    "--ro-bind / / --bind /w /w", "" },
	/* What cannot be looked at is not for writing. */
	{ { "/w/", "/x!", NULL }, { "r /", "w /w", "w /x", NULL },
	    "--ro-bind / / --bind /w /w", "" },
	{ { "/l>/gone", NULL }, { "r /", "w /l", "R /l/.git", NULL },
	    "--ro-bind / /", "" },
	/* A repository elsewhere: beside it, above it, and by the root. */
	{ { "/w/", "/w/.git=gitdir:./.bare", "/w/.bare/", NULL },
	    { "r /", "w /w", "R /w/.git", NULL },
	    "--ro-bind / / --bind /w /w --ro-bind /w/.bare /w/.bare "
	    "--ro-bind /w/.git /w/.git", "" },
	{ { "/t/", "/t/w/", "/t/w/.git=gitdir:../git/x", "/t/git/",
	    "/t/git/x/", "/t/git/x/commondir=..", NULL },
	    { "r /", "w /t", "R /t/w/.git", NULL },
	    "--ro-bind / / --bind /t /t --ro-bind /t/git /t/git "
	    "--bind /t/w /t/w --ro-bind /t/w/.git /t/w/.git", "" },
	{ { "/w/", "/w/.git=gitdir:/r/.git", "/r/", "/r/.git/", NULL },
	    { "r /", "w /w", "w /r", "R /w/.git", NULL },
	    "--ro-bind / / --bind /r /r --ro-bind /r/.git /r/.git "
	    "--bind /w /w --ro-bind /w/.git /w/.git", "" },
	{ { "/w/", "/w/.git=else", NULL },
	    { "r /", "w /w", "R /w/.git", NULL },
	    "--ro-bind / / --bind /w /w --ro-bind /w/.git /w/.git", "" },
	/* What it points to is missing: as what is itself. */
	{ { "/w/", "/w/.git=gitdir:g", NULL },
	    { "r /", "w /w", "R /w/.git", NULL },
	    "--ro-bind / / --bind /w /w --ro-bind /w/.git /w/.git", "" },
	{ { "/w/", "/w/.git=gitdir:g", NULL },
	    { "r /", "w /w", "r /w/.git", NULL },
	    "--ro-bind / / --bind /w /w --ro-bind /w/.git /w/.git "
	    "--ro-bind /w/g /w/g", "/w/g " },
};

Test(boxplan, mounts)
{
	struct paper paper;
	struct plan plan;
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		cr_assert_eq(make(&plan, &good[i], &paper), 0, "%zu: %s", i,
		    plan.why);
		expect_mounts(&plan, good[i].mounts);
		cr_assert_str_eq(paper.made, good[i].made, "%zu", i);
		plan_clear(&plan);
	}
}

static const struct plan_case refused[] = {
	/* Links that whoever is inside could turn elsewhere. */
	{ { "/w/", "/w/.git>/x", "/x/", NULL },
	    { "r /", "w /w", "R /w/.git", NULL }, "/w/.git is a symbolic",
	    NULL },
	{ { "/w/", "/w/a>/x", "/x/", "/x/b/", NULL },
	    { "r /", "w /w", "d /w/a/b", NULL }, "/w/a is a symbolic", NULL },
	{ { "/t/", "/t/w>/x", "/x/", NULL },
	    { "r /", "w /t/w", "w /t", NULL }, "/t/w is a symbolic", NULL },
	{ { "/w/", "/w/.git>/gone", NULL },
	    { "w /", "R /w/.git", NULL }, "/w/.git is a symbolic", NULL },
	{ { NULL }, { "r /", "w /w/../x", NULL }, "\"..\"", NULL },
	{ { "/proc/", "/proc/sys/", NULL }, { "r /", "w /proc/sys", NULL },
	    "/proc and /dev", NULL },
	{ { "/dev/", NULL }, { "r /", "w /dev", NULL }, "/proc and /dev",
	    NULL },
	/* Missing, and it could be made later by who is inside. */
	{ { "full", "/w/", NULL }, { "r /", "w /w", "r /w/.git", NULL },
	    "/w/.git is missing and cannot", NULL },
	{ { "/w/", "/l>/w/gone", NULL },
	    { "r /", "w /w", "r /l/.git", NULL }, "/l is a symbolic link to "
	    "nowhere", NULL },
	/* Who is inside may be able to have a look later. */
	{ { "/w/", "/w/a/", "/w/a/b!", NULL },
	    { "r /", "w /w", "D /w/a/b", NULL }, "/w/a/b cannot be looked",
	    NULL },
	{ { "/l>/x", "/x!", NULL }, { "r /", "D /l", NULL },
	    "/l cannot be looked", NULL },
	/* Repositories that could be turned elsewhere. */
	{ { "/w/", "/w/.git=gitdir:l", "/w/l>/x", "/x/", NULL },
	    { "r /", "w /w", "R /w/.git", NULL }, "/w/l is a symbolic",
	    NULL },
	{ { "/w/", "/w/.git=gitdir:a/../b", NULL },
	    { "r /", "w /w", "R /w/.git", NULL }, "\"..\"", NULL },
	{ { "/w/", "/w/.git=gitdir:?", NULL },
	    { "r /", "w /w", "R /w/.git", NULL }, "cannot be read", NULL },
	{ { "/w/", "/w/.git=gitdir:./.", NULL },
	    { "r /", "w /w", "R /w/.git", NULL }, "what it lies in", NULL },
	{ { "/w/", "/w/.git=gitdir:/w", NULL },
	    { "r /", "w /w", "R /w/.git", NULL }, "what it lies in", NULL },
};

Test(boxplan, what_cannot_be_promised)
{
	struct paper paper;
	struct plan plan;
	size_t i;

	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		cr_assert_eq(make(&plan, &refused[i], &paper), -1, "%zu", i);
		cr_assert_not_null(strstr(plan.why, refused[i].mounts),
		    "%zu: %s", i, plan.why);
		plan_clear(&plan);
	}
}

static bool
has(const struct plan *plan, const char *arg)
{
	size_t i;

	for (i = 0; i < plan->count; i++)
		if (strcmp(plan->args[i], arg) == 0)
			return true;
	return false;
}

Test(boxplan, walls)
{
	static const char *const always[] = { "--unshare-pid",
	    "--unshare-ipc", "--die-with-parent", "--proc", "--dev",
	    "--cap-drop" };
	const struct plan_looks looks = { look_kind, look_follow, look_make,
	    look_pointer, &(struct paper){ .items = good[0].items } };
	struct plan plan = { 0 };
	struct writer w;
	size_t i;
	int network;

	writer_init(&w, 4096);
	put_rules(&w, good[0].rules);
	for (network = 0; network < 2; network++) {
		plan = (struct plan){ 0 };
		cr_assert_eq(plan_make(&plan, (struct span){ w.p, w.len },
		    network, &looks), 0);
		for (i = 0; i < sizeof(always) / sizeof(always[0]); i++)
			cr_assert(has(&plan, always[i]), "%s", always[i]);
		cr_assert_eq(has(&plan, "--unshare-net"), !network);
		plan_clear(&plan);
	}
	writer_clear(&w);
}

/* Private ones come over whatever was mounted before. */
Test(boxplan, order_at_the_end)
{
	struct paper paper;
	struct plan plan;
	size_t i = 0;

	cr_assert_eq(make(&plan, &good[14], &paper), 0);
	while (strcmp(plan.args[i], "--dev") != 0)
		i++;
	cr_assert_str_eq(plan.args[i + 2], "--proc");
	cr_assert_str_eq(plan.args[i + 6], "/proc/sys");
	cr_assert_str_eq(plan.args[i + 7], "--remount-ro");
	cr_assert_str_eq(plan.args[i + 8], "/h");
	plan_clear(&plan);
}
