/* SPDX-License-Identifier: ISC */
/*
 * A sandbox as a request asks for it, up to what bubblewrap is to mount:
 * nothing that is denied or to be read only may come out writable.  What is
 * in the file system follows from the names in it.  And what is told of it
 * afterwards.
 */
#include "config.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/runner/box/box.h"
#include "broker/runner/box/plan.h"
#include "broker/runner/sandbox.h"
#include "common/proto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ALL = 1, HAS_CWD = 2, HAS_TEMPS = 4, NETWORK = 8, AS_IT_IS = 16,
	STATUS = 255 };

static enum plan_kind
look_kind(void *arg, const char *path)
{
	(void)arg;
	switch (path[strlen(path) - 1]) {
	case 'f':
	case 't':	/* ".git", too */
		return PLAN_OTHER;
	case 'u':
		return PLAN_UNSEEN;
	case 'l':
		return PLAN_LINK;
	case 'm':
		return PLAN_MISSING;
	default:
		return PLAN_DIRECTORY;
	}
}

/* Links lead to what is called after them at the top, or nowhere. */
static int
look_follow(void *arg, const char *path, char *out)
{
	size_t len = strlen(path);

	(void)arg;
	if (len < 3 || path[len - 2] == '/')
		return -1;
	snprintf(out, PATH_MAX, "/%c", path[len - 2]);
	return 0;
}

static int
look_make(void *arg, const char *path)
{
	(void)arg;
	return path[0] == '/' ? 0 : -1;
}

/* The longer the path, the further away. */
static int
look_pointer(void *arg, const char *path, const char *label, char *out)
{
	static const char *const texts[] = { "./r", "../r", "/r", "..",
	    "a/../b", "m", "l" };

	(void)arg;
	(void)label;
	snprintf(out, PATH_MAX, "%s",
	    texts[strlen(path) % (sizeof(texts) / sizeof(texts[0]))]);
	return 0;
}

static const struct plan_looks looks = { look_kind, look_follow, look_make,
	look_pointer, NULL };

/* Whether "path" means what it says: nothing to be left out or followed. */
static int
is_plain(const char *path)
{
	return path[0] == '/' && path[1] != '\0' &&
	    strstr(path, "//") == NULL && strstr(path, "/.") == NULL &&
	    strstr(path, "l/") == NULL && strstr(path, "m/") == NULL &&
	    strchr("/lm", path[strlen(path) - 1]) == NULL;
}

static int
covers(const char *mount, const char *path)
{
	size_t len = strlen(mount);

	return len == 1 || (strncmp(mount, path, len) == 0 &&
	    (path[len] == '\0' || path[len] == '/'));
}

/* Whether "path" can be written in the end: later mounts lie above. */
static int
is_writable(const struct plan *plan, const char *path)
{
	int writable = 0;
	size_t i;

	for (i = 0; i + 2 < plan->count; i++) {
		if (strcmp(plan->args[i], "--bind") == 0 &&
		    covers(plan->args[i + 2], path))
			writable = 1;
		else if (strcmp(plan->args[i], "--ro-bind") == 0 &&
		    covers(plan->args[i + 2], path))
			writable = 0;
		else if (strcmp(plan->args[i], "--tmpfs") == 0 &&
		    covers(plan->args[i + 1], path))
			writable = 0;
	}
	return writable;
}

static void
check_rule(const struct plan *plan, struct span rules, const char *path,
    uint8_t access)
{
	char other[PATH_MAX];
	struct fields_RULE rule;

	while (proto_record_next(&rules, &proto_rule, &rule) == 1) {
		if (span_to_str(rule.subpath, other, sizeof(other)) == -1)
			continue;
		/* The same path in another rule may be stronger, or a way. */
		if (rule.access > access && (!is_plain(other) ||
		    strcmp(path, other) == 0))
			return;
	}
	if (is_writable(plan, path))
		abort();
}

static void
check_plan(const struct plan *plan, struct span rules)
{
	struct span rest = rules;
	struct fields_RULE rule;
	char path[PATH_MAX];
	size_t i;

	for (i = 0; i < plan->count; i++)
		if (plan->args[i] == NULL)
			abort();
	if (plan->args[plan->count] != NULL)
		abort();
	while (proto_record_next(&rest, &proto_rule, &rule) == 1)
		if (rule.access != ACCESS_WRITE &&
		    span_to_str(rule.subpath, path, sizeof(path)) == 0 &&
		    is_plain(path))
			check_rule(plan, rules, path, rule.access);
}

static void
make_plan(struct span rules, int network)
{
	struct plan plan = { 0 };

	if (plan_make(&plan, rules, network, &looks) == 0)
		check_plan(&plan, rules);
	else if (plan.why[0] == '\0')
		abort();
	plan_clear(&plan);
}

/* The first byte has flags, the next two say how long the lists are. */
/* "told", a zero byte, "said": there is always a reason. */
static void
try_status(const uint8_t *data, size_t size)
{
	char told[256], said[512], out[128] = "";
	const uint8_t *end = memchr(data, 0, size);
	struct span a = { data, end == NULL ? size : (size_t)(end - data) };
	struct span b = { data + a.len, size - a.len };

	if (b.len > 0)
		b = (struct span){ b.p + 1, b.len - 1 };
	if (span_to_str(a, told, sizeof(told)) == -1 ||
	    span_to_str(b, said, sizeof(said)) == -1)
		return;
	if (!sandbox_judge(told, said, out, sizeof(out)) && out[0] == '\0' &&
	    strchr(told, BOX_REFUSED) == NULL)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fields_BOXED_CALL policy = { .has_sandbox_files = true };
	const char *why = NULL;
	struct writer rules;
	uint8_t flags;

	if (size > 0 && data[0] == STATUS) {
		try_status(data + 1, size - 1);
		return 0;
	}
	if (size < 3 || size > 65536 ||
	    size - 3 < (size_t)data[1] + data[2])
		return 0;
	flags = data[0];
	policy.sandbox_files = (flags & ALL) != 0 ? FILES_ALL :
	    FILES_BY_RULE;
	policy.sandbox_roots = (struct span){ data + 3, data[1] };
	policy.has_sandbox_temps = (flags & HAS_TEMPS) != 0;
	policy.sandbox_temps = (struct span){ data + 3 + data[1], data[2] };
	policy.has_sandbox_cwd = (flags & HAS_CWD) != 0;
	policy.sandbox_cwd = span_str("/work");
	policy.sandbox_rules.p = policy.sandbox_temps.p + data[2];
	policy.sandbox_rules.len = size - 3 - data[1] - data[2];
	if ((flags & AS_IT_IS) != 0) {
		make_plan(policy.sandbox_rules, (flags & NETWORK) != 0);
		return 0;
	}
	writer_init(&rules, PROTO_SANDBOX_MAX);
	if (sandbox_rules(&policy, span_str("/here"), "/var/tmp", &rules,
	    &why) == 0)
		make_plan((struct span){ rules.p, rules.len },
		    (flags & NETWORK) != 0);
	else if (why == NULL)
		abort();
	writer_clear(&rules);
	return 0;
}
