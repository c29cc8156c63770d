/* SPDX-License-Identifier: ISC */
/* holdfast-runner: one session's processes, as their owner. */
#include "config.h"

#include <malloc.h>

#include <event2/event.h>

#include "broker/runner/exec.h"
#include "broker/runner/runner.h"
#include "common/log.h"
#include "common/role.h"
#ifdef JAIL_TEST
#include "tests/jail/hook.h"
#endif

/* Output has the lowest of three; what is not told otherwise the middle. */
#define PRIORITIES 3
/* Callbacks of output before requests are looked for again. */
#define OUTPUT_CALLBACKS 8

static struct event_base *
base_new(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	if (config != NULL && event_config_set_flag(config,
	    EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV |
	    EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST) == 0 &&
	    event_config_set_max_dispatch_interval(config, NULL,
	    OUTPUT_CALLBACKS, PRIORITIES - 1) == 0)
		base = event_base_new_with_config(config);
	if (base == NULL || event_base_priority_init(base, PRIORITIES) == -1)
		fatalx("cannot make an event loop");
	event_config_free(config);
	return base;
}

/* Retained output goes back to the kernel when it is let go. */
static void
memory_init(void)
{
	mallopt(M_MMAP_THRESHOLD, 128 * 1024);
	mallopt(M_TRIM_THRESHOLD, 64 * 1024);
	mallopt(M_TOP_PAD, 16 * 1024);
}

int
main(int argc, char *argv[])
{
	struct event_base *base;
	struct runner *runner;

	role_protocol(argc, argv);
	role_begin("holdfast-runner");
	role_need_control("holdfast-runner");
	role_subreaper();
#ifdef JAIL_TEST
	jail_test("runner");
#endif
	memory_init();
	exec_init();
	base = base_new();
	runner = runner_new(base, ROLE_CONTROL_FD);
	if (event_base_dispatch(base) == -1)
		fatalx("event loop");
	runner_free(runner);
	event_base_free(base);
	return 0;
}
