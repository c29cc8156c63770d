/* SPDX-License-Identifier: ISC */
/* A process that the supervisor starts and watches. */
#include "config.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "broker/supervisor/backoff.h"
#include "broker/launch.h"
#include "broker/supervisor/programs.h"
#include "broker/supervisor/storesock.h"
#include "broker/supervisor/ward.h"
#include "common/chan.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/role.h"
#include "common/unix.h"
#include "common/xmalloc.h"

/* So many pings a watchdog time, and so many may stay unanswered. */
#define WARD_PINGS 4
/* When to look again whether a killed process has really gone. */
#define WARD_KILL_MS 5000
/* How long the broker may take to leave. */
#define WARD_LEAVE_MS 2000

struct ward {
	const struct ward_plan *plan;
	char name[32];			/* for logs */
	enum ward_state state;
	pid_t pid;			/* 0: none */
	int pidfd;			/* owned; -1: none */
	struct event *exit;		/* of one that is no child of ours */
	int leaving;			/* it was told to */
	int failed;			/* see ward_failed() */
	struct chan *chan;		/* NULL: none */
	struct event *timer;		/* the deadline of the state */
	struct backoff backoff;
	uint64_t up_since;		/* 0: did not get so far */
	uint64_t not_before;
	uint64_t pings;			/* sent */
	uint64_t pongs;			/* the last one answered */
	uint64_t grace_ms, slack_ms;	/* of ward_stop() */
	int retiring;			/* told by ward_retire() */
	int heir;			/* see there; -1: none */
};

static const struct {
	enum program program;
	enum proto_role role;
	uint16_t ping, stop;
} kinds[] = {
	[WARD_BROKER] = { PROGRAM_BROKER, ROLE_BROKER, MSG_SB_PING,
	    MSG_SB_STOP },
	[WARD_GATEWAY] = { PROGRAM_GATEWAY, ROLE_GATEWAY, MSG_SG_PING,
	    MSG_SG_STOP },
};

static void ward_event(struct ward *ward, enum ward_event event);

static void
ward_set_timer(struct ward *ward, uint64_t ms)
{
	struct timeval tv = {
		.tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000) * 1000,
	};

	event_add(ward->timer, &tv);
}

static void
ward_drop_chan(struct ward *ward)
{
	chan_free(ward->chan);
	ward->chan = NULL;
}

static void
ward_lost_cb(void *arg, const char *why)
{
	struct ward *ward = arg;

	if (why != NULL)
		log_warnx("%s broke its channel: %s", ward->name, why);
	ward_drop_chan(ward);
	ward_event(ward, WARD_ON_LOST);
}

static void
ward_hello_cb(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	const struct fields_HELLO *hello = &msg->HELLO;
	struct ward *ward = arg;

	(void)fds;
	/* From before we were there: it is known to be up. */
	if (ward->state == WARD_UP)
		return;
	if (proto_agree(hello->version, hello->oldest) == 0) {
		log_warnx("%s speaks version %u (oldest %u), we speak %u "
		    "(oldest %u)", ward->name, hello->version, hello->oldest,
		    PROTO_VERSION, PROTO_OLDEST);
		ward_drop_chan(ward);
		ward_event(ward, WARD_ON_LOST);
		return;
	}
	chan_set_version(ward->chan, hello->version);
	chan_set_phase(ward->chan, PHASE_UP);
	ward_event(ward, WARD_ON_HELLO);
}

static void
ward_pong_cb(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct ward *ward = arg;

	(void)fds;
	if (msg->PING.count <= ward->pings)
		ward->pongs = msg->PING.count;
}

static void
ward_stopped_cb(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct ward *ward = arg;

	(void)msg;
	(void)fds;
	log_debug("supervise", "%s has nothing left", ward->name);
}

