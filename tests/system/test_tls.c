/* SPDX-License-Identifier: ISC */
/*
 * Clients that mean TLS harm: what is no handshake, half of one, other keys
 * all the time, another handshake.  Each is dropped or bears the cost itself;
 * who is there is served meanwhile, and nothing stays behind.
 */
#include "config.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "tests/lib/call.h"
#include "tests/lib/daemon.h"
#include "tests/lib/tap.h"
#include "tests/lib/wait.h"
#include "tests/system/party.h"
#include "tests/system/tlskit.h"
#include "tests/system/usage.h"

#define MANY 60
#define UPDATES 500
#define FLOODERS 2
#define ROUNDS 3
#define HELLO_SIZE 4096
#define FLOOD_KIB 4096	/* more that a gateway may have afterwards */

struct story {
	struct daemon *daemon;
	struct party *party;	/* somebody else, with a job */
	struct party_job *job;
};

static void
undisturbed(struct story *s, const char *by)
{
	party_ask_output(s->party, s->job, 100000);
	tap_ok(party_settle(s->party) == 0 && party_check(s->party) == 0,
	    "who is there does not notice %s", by);
}

/* The server has ended it, after whatever it said. */
static int
is_dropped(int fd)
{
	uint64_t deadline = deadline_in(TLSKIT_MS);
	char buf[4096];

	while (wait_fd(fd, POLLIN, deadline) != -1)
		if (recv(fd, buf, sizeof(buf), 0) <= 0)
			return 1;
	return 0;
}

/* The bytes with which a client begins; their length. */
static size_t
make_hello(unsigned char hello[HELLO_SIZE])
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(ctx);
	BIO *out = BIO_new(BIO_s_mem());
	int len;

	SSL_set_bio(ssl, BIO_new(BIO_s_mem()), out);
	SSL_connect(ssl);
	len = BIO_read(out, hello, HELLO_SIZE);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	ERR_clear_error();
	return len > 0 ? (size_t)len : 0;
}

static int
send_to(const struct story *s, const void *bytes, size_t len)
{
	int fd = tlskit_dial(daemon_url(s->daemon), "127.0.0.1");

	if (fd != -1)
		(void)send(fd, bytes, len, MSG_NOSIGNAL);
	return fd;
}

/* How many of them are dropped; all are closed. */
static int
count_dropped(const int *fds, int n)
{
	int i, dropped = 0;

	for (i = 0; i < n; i++) {
		dropped += fds[i] != -1 && is_dropped(fds[i]);
		if (fds[i] != -1)
			close(fds[i]);
	}
	return dropped;
}

