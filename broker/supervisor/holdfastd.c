/* SPDX-License-Identifier: ISC */
/* holdfastd: settle what is to be served, then supervise. */
#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "broker/supervisor/adopt.h"
#include "broker/supervisor/doors.h"
#include "broker/supervisor/hostcheck.h"
#include "broker/supervisor/hostconf.h"
#include "broker/listen.h"
#include "broker/supervisor/options.h"
#include "broker/powers.h"
#include "broker/supervisor/reexec.h"
#include "broker/supervisor/reload.h"
#include "broker/supervisor/rundir.h"
#include "broker/supervisor/storesock.h"
#include "broker/supervisor/supervise.h"
#include "common/log.h"
#include "common/role.h"
#include "common/sandbox.h"
#include "common/unix.h"
#include "common/xmalloc.h"
#ifdef JAIL_TEST
#include "tests/jail/hook.h"
#endif

#define LISTEN_AGAIN_MS 50
#define LISTEN_TRIES 100

static void
complain(void *arg, const char *text)
{
	(void)arg;
	fprintf(stderr, "holdfastd: %s\n", text);
}

static void
print_usage(void)
{
	printf("usage: holdfastd [option ...]\n"
	    "Serve sessions that outlive their connections; "
	    "see holdfastd(8).\n\n");
	conf_print_help(options_keys, options_nkeys, stdout);
}

static void
set_log(const struct options *o)
{
	size_t i;

	log_init("holdfastd", o->debug || o->verbose || o->trace.count > 0 ?
	    LOG_LEVEL_DEBUG : LOG_LEVEL_INFO, options_syslog(o));
	log_set_format((uint32_t)o->log_format | log_journal());
	for (i = 0; i < o->trace.count; i++)
		log_topic(o->trace.items[i]);
}

static void
find_programs(struct supervise_plan *plan)
{
	char *tried;
	size_t i;

	for (i = 0; i < PROGRAM_COUNT; i++) {
		if (i == PROGRAM_GATEWAY_TLS &&
		    !host_needs_tls(plan->host, HOST_ANY_POOL))
			continue;
		plan->programs[i] = program_locate(i,
		    plan->options->libexec_dir, &tried);
		if (plan->programs[i] == NULL)
			fatal("%s", tried);
	}
}

/* A directory that XDG_RUNTIME_DIR names without its being there is none. */
static const char *
usable_xdg(void)
{
	const char *xdg = getenv("XDG_RUNTIME_DIR");

	if (xdg != NULL && access(xdg, W_OK | X_OK) == -1) {
		if (geteuid() != 0)
			log_warn("XDG_RUNTIME_DIR is not used: %s", xdg);
		return NULL;
	}
	return xdg;
}

static struct rundir *
open_rundir(struct supervise_plan *plan, const struct reexec *before)
{
	const char *wanted = plan->options->runtime_dir;
	char reason[RUNDIR_REASON_SIZE];
	struct rundir *rundir;
	char *path;

	if (before->dir != NULL) {
		rundir = rundir_open_heir(before->dir, before->lock, reason);
		if (rundir == NULL)
			fatalx("runtime directory: %s", reason);
		plan->runtime_dir = rundir_path(rundir);
		return rundir;
	}
	path = rundir_choose(wanted, usable_xdg(), geteuid());
	/* Who did not say where does not mind being beside another. */
	rundir = wanted != NULL ? rundir_open(path, reason) :
	    rundir_open_beside(path, reason);
	free(path);
	if (rundir == NULL)
		fatalx("runtime directory: %s", reason);
	plan->runtime_dir = rundir_path(rundir);
	return rundir;
}

/* Returns 0, or -1 after saying why there is none. */
static int
settle_gateway_root(struct supervise_plan *plan, struct rundir *rundir)
{
	if (!plan->host->pools[0].drop)
		return 0;
	plan->gateway_root = rundir_empty(rundir);
	if (plan->gateway_root == NULL)
		log_warn("%s: no empty directory for gateways",
		    plan->runtime_dir);
	return plan->gateway_root == NULL ? -1 : 0;
}

