/* SPDX-License-Identifier: ISC */
/* From places to paths, and from failures to reasons. */
#include "config.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/runner/box/box.h"
#include "broker/runner/exec.h"
#include "broker/runner/sandbox.h"
#include "common/proto.h"

#define RULES_MAX 1024

bool
sandbox_asked(const struct fields_BOXED_CALL *policy)
{
	return policy->has_sandbox_files;
}

static bool
absolute(struct span path)
{
	return path.len > 0 && path.len < PATH_MAX && path.p[0] == '/';
}

/* "base", or what is below it. */
static int
add(struct writer *rules, const struct fields_RULE *rule, struct span base,
    struct span below)
{
	struct fields_RULE made = {
		.place = PLACE_PATH,
		.access = rule->access,
		.skip_missing = rule->has_skip_missing && rule->skip_missing,
		.has_skip_missing = true,
		.has_subpath = true,
	};
	char path[PATH_MAX];
	int len;

	if (!absolute(base))
		return -1;
	len = below.len == 0 ?
	    snprintf(path, sizeof(path), "%.*s", (int)base.len, base.p) :
	    snprintf(path, sizeof(path), "%.*s%s%.*s", (int)base.len, base.p,
	    base.len == 1 ? "" : "/", (int)below.len, below.p);
	if (len < 0 || (size_t)len >= sizeof(path))
		return -1;
	made.subpath = (struct span){ (const uint8_t *)path, (size_t)len };
	proto_record_add(rules, &proto_rule, &made);
	return rules->failed ? -1 : 0;
}

static int
add_each(struct writer *rules, const struct fields_RULE *rule,
    struct span list, struct span below)
{
	struct span base;

	while (proto_list_next(&list, &base))
		if (add(rules, rule, base, below) == -1)
			return -1;
	return 0;
}

static int
add_projects(const struct fields_BOXED_CALL *policy, struct span directory,
    struct writer *rules, const struct fields_RULE *rule)
{
	struct span base = policy->has_sandbox_cwd ? policy->sandbox_cwd :
	    directory;

	if (policy->sandbox_roots.len > 0)
		return add_each(rules, rule, policy->sandbox_roots,
		    rule->subpath);
	return add(rules, rule, base, rule->subpath);
}

static int
add_temps(const struct fields_BOXED_CALL *policy, const char *tmpdir,
    struct writer *rules, const struct fields_RULE *rule)
{
	const struct span nothing = { NULL, 0 };

	if (policy->has_sandbox_temps)
		return add_each(rules, rule, policy->sandbox_temps, nothing);
	if (tmpdir == NULL || tmpdir[0] != '/')
		return 0;
	return add(rules, rule, span_str(tmpdir), nothing);
}

static int
add_rule(const struct fields_BOXED_CALL *policy, struct span directory,
    const char *tmpdir, struct writer *rules, const struct fields_RULE *rule)
{
	const struct span nothing = { NULL, 0 };

	if (rule->access >= ACCESS_COUNT)
		return -1;
	switch (rule->place) {
	case PLACE_PATH:
		return add(rules, rule, rule->subpath, nothing);
	case PLACE_ROOT:
		return add(rules, rule, span_str("/"), nothing);
	case PLACE_PROJECT:
		return add_projects(policy, directory, rules, rule);
	case PLACE_SLASH_TMP:
		return add(rules, rule, span_str("/tmp"), nothing);
	case PLACE_TEMPS:
		return add_temps(policy, tmpdir, rules, rule);
	default:
		return -1;
	}
}

int
sandbox_rules(const struct fields_BOXED_CALL *policy, struct span directory,
    const char *tmpdir, struct writer *rules, const char **why)
{
	const struct fields_RULE all = { .place = PLACE_ROOT,
	    .access = ACCESS_WRITE };
	struct span list = policy->sandbox_rules;
	struct fields_RULE rule;
	int more;

	*why = "sandbox: a place in it is not known here, or its path is too "
	    "long";
	if (policy->sandbox_files == FILES_ALL)
		return add_rule(policy, directory, tmpdir, rules, &all);
	if (policy->sandbox_files != FILES_BY_RULE)
		return -1;
	if (proto_list_count(list) > RULES_MAX) {
		*why = "sandbox: it has too many entries";
		return -1;
	}
	while ((more = proto_record_next(&list, &proto_rule, &rule)) == 1)
		if (add_rule(policy, directory, tmpdir, rules, &rule) == -1)
			return -1;
	return more;
}

/* The number in a file of one line, or -1. */
static long
knob(const char *path)
{
	char text[32] = "";
	ssize_t n;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	return n <= 0 ? -1 : strtol(text, NULL, 10);
}

static const struct {
	const char *path;
	long forbids;
	const char *advice;
} knobs[] = {
	{ "/proc/sys/user/max_user_namespaces", 0,
	    "user namespaces are switched off here: as root set "
	    "user.max_user_namespaces above 0 (sysctl)" },
	{ "/proc/sys/kernel/unprivileged_userns_clone", 0,
	    "user namespaces are for root only here: as root set "
	    "kernel.unprivileged_userns_clone=1 (sysctl)" },
	{ "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 1,
	    "AppArmor forbids user namespaces here: install an AppArmor "
	    "profile that allows bwrap userns, or as root set "
	    "kernel.apparmor_restrict_unprivileged_userns=0 (sysctl)" },
};

/* What bubblewrap says when the kernel refuses it its namespaces. */
static const char *const refusals[] = {
	"amespace", "uid map", "gid map", "setgroups", "loopback",
	"Operation not permitted", "No space left on device",
};

void
sandbox_explain(const char *said, char *out, size_t size)
{
	const char *advice = NULL;
	size_t i, k;

	/* --perms is the newest of the options that are used. */
	if (strstr(said, "nknown option") != NULL)
		advice = "bubblewrap is too old here: it must be 0.5.0 or "
		    "newer";
	for (i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		if (strstr(said, refusals[i]) == NULL)
			continue;
		advice = "namespaces may be forbidden here (in a container: "
		    "by its seccomp profile or for want of privileges)";
		for (k = 0; k < sizeof(knobs) / sizeof(knobs[0]); k++)
			if (knob(knobs[k].path) == knobs[k].forbids) {
				advice = knobs[k].advice;
				break;
			}
		break;
	}
	snprintf(out, size, "the sandbox cannot be set up: %s%s%s",
	    said[0] == '\0' ? "bubblewrap (bwrap) ended without a word" :
	    said, advice == NULL ? "" : "; ", advice == NULL ? "" : advice);
}

bool
sandbox_judge(const char *told, char *said, char *out, size_t size)
{
	char *end;
	long stage, error;

	if (told[0] == BOX_INSIDE && told[1] == '\0')
		return true;
	if (told[0] == BOX_INSIDE)
		told++;
	if (told[0] == BOX_REFUSED) {
		snprintf(out, size, "%s", told + 1);
	} else if (told[0] == BOX_FAILED) {
		stage = strtol(told + 1, &end, 10);
		error = strtol(end, NULL, 10);
		snprintf(out, size, "%s: %s",
		    exec_stage_text((enum exec_stage)stage),
		    strerror((int)error));
	} else {
		said[strcspn(said, "\n")] = '\0';
		sandbox_explain(said, out, size);
	}
	return false;
}
