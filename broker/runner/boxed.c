/* SPDX-License-Identifier: ISC */
/* Programs in sandboxes: the runner's side of holdfast-box. */
#include "config.h"

#include <sys/mman.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "broker/runner/box/box.h"
#include "broker/runner/boxed.h"
#include "broker/runner/sandbox.h"
#include "common/proto.h"
#include "common/unix.h"

#define SETUP_MS 60000

extern char **environ;

struct boxing {
	int status;		/* a socket, which tells who writes */
	int error;		/* a pipe */
	pid_t program;
	struct event *event, *timer;
	boxed_done *done;
	void *arg;
	char text[BOX_STATUS_MAX];
	size_t len;
};

int
boxed_beside(const char *name, char *out, size_t size)
{
	char self[PATH_MAX], *slash;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n == -1)
		return -1;
	self[n] = '\0';
	slash = strrchr(self, '/');
	if (slash == NULL)
		return -1;
	*slash = '\0';
	n = snprintf(out, size, "%s/%s", self, name);
	return n < 0 || (size_t)n >= size ? -1 : 0;
}

void
boxed_forget(struct boxing *boxing)
{
	if (boxing == NULL)
		return;
	if (boxing->event != NULL)
		event_free(boxing->event);
	if (boxing->timer != NULL)
		event_free(boxing->timer);
	unix_close(&boxing->status);
	unix_close(&boxing->error);
	free(boxing);
}

/* What bubblewrap complained about comes by the pipe. */
static void
judge(struct boxing *boxing, struct boxed_outcome *outcome)
{
	char said[512] = "";
	ssize_t n;

	boxing->text[boxing->len] = '\0';
	n = read(boxing->error, said, sizeof(said) - 1);
	said[n > 0 ? n : 0] = '\0';
	outcome->program = boxing->program;
	outcome->started = sandbox_judge(boxing->text, said, outcome->text,
	    sizeof(outcome->text));
}

/* Whoever is inside has another number there than here. */
static ssize_t
status_read(struct boxing *boxing)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(struct ucred))];
	} control;
	struct iovec iov = { boxing->text + boxing->len,
	    sizeof(boxing->text) - 1 - boxing->len };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *head;
	struct ucred who;
	ssize_t n;

	n = recvmsg(boxing->status, &msg, MSG_CMSG_CLOEXEC);
	head = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
	if (head != NULL && head->cmsg_level == SOL_SOCKET &&
	    head->cmsg_type == SCM_CREDENTIALS && boxing->len == 0) {
		memcpy(&who, CMSG_DATA(head), sizeof(who));
		boxing->program = who.pid;
	}
	return n;
}

static void
status_cb(evutil_socket_t fd, short what, void *arg)
{
	struct boxed_outcome outcome = { 0 };
	struct boxing *boxing = arg;
	ssize_t n;

	(void)fd;
	(void)what;
	n = status_read(boxing);
	if (n > 0) {
		boxing->len += (size_t)n;
		return;
	}
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	event_del(boxing->event);
	event_del(boxing->timer);
	judge(boxing, &outcome);
	boxing->done(boxing->arg, &outcome);
}

static void
timer_cb(evutil_socket_t fd, short what, void *arg)
{
	struct boxed_outcome outcome = { 0 };
	struct boxing *boxing = arg;

	(void)fd;
	(void)what;
	event_del(boxing->event);
	snprintf(outcome.text, sizeof(outcome.text),
	    "the sandbox was not set up within %d seconds: does a file "
	    "system hang?", SETUP_MS / 1000);
	boxing->done(boxing->arg, &outcome);
}

/* Strings up to a NULL as a list, in a buffer of its own. */
static void
put_strings(struct writer *w, char *const *strings)
{
	for (; *strings != NULL; strings++)
		proto_list_add(w, span_str(*strings));
}

static int
order_file(const struct writer *w)
{
	int fd = memfd_create("order", MFD_CLOEXEC);
	size_t done = 0;
	ssize_t n;

	while (fd != -1 && done < w->len) {
		n = write(fd, w->p + done, w->len - done);
		if (n == -1 && errno != EINTR)
			unix_close(&fd);
		else if (n > 0)
			done += (size_t)n;
	}
	return fd;
}

/* A file that tells holdfast-box what to do; -1 with errno. */
static int
order_make(const struct exec_plan *plan, const struct boxed_policy *policy)
{
	static char *const none[] = { NULL };
	struct writer argv, env, programs, w;
	struct fields_BOX order = {
		.network = policy->network,
		.rules = policy->rules,
		.directory = span_str(plan->directory),
		.tty = plan->terminal != 0,
	};
	int fd = -1;

	writer_init(&argv, PROTO_REQUEST_MAX);
	writer_init(&env, PROTO_REQUEST_MAX);
	writer_init(&programs, PROTO_REQUEST_MAX);
	writer_init(&w, PROTO_REQUEST_MAX + 64);
	put_strings(&argv, plan->argv);
	put_strings(&env, plan->envp);
	put_strings(&programs, plan->programs != NULL ? plan->programs :
	    none);
	order.argv = (struct span){ argv.p, argv.len };
	order.env = (struct span){ env.p, env.len };
	order.programs = (struct span){ programs.p, programs.len };
	if (!argv.failed && !env.failed && !programs.failed)
		proto_record_add(&w, &proto_box, &order);
	errno = E2BIG;
	if (!w.failed && w.len > 0)
		fd = order_file(&w);
	writer_clear(&w);
	writer_clear(&programs);
	writer_clear(&env);
	writer_clear(&argv);
	return fd;
}

