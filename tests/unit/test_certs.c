/* SPDX-License-Identifier: ISC */
/* Certificates: who may have got at the files, and whether they are a pair. */
#include "config.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "broker/supervisor/certs.h"
#include "common/log.h"
#include "gateway/tlsctx.h"
#include "tests/lib/testca.h"

TestSuite(certs, .timeout = 20);

static char dir[] = "/tmp/holdfast-certs-XXXXXX";

static void
begin(void)
{
	cr_assert_not_null(mkdtemp(dir));
	cr_assert_eq(chdir(dir), 0);
	cr_assert_eq(testca_make(".", "one", "DNS:localhost"), 0);
	cr_assert_eq(testca_make(".", "two", "DNS:localhost"), 0);
}

static void
end(void)
{
	static const char *const files[] = {
		"one.pem", "one.key", "two.pem", "two.key", "ca.pem", "junk",
	};
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		(void)unlink(files[i]);
	cr_assert_eq(chdir("/"), 0);
	cr_assert_eq(rmdir(dir), 0);
}

Test(certs, modes_are_looked_at, .init = begin, .fini = end)
{
	static const struct {
		mode_t chain, key;
		int ok;
	} rows[] = {
		{ 0644, 0600, 1 }, { 0600, 0400, 1 }, { 0644, 0640, 1 },
		{ 0644, 0644, 0 }, { 0644, 0604, 0 }, { 0644, 0660, 0 },
		{ 0664, 0600, 0 }, { 0646, 0600, 0 },
	};
	struct certs certs = CERTS_NONE;
	char why[CERTS_WHY_SIZE];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		chmod("one.pem", rows[i].chain);
		chmod("one.key", rows[i].key);
		cr_assert_eq(certs_load(&certs, "one.pem", "one.key", why),
		    rows[i].ok ? 0 : -1, "%04o %04o",
		    (unsigned int)rows[i].chain, (unsigned int)rows[i].key);
		if (!rows[i].ok)
			cr_assert_not_null(strstr(why, "chmod"), "%s", why);
		cr_assert_neq(certs.key, -1, "what was good is kept");
	}
	certs_clear(&certs);
}

Test(certs, what_is_no_file_is_refused, .init = begin, .fini = end)
{
	struct certs certs = CERTS_NONE;
	char why[CERTS_WHY_SIZE];

	cr_assert_eq(certs_load(&certs, "nowhere", "one.key", why), -1);
	cr_assert_not_null(strstr(why, "nowhere"));
	cr_assert_eq(certs_load(&certs, "one.pem", ".", why), -1);
	cr_assert_eq(certs_load(&certs, "one.pem", "/dev/zero", why), -1);
	cr_assert_eq(certs.chain, -1);
	cr_assert_eq(certs.key, -1);
}

static struct tls_context *
context_of(const char *chain, const char *key, char why[TLS_WHY_SIZE])
{
	struct certs certs = CERTS_NONE;
	char text[CERTS_WHY_SIZE];
	struct tls_context *context;

	cr_assert_eq(certs_load(&certs, chain, key, text), 0, "%s", text);
	/* Those who share the descriptor read it from the start each. */
	context = tlsctx_new(certs.chain, certs.key, why);
	tlsctx_free(context);
	context = tlsctx_new(certs.chain, certs.key, why);
	certs_clear(&certs);
	return context;
}

Test(certs, only_a_pair_is_taken, .init = begin, .fini = end)
{
	static const struct {
		const char *chain, *key, *why;
	} rows[] = {
		{ "one.pem", "one.key", NULL },
		{ "one.pem", "two.key", "does not belong" },
		{ "one.key", "one.key", "no certificates" },
		{ "junk", "one.key", "no certificates" },
		{ "one.pem", "junk", "no key" },
	};
	char why[TLS_WHY_SIZE];
	struct tls_context *context;
	size_t i;
	int fd;

	fd = open("junk", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	cr_assert_eq(write(fd, "junk\n", 5), 5);
	close(fd);
	cr_assert_eq(tlsctx_begin(), 0);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		context = context_of(rows[i].chain, rows[i].key, why);
		cr_assert_eq(context != NULL, rows[i].why == NULL, "%s %s",
		    rows[i].chain, rows[i].key);
		if (context == NULL)
			cr_assert_not_null(strstr(why, rows[i].why), "%s",
			    why);
		tlsctx_free(context);
	}
}
