/* SPDX-License-Identifier: ISC */
/*
 * What jobs write while nobody is there: read back byte for byte, and what
 * had to give way is told exactly.  Nobody is held up for it for long.
 */
#include "config.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <inttypes.h>
#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "common/clock.h"
#include "common/xmalloc.h"
#include "tests/lib/call.h"
#include "tests/lib/daemon.h"
#include "tests/lib/procfs.h"
#include "tests/lib/tap.h"
#include "tests/lib/wait.h"
#include "tests/system/ask.h"
#include "tests/system/party.h"
#include "tests/system/pattern.h"
#include "tests/system/usage.h"

#define SPILL_MS 300000		/* a slow machine with sanitizers */
#define MIB (1024 * 1024)
#define PAGE (1 * MIB)
#define SEED 4711		/* of a party's jobs */
#define FIRST 8			/* bytes that a job says without being asked */
#define GREW_KIB 12288		/* 8 MiB are kept in memory */

/* What has been read of a job: its bytes from "at" on. */
struct reader {
	const char *id;
	uint64_t after;		/* the number behind which to go on */
	uint64_t at;		/* bytes of output before it */
	uint64_t lost;		/* in gaps */
	int gaps, skipped, right, closed, reads;
	SHA2_CTX hash;
};

static void
take_gap(struct reader *r, struct json_object *result)
{
	struct json_object *more, *gap;

	if (!json_object_object_get_ex(result, "holdfast", &more) ||
	    !json_object_object_get_ex(more, "gap", &gap))
		return;
	r->gaps++;
	r->right = r->right && ask_int(gap, "fromSeq") ==
	    (int64_t)r->after + 1 && ask_int(gap, "bytes") > 0;
	r->lost += (uint64_t)ask_int(gap, "bytes");
	r->at += (uint64_t)ask_int(gap, "bytes");
	r->after = (uint64_t)ask_int(gap, "toSeq");
}

static void
take_chunk(struct reader *r, struct json_object *chunk)
{
	static uint8_t wanted[65536];
	size_t len = 0;
	char *bytes = ask_bytes(chunk, "chunk", &len);

	/* The exit has a number, too, before what it had left in a pipe. */
	if (ask_int(chunk, "seq") == (int64_t)r->after + 2 && !r->skipped++)
		r->after++;
	r->right = r->right && bytes != NULL && len <= sizeof(wanted) &&
	    ask_int(chunk, "seq") == (int64_t)r->after + 1;
	if (r->right) {
		pattern_fill(wanted, len, SEED, r->at);
		r->right = memcmp(bytes, wanted, len) == 0;
		SHA256Update(&r->hash, (uint8_t *)bytes, len);
		r->at += len;
		r->after++;
	}
	free(bytes);
}

/* One read: 0, or -1 when there is nothing more to be read. */
static int
read_once(struct call *call, struct reader *r, uint64_t page)
{
	struct json_object *params = call_process_params(r->id), *result;
	struct json_object *chunks = NULL;
	size_t i, n = 0;

	json_object_object_add(params, "afterSeq",
	    json_object_new_uint64(r->after));
	if (page > 0)
		json_object_object_add(params, "maxBytes",
		    json_object_new_uint64(page));
	params = call_wait(call, call_send(call, "process/read", params),
	    SPILL_MS);
	if (!json_object_object_get_ex(params, "result", &result)) {
		r->right = 0;
		json_object_put(params);
		return -1;
	}
	take_gap(r, result);
	if (json_object_object_get_ex(result, "chunks", &chunks))
		n = json_object_array_length(chunks);
	for (i = 0; i < n; i++)
		take_chunk(r, json_object_array_get_idx(chunks, i));
	r->closed = ask_int(result, "closed") == 1;
	r->reads++;
	json_object_put(params);
	return n > 0 && r->right ? 0 : -1;
}

/* All there is from the beginning, in pages or, with 0, in long answers. */
static void
read_all(struct call *call, struct reader *r, const char *id, uint64_t page)
{
	memset(r, 0, sizeof(*r));
	r->id = id;
	r->right = 1;
	SHA256Init(&r->hash);
	while (read_once(call, r, page) == 0)
		continue;
}

