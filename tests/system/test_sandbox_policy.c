/* SPDX-License-Identifier: ISC */
/* What policies say beyond the usual: what is missing, denied, or elsewhere. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "tests/lib/call.h"
#include "tests/lib/tap.h"
#include "tests/system/ask.h"
#include "tests/system/boxkit.h"
#include "tests/system/prison.h"

/* What is missing, and what is not to be there at all. */
#define ENTRY(path, access, behavior) \
	",{'path':{'type':'path','path':'@/w/" path "'},'access':'" access \
	"'" behavior "}"
#define SKIP ",'missing_path_behavior':'skip'"

static void
story_missing(struct call *call)
{
	char *path;
	char out[256];
	int code;

	code = prison_try(call, (const char *const []){ "mkdir", "%w/.codex",
	    NULL }, box_policy(prison.w, "restricted", ""), out);
	tap_ok(code == 0 && is_there(prison.w, ".codex"),
	    "what is missing and to be skipped can be made");
	code = prison_try(call, (const char *const []){ "write", "%w/keep/new",
	    NULL }, box_policy(prison.w, "restricted", ENTRY("keep", "read",
	    "")), out);
	tap_ok(code == 1 && !is_there(prison.w, "keep/new"),
	    "what is missing and not to be skipped cannot");
	code = prison_try(call, (const char *const []){ "rename", "%w/sub",
	    "%w/bus", NULL }, box_policy(prison.w, "restricted",
	    ENTRY("sub/deep", "read", "")), out);
	tap_ok(code == 1 && is_there(prison.w, "sub"),
	    "nor can what leads to it be moved away");
	put_file(prison.w, "denied", "secret");
	code = prison_try(call, (const char *const []){ "read", "%w/denied",
	    NULL }, box_policy(prison.w, "restricted", ENTRY("denied",
	    "deny", "")), out);
	tap_ok(code == 1, "a file that is denied cannot be read: %s", out);
	code = prison_try(call, (const char *const []){ "read",
	    "%w/.git/config", NULL }, box_policy(prison.w, "restricted",
	    ENTRY(".git", "deny", SKIP)), out);
	tap_ok(code == 1, "nor what is in a directory: %s", out);
	path = below(prison.w, "linked");
	unlink(path);
	free(path);
	make_link(prison.out, prison.w, "linked");
	code = prison_try(call, (const char *const []){ "read", "/", NULL },
	    box_policy(prison.w, "restricted", ENTRY("linked", "read", SKIP)),
	    out);
	tap_ok(code == -1 && strstr(out, "symbolic link") != NULL,
	    "a link that cannot be protected is refused: %s", out);
}

/* Repositories whose .git is a file: that it leads to is protected, too. */
static void
story_repository(struct call *call)
{
	char *file = below(prison.w, "tree"), out[256];
	struct json_object *policy;
	int code;

	make_directory(prison.w, "tree");
	make_directory(prison.w, "tree/.bare");
	put_file(prison.w, "tree/.bare/config", "mine");
	put_file(prison.w, "tree/.git", "gitdir: ./.bare\n");
	policy = box_policy(file, "restricted", "");
	code = prison_try(call, (const char *const []){ "write",
	    "%w/tree/.bare/config", NULL }, policy, out);
	tap_ok(code == 1 && file_is(prison.w, "tree/.bare/config", "mine"),
	    "what .git points to is protected: %s", out);
	code = prison_try(call, (const char *const []){ "write",
	    "%w/tree/new", NULL }, box_policy(file, "restricted", ""), out);
	tap_ok(code == 0, "and all else is not: %s", out);
	code = ask_boxed(call, "fs/writeFile", "{'path':'@/w/tree/.bare/new',"
	    "'dataBase64':'b3V0'}", box_policy(file, "restricted", ""),
	    NULL);
	tap_ok(code == SYSTEM && !is_there(prison.w, "tree/.bare/new"),
	    "by calls as well");
	put_file(prison.w, "tree/.git", "gitdir: ..\n");
	code = prison_try(call, (const char *const []){ "read", "/", NULL },
	    box_policy(file, "restricted", ""), out);
	tap_ok(code == -1 && strstr(out, "points to what it lies in") != NULL,
	    "one that leads upwards is refused: %s", out);
	free(file);
}

static void
stories(struct call *call)
{
	story_missing(call);
	story_repository(call);
}

int
main(void)
{
	return prison_main(stories);
}
