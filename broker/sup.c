/* SPDX-License-Identifier: ISC */
/*
 * The broker as a whole: ordered by the supervisor, ended by it, or by its
 * loss.  What the superior sends is trusted; what it must not send is fatal.
 */
#include "config.h"

#include <sys/resource.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "broker/broker.h"
#include "broker/auth/peeruid.h"
#include "broker/auth/penalty.h"
#include "broker/fdstore.h"
#include "broker/operator.h"
#include "broker/order.h"
#include "common/chan.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/reap.h"
#include "common/unix.h"
#include "common/xmalloc.h"

#define SUP_LEAVE_AGAIN_US 2000
/* Bytes of session ids in one message. */
#define SUP_IDS_MAX 40960

static void
set_log(const struct fields_SB_CONFIG *config)
{
	struct span topics = config->topics, topic;
	char name[64];

	log_init("holdfast-broker", config->log_level, config->syslog);
	log_set_format(config->log_format);
	while (proto_list_next(&topics, &topic))
		if (span_to_str(topic, name, sizeof(name)) == 0)
			log_topic(xstrdup(name));
}

/* Whether a limit of the tenant cannot be set here: its file's name. */
static bool
lacks(const struct broker *broker, const struct tenant *tenant, char *file,
    size_t size)
{
	return cgroup_lacks(broker->cgroup, tenant->cgroup_limits, file,
	    size) || cgroup_lacks(broker->cgroup, tenant->session_limits, file,
	    size);
}

/* Limits that cannot be set are told once, by their first, or are the end. */
static void
check_limits(const struct broker *broker, const char *without)
{
	const struct tenant *tenant;
	const char *why;
	char file[64];

	(void)cgroup_controllers(broker->cgroup, &why);
	if (why == NULL)
		why = broker->cgroup == NULL ? without : "the host has none";
	TAILQ_FOREACH(tenant, &broker->order->tenants, entry) {
		if (!lacks(broker, tenant, file, sizeof(file)))
			continue;
		if (broker->order->host.require_cgroups)
			fatalx("tenant %s: no cgroup controller for %s: %s",
			    tenant->name, file, why);
		log_warnx("tenant %s: no cgroup controller for %s: %s; it "
			  "has no such limits", tenant->name, file, why);
	}
}

/* For an order that comes later, which then is not taken. */
static bool
lacks_required(const struct broker *broker, const struct order *order)
{
	const struct tenant *tenant;
	char file[64];

	if (order->host.require_cgroups)
		TAILQ_FOREACH(tenant, &order->tenants, entry)
			if (lacks(broker, tenant, file, sizeof(file)))
				return true;
	return false;
}

static void
set_cgroup(struct broker *broker)
{
	char why[512];

	broker->cgroup = cgroup_new(broker->order->host.cgroup_root,
	    broker->label, why, sizeof(why));
	if (broker->cgroup == NULL)
		log_debug("reap", "sessions have no cgroup: %s", why);
	check_limits(broker, why);
}

static void
fit_to_files(struct settings *settings)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 &&
	    settings_fit(settings, files.rlim_cur))
		log_warnx("the limit of open files, %llu, leaves room for %u "
			  "sessions", (unsigned long long)files.rlim_cur,
		    settings->max_sessions);
}

static void
say_hello(struct broker *broker)
{
	static const struct fields_HELLO hello = {
		.version = PROTO_VERSION,
		.oldest = PROTO_OLDEST,
	};

	chan_set_phase(broker->superior, PHASE_UP);
	chan_send(broker->superior, MSG_BS_HELLO, &hello, NULL, 0);
}

/* What has been staged counts from now on. */
static void
follow(struct broker *broker)
{
	order_replace(&broker->order, broker->staged);
	broker->staged = NULL;
	broker->ordered_ms = clock_wall_ms();
	budget_set_limits(&broker->budget, broker->order->host.budgets);
	lend_relimit(broker);
	count_follow(broker);
}

