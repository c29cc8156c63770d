/* SPDX-License-Identifier: ISC */
/* What is stored for the next broker: the table, messages, the socket. */
#include "config.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <event2/event.h>

#include "broker/supervisor/store.h"
#include "broker/supervisor/storesock.h"
#include "common/fdpass.h"
#include "common/pidset.h"
#include "common/unix.h"

TestSuite(store, .timeout = 20);

static struct store_entry
named(const char *name, int fd)
{
	struct store_entry entry = { .fd = fd };

	strlcpy(entry.name, name, sizeof(entry.name));
	return entry;
}

static int
put(struct store *store, const char *name, int fd, int *old)
{
	struct store_entry entry = named(name, fd);

	return store_put(store, &entry, old);
}

Test(store, names_are_in_order_and_replaced)
{
	struct store store = { .most = 10 };
	char *names;
	int old;

	cr_assert_eq(put(&store, "p1", 11, &old), 0);
	cr_assert_eq(old, -1);
	cr_assert_eq(put(&store, "R", 12, &old), 0);
	cr_assert_eq(put(&store, "c1", 13, &old), 0);
	cr_assert_eq(put(&store, "p1", 14, &old), 0);
	cr_assert_eq(old, 11);
	names = store_names(&store);
	cr_assert_str_eq(names, "R:c1:p1");
	free(names);
	cr_assert_eq(store_find(&store, "p1")->fd, 14);
	cr_assert_null(store_find(&store, "p"));
	cr_assert_eq(store_take(&store, "c1"), 13);
	cr_assert_eq(store_take(&store, "c1"), -1);
	cr_assert_eq(store.count, 2);
	cr_assert_eq(store.bytes, 5);
	store_clear(&store);
	names = store_names(&store);
	cr_assert_str_eq(names, "");
	free(names);
}

Test(store, many_are_found_again)
{
	struct store store = { .most = 3000 };
	char name[STORE_NAME_MAX + 1];
	int old, i;

	for (i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "d%x", (i * 7) % 3000);
		cr_assert_eq(put(&store, name, i, &old), 0);
		cr_assert_eq(old, -1);
	}
	for (i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "d%x", (i * 7) % 3000);
		cr_assert_eq(store_take(&store, name), i);
	}
	cr_assert_eq(store.bytes, 0);
	store_clear(&store);
}

Test(store, what_does_not_fit_changes_nothing)
{
	struct store store = { .most = 2 };
	char name[STORE_NAME_MAX + 1];
	int old, i;

	cr_assert_eq(put(&store, "", 5, &old), -1);
	cr_assert_eq(errno, EINVAL);
	cr_assert_eq(put(&store, "a:b", 5, &old), -1);
	cr_assert_eq(put(&store, "a=b", 5, &old), -1);
	cr_assert_eq(put(&store, "a", 5, &old), 0);
	cr_assert_eq(put(&store, "b", 5, &old), 0);
	cr_assert_eq(put(&store, "c", 5, &old), -1);
	cr_assert_eq(errno, ENOSPC);
	cr_assert_eq(put(&store, "b", 6, &old), 0);
	cr_assert_eq(old, 5);
	cr_assert_eq(store.count, 2);
	store.most = 1000000;
	for (i = 0; i < STORE_NAMES_MAX; i++) {
		snprintf(name, sizeof(name), "x%015x", i);
		if (put(&store, name, i, &old) == -1)
			break;
	}
	cr_assert_eq(errno, ENOSPC);
	cr_assert_leq(store.bytes, STORE_NAMES_MAX);
	cr_assert_gt(store.bytes, STORE_NAMES_MAX - 2 * STORE_NAME_MAX);
	store_clear(&store);
}

static const struct {
	const char *text;
	enum store_verb verb;
	const char *name;
} messages[] = {
	{ "FDSTORE=1\nFDNAME=c1f\nFDPOLL=0", STORE_PUT, "c1f" },
	{ "FDPOLL=0\nFDNAME=R\nFDSTORE=1\n", STORE_PUT, "R" },
	{ "FDSTOREREMOVE=1\nFDNAME=p2", STORE_REMOVE, "p2" },
	{ "READY=1", STORE_NOTHING, NULL },
	{ "", STORE_NOTHING, NULL },
	{ "\n\n\n", STORE_NOTHING, NULL },
	{ "FDSTORE=2\nFDNAME=a", STORE_NOTHING, NULL },
	{ "FDSTORE=11\nFDNAME=a", STORE_NOTHING, NULL },
	{ "FDSTORE=1", STORE_MALFORMED, NULL },
	{ "FDSTORE=1\nFDNAME=", STORE_MALFORMED, NULL },
	{ "FDSTORE=1\nFDNAME=a:b", STORE_MALFORMED, NULL },
	{ "FDSTORE=1\nFDNAME=a b", STORE_MALFORMED, NULL },
	{ "FDSTORE=1\nFDNAME=a\nFDNAME=b", STORE_MALFORMED, NULL },
	{ "FDSTORE=1\nFDNAME=0123456789abcdef", STORE_PUT,
	    "0123456789abcdef" },
	{ "FDSTORE=1\nFDNAME=0123456789abcdef0", STORE_MALFORMED, NULL },
	{ "FDSTORE=1\nFDSTOREREMOVE=1\nFDNAME=a", STORE_MALFORMED, NULL },
};

