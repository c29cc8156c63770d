/* SPDX-License-Identifier: ISC */
/* Names that a server lists for holdfast cp: none leads elsewhere. */
#include "config.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "contrib/client/cp_private.h"

TestSuite(clientcp, .timeout = 20);

static const struct {
	const char *uri, *name;
} rows[] = {
	{ "file:///a/b", "b" },
	{ "file:///a", "a" },
	{ "file:///a/%20x%FF%c3%A9", " x\xff\xc3\xa9" },
	{ "file:///a/100%", "100%" },
	{ "file:///a/%4", "%4" },
	{ "file:///a/%zz", "%zz" },
	{ "file:///a/...", "..." },
	{ "file:///a/%252F", "%2F" },
	{ "file:///a/", NULL },
	{ "file:///a/.", NULL },
	{ "file:///a/..", NULL },
	{ "file:///a/%2e%2E", NULL },
	{ "file:///a/%2F", NULL },
	{ "file:///a/..%2Fx", NULL },
	{ "file:///a/x%00y", NULL },
	{ "file:///a/%00", NULL },
	{ "name", NULL },
	{ "", NULL },
};

Test(clientcp, names)
{
	size_t i;
	char *name;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		name = cp_uri_name(rows[i].uri);
		if (rows[i].name == NULL)
			cr_assert_null(name, "%s: %s", rows[i].uri, name);
		else
			cr_assert_str_eq(name, rows[i].name);
		free(name);
	}
}
