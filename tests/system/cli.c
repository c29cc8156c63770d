/* SPDX-License-Identifier: ISC */
/* holdfast(1) from the build tree as tests run it. */
#include "config.h"

#include <sys/ioctl.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "common/xmalloc.h"
#include "tests/lib/wait.h"
#include "tests/system/cli.h"

#define CLI_ARGS 32
#define CLI_READ_SIZE 65536

struct cli_buf {
	char *data;
	size_t len;
	size_t size;
};

struct cli {
	pid_t pid; /* whom to wait for */
	pid_t client; /* the same, or its child on a terminal */
	int status; /* once pid is 0 */
	int in;
	int out;
	int err;
	int terminal; /* its side, kept open to look at; or -1 */
	int end_input;
	int deaf;
	struct cli_buf input;
	struct cli_buf output;
	struct cli_buf error;
};

static void
cli_buf_add(struct cli_buf *buf, const void *data, size_t len)
{
	if (buf->len + len + 1 > buf->size) {
		buf->size = (buf->len + len + 1) * 2;
		buf->data = xreallocarray(buf->data, buf->size, 1);
	}
	memcpy(buf->data + buf->len, data, len);
	buf->len += len;
	buf->data[buf->len] = '\0';
}

static const char *cli_name = "run";

static const char *cli_state = "/dev/null";

void
cli_remember_in(const char *directory)
{
	cli_state = directory;
}

void
cli_command(const char *name)
{
	cli_name = name;
}

static void __attribute__((noreturn))
cli_child(const int fds[3], const char *url, const char *const args[])
{
	const char *build = getenv("top_builddir"), *argv[CLI_ARGS] = {
		"holdfast", cli_name
	};
	char *program;
	int i, at = 2;

	/* Another command than run stands first. */
	if (args[0] != NULL && (strcmp(args[0], "attach") == 0 ||
	    strcmp(args[0], "ps") == 0))
		at = 1;
	for (i = 0; args[i] != NULL && i < CLI_ARGS - 3; i++)
		argv[i + at] = args[i];
	/* What it remembers is the test's, or nothing. */
	setenv("XDG_STATE_HOME", cli_state, 1);
	if (url == NULL)
		unsetenv("HOLDFAST_URL");
	else
		setenv("HOLDFAST_URL", url, 1);
	for (i = 0; i < 3; i++)
		if (dup2(fds[i], i) == -1)
			_exit(99);
	program = xasprintf("%s/holdfast", build == NULL ? "." : build);
	execv(program, (char *const *)(uintptr_t)argv);
	dprintf(STDERR_FILENO, "%s: %s\n", program, strerror(errno));
	_exit(99);
}

static struct cli *
cli_new(void)
{
	struct cli *cli = xcalloc(1, sizeof(*cli));

	cli->in = cli->out = cli->err = cli->terminal = -1;
	cli_buf_add(&cli->output, "", 0);
	cli_buf_add(&cli->error, "", 0);
	return cli;
}

static void
cli_close(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

static struct cli *
cli_start_on(const char *url, const char *const args[], int null)
{
	struct cli *cli = cli_new();
	int in[2] = { -1, -1 }, out[2], err[2], fds[3];

	if ((null ? (in[0] = open("/dev/null", O_RDONLY | O_CLOEXEC)) == -1 :
	    pipe2(in, O_CLOEXEC) == -1) || pipe2(out, O_CLOEXEC) == -1 ||
	    pipe2(err, O_CLOEXEC) == -1)
		abort();
	fds[0] = in[0];
	fds[1] = out[1];
	fds[2] = err[1];
	if ((cli->pid = fork()) == 0)
		cli_child(fds, url, args);
	cli->client = cli->pid;
	close(in[0]);
	close(out[1]);
	close(err[1]);
	cli->in = in[1];
	cli->out = out[0];
	cli->err = err[0];
	if (!null)
		fcntl(cli->in, F_SETFL, O_NONBLOCK);
	return cli;
}

struct cli *
cli_start(const char *url, const char *const args[])
{
	return cli_start_on(url, args, 0);
}

struct cli *
cli_start_null(const char *url, const char *const args[])
{
	return cli_start_on(url, args, 1);
}

/*
 * Leads the session of a terminal as a shell does: a client in a group of
 * its own may be suspended, one without a parent there may not.
 */
static void __attribute__((noreturn))
cli_shell(int terminal, int report, const char *url, const char *const args[])
{
	int fds[3] = { terminal, terminal, terminal }, status = 0;
	pid_t pid;

	if (setsid() == -1 || ioctl(terminal, TIOCSCTTY, 0) == -1)
		_exit(99);
	signal(SIGTTOU, SIG_IGN);
	if ((pid = fork()) == 0) {
		setpgid(0, 0);
		tcsetpgrp(terminal, getpid());
		signal(SIGTTOU, SIG_DFL);
		cli_child(fds, url, args);
	}
	if (write(report, &pid, sizeof(pid)) != sizeof(pid))
		_exit(99);
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) :
	    128 + WTERMSIG(status));
}