/* One that was kept for that address, or -1; any port is as good. */
static int
kept_listener(struct adoption *a, struct listen_addr *addr, int any_port)
{
	char url[LISTEN_URL_SIZE];
	struct listen_addr kept;
	size_t i;
	int fd = -1;

	if (!any_port)
		fd = adopt_take_listener(a, listen_format(addr, url));
	for (i = 0; any_port && fd == -1 && i < a->nlisteners; i++) {
		memset(&kept, 0, sizeof(kept));
		if (a->listeners[i].fd == -1 ||
		    listen_parse(a->listeners[i].url, &kept) != NULL ||
		    listen_is_unix(&kept) || kept.tls != addr->tls)
			continue;
		host_set_any_port(&kept);
		if (host_same_address(&kept, addr))
			fd = adopt_take_listener(a, a->listeners[i].url);
	}
	if (fd != -1 && listen_adopt(addr, fd) == -1)
		unix_close(&fd);
	return fd;
}

static void
find_kept(struct supervise_plan *plan, struct host *host, int any_port)
{
	size_t i;

	for (i = 0; i < plan->nlisteners; i++)
		if (plan->listeners[i] == -1 &&
		    host_any_port(&host->listeners[i].addr) == any_port)
			plan->listeners[i] = kept_listener(plan->adoption,
			    &host->listeners[i].addr, any_port);
}

/*
 * Gateways of an instance that was killed with its broker take a moment to
 * end, and have the sockets as long.
 */
static int
open_listener(struct listen_addr *addr, int patient)
{
	static const struct timespec moment = { 0, LISTEN_AGAIN_MS * 1000000 };
	int fd, tries;

	for (tries = patient ? LISTEN_TRIES : 1;; nanosleep(&moment, NULL)) {
		fd = listen_open(addr);
		if (fd != -1 || errno != EADDRINUSE || --tries == 0)
			return fd;
	}
}

/* Returns 0, or -1 after saying which address cannot be had. */
static int
open_listeners(struct supervise_plan *plan, struct host *host, int patient)
{
	char url[LISTEN_URL_SIZE];
	size_t i;

	plan->nlisteners = host->nlisteners;
	plan->listeners = xcalloc(plan->nlisteners, sizeof(int));
	for (i = 0; i < plan->nlisteners; i++)
		plan->listeners[i] = -1;
	find_kept(plan, host, 0);
	find_kept(plan, host, 1);
	for (i = 0; i < plan->nlisteners; i++) {
		if (plan->listeners[i] != -1)
			continue;
		plan->changed = 1;
		plan->listeners[i] = open_listener(&host->listeners[i].addr,
		    patient);
		if (plan->listeners[i] == -1) {
			log_warn("cannot listen on %s",
			    listen_format(&host->listeners[i].addr, url));
			return -1;
		}
	}
	for (i = 0; i < plan->adoption->nlisteners; i++)
		if (plan->adoption->listeners[i].fd != -1)
			plan->changed = 1;
	return 0;
}

/* What the next broker and the next holdfastd will need of us. */
static void
open_doors(struct supervise_plan *plan)
{
	memcpy(plan->doors->fds, plan->adoption->doors,
	    sizeof(plan->doors->fds));
	plan->adoption->doors[DOOR_ADMIN] = -1;
	plan->adoption->doors[DOOR_ADOPT] = -1;
	doors_open(plan->doors, plan->runtime_dir, plan->host->admin_group);
}

/* Before another broker could hear of us: it stores with us at once. */
static void
open_store(struct supervise_plan *plan, const struct reexec *before)
{
	plan->heirloom = &before->store;
	plan->heir = before->dir != NULL;
	plan->task = before->task;
	plan->notify = before->notify;
	if (plan->notify != -1)
		return;
	plan->notify = storesock_bind(plan->runtime_dir);
	if (plan->notify == -1)
		log_warn("%s/notify: sessions will end with the broker",
		    plan->runtime_dir);
}

