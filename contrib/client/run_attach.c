/* SPDX-License-Identifier: ISC */
/* "holdfast attach", and leaving a job so that it can be done. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "common/log.h"
#include "common/xmalloc.h"
#include "contrib/client/job.h"
#include "contrib/client/memory.h"
#include "contrib/client/ps.h"
#include "contrib/client/rpc.h"
#include "contrib/client/run_private.h"
#include "contrib/client/say.h"
#include "contrib/client/session.h"
#include "contrib/client/tty.h"

#define RUN_NAMES_SIZE 512

static void
run_ask_list(struct run *run, uint64_t after)
{
	struct json_object *params = json_object_new_object();

	json_object_object_add(params, "after",
	    json_object_new_uint64(after));
	(void)session_call(run->session, RUN_CALL_LIST, 0, "process/list",
	    params);
}

void
run_look(struct run *run)
{
	free(run->found);
	run->found = NULL;
	run->nfound = run->nlisted = 0;
	run->names[0] = '\0';
	if (session_is_beyond(run->session)) {
		run_ask_list(run, 0);
		return;
	}
	say_error("this server can't list processes, so none can be attached "
	    "to");
	run_finish(run, JOB_STATUS_FAILED);
}

static void
run_take(struct run *run, const struct ps_process *process)
{
	free(run->found);
	run->found = xstrdup(process->id);
	run->found_tty = process->tty;
	run->nfound++;
}

/* The one that is named, or the only one that is not closed. */
static void
run_consider(struct run *run, const struct ps_process *process)
{
	char clean[LOG_CLEAN_SIZE];

	run->nlisted++;
	if (run->wanted != NULL) {
		if (strcmp(run->wanted, process->id) == 0)
			run_take(run, process);
		return;
	}
	if (process->closed)
		return;
	run_take(run, process);
	log_clean(clean, process->id, strlen(process->id));
	if (strlen(run->names) + strlen(clean) + 3 < sizeof(run->names)) {
		strlcat(run->names, " ", sizeof(run->names));
		strlcat(run->names, clean, sizeof(run->names));
	}
}

static void
run_choose(struct run *run)
{
	if (run->nfound == 1) {
		run_adopt(run, run->found, run->found_tty);
		return;
	}
	if (run->wanted != NULL)
		say_error("the session has no process %s", run->wanted);
	else if (run->nfound == 0)
		say_error("nothing runs in the session%s",
		    run->nlisted > 0 ? "; holdfast ps shows what has ended" :
		    "");
	else
		say_error("several processes run in the session, name one "
		    "of:%s", run->names);
	run_finish(run, JOB_STATUS_FAILED);
}

void
run_listed(struct run *run, const struct rpc_message *msg)
{
	struct ps_process process;
	uint64_t next;
	size_t i;

	if (msg->kind == RPC_ERROR) {
		say_error("%s", msg->text);
		run_finish(run, JOB_STATUS_FAILED);
		return;
	}
	for (i = 0; ps_process(msg->body, i, &process) == 0; i++)
		run_consider(run, &process);
	next = rpc_uint(msg->body, "next", 0);
	if (next != 0)
		run_ask_list(run, next);
	else
		run_choose(run);
}

/* So that "holdfast ps" finds it. */
static void
run_remember(struct run *run)
{
	char command[LOG_CLEAN_SIZE] = "";
	size_t i;

	for (i = 0; run->argv != NULL && run->argv[i] != NULL; i++) {
		if (i > 0)
			strlcat(command, " ", sizeof(command));
		strlcat(command, run->argv[i], sizeof(command));
	}
	if (memory_keep(run->url, session_id(run->session),
	    job_id(run->job), run->argv == NULL ? NULL : command) == -1)
		say_note("holdfast ps will not list it: %s",
		    strerror(errno));
}

/* The job is there and goes on without us. */
void
run_leave(struct run *run)
{
	const char *session = session_id(run->session);

	tty_restore();
	run_remember(run);
	say_note("detached; the session is kept for %llu seconds without a "
	    "connection",
	    (unsigned long long)session_ttl_ms(run->session) / 1000);
	if (run->detach) {
		printf("%s %s\n", session, job_id(run->job));
		(void)fflush(stdout);
	} else if (session != NULL)
		say_note("to come back: holdfast attach %s %s", session,
		    job_id(run->job));
	run_finish(run, 0);
}

void
run_escape_help(void)
{
	say_note("~. leaves the job running, ~~ sends ~, ~? says this, at the "
	    "beginning of a line");
}