static void
ward_taken_cb(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	const struct fields_BS_TAKEN *taken = &msg->BS_TAKEN;
	struct ward *ward = arg;
	char why[LOG_CLEAN_SIZE];

	(void)fds;
	log_clean(why, taken->text.p, taken->text.len);
	ward->plan->watch->taken(ward->plan->arg, taken->count,
	    taken->has_text ? why : NULL);
}

static void
ward_order_cb(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct ward *ward = arg;

	(void)fds;
	ward->plan->watch->order(ward->plan->arg, &msg->BS_ORDER);
}

static void
ward_surveyed_cb(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct ward *ward = arg;

	(void)fds;
	ward->plan->watch->surveyed(ward->plan->arg, &msg->BS_SURVEYED);
}

static void
ward_sweep_cb(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct ward *ward = arg;

	(void)fds;
	ward->plan->watch->sweep(ward->plan->arg, msg->PING.count);
}

static const struct chan_handler ward_handlers[] = {
	{ MSG_BS_SWEEP, ward_sweep_cb },
	{ MSG_BS_ORDER, ward_order_cb },
	{ MSG_BS_SURVEYED, ward_surveyed_cb },
	{ MSG_BS_TAKEN, ward_taken_cb },
	{ MSG_BS_HELLO, ward_hello_cb },
	{ MSG_BS_PONG, ward_pong_cb },
	{ MSG_BS_STOPPED, ward_stopped_cb },
	{ MSG_GS_HELLO, ward_hello_cb },
	{ MSG_GS_PONG, ward_pong_cb },
};

static const struct chan_ops ward_chan_ops = {
	.handlers = ward_handlers,
	.nhandlers = sizeof(ward_handlers) / sizeof(ward_handlers[0]),
	.lost = ward_lost_cb,
};

/* The environment of one that is given what is stored; the caller's. */
static char **
ward_heir_env(char *const env[], const char *store, const char *files)
{
	size_t count = 0;
	char **all;

	while (env[count] != NULL)
		count++;
	all = xcalloc(count + 3, sizeof(*all));
	memcpy(all, env, count * sizeof(*all));
	all[count++] = (char *)(uintptr_t)store;
	all[count] = (char *)(uintptr_t)files;
	return all;
}

static pid_t
ward_launch_heir(const struct ward_plan *plan, const struct store *store,
    int control)
{
	char *names = store_names(store), *given, *files = role_heir_env();
	int *fds = xcalloc(store->count, sizeof(*fds)), saved;
	char **env;
	pid_t pid;
	size_t i;

	given = xasprintf("HOLDFAST_STORE=%s", names);
	env = ward_heir_env(plan->env, given, files);
	for (i = 0; i < store->count; i++)
		fds[i] = store->entries[i].fd;
	pid = launch_heir(plan->path, program_name(kinds[plan->kind].program),
	    env, control, fds, store->count);
	saved = errno;
	free(env);
	free(given);
	free(names);
	free(files);
	free(fds);
	errno = saved;
	return pid;
}

static pid_t
ward_launch(const struct ward_plan *plan, int control)
{
	const struct store *store = storesock_store(plan->store);

	if (store->count > 0)
		return ward_launch_heir(plan, store, control);
	return launch(plan->path, program_name(kinds[plan->kind].program),
	    plan->env, control, NULL);
}

static struct chan *
ward_chan_new(struct ward *ward, int fd)
{
	return chan_new(ward->plan->base, fd, ROLE_SUPERVISOR,
	    kinds[ward->plan->kind].role, &ward_chan_ops, ward);
}

/* Returns 0, or -1 with errno and nothing started. */
static int
ward_spawn(struct ward *ward)
{
	int pair[2], saved;

	if (unix_pair(SOCK_SEQPACKET, pair) == -1)
		return -1;
	ward->pid = ward_launch(ward->plan, pair[1]);
	saved = errno;
	close(pair[1]);
	if (ward->pid == -1) {
		ward->pid = 0;
		close(pair[0]);
		errno = saved;
		return -1;
	}
	ward->pidfd = (int)syscall(SYS_pidfd_open, ward->pid, 0);
	ward->chan = ward_chan_new(ward, pair[0]);
	return 0;
}

