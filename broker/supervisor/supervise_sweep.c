/* SPDX-License-Identifier: ISC */
/* The supervisor's children, and the orphans that become its own. */
#include "config.h"

#include <sys/wait.h>

#include <signal.h>

#include <event2/event.h>

#include "broker/supervisor/storesock.h"
#include "broker/supervisor/supervise_private.h"
#include "common/chan.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/reap.h"

/* Between two looks for orphans, and when to go on in spite of them. */
#define SUPERVISE_SWEEP_MS 20
#define SUPERVISE_SWEEP_LIMIT_MS 10000

static void
supervise_exited_cb(pid_t pid, int status, void *arg)
{
	struct supervisor *s = arg;
	size_t i;

	if (ward_exited(s->broker, pid, status))
		return;
	for (i = 0; i < supervise_places(s); i++)
		if (s->gateways[i] != NULL &&
		    ward_exited(s->gateways[i], pid, status))
			return;
	log_debug("reap", "orphan %d is gone", (int)pid);
}

void
supervise_child_cb(evutil_socket_t signo, short what, void *arg)
{
	int status;
	pid_t pid;

	(void)signo;
	(void)what;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		supervise_exited_cb(pid, status, arg);
}

/* Processes that are to live on while orphans are killed. */
static void
supervise_spare(const struct supervisor *s, struct pidset *spare)
{
	size_t i;

	if (ward_pid(s->broker) != 0)
		pidset_add(spare, ward_pid(s->broker));
	for (i = 0; i < supervise_places(s); i++)
		if (s->gateways[i] != NULL && ward_pid(s->gateways[i]) != 0)
			pidset_add(spare, ward_pid(s->gateways[i]));
	/* In the end there is no next broker for them. */
	if (s->stage != SUPERVISE_REST)
		storesock_spare(s->store, spare);
}

/* Returns whether no orphan is left, or we go on in spite of those left. */
static int
supervise_sweep_once(struct supervisor *s)
{
	struct pidset spare = { 0 };
	int left;

	supervise_spare(s, &spare);
	left = reap_signal(&spare, SIGKILL, supervise_exited_cb, s);
	pidset_clear(&spare);
	if (left == 0)
		return 1;
	if (clock_ms() < s->sweep_until)
		return 0;
	if (left == -1)
		log_warn("cannot look for orphans");
	else
		log_warnx("%d orphans do not die; going on without them",
		    left);
	return 1;
}

/* Whoever has asked does so again when it is another. */
static void
supervise_answer(struct supervisor *s)
{
	struct fields_PING swept = { .count = s->sweep_asked };

	if (s->sweep_asked != 0 && ward_state(s->broker) == WARD_UP &&
	    ward_chan(s->broker) != NULL)
		chan_send(ward_chan(s->broker), MSG_SB_SWEPT, &swept, NULL,
		    0);
	s->sweep_asked = 0;
}

void
supervise_asked(void *arg, uint64_t count)
{
	struct supervisor *s = arg;

	s->sweep_asked = count;
	if (s->sweep_until == 0)
		supervise_sweep(s);
	else
		supervise_add_timer(s->sweep, 0);
}

void
supervise_sweep_cb(evutil_socket_t fd, short what, void *arg)
{
	struct supervisor *s = arg;

	(void)fd;
	(void)what;
	if (!supervise_sweep_once(s)) {
		supervise_add_timer(s->sweep, SUPERVISE_SWEEP_MS);
		return;
	}
	s->sweep_until = 0;
	supervise_answer(s);
	if (s->stage == SUPERVISE_REST)
		event_base_loopbreak(s->base);
	else
		supervise_pump_soon(s);
}

void
supervise_sweep(struct supervisor *s)
{
	s->sweep_until = clock_ms() + SUPERVISE_SWEEP_LIMIT_MS;
	supervise_add_timer(s->sweep, 0);
}
