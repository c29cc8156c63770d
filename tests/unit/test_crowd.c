/* SPDX-License-Identifier: ISC */
/* Who is not let in yet, by source. */
#include "config.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <string.h>

#include <criterion/criterion.h>

#include "gateway/crowd.h"

TestSuite(crowd, .timeout = 20);

static struct sockaddr_storage
from(const char *text)
{
	struct sockaddr_storage ss = { .ss_family = AF_UNIX };
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)&ss;
	struct sockaddr_in *sin = (struct sockaddr_in *)&ss;

	if (inet_pton(AF_INET, text, &sin->sin_addr) == 1)
		ss.ss_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &sin6->sin6_addr) == 1)
		ss.ss_family = AF_INET6;
	return ss;
}

static struct crowd_source *
enter(struct crowd *crowd, const char *text, size_t most)
{
	struct sockaddr_storage ss = from(text);

	return crowd_enter(crowd, (struct sockaddr *)&ss, most);
}

/* Two of the same source share what one may have; others do not. */
static void
check_pair(const char *a, const char *b, bool same)
{
	struct crowd *crowd = crowd_new();
	struct crowd_source *first = enter(crowd, a, 1), *second;

	cr_assert_not_null(first);
	second = enter(crowd, b, 1);
	cr_assert_eq(second == NULL, same, "%s and %s", a, b);
	if (second != NULL)
		crowd_leave(crowd, second);
	crowd_leave(crowd, first);
	crowd_free(crowd);
}

Test(crowd, sources)
{
	check_pair("192.0.2.1", "192.0.2.1", true);
	check_pair("192.0.2.1", "192.0.2.2", false);
	check_pair("2001:db8::1", "2001:db8::2", true);
	check_pair("2001:db8::1", "2001:db8:0:0:ffff::9", true);
	check_pair("2001:db8:0:1::1", "2001:db8:0:2::1", false);
	check_pair("a socket", "another one", true);
	check_pair("a socket", "0.0.0.0", false);
}

Test(crowd, who_leaves_makes_room)
{
	struct crowd *crowd = crowd_new();
	struct crowd_source *sources[3];
	int i;

	for (i = 0; i < 3; i++)
		cr_assert_not_null(sources[i] = enter(crowd, "192.0.2.1", 3));
	cr_assert_null(enter(crowd, "192.0.2.1", 3));
	crowd_leave(crowd, sources[0]);
	cr_assert_not_null(sources[0] = enter(crowd, "192.0.2.1", 3));
	for (i = 0; i < 3; i++)
		crowd_leave(crowd, sources[i]);
	crowd_free(crowd);
}

Test(crowd, local_ones)
{
	static const struct {
		const char *text;
		bool local;
	} rows[] = {
		{ "127.0.0.1", true }, { "127.9.9.9", true },
		{ "::1", true }, { "a socket", true },
		{ "128.0.0.1", false }, { "::2", false },
		{ "2001:db8::1", false },
	};
	struct sockaddr_storage ss;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ss = from(rows[i].text);
		cr_assert_eq(crowd_is_local((struct sockaddr *)&ss),
		    rows[i].local, "%s", rows[i].text);
	}
}
