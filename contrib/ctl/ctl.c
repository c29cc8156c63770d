/* SPDX-License-Identifier: ISC */
/* Commands: what each asks, and what is shown of the answer. */
#include "config.h"

#include <sys/ioctl.h>

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "contrib/ctl/call.h"
#include "contrib/ctl/ctl.h"
#include "contrib/ctl/options.h"
#include "contrib/ctl/safe.h"
#include "contrib/ctl/show.h"

#define OUTPUT_MAX (1024 * 1024 * 1024)

struct ctl {
	struct options options;
	struct call *call;
	struct show show;
	int terminal;		/* standard output is one */
};

/* Somebody else's words go to standard error without harm, too. */
static void
complain(const struct ctl *ctl, const char *text)
{
	struct writer w;

	writer_init(&w, 65536);
	safe_put(&w, span_str(text), ctl->show.utf8);
	fprintf(stderr, "holdfastctl: %.*s\n", (int)w.len,
	    w.len == 0 ? "" : (const char *)w.p);
	writer_clear(&w);
}

static void
put_prefix(const struct ctl *ctl, struct span *prefix, bool *has)
{
	*has = ctl->options.session != NULL;
	if (*has)
		*prefix = span_str(ctl->options.session);
}

static void
ask_nothing(const struct ctl *ctl, union proto_any *msg, struct writer *w)
{
	(void)ctl;
	(void)msg;
	(void)w;
}

static void
ask_sessions(const struct ctl *ctl, union proto_any *msg, struct writer *w)
{
	(void)w;
	msg->CB_SESSIONS.has_ended = ctl->options.all;
	msg->CB_SESSIONS.ended = ctl->options.all;
}

static void
ask_session(const struct ctl *ctl, union proto_any *msg, struct writer *w)
{
	(void)w;
	put_prefix(ctl, &msg->CB_SESSION.prefix,
	    &msg->CB_SESSION.has_prefix);
}

static void
ask_processes(const struct ctl *ctl, union proto_any *msg, struct writer *w)
{
	(void)w;
	put_prefix(ctl, &msg->CB_PROCESSES.prefix,
	    &msg->CB_PROCESSES.has_prefix);
}

static void
ask_kill(const struct ctl *ctl, union proto_any *msg, struct writer *w)
{
	struct fields_CB_KILL *kill = &msg->CB_KILL;

	(void)w;
	put_prefix(ctl, &kill->prefix, &kill->has_prefix);
	kill->has_process_id = ctl->options.process != NULL;
	if (kill->has_process_id)
		kill->process_id = span_str(ctl->options.process);
	kill->has_signal = ctl->options.signal != NULL;
	if (kill->has_signal)
		kill->signal = span_str(ctl->options.signal);
}

static void
ask_evict(const struct ctl *ctl, union proto_any *msg, struct writer *w)
{
	struct fields_CB_EVICT *evict = &msg->CB_EVICT;

	(void)w;
	put_prefix(ctl, &evict->prefix, &evict->has_prefix);
	evict->has_text = ctl->options.reason != NULL;
	if (evict->has_text)
		evict->text = span_str(ctl->options.reason);
	if (evict->text.len > 512)
		evict->text.len = 512;
	evict->has_grace_ms = ctl->options.has_grace;
	evict->grace_ms = ctl->options.grace_ms;
}

static void
ask_drain(const struct ctl *ctl, union proto_any *msg, struct writer *w)
{
	(void)w;
	msg->CB_DRAIN.has_off = ctl->options.off;
	msg->CB_DRAIN.off = ctl->options.off;
}

static void
ask_order(const struct ctl *ctl, union proto_any *msg, struct writer *w)
{
	static const uint32_t orders[CTL_COMMANDS] = {
		[CTL_RELOAD] = ORDER_RELOAD,
		[CTL_ROLL] = ORDER_ROLL,
		[CTL_UPGRADE] = ORDER_UPGRADE,
	};
	struct fields_BS_ORDER *order = &msg->BS_ORDER;

	(void)w;
	order->order = orders[ctl->options.command];
	order->has_force = order->force = ctl->options.force;
	order->has_handoff = order->handoff = ctl->options.handoff;
	order->has_grace_ms = ctl->options.has_grace;
	order->grace_ms = ctl->options.grace_ms;
}

