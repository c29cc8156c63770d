/* SPDX-License-Identifier: ISC */
/* The file methods one by one: results, codes, and what is on the disk. */
#include "config.h"

#include <sys/stat.h>
#include <sys/types.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "common/log.h"
#include "common/xmalloc.h"
#include "tests/lib/call.h"
#include "tests/lib/daemon.h"
#include "tests/lib/tap.h"
#include "tests/system/ask.h"

#define FS_MS 60000
#define MANY 20000
#define ROWS(list) list, sizeof(list) / sizeof(list[0])

#define NO_SUCH (-32004)
#define INVALID (-32600)
#define PARAMS (-32602)
#define SYSTEM (-32603)

static mode_t
mode_of(const char *directory, const char *name)
{
	char *path = xasprintf("%s/%s", directory, name);
	struct stat st = { 0 };

	if (lstat(path, &st) == -1)
		st.st_mode = 0;
	free(path);
	return st.st_mode;
}

static int
is_link(const char *directory, const char *name)
{
	return S_ISLNK(mode_of(directory, name));
}

static void
put(const char *directory, const char *name, const char *text, mode_t mode)
{
	char *path = xasprintf("%s/%s", directory, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	ssize_t n = (ssize_t)strlen(text);

	if (fd == -1 || write(fd, text, (size_t)n) != n ||
	    fchmod(fd, mode) == -1 || close(fd) == -1)
		fatal("%s", path);
	free(path);
}

static void
make(const char *directory, const char *name, mode_t mode)
{
	char *path = xasprintf("%s/%s", directory, name);

	if (mkdir(path, 0700) == -1 || chmod(path, mode) == -1)
		fatal("%s", path);
	free(path);
}

static void
lead(const char *directory, const char *name, const char *target)
{
	char *path = xasprintf("%s/%s", directory, name);

	if (symlink(target, path) == -1)
		fatal("%s", path);
	free(path);
}

static void
pipe_at(const char *directory, const char *name)
{
	char *path = xasprintf("%s/%s", directory, name);

	if (mkfifo(path, 0644) == -1)
		fatal("%s", path);
	free(path);
}

static void
date(const char *directory, const char *name)
{
	struct timespec times[2] = { { 1000000000, 500000000 },
		{ 1000000000, 500000000 } };
	char *path = xasprintf("%s/%s", directory, name);

	if (utimensat(AT_FDCWD, path, times, 0) == -1)
		fatal("%s", path);
	free(path);
}

static void
make_fixture(const char *d)
{
	put(d, "file", "hello", 0644);
	put(d, "kept", "as it was", 0640);
	put(d, "tool", "#!/bin/sh\n", 0755);
	put(d, "empty", "", 0644);
	put(d, "odd \xc3\xa9#%?", "odd", 0644);
	lead(d, "link", "file");
	lead(d, "dangling", "nowhere");
	lead(d, "toward", "made-through-a-link");
	lead(d, "loop", "loop");
	lead(d, "dirlink", "dir");
	make(d, "dir", 0755);
	put(d, "dir/inner", "x", 0644);
	pipe_at(d, "fifo");
	date(d, "file");
}

static const struct ask_row read_rows[] = {
	{ "a file", "fs/readFile", "{'path':'@/file'}", 0,
	    "{'dataBase64':'aGVsbG8='}", NULL },
	{ "an empty one", "fs/readFile", "{'path':'@/empty'}", 0,
	    "{'dataBase64':''}", NULL },
	{ "an odd name", "fs/readFile",
	    "{'path':'@/odd%20%C3%A9%23%25%3F'}", 0, "{'dataBase64':'b2Rk'}",
	    NULL },
	{ "no sandbox", "fs/readFile", "{'path':'@/file','sandbox':null}", 0,
	    "{'dataBase64':'aGVsbG8='}", NULL },
	{ "through a link", "fs/readFile", "{'path':'@/link'}", 0,
	    "{'dataBase64':'aGVsbG8='}", NULL },
	{ "a link, not followed", "fs/readFile",
	    "{'path':'@/link','followSymlinks':false}", SYSTEM, NULL, NULL },
	{ "a file, links not followed", "fs/readFile",
	    "{'path':'@/file','followSymlinks':false}", 0,
	    "{'dataBase64':'aGVsbG8='}", NULL },
	{ "a link to nothing", "fs/readFile", "{'path':'@/dangling'}",
	    NO_SUCH, NULL, NULL },
	{ "nothing", "fs/readFile", "{'path':'@/nothing'}", NO_SUCH, NULL,
	    NULL },
	{ "a link to itself", "fs/readFile", "{'path':'@/loop'}", SYSTEM,
	    NULL, NULL },
	{ "below a file", "fs/readFile", "{'path':'@/file/x'}", SYSTEM, NULL,
	    NULL },
	{ "a directory", "fs/readFile", "{'path':'@/dir'}", INVALID, NULL,
	    NULL },
	{ "a FIFO", "fs/readFile", "{'path':'@/fifo'}", INVALID, NULL, NULL },
	{ "a device", "fs/readFile", "{'path':'file:///dev/zero'}", INVALID,
	    NULL, NULL },
	{ "of /proc", "fs/readFile", "{'path':'file:///proc/version'}", 0,
	    NULL, NULL },
	{ "no path", "fs/readFile", "{}", PARAMS, NULL, NULL },
	{ "no URI", "fs/readFile", "{'path':'/etc/passwd'}", PARAMS, NULL,
	    NULL },
	{ "elsewhere", "fs/readFile", "{'path':'file://elsewhere/x'}",
	    INVALID, NULL, NULL },
};

static int
has_usual_mode(const char *d)
{
	mode_t mask = umask(0);

	umask(mask);
	return mode_of(d, "new") == (S_IFREG | (0666 & ~mask));
}

static int
kept_its_mode(const char *d)
{
	return mode_of(d, "kept") == (S_IFREG | 0640);
}

static int
is_still_a_link(const char *d)
{
	return is_link(d, "link") && is_link(d, "toward");
}

static const struct ask_row write_rows[] = {
	{ "a new file", "fs/writeFile",
	    "{'path':'@/new','dataBase64':'bmV3IHRleHQ='}", 0, "{}",
	    has_usual_mode },
	{ "what was written", "fs/readFile", "{'path':'@/new'}", 0,
	    "{'dataBase64':'bmV3IHRleHQ='}", NULL },
	{ "an old one, shorter", "fs/writeFile",
	    "{'path':'@/kept','dataBase64':'b2s='}", 0, "{}", kept_its_mode },
	{ "what is there then", "fs/readFile", "{'path':'@/kept'}", 0,
	    "{'dataBase64':'b2s='}", NULL },
	{ "nothing", "fs/writeFile", "{'path':'@/new','dataBase64':''}", 0,
	    "{}", has_usual_mode },
	{ "which is empty", "fs/readFile", "{'path':'@/new'}", 0,
	    "{'dataBase64':''}", NULL },
	{ "through a link", "fs/writeFile",
	    "{'path':'@/link','dataBase64':'aGVsbG8='}", 0, "{}",
	    is_still_a_link },
	{ "through one that led nowhere", "fs/writeFile",
	    "{'path':'@/toward','dataBase64':'b2s='}", 0, "{}",
	    is_still_a_link },
	{ "what it leads to", "fs/readFile",
	    "{'path':'@/made-through-a-link'}", 0, "{'dataBase64':'b2s='}",
	    NULL },
	{ "a link, not followed", "fs/writeFile", "{'path':'@/link',"
	    "'dataBase64':'b2s=','followSymlinks':false}", SYSTEM, NULL,
	    NULL },
	{ "one to nothing, not followed", "fs/writeFile",
	    "{'path':'@/dangling','dataBase64':'b2s=',"
	    "'followSymlinks':false}", SYSTEM, NULL, NULL },
	{ "which is as it was", "fs/readFile", "{'path':'@/file'}", 0,
	    "{'dataBase64':'aGVsbG8='}", NULL },
	{ "no directory", "fs/writeFile",
	    "{'path':'@/nothing/x','dataBase64':''}", NO_SUCH, NULL, NULL },
	{ "below a file", "fs/writeFile",
	    "{'path':'@/file/x','dataBase64':''}", SYSTEM, NULL, NULL },
	{ "a directory", "fs/writeFile", "{'path':'@/dir','dataBase64':''}",
	    SYSTEM, NULL, NULL },
	{ "a FIFO", "fs/writeFile", "{'path':'@/fifo','dataBase64':'b2s='}",
	    INVALID, NULL, NULL },
	{ "bad base64", "fs/writeFile",
	    "{'path':'@/new','dataBase64':'b2s'}", INVALID, NULL, NULL },
	{ "base64 with a blank", "fs/writeFile",
	    "{'path':'@/new','dataBase64':'b2 s='}", INVALID, NULL, NULL },
	{ "no data", "fs/writeFile", "{'path':'@/new'}", PARAMS, NULL, NULL },
};

static int
has_usual_directory_mode(const char *d)
{
	mode_t mask = umask(0);

	umask(mask);
	return mode_of(d, "a") == (S_IFDIR | (0777 & ~mask)) &&
	    mode_of(d, "a/b/c") == (S_IFDIR | (0777 & ~mask));
}

static const struct ask_row directory_rows[] = {
	{ "with its parents", "fs/createDirectory", "{'path':'@/a/b/c'}", 0,
	    "{}", has_usual_directory_mode },
	{ "again", "fs/createDirectory", "{'path':'@/a/b/c'}", 0, "{}",
	    NULL },
	{ "the root", "fs/createDirectory", "{'path':'file:///'}", 0, "{}",
	    NULL },
	{ "where a file is", "fs/createDirectory", "{'path':'@/file'}",
	    SYSTEM, NULL, NULL },
	{ "below a file", "fs/createDirectory", "{'path':'@/file/x'}",
	    SYSTEM, NULL, NULL },
	{ "where a link leads to one", "fs/createDirectory",
	    "{'path':'@/dirlink'}", 0, "{}", NULL },
	{ "the same, not followed", "fs/createDirectory",
	    "{'path':'@/dirlink','followSymlinks':false}", SYSTEM, NULL,
	    NULL },
	{ "one", "fs/createDirectory",
	    "{'path':'@/one','recursive':false}", 0, "{}", NULL },
	{ "one again", "fs/createDirectory",
	    "{'path':'@/one','recursive':false}", SYSTEM, NULL, NULL },
	{ "one without its parent", "fs/createDirectory",
	    "{'path':'@/nothing/one','recursive':false}", NO_SUCH, NULL,
	    NULL },
};

static const struct ask_row metadata_rows[] = {
	{ "of a file", "fs/getMetadata", "{'path':'@/kept'}", 0,
	    "+{'isDirectory':false,'isFile':true,'isSymlink':false,"
	    "'size':2}", NULL },
	{ "its time", "fs/getMetadata", "{'path':'@/dated'}", 0,
	    "+{'modifiedAtMs':1000000000500}", NULL },
	{ "of a link", "fs/getMetadata", "{'path':'@/link'}", 0,
	    "+{'isDirectory':false,'isFile':true,'isSymlink':true,'size':5}",
	    NULL },
	{ "of a directory", "fs/getMetadata", "{'path':'@/dir'}", 0,
	    "+{'isDirectory':true,'isFile':false,'isSymlink':false}", NULL },
	{ "of a link to one", "fs/getMetadata", "{'path':'@/dirlink'}", 0,
	    "+{'isDirectory':true,'isFile':false,'isSymlink':true}", NULL },
	{ "of a device", "fs/getMetadata", "{'path':'file:///dev/null'}", 0,
	    "+{'isDirectory':false,'isFile':false,'isSymlink':false}",
	    NULL },
	{ "of a FIFO", "fs/getMetadata", "{'path':'@/fifo'}", 0,
	    "+{'isDirectory':false,'isFile':false,'isSymlink':false}",
	    NULL },
	{ "of a link, not followed", "fs/getMetadata",
	    "{'path':'@/link','followSymlinks':false}", INVALID, NULL, NULL },
	{ "of a link to nothing", "fs/getMetadata", "{'path':'@/dangling'}",
	    NO_SUCH, NULL, NULL },
	{ "of nothing", "fs/getMetadata", "{'path':'@/nothing'}", NO_SUCH,
	    NULL, NULL },
	{ "of a name too long", "fs/getMetadata", "{'path':'@/"
	    "0123456789012345678901234567890123456789012345678901234567890123"
	    "0123456789012345678901234567890123456789012345678901234567890123"
	    "0123456789012345678901234567890123456789012345678901234567890123"
	    "0123456789012345678901234567890123456789012345678901234567890123"
	    "'}", SYSTEM, NULL, NULL },
	{ "a link", "fs/canonicalize", "{'path':'@/link'}", 0,
	    "{'path':'@/file'}", NULL },
	{ "below a link", "fs/canonicalize", "{'path':'@/dirlink/inner'}", 0,
	    "{'path':'@/dir/inner'}", NULL },
	{ "dots", "fs/canonicalize", "{'path':'@/dir/./../file'}", 0,
	    "{'path':'@/file'}", NULL },
	{ "an odd name", "fs/canonicalize",
	    "{'path':'@/odd%20%C3%A9%23%25%3F'}", 0,
	    "{'path':'@/odd%20%C3%A9%23%25%3F'}", NULL },
	{ "nothing", "fs/canonicalize", "{'path':'@/nothing'}", NO_SUCH,
	    NULL, NULL },
	{ "a link to itself", "fs/canonicalize", "{'path':'@/loop'}", SYSTEM,
	    NULL, NULL },
};

static int
is_gone(const char *d)
{
	return mode_of(d, "condemned") == 0;
}

static int
only_link_is_gone(const char *d)
{
	return mode_of(d, "dirlink") == 0 && mode_of(d, "dir/inner") != 0;
}

static const struct ask_row remove_rows[] = {
	{ "a file", "fs/remove", "{'path':'@/new'}", 0, "{}", NULL },
	{ "one that has gone", "fs/remove", "{'path':'@/new'}", 0, "{}",
	    NULL },
	{ "the same without force", "fs/remove",
	    "{'path':'@/new','force':false}", NO_SUCH, NULL, NULL },
	{ "a link to a directory", "fs/remove", "{'path':'@/dirlink'}", 0,
	    "{}", only_link_is_gone },
	{ "a link to nothing", "fs/remove",
	    "{'path':'@/dangling','force':false}", 0, "{}", NULL },
	{ "a FIFO", "fs/remove", "{'path':'@/fifo'}", 0, "{}", NULL },
	{ "a full directory, it alone", "fs/remove",
	    "{'path':'@/condemned','recursive':false}", SYSTEM, NULL, NULL },
	{ "a tree, links not followed", "fs/remove",
	    "{'path':'@/condemned','followSymlinks':false}", SYSTEM, NULL,
	    NULL },
	{ "a tree", "fs/remove", "{'path':'@/condemned'}", 0, "{}",
	    is_gone },
	{ "what a link in it led to", "fs/readFile",
	    "{'path':'@/dir/inner'}", 0, "{'dataBase64':'eA=='}", NULL },
	{ "an empty directory", "fs/remove",
	    "{'path':'@/one','recursive':false}", 0, "{}", NULL },
	{ "below a file", "fs/remove", "{'path':'@/file/x'}", SYSTEM, NULL,
	    NULL },
};

static int
copied_mode(const char *d)
{
	return mode_of(d, "tool2") == (S_IFREG | 0755);
}

static int
copied_link(const char *d)
{
	return is_link(d, "copy/link") && is_link(d, "copy/sub/dangling") &&
	    mode_of(d, "copy/sub/tool") == (S_IFREG | 0755) &&
	    is_link(d, "link2");
}

static int
merged(const char *d)
{
	return mode_of(d, "copy/other") != 0 && copied_link(d);
}

static const struct ask_row copy_rows[] = {
	{ "a file", "fs/copy", "{'sourcePath':'@/tool',"
	    "'destinationPath':'@/tool2','recursive':false}", 0, "{}",
	    copied_mode },
	{ "over another", "fs/copy", "{'sourcePath':'@/file',"
	    "'destinationPath':'@/tool2','recursive':true}", 0, "{}", NULL },
	{ "what it is then", "fs/readFile", "{'path':'@/tool2'}", 0,
	    "{'dataBase64':'aGVsbG8='}", NULL },
	{ "onto itself", "fs/copy", "{'sourcePath':'@/file',"
	    "'destinationPath':'@/link','recursive':false}", 0, "{}", NULL },
	{ "which it survives", "fs/readFile", "{'path':'@/file'}", 0,
	    "{'dataBase64':'aGVsbG8='}", NULL },
	{ "of /proc", "fs/copy", "{'sourcePath':'file:///proc/self/comm',"
	    "'destinationPath':'@/comm','recursive':false}", 0, "{}", NULL },
	{ "which has no size", "fs/readFile", "{'path':'@/comm'}", 0,
	    "{'dataBase64':'aG9sZGZhc3QtZnMK'}", NULL },
	{ "a link", "fs/copy", "{'sourcePath':'@/link',"
	    "'destinationPath':'@/link2','recursive':false}", 0, "{}", NULL },
	{ "nothing", "fs/copy", "{'sourcePath':'@/nothing',"
	    "'destinationPath':'@/x','recursive':false}", NO_SUCH, NULL,
	    NULL },
	{ "to nowhere", "fs/copy", "{'sourcePath':'@/file',"
	    "'destinationPath':'@/nothing/x','recursive':false}", NO_SUCH,
	    NULL, NULL },
	{ "onto a directory", "fs/copy", "{'sourcePath':'@/file',"
	    "'destinationPath':'@/dir','recursive':false}", SYSTEM, NULL,
	    NULL },
	{ "a device", "fs/copy", "{'sourcePath':'file:///dev/zero',"
	    "'destinationPath':'@/x','recursive':false}", INVALID, NULL,
	    NULL },
	{ "a tree without saying so", "fs/copy", "{'sourcePath':'@/tree',"
	    "'destinationPath':'@/copy','recursive':false}", INVALID, NULL,
	    NULL },
	{ "not saying", "fs/copy", "{'sourcePath':'@/tree',"
	    "'destinationPath':'@/copy'}", PARAMS, NULL, NULL },
	{ "a tree", "fs/copy", "{'sourcePath':'@/tree',"
	    "'destinationPath':'@/copy','recursive':true}", 0, "{}",
	    copied_link },
	{ "another file in it", "fs/writeFile",
	    "{'path':'@/copy/other','dataBase64':''}", 0, "{}", NULL },
	{ "a tree onto a tree", "fs/copy", "{'sourcePath':'@/tree',"
	    "'destinationPath':'@/copy','recursive':true}", 0, "{}", merged },
	{ "a tree into itself", "fs/copy", "{'sourcePath':'@/tree',"
	    "'destinationPath':'@/tree/sub/more','recursive':true}", INVALID,
	    NULL, NULL },
	{ "a tree onto itself", "fs/copy", "{'sourcePath':'@/tree',"
	    "'destinationPath':'@/tree','recursive':true}", INVALID, NULL,
	    NULL },
	{ "a tree into itself by a link", "fs/copy", "{'sourcePath':'@/tree',"
	    "'destinationPath':'@/treelink/new','recursive':true}", INVALID,
	    NULL, NULL },
	{ "a tree beside one with a longer name", "fs/copy",
	    "{'sourcePath':'@/tree','destinationPath':'@/tree-2',"
	    "'recursive':true}", 0, "{}", NULL },
	{ "a tree onto a file", "fs/copy", "{'sourcePath':'@/tree',"
	    "'destinationPath':'@/file','recursive':true}", SYSTEM, NULL,
	    NULL },
};

#define WALK(where, depth, directories, entries, links, more) \
	"{'path':'@/" where "','options':{'maxDepth':" #depth \
	",'maxDirectories':" #directories ",'maxEntries':" #entries \
	",'followDirectorySymlinks':" #links more "}}"
#define FOUND(path, kind) "{'path':'@/w/" path "','kind':'" kind "'}"
#define DONE(how) "],'errors':[],'truncated':" how "}"

static const struct ask_row walk_rows[] = {
	{ "everything", "fs/walk", WALK("w", 9, 99, 99, false, ""), 0,
	    "{'entries':[" FOUND(".h", "directory") ","
	    FOUND("a", "directory") "," FOUND("b", "file") ","
	    FOUND("c", "directory") "," FOUND(".h/in", "file") ","
	    FOUND("a/deep", "directory") "," FOUND("a/deep/x", "file")
	    DONE("false"), NULL },
	{ "hidden ones pruned", "fs/walk", WALK("w", 9, 99, 99, false,
	    ",'pruneHiddenDirectories':true"), 0,
	    "{'entries':[" FOUND(".h", "directory") ","
	    FOUND("a", "directory") "," FOUND("b", "file") ","
	    FOUND("c", "directory") "," FOUND("a/deep", "directory") ","
	    FOUND("a/deep/x", "file") DONE("false"), NULL },
	{ "depth 0", "fs/walk", WALK("w", 0, 99, 99, false, ""), 0,
	    "{'entries':[" FOUND(".h", "directory") ","
	    FOUND("a", "directory") "," FOUND("b", "file") ","
	    FOUND("c", "directory") DONE("false"), NULL },
	{ "two entries", "fs/walk", WALK("w", 9, 99, 2, false, ""), 0,
	    "{'entries':[" FOUND(".h", "directory") ","
	    FOUND("a", "directory") DONE("true"), NULL },
	{ "two directories", "fs/walk", WALK("w", 9, 2, 99, false, ""), 0,
	    "{'entries':[" FOUND(".h", "directory") ","
	    FOUND("a", "directory") "," FOUND("b", "file") ","
	    FOUND("c", "directory") "," FOUND(".h/in", "file") DONE("true"),
	    NULL },
	{ "links to directories", "fs/walk", WALK("w", 9, 99, 99, true, ""),
	    0, "{'entries':[" FOUND(".h", "directory") ","
	    FOUND("a", "directory") "," FOUND("b", "file") ","
	    FOUND("c", "directory") "," FOUND("to-a", "directory") ","
	    FOUND(".h/in", "file") "," FOUND("a/deep", "directory") ","
	    FOUND("c/up", "directory") "," FOUND("a/deep/x", "file")
	    DONE("false"), NULL },
	{ "a file", "fs/walk", WALK("file", 9, 99, 99, false, ""), 0,
	    "{'entries':[" DONE("false"), NULL },
	{ "nothing", "fs/walk", WALK("nothing", 9, 99, 99, false, ""),
	    NO_SUCH, NULL, NULL },
	{ "no directories", "fs/walk", WALK("w", 9, 0, 99, false, ""),
	    INVALID, NULL, NULL },
	{ "no entries", "fs/walk", WALK("w", 9, 99, 0, false, ""), INVALID,
	    NULL, NULL },
	{ "the deepest", "fs/walk", WALK("w/c", 64, 10000, 50000, false, ""),
	    0, "{'entries':[" DONE("false"), NULL },
	{ "too deep", "fs/walk", WALK("w", 65, 99, 99, false, ""), INVALID,
	    NULL, NULL },
	{ "too many directories", "fs/walk",
	    WALK("w", 9, 10001, 99, false, ""), INVALID, NULL, NULL },
	{ "too many entries", "fs/walk", WALK("w", 9, 99, 50001, false, ""),
	    INVALID, NULL, NULL },
	{ "no options", "fs/walk", "{'path':'@/w'}", PARAMS, NULL, NULL },
	{ "half the options", "fs/walk",
	    "{'path':'@/w','options':{'maxDepth':1}}", PARAMS, NULL, NULL },
};

static void
make_trees(const char *d)
{
	put(d, "dated", "", 0644);
	date(d, "dated");
	make(d, "condemned", 0755);
	make(d, "condemned/sub", 0755);
	put(d, "condemned/sub/x", "", 0400);
	lead(d, "condemned/out", "../dir");
	make(d, "tree", 0755);
	make(d, "tree/sub", 0755);
	put(d, "tree/sub/tool", "", 0755);
	lead(d, "tree/link", "sub/tool");
	lead(d, "tree/sub/dangling", "nowhere");
	lead(d, "treelink", "tree/sub");
	make(d, "w", 0755);
	make(d, "w/.h", 0755);
	put(d, "w/.h/in", "", 0644);
	make(d, "w/a", 0755);
	make(d, "w/a/deep", 0755);
	put(d, "w/a/deep/x", "", 0644);
	put(d, "w/b", "", 0644);
	lead(d, "w/b-link", "b");
	make(d, "w/c", 0755);
	lead(d, "w/c/up", "..");
	lead(d, "w/to-a", "a");
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "name:d name:f ...", sorted. */
static char *
listing(struct json_object *result)
{
	struct json_object *list, *entry, *name;
	char **names, *text = xstrdup(""), *more;
	size_t i, n;

	if (!json_object_object_get_ex(result, "entries", &list))
		return text;
	n = json_object_array_length(list);
	names = xcalloc(n + 1, sizeof(*names));
	for (i = 0; i < n; i++) {
		entry = json_object_array_get_idx(list, i);
		json_object_object_get_ex(entry, "fileName", &name);
		names[i] = xasprintf("%s:%s", json_object_get_string(name),
		    ask_int(entry, "isDirectory") == 1 ? "d" :
		    ask_int(entry, "isFile") == 1 ? "f" : "o");
	}
	qsort(names, n, sizeof(*names), by_text);
	for (i = 0; i < n; i++) {
		more = xasprintf("%s%s%s", text, i == 0 ? "" : " ", names[i]);
		free(text);
		free(names[i]);
		text = more;
	}
	free(names);
	return text;
}

static void
story_directory(struct call *call, const char *d)
{
	static const struct ask_row rows[] = {
		{ "a file", "fs/readDirectory", "{'path':'@/file'}", SYSTEM,
		    NULL, NULL },
		{ "nothing", "fs/readDirectory", "{'path':'@/nothing'}",
		    NO_SUCH, NULL, NULL },
		{ "an empty one", "fs/readDirectory", "{'path':'@/one'}", 0,
		    "{'entries':[]}", NULL },
	};
	struct json_object *result;
	char *text;
	int code;

	make(d, "list", 0755);
	make(d, "list/dir", 0755);
	put(d, "list/.file", "", 0644);
	lead(d, "list/dirlink", "dir");
	lead(d, "list/filelink", ".file");
	lead(d, "list/dangling", "nowhere");
	lead(d, "list/device", "/dev/null");
	pipe_at(d, "list/fifo");
	code = ask(call, "fs/readDirectory", "{'path':'@/list'}", &result);
	text = listing(result);
	tap_ok(code == 0 && strcmp(text, ".file:f device:o dir:d dirlink:d "
	    "fifo:o filelink:f") == 0, "fs/readDirectory: %s", text);
	free(text);
	json_object_put(result);
	ask_rows(call, ROWS(rows));
}

/* A long answer, in parts: every name once, none else. */
static void
story_many(struct call *call, const char *d)
{
	struct json_object *result, *list, *name;
	char path[64], *seen = xcalloc(MANY, 1);
	int i, code, at, good = 0;

	make(d, "many", 0755);
	for (i = 0; i < MANY; i++) {
		snprintf(path, sizeof(path), "many/number-%05d", i);
		put(d, path, "", 0644);
	}
	code = ask(call, "fs/readDirectory", "{'path':'@/many'}", &result);
	json_object_object_get_ex(result, "entries", &list);
	for (i = 0; code == 0 && i < (int)json_object_array_length(list);
	    i++) {
		json_object_object_get_ex(json_object_array_get_idx(list,
		    (size_t)i), "fileName", &name);
		if (sscanf(json_object_get_string(name), "number-%d", &at) ==
		    1 && at >= 0 && at < MANY && !seen[at]++)
			good++;
	}
	tap_ok(good == MANY && i == MANY, "fs/readDirectory: %d names, %d "
	    "right, code %d", i, good, code);
	json_object_put(result);
	code = ask(call, "fs/walk", WALK("many", 1, 9, 50000, false, ""),
	    &result);
	json_object_object_get_ex(result, "entries", &list);
	tap_ok(code == 0 && json_object_array_length(list) == MANY &&
	    ask_int(result, "truncated") == 0, "fs/walk: as many");
	json_object_put(result);
	code = ask(call, "fs/remove", "{'path':'@/many'}", NULL);
	tap_ok(code == 0 && mode_of(d, "many") == 0, "fs/remove: all of them");
	free(seen);
}

/* Paths so long that the answer's own bound stops the walk. */
static void
story_long_walk(struct call *call, const char *d)
{
	struct json_object *result, *list;
	char path[300];
	int i, code;
	size_t n;

	make(d, "long", 0755);
	for (i = 0; i < MANY; i++) {
		snprintf(path, sizeof(path), "long/%0240d", i);
		put(d, path, "", 0644);
	}
	code = ask(call, "fs/walk", WALK("long", 1, 9, 50000, false, ""),
	    &result);
	json_object_object_get_ex(result, "entries", &list);
	n = code == 0 ? json_object_array_length(list) : 0;
	tap_ok(n > 10000 && n < MANY && ask_int(result, "truncated") == 1,
	    "fs/walk: a walk of 4 MiB of paths is cut and says so: %zu", n);
	json_object_put(result);
	ask(call, "fs/remove", "{'path':'@/long'}", NULL);
}

/* Root reads everything; nobody else does. */
static void
story_forbidden(struct call *call, const char *d)
{
	static const struct ask_row rows[] = {
		{ "not allowed", "fs/readFile", "{'path':'@/locked/x'}",
		    INVALID, NULL, NULL },
		{ "not allowed", "fs/writeFile",
		    "{'path':'@/locked/y','dataBase64':''}", INVALID, NULL,
		    NULL },
		{ "not allowed", "fs/readDirectory", "{'path':'@/locked'}",
		    INVALID, NULL, NULL },
		{ "not allowed", "fs/remove", "{'path':'@/lock/ed'}", INVALID,
		    NULL, NULL },
		{ "what cannot be read is told", "fs/walk",
		    WALK("lock", 9, 99, 99, false, ""), 0,
		    "{'entries':[{'path':'@/lock/ed','kind':'directory'}],"
		    "'errors':[{'path':'@/lock/ed',"
		    "'message':'Permission denied (os error 13)'}],"
		    "'truncated':false}", NULL },
	};
	char *path = xasprintf("%s/lock/ed", d);

	make(d, "lock", 0755);
	make(d, "lock/ed", 0755);
	put(d, "lock/ed/x", "", 0644);
	lead(d, "locked", "lock/ed");
	if (chmod(path, 0) == -1)
		fatal("%s", path);
	if (geteuid() == 0)
		tap_skip("root may read everything", "what is not allowed");
	else
		ask_rows(call, ROWS(rows));
	chmod(path, 0700);
	free(path);
}

static void
stories(struct daemon *daemon)
{
	char *directory = xasprintf("%s/tree", daemon_dir(daemon));
	struct call *call = call_attach(daemon_url(daemon), NULL);
	char *real;

	if (mkdir(directory, 0755) == -1)
		fatal("%s", directory);
	real = realpath(directory, NULL);
	make_fixture(real);
	make_trees(real);
	ask_at(real);
	if (tap_ok(call != NULL, "attached")) {
		ask_rows(call, ROWS(read_rows));
		ask_rows(call, ROWS(write_rows));
		ask_rows(call, ROWS(directory_rows));
		ask_rows(call, ROWS(metadata_rows));
		ask_rows(call, ROWS(copy_rows));
		ask_rows(call, ROWS(walk_rows));
		story_directory(call, real);
		ask_rows(call, ROWS(remove_rows));
		story_many(call, real);
		story_long_walk(call, real);
		story_forbidden(call, real);
	}
	call_free(call);
	free(real);
	free(directory);
}

int
main(void)
{
	static const char *const args[] = { "--gateways", "1", NULL };
	struct daemon *daemon;

	/* Not what anybody has by default: files are made with this one. */
	umask(002);
	daemon = daemon_start(args);
	if (tap_ok(daemon != NULL, "holdfastd runs")) {
		stories(daemon);
		tap_ok(daemon_stop(daemon, FS_MS) == 0,
		    "holdfastd ends with 0");
		tap_ok(daemon_check_clean(daemon, FS_MS) == 0,
		    "nothing is left behind");
	}
	daemon_free(daemon, tap_failed() > 0);
	return tap_done();
}
