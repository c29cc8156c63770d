/* SPDX-License-Identifier: ISC */
/*
 * Replacing all of us by what is installed now, without ending a session:
 * first it is made sure that old and new understand each other; then this
 * process becomes the new holdfastd, the broker makes place for the next, and
 * the gateways are replaced one by one.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "broker/supervisor/doors.h"
#include "broker/supervisor/options.h"
#include "broker/supervisor/reexec.h"
#include "broker/supervisor/reload.h"
#include "broker/supervisor/storesock.h"
#include "broker/supervisor/supervise_private.h"
#include "broker/supervisor/versions.h"
#include "common/chan.h"
#include "common/log.h"

/* Room for the names of sessions in one line. */
#define UPGRADE_NAMES 512

static const struct versions ours = { PROTO_OLDEST, PROTO_VERSION };

/*
 * "all" becomes what everybody understands, and "new_one" what the new
 * broker and gateways do.  0, or -1 with "why".
 */
static int
upgrade_check(const struct supervisor *s, struct versions *all,
    char why[VERSIONS_WHY])
{
	const char *programs[PROGRAM_COUNT + 1];
	struct versions one;
	size_t i, n = 0;

	programs[n++] = s->plan->self;
	for (i = 0; i < PROGRAM_COUNT; i++)
		if (s->plan->programs[i] != NULL)
			programs[n++] = s->plan->programs[i];
	*all = (struct versions){ 1, UINT32_MAX };
	for (i = 0; i < n; i++) {
		if (versions_ask(programs[i], &one, why) == -1)
			return -1;
		versions_meet(all, &one);
		if (all->oldest > all->newest || !versions_agree(&one,
		    &ours)) {
			snprintf(why, VERSIONS_WHY, "%s speaks versions %u to "
			    "%u of the protocol, what runs here %u to %u: "
			    "that takes a restart", programs[i], one.oldest,
			    one.newest, ours.oldest, ours.newest);
			return -1;
		}
	}
	return 0;
}

void
supervise_upgrade(struct supervisor *s, const struct fields_BS_ORDER *order)
{
	struct fields_HELLO survey = { 0 };
	char why[VERSIONS_WHY];
	struct versions all;

	if (s->upgrade.upgrade) {
		supervise_tell(s, order->request, 1, 1,
		    "an upgrade is under way already");
		return;
	}
	if (supervise_is_rolling(s)) {
		supervise_tell(s, order->request, 1, 1, "gateways are being "
		    "replaced; ask again when that is done");
		return;
	}
	if (s->plan->doors->fds[DOOR_ADOPT] == -1 || s->store == NULL) {
		supervise_tell(s, order->request, 1, 1, "the runtime "
		    "directory's name is too long for what that takes");
		return;
	}
	if (upgrade_check(s, &all, why) == -1) {
		log_warnx("no upgrade: %s", why);
		supervise_tell(s, order->request, 1, 1, "%s", why);
		return;
	}
	s->upgrade = (struct reexec_task){
		.request = order->request,
		.grace_ms = order->has_grace_ms ? order->grace_ms : 0,
		.upgrade = 1,
		.handoff = order->has_handoff && order->handoff,
		.force = order->has_force && order->force,
	};
	survey.version = all.newest;
	survey.oldest = all.oldest;
	chan_send(ward_chan(s->broker), MSG_SB_SURVEY, &survey, NULL, 0);
}

/* Those that would be lost, by their names. */
static void
upgrade_refuse(struct supervisor *s, const struct fields_BS_SURVEYED *found)
{
	struct span ids = found->sessions, id;
	char names[UPGRADE_NAMES] = "";
	size_t len = 0;

	while (proto_list_next(&ids, &id)) {
		len += (size_t)snprintf(names + len, sizeof(names) - len,
		    " %.*s", (int)id.len, (const char *)id.p);
		if (len + PROTO_SESSION_LEN + 2 < sizeof(names) &&
		    ids.len > 0)
			continue;
		supervise_tell(s, s->upgrade.request, 0, 0,
		    "would be ended:%s", names);
		len = 0;
	}
	supervise_tell(s, s->upgrade.request, 1, 1, "the new programs do not "
	    "understand the runners of %ju sessions; --force ends them",
	    (uintmax_t)found->total);
	log_warnx("no upgrade: the new programs do not understand the runners "
	    "of %ju sessions", (uintmax_t)found->total);
	s->upgrade.upgrade = 0;
}

static void
upgrade_become(struct supervisor *s)
{
	struct reexec r = {
		.lock = s->plan->lock,
		.notify = storesock_fd(s->store),
		.dir = (char *)(uintptr_t)s->plan->runtime_dir,
		.task = s->upgrade,
	};

	storesock_drain(s->store);
	r.store = *storesock_store(s->store);
	log_info("becoming %s", s->plan->self);
	(void)reexec_become(s->plan->self, s->plan->reload->argv, &r);
	log_warn("cannot become %s", s->plan->self);
	supervise_tell(s, s->upgrade.request, 1, 1, "%s cannot be run: %s",
	    s->plan->self, strerror(errno));
	s->upgrade.upgrade = 0;
}

void
supervise_surveyed(void *arg, const struct fields_BS_SURVEYED *found)
{
	struct supervisor *s = arg;

	if (!s->upgrade.upgrade || s->stage != SUPERVISE_SERVING)
		return;
	if (found->total > 0 && !s->upgrade.force) {
		upgrade_refuse(s, found);
		return;
	}
	supervise_tell(s, s->upgrade.request, 0, 0, "all understand each "
	    "other; holdfastd is replaced");
	/* From the loop: the channel that we are called from is closed. */
	s->becoming = 1;
	supervise_pump_soon(s);
}

static void
roll_gateways(struct supervisor *s, int handoff, uint64_t grace_ms)
{
	struct supervise_roll_wish wish = {
		.handoff = handoff || s->plan->options->handoff,
		.grace_ms = grace_ms,
	};

	supervise_roll(s, &wish);
}

/* The next step, if its time has come. */
void
supervise_upgrade_further(struct supervisor *s)
{
	if (s->becoming) {
		s->becoming = 0;
		upgrade_become(s);
		return;
	}
	if (!s->ready)
		return;
	/* Those that were taken over have other listeners. */
	if (s->outdated) {
		s->outdated = 0;
		roll_gateways(s, 0, 0);
	}
	if (s->plan->task.upgrade == 0)
		return;
	if (!s->replaced) {
		s->replaced = 1;
		supervise_tell(s, s->plan->task.request, 1, 0,
		    "holdfastd is replaced; the broker, with which this "
		    "connection ends, and the gateways follow");
		ward_leave(s->broker);
	} else if (ward_state(s->broker) == WARD_UP && s->sweep_until == 0) {
		s->plan->task.upgrade = 0;
		log_info("holdfastd and broker are replaced; the gateways "
		    "are next");
		roll_gateways(s, s->plan->task.handoff,
		    s->plan->task.grace_ms);
	}
}