/* A copy where exec_start() wants it. */
static int
high(int fd)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, EXEC_EXTRA_FROM);
}

/* How we hear of it: the first ends are ours, the others theirs, and high. */
struct pipes {
	int status[2], error[2];
};

static int
make_high(int *fd)
{
	int low = *fd;

	*fd = high(low);
	close(low);
	return *fd == -1 ? -1 : 0;
}

static int
pipes_open(struct pipes *pipes)
{
	int on = 1;

	if (unix_pair(SOCK_STREAM, pipes->status) == -1 ||
	    pipe2(pipes->error, O_CLOEXEC) == -1)
		return -1;
	return setsockopt(pipes->status[0], SOL_SOCKET, SO_PASSCRED, &on,
	    sizeof(on)) == -1 || make_high(&pipes->status[1]) == -1 ||
	    make_high(&pipes->error[1]) == -1 ||
	    unix_nonblock(pipes->error[0]) == -1 ? -1 : 0;
}

static void
pipes_close(struct pipes *pipes)
{
	unix_close(&pipes->status[0]);
	unix_close(&pipes->status[1]);
	unix_close(&pipes->error[0]);
	unix_close(&pipes->error[1]);
}

static pid_t
box_exec(const struct exec_plan *plan, int order, int program,
    const struct pipes *pipes, struct exec_failure *failure)
{
	char path[PATH_MAX], name[] = "holdfast-box";
	char *argv[] = { name, NULL }, *programs[] = { path, NULL };
	struct exec_plan box = {
		.argv = argv,
		.envp = environ,	/* the program's own stays outside */
		.programs = programs,
		.directory = "/",
		.terminal = plan->terminal,
		.blocked = 1,
	};
	const int extra[] = { order, pipes->status[1], plan->fds[0],
	    plan->fds[1], plan->fds[2], program };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	bool whole = null != -1 &&
	    boxed_beside(name, path, sizeof(path)) == 0;
	pid_t pid = -1;
	size_t i;

	box.fds[0] = plan->terminal ? plan->fds[0] : null;
	box.fds[1] = plan->terminal ? plan->fds[1] : null;
	box.fds[2] = pipes->error[1];
	for (i = 0; i < sizeof(extra) / sizeof(extra[0]); i++) {
		if (extra[i] == -1)
			break;
		box.extra[box.extras] = high(extra[i]);
		if (box.extra[box.extras] == -1)
			whole = false;
		else
			box.extras++;
	}
	*failure = (struct exec_failure){ EXEC_FILES, errno };
	if (whole)
		pid = exec_start(&box, failure);
	while (box.extras > 0)
		close(box.extra[--box.extras]);
	unix_close(&null);
	return pid;
}

static struct boxing *
boxing_new(struct event_base *base, struct pipes *pipes, boxed_done *done,
    void *arg)
{
	struct boxing *boxing = calloc(1, sizeof(*boxing));
	struct timeval tv = { .tv_sec = SETUP_MS / 1000 };

	if (boxing == NULL)
		return NULL;
	boxing->status = boxing->error = -1;
	boxing->done = done;
	boxing->arg = arg;
	boxing->event = event_new(base, pipes->status[0],
	    EV_READ | EV_PERSIST, status_cb, boxing);
	boxing->timer = evtimer_new(base, timer_cb, boxing);
	if (boxing->event == NULL || boxing->timer == NULL ||
	    event_add(boxing->event, NULL) == -1 ||
	    event_add(boxing->timer, &tv) == -1) {
		boxed_forget(boxing);
		return NULL;
	}
	boxing->status = pipes->status[0];
	boxing->error = pipes->error[0];
	pipes->status[0] = pipes->error[0] = -1;
	return boxing;
}

pid_t
boxed_start(struct event_base *base, const struct exec_plan *plan,
    const struct boxed_policy *policy, int program, struct boxing **boxing,
    boxed_done *done, void *arg, struct exec_failure *failure)
{
	struct pipes pipes = { { -1, -1 }, { -1, -1 } };
	int order = order_make(plan, policy);
	pid_t pid = -1;

	*boxing = NULL;
	*failure = (struct exec_failure){ EXEC_FILES, errno };
	if (order != -1 && pipes_open(&pipes) == 0)
		*boxing = boxing_new(base, &pipes, done, arg);
	else
		failure->error = errno;
	/* Watched first, for afterwards it could not be taken back. */
	if (*boxing != NULL) {
		pid = box_exec(plan, order, program, &pipes, failure);
		if (pid == -1) {
			boxed_forget(*boxing);
			*boxing = NULL;
		}
	}
	pipes_close(&pipes);
	unix_close(&order);
	return pid;
}
