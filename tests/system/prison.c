/* SPDX-License-Identifier: ISC */
/* The prison, and what is tried in it. */
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
#include "tests/system/ask.h"
#include "tests/system/boxkit.h"
#include "tests/system/prison.h"

#define COUNT(list) (sizeof(list) / sizeof(list[0]))

struct prison prison;

char *
below(const char *directory, const char *name)
{
	return xasprintf("%s/%s", directory, name);
}

void
put_file(const char *directory, const char *name, const char *text)
{
	char *path = below(directory, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd == -1 || dprintf(fd, "%s", text) < 0 || close(fd) == -1)
		fatal("%s", path);
	free(path);
}

void
make_directory(const char *directory, const char *name)
{
	char *path = below(directory, name);

	if (mkdir(path, 0755) == -1)
		fatal("%s", path);
	free(path);
}

void
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
	put_file(p->w, ".git/config", "mine");
	put_file(p->out, "file", "mine");
	put_file(p->out, "secret", "secret");
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

int
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

int
is_there(const char *directory, const char *name)
{
	char *path = below(directory, name);
	struct stat st;
	int there = lstat(path, &st) == 0;

	free(path);
	return there;
}

/* Nothing outside is as if somebody had been there. */
int
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

int
prison_try(struct call *call, const char *const *way, struct json_object *policy,
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

static void
drain(int fd)
{
	int accepted;

	while ((accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC)) != -1)
		close(accepted);
}

void
prison_drain(void)
{
	char bytes[16];

	drain(prison.tcp);
	drain(prison.abstract);
	drain(prison.named);
	while (recv(prison.udp, bytes, sizeof(bytes), MSG_DONTWAIT) != -1 ||
	    recv(prison.datagram, bytes, sizeof(bytes), MSG_DONTWAIT) != -1)
		continue;
}

int
ask_boxed(struct call *call, const char *method, const char *params,
    struct json_object *policy, struct json_object **result)
{
	struct json_object *object = ask_json(params);

	json_object_object_add(object, "sandbox", policy);
	return ask_wait(call, call_send(call, method, object), result);
}

static void
tell(struct daemon *daemon, void (*stories)(struct call *call))
{
	struct call *call = call_attach(daemon_url(daemon), NULL);

	prison_build(daemon);
	ask_at(prison.root);
	if (tap_ok(call != NULL, "attached"))
		stories(call);
	call_free(call);
	kill(prison.victim, SIGKILL);
	waitpid(prison.victim, NULL, 0);
}

int
prison_main(void (*stories)(struct call *call))
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
		tell(daemon, stories);
		tap_ok(daemon_stop(daemon, BOX_MS) == 0,
		    "holdfastd ends with 0");
		tap_ok(daemon_check_clean(daemon, BOX_MS) == 0,
		    "nothing is left behind");
	}
	daemon_free(daemon, tap_failed() > 0);
	return tap_done();
}
