/* SPDX-License-Identifier: ISC */
/* The broker's small parts: connections, settings, tenant, cgroup paths. */
#include "config.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <arpa/inet.h>

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/broker.h"
#include "broker/cgroup_private.h"
#include "broker/connset.h"

TestSuite(connset, .timeout = 20);

Test(connset, what_is_added_is_found_until_it_is_removed)
{
	struct connset set;
	uint64_t handle;

	cr_assert_eq(connset_init(&set), 0);
	for (handle = 0; handle < 1000; handle++)
		connset_add(&set, handle * 1000)->slot = (uint32_t)handle;
	for (handle = 0; handle < 1000; handle += 2)
		connset_remove(&set, handle * 1000);
	for (handle = 0; handle < 1000; handle++) {
		struct conn *conn = connset_find(&set, handle * 1000);

		cr_assert_eq(conn != NULL, handle % 2);
		if (conn != NULL)
			cr_assert_eq(conn->slot, handle);
	}
	connset_remove(&set, 5);
	connset_clear(&set);
}

static uint32_t
longest_chain(const struct connset *set)
{
	uint32_t head, place, length, longest = 0;

	for (head = 0; head <= set->by_handle.mask; head++) {
		length = 0;
		for (place = set->by_handle.heads[head]; place != 0;
		    place = set->by_handle.nexts[place - 1])
			length++;
		if (length > longest)
			longest = length;
	}
	return longest;
}

/* As many gateways' handles would be, were chains short by luck alone. */
Test(connset, chosen_handles_share_no_chain)
{
	static const unsigned int shifts[] = { 0, 15, 16, 32, 47, 49 };
	struct connset set;
	uint64_t handle;
	size_t i;

	for (i = 0; i < sizeof(shifts) / sizeof(shifts[0]); i++) {
		cr_assert_eq(connset_init(&set), 0);
		for (handle = 0; handle < CONNSET_MAX; handle++)
			cr_assert_not_null(connset_add(&set,
			    handle << shifts[i]));
		cr_expect_lt(longest_chain(&set), 32, "%u", shifts[i]);
		connset_clear(&set);
	}
}

Test(connset, it_is_bounded_and_its_places_are_used_again)
{
	struct connset set;
	uint64_t handle;

	cr_assert_eq(connset_init(&set), 0);
	for (handle = 0; handle < CONNSET_MAX; handle++)
		cr_assert_not_null(connset_add(&set, handle));
	cr_assert_null(connset_add(&set, handle));
	connset_find(&set, 77)->state = CONN_ATTACHED;
	connset_remove(&set, 77);
	cr_assert_not_null(connset_add(&set, handle));
	cr_assert_eq(connset_find(&set, handle)->state, CONN_IDLE);
	cr_assert_null(connset_find(&set, 77));
	connset_clear(&set);
}

TestSuite(settings, .timeout = 20);

static struct fields_SB_CONFIG
good_config(void)
{
	return (struct fields_SB_CONFIG){
		.version = PROTO_VERSION,
		.oldest = PROTO_OLDEST,
		.runner_path = span_str("/usr/libexec/holdfast-runner"),
		.max_sessions = 10,
	};
}

Test(settings, a_good_order_is_taken)
{
	struct fields_SB_CONFIG config = good_config();
	struct settings settings;

	cr_assert_null(settings_take(&settings, &config));
	cr_assert_eq(settings.max_sessions, 10);
	cr_assert_str_eq(settings.runner_path, "/usr/libexec/holdfast-runner");
	settings_clear(&settings);
}

Test(settings, every_wrong_order_is_refused)
{
	struct fields_SB_CONFIG config;
	struct settings settings;
	int i;

	for (i = 0; i < 4; i++) {
		config = good_config();
		switch (i) {
		case 0:
			config.oldest = PROTO_VERSION + 1;
			config.version = PROTO_VERSION + 1;
			break;
		case 1:
			config.max_sessions = 0;
			break;
		case 2:
			config.max_sessions = UINT32_MAX;
			break;
		default:
			config.runner_path = span_str("holdfast-runner");
			break;
		}
		cr_assert_not_null(settings_take(&settings, &config), "%d", i);
		settings_clear(&settings);
	}
}

Test(settings, sessions_are_as_many_as_open_files_allow)
{
	struct settings settings = { .max_sessions = 4096 };

	cr_assert_not(settings_fit(&settings, 1048576));
	cr_assert_eq(settings.max_sessions, 4096);
	cr_assert(settings_fit(&settings, 4096));
	cr_assert_eq(settings.max_sessions, (4096 - 256) / 3);
	cr_assert(settings_fit(&settings, 20));
	cr_assert_eq(settings.max_sessions, 1);
}

