/* SPDX-License-Identifier: ISC */
/* Sandboxes, from inside: every way out that can be thought of is tried. */
#include "config.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
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
#include "tests/lib/tape.h"
#include "tests/lib/wait.h"
#include "tests/system/ask.h"
#include "tests/system/boxkit.h"

#define COUNT(list) (sizeof(list) / sizeof(list[0]))
#define SYSTEM (-32603)

/*
 * The prison: "root"/w is the workspace, "root"/out what is not.  Sockets and
 * a process wait outside for somebody to come.
 */
static struct prison {
	char *root, *w, *out, *prisoner;
	int tcp, udp, abstract, named, datagram;
	char tcp_port[16], udp_port[16], abstract_name[64];
	char *named_path, *datagram_path;
	pid_t victim;
	char victim_pid[16];
} prison;

static char *
below(const char *directory, const char *name)
{
	return xasprintf("%s/%s", directory, name);
}

static void
put(const char *directory, const char *name, const char *text)
{
	char *path = below(directory, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd == -1 || dprintf(fd, "%s", text) < 0 || close(fd) == -1)
		fatal("%s", path);
	free(path);
}

static void
make_directory(const char *directory, const char *name)
{
	char *path = below(directory, name);

	if (mkdir(path, 0755) == -1)
		fatal("%s", path);
	free(path);
}

static void
make_link(const char *target, const char *directory, const char *name)
{
	char *path = below(directory, name);

	if (symlink(target, path) == -1)
		fatal("%s", path);
	free(path);
}

static int
listen_inet(int type, char *port)
{
	struct sockaddr_in in = {
		.sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) },
	};
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd == -1 || bind(fd, (void *)&in, len) == -1 ||
	    (type == SOCK_STREAM && listen(fd, 16) == -1) ||
	    getsockname(fd, (void *)&in, &len) == -1)
		fatal("socket");
	snprintf(port, 16, "%d", ntohs(in.sin_port));
	return fd;
}

/* "@name" is abstract. */
static int
listen_unix(int type, const char *name)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int hidden = name[0] == '@';

	snprintf(un.sun_path + hidden, sizeof(un.sun_path) - 1, "%s",
	    name + hidden);
	if (fd == -1 || bind(fd, (void *)&un,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
	    strlen(name) + !hidden)) == -1 ||
	    (type == SOCK_STREAM && listen(fd, 16) == -1))
		fatal("%s", name);
	return fd;
}

static pid_t
make_victim(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		for (;;)
			pause();
	}
	return pid;
}

static void
prison_build(struct daemon *daemon)
{
	struct prison *p = &prison;
	char self[4096], *slash, *directory;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n == -1)
		fatal("/proc/self/exe");
	self[n] = '\0';
	slash = strrchr(self, '/');
	*slash = '\0';
	p->prisoner = below(self, "prisoner");
	directory = realpath(daemon_dir(daemon), NULL);
	make_directory(directory, "prison");
	p->root = below(directory, "prison");
	free(directory);
	make_directory(p->root, "w");
	make_directory(p->root, "out");
	p->w = below(p->root, "w");
	p->out = below(p->root, "out");
	make_directory(p->w, ".git");
	make_directory(p->w, "sub");
	put(p->w, ".git/config", "mine");
	put(p->out, "file", "mine");
	put(p->out, "secret", "secret");
	make_link(p->out, p->w, "outside");
	p->tcp = listen_inet(SOCK_STREAM, p->tcp_port);
	p->udp = listen_inet(SOCK_DGRAM, p->udp_port);
	snprintf(p->abstract_name, sizeof(p->abstract_name),
	    "@holdfast-prison-%d", (int)getpid());
	p->abstract = listen_unix(SOCK_STREAM, p->abstract_name);
	/* In the workspace, so that no mount is in the way. */
	p->named_path = below(p->w, "s");
	p->named = listen_unix(SOCK_STREAM, p->named_path);
	p->datagram_path = below(p->w, "d");
	p->datagram = listen_unix(SOCK_DGRAM, p->datagram_path);
	p->victim = make_victim();
	snprintf(p->victim_pid, sizeof(p->victim_pid), "%d", (int)p->victim);
}