Test(store, messages)
{
	char name[STORE_NAME_MAX + 1];
	size_t i;

	for (i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		cr_assert_eq(store_parse(messages[i].text,
		    strlen(messages[i].text), name), messages[i].verb, "%s",
		    messages[i].text);
		if (messages[i].name != NULL)
			cr_assert_str_eq(name, messages[i].name);
	}
	cr_assert_eq(store_parse("FDSTORE=1\nFDNAME=a\0b", 20, name),
	    STORE_MALFORMED);
}

static char dir[64];
static struct event_base *base;
static struct storesock *sock;

static void
bind_it(void)
{
	strlcpy(dir, "/tmp/test_store.XXXXXX", sizeof(dir));
	cr_assert_not_null(mkdtemp(dir));
	base = event_base_new();
	sock = storesock_new(base, dir, storesock_bind(dir));
	cr_assert_not_null(sock);
	storesock_set_sender(sock, getpid());
}

static void
unbind_it(void)
{
	storesock_free(sock, 1);
	event_base_free(base);
	cr_assert_eq(rmdir(dir), 0);
}

TestSuite(storesock, .timeout = 20, .init = bind_it, .fini = unbind_it);

static void
say(const char *text, const int *fds, size_t nfds)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct iovec iov = { (void *)(uintptr_t)text, strlen(text) };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	strlcpy(sun.sun_path, storesock_path(sock), sizeof(sun.sun_path));
	cr_assert_eq(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	cr_assert_eq(fdpass_send(fd, &iov, 1, fds, nfds),
	    (ssize_t)strlen(text));
	close(fd);
}

Test(storesock, only_its_owner_can_write_to_it)
{
	struct stat st;

	cr_assert_eq(stat(storesock_path(sock), &st), 0);
	cr_assert_eq(st.st_mode & 0777, 0600);
}

Test(storesock, the_sender_stores_and_removes)
{
	int before = unix_count_fds(), fd = dup(STDERR_FILENO);
	const struct store *store = storesock_store(sock);

	say("FDSTORE=1\nFDNAME=c1\nFDPOLL=0", &fd, 1);
	say("FDSTORE=1\nFDNAME=d2\nFDPOLL=0", &fd, 1);
	close(fd);
	storesock_drain(sock);
	cr_assert_eq(store->count, 2);
	cr_assert_eq(unix_count_fds(), before + 2);
	say("FDSTOREREMOVE=1\nFDNAME=c1", NULL, 0);
	say("FDSTOREREMOVE=1\nFDNAME=c9", NULL, 0);
	storesock_drain(sock);
	cr_assert_eq(store->count, 1);
	cr_assert_not_null(store_find(store, "d2"));
	cr_assert_eq(unix_count_fds(), before + 1);
	storesock_empty(sock);
	cr_assert_eq(unix_count_fds(), before);
}

Test(storesock, what_is_not_the_senders_or_wrong_is_closed)
{
	int before = unix_count_fds(), two[2], i;
	const struct store *store = storesock_store(sock);

	two[0] = dup(STDERR_FILENO);
	two[1] = dup(STDERR_FILENO);
	say("FDSTORE=1\nFDNAME=c1", NULL, 0);
	say("FDSTORE=1\nFDNAME=c1", two, 2);
	say("FDSTORE=1", two, 1);
	say("FDSTOREREMOVE=1\nFDNAME=c1", two, 1);
	say("hello", two, 2);
	storesock_drain(sock);
	cr_assert_eq(store->count, 0);
	storesock_set_sender(sock, getppid());
	for (i = 0; i < 5; i++)
		say("FDSTORE=1\nFDNAME=c1", two, 1);
	storesock_drain(sock);
	cr_assert_eq(store->count, 0);
	close(two[0]);
	close(two[1]);
	cr_assert_eq(unix_count_fds(), before);
}

Test(storesock, who_lives_is_spared)
{
	struct pidset spare = { 0 };
	int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

	cr_assert_neq(fd, -1);
	say("FDSTORE=1\nFDNAME=p1", &fd, 1);
	say("FDSTORE=1\nFDNAME=x1", &fd, 1);
	close(fd);
	fd = dup(STDERR_FILENO);
	say("FDSTORE=1\nFDNAME=p2", &fd, 1);
	close(fd);
	storesock_drain(sock);
	storesock_spare(sock, &spare);
	cr_assert_eq(spare.count, 1);
	cr_assert(pidset_has(&spare, getpid()));
	pidset_clear(&spare);
}