struct cli *
cli_start_tty(const char *url, const char *const args[])
{
	return cli_start_tty_size(url, args, 0, 0);
}

struct cli *
cli_start_tty_size(const char *url, const char *const args[],
    unsigned short rows, unsigned short cols)
{
	struct winsize size = { .ws_row = rows, .ws_col = cols };
	struct cli *cli = cli_new();
	int report[2], master;

	if (openpty(&master, &cli->terminal, NULL, NULL, &size) == -1 ||
	    pipe2(report, O_CLOEXEC) == -1)
		abort();
	fcntl(master, F_SETFD, FD_CLOEXEC);
	fcntl(cli->terminal, F_SETFD, FD_CLOEXEC);
	if ((cli->pid = fork()) == 0)
		cli_shell(cli->terminal, report[1], url, args);
	close(report[1]);
	if (read(report[0], &cli->client, sizeof(cli->client)) !=
	    sizeof(cli->client))
		abort();
	close(report[0]);
	cli->out = master;
	cli->in = fcntl(master, F_DUPFD_CLOEXEC, 0);
	fcntl(master, F_SETFL, O_NONBLOCK);
	return cli;
}

void
cli_free(struct cli *cli)
{
	if (cli == NULL)
		return;
	if (cli->pid > 0) {
		kill(cli->client, SIGKILL);
		waitpid(cli->pid, NULL, 0);
	}
	cli_close(&cli->in);
	cli_close(&cli->out);
	cli_close(&cli->err);
	cli_close(&cli->terminal);
	free(cli->input.data);
	free(cli->output.data);
	free(cli->error.data);
	free(cli);
}

pid_t
cli_pid(const struct cli *cli)
{
	return cli->client;
}

void
cli_input(struct cli *cli, const void *data, size_t len)
{
	cli_buf_add(&cli->input, data, len);
}

void
cli_end_input(struct cli *cli)
{
	cli->end_input = 1;
}

void
cli_deaf(struct cli *cli, int on)
{
	cli->deaf = on;
}

static int
cli_is_full(void *arg)
{
	const struct cli *cli = arg;
	int n;

	return ioctl(cli->out, FIONREAD, &n) == 0 &&
	    n > fcntl(cli->out, F_GETPIPE_SZ) - PIPE_BUF;
}

int
cli_wait_full(struct cli *cli)
{
	return wait_until(cli_is_full, cli, CLI_MS);
}

void
cli_hang_up(struct cli *cli)
{
	cli_close(&cli->out);
}

static void
cli_take(int *fd, struct cli_buf *buf)
{
	char data[CLI_READ_SIZE];
	ssize_t n = read(*fd, data, sizeof(data));

	if (n > 0)
		cli_buf_add(buf, data, (size_t)n);
	/* A terminal that nobody has open any more gives EIO. */
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		cli_close(fd);
}

static void
cli_give(struct cli *cli)
{
	struct cli_buf *buf = &cli->input;
	ssize_t n;

	n = write(cli->in, buf->data, buf->len);
	if (n > 0) {
		buf->len -= (size_t)n;
		memmove(buf->data, buf->data + n, buf->len);
	} else if (n == -1 && errno != EAGAIN && errno != EINTR) {
		buf->len = 0;
		cli_close(&cli->in);
	}
}

