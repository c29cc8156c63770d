/* SPDX-License-Identifier: ISC */
/* Telling a service manager how far we are. */
#include "config.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "broker/supervisor/notify.h"

TestSuite(notify, .timeout = 20);

/* A datagram socket at "name"; a leading @ makes it abstract. */
static int
manager(const char *name)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	strlcpy(sun.sun_path, name, sizeof(sun.sun_path));
	if (name[0] == '@')
		sun.sun_path[0] = '\0';
	cr_assert_eq(bind(fd, (struct sockaddr *)&sun, (socklen_t)(
	    offsetof(struct sockaddr_un, sun_path) + strlen(name))), 0);
	return fd;
}

static void
expect(const char *name)
{
	char got[32] = "";
	int fd = manager(name);

	setenv("NOTIFY_SOCKET", name, 1);
	cr_assert_eq(notify_send("READY=1"), 0, "%s", strerror(errno));
	cr_assert_eq(recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT), 7);
	cr_assert_str_eq(got, "READY=1");
	close(fd);
}

Test(notify, a_path_and_an_abstract_name_are_reached)
{
	char name[64];

	snprintf(name, sizeof(name), "/tmp/test_notify.%d", (int)getpid());
	expect(name);
	unlink(name);
	snprintf(name, sizeof(name), "@test_notify.%d", (int)getpid());
	expect(name);
}

Test(notify, without_a_manager_nothing_happens)
{
	unsetenv("NOTIFY_SOCKET");
	cr_assert_eq(notify_send("READY=1"), 0);
	setenv("NOTIFY_SOCKET", "", 1);
	cr_assert_eq(notify_send("READY=1"), 0);
}

Test(notify, other_addresses_are_refused)
{
	char longest[200];

	setenv("NOTIFY_SOCKET", "vsock:2:1", 1);
	cr_assert_eq(notify_send("READY=1"), -1);
	setenv("NOTIFY_SOCKET", "relative", 1);
	cr_assert_eq(notify_send("READY=1"), -1);
	memset(longest, 'x', sizeof(longest) - 1);
	longest[0] = '/';
	longest[sizeof(longest) - 1] = '\0';
	setenv("NOTIFY_SOCKET", longest, 1);
	cr_assert_eq(notify_send("READY=1"), -1);
	cr_assert_eq(errno, EINVAL);
}