static void
ward_do_spawn(struct ward *ward)
{
	ward->up_since = 0;
	ward->pings = ward->pongs = 0;
	ward->leaving = ward->failed = 0;
	if (ward_spawn(ward) == -1) {
		log_warn("%s cannot be started", ward->name);
		ward_event(ward, WARD_ON_EXIT);
		return;
	}
	log_debug("supervise", "%s is pid %d", ward->name, (int)ward->pid);
	ward_set_timer(ward, WARD_START_MS);
	if (ward->chan != NULL)
		ward->plan->watch->spawned(ward->plan->arg, ward);
	else
		ward_event(ward, WARD_ON_LOST);
}

static void
ward_do_resume(struct ward *ward)
{
	ward->up_since = clock_ms();
	ward_set_timer(ward, ward->plan->watchdog_ms / WARD_PINGS);
}

static void
ward_do_serve(struct ward *ward)
{
	ward_do_resume(ward);
	ward->plan->watch->up(ward->plan->arg, ward);
}

static void
ward_tell_leave(struct ward *ward)
{
	struct fields_SG_LEAVE leave = { .grace_ms = ward->grace_ms };

	if (ward->chan != NULL)
		chan_send(ward->chan, MSG_SG_LEAVE, &leave, &ward->heir,
		    ward->heir == -1 ? 0 : 1);
	else
		unix_close(&ward->heir);
	ward->heir = -1;
}

static void
ward_do_tell(struct ward *ward)
{
	struct fields_STOP stop = { .grace_ms = ward->grace_ms };

	if (ward->retiring) {
		ward_tell_leave(ward);
	} else if (ward->chan != NULL) {
		chan_send(ward->chan, kinds[ward->plan->kind].stop, &stop,
		    NULL, 0);
		chan_set_phase(ward->chan, PHASE_STOP);
	}
	ward_set_timer(ward, ward->grace_ms + ward->slack_ms);
}

/* A child that is not yet waited for still has its number. */
static int
ward_signal(const struct ward *ward, int signo)
{
	if (ward->pidfd != -1)
		return (int)syscall(SYS_pidfd_send_signal, ward->pidfd, signo,
		    NULL, 0);
	return kill(ward->pid, signo);
}

static void
ward_do_kill(struct ward *ward)
{
	if (ward_signal(ward, SIGKILL) == -1 && errno != ESRCH)
		log_warn("cannot kill %s, pid %d", ward->name,
		    (int)ward->pid);
	ward_set_timer(ward, WARD_KILL_MS);
}

static void
ward_clear(struct ward *ward)
{
	event_del(ward->timer);
	if (ward->exit != NULL)
		event_free(ward->exit);
	ward->exit = NULL;
	ward_drop_chan(ward);
	unix_close(&ward->pidfd);
	ward->pid = 0;
}

static void
ward_do_again(struct ward *ward)
{
	uint64_t now = clock_ms(), delay;

	ward_clear(ward);
	delay = ward->leaving ? 0 : backoff_died(&ward->backoff,
	    ward->up_since == 0 ? 0 : now - ward->up_since);
	ward->not_before = now + delay;
	if (delay == 0)
		log_info("%s is started again at once", ward->name);
	else
		log_info("%s is started again in %ju ms", ward->name,
		    (uintmax_t)delay);
	ward->plan->watch->down(ward->plan->arg, ward);
}

static void
ward_do_done(struct ward *ward)
{
	ward_clear(ward);
	ward->plan->watch->gone(ward->plan->arg, ward);
}

