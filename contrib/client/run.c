/* SPDX-License-Identifier: ISC */
/* "holdfast run": one job, as if it ran here. */
#include "config.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <json-c/json.h>

#include "common/log.h"
#include "common/xmalloc.h"
#include "contrib/client/job.h"
#include "contrib/client/options.h"
#include "contrib/client/rpc.h"
#include "contrib/client/run.h"
#include "contrib/client/run_private.h"
#include "contrib/client/say.h"
#include "contrib/client/session.h"
#include "contrib/client/start.h"
#include "contrib/client/target.h"
#include "contrib/client/tty.h"

/* A break shorter than this is only told when it is over. */
#define RUN_AWAY_TOLD_MS 1000

#define RUN_ID_SIZE 40

void
run_arm(struct event *event, int ms)
{
	struct timeval tv = {
		.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000
	};

	event_add(event, &tv);
}

static void
run_ready_cb(void *arg)
{
	struct run *run = arg;

	job_set_beyond(run->job, session_is_beyond(run->session));
	job_attached(run->job);
	if (run->attaching)
		run_look(run);
}

static void
run_away_cb(void *arg, const char *why)
{
	struct run *run = arg;

	strlcpy(run->away_why, why, sizeof(run->away_why));
	run_arm(run->away, RUN_AWAY_TOLD_MS);
	job_away(run->job);
}

static void
run_back_cb(void *arg, uint64_t away_ms)
{
	struct run *run = arg;

	event_del(run->away);
	run->away_told = 0;
	say_note("connected again after %llu.%03llu s (%s)",
	    (unsigned long long)away_ms / 1000,
	    (unsigned long long)away_ms % 1000, run->away_why);
	job_attached(run->job);
	if (run->attaching)
		run_look(run);
}

static void
run_away_long_cb(evutil_socket_t fd, short what, void *arg)
{
	struct run *run = arg;

	(void)fd;
	(void)what;
	run->away_told = 1;
	say_note("connection lost (%s); trying again%s", run->away_why,
	    tty_is_raw() ? ", Ctrl-C gives up" : "");
	/* To see that Ctrl-C. */
	if (tty_is_raw())
		run_want_input(run, job_input_room(run->job) > 0);
}

static void
run_reply_cb(void *arg, int what, uint64_t tag,
    const struct rpc_message *msg)
{
	struct run *run = arg;

	if (what == RUN_CALL_LIST) {
		run_listed(run, msg);
		return;
	}
	job_reply(run->job, what, tag, msg);
	if (run->detach && !run->finishing && job_is_started(run->job))
		run_leave(run);
}

static void
run_notification_cb(void *arg, const struct rpc_message *msg)
{
	struct run *run = arg;

	job_notification(run->job, msg);
}

static void
run_session_failed_cb(void *arg, const char *why)
{
	struct run *run = arg;

	tty_restore();
	say_error("%s", why);
	if (run->signal != 0)
		run_finish(run, 128 + run->signal);
	else
		run_finish(run, session_is_replaced(run->session) ?
		    JOB_STATUS_TAKEN : JOB_STATUS_FAILED);
}

static const struct session_ops run_session_ops = {
	.ready = run_ready_cb,
	.back = run_back_cb,
	.away = run_away_cb,
	.reply = run_reply_cb,
	.notification = run_notification_cb,
	.failed = run_session_failed_cb,
};

static int
run_job_call_cb(void *arg, int what, uint64_t tag, const char *method,
    struct json_object *params)
{
	struct run *run = arg;

	return session_call(run->session, what, tag, method, params);
}

static void
run_job_output_cb(void *arg, enum seqmerge_stream stream, const void *data,
    size_t len)
{
	struct run *run = arg;

	session_is_sound(run->session);
	run_output(run, stream, data, len);
}

static void
run_job_ended_cb(void *arg, int exit_code)
{
	struct run *run = arg;

	if (run->signal != 0)
		exit_code = 128 + run->signal;
	else if (run->broken == EPIPE)
		exit_code = 128 + SIGPIPE;
	else if (exit_code == 0 &&
	    (run->broken != 0 || job_has_lost_output(run->job)))
		exit_code = JOB_STATUS_FAILED;
	run_finish(run, exit_code);
}

static void
run_job_failed_cb(void *arg, int status, const char *why)
{
	struct run *run = arg;

	tty_restore();
	say_error("%s%s", status == JOB_STATUS_FAILED ? "" :
	    "the command can't be run: ", why);
	run_finish(run, run->signal != 0 ? 128 + run->signal : status);
}

static void
run_job_input_cb(void *arg, int wanted)
{
	run_want_input(arg, wanted);
}

static void
run_job_note_cb(void *arg, const char *text)
{
	(void)arg;
	say_note("%s", text);
}

static void
run_job_wake_cb(void *arg, int ms)
{
	struct run *run = arg;

	run_arm(run->tick, ms);
}

static void
run_job_distrust_cb(void *arg, const char *why)
{
	struct run *run = arg;

	session_distrust(run->session, why);
}

static const struct job_ops run_job_ops = {
	.call = run_job_call_cb,
	.output = run_job_output_cb,
	.ended = run_job_ended_cb,
	.failed = run_job_failed_cb,
	.input = run_job_input_cb,
	.note = run_job_note_cb,
	.wake = run_job_wake_cb,
	.distrust = run_job_distrust_cb,
};

