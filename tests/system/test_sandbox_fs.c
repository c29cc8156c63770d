/* SPDX-License-Identifier: ISC */
/* Calls that work on files, in sandboxes: nor do these lead out. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "common/xmalloc.h"
#include "tests/lib/call.h"
#include "tests/lib/tap.h"
#include "tests/system/ask.h"
#include "tests/system/boxkit.h"
#include "tests/system/prison.h"

#define COUNT(list) (sizeof(list) / sizeof(list[0]))

/* Files, by calls. */
static const struct {
	const char *what, *method, *params;
} file_ways[] = {
	{ "writes outside", "fs/writeFile",
	    "{'path':'@/out/file','dataBase64':'b3V0'}" },
	{ "makes a file outside", "fs/writeFile",
	    "{'path':'@/out/new','dataBase64':'b3V0'}" },
	{ "writes into .git", "fs/writeFile",
	    "{'path':'@/w/.git/config','dataBase64':'b3V0'}" },
	{ "makes a file in .git", "fs/writeFile",
	    "{'path':'@/w/.git/new','dataBase64':'b3V0'}" },
	{ "writes through a link", "fs/writeFile",
	    "{'path':'@/w/outside/file','dataBase64':'b3V0'}" },
	{ "writes through /proc/self/root", "fs/writeFile",
	    "{'path':'file:///proc/self/root@/out/file',"
	    "'dataBase64':'b3V0'}" },
	{ "writes through /proc/1/root", "fs/writeFile",
	    "{'path':'file:///proc/1/root@/out/file',"
	    "'dataBase64':'b3V0'}" },
	{ "makes a directory outside", "fs/createDirectory",
	    "{'path':'@/out/new'}" },
	{ "makes a directory in .git", "fs/createDirectory",
	    "{'path':'@/w/.git/new'}" },
	{ "removes what is outside", "fs/remove", "{'path':'@/out/file'}" },
	{ "removes .git", "fs/remove", "{'path':'@/w/.git'}" },
	{ "copies to outside", "fs/copy", "{'sourcePath':'@/w/.git/config',"
	    "'destinationPath':'@/out/new','recursive':false}" },
	{ "copies into .git", "fs/copy", "{'sourcePath':'@/out/file',"
	    "'destinationPath':'@/w/.git/new','recursive':false}" },
	{ "opens a file outside", "fs/open", "{'handleId':'out',"
	    "'path':'@/out/file','mode':'replace'}" },
	{ "opens a file in .git", "fs/open", "{'handleId':'git',"
	    "'path':'@/w/.git/new','mode':'replace'}" },
};

/* "file:///proc/1/root@" has two schemes; one of them goes. */
static char *
one_scheme(const char *params)
{
	const char *second = strstr(params, "root@");

	if (second == NULL)
		return xstrdup(params);
	return xasprintf("%.*s%s%s", (int)(second - params) + 4, params,
	    prison.root, second + 5);
}

static void
story_files(struct call *call)
{
	char *params;
	size_t i;
	int code;

	ask_at(prison.root);
	for (i = 0; i < COUNT(file_ways); i++) {
		params = one_scheme(file_ways[i].params);
		code = ask_boxed(call, file_ways[i].method, params,
		    box_policy(prison.w, "restricted", ""), NULL);
		tap_ok(code == SYSTEM && prison_holds(),
		    "by calls: nobody %s (%d)", file_ways[i].what, code);
		free(params);
	}
}

static void
story_files_free(struct call *call)
{
	struct json_object *result;
	size_t len;
	char *bytes;
	int code;

	code = ask_boxed(call, "fs/writeFile",
	    "{'path':'@/w/call','dataBase64':'b3V0'}",
	    box_policy(prison.w, "restricted", ""), NULL);
	tap_ok(code == 0 && file_is(prison.w, "call", "out"),
	    "by calls: a file in the workspace");
	code = ask_boxed(call, "fs/readFile", "{'path':'@/out/secret'}",
	    box_policy(prison.w, "restricted", ""), &result);
	bytes = ask_bytes(result, "dataBase64", &len);
	tap_ok(code == 0 && bytes != NULL && strcmp(bytes, "secret") == 0,
	    "by calls: reading what is outside");
	free(bytes);
	json_object_put(result);
	tap_ok(ask_boxed(call, "fs/writeFile",
	    "{'path':'@/w/call2','dataBase64':'b3V0'}",
	    box_read_only(prison.w), NULL) == SYSTEM &&
	    !is_there(prison.w, "call2"),
	    "by calls: a policy of their own each");
	tap_ok(ask_boxed(call, "fs/writeFile",
	    "{'path':'@/out/call','dataBase64':'b3V0'}", NULL, NULL) == 0 &&
	    is_there(prison.out, "call"), "by calls: without a sandbox");
}

