/* SPDX-License-Identifier: ISC */
/* A real runner whose gateway takes nothing: what it sends has a bound. */
#include "config.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/xmalloc.h"
#include "tests/lib/runnerkit.h"

#define FILE_LEN 60000
#define FILE_READS 40
#define ENDS 30
#define SMALL_COST (4000 + PROTO_EVENT_COST)
/* What fills a process's pipe and queue, and parks more than is read on. */
#define WRITES 70
#define QUIET_MS 200

static struct kit kit;
static char place[] = "/tmp/window.XXXXXX";
static char *file;

static void
setup(void)
{
	cr_assert_not_null(mkdtemp(place));
	file = xasprintf("%s/file", place);
	kit_start(&kit, NULL);
}

static void
teardown(void)
{
	kit_stop(&kit);
	unlink(file);
	rmdir(place);
	free(file);
}

TestSuite(window, .timeout = 60, .init = setup, .fini = teardown);

static void
make_file(off_t len)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	cr_assert_neq(fd, -1);
	cr_assert_eq(ftruncate(fd, len), 0);
	close(fd);
}

/* All that comes without an acknowledgement; how many of this type. */
static int
receive_all(uint16_t type)
{
	int count = 0;

	while (!kit_quiet(&kit, QUIET_MS))
		count += kit_receive(&kit) == type;
	return count;
}

static void
go_on(void)
{
	kit.hold_acks = 0;
	kit_ack(&kit, kit.cost);
}

Test(window, is_kept_to_by_answers_of_several_workers)
{
	struct fields_GR_FS_PATH request = { .has_id_int = true,
		.id_int = 1, .path = span_str(file) };
	int i, count;

	make_file(FILE_LEN);
	kit.hold_acks = 1;
	for (i = 0; i < FILE_READS; i++)
		kit_send(&kit, MSG_GR_FS_READ_FILE, &request);
	while (kit.cost < PROTO_WINDOW)
		kit_receive(&kit);
	receive_all(MSG_RG_RESULT);
	cr_assert_leq(kit.cost, PROTO_WINDOW + FILE_LEN + PROTO_EVENT_COST);
	count = (int)(kit.cost / FILE_LEN);
	go_on();
	for (; count < FILE_READS; count++)
		kit_until(&kit, MSG_RG_RESULT, 0);
	cr_assert(kit_quiet(&kit, 0));
}

Test(window, is_kept_to_by_the_ends_of_processes)
{
	uint64_t full;
	char id[16];
	int i;

	kit.hold_acks = 1;
	kit_shell(&kit, "flood", "head -c 5000000 /dev/zero", 0);
	while (kit.cost < PROTO_WINDOW)
		kit_receive(&kit);
	receive_all(MSG_RG_OUTPUT);
	full = kit.cost;
	for (i = 0; i < ENDS; i++) {
		snprintf(id, sizeof(id), "end%d", i);
		kit_result(&kit, kit_shell(&kit, id, "exit 0", 0));
	}
	cr_assert_eq(receive_all(MSG_RG_CLOSED), 0);
	cr_assert_eq(kit.cost, full);
	go_on();
	for (i = 0; i < ENDS + 1; i++)
		kit_until(&kit, MSG_RG_CLOSED, 0);
}

/* Small messages cost little, but what keeps each of them does not. */
Test(window, counts_messages)
{
	int count = 0, closed = 0;
	uint16_t type;

	kit.hold_acks = 1;
	kit_shell(&kit, "drip", "i=0; while [ $i -lt 20000 ]; do echo x; "
	    "i=$((i+1)); done", 0);
	kit_until_event(&kit, MSG_RG_OUTPUT, "drip");
	for (count = 1; !kit_quiet(&kit, QUIET_MS); count++)
		closed = closed || kit_receive(&kit) == MSG_RG_CLOSED;
	cr_assert_leq(count, PROTO_WINDOW_COUNT);
	go_on();
	while (!closed) {
		type = kit_receive(&kit);
		cr_assert_neq(type, 0);
		closed = type == MSG_RG_CLOSED;
	}
}

static uint64_t
room(void)
{
	return PROTO_WINDOW - kit.cost;
}

/*
 * Requests are not read while too many wait, and acknowledgements come behind
 * them: even if it was a small answer that filled the window, they are read.
 */
Test(window, that_an_answer_has_filled_opens_again)
{
	static char block[65536];
	char *script, id[16];
	int i;

	kit.hold_acks = 1;
	kit_shell(&kit, "small", "head -c 4000 /dev/zero", 0);
	kit_until_event(&kit, MSG_RG_CLOSED, "small");
	kit_shell(&kit, "large", "head -c 400000 /dev/zero", 0);
	kit_until_event(&kit, MSG_RG_CLOSED, "large");
	while (room() > 2 * SMALL_COST)
		kit_result(&kit, kit_read(&kit, "small", 0, UINT64_MAX, 0));
	cr_assert_gt(room(), SMALL_COST);
	script = xasprintf("while [ ! -e %s ]; do sleep 0.02; done; "
	    "head -c 4000 /dev/zero; sleep 0.3; head -c 3000000 /dev/zero",
	    file);
	kit_result(&kit, kit_shell(&kit, "p", script, 0));
	free(script);
	kit_read(&kit, "p", 0, UINT64_MAX, 60000);
	kit_result(&kit, kit_shell(&kit, "deaf", "sleep 60", KIT_STDIN));
	for (i = 0; i < WRITES; i++) {
		snprintf(id, sizeof(id), "%d", i);
		kit_write(&kit, "deaf", id, block, sizeof(block));
	}
	receive_all(MSG_RG_RESULT);
	make_file(0);
	/* Its first output is told as an event, which leaves room, and then
	 * as an answer. */
	kit_until_event(&kit, MSG_RG_OUTPUT, "p");
	kit_until(&kit, MSG_RG_RESULT, 0);
	go_on();
	kit_until_event(&kit, MSG_RG_CLOSED, "p");
}
