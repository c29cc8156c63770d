/* SPDX-License-Identifier: ISC */
/*
 * The audit trail of a real server: every event a client can cause, what its
 * line says and what it must not say, and a file that is rotated.
 */
#include "config.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "common/xmalloc.h"
#include "tests/lib/call.h"
#include "tests/lib/daemon.h"
#include "tests/lib/tap.h"
#include "tests/lib/wait.h"
#include "tests/lib/wire.h"
#include "tests/system/ask.h"

#define AUDIT_MS 60000
#define LINE 8192
/* Must appear nowhere: arguments, input, output, environment, a token. */
#define SECRET "c0ff3e5ecre7"

static char dir[] = "/tmp/holdfast-audit.XXXXXX";
static char trail[64], moved[64];

/* What is looked for: a line with this event and these members. */
struct wanted {
	const char *file;
	const char *event;
	const char *members;	/* JSON; texts and numbers must be equal */
	struct json_object *found;	/* the caller's */
};

static int
matches(struct json_object *line, const struct wanted *wanted)
{
	struct json_object *members = ask_json(wanted->members), *value;
	int good = 1;

	json_object_object_foreach(members, name, expected) {
		if (!json_object_object_get_ex(line, name, &value) ||
		    !json_object_equal(value, expected))
			good = 0;
	}
	json_object_put(members);
	return good && json_object_object_get_ex(line, "event", &value) &&
	    strcmp(json_object_get_string(value), wanted->event) == 0;
}

static int
is_there(void *arg)
{
	struct wanted *wanted = arg;
	struct json_object *line;
	FILE *file = fopen(wanted->file, "re");
	char text[LINE];

	while (file != NULL && wanted->found == NULL &&
	    fgets(text, sizeof(text), file) != NULL) {
		line = json_tokener_parse(text);
		if (line != NULL && matches(line, wanted))
			wanted->found = line;
		else
			json_object_put(line);
	}
	if (file != NULL)
		fclose(file);
	return wanted->found != NULL;
}

static int
has(const char *file, const char *event, const char *members)
{
	struct wanted wanted = { file, event, members, NULL };
	int good = wait_until(is_there, &wanted, AUDIT_MS) == 0;

	json_object_put(wanted.found);
	return tap_ok(good, "%s: %s", event, members);
}

/* The same, with the session's id in it. */
static void
has_of(const char *session, const char *event, const char *members)
{
	char text[512];

	snprintf(text, sizeof(text), "{'session':'%s'%s%s}", session,
	    members[0] == '\0' ? "" : ",", members);
	has(trail, event, text);
}

/* Every line is one object with a time and an event; no secret anywhere. */
static int
is_sound(const char *path)
{
	FILE *file = fopen(path, "re");
	struct json_object *line;
	char text[LINE];
	int good = file != NULL;

	while (good && fgets(text, sizeof(text), file) != NULL) {
		line = json_tokener_parse(text);
		good = strstr(text, SECRET) == NULL &&
		    text[strlen(text) - 1] == '\n' &&
		    json_object_object_get_ex(line, "time", NULL) &&
		    json_object_object_get_ex(line, "event", NULL);
		json_object_put(line);
	}
	if (file != NULL)
		fclose(file);
	return good;
}

static void
call_for(struct call *call, const char *method, const char *params)
{
	json_object_put(call_result(call, method, ask_json(params)));
}

static void
story_processes(struct call *call)
{
	const char *session = call_session(call);

	call_for(call, "process/start", "{'processId':'p-echo','argv':['/bin/sh',"
	    "'-c','cat; echo $X; exit 3','" SECRET "'],'cwd':'file:///',"
	    "'env':{'X':'" SECRET "'},'tty':false,'pipeStdin':true}");
	has_of(session, "start", "'process':'p-echo','program':'sh',"
	    "'generation':1");
	/* Base64 of the secret and a newline. */
	call_for(call, "process/write", "{'processId':'p-echo','writeId':'w','chunk':"
	    "'YzBmZjNlNWVjcmU3Cg=='}");
	call_for(call, "process/closeStdin", "{'processId':'p-echo'}");
	has_of(session, "exit", "'process':'p-echo','program':'sh',"
	    "'code':3");
	call_for(call, "process/start", "{'processId':'p \\u00e4\\n\\\"x',"
	    "'argv':['/bin/sleep','1000'],'cwd':'file:///','env':{},'tty':false}");
	has_of(session, "start", "'process':'p \\u00e4\\n\\\"x',"
	    "'program':'sleep'");
	call_for(call, "process/signal", "{'processId':'p \\u00e4\\n\\\"x',"
	    "'signal':'usr1'}");
	has_of(session, "signal", "'process':'p \\u00e4\\n\\\"x',"
	    "'signal':'usr1'");
	has_of(session, "exit", "'process':'p \\u00e4\\n\\\"x',"
	    "'signal':'usr1'");
	call_for(call, "process/start", "{'processId':'p-end',"
	    "'argv':['/bin/sleep','1000'],'cwd':'file:///','env':{},'tty':true}");
	call_for(call, "process/terminate", "{'processId':'p-end'}");
	has_of(session, "signal", "'process':'p-end','signal':'kill'");
	has_of(session, "exit", "'process':'p-end','code':137");
}