/* Handles: each where it was opened, whatever others are. */
static void
story_handles(struct call *call)
{
	static const char open[] = "{'handleId':'%s','path':'@/w/%s',"
	    "'mode':'replace'}";
	struct json_object *params;
	int64_t ids[4];
	int good;

	params = ask_jsonf(open, "a", "blocks");
	json_object_object_add(params, "sandbox", box_policy(prison.w,
	    "restricted", ""));
	ids[0] = call_send(call, "fs/open", params);
	ids[1] = call_send(call, "fs/writeBlock", ask_json(
	    "{'handleId':'a','offset':0,'chunk':'b3V0'}"));
	ids[2] = call_send(call, "fs/close", ask_json("{'handleId':'a'}"));
	ids[3] = call_send(call, "fs/writeBlock", ask_json(
	    "{'handleId':'a','offset':0,'chunk':'b3V0'}"));
	good = ask_wait(call, ids[0], NULL) == 0 &&
	    ask_wait(call, ids[1], NULL) == 0 &&
	    ask_wait(call, ids[2], NULL) == 0 &&
	    ask_wait(call, ids[3], NULL) == -32004;
	tap_ok(good && file_is(prison.w, "blocks", "out"),
	    "a file opened in a sandbox, all asked for at once");
	good = ask_boxed(call, "fs/open", "{'handleId':'b','path':"
	    "'@/w/b','mode':'replace'}", box_policy(prison.w, "restricted",
	    ""), NULL) == 0 &&
	    ask(call, "fs/open", "{'handleId':'b','path':'@/out/b',"
	    "'mode':'replace'}", NULL) == -32600 &&
	    ask(call, "fs/open", "{'handleId':'c','path':'@/out/c',"
	    "'mode':'replace'}", NULL) == 0 &&
	    ask(call, "fs/writeBlock",
	    "{'handleId':'b','offset':0,'chunk':'aW4='}", NULL) == 0 &&
	    ask(call, "fs/writeBlock",
	    "{'handleId':'c','offset':0,'chunk':'b3V0'}", NULL) == 0 &&
	    ask(call, "fs/close", "{'handleId':'b'}", NULL) == 0 &&
	    ask(call, "fs/close", "{'handleId':'c'}", NULL) == 0;
	tap_ok(good && file_is(prison.w, "b", "in") &&
	    file_is(prison.out, "c", "out") && !is_there(prison.out, "b"),
	    "handles of a sandbox and of none are told apart");
}

static int
write_boxed(struct call *call, const char *path, const char *root)
{
	struct json_object *params = ask_jsonf("{'path':'@/%s',"
	    "'dataBase64':'b3V0'}", path);

	json_object_object_add(params, "sandbox", box_policy(root,
	    "restricted", ""));
	return ask_wait(call, call_send(call, "fs/writeFile", params), NULL);
}

/*
 * A sandbox is kept for the next call, but not when it would be another by
 * now.
 */
static void
story_later(struct call *call)
{
	char *root = below(prison.root, "later");
	char *git = below(root, ".git"), *old = below(root, "old"),
	    *older = below(root, "older");
	int code;

	make_directory(prison.root, "later");
	tap_ok(write_boxed(call, "later/a", root) == 0,
	    "by calls: a workspace without .git");
	make_directory(root, ".git");
	code = write_boxed(call, "later/.git/new", root);
	tap_ok(code == SYSTEM && !is_there(git, "new"),
	    "by calls: .git is protected once it is there (%d)", code);
	if (rename(git, old) == -1)
		tap_ok(0, "rename");
	make_directory(root, ".git");
	code = write_boxed(call, "later/.git/new", root);
	tap_ok(code == SYSTEM && !is_there(git, "new"),
	    "by calls: so is the next one (%d)", code);
	code = ask_boxed(call, "fs/open", "{'handleId':'l','path':"
	    "'@/later/open','mode':'replace'}", box_policy(root,
	    "restricted", ""), NULL);
	if (rename(git, older) == -1)
		tap_ok(0, "rename");
	make_directory(root, ".git");
	tap_ok(code == 0 && ask_boxed(call, "fs/open", "{'handleId':'m',"
	    "'path':'@/later/.git/new','mode':'replace'}", box_policy(root,
	    "restricted", ""), NULL) == SYSTEM && !is_there(git, "new"),
	    "by handles: so is one after a file was opened");
	tap_ok(ask(call, "fs/writeBlock",
	    "{'handleId':'l','offset':0,'chunk':'b3V0'}", NULL) == 0 &&
	    ask(call, "fs/close", "{'handleId':'l'}", NULL) == 0 &&
	    file_is(root, "open", "out"),
	    "by handles: which stays open for all that");
	tap_ok(write_boxed(call, "later/b", root) == 0 &&
	    file_is(root, "b", "out"),
	    "by calls: the workspace is as ever");
	free(root);
	free(git);
	free(old);
	free(older);
}

/* More of them at a time than there are sandboxes for files. */
#define POLICIES 24

static void
story_many(struct call *call)
{
	struct json_object *params;
	int64_t ids[POLICIES];
	char root[256];
	int i, good = 0;

	for (i = 0; i < POLICIES; i++) {
		snprintf(root, sizeof(root), "%s/%d", prison.w, i);
		params = ask_jsonf("{'path':'@/w/many%d','dataBase64':"
		    "'b3V0'}", i);
		json_object_object_add(params, "sandbox", box_policy(
		    i % 2 == 0 ? prison.w : root, i % 4 < 2 ? "restricted" :
		    "enabled", ""));
		ids[i] = call_send(call, "fs/writeFile", params);
	}
	for (i = 0; i < POLICIES; i++)
		good += ask_wait(call, ids[i], NULL) ==
		    (i % 2 == 0 ? 0 : SYSTEM);
	tap_ok(good == POLICIES, "each by its own policy, many at once: %d",
	    good);
}

static void
stories(struct call *call)
{
	story_files(call);
	story_files_free(call);
	story_handles(call);
	story_later(call);
	story_many(call);
}

int
main(void)
{
	return prison_main(stories);
}
