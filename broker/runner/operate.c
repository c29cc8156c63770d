/* SPDX-License-Identifier: ISC */
/* What the broker wants to know or have done for an operator of the host. */
#include "config.h"

#include <signal.h>

#include "broker/runner/runner.h"
#include "common/chan.h"
#include "common/log.h"
#include "common/signame.h"

static uint64_t
retained(const struct runner *runner)
{
	const struct child *child;
	uint64_t bytes = 0;

	TAILQ_FOREACH(child, &runner->children, entry)
		bytes += outlog_used(child->log) + child->spill_used;
	return bytes;
}

void
operate_list(struct runner *runner, const struct fields_BR_LIST *msg)
{
	struct fields_RB_LISTED listed = {
		.request = msg->request,
		.has_retained = true,
		.retained = retained(runner),
	};
	struct writer w;

	writer_init(&w, OPERATE_LIST_MAX);
	listed.has_next = list_page(runner, &w, msg->after, &listed.next);
	listed.processes = (struct span){ w.p, w.len };
	if (w.failed)
		log_warnx("no memory to list processes");
	else
		chan_send(runner->broker, MSG_RB_LISTED, &listed, NULL, 0);
	writer_clear(&w);
}

static uint64_t
send_to(struct child *child, int signo)
{
	if (child->pid == 0)
		return 0;
	if (signo == SIGKILL) {
		child_terminate(child, 0);
	} else {
		report_signal(child, signo);
		child_signal(child, signo);
	}
	return 1;
}

void
operate_signal(struct runner *runner, const struct fields_BR_SIGNAL *msg)
{
	struct fields_RB_SIGNALED told = { .request = msg->request };
	int signo = span_is(msg->signal, "kill") ? SIGKILL :
	    signame_number(msg->signal);
	struct child *child;

	if (signo != 0 && msg->has_process_id) {
		child = table_find_id(runner, msg->process_id);
		if (child != NULL)
			told.count = send_to(child, signo);
	} else if (signo != 0) {
		TAILQ_FOREACH(child, &runner->children, entry)
			told.count += send_to(child, signo);
	}
	chan_send(runner->broker, MSG_RB_SIGNALED, &told, NULL, 0);
}

void
operate_trace(const struct fields_TRACE *msg)
{
	struct span topics = msg->topics, topic;

	log_trace_clear();
	while (proto_list_next(&topics, &topic))
		(void)log_trace((const char *)topic.p, topic.len);
}
