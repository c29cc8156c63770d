/* SPDX-License-Identifier: ISC */
/*
 * Output beyond the memory, with a real runner and real files: every byte is
 * there again, or named as lost.
 */
#include "config.h"

#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <criterion/criterion.h>
#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/runnerkit.h"

#define MIB (1024 * 1024)
#define RESULT kit.msg.RG_RESULT
#define LINE_LEN 10		/* of seq's lines: numbers of nine digits */
#define PATIENCE_MS 40000

static struct kit kit;
static char directory[] = "/var/tmp/holdfast-test.XXXXXX";
static uint64_t retain_bytes, spill_bytes;

static void
teardown(void)
{
	char command[64];
	const char *const names[] = { "half", "done" };
	size_t i;

	kit_stop(&kit);
	for (i = 0; i < 2; i++) {
		snprintf(command, sizeof(command), "%s/%s", directory,
		    names[i]);
		unlink(command);
	}
	rmdir(directory);
}

TestSuite(spill, .timeout = 120, .fini = teardown);

static void
limits(struct fields_BR_CONFIG *config)
{
	config->retain_bytes = retain_bytes;
	config->hold_ms = 50;
	config->has_spill_bytes = true;
	config->spill_bytes = spill_bytes;
	config->has_spill_directory = true;
	config->spill_directory = span_str(directory);
}

static void
make_directory(void)
{
	if (directory[strlen(directory) - 1] == 'X')
		cr_assert_not_null(mkdtemp(directory));
}

static void
start(uint64_t retained, uint64_t spilled)
{
	retain_bytes = retained;
	spill_bytes = spilled;
	make_directory();
	kit_start(&kit, limits);
}

/*
 * A job that waits for a line, writes "first" and "second" bytes of numbers
 * and says in between and at the end, by files, how far it is.
 */
static void
flood(size_t first, size_t second)
{
	char script[512];

	snprintf(script, sizeof(script), "read x; seq 100000000 999999999 "
	    "2>/dev/null | { head -c %zu; : >%s/half; head -c %zu; }; "
	    ": >%s/done; read y", first, directory, second, directory);
	kit_shell(&kit, "p", script, KIT_STDIN);
	kit_until(&kit, MSG_RG_RESULT, 0);
}

static void
let_go(const char *id)
{
	kit_result(&kit, kit_write(&kit, "p", id, "\n", 1));
}

static void
wait_for(const char *name)
{
	char path[128];
	int ms;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	for (ms = 0; access(path, F_OK) == -1; ms += 5) {
		cr_assert_lt(ms, PATIENCE_MS, "%s never came", name);
		usleep(5000);
	}
}

/* Where a reader is: in the output, in numbers; and what it has seen. */
static struct reader {
	uint64_t position, after, got, lost;
	uint64_t first_lost, last_lost;
	int gaps;
	int closed;
} reader;

static void
check_bytes(struct span data)
{
	char line[32];
	size_t i = 0, at;

	while (i < data.len) {
		at = (reader.position + i) % LINE_LEN;
		snprintf(line, sizeof(line), "%09llu\n", 100000000 +
		    (unsigned long long)(reader.position + i) / LINE_LEN);
		for (; at < LINE_LEN && i < data.len; at++, i++)
			if (data.p[i] != (uint8_t)line[at])
				cr_assert_fail("wrong octet at %llu",
				    (unsigned long long)reader.position + i);
	}
	reader.position += data.len;
	reader.got += data.len;
}

/* A gap comes before what follows it, though it is told behind. */
static uint8_t *answer;
static size_t answer_len;

static void
keep_chunks(struct span chunks)
{
	answer = realloc(answer, answer_len + chunks.len + 1);
	cr_assert_not_null(answer);
	if (chunks.len > 0)
		memcpy(answer + answer_len, chunks.p, chunks.len);
	answer_len += chunks.len;
}

static void
take_gap(void)
{
	struct fields_GAP gap;

	if (!RESULT.has_gap)
		return;
	cr_assert_eq(proto_decode(&proto_gap, RESULT.gap.p, RESULT.gap.len,
	    &gap), PROTO_OK);
	cr_assert(gap.has_bytes);
	cr_assert_eq(gap.from_seq, reader.after + 1);
	reader.first_lost = gap.from_seq;
	reader.last_lost = gap.to_seq;
	reader.lost += gap.bytes;
	reader.position += gap.bytes;
	reader.after = gap.to_seq;
	reader.gaps++;
}