/* The digest of all the job has written, as it has left it; "" for none. */
static void
digest_of(const struct daemon *daemon, const char *id,
    char hash[SHA256_DIGEST_STRING_LENGTH])
{
	char *path = xasprintf("%s/%s.result", daemon_dir(daemon), id);
	char line[256];
	FILE *f = fopen(path, "re");

	hash[0] = '\0';
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "stdout %64s", hash) == 1)
			break;
	if (f != NULL)
		fclose(f);
	free(path);
}

static int
has_ended(void *arg)
{
	return access(arg, F_OK) == 0;
}

/* Megabytes written by a job whose client has gone; it ends by itself. */
static struct call *
flooded(struct daemon *daemon, const char *url, const char *id, uint64_t mib,
    uint64_t *ms)
{
	char *path = xasprintf("%s/%s.result", daemon_dir(daemon), id);
	char *line = xasprintf("o %" PRIu64 "\nq\n", mib * MIB), *session;
	struct call *call = call_attach(url, NULL);
	int good;

	if (call == NULL)
		goto out;
	json_object_put(call_result(call, "process/start",
	    party_start_params(daemon, PARTY_PIPES, id)));
	json_object_put(call_result(call, "process/write",
	    call_write_params(id, "w", line, strlen(line))));
	session = xstrdup(call_session(call));
	call_free(call);
	*ms = clock_ms();
	good = wait_until(has_ended, path, SPILL_MS) == 0;
	*ms = clock_ms() - *ms;
	call = call_attach(url, session);
	tap_ok(good && call != NULL, "%" PRIu64 " MiB while nobody is there "
	    "take %" PRIu64 " ms", mib, *ms);
	free(session);
out:
	free(path);
	free(line);
	return call;
}

/* The most it ever had, in KiB. */
static unsigned long
peak_of(const struct daemon *daemon, const char *name)
{
	char path[64], line[256];
	unsigned long kib = 0;
	pid_t pid;
	FILE *f;

	if (daemon_find(daemon, name, &pid, 1) == 0)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "VmHWM: %lu", &kib) == 1)
			break;
	if (f != NULL)
		fclose(f);
	return kib;
}

static void
tell_speed(const char *what, const struct reader *r, uint64_t since)
{
	uint64_t ms = clock_ms() - since;

	tap_note("%s: %" PRIu64 " KiB in %d answers, %" PRIu64 " ms, %" PRIu64
	    " MiB/s", what, (r->at - r->lost) / 1024, r->reads, ms,
	    (r->at - r->lost) * 1000 / MIB / (ms + 1));
}

/* With the defaults all of it is there, however it is asked for. */
static void
check_whole(struct daemon *daemon, const char *id, uint64_t page)
{
	char hash[SHA256_DIGEST_STRING_LENGTH];
	char wanted[SHA256_DIGEST_STRING_LENGTH];
	struct reader r;
	struct call *call;
	uint64_t ms, since;

	call = flooded(daemon, daemon_url(daemon), id, 60, &ms);
	if (call == NULL)
		return;
	digest_of(daemon, id, wanted);
	since = clock_ms();
	read_all(call, &r, id, page);
	tell_speed(id, &r, since);
	tap_ok(r.right && r.closed && r.gaps == 0 &&
	    r.at == 60 * MIB + FIRST &&
	    strcmp(SHA256End(&r.hash, hash), wanted) == 0,
	    "all of them are read back %s", id);
	call_free(call);
}

/* Runners are looked at while their sessions last, which these do. */
static void
story_whole(struct daemon *daemon)
{
	unsigned long gateway = peak_of(daemon, "holdfast-gateway");

	check_whole(daemon, "in-pages", PAGE);
	check_whole(daemon, "in-small-pages", PAGE / 16);
	check_whole(daemon, "in-one-answer", 0);
	tap_note("most ever: runner %lu KiB, gateway %lu KiB, %lu before",
	    peak_of(daemon, "holdfast-runner"),
	    peak_of(daemon, "holdfast-gateway"), gateway);
	if (usage_has_memory())
		tap_ok(peak_of(daemon, "holdfast-gateway") < gateway +
		    GREW_KIB && peak_of(daemon, "holdfast-runner") <
		    2 * GREW_KIB, "in bounded memory");
	else
		tap_skip("a sanitizer keeps memory", "in bounded memory");
}