static void
run_tick_cb(evutil_socket_t fd, short what, void *arg)
{
	struct run *run = arg;

	(void)fd;
	(void)what;
	job_tick(run->job);
}

/* So that nothing we open takes the place of one of them. */
static void
run_open_standard(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

static int
run_stdin_is_null(void)
{
	struct stat st;

	return fstat(STDIN_FILENO, &st) == -1 ||
	    (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3));
}

static char *
run_directory(const char *cwd)
{
	char here[PATH_MAX];

	if (cwd != NULL && *cwd == '/')
		return xstrdup(cwd);
	if (getcwd(here, sizeof(here)) == NULL) {
		say_error("working directory: %s", strerror(errno));
		return NULL;
	}
	return cwd == NULL ? xstrdup(here) : xasprintf("%s/%s", here, cwd);
}

/* Of the user's terminal, wherever it is; 0 if it has none. */
void
run_size(int *rows, int *cols)
{
	if (tty_size(STDIN_FILENO, rows, cols) == -1 &&
	    tty_size(STDOUT_FILENO, rows, cols) == -1)
		*rows = *cols = 0;
}

static void
run_raw(struct run *run)
{
	if (run->tty && isatty(STDIN_FILENO) && run->input != NULL &&
	    tty_raw(STDIN_FILENO) == -1)
		say_error("terminal: %s", strerror(errno));
}

void
run_adopt(struct run *run, const char *id, int tty)
{
	int rows, cols;

	run->attaching = 0;
	run->tty = tty;
	run_raw(run);
	run_size(&rows, &cols);
	job_adopt(run->job, id, tty);
	job_resize(run->job, rows, cols);
}

static struct job *
run_make_job(struct run *run, struct options *options, int pipe_stdin)
{
	char id[RUN_ID_SIZE], why[256], *cwd, *term;
	struct start start = { .process_id = id, .argv = options->argv };
	struct json_object *params;

	snprintf(id, sizeof(id), "run-%ld-%08x%08x", (long)getpid(),
	    arc4random(), arc4random());
	if (run->tty && (term = getenv("TERM")) != NULL &&
	    start_is_utf8(term)) {
		term = xasprintf("TERM=%s", term);
		options_set_env(options, term);
		free(term);
	}
	if ((cwd = run_directory(options->cwd)) == NULL)
		return NULL;
	start.cwd = cwd;
	start.env = options->env;
	start.inherit_env = options->inherit_env;
	start.tty = run->tty;
	start.pipe_stdin = pipe_stdin;
	if (run->tty)
		run_size(&start.rows, &start.cols);
	params = start_params(&start, why, sizeof(why));
	free(cwd);
	if (params == NULL) {
		say_error("%s", why);
		return NULL;
	}
	return job_new(id, params, run->tty, &run_job_ops, run);
}

static int
run_open(struct run *run, struct options *options,
    const struct session_config *config)
{
	int with_input = !options->no_stdin && !run_stdin_is_null();

	run->status = JOB_STATUS_FAILED;
	run->tty = options->tty != -1 ? options->tty : !options->detach &&
	    isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	run->detach = options->detach;
	run->attaching = options->command == OPTIONS_ATTACH;
	run->wanted = options->process;
	run->url = options->url;
	run->argv = options->argv;
	escape_init(&run->escape, options->escape);
	with_input = with_input && !run->detach;
	run->base = event_base_new();
	if (run->base == NULL)
		fatalx("the event loop can't be made");
	if (run->attaching) {
		run->tty = 0;
		run->job = job_new_adopted(&run_job_ops, run);
	} else
		run->job = run_make_job(run, options,
		    with_input && !run->tty);
	if (run->job == NULL)
		return -1;
	run->session = session_new(run->base, config, &run_session_ops, run);
	run->tick = event_new(run->base, -1, 0, run_tick_cb, run);
	run->away = event_new(run->base, -1, 0, run_away_long_cb, run);
	if (run->tick == NULL || run->away == NULL)
		fatalx("out of memory");
	run_io_open(run, with_input);
	run_signals_open(run);
	return 0;
}

static void
run_close(struct run *run)
{
	if (run->session != NULL) {
		run_signals_close(run);
		run_io_close(run);
		event_free(run->tick);
		event_free(run->away);
		session_free(run->session);
	}
	job_free(run->job);
	free(run->found);
	event_base_free(run->base);
}

/* That epoll(7) does not take files is no news; the rest shows itself. */
static void
run_libevent_log_cb(int severity, const char *text)
{
	(void)severity;
	log_debug("event", "%s", text);
}

int
run_main(struct options *options)
{
	struct session_config config = {
		.url_text = options->url,
		.resume = options->session,
		.takeover = options->takeover,
		.ttl_ms = options->ttl_ms,
	};
	struct run run = { 0 };
	struct target target;

	run_open_standard();
	event_set_log_callback(run_libevent_log_cb);
	log_init("holdfast", LOG_LEVEL_WARN, 0);
	if (options->quiet)
		say_quiet();
	if (target_init(&target, options->url, options->token_file,
	    options->ca) == -1) {
		target_clear(&target);
		return JOB_STATUS_FAILED;
	}
	config.url = &target.url;
	config.addresses = target.addresses;
	config.token = target.token;
	if (run_open(&run, options, &config) == 0) {
		run_raw(&run);
		session_begin(run.session);
		event_base_dispatch(run.base);
		tty_restore();
	}
	run_close(&run);
	target_clear(&target);
	return run.status;
}
