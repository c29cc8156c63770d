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
#include "broker/fdstore.h"
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
	int waiting;		/* the same, until the runner is stored */
	uint64_t generation;	/* of that */
	int again;		/* the same, which it may have or not */
	bool waits;		/* to be stored, and has been told nothing */
	bool resumes;		/* asked what it has, and has not answered */
	bool overtaken;		/* that was before its present attachment */
	int pidfd;		/* of one that is no child of ours, or -1 */
	struct event *exited;	/* that it has ended */
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
	if (run->pidfd != -1)
		(void)fdstore_signal(run->pidfd, SIGKILL);
	else if (run->pid != 0)
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
	unix_close(&run->waiting);
	unix_close(&run->again);
	run->waits = false;
	run_kill(run);
}

/* Its process was collected: how that ended is why the session does. */
static void
run_lose_exited(struct run *run)
{
	int status = run->status;

	/* Only its parent is told how it ended. */
	if (run->pidfd != -1) {
		run_lose(run, REGISTRY_REASON_RUNNER_LOST, 0, NULL);
		return;
	}
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
set_version(struct run *run, uint32_t version)
{
	struct registry_facts facts = session_record(run->session)->facts;

	chan_set_version(run->chan, version);
	facts.runner_version = version;
	registry_describe(run->session->broker->registry,
	    session_slot(run->session), &facts);
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
	if (!run->resumes)
		event_del(run->timer);
	unix_close(&run->held);
	set_version(run, msg->HELLO.version);
	if (chan_phase(run->chan) == PHASE_START)
		chan_set_phase(run->chan, PHASE_UP);
	registry_runner(session->broker->registry, session_slot(session),
	    REGISTRY_RUNNER_EVENT_UP);
	count_runner_up(session, run->started_us);
	trace_newcomer(session->broker, run->chan, MSG_BR_TRACE);
}

/*
 * What it has, and what the record says: of an attachment that only one of
 * them knows nobody has the other end any more, or may not.
 */
static void
reconcile(struct run *run, uint64_t generation)
{
	struct session *session = run->session;
	const struct registry_record *record = session_record(session);
	bool attached = record->state == REGISTRY_STATE_ATTACHED;

	if (run->overtaken)
		return;
	if (attached && generation == 0 && run->again != -1) {
		run_attachment(run, record->generation, run->again);
		run->again = -1;
	} else if (attached && generation != record->generation) {
		session_detach(session, record->generation,
		    "it did not outlive the broker");
		session_gateway_lost(session);
	}
	if (generation != 0 && (!attached ||
	    generation != record->generation))
		run_detach(run, generation);
}

static void
run_on_here(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	const struct fields_RB_HERE *here = &msg->RB_HERE;
	struct run *run = arg;
	struct session *session = run->session;

	(void)fds;
	if (!run->resumes) {
		run_lose_broken(run, "it says what it was not asked for");
		return;
	}
	if (proto_agree(here->version, here->oldest) == 0) {
		run_lose_broken(run, "it speaks another version");
		return;
	}
	run->resumes = false;
	run->version = here->version;
	run->oldest = here->oldest;
	event_del(run->timer);
	set_version(run, here->version);
	/* The broker before may have read its HELLO, and no more. */
	registry_runner(session->broker->registry, session_slot(session),
	    REGISTRY_RUNNER_EVENT_UP);
	reconcile(run, here->generation);
	unix_close(&run->again);
	session_unstore_data(session);
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
	{ MSG_RB_HERE, run_on_here },
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

/* Before anything is stored of it that the record would not know. */
static void
describe(struct run *run, int control)
{
	struct registry_facts facts = session_record(run->session)->facts;

	facts.control = fdstore_cookie(control);
	facts.pid = (uint32_t)run->pid;
	registry_describe(run->session->broker->registry,
	    session_slot(run->session), &facts);
}

static void
store(struct run *run, int control)
{
	struct fdstore *to = run->session->broker->store;
	uint32_t slot = session_slot(run->session);
	int pidfd = run->pidfd;

	if (!fdstore_is_there(to))
		return;
	if (pidfd == -1)
		pidfd = fdstore_pidfd(run->pid);
	fdstore_add(to, FDSTORE_PIDFD, slot, pidfd);
	fdstore_add(to, FDSTORE_CONTROL, slot, control);
	run->session->run_stored = true;
	if (run->pidfd == -1)
		unix_close(&pidfd);
}

void
run_store(struct run *run)
{
	int control = run->chan == NULL || run->pid == 0 ? -1 :
	    chan_dup_fd(run->chan);

	if (control != -1)
		store(run, control);
	unix_close(&control);
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
	describe(run, pair[0]);
	run->started_us = clock_us();
	run->pid = launch(broker->settings.runner_path, "holdfast-runner",
	    tenant->environment, pair[1], &as);
	unix_close(&pair[1]);
	if (run->pid == -1) {
		run->pid = 0;
		unix_close(&pair[0]);
		return -1;
	}
	describe(run, pair[0]);
	if (pidset_add(&broker->runners, run->pid) == -1) {
		unix_close(&pair[0]);
		run_discard(run);
		return -1;
	}
	store(run, pair[0]);
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

	/* It may be there from a runner that an earlier broker has begun. */
	unix_close(&session->cgroup.dir);
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
	run->held = run->waiting = run->again = run->pidfd = -1;
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

	session_store_data(session, data);
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
	session->run->waits = true;
	session->run->waiting = data;
	session->run->generation = record->generation;
	run_stored(session->run);
}

/* What comes first to a runner, in this order; see fdstore.h. */
static void
introduce(struct run *run)
{
	struct session *session = run->session;
	struct broker *broker = session->broker;
	struct registry_facts facts = session_record(session)->facts;
	int data = run->waiting;

	run->waits = false;
	run->waiting = -1;
	send_config(run);
	count_runner(broker, &run->counted, session->tenant);
	lend_open(&run->lend, broker, &session->tenant->account, &run->chan);
	facts.given = 1;
	registry_describe(broker->registry, session_slot(session), &facts);
	/* That there is no runner is to be told before its end is seen. */
	run->held = fcntl(data, F_DUPFD_CLOEXEC, 0);
	run_attachment(run, run->generation, data);
	session_unstore_data(session);
}

void
run_stored(struct run *run)
{
	if (run->waits && run->chan != NULL &&
	    fdstore_is_settled(run->session->broker->store))
		introduce(run);
}

/* What it has said last is still to be read; then the end is. */
static void
run_ended(struct run *run)
{
	run->pid = 0;
	if (run->chan == NULL)
		run_lose_exited(run);
	else
		await_exit(run);
}

static void
ended_cb(evutil_socket_t fd, short what, void *arg)
{
	struct run *run = arg;

	(void)fd;
	(void)what;
	event_del(run->exited);
	run_ended(run);
}

/* As it is after its configuration was sent. */
static int
adopt_channel(struct run *run, int control)
{
	static const struct timeval answer = {
		BROKER_HELLO_MS / 1000, BROKER_HELLO_MS % 1000 * 1000
	};
	static const struct fields_HELLO resume = {
		.version = PROTO_VERSION,
		.oldest = PROTO_OLDEST,
	};
	struct session *session = run->session;
	const struct registry_record *record = session_record(session);

	run->chan = chan_new(session->broker->base, control, ROLE_BROKER,
	    ROLE_RUNNER, &run_ops, run);
	if (run->chan == NULL)
		return -1;
	chan_set_phase(run->chan, PHASE_UP);
	if (record->facts.runner_version != 0)
		chan_set_version(run->chan, record->facts.runner_version);
	run->resumes = true;
	chan_send(run->chan, MSG_BR_RESUME, &resume, NULL, 0);
	run_report(run);
	count_runner(session->broker, &run->counted, session->tenant);
	lend_adopt(&run->lend, session->broker, &session->tenant->account,
	    &run->chan);
	return event_add(run->timer, &answer);
}

struct run *
run_adopt(struct session *session, int control, int pidfd)
{
	struct run *run = run_new(session);

	if (run == NULL) {
		unix_close(&control);
		unix_close(&pidfd);
		return NULL;
	}
	run->pidfd = pidfd;
	run->pid = (pid_t)session_record(session)->facts.pid;
	run->exited = event_new(session->broker->base, pidfd, EV_READ |
	    EV_PERSIST, ended_cb, run);
	if (run->exited == NULL || event_add(run->exited, NULL) == -1)
		unix_close(&control);
	else if (adopt_channel(run, control) == 0)
		return run;
	run_free(run);
	return NULL;
}

void
run_adopt_data(struct run *run, int fd)
{
	unix_close(&run->again);
	run->again = fd;
}

void
run_attachment(struct run *run, uint64_t generation, int fd)
{
	struct fields_GENERATION attachment = { .generation = generation };

	if (run->waits && run->chan != NULL)
		introduce(run);
	run->overtaken = run->resumes;
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

	if (run->waits && run->chan != NULL)
		introduce(run);
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

	if (run->waits && run->chan != NULL)
		introduce(run);
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
	run->status = status;
	if (!expected)
		log_warnx("a runner %s %d", WIFSIGNALED(status) ?
		    "was killed by signal" : "exited with status",
		    WIFSIGNALED(status) ? WTERMSIG(status) :
					  WEXITSTATUS(status));
	run_ended(run);
}

void
run_free(struct run *run)
{
	if (run == NULL)
		return;
	lend_close(&run->lend);
	count_leave(&run->counted);
	unix_close(&run->held);
	unix_close(&run->waiting);
	unix_close(&run->again);
	if (run->exited != NULL)
		event_free(run->exited);
	unix_close(&run->pidfd);
	chan_free(run->chan);
	event_free(run->timer);
	free(run);
}