/* More than there is room for: the oldest is missing, and that is told. */
static void
check_gap(struct daemon *daemon, const char *url, const char *id,
    uint64_t page, uint64_t mib, uint64_t kept)
{
	struct reader r;
	struct call *call;
	uint64_t ms, since;

	call = flooded(daemon, url, id, mib, &ms);
	/* It is held for five seconds at most, and then goes on. */
	if (!tap_ok(call != NULL && (ms < 30000 || !usage_has_memory()),
	    "nobody is held up for long"))
		return;
	since = clock_ms();
	read_all(call, &r, id, page);
	tell_speed(id, &r, since);
	if (!tap_ok(r.right && r.closed && r.gaps == 1 && r.lost > 0 &&
	    r.at == mib * MIB + FIRST && r.at - r.lost >= kept,
	    "%" PRIu64 " of %" PRIu64 " KiB are read back, and the gap is "
	    "told", (r.at - r.lost) / 1024, r.at / 1024))
		tap_note("right %d, closed %d, %d gaps of %" PRIu64 ", after %"
		    PRIu64 " at %" PRIu64, r.right, r.closed, r.gaps, r.lost,
		    r.after, r.at);
	call_free(call);
}

/* A disk that is full keeps what it can. */
static void
story_full(void)
{
	char place[] = "/tmp/holdfast-spill-XXXXXX";
	const char *args[] = { "--gateways", "1", "--spill-directory", place,
		"--hold-ms", "500", NULL };
	struct daemon *daemon;

	if (mkdtemp(place) == NULL)
		return;
	if (mount("tmpfs", place, "tmpfs", 0, "size=16m,mode=1777") == -1) {
		tap_skip("needs to mount", "a disk that is full");
		rmdir(place);
		return;
	}
	daemon = daemon_start(args);
	if (tap_ok(daemon != NULL, "a small disk")) {
		check_gap(daemon, daemon_url(daemon), "full", PAGE, 60,
		    16 * MIB);
		tap_ok(daemon_stop(daemon, SPILL_MS) == 0 &&
		    daemon_check_clean(daemon, SPILL_MS) == 0,
		    "nothing is left behind");
	}
	daemon_free(daemon, tap_failed() > 0);
	umount2(place, MNT_DETACH);
	rmdir(place);
}

/* A budget that is used up, of the tenant or of the host. */
static void
story_budget(int of_host)
{
	const char *limit = "\"limits\": { \"spilled-bytes\": 16777216 },";
	char *text = xasprintf("{ \"gateways\": 1, \"hold-ms\": 500,\n"
	    "\"listeners\": [ { \"address\": \"ws://127.0.0.1:0\", "
	    "\"admission\": [\"none\"] } ], %s\n\"tenants\": [ { %s "
	    "\"name\": \"one\", \"user\": \"%u\", \"allow-root\": true } ] }",
	    of_host ? limit : "", of_host ? "" : limit,
	    (unsigned int)geteuid());
	struct daemon *daemon = daemon_start_conf(text, 1);

	if (tap_ok(daemon != NULL, "a budget of %s", of_host ? "the host" :
	    "a tenant")) {
		check_gap(daemon, daemon_address(daemon, 0), "budget", 0, 60,
		    16 * MIB);
		tap_ok(daemon_stop(daemon, SPILL_MS) == 0 &&
		    daemon_check_clean(daemon, SPILL_MS) == 0,
		    "nothing is left behind");
	}
	daemon_free(daemon, tap_failed() > 0);
	free(text);
}

int
main(void)
{
	static const char *const args[] = { "--gateways", "1", NULL };
	struct daemon *daemon = daemon_start(args);

	if (tap_ok(daemon != NULL, "holdfastd runs")) {
		story_whole(daemon);
		check_gap(daemon, daemon_url(daemon), "more", 0, 100,
		    64 * MIB);
		check_gap(daemon, daemon_url(daemon), "more-in-pages", PAGE,
		    100, 64 * MIB);
		tap_ok(daemon_stop(daemon, SPILL_MS) == 0,
		    "holdfastd ends with 0");
		tap_ok(daemon_check_clean(daemon, SPILL_MS) == 0,
		    "nothing is left behind");
	}
	daemon_free(daemon, tap_failed() > 0);
	story_full();
	story_budget(0);
	story_budget(1);
	return tap_done();
}
