/* SPDX-License-Identifier: ISC */
/* Lines of the audit trail, and where they go. */
#include "config.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <criterion/criterion.h>
#include <event2/event.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/audit.h"
#include "broker/supervisor/auditfile.h"
#include "broker/auditsink.h"
#include "common/log.h"
#include "common/proto.h"

TestSuite(audit, .timeout = 30);
TestSuite(auditsink, .timeout = 30);
TestSuite(auditfile, .timeout = 30);

#define TIME_MS 1700000000123

static const uid_t user = 1000;

static struct span
bytes_of(const char *text)
{
	return span_str(text);
}

/* Every member there is, whatever the event. */
static struct audit_record
full(enum audit_event event)
{
	return (struct audit_record){
		.event = event,
		.time_ms = TIME_MS,
		.principal = "alice",
		.session = "5e7e23a8-95f4-4c32-ab68-5b21b7b1f8a0",
		.generation = 3,
		.source = "127.0.0.1:4711",
		.proxy = "proxy",
		.uid = &user,
		.proof = "token",
		.verb = "evict",
		.reason = "because",
		.status = 403,
		.process = bytes_of("p1"),
		.program = bytes_of("make"),
		.arguments = { (const uint8_t *)"\0\0\0\1a\0\0\0\0", 9 },
		.code = -1,
		.signal = bytes_of("kill"),
		.count = 7,
	};
}

static struct json_object *
parsed(const struct audit_record *record)
{
	char line[AUDIT_LINE_SIZE];
	size_t len = audit_format(record, line), i;
	struct json_object *object;

	cr_assert_eq(len, strlen(line));
	cr_assert_eq(line[len - 1], '\n');
	for (i = 0; i + 1 < len; i++)
		cr_assert(line[i] >= ' ' && line[i] < 0x7f, "byte %zu", i);
	object = json_tokener_parse(line);
	cr_assert_not_null(object, "%s", line);
	return object;
}

static const char *
text_in(struct json_object *object, const char *name)
{
	struct json_object *value;

	return json_object_object_get_ex(object, name, &value) ?
	    json_object_get_string(value) : NULL;
}

Test(audit, every_event_has_its_members_and_no_other)
{
	struct audit_record record;
	struct json_object *object;
	size_t event, member;
	int there;

	for (event = 0; event < AUDIT_EVENT_COUNT; event++) {
		record = full((enum audit_event)event);
		object = parsed(&record);
		cr_assert_str_eq(text_in(object, "event"),
		    audit_event_name((enum audit_event)event));
		cr_assert_str_eq(text_in(object, "time"),
		    "2023-11-14T22:13:20.123Z");
		for (member = 0; member < AUDIT_MEMBER_COUNT; member++) {
			there = text_in(object, audit_member_name(
			    (enum audit_member)member)) != NULL;
			cr_assert_eq(there, audit_has((enum audit_event)event,
			    (enum audit_member)member), "%zu.%zu", event,
			    member);
		}
		json_object_put(object);
	}
}

Test(audit, every_event_has_a_name_of_its_own_and_something_to_say)
{
	size_t a, b, members;

	for (a = 0; a < AUDIT_EVENT_COUNT; a++) {
		members = 0;
		for (b = 0; b < AUDIT_MEMBER_COUNT; b++)
			members += audit_has((enum audit_event)a,
			    (enum audit_member)b) ? 1 : 0;
		cr_assert_gt(members, 0);
		for (b = 0; b < a; b++)
			cr_assert_str_neq(
			    audit_event_name((enum audit_event)a),
			    audit_event_name((enum audit_event)b));
	}
}

Test(audit, what_is_not_known_is_left_out)
{
	struct audit_record record = { .event = AUDIT_ATTACH };
	struct json_object *object = parsed(&record);

	cr_assert_eq(json_object_object_length(object), 2);
	json_object_put(object);
}

Test(audit, texts_come_back_as_they_were)
{
	static const char *const texts[] = {
		"", "plain", "\"quoted\" \\ and /", "a\nb\tc\x01",
		"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\x7f",
		"\xe2\x80\xae" "evil", "</script>",
	};
	struct audit_record record = full(AUDIT_START);
	struct json_object *object;
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		record.process = (struct span){ (const uint8_t *)texts[i],
			strlen(texts[i]) };
		object = parsed(&record);
		cr_assert_str_eq(text_in(object, "process"), texts[i]);
		json_object_put(object);
	}
}

Test(audit, what_is_no_utf_8_is_replaced_byte_by_byte)
{
	static const struct {
		const char *bytes;
		const char *text;
	} rows[] = {
#define R "\xef\xbf\xbd"
		{ "\x80", R }, { "\xff" "a", R "a" }, { "\xc3", R },
		{ "\xc0\xaf", R R }, { "\xe0\x80\x80", R R R },
		{ "\xed\xa0\x80", R R R }, { "\xf4\x90\x80\x80", R R R R },
		{ "\xf0\x9f\x98", R R R }, { "\xe2\x82" "x", R R "x" },
#undef R
	};
	struct audit_record record = full(AUDIT_START);
	struct json_object *object;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		record.process = bytes_of(rows[i].bytes);
		object = parsed(&record);
		cr_assert_str_eq(text_in(object, "process"), rows[i].text);
		json_object_put(object);
	}
}