static const struct {
	const char *what;
	const char *bytes;
	size_t len;
} rubbish[] = {
#define ROW(what, text) { what, text, sizeof(text) - 1 }
	ROW("plain HTTP", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
	ROW("a hello without content", "\x16\x03\x00\x00\x02\x01\x00"),
	ROW("an alert", "\x15\x03\x03\x00\x02\x02\x28"),
	ROW("data before there are keys", "\x17\x03\x03\x00\x05xxxxx"),
	ROW("a record too long",
	    "\x16\x03\x01\xff\xff\x01\xff\xff\xff"),
	ROW("a hello of 16 MiB", "\x16\x03\x01\x00\x06\x01\xff\xff\xff"
	    "\x03\x03"),
#undef ROW
};

static void
story_garbage(struct story *s)
{
	unsigned char hello[HELLO_SIZE], noise[2048];
	size_t len = make_hello(hello), i, at;
	int fds[MANY], n;

	for (i = 0; i < sizeof(rubbish) / sizeof(rubbish[0]); i++) {
		fds[0] = send_to(s, rubbish[i].bytes, rubbish[i].len);
		tap_ok(count_dropped(fds, 1) == 1, "%s is dropped",
		    rubbish[i].what);
	}
	for (n = 0; n < MANY; n++) {
		at = len * (size_t)n / MANY;
		hello[at] ^= 0xff;
		fds[n] = send_to(s, hello, len);
		hello[at] ^= 0xff;
	}
	n = count_dropped(fds, MANY);
	tap_ok(n == MANY, "%d of %d damaged hellos are", n, MANY);
	for (n = 0; n < MANY; n++) {
		arc4random_buf(noise, sizeof(noise));
		fds[n] = send_to(s, noise, sizeof(noise));
	}
	n = count_dropped(fds, MANY);
	tap_ok(n == MANY, "%d of %d with noise are", n, MANY);
	undisturbed(s, "any of that");
}

/* They stop in the middle, and are sent away when the time is over. */
static void
story_half(struct story *s)
{
	unsigned char hello[HELLO_SIZE];
	size_t len = make_hello(hello);
	int fds[MANY], i;

	for (i = 0; i < MANY; i++)
		fds[i] = send_to(s, hello, len * (size_t)(i % 3) / 2);
	undisturbed(s, "those who stop half way");
	i = count_dropped(fds, MANY);
	tap_ok(i == MANY, "%d of %d half handshakes are given up", i, MANY);
}

static void
story_versions(struct story *s)
{
	struct tlskit kit;

	tap_ok(tlskit_begin(&kit, daemon_url(s->daemon), TLS1_2_VERSION) == 0,
	    "TLS 1.2 is spoken");
	tap_ok(SSL_renegotiate(kit.ssl) == 1 &&
	    SSL_do_handshake(kit.ssl) != 1, "and no second handshake");
	tlskit_end(&kit);
	tap_ok(tlskit_begin(&kit, daemon_url(s->daemon), TLS1_1_VERSION) == -1,
	    "TLS 1.1 is not");
	tlskit_end(&kit);
	undisturbed(s, "other versions");
}

/*
 * Other keys all the time, with "answers" the server's, too, which are not
 * read.  Says so once it has begun, and goes on until it is killed.
 */
static void __attribute__((noreturn))
flood(const char *url, int answers, int begun)
{
	struct tlskit kit;
	unsigned long sent = 0;

	for (;;) {
		if (tlskit_begin(&kit, url, TLS1_3_VERSION) == -1)
			_exit(1);
		while (SSL_key_update(kit.ssl, answers ?
		    SSL_KEY_UPDATE_REQUESTED :
		    SSL_KEY_UPDATE_NOT_REQUESTED) == 1 &&
		    SSL_do_handshake(kit.ssl) == 1)
			if (++sent == UPDATES && write(begun, "", 1) != 1)
				_exit(1);
		tlskit_end(&kit);
	}
}

static void
story_updates(struct story *s, int answers)
{
	pid_t pids[FLOODERS];
	int i, fds[2], begun = 0;
	char byte;

	if (pipe2(fds, O_CLOEXEC) == -1)
		return;
	for (i = 0; i < FLOODERS; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			flood(daemon_url(s->daemon), answers, fds[1]);
	}
	close(fds[1]);
	while (begun < FLOODERS &&
	    wait_fd(fds[0], POLLIN, deadline_in(TLSKIT_MS)) != -1 &&
	    read(fds[0], &byte, 1) == 1)
		begun++;
	tap_ok(begun == FLOODERS, "%d clients change keys all the time%s",
	    begun, answers ? ", and the server's" : "");
	for (i = 0; i < ROUNDS; i++)
		undisturbed(s, "that");
	for (i = 0; i < FLOODERS; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	close(fds[0]);
}

static void
tell(struct story *s)
{
	struct usage *before;

	/* What is kept for the next time is there after the first. */
	story_garbage(s);
	before = usage_take(s->daemon);
	story_garbage(s);
	story_half(s);
	story_versions(s);
	story_updates(s, 0);
	story_updates(s, 1);
	undisturbed(s, "their end");
	usage_check(before, FLOOD_KIB);
	usage_free(before);
	tap_ok(party_finish(s->party, s->job) == 0,
	    "its job's output is what the job wrote");
}

int
main(void)
{
	/* One gateway: whoever disturbs it disturbs all. */
	static const char *const args[] = { "--gateways", "1",
		"--handshake-ms", "2000", NULL };
	struct story s = { 0 };

	setenv("SCHEME", "wss", 1);
	s.daemon = daemon_start(args);
	if (!tap_ok(s.daemon != NULL, "the daemon starts"))
		return tap_done();
	s.party = party_new(s.daemon, "bystander");
	s.job = s.party == NULL ? NULL : party_start(s.party, PARTY_PIPES,
	    "job");
	if (tap_ok(s.job != NULL, "a job"))
		tell(&s);
	if (s.party != NULL && *party_error(s.party) != '\0')
		tap_note("%s", party_error(s.party));
	party_free(s.party);
	tap_ok(daemon_stop(s.daemon, TLSKIT_MS) == 0, "it stops");
	tap_ok(daemon_check_clean(s.daemon, TLSKIT_MS) == 0, "cleanly");
	daemon_free(s.daemon, tap_failed());
	return tap_done();
}
