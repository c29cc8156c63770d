/* SPDX-License-Identifier: ISC */
/*
 * One connected runner.  It belongs to a tenant: it may say that its session
 * is detached or over, and when it says anything else it is killed.
 */
#include "config.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "broker/broker.h"
#include "broker/epitaph.h"
#include "broker/launch.h"
#include "broker/operator.h"
#include "broker/order.h"
#include "broker/trace.h"
#include "common/chan.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/unix.h"

struct run {
	struct session *session;
	struct chan *chan;	/* NULL: lost */
	struct lend lend;
	struct count_teller counted;
	uint64_t started_us;	/* 0: adopted */
	int held;		/* the data end, until the runner is ready */
	struct event *timer;
	uint32_t version;	/* that it speaks; 0 before HELLO */
	uint32_t oldest;
	pid_t pid;		/* 0: collected, or never started */
	int status;		/* when collected: as of waitpid(2) */
};

pid_t
run_pid(const struct run *run)
{
	return run->pid;
}

size_t
run_queued(const struct run *run)
{
	return run->chan == NULL ? 0 : chan_queued(run->chan);
}

bool
run_speaks(const struct run *run, uint32_t *version, uint32_t *oldest)
{
	*version = run->version;
	*oldest = run->oldest;
	return run->version != 0;
}

void
run_kill(struct run *run)
{
	struct session *session = run->session;

	/* Ours until it is collected, so its number is not used again. */
	if (run->pid != 0)
		kill(run->pid, SIGKILL);
	cgroup_kill(&session->cgroup);
	sweep_session(session);
}

/*
 * The runner is of no use any more: the session ends with it.  What it
 * leaves behind is looked for when it has been collected.  "note" is worth
 * keeping, or NULL.
 */
static void
run_lose(struct run *run, enum registry_reason reason, uint32_t detail,
    const char *note)
{
	struct session *session = run->session;
	struct broker *broker = session->broker;
	const struct registry_record *record = session_record(session);
	char text[IDENT_TEXT_SIZE];

	if (record->state != REGISTRY_STATE_ENDING)
		log_warnx("runner of session %s: %s",
		    ident_print(&record->id, text),
		    note == NULL ? registry_reason_text(reason) : note);
	if (record->runner == REGISTRY_RUNNER_STARTING) {
		if (note == NULL)
			note = registry_reason_text(reason);
		reason = REGISTRY_REASON_RUNNER_FAILED;
	}
	chan_free(run->chan);
	run->chan = NULL;
	event_del(run->timer);
	registry_runner(broker->registry, session_slot(session),
	    REGISTRY_RUNNER_EVENT_LOSS);
	session_end_because(session, reason, detail, note, 0);
	unix_close(&run->held);
	run_kill(run);
}

/* Its process was collected: how that ended is why the session does. */
static void
run_lose_exited(struct run *run)
{
	int status = run->status;

	if (!WIFSIGNALED(status))
		run_lose(run, REGISTRY_REASON_RUNNER_EXITED,
		    (uint32_t)WEXITSTATUS(status), NULL);
	else if (WTERMSIG(status) == SIGKILL &&
	    cgroup_runner_oom(&run->session->cgroup) > 0)
		run_lose(run, REGISTRY_REASON_RUNNER_MEMORY, SIGKILL, NULL);
	else
		run_lose(run, REGISTRY_REASON_RUNNER_KILLED,
		    (uint32_t)WTERMSIG(status), NULL);
}

static void
run_lose_broken(struct run *run, const char *why)
{
	run_lose(run, REGISTRY_REASON_RUNNER_BROKE, 0, why);
}

static void
await_exit(struct run *run)
{
	static const struct timeval last_words = {
		0, BROKER_LAST_WORDS_MS * 1000
	};

	event_add(run->timer, &last_words);
}

static void
run_lost(void *arg, const char *why)
{
	struct run *run = arg;

	if (why != NULL || run->pid == 0 || session_record(run->session)->
	    state == REGISTRY_STATE_ENDING) {
		if (why == NULL && run->pid == 0)
			run_lose_exited(run);
		else
			run_lose_broken(run, why == NULL ?
			    "it has closed its channel" : why);
		return;
	}
	/* Most likely it has died; then the kernel says how, very soon. */
	chan_free(run->chan);
	run->chan = NULL;
	await_exit(run);
}