Test(audit, the_longest_of_everything_fits_a_pipe)
{
	static uint8_t bad[8192];
	static char text[8192];
	struct audit_record record;
	struct json_object *object;
	struct writer list;
	size_t event, i;

	cr_assert_leq(AUDIT_LINE_SIZE, PIPE_BUF);
	memset(bad, 1, sizeof(bad));
	memset(text, 1, sizeof(text) - 1);
	writer_init(&list, 65536);
	for (i = 0; i < 1000; i++)
		proto_list_add(&list, (struct span){ bad, i % 50 });
	for (event = 0; event < AUDIT_EVENT_COUNT; event++) {
		record = (struct audit_record){
			.event = (enum audit_event)event,
			.time_ms = UINT64_MAX / 2000,
			.principal = text, .session = text, .source = text,
			.proxy = text,
			.proof = text, .reason = text,
			.generation = UINT64_MAX, .status = UINT64_MAX,
			.uid = &user,
			.process = { bad, sizeof(bad) },
			.program = { bad, sizeof(bad) },
			.signal = { bad, sizeof(bad) },
			.arguments = { list.p, list.len },
			.code = INT64_MIN, .count = INT64_MIN,
		};
		object = parsed(&record);
		if (event != AUDIT_LOST && event != AUDIT_ADOPT)
			cr_assert_str_eq(text_in(object, "cut"), "true");
		json_object_put(object);
	}
	writer_clear(&list);
}

Test(audit, a_flood_is_let_through_by_and_by)
{
	struct audit_rate rate = { 0 };
	uint64_t now = 123456789;
	int i, passed = 0;

	for (i = 0; i < AUDIT_BURST * 2; i++)
		passed += audit_rate_take(&rate, now);
	cr_assert_eq(passed, AUDIT_BURST);
	cr_assert_eq(rate.suppressed, AUDIT_BURST);
	for (passed = 0, i = 0; i < AUDIT_BURST; i++)
		passed += audit_rate_take(&rate, now + 1000);
	cr_assert_eq(passed, AUDIT_RATE);
	/* A clock that goes back gives nothing away, and breaks nothing. */
	cr_assert_not(audit_rate_take(&rate, now));
	cr_assert(audit_rate_take(&rate, UINT64_MAX));
}

/* ---- where they go ---- */

static struct event_base *base;
static struct auditsink *sink;
static char dir[] = "/tmp/test-audit.XXXXXX";
static char path[64];

static void
quiet(enum log_level level, const char *text)
{
	(void)level;
	(void)text;
}

static void
setup(void)
{
	log_set_hook(quiet);
	base = event_base_new();
	sink = auditsink_new(base);
	cr_assert_not_null(sink);
	cr_assert_not_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/trail", dir);
}

static void
teardown(void)
{
	auditsink_free(sink);
	event_base_free(base);
	unlink(path);
	rmdir(dir);
}

static void
put(int number)
{
	char line[AUDIT_LINE_SIZE];
	int n = snprintf(line, sizeof(line), "{\"n\":%d,\"%0500d\":0}\n",
	    number, 0);

	auditsink_write(sink, line, (size_t)n);
}

static int
lines_in(const char *file)
{
	FILE *f = fopen(file, "re");
	int c, lines = 0;

	cr_assert_not_null(f);
	while ((c = getc(f)) != EOF)
		lines += c == '\n';
	fclose(f);
	return lines;
}

/* Turn the loop until nothing waits. */
static void
drain(void)
{
	while (auditsink_waiting(sink) > 0)
		event_base_loop(base, EVLOOP_ONCE);
}

Test(auditsink, a_file_gets_every_line_at_once, .init = setup,
    .fini = teardown)
{
	char why[AUDITFILE_WHY];
	int i;

	cr_assert_not(auditsink_wants(sink));
	put(0);
	auditsink_to_file(sink, auditfile_open(path, why));
	cr_assert(auditsink_wants(sink));
	for (i = 0; i < 10; i++)
		put(i);
	cr_assert_eq(lines_in(path), 10);
	auditsink_to_nowhere(sink);
	put(10);
	cr_assert_eq(lines_in(path), 10);
}