static int
cli_exited(struct cli *cli)
{
	if (cli->pid > 0 &&
	    waitpid(cli->pid, &cli->status, WNOHANG) == cli->pid)
		cli->pid = 0;
	return cli->pid == 0;
}

/* Move what can be moved, for at most 20 ms. */
static void
cli_pump(struct cli *cli)
{
	struct pollfd fds[3] = {
		{ .fd = cli->deaf ? -1 : cli->out, .events = POLLIN },
		{ .fd = cli->err, .events = POLLIN },
		{ .fd = cli->input.len > 0 ? cli->in : -1,
		    .events = POLLOUT },
	};

	if (cli->input.len == 0 && cli->end_input)
		cli_close(&cli->in);
	if (poll(fds, 3, 20) <= 0)
		return;
	if (fds[0].revents != 0)
		cli_take(&cli->out, &cli->output);
	if (fds[1].revents != 0)
		cli_take(&cli->err, &cli->error);
	if (fds[2].revents != 0)
		cli_give(cli);
}

static int
cli_until(struct cli *cli, const struct cli_buf *buf, const char *text,
    size_t len)
{
	uint64_t deadline = deadline_in(CLI_MS);
	int ended;

	for (;;) {
		ended = cli_exited(cli);
		cli_pump(cli);
		if (text != NULL ? memmem(buf->data, buf->len, text,
		    strlen(text)) != NULL : buf->len >= len)
			return 0;
		if ((ended && cli->out == -1) || deadline_left(deadline) == 0)
			return -1;
	}
}

int
cli_expect(struct cli *cli, const char *text)
{
	return cli_until(cli, &cli->output, text, 0);
}

int
cli_expect_error(struct cli *cli, const char *text)
{
	return cli_until(cli, &cli->error, text, 0);
}

int
cli_expect_bytes(struct cli *cli, size_t len)
{
	return cli_until(cli, &cli->output, NULL, len);
}

/*
 * The terminal stays open here, so its end does not show: a mark of ours
 * comes behind all that was written to it.
 */
static void
cli_drain(struct cli *cli, uint64_t deadline)
{
	static const char mark = '\006';
	struct cli_buf *buf = &cli->output;

	if (write(cli->terminal, &mark, 1) != 1)
		return;
	while (deadline_left(deadline) > 0 && cli->out != -1) {
		cli_pump(cli);
		if (buf->len > 0 && buf->data[buf->len - 1] == mark) {
			buf->data[--buf->len] = '\0';
			return;
		}
	}
}

int
cli_wait(struct cli *cli)
{
	uint64_t deadline = deadline_in(CLI_MS);

	while (!cli_exited(cli)) {
		if (deadline_left(deadline) == 0)
			return -1;
		cli_pump(cli);
	}
	if (cli->terminal != -1)
		cli_drain(cli, deadline);
	while (cli->terminal == -1 && !cli->deaf &&
	    (cli->out != -1 || cli->err != -1) && deadline_left(deadline) > 0)
		cli_pump(cli);
	return WIFEXITED(cli->status) ? WEXITSTATUS(cli->status) :
	    128 + WTERMSIG(cli->status);
}

const char *
cli_out(const struct cli *cli)
{
	return cli->output.data;
}

const char *
cli_err(const struct cli *cli)
{
	return cli->error.data;
}

size_t
cli_out_len(const struct cli *cli)
{
	return cli->output.len;
}

int
cli_termios(const struct cli *cli, struct termios *out)
{
	return tcgetattr(cli->terminal, out);
}

int
cli_resize(const struct cli *cli, unsigned short rows, unsigned short cols)
{
	struct winsize size = { .ws_row = rows, .ws_col = cols };

	return ioctl(cli->out, TIOCSWINSZ, &size);
}

int
cli_run(const char *url, const char *const args[], const void *input,
    size_t len, char **out, char **err)
{
	struct cli *cli = input == NULL ? cli_start_null(url, args) :
	    cli_start(url, args);
	int status;

	if (len > 0)
		cli_input(cli, input, len);
	cli_end_input(cli);
	status = cli_wait(cli);
	if (out != NULL)
		*out = xstrdup(cli_out(cli));
	if (err != NULL)
		*err = xstrdup(cli_err(cli));
	cli_free(cli);
	return status;
}
