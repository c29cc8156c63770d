/* SPDX-License-Identifier: ISC */
/* When a sandbox is suspected. */
#include "config.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

#include "broker/runner/denial.h"
#include "broker/runner/outlog.h"

TestSuite(denial, .timeout = 20);

static struct outlog *kept;

static void
put(const char *text)
{
	cr_assert_neq(outlog_append(kept, 1, text, strlen(text)), 0);
}

static bool
suspected(const char *text, int code)
{
	bool result;

	kept = outlog_new(1 << 20);
	put(text);
	result = denial_suspected(kept, code);
	outlog_free(kept);
	return result;
}

Test(denial, by_code_and_text)
{
	static const char erofs[] = "sh: 1: cannot create /etc/x: Read-only "
	    "file system\n";

	cr_assert(suspected(erofs, 2));
	cr_assert(!suspected(erofs, 0));
	cr_assert(suspected("open: permission denied (os error 13)", 101));
	cr_assert(suspected("curl: (6) Could not resolve host: a.b", 6));
	cr_assert(suspected("Operation not permitted", 1));
	cr_assert(suspected("Bad system call", 1));
	cr_assert(suspected("x", 128 + SIGSYS));
	cr_assert(!suspected("x", 128 + SIGTERM));
	cr_assert(!suspected("no such file or directory", 1));
	cr_assert(!suspected("x", 127));
}

Test(denial, nothing_was_written)
{
	kept = outlog_new(1 << 20);
	cr_assert(!denial_suspected(kept, 1));
	outlog_free(kept);
}

Test(denial, a_text_in_pieces)
{
	const char *text = "Permission denied";

	kept = outlog_new(1 << 20);
	for (; *text != '\0'; text++)
		put((char []){ *text, '\0' });
	cr_assert(denial_suspected(kept, 1));
	outlog_free(kept);
}

/* Only the end of the output counts. */
Test(denial, long_ago)
{
	static char ballast[40000];
	int i;

	memset(ballast, 'x', sizeof(ballast) - 1);
	kept = outlog_new(1 << 20);
	put("Permission denied");
	for (i = 0; i < 2; i++)
		put(ballast);
	cr_assert(!denial_suspected(kept, 1));
	put("Permission denied");
	put("that was all");
	cr_assert(denial_suspected(kept, 1));
	outlog_free(kept);
}