static void
story_session(struct daemon *daemon)
{
	struct call *call = call_attach(daemon_url(daemon), NULL), *second;
	struct json_object *reply, *params;
	char *session;

	if (!tap_ok(call != NULL, "a session"))
		return;
	session = xstrdup(call_session(call));
	has_of(session, "attach", "'generation':1,'proof':'peer-uid'");
	story_processes(call);

	second = call_open(daemon_url(daemon));
	params = ask_json("{'clientName':'other'}");
	json_object_object_add(params, "resumeSessionId",
	    json_object_new_string(session));
	reply = call_request(second, "initialize", json_object_get(params));
	json_object_put(reply);
	has_of(session, "attach-refused",
	    "'reason':'attached to another connection'");
	json_object_object_add(params, "holdfast",
	    ask_json("{'takeover':true,'detachTtlMs':1000}"));
	reply = call_request(second, "initialize", params);
	json_object_put(reply);
	has_of(session, "takeover", "'generation':1,'proof':'peer-uid'");
	has_of(session, "detach", "'generation':1,'reason':'taken over'");
	has_of(session, "resume", "'generation':2");
	call_free(call);
	call_free(second);
	has_of(session, "detach",
	    "'generation':2,'reason':'the client has left'");
	has_of(session, "expire", "'generation':2");
	has_of(session, "end", "'reason':'nobody came back in time'");
	free(session);
}

static void
story_refused(struct daemon *daemon)
{
	struct wire *wire = wire_connect(daemon_url(daemon), AUDIT_MS);

	tap_ok(wire_upgrade(wire, "X-Forwarded-For: 192.0.2.1\r\n"
	    "Authorization: Bearer " SECRET "\r\n", AUDIT_MS) == 403,
	    "a connection through a proxy is refused");
	wire_free(wire);
	has(trail, "refused", "{'status':403,'reason':'connections through a "
	    "proxy are not admitted'}");
}

static void
story_rotated(struct daemon *daemon)
{
	struct stat st;

	tap_ok(rename(trail, moved) == 0 &&
	    kill(daemon_pid(daemon), SIGHUP) == 0, "the file is rotated");
	while (stat(trail, &st) == -1)
		usleep(10000);
	tap_ok((st.st_mode & 07777) == 0600, "the new file is private");
	story_refused(daemon);
	tap_ok(is_sound(moved), "what was written before is sound");
}

/* With a configuration the file is opened again even if that is broken. */
static void
story_reloaded(void)
{
	static const char broken[] = "{\"tenants\": 1}";
	struct daemon *daemon;
	char conf[512];

	unlink(trail);
	unlink(moved);
	snprintf(conf, sizeof(conf), "{\"listen\": \"ws://127.0.0.1:0\","
	    "\"gateways\": 1, \"tenants\": [{\"name\": \"t\", "
	    "\"user\": \"%u\", \"allow-root\": true}], "
	    "\"audit\": {\"to\": \"file\", \"file\": \"%s\"}}",
	    (unsigned int)geteuid(), trail);
	daemon = daemon_start_conf(conf, 1);
	if (!tap_ok(daemon != NULL, "a server with a configuration"))
		return;
	story_refused(daemon);
	story_rotated(daemon);
	tap_ok(daemon_reload(daemon, broken) == 0, "its file is broken");
	story_rotated(daemon);
	tap_ok(daemon_stop(daemon, AUDIT_MS) == 0, "it stops");
	daemon_free(daemon, tap_failed() > 0);
}

int
main(void)
{
	static char file[64];
	const char *const args[] = { "--audit-file", file, NULL };
	struct daemon *daemon;

	if (mkdtemp(dir) == NULL)
		tap_skip_all("no directory");
	snprintf(trail, sizeof(trail), "%s/trail", dir);
	snprintf(moved, sizeof(moved), "%s/trail.1", dir);
	snprintf(file, sizeof(file), "%s", trail);
	daemon = daemon_start(args);
	if (tap_ok(daemon != NULL, "a server with an audit trail")) {
		story_refused(daemon);
		story_session(daemon);
		story_rotated(daemon);
		tap_ok(daemon_stop(daemon, AUDIT_MS) == 0, "it stops");
		tap_ok(is_sound(trail), "every line is sound");
		daemon_free(daemon, tap_failed() > 0);
	}
	story_reloaded();
	unlink(trail);
	unlink(moved);
	rmdir(dir);
	return tap_done();
}