static void
timer_cb(evutil_socket_t fd, short what, void *arg)
{
	struct run *run = arg;

	(void)fd;
	(void)what;
	if (run->pid == 0)
		run_lose_exited(run);
	else
		run_lose_broken(run, run->chan == NULL ?
		    "it has closed its channel" :
		    "it did not start in time");
}

static void
run_on_hello(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct run *run = arg;
	struct session *session = run->session;

	(void)fds;
	/* Whoever has its channel now is not whom we started. */
	if (run->pid == 0) {
		run_lose_exited(run);
		return;
	}
	if (proto_agree(msg->HELLO.version, msg->HELLO.oldest) == 0) {
		run_lose_broken(run, "it speaks another version");
		return;
	}
	run->version = msg->HELLO.version;
	run->oldest = msg->HELLO.oldest;
	event_del(run->timer);
	unix_close(&run->held);
	chan_set_version(run->chan, msg->HELLO.version);
	if (chan_phase(run->chan) == PHASE_START)
		chan_set_phase(run->chan, PHASE_UP);
	registry_runner(session->broker->registry, session_slot(session),
	    REGISTRY_RUNNER_EVENT_UP);
	count_runner_up(session, run->started_us);
	trace_newcomer(session->broker, run->chan, MSG_BR_TRACE);
}

static void
run_on_failed(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct run *run = arg;
	char text[512];

	(void)fds;
	if (span_to_str(msg->RB_FAILED.text, text, sizeof(text)) == -1)
		snprintf(text, sizeof(text), "it could not be started");
	free(run->session->failure);
	run->session->failure = strdup(text);
	run_lose_broken(run, text);
}

static void
run_on_detached(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct run *run = arg;

	(void)fds;
	session_detach(run->session, msg->GENERATION.generation,
	    "the client has left");
}

static void
run_on_want(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct run *run = arg;

	(void)fds;
	lend_want(&run->lend, &msg->LEASE);
}

static void
run_on_ended(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct run *run = arg;
	const struct registry_record *record = session_record(run->session);

	(void)fds;
	if (record->state != REGISTRY_STATE_ENDING) {
		run_lose_broken(run, "it ended without being told to");
		return;
	}
	if (msg->RB_ENDED.has_processes && epitaph_add(
		run->session->broker->epitaphs, &record->id,
		msg->RB_ENDED.processes, msg->RB_ENDED.omitted) == -1)
		log_debug("run", "what a runner left to tell is not kept");
	/* Its exit follows; the deadline of the end watches over that. */
}

static void
run_on_event(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct run *run = arg;

	(void)fds;
	trail_event(run->session, &msg->RB_EVENT);
}

static void
run_on_counts(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct run *run = arg;

	(void)fds;
	if (count_take(&run->counted, msg->COUNTS.counts) == -1)
		run_lose_broken(run, "what it has counted is malformed");
}

static void
run_on_listed(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct run *run = arg;
	const char *wrong = operator_listed(run->session, &msg->RB_LISTED);

	(void)fds;
	if (wrong != NULL)
		run_lose_broken(run, wrong);
}

static void
run_on_signaled(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct run *run = arg;

	(void)fds;
	operator_signaled(run->session, &msg->RB_SIGNALED);
}

static const struct chan_handler handlers[] = {
	{ MSG_RB_HELLO, run_on_hello },
	{ MSG_RB_FAILED, run_on_failed },
	{ MSG_RB_DETACHED, run_on_detached },
	{ MSG_RB_ENDED, run_on_ended },
	{ MSG_RB_EVENT, run_on_event },
	{ MSG_RB_WANT, run_on_want },
	{ MSG_RB_LISTED, run_on_listed },
	{ MSG_RB_SIGNALED, run_on_signaled },
	{ MSG_RB_COUNTS, run_on_counts },
};

static const struct chan_ops run_ops = {
	.handlers = handlers,
	.nhandlers = sizeof(handlers) / sizeof(handlers[0]),
	.lost = run_lost,
};

static struct span
put_limits(const struct tenant *tenant, struct writer *w)
{
	const struct tenant_rlimit *limit;
	uint8_t bytes[20];
	size_t i;

	writer_init(w, 2048);
	for (i = 0; i < tenant->nrlimits; i++) {
		struct writer item = { .p = bytes, .cap = sizeof(bytes),
			.max = sizeof(bytes) };

		limit = &tenant->rlimits[i];
		writer_put_u32(&item, (uint32_t)limit->resource);
		writer_put_u64(&item, limit->limit.rlim_cur);
		writer_put_u64(&item, limit->limit.rlim_max);
		proto_list_add(w, (struct span){ bytes, item.len });
	}
	return (struct span){ w->p, w->len };
}