static void
sup_on_config(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct broker *broker = arg;
	const char *wrong;

	(void)fds;
	set_log(&msg->SB_CONFIG);
	if (proto_agree(msg->SB_CONFIG.version, msg->SB_CONFIG.oldest) == 0)
		fatalx("holdfastd speaks version %u (oldest %u), this speaks "
		    "%u (oldest %u)", msg->SB_CONFIG.version,
		    msg->SB_CONFIG.oldest, PROTO_VERSION, PROTO_OLDEST);
	wrong = settings_take(&broker->settings, &msg->SB_CONFIG);
	if (wrong != NULL)
		fatalx("configuration from holdfastd: %s", wrong);
	fit_to_files(&broker->settings);
	broker->peeruid = peeruid_new();
	if (broker->peeruid == NULL)
		fatal("cannot ask the kernel about connections");
	if (admit_init(broker) == -1)
		fatalx("libcrypto cannot be used");
	if (sessions_init(broker) == -1)
		fatalx("no memory for %u sessions",
		    broker->settings.max_sessions);
	chan_set_version(broker->superior, msg->SB_CONFIG.version);
}

/* Wrong orders are the end at the start, and change nothing later. */
static void
stage(struct broker *broker, const char *wrong)
{
	if (wrong == NULL)
		return;
	if (broker->order == NULL)
		fatalx("configuration from holdfastd: %s", wrong);
	log_warnx("configuration not taken: %s", wrong);
	order_free(broker->staged);
	broker->staged = NULL;
	broker->staged_wrong = wrong;
}

static void
sup_on_host(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct broker *broker = arg;

	(void)fds;
	order_free(broker->staged);
	broker->staged = order_new();
	broker->staged_wrong = NULL;
	stage(broker, order_take_host(broker->staged, &msg->SB_HOST));
}

static void
sup_on_listener(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct broker *broker = arg;

	(void)fds;
	if (broker->staged != NULL)
		stage(broker, order_take_listener(broker->staged,
		    &msg->SB_LISTENER));
}

static void
sup_on_tenant(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct broker *broker = arg;

	(void)fds;
	if (broker->staged != NULL)
		stage(broker, order_take_tenant(broker->staged,
		    &msg->SB_TENANT));
}

static const char *
check_staged(struct broker *broker, uint64_t count)
{
	const char *wrong = order_finish(broker->staged);

	if (broker->staged->count != count)
		return "it is of another count";
	if (wrong == NULL && broker->order != NULL &&
	    !broker_can_follow(broker, broker->staged))
		return "a tenant needs privileges that were given up at the "
		       "start: restart holdfastd";
	if (wrong == NULL && broker->order != NULL &&
	    lacks_required(broker, broker->staged))
		return "there is no cgroup controller for a tenant's limits";
	return wrong;
}

static void
sup_on_commit(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct broker *broker = arg;
	struct fields_BS_TAKEN taken = { .count = msg->PING.count };

	(void)fds;
	if (broker->settings.runner_path == NULL)
		fatalx("holdfastd: SB_COMMIT came before SB_CONFIG");
	if (broker->staged == NULL && broker->staged_wrong == NULL)
		stage(broker, "there is none");
	else if (broker->staged != NULL)
		stage(broker, check_staged(broker, msg->PING.count));
	keep_settle(&broker->keep);
	if (broker->order == NULL) {
		follow(broker);
		set_cgroup(broker);
		broker_confine(broker);
		adopt_sessions(broker);
		say_hello(broker);
		return;
	}
	if (broker->staged != NULL) {
		follow(broker);
		gates_review(broker);
	} else {
		taken.has_text = true;
		taken.text = span_str(broker->staged_wrong);
	}
	trail_reloaded(broker, broker->staged_wrong);
	count_reloaded(broker, broker->staged_wrong == NULL);
	broker->staged_wrong = NULL;
	chan_send(broker->superior, MSG_BS_TAKEN, &taken, NULL, 0);
}