static int
file_is(const char *directory, const char *name, const char *text)
{
	char *path = below(directory, name), bytes[64] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC), good;

	good = fd != -1 && read(fd, bytes, sizeof(bytes) - 1) != -1 &&
	    strcmp(bytes, text) == 0;
	if (fd != -1)
		close(fd);
	free(path);
	return good;
}

static int
is_there(const char *directory, const char *name)
{
	char *path = below(directory, name);
	struct stat st;
	int there = lstat(path, &st) == 0;

	free(path);
	return there;
}

/* Nothing outside is as if somebody had been there. */
static int
prison_holds(void)
{
	struct pollfd fds[] = { { .fd = prison.tcp, .events = POLLIN },
		{ .fd = prison.udp, .events = POLLIN },
		{ .fd = prison.abstract, .events = POLLIN },
		{ .fd = prison.named, .events = POLLIN },
		{ .fd = prison.datagram, .events = POLLIN } };

	return file_is(prison.out, "file", "mine") &&
	    !is_there(prison.out, "new") &&
	    file_is(prison.w, ".git/config", "mine") &&
	    !is_there(prison.w, ".git/new") &&
	    is_there(prison.w, ".git") &&
	    poll(fds, COUNT(fds), 0) == 0 &&
	    waitpid(prison.victim, NULL, WNOHANG) == 0;
}

/* %w, %o, %t, %u, %a, %n, %d, %v: what the prison has. */
static char *
fill(const char *text)
{
	const struct prison *p = &prison;
	const struct { char letter; const char *value; } values[] = {
		{ 'w', p->w }, { 'o', p->out }, { 't', p->tcp_port },
		{ 'u', p->udp_port }, { 'a', p->abstract_name },
		{ 'n', p->named_path }, { 'd', p->datagram_path },
		{ 'v', p->victim_pid },
	};
	char out[4096];
	size_t i, len = 0;

	for (; *text != '\0' && len < sizeof(out) - 1; text++) {
		if (*text != '%') {
			out[len++] = *text;
			continue;
		}
		text++;
		for (i = 0; i < COUNT(values); i++)
			if (values[i].letter == *text)
				len += (size_t)snprintf(out + len,
				    sizeof(out) - len, "%s",
				    values[i].value);
	}
	out[len] = '\0';
	return xstrdup(out);
}

static int
try_way(struct call *call, const char *const *way, struct json_object *policy,
    char *out)
{
	const char *argv[6] = { prison.prisoner };
	char *filled[4] = { NULL };
	int i, code;

	for (i = 0; i < 4 && way[i] != NULL; i++)
		argv[i + 1] = filled[i] = fill(way[i]);
	code = box_run(call, prison.w, argv, policy, NULL, out);
	for (i = 0; i < 4; i++)
		free(filled[i]);
	return code;
}

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
		code = try_way(call, ways[i].way, box_policy(prison.w,
		    "restricted", ""), out);
		if (!tap_ok(code == 1 && prison_holds(),
		    "nobody %s", ways[i].what))
			tap_note("code %d, %s", code, out);
	}
	code = try_way(call, (const char *const []){ "kill-all", NULL },
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
drain(int fd)
{
	int accepted;

	while ((accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC)) != -1)
		close(accepted);
}

static void
story_free(struct call *call)
{
	char out[256];
	size_t i;
	int code;

	for (i = 0; i < COUNT(free_ways); i++) {
		code = try_way(call, free_ways[i].way, box_policy(prison.w,
		    free_ways[i].network, ""), out);
		if (!tap_ok(code == 0, "allowed: %s", free_ways[i].what))
			tap_note("code %d, %s", code, out);
	}
	drain(prison.tcp);
	drain(prison.named);
	code = try_way(call, (const char *const []){ "write", "%w/new2",
	    NULL }, box_read_only(prison.w), out);
	tap_ok(code == 1 && !is_there(prison.w, "new2"),
	    "not even there where nothing may be written");
	code = try_way(call, (const char *const []){ "write", "%o/file2",
	    NULL }, NULL, out);
	tap_ok(code == 0 && is_there(prison.out, "file2"),
	    "everything without a sandbox");
}