static void
send_config(struct run *run)
{
	struct session *session = run->session;
	const struct settings *settings = &session->broker->settings;
	const struct order_host *host = &session->broker->order->host;
	char text[IDENT_TEXT_SIZE];
	struct fields_BR_CONFIG config = {
		.version = PROTO_VERSION,
		.oldest = PROTO_OLDEST,
		.session = span_str(ident_print(&session_record(session)->id,
		    text)),
		.retention_ms = host->retention_ms,
		.retain_bytes = host->retain_bytes,
		.has_spill_bytes = true,
		.spill_bytes = host->spill_bytes,
		.has_spill_directory = host->spill_directory != NULL,
		.hold_ms = host->hold_ms,
		.window = PROTO_WINDOW,
		.max_processes = host->max_processes,
		.shell_path = span_str(session->tenant->shell_path),
		.log_level = settings->log_level,
		.log_format = settings->log_format,
		.has_log_format = true,
		.syslog = settings->syslog,
		.has_syslog = true,
		.report = trail_report(session->broker),
		.has_report = true,
	};
	struct writer limits;

	if (session->tenant->nrlimits > 0) {
		config.has_rlimits = true;
		config.rlimits = put_limits(session->tenant, &limits);
	}

	if (host->spill_directory != NULL)
		config.spill_directory = span_str(host->spill_directory);
	/* Jobs are born there; what else there is to do is the broker's. */
	chan_send(run->chan, MSG_BR_CONFIG, &config, &session->cgroup.jobs,
	    session->cgroup.jobs == -1 ? 0 : 1);
	if (config.has_rlimits)
		writer_clear(&limits);
	session->cgroup.jobs = -1;
	cgroup_close_leaves(&session->cgroup);
}

/* It could not be registered, so nobody would know it again. */
static void
run_discard(struct run *run)
{
	kill(run->pid, SIGKILL);
	(void)waitpid(run->pid, NULL, 0);
	run->pid = 0;
	errno = ENOMEM;
}

static int
run_spawn(struct run *run)
{
	struct broker *broker = run->session->broker;
	const struct tenant *tenant = run->session->tenant;
	struct launch_as as = {
		.uid = tenant->uid,
		.gid = tenant->gid,
		.groups = tenant->groups,
		.ngroups = tenant->ngroups,
		.cwd = tenant->cwd,
		.cgroup = run->session->cgroup.runner,
		.has_file_mask = tenant->has_file_mask,
		.file_mask = tenant->file_mask,
		.flags = tenant->flags,
		.rlimits = tenant->rlimits,
		.nrlimits = tenant->nrlimits,
	};
	int pair[2];

	/* Who owns it is another user by now than when it was made. */
	if (tenant->uid != run->session->uid) {
		errno = ESTALE;
		return -1;
	}
	if (unix_pair(SOCK_SEQPACKET, pair) == -1)
		return -1;
	run->started_us = clock_us();
	run->pid = launch(broker->settings.runner_path, "holdfast-runner",
	    tenant->environment, pair[1], &as);
	unix_close(&pair[1]);
	if (run->pid == -1) {
		run->pid = 0;
		unix_close(&pair[0]);
		return -1;
	}
	if (pidset_add(&broker->runners, run->pid) == -1) {
		unix_close(&pair[0]);
		run_discard(run);
		return -1;
	}
	run->chan = chan_new(broker->base, pair[0], ROLE_BROKER, ROLE_RUNNER,
	    &run_ops, run);
	return run->chan == NULL ? -1 : 0;
}

static bool
has_limits(const struct tenant *tenant)
{
	return tenant->cgroup_limits.len > 0 || tenant->session_limits.len > 0;
}

/*
 * Without, what it leaves is found in another way; but who has limits that
 * can be set here runs nothing without them.  0, or -1 with errno.
 */
static int
make_cgroup(struct session *session, const char *name)
{
	const struct broker *broker = session->broker;
	const struct tenant *tenant = session->tenant;
	struct cgroup_plan plan = {
		.tenant = tenant->name,
		.uid = tenant->uid,
		.limits = tenant->cgroup_limits,
		.jobs = tenant->session_limits,
	};

	if (broker->cgroup == NULL || cgroup_make(broker->cgroup, &plan, name,
		&session->cgroup) == 0)
		return 0;
	if (has_limits(tenant) || broker->order->host.require_cgroups)
		return -1;
	log_warn("no cgroup for session %s", name);
	return 0;
}