static void
sup_on_audit(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	trail_direct(arg, &msg->SB_AUDIT, fds);
}

static void
sup_on_gateway(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct broker *broker = arg;

	keep_gateway(&broker->keep, msg->SB_GATEWAY.gateway,
	    msg->SB_GATEWAY.pool, chan_take_fd(fds, 1),
	    chan_take_fd(fds, 2));
	gate_new(broker, msg->SB_GATEWAY.gateway, msg->SB_GATEWAY.pool,
	    chan_take_fd(fds, 0));
}

static void
sup_on_keep(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct broker *broker = arg;

	keep_listener(&broker->keep, msg->KEEP.listener,
	    chan_take_fd(fds, 0));
}

static void
sup_on_door(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	door_open(arg, msg->DOOR.door, chan_take_fd(fds, 0));
}

static void
sup_on_survey(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct broker *broker = arg;
	struct fields_BS_SURVEYED found = { 0 };
	struct writer ids;

	(void)fds;
	writer_init(&ids, SUP_IDS_MAX);
	found.total = sessions_beyond(broker, msg->HELLO.version,
	    msg->HELLO.oldest, &ids);
	found.sessions = (struct span){ ids.p, ids.len };
	chan_send(broker->superior, MSG_BS_SURVEYED, &found, NULL, 0);
	writer_clear(&ids);
}

/* Who has asked for our place has the store with it: both may be gone. */
static bool
has_superior(const struct broker *broker)
{
	struct pollfd pfd = { .fd = -1, .events = POLLRDHUP };
	bool there;

	if (broker->superior == NULL)
		return false;
	pfd.fd = chan_dup_fd(broker->superior);
	there = pfd.fd != -1 && poll(&pfd, 1, 0) >= 0 &&
	    (pfd.revents & (POLLRDHUP | POLLHUP | POLLERR)) == 0;
	unix_close(&pfd.fd);
	return there;
}

/*
 * What is stored is the next broker's, so all that waits to be stored goes
 * first; the supervisor has a deadline for that.  Nothing is ended, and
 * nothing taken down that the next one needs.
 */
static void
leave_cb(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval moment = { 0, SUP_LEAVE_AGAIN_US };
	struct broker *broker = arg;

	(void)fd;
	(void)what;
	if (!has_superior(broker)) {
		log_warnx("holdfastd, which wanted another broker, has gone; "
		    "this one stays");
		return;
	}
	if (!fdstore_is_settled(broker->store) &&
	    event_base_once(broker->base, -1, EV_TIMEOUT, leave_cb, broker,
	    &moment) == 0)
		return;
	log_info("making place for another broker");
	trail_clear(broker);
	_exit(0);
}

static void
sup_on_leave(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	(void)msg;
	(void)fds;
	leave_cb(-1, 0, arg);
}

/* It came over the door, so it is not to be believed more than that. */
static void
sup_on_adopt(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	(void)arg;
	(void)msg;
	(void)fds;
	fatalx("holdfastd: SB_ADOPT over its own channel");
}

static void
sup_on_told(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	(void)fds;
	operator_told(arg, &msg->SB_TOLD);
}

/* Answered from the loop: a loop that does not turn shows. */
static void
sup_on_ping(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct broker *broker = arg;

	(void)fds;
	chan_send(broker->superior, MSG_BS_PONG, &msg->PING, NULL, 0);
}

static void
sup_on_counts(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	(void)fds;
	(void)count_supervisor(arg, msg->COUNTS.counts);
}

static void
sup_on_stop(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct broker *broker = arg;

	(void)fds;
	chan_set_phase(broker->superior, PHASE_STOP);
	broker_stop(broker, msg->STOP.grace_ms);
}

static void
sup_on_swept(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	(void)fds;
	sweep_done(arg, msg->PING.count);
}

