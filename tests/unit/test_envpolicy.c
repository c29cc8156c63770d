/* SPDX-License-Identifier: ISC */
/* Environments from policies, and the patterns in them. */
#include "config.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/runner/envpolicy.h"

TestSuite(envpolicy, .timeout = 10);

#define MAX 65536

static const struct {
	const char *pattern, *name;
	int match;
} patterns[] = {
	{ "A", "A", 1 }, { "a", "A", 1 }, { "A", "a", 1 }, { "A", "B", 0 },
	{ "A", "AB", 0 }, { "AB", "A", 0 }, { "", "", 1 }, { "", "A", 0 },
	{ "*", "", 1 }, { "*", "ANY", 1 }, { "?", "", 0 }, { "?", "A", 1 },
	{ "A*", "A", 1 }, { "A*", "ABC", 1 }, { "*C", "ABC", 1 },
	{ "*B*", "ABC", 1 }, { "*D*", "ABC", 0 }, { "A?C", "ABC", 1 },
	{ "A*C*E", "ABCDE", 1 }, { "A*C*F", "ABCDE", 0 },
	{ "**A**", "A", 1 }, { "[AB]", "A", 0 }, { "[AB]", "[ab]", 1 },
	{ "{A,B}", "A", 0 }, { "*aab", "AAAAAB", 1 }, { "A.", "AB", 0 },
};

Test(envpolicy, patterns_match_whole_names)
{
	size_t i;

	for (i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
		cr_assert_eq(envpolicy_match(span_str(patterns[i].pattern),
		    patterns[i].name, strlen(patterns[i].name)),
		    patterns[i].match, "%s on %s", patterns[i].pattern,
		    patterns[i].name);
}

static const char *const base[] = { "PATH=/bin", "HOME=/h", "TERM=vt100",
	"API_KEY=k", "my_secret_x=s", "Token=t", "LANG=C", "EDITOR=vi",
	"broken", NULL };

/* Lists in the rows are items separated by blanks. */
static const struct {
	int given;
	enum proto_inherit inherit;
	int no_default;
	const char *exclude, *set, *only, *overlay, *shell, *expect;
} rows[] = {
	{ 0, INHERIT_ALL, 0, "", "X=1", "", "", NULL, "" },
	{ 0, INHERIT_ALL, 0, "", "", "", "A=1 B=x=y", NULL, "A=1 B=x=y" },
	{ 0, INHERIT_ALL, 0, "", "", "", "A=1 A=2", NULL, "A=2" },
	{ 1, INHERIT_NONE, 0, "", "", "", "A=1", NULL, "A=1" },
	{ 1, INHERIT_ALL, 0, "", "", "", "", NULL,
	    "PATH=/bin HOME=/h TERM=vt100 LANG=C EDITOR=vi" },
	{ 1, INHERIT_ALL, 1, "", "", "", "", NULL,
	    "PATH=/bin HOME=/h TERM=vt100 API_KEY=k my_secret_x=s Token=t "
	    "LANG=C EDITOR=vi" },
	{ 1, INHERIT_CORE, 0, "", "", "", "", NULL,
	    "PATH=/bin HOME=/h LANG=C" },
	{ 1, INHERIT_ALL, 0, "path *E*", "", "", "", NULL, "LANG=C" },
	{ 1, INHERIT_CORE, 0, "PATH", "PATH=/set A_KEY=1", "", "", NULL,
	    "HOME=/h LANG=C PATH=/set A_KEY=1" },
	{ 1, INHERIT_CORE, 0, "", "A=1 B=2", "H* b", "", NULL,
	    "HOME=/h B=2" },
	{ 1, INHERIT_CORE, 0, "", "A=1", "none", "PATH=/o TOKEN=t", NULL,
	    "PATH=/o TOKEN=t" },
	{ 1, INHERIT_CORE, 0, "", "", "", "HOME=/o", NULL,
	    "PATH=/bin HOME=/o LANG=C" },
	{ 0, INHERIT_ALL, 0, "", "", "", "A=1", "/bin/sh",
	    "A=1 SHELL=/bin/sh" },
	{ 0, INHERIT_ALL, 0, "", "", "", "SHELL=/x A=1", "/bin/sh",
	    "SHELL=/x A=1" },
	{ 0, INHERIT_ALL, 0, "", "", "", "EMPTY=", NULL, "EMPTY=" },
};

static struct span
list(struct writer *w, const char *items)
{
	size_t len;

	writer_init(w, MAX);
	while (*items != '\0') {
		len = strcspn(items, " ");
		proto_list_add(w, (struct span){ (const uint8_t *)items,
		    len });
		items += len;
		items += *items == ' ';
	}
	return (struct span){ w->p, w->len };
}

static void
join(char *const *block, char *out, size_t size)
{
	out[0] = '\0';
	for (; *block != NULL; block++) {
		if (out[0] != '\0')
			strlcat(out, " ", size);
		strlcat(out, *block, size);
	}
}

Test(envpolicy, every_row_gives_its_environment)
{
	struct envpolicy policy;
	struct writer w[4];
	char **block, out[1024];
	size_t i, j;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		policy = (struct envpolicy){
			.given = rows[i].given,
			.inherit = rows[i].inherit,
			.no_default_excludes = rows[i].no_default,
			.exclude = list(&w[0], rows[i].exclude),
			.set = list(&w[1], rows[i].set),
			.include_only = list(&w[2], rows[i].only),
			.overlay = list(&w[3], rows[i].overlay),
			.shell = rows[i].shell,
		};
		block = envpolicy_make(&policy, base, MAX);
		cr_assert_not_null(block, "row %zu", i);
		join(block, out, sizeof(out));
		cr_assert_str_eq(out, rows[i].expect, "row %zu", i);
		free(block);
		for (j = 0; j < 4; j++)
			writer_clear(&w[j]);
	}
}

static void
expect_errno(struct span overlay, size_t max, int error)
{
	struct envpolicy policy = { .overlay = overlay };

	errno = 0;
	cr_assert_null(envpolicy_make(&policy, base, max));
	cr_assert_eq(errno, error);
}

Test(envpolicy, refuses_what_execve_cannot_take)
{
	struct writer w;

	expect_errno(list(&w, "A=1 noequals"), MAX, EINVAL);
	writer_clear(&w);
	expect_errno(list(&w, "=value"), MAX, EINVAL);
	writer_clear(&w);
	expect_errno(list(&w, "A=1 B=2"), 20, E2BIG);
	writer_clear(&w);
	writer_init(&w, MAX);
	proto_list_add(&w, (struct span){ (const uint8_t *)"A=\0b", 4 });
	expect_errno((struct span){ w.p, w.len }, MAX, EINVAL);
	writer_clear(&w);
}

Test(envpolicy, many_variables_are_laid_over_each_other)
{
	struct envpolicy policy = { 0 };
	struct writer w;
	char item[64], **block;
	size_t i;

	writer_init(&w, 1 << 20);
	for (i = 0; i < 4000; i++) {
		snprintf(item, sizeof(item), "N%zu=%zu", i % 1000, i);
		proto_list_add(&w, span_str(item));
	}
	policy.overlay = (struct span){ w.p, w.len };
	block = envpolicy_make(&policy, base, 1 << 20);
	cr_assert_not_null(block);
	for (i = 0; block[i] != NULL; i++) {
		snprintf(item, sizeof(item), "N%zu=%zu", i, i + 3000);
		cr_assert_str_eq(block[i], item);
	}
	cr_assert_eq(i, 1000);
	free(block);
	writer_clear(&w);
}