/* Files, by calls. */
static int
ask_boxed(struct call *call, const char *method, const char *params,
    struct json_object *policy, struct json_object **result)
{
	struct json_object *object = ask_json(params);

	json_object_object_add(object, "sandbox", policy);
	return ask_wait(call, call_send(call, method, object), result);
}

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

/* Exit codes, denials, and starts that fail. */
static void
story_ends(struct call *call)
{
	static const struct {
		const char *what, *script;
		int code, denied;
	} ends[] = {
		{ "its code", "exit 7", 7, 0 },
		{ "success", "true", 0, 0 },
		{ "a signal", "kill -TERM $$", 143, 0 },
		{ "what the sandbox forbids", "echo x >/etc/holdfast-x", 2,
		    1 },
		{ "a success in spite of it", "echo x >/etc/holdfast-x; true",
		    0, 0 },
	};
	const char *argv[] = { "/bin/sh", "-c", NULL, NULL };
	const char *none[] = { "holdfast-no-such-program", NULL };
	char out[256];
	size_t i;
	int code, denied;

	for (i = 0; i < COUNT(ends); i++) {
		denied = -1;
		argv[2] = ends[i].script;
		code = box_run(call, prison.w, argv, box_policy(prison.w,
		    "restricted", ""), &denied, out);
		tap_ok(code == ends[i].code && denied == ends[i].denied,
		    "the end tells of %s (%d, %d)", ends[i].what, code,
		    denied);
	}
	denied = -1;
	argv[2] = "echo Permission denied; exit 1";
	code = box_run(call, prison.w, argv, NULL, &denied, NULL);
	tap_ok(code == 1 && denied == 0, "without a sandbox none denies");
	code = box_start(call, "none", prison.w, none, 0,
	    box_policy(prison.w, "restricted", ""), out);
	tap_ok(code == SYSTEM && strstr(out, "No such file") != NULL,
	    "a program that is not there: %s", out);
	argv[2] = "true";
	code = box_start(call, "none", "/no/such/directory", argv, 0,
	    box_policy(prison.w, "restricted", ""), out);
	tap_ok(code == SYSTEM && strstr(out, "working directory") != NULL,
	    "nor its directory: %s", out);
	code = box_start(call, "none", prison.w, argv, 0,
	    box_policy(prison.w, "restricted", ""), out);
	tap_ok(code == 0, "the id is free after that");
}

static void
follow_to(struct call *call, struct tape *tape, const char *text)
{
	struct json_object *event;

	while (!tape_closed(tape) &&
	    strstr(tape_text(tape, "pty"), text) == NULL &&
	    (event = call_next(call, BOX_MS)) != NULL) {
		tape_event(tape, event);
		json_object_put(event);
	}
}