static void
ask_trace(const struct ctl *ctl, union proto_any *msg, struct writer *w)
{
	size_t i;

	for (i = 0; i < ctl->options.ntopics; i++)
		proto_list_add(w, span_str(ctl->options.topics[i]));
	msg->CB_TRACE.topics = (struct span){ w->p, w->len };
	msg->CB_TRACE.has_off = msg->CB_TRACE.off = ctl->options.off;
	msg->CB_TRACE.has_force = msg->CB_TRACE.force = ctl->options.keep;
}

/* "again": asked twice it is as if it had been asked once. */
static const struct {
	uint16_t type;
	int again;
	void (*ask)(const struct ctl *, union proto_any *, struct writer *);
} questions[CTL_COMMANDS] = {
	[CTL_STATUS] = { MSG_CB_STATUS, 1, ask_nothing },
	[CTL_SESSIONS] = { MSG_CB_SESSIONS, 1, ask_sessions },
	[CTL_SHOW] = { MSG_CB_SHOW, 1, ask_session },
	[CTL_WHY] = { MSG_CB_WHY, 1, ask_session },
	[CTL_PROCESSES] = { MSG_CB_PROCESSES, 1, ask_processes },
	[CTL_KILL] = { MSG_CB_KILL, 0, ask_kill },
	[CTL_EVICT] = { MSG_CB_EVICT, 0, ask_evict },
	[CTL_DRAIN] = { MSG_CB_DRAIN, 1, ask_drain },
	[CTL_RELOAD] = { MSG_CB_ORDER, 0, ask_order },
	[CTL_ROLL] = { MSG_CB_ORDER, 0, ask_order },
	[CTL_UPGRADE] = { MSG_CB_ORDER, 0, ask_order },
	[CTL_TRACE] = { MSG_CB_TRACE, 1, ask_trace },
	[CTL_VERSION] = { MSG_CB_STATUS, 1, ask_nothing },
};

/* What is said while something is done. */
static void
progress_cb(void *arg, struct span text)
{
	const struct ctl *ctl = arg;
	struct writer w;

	if (ctl->options.json)
		return;
	writer_init(&w, 65536);
	safe_put(&w, text, ctl->show.utf8);
	printf("%.*s\n", (int)w.len, w.len == 0 ? "" : (const char *)w.p);
	fflush(stdout);
	writer_clear(&w);
}

static int
result_status(const struct ctl *ctl, enum call_result result)
{
	static const int statuses[] = {
		[CALL_NO_SERVER] = CTL_UNAVAILABLE,
		[CALL_NOT_ALLOWED] = CTL_NOT_ALLOWED,
		[CALL_VERSION] = CTL_PROTOCOL,
		[CALL_LOST] = CTL_UNAVAILABLE,
	};

	complain(ctl, call_why(ctl->call));
	if (result == CALL_LOST && !questions[ctl->options.command].again)
		complain(ctl, "whether it was done is not known; status, and "
		    "the log of holdfastd, tell how the server is");
	return statuses[result];
}