static struct run *
run_new(struct session *session)
{
	struct run *run = calloc(1, sizeof(*run));

	if (run == NULL)
		return NULL;
	run->session = session;
	run->held = -1;
	run->timer = evtimer_new(session->broker->base, timer_cb, run);
	if (run->timer == NULL) {
		free(run);
		return NULL;
	}
	return run;
}

void
run_start(struct session *session)
{
	static const struct timeval hello = {
		BROKER_HELLO_MS / 1000, BROKER_HELLO_MS % 1000 * 1000
	};
	struct broker *broker = session->broker;
	const struct registry_record *record = session_record(session);
	char text[IDENT_TEXT_SIZE];
	int data = session_take_data(session), saved;

	registry_runner(broker->registry, session_slot(session),
	    REGISTRY_RUNNER_EVENT_START);
	if (make_cgroup(session, ident_print(&record->id, text)) == 0)
		session->run = run_new(session);
	if (session->run == NULL) {
		saved = errno;
		log_warn("runner of session %s", text);
		unix_close(&data);
		session_end_because(session, REGISTRY_REASON_RUNNER_FAILED, 0,
		    strerror(saved), 0);
		return;
	}
	if (run_spawn(session->run) == -1) {
		saved = errno;
		unix_close(&data);
		run_lose_broken(session->run, strerror(saved));
		return;
	}
	log_debug("run", "session %s: runner %d", text,
	    (int)session->run->pid);
	event_add(session->run->timer, &hello);
	send_config(session->run);
	count_runner(broker, &session->run->counted, session->tenant);
	lend_open(&session->run->lend, broker, &session->tenant->account,
	    &session->run->chan);
	/* That there is no runner is to be told before its end is seen. */
	session->run->held = fcntl(data, F_DUPFD_CLOEXEC, 0);
	run_attachment(session->run, record->generation, data);
}

void
run_attachment(struct run *run, uint64_t generation, int fd)
{
	struct fields_GENERATION attachment = { .generation = generation };

	if (run->chan == NULL)
		unix_close(&fd);
	else
		chan_send(run->chan, MSG_BR_ATTACHMENT, &attachment, &fd, 1);
}

void
run_send(struct run *run, uint16_t type, const void *msg)
{
	if (run->chan != NULL)
		chan_send(run->chan, type, msg, NULL, 0);
}

bool
run_is_up(const struct run *run)
{
	return run->chan != NULL && chan_phase(run->chan) == PHASE_UP &&
	    session_record(run->session)->state != REGISTRY_STATE_ENDING;
}

uint32_t
run_version(const struct run *run)
{
	return run->chan == NULL ? 0 : chan_version(run->chan);
}

void
run_detach(struct run *run, uint64_t generation)
{
	struct fields_GENERATION detach = { .generation = generation };

	if (run->chan != NULL)
		chan_send(run->chan, MSG_BR_DETACH, &detach, NULL, 0);
}

void
run_end(struct run *run, enum proto_end reason, uint64_t grace_ms)
{
	struct fields_BR_END end = {
		.reason = reason,
		.grace_ms = grace_ms,
	};

	if (run->chan != NULL)
		chan_send(run->chan, MSG_BR_END, &end, NULL, 0);
}

void
run_report(struct run *run)
{
	struct fields_BR_REPORT report = {
		.report = trail_report(run->session->broker),
	};

	if (run->chan != NULL)
		chan_send(run->chan, MSG_BR_REPORT, &report, NULL, 0);
}

void
run_exited(struct run *run, int status)
{
	struct session *session = run->session;
	bool expected = session_record(session)->state ==
	    REGISTRY_STATE_ENDING;

	(void)pidset_remove(&session->broker->runners, run->pid);
	run->pid = 0;
	run->status = status;
	if (!expected)
		log_warnx("a runner %s %d", WIFSIGNALED(status) ?
		    "was killed by signal" : "exited with status",
		    WIFSIGNALED(status) ? WTERMSIG(status) :
					  WEXITSTATUS(status));
	/* What it has said last is still to be read; then the end is. */
	if (run->chan == NULL)
		run_lose_exited(run);
	else
		await_exit(run);
}

void
run_free(struct run *run)
{
	if (run == NULL)
		return;
	lend_close(&run->lend);
	count_leave(&run->counted);
	unix_close(&run->held);
	chan_free(run->chan);
	event_free(run->timer);
	free(run);
}