TestSuite(cgroup, .timeout = 20);

Test(cgroup, our_own_is_the_line_of_version_2)
{
	static const struct {
		const char *text, *path;
	} rows[] = {
		{ "0::/\n", "/" },
		{ "0::/user.slice/x\n", "/user.slice/x" },
		{ "12:pids:/a\n1:name=systemd:/b\n0::/c d\n", "/c d" },
		{ "0::/no newline", "/no newline" },
		{ "12:pids:/a\n", NULL },
		{ "", NULL },
		{ "10::/x\n", NULL },
		{ "0::relative\n", NULL },
		{ "0::\n", NULL },
		{ "0::/a path that does not fit the room it is given\n",
		    NULL },
	};
	char out[32];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cr_assert_eq(cgroup_parse_own(rows[i].text, out, sizeof(out)),
		    rows[i].path == NULL ? -1 : 0, "row %zu", i);
		if (rows[i].path != NULL)
			cr_assert_str_eq(out, rows[i].path);
	}
}

Test(cgroup, the_mount_is_that_of_the_whole_hierarchy)
{
	static const struct {
		const char *text, *path;
	} rows[] = {
		{ "30 20 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
		    "/sys/fs/cgroup" },
		{ "1 2 0:3 / / rw,x shared:1 - ext4 /dev/vda rw\n"
		  "30 20 0:26 / /sys/fs/cgroup/unified rw master:9 prop:8 "
		  "- cgroup2 cgroup rw\n", "/sys/fs/cgroup/unified" },
		{ "30 20 0:26 /below /sys/fs/cgroup rw - cgroup2 c rw\n",
		    NULL },
		{ "30 20 0:26 / /sys/fs/cgroup rw - cgroup cgroup rw\n",
		    NULL },
		{ "30 20 0:26 / /a\\040b rw - cgroup2 cgroup2 rw\n", NULL },
		{ "30 20 0:26 / relative rw - cgroup2 cgroup2 rw\n", NULL },
		{ "30 - cgroup2 cgroup2 rw\n", NULL },
		{ " - cgroup2 \n", NULL },
		{ "", NULL },
	};
	char out[64];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cr_assert_eq(cgroup_parse_mount(rows[i].text, out,
				 sizeof(out)),
		    rows[i].path == NULL ? -1 : 0, "row %zu", i);
		if (rows[i].path != NULL)
			cr_assert_str_eq(out, rows[i].path);
	}
}

/* What a limit of this file finds lacking with these controllers. */
static const char *
lacking(const char *controllers, const char *file)
{
	static struct cgroup cgroup;
	static char out[64];
	struct writer w;
	char text[64];
	int len;
	bool lacks;

	snprintf(cgroup.controllers, sizeof(cgroup.controllers), "%s",
	    controllers);
	len = snprintf(text, sizeof(text), "%s%c10", file, '\0');
	writer_init(&w, 4096);
	proto_list_add(&w, (struct span){ (const uint8_t *)text,
	    (size_t)len });
	lacks = cgroup_lacks(&cgroup, (struct span){ w.p, w.len }, out,
	    sizeof(out));
	writer_clear(&w);
	return lacks ? out : "";
}

