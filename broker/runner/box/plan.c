/* SPDX-License-Identifier: ISC */
/* What to mount where. */
#include "config.h"

#include <stdbool.h>
#include <stdlib.h>

#include "broker/runner/box/entries.h"
#include "broker/runner/box/plan.h"
#include "broker/runner/box/resolve.h"
#include "common/proto.h"
#include "common/xmalloc.h"

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

static void
free_strings(char ***strings, size_t *count)
{
	while (*count > 0)
		free((*strings)[--*count]);
	free(*strings);
	*strings = NULL;
}

void
plan_clear(struct plan *plan)
{
	free_strings(&plan->args, &plan->count);
	free_strings(&plan->marks, &plan->mark_count);
}

static void
mount_denied(struct plan *plan, const struct entries *entries,
    const struct entry *entry)
{
	/* One may pass through it to what is allowed below it. */
	if (entry->directory) {
		plan_add_all(plan, (const char *const []){ "--perms",
		    entries_below(entries, entry) ? "0111" : "0000",
		    "--tmpfs", entry->path, NULL });
		return;
	}
	/* A device on a mount without devices: nobody can open it. */
	plan_add_all(plan, (const char *const []){ "--ro-bind", "/dev/null",
	    entry->path, NULL });
}

static void
mount_entry(struct plan *plan, const struct entries *entries,
    const struct entry *entry)
{
	if (entry->access == ACCESS_DENY) {
		mount_denied(plan, entries, entry);
		return;
	}
	if (entry->access == ACCESS_READ &&
	    entries_above(entries, entry) == ACCESS_READ)
		return;
	plan_add_all(plan, (const char *const []){
	    entry->access == ACCESS_WRITE ? "--bind" : "--ro-bind",
	    entry->path, entry->path, NULL });
}

static void
mount_all(struct plan *plan, const struct entries *entries)
{
	bool whole = entries->root == ACCESS_READ ||
	    entries->root == ACCESS_WRITE;
	const struct entry *entry;
	size_t i;

	if (whole)
		plan_add_all(plan, (const char *const []){
		    entries->root == ACCESS_WRITE ? "--bind" : "--ro-bind",
		    "/", "/", NULL });
	for (i = 0; i < entries->count; i++)
		mount_entry(plan, entries, &entries->list[i]);
	/*
	 * Last, so that nothing can be mounted over them.  Switches of the
	 * kernel obey whoever has root's uid, capabilities or not.
	 */
	plan_add_all(plan, (const char *const []){ "--dev", "/dev", "--proc",
	    "/proc", "--ro-bind-try", "/proc/sys", "/proc/sys", NULL });
	for (i = 0; i < entries->count; i++) {
		entry = &entries->list[i];
		if (entry->access == ACCESS_DENY && entry->directory)
			plan_add_all(plan, (const char *const []){
			    "--remount-ro", entry->path, NULL });
	}
	if (!whole)
		plan_add_all(plan, (const char *const []){ "--remount-ro",
		    "/", NULL });
}

int
plan_make(struct plan *plan, struct span rules, int network,
    const struct plan_looks *looks)
{
	static const char *const always[] = { "--unshare-pid",
	    "--unshare-ipc", "--unshare-uts", "--die-with-parent",
	    "--cap-drop", "ALL", NULL };
	struct resolve resolve = {
		.looks = looks,
		.why = plan->why,
		.why_size = sizeof(plan->why),
	};
	int result;

	result = resolve_rules(&resolve, rules);
	plan->marks = resolve.marks;
	plan->mark_count = resolve.mark_count;
	if (result == -1) {
		entries_clear(&resolve.entries);
		return -1;
	}
	entries_pin(&resolve.entries);
	entries_sort(&resolve.entries);
	mount_all(plan, &resolve.entries);
	entries_clear(&resolve.entries);
	plan_add_all(plan, always);
	if (!network)
		plan_add(plan, "--unshare-net");
	return 0;
}