/* Keys of a terminal, and a shell that controls jobs. */
static void
story_terminal(struct call *call)
{
	static const char *const trap[] = { "/bin/sh", "-c",
		"trap 'echo caught; exit 9' INT; echo ready; "
		"while :; do sleep 0.1; done", NULL };
	static const char *const jobs[] = { "/bin/sh", "-i", NULL };
	struct tape *tape = tape_new("trap");

	box_start(call, "trap", prison.w, trap, 1, box_policy(prison.w,
	    "restricted", ""), NULL);
	follow_to(call, tape, "ready");
	box_type(call, "trap", "\003");
	tape_follow(tape, call, BOX_MS);
	tap_ok(tape_exit_code(tape) == 9 &&
	    strstr(tape_text(tape, "pty"), "caught") != NULL,
	    "an interrupt from the terminal goes to who reads it");
	tape_free(tape);
	tape = tape_new("jobs");
	box_start(call, "jobs", prison.w, jobs, 1, box_policy(prison.w,
	    "restricted", ""), NULL);
	box_type(call, "jobs", "PS1=; echo o''ne\n");
	follow_to(call, tape, "one");
	box_type(call, "jobs", "sh -c 'echo t''wo; exec sleep 300'\n");
	follow_to(call, tape, "two");
	box_type(call, "jobs", "\032");
	follow_to(call, tape, "Stopped");
	box_type(call, "jobs", "kill -KILL %1; fg; exec sh -c "
	    "'echo t''hree; exec sleep 300'\n");
	follow_to(call, tape, "three");
	box_type(call, "jobs", "\003");
	tape_follow(tape, call, BOX_MS);
	tap_ok(tape_exit_code(tape) == 130 &&
	    strstr(tape_text(tape, "pty"), "Stopped") != NULL,
	    "a shell stops its job and goes on");
	tape_free(tape);
}

/* A signal asked for goes to the program, not to what is around it. */
static void
story_signal(struct call *call)
{
	static const char *const argv[] = { "/bin/sh", "-c",
		"trap 'echo caught; exit 9' USR1; echo ready; "
		"while :; do sleep 0.1; done", NULL };
	struct json_object *event, *params = call_process_params("signal");
	struct tape *tape = tape_new("signal");

	box_start(call, "signal", prison.w, argv, 0, box_policy(prison.w,
	    "restricted", ""), NULL);
	while (tape_bytes(tape, "stdout") == 0 &&
	    (event = call_next(call, BOX_MS)) != NULL) {
		tape_event(tape, event);
		json_object_put(event);
	}
	json_object_object_add(params, "signal",
	    json_object_new_string("usr1"));
	json_object_put(call_result(call, "process/signal", params));
	tape_follow(tape, call, BOX_MS);
	tap_ok(tape_exit_code(tape) == 9 &&
	    strstr(tape_text(tape, "stdout"), "caught") != NULL,
	    "a signal goes to who is in the sandbox");
	tape_free(tape);
}

static int
is_alone(void *arg)
{
	char *path = arg;
	struct stat st;

	/* Whoever is left touches it again and again. */
	return unlink(path) == -1 && stat(path, &st) == -1 &&
	    usleep(50000) == 0 && stat(path, &st) == -1;
}

static void
story_terminate(struct call *call)
{
	char *path = below(prison.w, "alive"), script[256];
	const char *argv[] = { "/bin/sh", "-c", script, NULL };
	struct json_object *result;
	struct tape *tape = tape_new("end");

	snprintf(script, sizeof(script), "(setsid sh -c 'trap \"\" TERM INT "
	    "HUP; while :; do touch alive; sleep 0.01; done' &) ; sleep 300");
	box_start(call, "end", prison.w, argv, 0, box_policy(prison.w,
	    "restricted", ""), NULL);
	while (!is_there(prison.w, "alive"))
		usleep(5000);
	result = call_result(call, "process/terminate",
	    call_process_params("end"));
	json_object_put(result);
	tape_follow(tape, call, BOX_MS);
	tap_ok(tape_exit_code(tape) == 137, "terminated in its sandbox");
	tap_ok(wait_until(is_alone, path, BOX_MS) == 0,
	    "and so is all that it had started, sessions of their own or not");
	tape_free(tape);
	free(path);
}

