/* SPDX-License-Identifier: ISC */
/* Every name of the table and back. */
#include "config.h"

#include <criterion/criterion.h>
#include <string.h>

#include "common/signame.h"

TestSuite(signame, .timeout = 20);

static const struct {
	const char *name;
	int number;
} sendable[] = {
#define S(name, number) { name, number },
	SIGNAME_SENDABLE(S)
#undef S
};

#define COUNT (sizeof(sendable) / sizeof(sendable[0]))

Test(signame, every_name)
{
	char out[SIGNAME_SIZE];
	size_t i;

	for (i = 0; i < COUNT; i++) {
		if (i > 0)
			cr_assert_lt(strcmp(sendable[i - 1].name,
			    sendable[i].name), 0);
		cr_assert_eq(signame_number(span_str(sendable[i].name)),
		    sendable[i].number);
		cr_assert_str_eq(signame_text(sendable[i].number, out),
		    sendable[i].name);
	}
}

/* What the peer's protocol knows, and what it refuses, stay so. */
Test(signame, others)
{
	char out[SIGNAME_SIZE];

	cr_assert_eq(signame_number(span_str("interrupt")), SIGINT);
	cr_assert_eq(signame_number(span_str("kill")), 0);
	cr_assert_eq(signame_number(span_str("terminate")), 0);
	cr_assert_eq(signame_number(span_str("SIGINT")), 0);
	cr_assert_eq(signame_number(span_str("Interrupt")), 0);
	cr_assert_eq(signame_number(span_str("")), 0);
	cr_assert_str_eq(signame_text(SIGKILL, out), "kill");
	cr_assert_str_eq(signame_text(SIGRTMIN, out), "rtmin+0");
	cr_assert_str_eq(signame_text(SIGRTMAX, out), "rtmin+30");
	cr_assert_str_eq(signame_text(999, out), "999");
}