static void
size_of_terminal(struct ctl *ctl)
{
	struct winsize size;

	if (ctl->terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
		ctl->show.width = size.ws_col;
}

static int
print(struct ctl *ctl, const struct answer *answer)
{
	struct writer w;
	int lines = ctl->options.watch_ms != 0 &&
	    (!ctl->terminal || ctl->options.json);

	writer_init(&w, OUTPUT_MAX);
	size_of_terminal(ctl);
	ctl->show.now_ms = clock_wall_ms();
	if (lines)
		show_lines(&ctl->show, answer, &w);
	else if (ctl->options.json)
		show_json(&ctl->show, answer, &w);
	else
		show_text(&ctl->show, answer, &w);
	if (ctl->options.watch_ms != 0 && !lines)
		fputs("\033[H\033[J", stdout);
	if (w.len > 0)
		(void)fwrite(w.p, 1, w.len, stdout);
	if (fflush(stdout) == EOF || w.failed) {
		complain(ctl, "the answer cannot be written");
		writer_clear(&w);
		return CTL_FAILED;
	}
	writer_clear(&w);
	if (answer->status != TOLD_DONE && answer->text[0] != '\0')
		complain(ctl, answer->text);
	return show_status(answer->status);
}

static enum call_result
ask(struct ctl *ctl, struct answer *answer)
{
	enum ctl_command command = ctl->options.command;
	union proto_any msg;
	enum call_result result;
	struct writer w;

	writer_init(&w, 4096);
	memset(&msg, 0, sizeof(msg));
	questions[command].ask(ctl, &msg, &w);
	result = call_ask(ctl->call, questions[command].type, &msg,
	    questions[command].again, answer, progress_cb, ctl);
	writer_clear(&w);
	return result;
}

/* The broker goes when it is replaced; how the rest went is holdfastd's. */
static int
upgraded(struct ctl *ctl)
{
	union proto_any msg;
	struct answer answer;
	size_t i = 0;

	memset(&msg, 0, sizeof(msg));
	if (call_ask(ctl->call, MSG_CB_STATUS, &msg, 1, &answer, NULL,
		NULL) != CALL_ANSWERED ||
	    answer_next(&answer, &i, MSG_BC_STATUS, &msg) == 0)
		return result_status(ctl, CALL_LOST);
	complain(ctl, "the broker has been replaced; holdfastd's log tells "
	    "how the rest of the upgrade comes out");
	answer_clear(&answer);
	return 0;
}

static int
once(struct ctl *ctl)
{
	struct answer answer;
	enum call_result result = ask(ctl, &answer);
	int status;

	if (result == CALL_LOST && ctl->options.command == CTL_UPGRADE)
		return upgraded(ctl);
	if (result != CALL_ANSWERED)
		return result_status(ctl, result);
	status = print(ctl, &answer);
	answer_clear(&answer);
	return status;
}

static int
watch(struct ctl *ctl)
{
	struct timespec ts = {
		.tv_sec = (time_t)(ctl->options.watch_ms / 1000),
		.tv_nsec = (long)(ctl->options.watch_ms % 1000) * 1000000,
	};
	int status;

	while ((status = once(ctl)) == 0)
		(void)nanosleep(&ts, NULL);
	return status;
}

/* As long as we are connected; a new broker is told anew. */
static int
trace(struct ctl *ctl)
{
	int status;

	do
		status = once(ctl);
	while (status == 0 && !ctl->options.off && !ctl->options.keep &&
	    call_hold(ctl->call) == 0);
	return status;
}

static int
version(struct ctl *ctl)
{
	struct answer answer;
	union proto_any msg;
	enum call_result result;
	struct writer w;
	size_t i = 0;

	result = ask(ctl, &answer);
	writer_init(&w, 4096);
	if (result == CALL_ANSWERED && answer_next(&answer, &i,
	    MSG_BC_STATUS, &msg) != 0)
		safe_put_json(&w, msg.BC_STATUS.release);
	if (ctl->options.json)
		printf("{\"holdfastctl\":\"%s\",\"protocol\":%d,"
		    "\"server\":%.*s}\n", PACKAGE_VERSION, PROTO_VERSION,
		    w.len == 0 ? 4 : (int)w.len,
		    w.len == 0 ? "null" : (const char *)w.p);
	else
		printf("holdfastctl %s, server %.*s\n", PACKAGE_VERSION,
		    w.len == 0 ? 1 : (int)w.len - 2,
		    w.len == 0 ? "-" : (const char *)w.p + 1);
	writer_clear(&w);
	if (result != CALL_ANSWERED)
		return result_status(ctl, result);
	answer_clear(&answer);
	return 0;
}

int
ctl_main(int argc, char *argv[])
{
	struct ctl ctl;
	int status;

	memset(&ctl, 0, sizeof(ctl));
	setlocale(LC_CTYPE, "");
	ctl.show.utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	switch (options_parse(&ctl.options, argc, argv)) {
	case OPTIONS_DONE:
		return 0;
	case OPTIONS_BAD:
		return CTL_USAGE;
	default:
		break;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	ctl.terminal = isatty(STDOUT_FILENO);
	ctl.show.command = ctl.options.command;
	ctl.call = call_new(ctl.options.runtime_dir);
	if (ctl.options.command == CTL_VERSION)
		status = version(&ctl);
	else if (ctl.options.command == CTL_TRACE)
		status = trace(&ctl);
	else if (ctl.options.watch_ms != 0)
		status = watch(&ctl);
	else
		status = once(&ctl);
	call_free(ctl.call);
	return status;
}
