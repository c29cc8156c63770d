/* SPDX-License-Identifier: ISC */
/* Sandboxes, from inside: every way out that can be thought of is tried. */
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

#define COUNT(list) (sizeof(list) / sizeof(list[0]))

/* Ways out, and those that stay in: the prisoner can really do it. */
static const struct {
	const char *what, *way[4];
} ways[] = {
	{ "writes outside", { "write", "%o/file" } },
	{ "makes a file outside", { "write", "%o/new" } },
	{ "writes to /etc", { "write", "/etc/holdfast-prison" } },
	{ "writes by way of ..", { "write", "%w/../out/file" } },
	{ "writes into .git", { "write", "%w/.git/config" } },
	{ "makes a file in .git", { "write", "%w/.git/new" } },
	{ "writes into .git by way of /proc",
	    { "write", "/proc/self/cwd/.git/config" } },
	{ "removes a file in .git", { "remove", "%w/.git/config" } },
	{ "renames .git", { "rename", "%w/.git", "%w/gone" } },
	{ "renames the workspace", { "rename", "%w", "%w.gone" } },
	{ "changes the mode of .git", { "chmod", "%w/.git" } },
	{ "takes the mount off .git", { "umount", "%w/.git" } },
	{ "takes off all mounts, as root of its own",
	    { "mounts", "%w/.git", "%w/.git/new" } },
	{ "remounts, as root of its own", { "mounts", "/", "%o/new" } },
	{ "writes through a link that was there",
	    { "write", "%w/outside/file" } },
	{ "writes through a link it made",
	    { "link", "%o/file", "%w/made" } },
	{ "makes a hard link to what is outside",
	    { "hardlink", "%o/file", "%w/hard" } },
	{ "writes through /proc/self/root",
	    { "write", "/proc/self/root%o/file" } },
	{ "writes through /proc/1/root", { "write", "/proc/1/root%o/file" } },
	{ "writes through /proc/1/cwd", { "write", "/proc/1/cwd/.git/new" } },
	{ "writes through the root of a process outside",
	    { "write", "/proc/%v/root%o/file" } },
	{ "has a descriptor too many", { "descriptors" } },
	{ "goes through descriptors", { "descriptor-paths", "%o/new" } },
	{ "connects by TCP", { "tcp", "%t" } },
	{ "sends by UDP", { "udp", "%u" } },
	{ "connects to an abstract socket", { "unix", "%a" } },
	{ "connects to a socket in a file", { "unix", "%n" } },
	{ "sends from a pair of sockets", { "pair", "%d" } },
	{ "sends from a raw one", { "raw-pair", "%d" } },
	{ "reads the runner's environment",
	    { "environ", "HOLDFAST_PRISON=" } },
	{ "makes an io_uring", { "uring" } },
	{ "signals a process outside", { "kill", "%v" } },
	{ "traces a process outside", { "ptrace", "%v" } },
	{ "holds a process outside", { "pidfd", "%v" } },
	{ "reaches the keys of its user", { "keys" } },
	{ "changes its root", { "chroot", "/" } },
	{ "opens a switch of the kernel",
	    { "open", "/proc/sys/kernel/core_pattern" } },
	{ "opens another", { "open", "/proc/sysrq-trigger" } },
	{ "opens a device", { "open", "/dev/kmsg" } },
};

static void
story_ways(struct call *call)
{
	char out[256];
	size_t i;
	int code;

	for (i = 0; i < COUNT(ways); i++) {
		code = prison_try(call, ways[i].way, box_policy(prison.w,
		    "restricted", ""), out);
		if (!tap_ok(code == 1 && prison_holds(),
		    "nobody %s", ways[i].what))
			tap_note("code %d, %s", code, out);
		prison_drain();
	}
	code = prison_try(call, (const char *const []){ "kill-all", NULL },
	    box_policy(prison.w, "restricted", ""), out);
	tap_ok(code != -1 && prison_holds(),
	    "who signals everybody reaches nobody outside");
}

/* What may be done is done, or the walls above would prove nothing. */
static const struct {
	const char *what, *way[4];
	const char *network;
} free_ways[] = {
	{ "a file in the workspace", { "write", "%w/new" }, "restricted" },
	{ "a directory there", { "mkdir", "%w/dir" }, "restricted" },
	{ "a name there", { "rename", "%w/new", "%w/sub/new" },
	    "restricted" },
	{ "reading what is outside", { "read", "%o/secret" },
	    "restricted" },
	{ "reading .git", { "read", "%w/.git/config" }, "restricted" },
	{ "a pair of streams", { "stream-pair" }, "restricted" },
	{ "TCP, with the network", { "tcp", "%t" }, "enabled" },
	{ "a socket in a file, with the network", { "unix", "%n" },
	    "enabled" },
};

static void
story_free(struct call *call)
{
	char out[256];
	size_t i;
	int code;

	for (i = 0; i < COUNT(free_ways); i++) {
		code = prison_try(call, free_ways[i].way, box_policy(prison.w,
		    free_ways[i].network, ""), out);
		if (!tap_ok(code == 0, "allowed: %s", free_ways[i].what))
			tap_note("code %d, %s", code, out);
	}
	prison_drain();
	code = prison_try(call, (const char *const []){ "write", "%w/new2",
	    NULL }, box_read_only(prison.w), out);
	tap_ok(code == 1 && !is_there(prison.w, "new2"),
	    "not even there where nothing may be written");
	code = prison_try(call, (const char *const []){ "write", "%o/file2",
	    NULL }, NULL, out);
	tap_ok(code == 0 && is_there(prison.out, "file2"),
	    "everything without a sandbox");
}

static void
stories(struct call *call)
{
	story_ways(call);
	story_free(call);
}

int
main(void)
{
	return prison_main(stories);
}
