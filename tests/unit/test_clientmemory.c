/* SPDX-License-Identifier: ISC */
/* What holdfast remembers of jobs that it left running. */
#include "config.h"

#include <sys/stat.h>

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/xmalloc.h"
#include "contrib/client/memory.h"

static char directory[] = "/tmp/holdfast-memory-XXXXXX";
static struct memory memory;

static void
setup(void)
{
	cr_assert_not_null(mkdtemp(directory));
	setenv("XDG_STATE_HOME", directory, 1);
}

static void
teardown(void)
{
	char *path = xasprintf("%s/holdfast/left", directory);

	memory_clear(&memory);
	(void)unlink(path);
	*strrchr(path, '/') = '\0';
	(void)rmdir(path);
	(void)rmdir(directory);
	free(path);
}

TestSuite(clientmemory, .timeout = 20, .init = setup, .fini = teardown);

static const struct {
	const char *text;
	size_t count;
} rows[] = {
	{ "", 0 },
	{ "s\tp\tu\tc\n", 1 },
	{ "s\tp\tu\t\n", 1 },
	{ "s\tp\tu\tc\nt\tp\tu\tc\n", 2 },
	{ "s\tp\tu\tc", 0 },
	{ "s\tp\tu\n", 0 },
	{ "s\tp\tu\tc\td\n", 0 },
	{ "\tp\tu\tc\n", 0 },
	{ "s\t\tu\tc\n", 0 },
	{ "s\tp\t\tc\n", 0 },
	{ "s\tp\tu\tc\033\n", 0 },
	{ "\n\n\ns\tp\tu\tc\n\n", 1 },
};

Test(clientmemory, what_makes_no_sense_is_left_out)
{
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memory_parse(&memory, rows[i].text, strlen(rows[i].text));
		cr_assert_eq(memory.count, rows[i].count, "%s",
		    rows[i].text);
		memory_clear(&memory);
	}
}

Test(clientmemory, comes_back_in_order)
{
	struct stat st;
	char *path;

	memory_read(&memory);
	cr_assert_eq(memory.count, 0);
	cr_assert_eq(memory_keep("ws://h", "a", "p", "one\ttwo"), 0);
	cr_assert_eq(memory_keep("ws://h", "b", "q", NULL), 0);
	cr_assert_eq(memory_keep("ws://h", "a", "p", NULL), 0);
	memory_read(&memory);
	cr_assert_eq(memory.count, 2);
	cr_assert_str_eq(memory.entries[0].session, "b");
	cr_assert_str_eq(memory.entries[0].command, "");
	cr_assert_str_eq(memory.entries[1].session, "a");
	cr_assert_str_eq(memory.entries[1].command, "one?two");
	cr_assert_str_eq(memory.entries[1].url, "ws://h");
	/* A session's id may be all that is needed to have it. */
	path = xasprintf("%s/holdfast/left", directory);
	cr_assert_eq(stat(path, &st), 0);
	cr_assert_eq(st.st_mode & 0777, 0600);
	free(path);
}

Test(clientmemory, forgets)
{
	cr_assert_eq(memory_forget("ws://h", "a"), 0);
	cr_assert_eq(memory_keep("ws://h", "a", "p", "x"), 0);
	cr_assert_eq(memory_keep("ws://i", "a", "p", "y"), 0);
	cr_assert_eq(memory_forget("ws://h", "a"), 0);
	memory_read(&memory);
	cr_assert_eq(memory.count, 1);
	cr_assert_str_eq(memory.entries[0].url, "ws://i");
	cr_assert_eq(memory_keep("ws://h", "a\tb", "p", "x"), -1);
	cr_assert_eq(memory_keep("ws://h", "", "p", "x"), -1);
}

Test(clientmemory, the_oldest_give_way)
{
	char name[16];
	int i;

	for (i = 0; i < MEMORY_MAX + 3; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		cr_assert_eq(memory_keep("ws://h", name, "p", "x"), 0);
	}
	memory_read(&memory);
	cr_assert_eq(memory.count, MEMORY_MAX);
	cr_assert_str_eq(memory.entries[0].session, "s3");
}