/* One page; returns the bytes in it. */
static uint64_t
page(uint64_t max, uint64_t wait_ms)
{
	uint32_t call = kit_read(&kit, "p", reader.after, max, wait_ms);
	struct proto_chunk chunk;
	struct span chunks;
	uint64_t got = reader.got, next;

	answer_len = 0;
	do {
		cr_assert_neq(kit_receive(&kit), 0);
		if (kit.head.call != call)
			continue;
		if (kit.head.type == MSG_RG_BULK_PART)
			keep_chunks(kit.msg.RG_BULK_PART.chunks);
		else if (kit.head.type == MSG_RG_RESULT)
			keep_chunks(RESULT.chunks);
	} while (kit.head.call != call ||
	    (kit.head.type != MSG_RG_RESULT &&
	    kit.head.type != MSG_RG_BULK_END));
	take_gap();
	next = RESULT.next_seq;
	reader.closed = RESULT.closed;
	chunks = (struct span){ answer, answer_len };
	while (proto_chunk_next(&chunks, &chunk)) {
		cr_assert_gt(chunk.seq, reader.after);
		reader.after = chunk.seq;
		check_bytes(chunk.data);
	}
	cr_assert_gt(next, reader.after);
	reader.after = next - 1;
	cr_assert(reader.got - got <= max || max < 65536);
	return reader.got - got;
}

static void
pages_until(uint64_t total, uint64_t max)
{
	while (reader.position < total)
		page(max, 10000);
	cr_assert_eq(reader.position, total);
}

/* Files without names that the runner has, and how much disk they take. */
static int
files(uint64_t *bytes)
{
	char path[64], to[256];
	struct dirent *entry;
	struct stat st;
	ssize_t n;
	int count = 0;
	DIR *dir;

	*bytes = 0;
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)kit.pid);
	if ((dir = opendir(path)) == NULL)
		return -1;
	while ((entry = readdir(dir)) != NULL) {
		n = readlinkat(dirfd(dir), entry->d_name, to, sizeof(to) - 1);
		to[n > 0 ? n : 0] = '\0';
		if (strncmp(to, directory, strlen(directory)) != 0 ||
		    fstatat(dirfd(dir), entry->d_name, &st, 0) == -1)
			continue;
		count++;
		*bytes += (uint64_t)st.st_blocks * 512;
	}
	closedir(dir);
	return count;
}

Test(spill, sixty_mebibytes_come_back_byte_for_byte)
{
	uint64_t bytes;
	int count;

	start(8 * MIB, 64 * MIB);
	flood(60 * MIB, 0);
	cr_assert_leq(files(&bytes), 0);
	let_go("1");
	kit_drop(&kit);
	wait_for("done");
	kit_attach(&kit, 0);
	count = files(&bytes);
	if (count != -1) {
		cr_assert_eq(count, 1);
		cr_assert_gt(bytes, 50 * MIB);
	}
	pages_until(60 * MIB, MIB);
	cr_assert_eq(reader.gaps, 0);
	/* Reading on behind it all gives the space back. */
	page(MIB, 0);
	kit_result(&kit, kit_terminate(&kit, "p"));
	while (!reader.closed)
		page(MIB, 10000);
	cr_assert_eq(files(&bytes), count);
	cr_assert_leq(bytes, 1024 * 1024);
}

Test(spill, of_a_hundred_mebibytes_the_gap_is_exact)
{
	start(8 * MIB, 64 * MIB);
	flood(100 * MIB, 0);
	let_go("1");
	kit_drop(&kit);
	wait_for("done");
	kit_attach(&kit, 0);
	/* Who names no limit is sent all that there is. */
	cr_assert_gt(page(UINT64_MAX, 0), 66 * MIB);
	cr_assert_eq(reader.gaps, 1);
	cr_assert_eq(reader.first_lost, 1);
	pages_until(100 * MIB, UINT64_MAX);
	cr_assert_eq(reader.gaps, 1);
	cr_assert_eq(reader.lost + reader.got, 100 * MIB);
	cr_assert_gt(reader.got, 66 * MIB);
}

Test(spill, small_pages_are_single_messages)
{
	int i;

	start(256 * 1024, 64 * MIB);
	flood(2 * MIB, 0);
	let_go("1");
	kit_drop(&kit);
	wait_for("done");
	kit_attach(&kit, 0);
	for (i = 0; i < 3; i++)
		page(1, 0);
	pages_until(2 * MIB, 3000);
	cr_assert_eq(reader.gaps, 0);
}

Test(spill, who_comes_in_the_midst_of_it_misses_nothing)
{
	start(MIB, 64 * MIB);
	flood(20 * MIB, 30 * MIB);
	let_go("1");
	kit_drop(&kit);
	wait_for("half");
	kit_attach(&kit, 0);
	pages_until(50 * MIB, 300000);
	cr_assert_eq(reader.gaps, 0);
}