static void
sup_lost(void *arg, const char *why)
{
	struct broker *broker = arg;

	if (why != NULL)
		fatalx("holdfastd: %s", why);
	chan_free(broker->superior);
	broker->superior = NULL;
	operators_unsupervised(broker);
	if (broker->stopping)
		return;
	if (broker->order != NULL && door_adopts(&broker->keep)) {
		log_warnx("holdfastd has gone; serving on until another one "
		    "takes over");
		return;
	}
	log_debug("supervise", "holdfastd has gone");
	broker_stop(broker, BROKER_ORPHAN_GRACE_MS);
}

static const struct chan_handler handlers[] = {
	{ MSG_SB_CONFIG, sup_on_config },
	{ MSG_SB_HOST, sup_on_host },
	{ MSG_SB_LISTENER, sup_on_listener },
	{ MSG_SB_TENANT, sup_on_tenant },
	{ MSG_SB_COMMIT, sup_on_commit },
	{ MSG_SB_AUDIT, sup_on_audit },
	{ MSG_SB_GATEWAY, sup_on_gateway },
	{ MSG_SB_PING, sup_on_ping },
	{ MSG_SB_COUNTS, sup_on_counts },
	{ MSG_SB_STOP, sup_on_stop },
	{ MSG_SB_ADOPT, sup_on_adopt },
	{ MSG_SB_KEEP, sup_on_keep },
	{ MSG_SB_DOOR, sup_on_door },
	{ MSG_SB_LEAVE, sup_on_leave },
	{ MSG_SB_TOLD, sup_on_told },
	{ MSG_SB_SURVEY, sup_on_survey },
	{ MSG_SB_SWEPT, sup_on_swept },
};

static const struct chan_ops sup_ops = {
	.handlers = handlers,
	.nhandlers = sizeof(handlers) / sizeof(handlers[0]),
	.lost = sup_lost,
};

/* Tell why not, and be rid of it. */
static void
refuse_successor(int fd, const char *why)
{
	struct fields_BS_TAKEN taken = {
		.has_text = true,
		.text = span_str(why),
	};

	log_warnx("another holdfastd is not let in: %s", why);
	(void)chan_write_one(fd, MSG_BS_TAKEN, &taken, NULL, 0);
	close(fd);
}

void
broker_adopted_by(struct broker *broker, int fd,
    const struct fields_HELLO *hello)
{
	char why[128];

	/* Killed, it may be replaced before its end is seen. */
	if (broker->superior != NULL && chan_peer_closed(broker->superior))
		sup_lost(broker, NULL);
	if (broker->superior != NULL) {
		refuse_successor(fd, "the broker has one");
		return;
	}
	if (broker->stopping || broker->order == NULL) {
		refuse_successor(fd, "the broker is about to end");
		return;
	}
	if (proto_agree(hello->version, hello->oldest) == 0) {
		snprintf(why, sizeof(why), "it speaks version %u (oldest %u), "
		    "the broker %u (oldest %u)", hello->version,
		    hello->oldest, PROTO_VERSION, PROTO_OLDEST);
		refuse_successor(fd, why);
		return;
	}
	broker->superior = chan_new(broker->base, fd, ROLE_BROKER,
	    ROLE_SUPERVISOR, &sup_ops, broker);
	if (broker->superior == NULL) {
		log_warn("another holdfastd");
		return;
	}
	log_info("another holdfastd has taken over");
	chan_set_version(broker->superior, hello->version);
	keep_give(broker);
	say_hello(broker);
	sessions_store(broker);
}

void
broker_check_stopped(struct broker *broker)
{
	static const struct fields_NOTHING nothing;

	if (!broker->stopping || broker->stopped ||
	    registry_count(broker->registry) > 0)
		return;
	broker->stopped = true;
	if (broker->superior != NULL)
		chan_send(broker->superior, MSG_BS_STOPPED, &nothing, NULL, 0);
	event_base_loopexit(broker->base, NULL);
}

