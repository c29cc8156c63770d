/* SPDX-License-Identifier: ISC */
/*
 * Certificates are replaced by SIGHUP: who comes sees the new one, who is
 * there stays, and a pair that does not go together changes nothing.  And
 * holdfast(1) believes only what --ca says.
 */
#include "config.h"

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
#include "tests/lib/testca.h"
#include "tests/lib/wait.h"
#include "tests/system/cli.h"
#include "tests/system/tlskit.h"

#define ROUNDS 20

struct story {
	struct daemon *daemon;
	char *chain, *key;	/* that it serves with */
	char *ca;		/* whose they are */
	char *old, *old_ca;	/* what these two were */
	char mark[TLSKIT_MARK_SIZE];
};

static void
hang_up(const struct story *s)
{
	kill(daemon_pid(s->daemon), SIGHUP);
}

static int
is_answered(struct call *call)
{
	struct json_object *result = call == NULL ? NULL :
	    call_result(call, "environment/status", NULL);

	json_object_put(result);
	return result != NULL;
}

/* Of so many connections, how many see the certificate of before. */
static int
count_same(const struct story *s)
{
	char mark[TLSKIT_MARK_SIZE];
	int i, same = 0;

	for (i = 0; i < ROUNDS; i++) {
		tlskit_mark(daemon_url(s->daemon), mark);
		same += strcmp(mark, s->mark) == 0;
	}
	return same;
}

static int
shows_another(void *arg)
{
	return count_same(arg) == 0;
}

static void
story_replaced(struct story *s)
{
	struct call *before = call_attach(daemon_url(s->daemon), NULL), *after;

	tlskit_mark(daemon_url(s->daemon), s->mark);
	tap_ok(before != NULL && s->mark[0] != '\0', "a client comes in");
	tap_ok(tlskit_copy(s->ca, s->old_ca) == 0 &&
	    testca_make(daemon_dir(s->daemon), "server", "IP:127.0.0.1") == 0,
	    "there is another certificate");
	tap_ok(count_same(s) == ROUNDS, "which nobody is shown");
	hang_up(s);
	tap_ok(tlskit_logged(s->daemon, "configuration 2 is in force"),
	    "until the files are read again");
	tap_ok(wait_until(shows_another, s, TLSKIT_MS) == 0,
	    "then every gateway shows the new one");
	tlskit_mark(daemon_url(s->daemon), s->mark);
	tap_ok(is_answered(before), "who was there is still served");
	after = call_attach(daemon_url(s->daemon), NULL);
	tap_ok(is_answered(after), "and who comes is, too");
	call_free(after);
	call_free(before);
}

/* "from" becomes the key, or the chain; and SIGHUP. */
static void
story_refused(struct story *s, const char *what, const char *to,
    const char *from, const char *says)
{
	struct call *before = call_attach(daemon_url(s->daemon), NULL), *after;

	tap_ok(tlskit_copy(to, s->old) == 0 && tlskit_copy(from, to) == 0,
	    "%s", what);
	hang_up(s);
	tap_ok(tlskit_logged(s->daemon, says), "that is said");
	tap_ok(count_same(s) == ROUNDS, "the certificate stays");
	after = call_attach(daemon_url(s->daemon), NULL);
	tap_ok(is_answered(before) && is_answered(after),
	    "who was there is served, and who comes");
	call_free(before);
	call_free(after);
	tap_ok(tlskit_copy(s->old, to) == 0, "it is put back");
}

static void
story_mend(struct story *s)
{
	hang_up(s);
	tap_ok(tlskit_logged(s->daemon, "configuration 3 is in force"),
	    "what is right again is taken");
	tap_ok(count_same(s) == ROUNDS, "and shown");
}

/* "says": part of what is on standard error. */
static void
try_ca(const char *what, const char *url, const char *ca, int good,
    const char *says)
{
	const char *args[] = { "--ca", ca, "echo", "here", NULL };
	char *out, *err;
	int status = cli_run(url, args, NULL, 0, &out, &err);

	if (!tap_ok(good ? status == 0 && strcmp(out, "here\n") == 0 :
	    status != 0 && *out == '\0' && strstr(err, says) != NULL, "%s",
	    what))
		tap_note("status %d, out <%s>, err <%s>", status, out, err);
	free(out);
	free(err);
}

static void
story_authority(struct story *s)
{
	const char *url = daemon_url(s->daemon);
	char *named = xasprintf("wss://localhost:%s", strrchr(url, ':') + 1);

	try_ca("holdfast(1) believes the right authority", url, s->ca, 1, "");
	try_ca("not another", url, s->old_ca, 0, "the server's certificate");
	try_ca("not a certificate for another name", named, s->ca, 0,
	    "the server's certificate");
	try_ca("and wants to be told one", url, "/dev/null", 0, "/dev/null");
	free(named);
}

static void
story_check(const struct story *s, const char *key, int good)
{
	const char *args[] = { "-n", "--listen", "wss://127.0.0.1:0",
		"--tls-certificate", s->chain, "--tls-key", key,
		geteuid() == 0 ? "--allow-root" : NULL, NULL };
	char said[4096];
	int status = tlskit_holdfastd(args, said, sizeof(said));

	if (!tap_ok(good ? status == 0 : status == 1 &&
	    strstr(said, s->chain) != NULL && strstr(said, key) != NULL,
	    "-n %s", good ? "has nothing against a pair" :
	    "names the files of what is none"))
		tap_note("status %d: %s", status, said);
}

static void
tell(struct story *s, const char *other)
{
	story_replaced(s);
	story_check(s, s->key, 1);
	story_check(s, other, 0);
	story_refused(s, "the key is another's", s->key, other,
	    "server.key: the key");
	story_refused(s, "the certificate is none", s->chain, "/etc/passwd",
	    "server.key: the certificate file holds no");
	story_mend(s);
	story_authority(s);
}

int
main(void)
{
	static const char *const args[] = { "--gateways", "2", NULL };
	char *other_dir, *other;
	struct story s = { 0 };
	const char *dir;

	setenv("SCHEME", "wss", 1);
	s.daemon = daemon_start(args);
	if (!tap_ok(s.daemon != NULL, "the daemon starts"))
		return tap_done();
	dir = daemon_dir(s.daemon);
	s.chain = xasprintf("%s/server.pem", dir);
	s.key = xasprintf("%s/server.key", dir);
	s.ca = xasprintf("%s/ca.pem", dir);
	s.old = xasprintf("%s/old", dir);
	s.old_ca = xasprintf("%s/old-ca.pem", dir);
	other_dir = xasprintf("%s/other-XXXXXX", dir);
	other = mkdtemp(other_dir) == NULL || testca_make(other_dir, "x",
	    "DNS:x.example") == -1 ? NULL : xasprintf("%s/x.key", other_dir);
	if (tap_ok(other != NULL, "another pair"))
		tell(&s, other);
	tap_ok(daemon_stop(s.daemon, TLSKIT_MS) == 0, "it stops");
	tap_ok(daemon_check_clean(s.daemon, TLSKIT_MS) == 0, "cleanly");
	daemon_free(s.daemon, tap_failed());
	free(other);
	free(other_dir);
	free(s.chain);
	free(s.key);
	free(s.ca);
	free(s.old);
	free(s.old_ca);
	return tap_done();
}
