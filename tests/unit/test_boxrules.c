/* SPDX-License-Identifier: ISC */
/* Places become paths. */
#include "config.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "broker/runner/sandbox.h"
#include "common/proto.h"

TestSuite(boxrules, .timeout = 20);

static struct writer rules, roots, temps, made;

static void
setup(void)
{
	writer_init(&rules, 65536);
	writer_init(&roots, 65536);
	writer_init(&temps, 65536);
	writer_init(&made, 65536);
}

static void
teardown(void)
{
	writer_clear(&rules);
	writer_clear(&roots);
	writer_clear(&temps);
	writer_clear(&made);
}

static void
add(uint8_t place, uint8_t access, const char *subpath)
{
	struct fields_RULE rule = { .place = place, .access = access };

	if (subpath != NULL) {
		rule.subpath = span_str(subpath);
		rule.has_subpath = true;
	}
	proto_record_add(&rules, &proto_rule, &rule);
}

/* What comes out, as "rP wQ", or NULL when it is refused. */
static const char *
expand(struct fields_BOXED_CALL *policy, const char *directory,
    const char *tmpdir)
{
	static char text[65536];
	struct fields_RULE rule;
	struct span list;
	const char *why;
	size_t len = 0;

	policy->has_sandbox_files = true;
	policy->sandbox_rules = (struct span){ rules.p, rules.len };
	policy->sandbox_roots = (struct span){ roots.p, roots.len };
	policy->sandbox_temps = (struct span){ temps.p, temps.len };
	writer_reset(&made);
	if (sandbox_rules(policy, span_str(directory), tmpdir, &made, &why) ==
	    -1) {
		cr_assert_eq(strncmp(why, "sandbox: ", 9), 0);
		return NULL;
	}
	list = (struct span){ made.p, made.len };
	text[0] = '\0';
	while (proto_record_next(&list, &proto_rule, &rule) == 1) {
		cr_assert_eq(rule.place, PLACE_PATH);
		len += (size_t)snprintf(text + len, sizeof(text) - len,
		    "%s%c%.*s", len > 0 ? " " : "", "rwd"[rule.access],
		    (int)rule.subpath.len, rule.subpath.p);
	}
	cr_assert_eq(list.len, 0);
	return text;
}

Test(boxrules, every_place, .init = setup, .fini = teardown)
{
	struct fields_BOXED_CALL policy = { .has_sandbox_temps = true };

	proto_list_add(&roots, span_str("/w"));
	proto_list_add(&roots, span_str("/"));
	proto_list_add(&temps, span_str("/t"));
	add(PLACE_ROOT, ACCESS_READ, NULL);
	add(PLACE_PATH, ACCESS_DENY, "/p");
	add(PLACE_PROJECT, ACCESS_WRITE, NULL);
	add(PLACE_PROJECT, ACCESS_READ, ".git");
	add(PLACE_SLASH_TMP, ACCESS_WRITE, NULL);
	add(PLACE_TEMPS, ACCESS_WRITE, NULL);
	cr_assert_str_eq(expand(&policy, "/d", "/tmpdir"),
	    "r/ d/p w/w w/ r/w/.git r/.git w/tmp w/t");
}

Test(boxrules, what_is_not_named, .init = setup, .fini = teardown)
{
	struct fields_BOXED_CALL policy = { 0 };

	add(PLACE_PROJECT, ACCESS_WRITE, NULL);
	add(PLACE_TEMPS, ACCESS_WRITE, NULL);
	cr_assert_str_eq(expand(&policy, "/d", "/tmpdir"), "w/d w/tmpdir");
	cr_assert_str_eq(expand(&policy, "/d", NULL), "w/d");
	cr_assert_str_eq(expand(&policy, "/d", "relative"), "w/d");
	cr_assert_null(expand(&policy, "", NULL));
	policy.has_sandbox_cwd = true;
	policy.sandbox_cwd = span_str("/c");
	policy.has_sandbox_temps = true;
	cr_assert_str_eq(expand(&policy, "/d", "/tmpdir"), "w/c");
}

Test(boxrules, all_files, .init = setup, .fini = teardown)
{
	struct fields_BOXED_CALL policy = { .sandbox_files = FILES_ALL };

	cr_assert_str_eq(expand(&policy, "/d", NULL), "w/");
	policy.sandbox_files = FILES_ALL + 1;
	cr_assert_null(expand(&policy, "/d", NULL));
}

/* A gateway may send anything. */
Test(boxrules, what_no_gateway_should_send, .init = setup, .fini = teardown)
{
	static const struct {
		uint8_t place, access;
		const char *subpath;
	} wrong[] = {
		{ PLACE_COUNT, ACCESS_READ, "/x" },
		{ PLACE_PATH, ACCESS_COUNT, "/x" },
		{ PLACE_PATH, ACCESS_READ, NULL },
		{ PLACE_PATH, ACCESS_READ, "relative" },
	};
	struct fields_BOXED_CALL policy = { 0 };
	size_t i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		writer_reset(&rules);
		add(wrong[i].place, wrong[i].access, wrong[i].subpath);
		cr_assert_null(expand(&policy, "/d", NULL), "%zu", i);
	}
	writer_reset(&rules);
	writer_put_u32(&rules, 3);
	writer_put(&rules, "xyz", 3);
	cr_assert_null(expand(&policy, "/d", NULL));
	writer_reset(&rules);
	for (i = 0; i <= 1024; i++)
		add(PLACE_ROOT, ACCESS_READ, NULL);
	cr_assert_null(expand(&policy, "/d", NULL));
}

Test(boxrules, reasons)
{
	char out[1024];

	sandbox_explain("bwrap: Can't find source path /x: No such file or "
	    "directory", out, sizeof(out));
	cr_assert_str_eq(out, "the sandbox cannot be set up: bwrap: Can't "
	    "find source path /x: No such file or directory");
	sandbox_explain("bwrap: Creating new namespace failed: Operation not "
	    "permitted", out, sizeof(out));
	cr_assert_not_null(strstr(out, "; "));
	sandbox_explain("", out, sizeof(out));
	cr_assert_not_null(strstr(out, "without a word"));
}