/*
 * The last that needs root's other powers has been done.  Jobs that are
 * root's keep them all: what is given up here is given up for them, too.
 * With jobs that may gain privileges the filter takes CAP_SYS_ADMIN.
 */
static void
confine(const struct host *host)
{
	unsigned int wanted = 0;
	size_t i;
	bool gain;

	for (i = 0; i < host->ntenants; i++)
		wanted |= powers_wanted(host->tenants[i].uid,
		    host->tenants[i].flags);
	gain = (wanted & POWERS_GAINING_JOBS) != 0;
	if (!gain)
		role_no_new_privs();
	if ((wanted & POWERS_ROOT_JOBS) == 0 && sandbox_jobs(!gain) == -1)
		log_warn("no system call filter");
	if (geteuid() == 0)
		role_keep_caps(powers_supervisor(wanted));
#ifdef JAIL_TEST
	jail_test("supervisor");
#endif
}

/* What "plan" says of options and host is the latest when this returns. */
static int
serve(struct supervise_plan *plan, const struct reexec *before)
{
	struct adoption adoption;
	struct doors doors = DOORS_NONE;
	struct rundir *rundir;
	int status = 1;
	size_t i;

	find_programs(plan);
	if (supervise_open_audit(plan) == -1)
		exit(1);
	rundir = open_rundir(plan, before);
	plan->lock = rundir_lock_fd(rundir);
	open_store(plan, before);
	/* Who is there is not ours to remove. */
	if (adopt_find(&adoption, plan->runtime_dir) == -1)
		exit(1);
	plan->adoption = &adoption;
	plan->doors = &doors;
	/* From here on nothing may end us before the directory is removed. */
	open_doors(plan);
	if (settle_gateway_root(plan, rundir) == 0 &&
	    open_listeners(plan, plan->host, rundir_was_left(rundir)) == 0) {
		confine(plan->host);
		status = supervise_run(plan);
	}
	for (i = 0; i < plan->host->nlisteners && !plan->left; i++)
		listen_remove(&plan->host->listeners[i].addr);
	adopt_clear(&adoption);
	doors_close(&doors, plan->runtime_dir, !plan->left);
	if (plan->left)
		rundir_leave(rundir);
	else
		rundir_close(rundir);
	for (i = 0; i < PROGRAM_COUNT; i++)
		free(plan->programs[i]);
	free(plan->listeners);
	return status;
}

/* Before another program has its name. */
static char *
own_path(void)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (n <= 0)
		return xstrdup("/proc/self/exe");
	path[n] = '\0';
	return xstrdup(path);
}

int
main(int argc, char **argv)
{
	struct conf_errors errors = { .report = complain };
	struct reload reload = { .argc = argc, .argv = argv };
	struct supervise_plan plan = { .reload = &reload, .orders = 1,
		.audit = -1, .notify = -1 };
	const struct options *o;
	struct reexec before;
	char *self;
	int status = 0;

	role_begin("holdfastd");
	(void)reexec_receive(&before);
	self = own_path();
	plan.self = self;
	plan.options = reload_options(&reload, &errors);
	o = plan.options;
	/* Of what is found wrong now the terminal is told, not the log. */
	if (!o->help && !o->version && !o->protocol) {
		plan.host = host_new(o, geteuid(), &errors);
		host_check_certs(plan.host, o, &errors);
	}
	set_log(o);
	if (errors.count > 0) {
		status = 1;
	} else if (o->help) {
		print_usage();
	} else if (o->version) {
		printf("holdfastd %s\n", PACKAGE_VERSION);
	} else if (o->protocol) {
		role_print_protocol();
	} else if (!o->check) {
		role_guard();
		role_subreaper();
		status = serve(&plan, &before);
	}
	reexec_clear(&before);
	free(self);
	host_free(plan.host);
	options_clear(plan.options);
	free(plan.options);
	return status;
}