Test(spill, who_leaves_again_in_the_midst_of_it_misses_nothing)
{
	start(MIB, 64 * MIB);
	flood(20 * MIB, 20 * MIB);
	let_go("1");
	kit_drop(&kit);
	wait_for("half");
	kit_attach(&kit, 0);
	while (reader.got < 7 * MIB)
		page(123456, 1000);
	kit_drop(&kit);
	wait_for("done");
	kit_attach(&kit, 0);
	pages_until(40 * MIB, MIB);
	cr_assert_eq(reader.gaps, 0);
	/* And whoever has seen nothing reads what has not been read past. */
	reader = (struct reader){ 0 };
	pages_until(40 * MIB, MIB);
	cr_assert_geq(reader.got, MIB / 2);
}

Test(spill, what_a_slow_reader_misses_is_named_exactly)
{
	start(MIB, 4 * MIB);
	flood(60 * MIB, 0);
	let_go("1");
	kit_drop(&kit);
	kit_attach(&kit, 0);
	while (reader.position < 60 * MIB) {
		page(70000, 10000);
		usleep(1000);
	}
	cr_assert_eq(reader.position, 60 * MIB);
	cr_assert_eq(reader.got + reader.lost, 60 * MIB);
}

Test(spill, none_is_none)
{
	uint64_t bytes;

	start(MIB, 0);
	flood(20 * MIB, 0);
	let_go("1");
	kit_drop(&kit);
	wait_for("done");
	kit_attach(&kit, 0);
	cr_assert_leq(files(&bytes), 0);
	pages_until(20 * MIB, UINT64_MAX);
	cr_assert_leq(reader.got, MIB);
}

/* What there is room for is a ring, and the rest is named. */
static void
check_full(uint64_t room)
{
	flood(30 * MIB, 0);
	let_go("1");
	kit_drop(&kit);
	wait_for("done");
	kit_attach(&kit, 0);
	pages_until(30 * MIB, MIB);
	cr_assert_eq(reader.gaps, 1);
	cr_assert_eq(reader.got + reader.lost, 30 * MIB);
	cr_assert_gt(reader.got, room / 2);
	cr_assert_lt(reader.got, room + 2 * MIB);
}

Test(spill, a_limit_on_files_is_no_end)
{
	struct rlimit limit = { 3 * MIB, 3 * MIB };

	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	start(MIB, 64 * MIB);
	check_full(3 * MIB);
}

Test(spill, a_full_disk_is_no_end)
{
	struct stat st;

	make_directory();
	if (unshare(CLONE_NEWNS) == -1 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1 ||
	    mount("tmpfs", directory, "tmpfs", 0, "size=4m") == -1)
		cr_skip("needs to mount");
	cr_assert_eq(stat(directory, &st), 0);
	start(MIB, 64 * MIB);
	check_full(4 * MIB);
	kit_stop(&kit);
	umount2(directory, MNT_DETACH);
}

Test(spill, without_a_place_for_files_memory_is_all)
{
	start(MIB, 64 * MIB);
	kit_stop(&kit);
	rmdir(directory);
	start(MIB, 64 * MIB);
	cr_assert_eq(mkdir(directory, 0700), 0);
	rmdir(directory);
	kit_shell(&kit, "p", "read x; seq 100000000 999999999 | head -c "
	    "20000000; read y", KIT_STDIN);
	let_go("1");
	kit_drop(&kit);
	kit_attach(&kit, 0);
	pages_until(20000000, MIB);
	cr_assert_eq(reader.got + reader.lost, 20000000);
}

/* A forgotten process leaves no file behind. */
static void
forgetful(struct fields_BR_CONFIG *config)
{
	limits(config);
	config->retention_ms = 20;
}

Test(spill, forgotten_is_forgotten)
{
	uint64_t bytes;
	int ms;

	retain_bytes = MIB;
	spill_bytes = 64 * MIB;
	make_directory();
	kit_start(&kit, forgetful);
	flood(20 * MIB, 0);
	let_go("1");
	kit_drop(&kit);
	wait_for("done");
	kit_attach(&kit, 0);
	if (files(&bytes) == -1)
		cr_skip("nobody may look");
	cr_assert_eq(files(&bytes), 1);
	let_go("2");
	for (ms = 0; files(&bytes) != 0; ms += 20) {
		cr_assert_lt(ms, PATIENCE_MS);
		if (kit_quiet(&kit, 20) == 0)
			kit_receive(&kit);
	}
}
