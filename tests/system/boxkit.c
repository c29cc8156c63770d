/* SPDX-License-Identifier: ISC */
/* Processes in sandboxes, for tests. */
#include "config.h"

#include <sys/types.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "tests/lib/call.h"
#include "tests/lib/tape.h"
#include "tests/system/ask.h"
#include "tests/system/boxkit.h"

const char *
box_missing(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), status;
	pid_t pid = fork();

	if (pid == 0) {
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		execlp("bwrap", "bwrap", "--ro-bind", "/", "/", "--dev",
		    "/dev", "--proc", "/proc", "--unshare-user-try",
		    "--unshare-pid", "--unshare-net", "--", "/bin/true",
		    (char *)NULL);
		_exit(127);
	}
	close(null);
	if (pid == -1 || waitpid(pid, &status, 0) != pid)
		return "cannot try bwrap";
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return NULL;
	return WIFEXITED(status) && WEXITSTATUS(status) == 127 ?
	    "there is no bwrap" : "bwrap can make no namespaces here";
}

struct json_object *
box_policy(const char *root, const char *network, const char *extra)
{
	return ask_jsonf("{'permissions':{'type':'managed','file_system':"
	    "{'type':'restricted','entries':["
	    "{'path':{'type':'special','value':{'kind':'root'}},"
	    "'access':'read'},"
	    "{'path':{'type':'special','value':{'kind':'project_roots'}},"
	    "'access':'write'},"
	    "{'path':{'type':'special','value':{'kind':'project_roots',"
	    "'subpath':'.git'}},'access':'read',"
	    "'missing_path_behavior':'skip'},"
	    "{'path':{'type':'special','value':{'kind':'project_roots',"
	    "'subpath':'.codex'}},'access':'read',"
	    "'missing_path_behavior':'skip'}%s]},'network':'%s'},"
	    "'cwd':'file://%s','workspaceRoots':['file://%s'],"
	    "'windowsSandboxLevel':'disabled',"
	    "'windowsSandboxProxySettingsMode':'reconcile',"
	    "'useLegacyLandlock':false}", extra, network, root, root);
}

struct json_object *
box_read_only(const char *root)
{
	return ask_jsonf("{'permissions':{'type':'managed','file_system':"
	    "{'type':'restricted','entries':[{'path':{'type':'special',"
	    "'value':{'kind':'root'}},'access':'read'}]},"
	    "'network':'restricted'},'cwd':'file://%s',"
	    "'workspaceRoots':['file://%s']}", root, root);
}

int
box_start(struct call *call, const char *id, const char *cwd,
    const char *const argv[], int tty, struct json_object *policy,
    char *text)
{
	struct json_object *params = call_start_params(id, cwd, argv), *reply;
	struct json_object *error, *message;
	int code;

	/* Of the runner's environment only what is harmless. */
	json_object_object_add(params, "envPolicy", ask_json(
	    "{'inherit':'core','ignoreDefaultExcludes':true,'exclude':[],"
	    "'set':{},'includeOnly':[]}"));
	json_object_object_add(params, "sandbox", policy);
	json_object_object_add(params, "tty", json_object_new_boolean(tty));
	reply = call_request(call, "process/start", params);
	code = reply == NULL ? 1 : call_error_code(reply);
	if (text != NULL && json_object_object_get_ex(reply, "error",
	    &error) && json_object_object_get_ex(error, "message", &message))
		snprintf(text, 256, "%s", json_object_get_string(message));
	json_object_put(reply);
	return code;
}

/* What exited said about the sandbox; -1 when it said nothing. */
static int
is_denied(struct json_object *event)
{
	struct json_object *params, *value;

	if (!json_object_object_get_ex(event, "params", &params) ||
	    !json_object_object_get_ex(params, "sandboxDenied", &value))
		return -1;
	return json_object_get_boolean(value);
}

int
box_run(struct call *call, const char *cwd, const char *const argv[],
    struct json_object *policy, int *denied, char *out)
{
	static int runs;
	struct json_object *event;
	struct tape *tape;
	char id[32];
	int code = -1, said;

	snprintf(id, sizeof(id), "run%d", ++runs);
	if (box_start(call, id, cwd, argv, 0, policy, out) != 0)
		return -1;
	tape = tape_new(id);
	while (!tape_closed(tape) &&
	    (event = call_next(call, BOX_MS)) != NULL) {
		said = is_denied(event);
		if (tape_event(tape, event) == 1 && said != -1 &&
		    denied != NULL)
			*denied = said;
		json_object_put(event);
	}
	if (tape_closed(tape))
		code = tape_exit_code(tape);
	if (out != NULL)
		snprintf(out, 256, "%s%s", tape_text(tape, "stdout"),
		    tape_text(tape, "stderr"));
	tape_free(tape);
	return code;
}

int
box_type(struct call *call, const char *id, const char *keys)
{
	static int writes;
	struct json_object *result;
	char write_id[32];

	snprintf(write_id, sizeof(write_id), "keys%d", ++writes);
	result = call_result(call, "process/write", call_write_params(id,
	    write_id, keys, strlen(keys)));
	json_object_put(result);
	return result == NULL ? -1 : 0;
}