/* What is asked of a process that is not there yet. */
static void
story_pipelined(struct call *call)
{
	static const char *const argv[] = { "/bin/cat", NULL };
	struct json_object *params = call_start_params("cat", prison.w, argv);
	struct tape *tape = tape_new("cat");
	int64_t ids[3];

	json_object_object_add(params, "sandbox", box_policy(prison.w,
	    "restricted", ""));
	json_object_object_add(params, "pipeStdin",
	    json_object_new_boolean(1));
	ids[0] = call_send(call, "process/start", params);
	ids[1] = call_send(call, "process/write", call_write_params("cat",
	    "1", "hello", 5));
	ids[2] = call_send(call, "process/closeStdin",
	    call_process_params("cat"));
	tap_ok(ask_wait(call, ids[0], NULL) == 0 &&
	    ask_wait(call, ids[1], NULL) == 0 &&
	    ask_wait(call, ids[2], NULL) == 0 &&
	    tape_follow(tape, call, BOX_MS) == 0 &&
	    strcmp(tape_text(tape, "stdout"), "hello") == 0,
	    "input sent before the sandbox is ready arrives");
	tape_free(tape);
}

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

	code = try_way(call, (const char *const []){ "mkdir", "%w/.codex",
	    NULL }, box_policy(prison.w, "restricted", ""), out);
	tap_ok(code == 0 && is_there(prison.w, ".codex"),
	    "what is missing and to be skipped can be made");
	code = try_way(call, (const char *const []){ "write", "%w/keep/new",
	    NULL }, box_policy(prison.w, "restricted", ENTRY("keep", "read",
	    "")), out);
	tap_ok(code == 1 && !is_there(prison.w, "keep/new"),
	    "what is missing and not to be skipped cannot");
	code = try_way(call, (const char *const []){ "rename", "%w/sub",
	    "%w/bus", NULL }, box_policy(prison.w, "restricted",
	    ENTRY("sub/deep", "read", "")), out);
	tap_ok(code == 1 && is_there(prison.w, "sub"),
	    "nor can what leads to it be moved away");
	put(prison.w, "denied", "secret");
	code = try_way(call, (const char *const []){ "read", "%w/denied",
	    NULL }, box_policy(prison.w, "restricted", ENTRY("denied",
	    "deny", "")), out);
	tap_ok(code == 1, "a file that is denied cannot be read: %s", out);
	code = try_way(call, (const char *const []){ "read",
	    "%w/.git/config", NULL }, box_policy(prison.w, "restricted",
	    ENTRY(".git", "deny", SKIP)), out);
	tap_ok(code == 1, "nor what is in a directory: %s", out);
	path = below(prison.w, "linked");
	unlink(path);
	free(path);
	make_link(prison.out, prison.w, "linked");
	code = try_way(call, (const char *const []){ "read", "/", NULL },
	    box_policy(prison.w, "restricted", ENTRY("linked", "read", SKIP)),
	    out);
	tap_ok(code == -1 && strstr(out, "symbolic link") != NULL,
	    "a link that cannot be protected is refused: %s", out);
}

static void
stories(struct daemon *daemon)
{
	struct call *call = call_attach(daemon_url(daemon), NULL);

	prison_build(daemon);
	ask_at(prison.root);
	if (tap_ok(call != NULL, "attached")) {
		story_ways(call);
		story_free(call);
		story_files(call);
		story_files_free(call);
		story_handles(call);
		story_ends(call);
		story_terminal(call);
		story_signal(call);
		story_terminate(call);
		story_pipelined(call);
		story_missing(call);
	}
	call_free(call);
	kill(prison.victim, SIGKILL);
	waitpid(prison.victim, NULL, 0);
}

int
main(void)
{
	static const char *const args[] = { "--gateways", "1", NULL };
	const char *why = box_missing();
	struct daemon *daemon;

	if (why != NULL)
		tap_skip_all(why);
	/* Nothing that a job has unless its policy says so. */
	setenv("HOLDFAST_PRISON", "secret", 1);
	daemon = daemon_start(args);
	if (tap_ok(daemon != NULL, "holdfastd runs")) {
		stories(daemon);
		tap_ok(daemon_stop(daemon, BOX_MS) == 0,
		    "holdfastd ends with 0");
		tap_ok(daemon_check_clean(daemon, BOX_MS) == 0,
		    "nothing is left behind");
	}
	daemon_free(daemon, tap_failed() > 0);
	return tap_done();
}
