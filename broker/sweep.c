/* SPDX-License-Identifier: ISC */
/*
 * Nothing is left behind.  What a dead runner leaves becomes a child of this
 * process, whose only other children are registered runners; so all that is
 * no runner's is killed, and a session has ended when no more is found.
 */
#include "config.h"

#include <sys/queue.h>
#include <sys/wait.h>

#include <signal.h>
#include <stdlib.h>

#include <event2/event.h>

#include "broker/broker.h"
#include "common/chan.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/reap.h"

/* Between two looks at what does not end; in ms. */
#define WAIT_FIRST 10
#define WAIT_MOST 500

static void
arm(struct broker *broker, uint32_t wait_ms)
{
	struct timeval tv = {
		.tv_sec = wait_ms / 1000,
		.tv_usec = (suseconds_t)(wait_ms % 1000) * 1000,
	};

	event_add(broker->sweep_timer, &tv);
}

static void
exited_cb(pid_t pid, int status, void *arg)
{
	struct broker *broker = arg;
	struct session *session;
	uint32_t slot;

	if (!pidset_has(&broker->runners, pid))
		return;
	for (slot = 0; slot < registry_slots(broker->registry); slot++) {
		session = &broker->sessions[slot];
		if (session->live && session->run != NULL &&
		    run_pid(session->run) == pid) {
			run_exited(session->run, status);
			return;
		}
	}
}

static void
collect(struct broker *broker)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		exited_cb(pid, status, broker);
}

void
sweep_session(struct session *session)
{
	struct broker *broker = session->broker;

	if (!session->is_leaving)
		TAILQ_INSERT_TAIL(&broker->leaving, session, leaving);
	session->is_leaving = true;
	session->unseen = true;
	broker->sweep_wait_ms = WAIT_FIRST;
	/* From the loop, so that one look serves all that end together. */
	arm(broker, 0);
}

/*
 * What a runner leaves that was not our child becomes the supervisor's: it is
 * to look once the runner has gone.
 */
static bool
is_swept(struct session *session)
{
	struct broker *broker = session->broker;
	struct fields_PING sweep;

	if (!session->adopted || session->cgroup.dir != -1 ||
	    broker->superior == NULL)
		return true;
	if (session->sweep == 0) {
		session->sweep = sweep.count = ++broker->sweeps;
		session->sweep_until_ms = clock_ms() + BROKER_SWEPT_MS;
		chan_send(broker->superior, MSG_BS_SWEEP, &sweep, NULL, 0);
	}
	return broker->swept >= session->sweep ||
	    clock_ms() >= session->sweep_until_ms;
}

void
sweep_done(struct broker *broker, uint64_t count)
{
	if (count > broker->sweeps)
		return;
	broker->swept = count;
	if (!TAILQ_EMPTY(&broker->leaving))
		arm(broker, 0);
}

/*
 * Whether all that can be seen of it is gone; "orphans" is everybody's.  What
 * a runner left that was collected during a look may have been taken for that
 * runner's in it.
 */
static bool
is_over(struct session *session, int orphans)
{
	return orphans == 0 && !session->unseen &&
	    cgroup_is_empty(&session->cgroup) &&
	    (session->run == NULL || run_pid(session->run) == 0) &&
	    is_swept(session);
}

static void
sweep_cb(evutil_socket_t fd, short what, void *arg)
{
	struct broker *broker = arg;
	struct session *session, *next;
	int orphans;

	(void)fd;
	(void)what;
	collect(broker);
	TAILQ_FOREACH(session, &broker->leaving, leaving)
		session->unseen = false;
	orphans = reap_signal(&broker->runners, SIGKILL, exited_cb, broker);
	if (orphans == -1 && broker->sweep_wait_ms == WAIT_FIRST)
		log_warn("cannot look for orphans; sessions cannot end");
	else if (orphans > 0)
		log_debug("reap", "%d orphans killed", orphans);
	for (session = TAILQ_FIRST(&broker->leaving); session != NULL;
	    session = next) {
		next = TAILQ_NEXT(session, leaving);
		if (is_over(session, orphans))
			session_ended(session);
	}
	if (TAILQ_EMPTY(&broker->leaving)) {
		event_del(broker->sweep_timer);
		return;
	}
	arm(broker, broker->sweep_wait_ms);
	broker->sweep_wait_ms *= 2;
	if (broker->sweep_wait_ms > WAIT_MOST)
		broker->sweep_wait_ms = WAIT_MOST;
}

static void
child_cb(evutil_socket_t signo, short what, void *arg)
{
	(void)signo;
	(void)what;
	collect(arg);
}

int
sweep_init(struct broker *broker)
{
	TAILQ_INIT(&broker->leaving);
	broker->sweep_timer = evtimer_new(broker->base, sweep_cb, broker);
	broker->child_event = evsignal_new(broker->base, SIGCHLD, child_cb, broker);
	if (broker->sweep_timer == NULL || broker->child_event == NULL)
		return -1;
	return event_add(broker->child_event, NULL);
}

void
sweep_clear(struct broker *broker)
{
	if (broker->sweep_timer != NULL)
		event_free(broker->sweep_timer);
	if (broker->child_event != NULL)
		event_free(broker->child_event);
	pidset_clear(&broker->runners);
}
