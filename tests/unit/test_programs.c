/* SPDX-License-Identifier: ISC */
/* Where the programs are that holdfastd starts. */
#include "config.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "broker/supervisor/programs.h"

TestSuite(programs, .timeout = 20);

static void
make(const char *base, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", base, name);
	close(open(path, O_WRONLY | O_CREAT, 0755));
}

static void
make_dir(const char *base, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", base, name);
	cr_assert_eq(mkdir(path, 0755), 0);
}

static void
expect(enum program p, const char *libexec, const char *own, const char *want)
{
	char *tried, *got = program_find(p, libexec, own, &tried);

	cr_assert_not_null(got, "%s", tried);
	cr_assert_str_eq(got, want);
	free(got);
	free(tried);
}

Test(programs, a_build_tree_is_recognised_when_it_is_complete)
{
	char base[] = "/tmp/test_programs.XXXXXX", own[64], want[128];
	char *tried, *got;

	cr_assert_not_null(mkdtemp(base));
	make_dir(base, "broker");
	make_dir(base, "broker/runner");
	make_dir(base, "gateway");
	make(base, "broker/holdfast-broker");
	make(base, "broker/runner/holdfast-runner");
	snprintf(own, sizeof(own), "%s/broker", base);

	got = program_find(PROGRAM_BROKER, "/nonexistent", own, &tried);
	cr_assert_null(got, "the option wins");
	cr_assert_str_eq(tried, "/nonexistent/holdfast-broker");
	free(tried);

	got = program_find(PROGRAM_BROKER, NULL, own, &tried);
	cr_assert(got == NULL || strncmp(got, own, strlen(own)) != 0,
	    "the gateway is missing, so this is no build tree");
	free(got);
	free(tried);

	make(base, "gateway/holdfast-gateway");
	make(base, "gateway/holdfast-gateway-tls");
	snprintf(want, sizeof(want), "%s/holdfast-broker", own);
	expect(PROGRAM_BROKER, NULL, own, want);
	snprintf(want, sizeof(want), "%s/runner/holdfast-runner", own);
	expect(PROGRAM_RUNNER, NULL, own, want);
	snprintf(want, sizeof(want), "%s/gateway/holdfast-gateway", base);
	expect(PROGRAM_GATEWAY, NULL, own, want);
	snprintf(want, sizeof(want), "%s/holdfast-broker", own);
	expect(PROGRAM_BROKER, own, NULL, want);

	cr_assert_eq(chdir(base), 0);
	unlink("broker/runner/holdfast-runner");
	unlink("broker/holdfast-broker");
	unlink("gateway/holdfast-gateway");
	unlink("gateway/holdfast-gateway-tls");
	rmdir("broker/runner");
	rmdir("broker");
	rmdir("gateway");
	cr_assert_eq(chdir("/"), 0);
	cr_assert_eq(rmdir(base), 0);
}

Test(programs, the_own_directory_is_absolute)
{
	char *dir = program_own_dir();

	cr_assert_not_null(dir);
	cr_assert_eq(dir[0], '/');
	free(dir);
}