static void
stop_late_cb(evutil_socket_t fd, short what, void *arg)
{
	struct broker *broker = arg;

	(void)fd;
	(void)what;
	log_warnx("%u sessions have not ended in time",
	    registry_count(broker->registry));
	event_base_loopexit(broker->base, NULL);
}

static void
stop_arm(struct broker *broker, uint64_t grace_ms)
{
	uint64_t wait = clock_add(BROKER_STOP_MS, grace_ms);
	struct timeval tv = {
		.tv_sec = (time_t)(wait / 1000),
		.tv_usec = (suseconds_t)(wait % 1000) * 1000,
	};

	event_add(broker->stop_timer, &tv);
}

void
broker_stop(struct broker *broker, uint64_t grace_ms)
{
	uint32_t slot;

	if (broker->stopping)
		return;
	broker->stopping = true;
	if (broker->registry == NULL) {
		event_base_loopexit(broker->base, NULL);
		return;
	}
	stop_arm(broker, grace_ms);
	attach_refuse_all(broker);
	for (slot = 0; slot < registry_slots(broker->registry); slot++)
		if (broker->sessions[slot].live)
			session_end(&broker->sessions[slot],
			    REGISTRY_REASON_SHUTDOWN, grace_ms);
	broker_check_stopped(broker);
}

static void
term_cb(evutil_socket_t signo, short what, void *arg)
{
	struct broker *broker = arg;

	(void)signo;
	(void)what;
	/* All is stored, for whoever has sent this and starts the next one. */
	if (broker->superior == NULL && !broker->stopping &&
	    fdstore_is_there(broker->store))
		_exit(0);
	broker_stop(broker, BROKER_ORPHAN_GRACE_MS);
}

static int
broker_init(struct broker *broker, int control)
{
	TAILQ_INIT(&broker->gates);
	broker->base = event_base_new();
	keep_init(&broker->keep, broker->base);
	if (broker->base == NULL)
		return -1;
	/* From a terminal these reach the whole group; holdfastd decides. */
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	broker->stop_timer = evtimer_new(broker->base, stop_late_cb, broker);
	broker->term_event = evsignal_new(broker->base, SIGTERM, term_cb,
	    broker);
	if (broker->stop_timer == NULL || broker->term_event == NULL ||
	    event_add(broker->term_event, NULL) == -1 ||
	    trail_init(broker) == -1 || attach_init(broker) == -1 ||
	    sweep_init(broker) == -1 || lend_init(broker) == -1 ||
	    count_init(broker) == -1 || operators_init(broker) == -1 ||
	    adopt_init(broker) == -1)
		return -1;
	broker->superior = chan_new(broker->base, control, ROLE_BROKER,
	    ROLE_SUPERVISOR, &sup_ops, broker);
	return broker->superior == NULL ? -1 : 0;
}

static void
broker_clear(struct broker *broker)
{
	operators_clear(broker);
	gates_clear(broker);
	keep_clear(&broker->keep);
	sessions_clear(broker);
	adopt_clear(broker);
	attach_clear(broker);
	sweep_clear(broker);
	lend_clear(broker);
	count_clear(broker);
	cgroup_free(broker->cgroup);
	chan_free(broker->superior);
	trail_clear(broker);
	peeruid_free(broker->peeruid);
	penalty_free(broker->penalty);
	order_free(broker->staged);
	order_free(broker->order);
	settings_clear(&broker->settings);
	event_free(broker->stop_timer);
	event_free(broker->term_event);
	event_base_free(broker->base);
}

int
broker_serve(int control, struct fdstore_item *stored, size_t nstored)
{
	struct broker broker;
	int status;

	memset(&broker, 0, sizeof(broker));
	broker.stored = stored;
	broker.nstored = nstored;
	if (broker_init(&broker, control) == -1)
		fatalx("cannot start: out of memory");
	event_base_dispatch(broker.base);
	status = broker.stopped || broker.registry == NULL ? 0 : 1;
	broker_clear(&broker);
	if (status != 0)
		(void)reap_signal(NULL, SIGKILL, NULL, NULL);
	return status;
}