Test(auditsink, a_full_disk_is_waited_for_within_bounds, .init = setup,
    .fini = teardown)
{
	char why[AUDITFILE_WHY], line[4096];
	int fd, i, n;
	FILE *f;

	fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	cr_assert_neq(fd, -1);
	auditsink_to_file(sink, fd);
	for (i = 0; i < 2000; i++)
		put(i);
	cr_assert_leq(auditsink_waiting(sink), AUDITSINK_MAX);
	cr_assert_gt(auditsink_lost(sink), 0);
	n = (int)auditsink_lost(sink);
	auditsink_to_file(sink, auditfile_open(path, why));
	drain();
	cr_assert_eq(auditsink_lost(sink), 0);
	/* Those that waited, in order, and one that tells of the others. */
	cr_assert_eq(lines_in(path), 2000 - n + 1);
	f = fopen(path, "re");
	for (i = 0; i < 2000 - n; i++) {
		cr_assert_not_null(fgets(line, sizeof(line), f));
		cr_assert_eq(atoi(line + 5), i);
	}
	cr_assert_not_null(fgets(line, sizeof(line), f));
	cr_assert_not_null(strstr(line, "\"lost\""));
	cr_assert_not_null(strstr(line, "\"count\":"));
	cr_assert_eq(atoi(strstr(line, "\"count\":") + 8), n);
	fclose(f);
}

Test(auditsink, a_pipe_nobody_reads_holds_nobody_up, .init = setup,
    .fini = teardown)
{
	char bytes[65536];
	int fds[2], i;

	cr_assert_eq(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	auditsink_to_file(sink, fds[1]);
	for (i = 0; i < 1000; i++)
		put(i);
	cr_assert_gt(auditsink_lost(sink), 0);
	while (auditsink_waiting(sink) > 0) {
		while (read(fds[0], bytes, sizeof(bytes)) > 0)
			;
		event_base_loop(base, EVLOOP_ONCE);
	}
	cr_assert_eq(auditsink_lost(sink), 0);
	close(fds[0]);
}

Test(auditsink, syslog_may_come_and_go, .init = setup, .fini = teardown)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char text[8192];
	ssize_t n;
	int fd;

	auditsink_to_syslog(sink, path);
	put(1);
	cr_assert_gt(auditsink_waiting(sink), 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)),
	    0);
	drain();
	n = recv(fd, text, sizeof(text) - 1, 0);
	cr_assert_gt(n, 0);
	text[n] = '\0';
	cr_assert_eq(strncmp(text, "<86>", 4), 0);
	cr_assert_not_null(strstr(text, ": {\"n\":1,"));
	close(fd);
	unlink(path);
	put(2);
	cr_assert_gt(auditsink_waiting(sink), 0);
}

Test(auditsink, a_dead_syslog_holds_nobody_up, .init = setup,
    .fini = teardown)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, i;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)),
	    0);
	auditsink_to_syslog(sink, path);
	for (i = 0; i < 2000; i++)
		put(i);
	cr_assert_gt(auditsink_lost(sink), 0);
	close(fd);
}

/* ---- the file ---- */

Test(auditfile, only_a_file_of_ours_and_nobody_elses, .init = setup,
    .fini = teardown)
{
	static const struct {
		mode_t mode;
		int good;
	} rows[] = {
		{ 0600, 1 }, { 0640, 1 }, { 0400 | 0200, 1 }, { 0660, 0 },
		{ 0604, 0 }, { 0602, 0 }, { 0644, 0 }, { 0620, 0 },
	};
	char why[AUDITFILE_WHY], link_path[80];
	struct stat st;
	size_t i;
	int fd, reader;

	fd = auditfile_open(path, why);
	cr_assert_neq(fd, -1);
	cr_assert_eq(fstat(fd, &st), 0);
	cr_assert_eq(st.st_mode & 07777, 0600);
	cr_assert_neq(fcntl(fd, F_GETFL) & O_APPEND, 0);
	close(fd);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cr_assert_eq(chmod(path, rows[i].mode), 0);
		fd = auditfile_open(path, why);
		cr_assert_eq(fd != -1, rows[i].good, "%o",
		    (unsigned int)rows[i].mode);
		if (fd == -1)
			cr_assert_not_null(strstr(why, "chmod 600"));
		else
			close(fd);
	}
	snprintf(link_path, sizeof(link_path), "%s/link", dir);
	cr_assert_eq(symlink(path, link_path), 0);
	cr_assert_eq(auditfile_open(link_path, why), -1);
	cr_assert_not_null(strstr(why, "symbolic link"));
	unlink(link_path);
	cr_assert_eq(mkfifo(link_path, 0600), 0);
	cr_assert_eq(auditfile_open(link_path, why), -1);
	cr_assert_not_null(strstr(why, "nobody reads"));
	reader = open(link_path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	fd = auditfile_open(link_path, why);
	cr_assert_neq(fd, -1);
	close(fd);
	/* Whoever may read it could be its reader. */
	cr_assert_eq(chmod(link_path, 0644), 0);
	cr_assert_eq(auditfile_open(link_path, why), -1);
	cr_assert_not_null(strstr(why, "chmod 600"));
	close(reader);
	unlink(link_path);
}