static void
ward_event(struct ward *ward, enum ward_event event)
{
	static void (*const actions[])(struct ward *) = {
		[WARD_SPAWN] = ward_do_spawn,
		[WARD_SERVE] = ward_do_serve,
		[WARD_RESUME] = ward_do_resume,
		[WARD_TELL] = ward_do_tell,
		[WARD_KILL] = ward_do_kill,
		[WARD_AGAIN] = ward_do_again,
		[WARD_DONE] = ward_do_done,
	};
	struct ward_step step = ward_step(ward->state, event);

	if (step.action == WARD_NEVER)
		fatalx("%s: %s while %s", ward->name, ward_event_name(event),
		    ward_state_name(ward->state));
	log_debug("supervise", "%s: %s while %s", ward->name,
	    ward_event_name(event), ward_state_name(ward->state));
	ward->state = step.next;
	if (actions[step.action] != NULL)
		actions[step.action](ward);
}

/*
 * A ward is given up for pings it did not answer, not for time that passed:
 * when it was we who stood still, its answers are waiting to be read.
 */
static void
ward_ping(struct ward *ward)
{
	struct fields_PING ping;

	if (ward->pings - ward->pongs >= WARD_PINGS) {
		log_warnx("%s, pid %d, has been silent for %ju ms; killing it",
		    ward->name, (int)ward->pid,
		    (uintmax_t)ward->plan->watchdog_ms);
		ward_event(ward, WARD_ON_TIMEOUT);
		return;
	}
	ping.count = ++ward->pings;
	if (ward->chan != NULL)
		chan_send(ward->chan, kinds[ward->plan->kind].ping, &ping,
		    NULL, 0);
	ward_set_timer(ward, ward->plan->watchdog_ms / WARD_PINGS);
}

static void
ward_timer_cb(evutil_socket_t fd, short what, void *arg)
{
	struct ward *ward = arg;

	(void)fd;
	(void)what;
	if (ward->state == WARD_UP && !ward->leaving) {
		ward_ping(ward);
		return;
	}
	log_warnx("%s, pid %d, is %s for too long; killing it", ward->name,
	    (int)ward->pid, ward->leaving ? "leaving" :
	    ward_state_name(ward->state));
	ward_event(ward, WARD_ON_TIMEOUT);
}

struct ward *
ward_new(const struct ward_plan *plan)
{
	struct ward *ward = xcalloc(1, sizeof(*ward));

	ward->plan = plan;
	ward->state = WARD_IDLE;
	ward->pidfd = -1;
	ward->heir = -1;
	if (plan->kind == WARD_BROKER)
		strlcpy(ward->name, "broker", sizeof(ward->name));
	else
		snprintf(ward->name, sizeof(ward->name), "gateway %u",
		    plan->number);
	ward->timer = event_new(plan->base, -1, 0, ward_timer_cb, ward);
	if (ward->timer == NULL)
		fatalx("out of memory");
	return ward;
}

void
ward_free(struct ward *ward)
{
	if (ward == NULL)
		return;
	chan_free(ward->chan);
	unix_close(&ward->pidfd);
	if (ward->exit != NULL)
		event_free(ward->exit);
	event_free(ward->timer);
	free(ward);
}

/* How it ended only its parent learns. */
static void
ward_exit_cb(evutil_socket_t fd, short what, void *arg)
{
	struct ward *ward = arg;

	(void)fd;
	(void)what;
	if (ward->state == WARD_STOPPING || ward->state == WARD_ENDING ||
	    ward->leaving)
		log_debug("supervise", "%s, pid %d, has exited", ward->name,
		    (int)ward->pid);
	else
		log_warnx("%s, pid %d, is gone", ward->name, (int)ward->pid);
	ward_event(ward, WARD_ON_EXIT);
}

