/* SPDX-License-Identifier: ISC */
/* What the broker orders, and what it is told. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "broker/runner/exec.h"
#include "broker/runner/lend.h"
#include "broker/runner/runner.h"
#include "common/chan.h"
#include "common/link.h"
#include "common/log.h"
#include "common/unix.h"

static void
control_spill(struct runner *runner, const struct fields_BR_CONFIG *config)
{
	char directory[PATH_MAX];

	if (config->has_spill_directory && span_to_str(
	    config->spill_directory, directory, sizeof(directory)) == -1)
		fatalx("the directory for output has too long a name");
	spill_init(runner, config->spill_bytes,
	    config->has_spill_directory ? directory : NULL);
}

/* The session's client learns why it has no runner. */
static void __attribute__((noreturn))
control_refuse(struct runner *runner, const struct fields_BR_CONFIG *config)
{
	char text[128];
	struct fields_RB_FAILED failed = { .text = { NULL, 0 } };

	snprintf(text, sizeof(text), "the broker speaks version %u (oldest "
	    "%u), the runner %u (oldest %u)", config->version,
	    config->oldest, PROTO_VERSION, PROTO_OLDEST);
	failed.text = span_str(text);
	chan_send(runner->broker, MSG_RB_FAILED, &failed, NULL, 0);
	fatalx("%s", text);
}

static void
control_on_config(void *arg, const union proto_any *msg,
    struct chan_fds *fds)
{
	const struct fields_BR_CONFIG *config = &msg->BR_CONFIG;
	struct fields_HELLO hello = {
		.version = PROTO_VERSION,
		.oldest = PROTO_OLDEST,
	};
	struct runner *runner = arg;

	if (proto_agree(config->version, config->oldest) == 0)
		control_refuse(runner, config);
	log_init("holdfast-runner", (enum log_level)config->log_level,
	    config->syslog);
	log_set_format(config->log_format);
	chan_set_version(runner->broker, config->version);
	runner->retention_ms = config->retention_ms;
	runner->hold_ms = config->hold_ms;
	runner->window = config->window;
	runner->retain_bytes = (size_t)config->retain_bytes;
	runner->max_processes = config->max_processes;
	runner->report = (enum proto_report)config->report;
	runner->shell = strndup((const char *)config->shell_path.p,
	    config->shell_path.len);
	if (runner->shell == NULL)
		fatal("configuration");
	control_spill(runner, config);
	if (config->has_rlimits && exec_set_limits(config->rlimits) == -1)
		fatalx("resource limits are not understood");
	if (fds->count > 0)
		runner->jobs_cgroup = chan_take_fd(fds, 0);
	exec_set_cgroup(runner->jobs_cgroup);
	chan_send(runner->broker, MSG_RB_HELLO, &hello, NULL, 0);
	chan_set_phase(runner->broker, PHASE_UP);
}

static void
control_on_attachment(void *arg, const union proto_any *msg,
    struct chan_fds *fds)
{
	struct runner *runner = arg;

	if (runner->shell == NULL)
		fatalx("an attachment came before the configuration");
	if (runner->phase == RUNNER_SERVING)
		runner_attach(runner, chan_take_fd(fds, 0),
		    msg->GENERATION.generation);
}

static void
control_on_detach(void *arg, const union proto_any *msg,
    struct chan_fds *fds)
{
	struct runner *runner = arg;

	(void)fds;
	if (runner->attach == NULL ||
	    runner->attach->generation != msg->GENERATION.generation)
		return;
	/* What lies there was asked for in time; it may end the link too. */
	link_catch_up(runner->attach->link);
	runner_detach(runner);
}

/* Another broker has this channel now; nothing else has changed. */
static void
control_on_resume(void *arg, const union proto_any *msg,
    struct chan_fds *fds)
{
	struct runner *runner = arg;
	struct fields_RB_HERE here = {
		.version = PROTO_VERSION,
		.oldest = PROTO_OLDEST,
		.generation = runner->attach == NULL ? 0 :
		    runner->attach->generation,
	};

	(void)fds;
	/* Whether that goes together is the broker's to judge. */
	chan_set_version(runner->broker, msg->HELLO.version);
	chan_send(runner->broker, MSG_RB_HERE, &here, NULL, 0);
	meter_reset(&runner->meter);
	lend_repeat(runner);
}

static void
control_on_report(void *arg, const union proto_any *msg,
    struct chan_fds *fds)
{
	struct runner *runner = arg;

	(void)fds;
	runner->report = (enum proto_report)msg->BR_REPORT.report;
}

static void
control_on_lease(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	(void)fds;
	lend_told(arg, &msg->LEASE);
}

static void
control_on_recall(void *arg, const union proto_any *msg,
    struct chan_fds *fds)
{
	(void)fds;
	lend_recalled(arg, msg->BUDGET.budget);
}

static void
control_on_end(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct runner *runner = arg;

	(void)fds;
	chan_set_phase(runner->broker, PHASE_STOP);
	runner_end(runner, msg->BR_END.grace_ms, "order");
}

static void
control_on_list(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	(void)fds;
	operate_list(arg, &msg->BR_LIST);
}

static void
control_on_signal(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	(void)fds;
	operate_signal(arg, &msg->BR_SIGNAL);
}

static void
control_on_trace(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	(void)arg;
	(void)fds;
	operate_trace(&msg->TRACE);
}

static void
control_lost_cb(void *arg, const char *why)
{
	struct runner *runner = arg;

	if (why != NULL)
		log_warnx("broker: %s", why);
	chan_free(runner->broker);
	runner->broker = NULL;
	runner_end(runner, LOST_GRACE_MS, "the broker is gone");
}

static const struct chan_handler handlers[] = {
	{ MSG_BR_CONFIG, control_on_config },
	{ MSG_BR_ATTACHMENT, control_on_attachment },
	{ MSG_BR_DETACH, control_on_detach },
	{ MSG_BR_END, control_on_end },
	{ MSG_BR_LEASE, control_on_lease },
	{ MSG_BR_RECALL, control_on_recall },
	{ MSG_BR_REPORT, control_on_report },
	{ MSG_BR_LIST, control_on_list },
	{ MSG_BR_SIGNAL, control_on_signal },
	{ MSG_BR_TRACE, control_on_trace },
	{ MSG_BR_RESUME, control_on_resume },
};

const struct chan_ops control_ops = {
	.handlers = handlers,
	.nhandlers = sizeof(handlers) / sizeof(handlers[0]),
	.lost = control_lost_cb,
};

void
runner_tell_detached(struct runner *runner, uint64_t generation)
{
	struct fields_GENERATION detached = { .generation = generation };

	if (runner->broker != NULL &&
	    chan_phase(runner->broker) != PHASE_START)
		chan_send(runner->broker, MSG_RB_DETACHED, &detached, NULL,
		    0);
}