Test(cgroup, limits_are_those_of_the_controllers)
{
	static const struct {
		const char *controllers, *file, *lacking;
	} rows[] = {
		{ "cpu io memory pids", "cpu.max", "" },
		{ "cpu io memory pids", "io.weight", "" },
		{ "cpu io memory pids", "memory.swap.max", "" },
		{ "cpu io memory pids", "pids.max", "" },
		{ "memory", "memory.max", "" },
		{ "cpu io memory", "pids.max", "pids.max" },
		{ "cpuset", "cpu.max", "cpu.max" },
		{ "", "cpu.max", "cpu.max" },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_assert_str_eq(lacking(rows[i].controllers, rows[i].file),
		    rows[i].lacking, "%s of %s", rows[i].file,
		    rows[i].controllers);
}

Test(cgroup, none_is_fine_everywhere)
{
	struct cgroup_plan plan = { .tenant = "t" };
	struct cgroup_session session;
	const char *why;

	cr_assert_eq(cgroup_make(NULL, &plan, "x", &session), -1);
	cgroup_kill(&session);
	cr_assert(cgroup_is_empty(&session));
	cgroup_close_leaves(&session);
	cgroup_remove("x", &session);
	cr_assert_str_eq(cgroup_controllers(NULL, &why), "");
	cgroup_free(NULL);
}

static struct cgroup *
cgroup_of(pid_t pid, char *why, size_t size)
{
	char label[64];

	snprintf(label, sizeof(label), "holdfast-%d", (int)pid);
	cr_assert(cgroup_is_label(label));
	return cgroup_new(NULL, label, why, size);
}

Test(cgroup, labels_are_names_and_no_paths)
{
	static const char *const wrong[] = { "", "holdfast-", "holdfast-0",
	    "holdfast-1/..", "..", "holdfast-1x", "x-1", "/" };
	size_t i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		cr_assert_not(cgroup_is_label(wrong[i]), "%s", wrong[i]);
}

static bool
knows_none(void *arg, const char *name)
{
	(void)arg;
	(void)name;
	return false;
}

/* The next broker has the same directory, and what is in it. */
Test(cgroup, one_that_is_there_is_taken_over)
{
	char why[256];
	struct cgroup_plan plan = { .tenant = "t", .uid = getuid() };
	struct cgroup_session session, again;
	struct cgroup *left = cgroup_of(getpid(), why, sizeof(why)), *next;

	if (left == NULL)
		cr_skip_test("%s", why);
	cr_assert_eq(cgroup_make(left, &plan, "session", &session), 0);
	next = cgroup_of(getpid(), why, sizeof(why));
	cr_assert_not_null(next);
	cgroup_open(next, "t", "other", &again);
	cr_assert_eq(again.dir, -1);
	cgroup_open(next, "t", "session", &again);
	cr_assert_neq(again.dir, -1);
	cr_assert(cgroup_is_empty(&again));
	cgroup_close_leaves(&session);
	cgroup_sweep(next, knows_none, NULL);
	cgroup_remove("session", &again);
	cgroup_open(next, "t", "session", &again);
	cr_assert_eq(again.dir, -1);
	close(session.dir);
	cgroup_free(next);
	cgroup_free(left);
}

Test(cgroup, what_is_in_it_is_killed_and_it_goes_away)
{
	char why[256], path[64];
	struct cgroup *cgroup = cgroup_of(getpid(), why, sizeof(why));
	struct cgroup_plan plan = { .tenant = "t", .uid = getuid() };
	struct cgroup_session session;
	int fd, status;
	pid_t pid;

	if (cgroup == NULL)
		cr_skip_test("%s", why);
	cr_assert_eq(cgroup_make(cgroup, &plan, "session", &session), 0);
	cr_assert(cgroup_is_empty(&session));
	pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	fd = openat(session.jobs, "cgroup.procs", O_WRONLY | O_CLOEXEC);
	snprintf(path, sizeof(path), "%d", (int)pid);
	cr_assert_gt(write(fd, path, strlen(path)), 0);
	close(fd);
	cr_assert_not(cgroup_is_empty(&session));
	/* A cgroup that a job made for itself does not keep ours alive. */
	cr_assert_eq(mkdirat(session.jobs, "below", 0755), 0);
	cgroup_kill(&session);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	cr_assert(cgroup_is_empty(&session));
	cgroup_remove("session", &session);
	cr_assert_eq(session.dir, -1);
	cr_assert_eq(cgroup_make(cgroup, &plan, "session/none", &session),
	    -1);
	cgroup_free(cgroup);
}

Test(cgroup, what_a_killed_one_left_is_removed_by_the_next)
{
	char why[256];
	struct cgroup_plan plan = { .tenant = "t", .uid = getuid() };
	struct cgroup_session session, another;
	struct cgroup *left, *next;
	pid_t dead = fork();

	if (dead == 0)
		_exit(0);
	waitpid(dead, NULL, 0);
	left = cgroup_of(dead, why, sizeof(why));
	if (left == NULL)
		cr_skip_test("%s", why);
	cr_assert_eq(cgroup_make(left, &plan, "session", &session), 0);
	cr_assert_eq(faccessat(session.dir, "cgroup.events", F_OK, 0), 0);
	next = cgroup_of(getpid(), why, sizeof(why));
	cr_assert_not_null(next);
	cr_assert_eq(faccessat(session.dir, "cgroup.events", F_OK, 0), -1);
	cgroup_remove("session", &session);
	/* Should it live in spite of that, it makes its own again. */
	cr_assert_eq(cgroup_make(left, &plan, "another", &another), 0);
	cgroup_remove("another", &another);
	cgroup_free(left);
	cgroup_free(next);
}