void
ward_adopt(struct ward *ward, const struct ward_found *found)
{
	siginfo_t info;

	ward->pings = ward->pongs = 0;
	ward->leaving = ward->failed = 0;
	ward->pid = found->pid;
	ward->pidfd = found->pidfd;
	ward->chan = ward_chan_new(ward, found->channel);
	if (ward->chan != NULL) {
		chan_set_version(ward->chan, found->version);
		chan_set_phase(ward->chan, PHASE_UP);
	}
	/* A child it still is when we have replaced ourselves. */
	if (waitid(P_PIDFD, (id_t)ward->pidfd, &info,
	    WEXITED | WNOHANG | WNOWAIT) == -1) {
		ward->exit = event_new(ward->plan->base, ward->pidfd,
		    EV_READ, ward_exit_cb, ward);
		if (ward->exit == NULL || event_add(ward->exit, NULL) == -1)
			fatalx("out of memory");
	}
	ward_event(ward, WARD_ON_ADOPT);
	if (ward->chan == NULL)
		ward_event(ward, WARD_ON_LOST);
}

void
ward_leave(struct ward *ward)
{
	static const struct fields_NOTHING nothing;

	if (ward->state != WARD_UP || ward->chan == NULL || ward->leaving)
		return;
	ward->leaving = 1;
	chan_send(ward->chan, MSG_SB_LEAVE, &nothing, NULL, 0);
	ward_set_timer(ward, WARD_LEAVE_MS);
}

void
ward_start(struct ward *ward)
{
	ward_event(ward, WARD_ON_START);
}

void
ward_stop(struct ward *ward, uint64_t grace_ms, uint64_t slack_ms)
{
	ward->grace_ms = grace_ms;
	ward->slack_ms = slack_ms;
	if (ward->retiring && ward->state == WARD_STOPPING) {
		ward->retiring = 0;
		ward_do_tell(ward);
		return;
	}
	ward_event(ward, WARD_ON_STOP);
}

void
ward_retire(struct ward *ward, uint64_t grace_ms, uint64_t slack_ms, int heir)
{
	ward->grace_ms = grace_ms;
	ward->slack_ms = slack_ms;
	ward->retiring = 1;
	ward->heir = heir;
	ward_event(ward, WARD_ON_STOP);
}

static void
ward_log_exit(const struct ward *ward, int status)
{
	int expected = ward->state == WARD_STOPPING || ward->leaving ||
	    ward->state == WARD_ENDING;

	if (expected && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		log_debug("supervise", "%s, pid %d, has exited", ward->name,
		    (int)ward->pid);
	else if (WIFSIGNALED(status))
		log_warnx("%s, pid %d, was killed by signal %d (%s)",
		    ward->name, (int)ward->pid, WTERMSIG(status),
		    strsignal(WTERMSIG(status)));
	else
		log_warnx("%s, pid %d, has exited with status %d",
		    ward->name, (int)ward->pid, WEXITSTATUS(status));
}

int
ward_exited(struct ward *ward, pid_t pid, int status)
{
	if (pid != ward->pid)
		return 0;
	ward_log_exit(ward, status);
	ward->failed = ward->up_since == 0 && !(ward->state == WARD_STARTING &&
	    WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	ward_event(ward, WARD_ON_EXIT);
	return 1;
}

enum ward_state
ward_state(const struct ward *ward)
{
	return ward->state;
}

unsigned int
ward_number(const struct ward *ward)
{
	return ward->plan->number;
}

unsigned int
ward_pool(const struct ward *ward)
{
	return ward->plan->pool;
}

pid_t
ward_pid(const struct ward *ward)
{
	return ward->pid;
}

int
ward_failed(const struct ward *ward)
{
	return ward->failed;
}

int
ward_dup_chan(const struct ward *ward)
{
	return ward->chan == NULL ? -1 : chan_dup_fd(ward->chan);
}

int
ward_dup_pidfd(const struct ward *ward)
{
	return ward->pidfd == -1 ? -1 :
	    fcntl(ward->pidfd, F_DUPFD_CLOEXEC, 0);
}

struct chan *
ward_chan(const struct ward *ward)
{
	return ward->chan;
}

uint64_t
ward_not_before(const struct ward *ward)
{
	return ward->not_before;
}
