/* SPDX-License-Identifier: ISC */
/* Which work on files must wait for which. */
#include "config.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "broker/runner/work.h"

static struct works works;
static struct worker *const somebody = (struct worker *)&works;

static void
setup(void)
{
	TAILQ_INIT(&works);
}

static void
teardown(void)
{
	struct work *work;

	while ((work = TAILQ_FIRST(&works)) != NULL) {
		TAILQ_REMOVE(&works, work, entry);
		work_free(work);
	}
}

TestSuite(work, .timeout = 20, .init = setup, .fini = teardown);

static struct work *
add(uint16_t type, const char *path)
{
	struct writer w;
	union proto_any msg;
	struct work *work;

	writer_init(&w, 4096);
	proto_put_u64(&w, TAG_ID_INT, 5);
	proto_put_bytes(&w, TAG_PATH, span_str(path));
	proto_put_bytes(&w, TAG_DATA, span_str(""));
	proto_put_bytes(&w, TAG_FILE_HANDLE, span_str("h"));
	proto_put_u64(&w, TAG_OFFSET, 0);
	cr_assert_eq(proto_decode(proto_row(type), w.p, w.len, &msg),
	    PROTO_OK);
	work = work_new(type, &msg, w.p, w.len);
	cr_assert_not_null(work);
	cr_assert_eq(work->id_int, 5);
	TAILQ_INSERT_TAIL(&works, work, entry);
	writer_clear(&w);
	return work;
}

Test(work, paths_meet_when_one_leads_to_the_other)
{
	static const struct {
		const char *a, *b;
		bool meet;
	} cases[] = {
		{ "/a", "/a", true }, { "/a", "/a/b", true },
		{ "/a/b", "/a", true }, { "/a", "/ab", false },
		{ "/", "/x", true }, { "/a/b", "/a/c", false },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_assert_eq(work_paths_meet(span_str(cases[i].a),
		    span_str(cases[i].b)), cases[i].meet, "%s %s",
		    cases[i].a, cases[i].b);
	cr_assert_not(work_paths_meet((struct span){ NULL, 0 },
	    span_str("/")));
}

Test(work, a_change_goes_before_what_came_later_on_its_path)
{
	struct work *write = add(MSG_GR_FS_WRITE_FILE, "/d/f");
	struct work *read = add(MSG_GR_FS_READ_FILE, "/d/f");
	struct work *other = add(MSG_GR_FS_READ_FILE, "/e");

	cr_assert_eq(work_next(&works, NULL), write);
	write->worker = somebody;
	cr_assert_eq(work_next(&works, NULL), other);
	TAILQ_REMOVE(&works, write, entry);
	free(write);
	cr_assert_eq(work_next(&works, NULL), read);
}

Test(work, looks_do_not_wait_for_looks)
{
	struct work *first = add(MSG_GR_FS_READ_FILE, "/d");
	struct work *second = add(MSG_GR_FS_GET_METADATA, "/d");

	first->worker = somebody;
	cr_assert_eq(work_next(&works, NULL), second);
}

Test(work, removing_a_tree_waits_for_what_is_done_in_it)
{
	struct work *write = add(MSG_GR_FS_WRITE_FILE, "/d/e/f");

	add(MSG_GR_FS_REMOVE, "/d");
	write->worker = somebody;
	cr_assert_null(work_next(&works, NULL));
}

Test(work, waiting_work_is_passed_only_by_what_does_not_meet_it)
{
	struct work *running = add(MSG_GR_FS_WRITE_FILE, "/a");
	struct work *last;

	add(MSG_GR_FS_REMOVE, "/a");
	add(MSG_GR_FS_WRITE_FILE, "/a/b");
	last = add(MSG_GR_FS_WRITE_FILE, "/b");
	running->worker = somebody;
	cr_assert_eq(work_next(&works, NULL), last);
}

Test(work, handles_keep_their_order)
{
	struct work *write = add(MSG_GR_FS_WRITE_FILE, "/f");
	struct work *open = add(MSG_GR_FS_OPEN, "/f");
	struct work *read = add(MSG_GR_FS_READ_BLOCK, "/unused");

	write->worker = somebody;
	/* The block waits for the handle, which waits for the file. */
	cr_assert_null(work_next(&works, NULL));
	TAILQ_REMOVE(&works, write, entry);
	work_free(write);
	cr_assert_eq(work_next(&works, NULL), open);
	open->worker = somebody;
	/* Nobody has the handle before the file is open. */
	cr_assert_null(work_next(&works, NULL));
	add(MSG_GR_FS_WRITE_BLOCK, "/unused");
	TAILQ_REMOVE(&works, open, entry);
	work_free(open);
	read->worker = somebody;
	cr_assert_not_null(work_next(&works, NULL));
}

Test(work, every_file_and_http_message_is_work)
{
	size_t count, i;
	const struct proto_row *row = proto_rows(&count);
	enum worker_kind kind;

	for (i = 0; i < count; i++, row++) {
		bool should = strncmp(row->name, "GR_FS_", 6) == 0 ||
		    strcmp(row->name, "GR_HTTP") == 0;

		cr_assert_eq(work_is(row->type, &kind), should, "%s",
		    row->name);
	}
}
