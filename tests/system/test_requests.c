/* SPDX-License-Identifier: ISC */
/* Requests without end on one connection: none wedges it, all are answered. */
#include "config.h"

#include <sys/types.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <json-c/json.h>

#include "common/base64.h"
#include "common/clock.h"
#include "common/xmalloc.h"
#include "tests/lib/call.h"
#include "tests/lib/daemon.h"
#include "tests/lib/tap.h"
#include "tests/system/party.h"

#define REQUESTS_MS 60000
#define PIPELINED 2000
#define LARGE 100
#define PARKED 3000

static int
start(struct call *call, const struct daemon *daemon, enum party_kind kind,
    const char *id)
{
	struct json_object *result;

	if (call == NULL)
		return -1;
	result = call_result(call, "process/start",
	    party_start_params(daemon, kind, id));
	json_object_put(result);
	return result == NULL ? -1 : 0;
}

static void
story_pipelined(struct daemon *daemon)
{
	struct call *call = call_attach(daemon_url(daemon), NULL);
	struct json_object *reply;
	uint64_t began = clock_ms();
	int i, answered = 0;

	for (i = 0; call != NULL && i < PIPELINED; i++)
		if (call_send(call, i % 2 ? "environment/status" :
		    "process/terminate", i % 2 ? NULL :
		    call_process_params("nobody")) == -1)
			break;
	/* The first two ids went into attaching. */
	for (i = 0; call != NULL && i < PIPELINED; i++) {
		reply = call_wait(call, i + 2, REQUESTS_MS);
		if (!json_object_object_get_ex(reply, "result", NULL))
			i = PIPELINED;
		else
			answered++;
		json_object_put(reply);
	}
	tap_ok(answered == PIPELINED, "%d requests without reading: %d "
	    "answered in %" PRIu64 " ms", PIPELINED, answered,
	    clock_ms() - began);
	call_free(call);
}

static int
has_output(struct json_object *reply, size_t *bytes)
{
	struct json_object *result, *chunks, *chunk;
	size_t i, n;

	*bytes = 0;
	if (!json_object_object_get_ex(reply, "result", &result) ||
	    !json_object_object_get_ex(result, "chunks", &chunks))
		return 0;
	n = json_object_array_length(chunks);
	for (i = 0; i < n; i++)
		if (json_object_object_get_ex(
		    json_object_array_get_idx(chunks, i), "chunk", &chunk))
			*bytes += BASE64_DECODED_MAX(
			    (size_t)json_object_get_string_len(chunk));
	return 1;
}

/* Answers of a megabyte each, asked for all at once. */
static void
story_large(struct daemon *daemon)
{
	struct party *party = party_new(daemon, "large");
	struct party_job *job = NULL;
	struct json_object *reply;
	int64_t ids[LARGE];
	int i, answered = 0;
	size_t bytes;

	if (party != NULL)
		job = party_start(party, PARTY_PIPES, "large");
	if (!tap_ok(job != NULL && party_ask_output(party, job, 1 << 19) == 0
	    && party_settle(party) == 0, "a megabyte of output")) {
		party_free(party);
		return;
	}
	for (i = 0; i < LARGE; i++)
		ids[i] = call_send(party_call(party), "process/read",
		    call_process_params("large"));
	for (i = 0; i < LARGE; i++) {
		reply = call_wait(party_call(party), ids[i], REQUESTS_MS);
		answered += has_output(reply, &bytes) && bytes >= 1 << 20;
		json_object_put(reply);
	}
	tap_ok(answered == LARGE, "%d answers of a megabyte: %d came", LARGE,
	    answered);
	tap_ok(party_finish(party, job) == 0, "the connection goes on %s",
	    party_error(party));
	party_free(party);
}

static void
story_parked(struct daemon *daemon)
{
	struct call *call = call_attach(daemon_url(daemon), NULL);
	struct json_object *params, *reply;
	const char *id = "parked";
	int64_t *ids = xcalloc(PARKED, sizeof(*ids));
	int i, answered = 0;

	if (!tap_ok(start(call, daemon, PARTY_DEAF, id) == 0,
	    "a silent job"))
		goto out;
	for (i = 0; i < PARKED; i++) {
		params = call_process_params(id);
		json_object_object_add(params, "waitMs",
		    json_object_new_int(10 * REQUESTS_MS));
		ids[i] = call_send(call, "process/read", params);
	}
	reply = call_request(call, "environment/status", NULL);
	tap_ok(reply != NULL, "a request behind %d waiting reads is answered",
	    PARKED);
	json_object_put(reply);
	reply = call_request(call, "process/terminate",
	    call_process_params(id));
	tap_ok(reply != NULL, "and so is terminate");
	json_object_put(reply);
	for (i = 0; i < PARKED; i++) {
		reply = call_wait(call, ids[i], REQUESTS_MS);
		answered += json_object_object_get_ex(reply, "result", NULL);
		json_object_put(reply);
		if (reply == NULL)
			break;
	}
	tap_ok(answered == PARKED, "which answers all of them (%d)", answered);
out:
	free(ids);
	call_free(call);
}

int
main(void)
{
	static const char *const args[] = { "--gateways", "1", NULL };
	struct daemon *daemon = daemon_start(args);

	if (tap_ok(daemon != NULL, "holdfastd runs")) {
		story_pipelined(daemon);
		story_large(daemon);
		story_parked(daemon);
		tap_ok(daemon_stop(daemon, REQUESTS_MS) == 0,
		    "holdfastd ends with 0");
		tap_ok(daemon_check_clean(daemon, REQUESTS_MS) == 0,
		    "nothing is left behind");
	}
	daemon_free(daemon, tap_failed() > 0);
	return tap_done();
}
