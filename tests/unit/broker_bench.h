/* SPDX-License-Identifier: ISC */
/* A real holdfast-broker, with the test as its supervisor and gateways. */
#ifndef TESTS_UNIT_BROKER_BENCH_H
#define TESTS_UNIT_BROKER_BENCH_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "common/chan.h"
#include "common/ident.h"

#define BENCH_WAIT_MS 10000	/* nothing takes so long but a failure */

struct bench {
	pid_t pid;
	int sup;		/* the supervisor's end */
	int listener;		/* TCP; -1 when the test brought its own */
	uint8_t buf[PROTO_CONTROL_MAX];
	union proto_any msg;	/* of the last message received */
	struct chan_fds fds;	/* its descriptors, the test's to close */
};

#define BENCH_LISTENERS 4
#define BENCH_TENANTS 4
#define BENCH_TOKENS 4
#define BENCH_HASH_SIZE 32	/* bytes of a SHA-256 */

struct bench_tenant {
	const char *name;	/* NULL: the list is over */
	uint64_t number;
	uid_t uid;
	bool no_peer;		/* its user is not admitted for being it */
	bool limited;		/* by what no host has a controller for */
	const uint8_t *tokens[BENCH_TOKENS];	/* hashes; NULL: no more */
};

struct bench_listener {
	const char *url;	/* NULL: the list is over */
	uint32_t pool;
	uint32_t admission;	/* ADMIT_ bits */
	uint64_t tenants[BENCH_TENANTS];	/* 0: no more */
	const char *proxy;	/* a network, or NULL */
};

struct bench_order {
	uint64_t count;
	uint64_t ttl_ms;	/* 0: long; 1: at once */
	uint64_t loss_ms, reconnect_ms;	/* 0: as the broker likes */
	const char *secret;	/* of signed tokens, or NULL */
	const char *claim;	/* or NULL */
	bool require_cgroups;
	struct bench_listener listeners[BENCH_LISTENERS];
	struct bench_tenant tenants[BENCH_TENANTS];
};

struct bench_options {
	const char *fault;	/* FAKE_RUNNER, or NULL */
	const char *runner;	/* path, or NULL: the fake one */
	const char *listener;	/* ws://IP:PORT, or NULL: an unused one */
	uint32_t admission;	/* of the listener; 0: ADMIT_NONE */
	uint64_t ttl_ms;	/* 0: long; 1: at once */
	uint32_t max_sessions;	/* 0: 64 */
	const struct bench_order *order;	/* instead of one of these */
	const char *notify;	/* NOTIFY_SOCKET, or NULL */
	const char *names;	/* of what is stored, or NULL */
	const int *stored;	/* its descriptors, the test's */
	size_t nstored;
};

/* An attachment as the gateway has it. */
struct bench_session {
	char id[IDENT_TEXT_SIZE];
	uint64_t generation;
	int data;
};

/* Start, configure, and expect the HELLO.  bench_stop() expects a clean end. */
void bench_start(struct bench *b, const struct bench_options *options);
void bench_stop(struct bench *b);

/*
 * A listening TCP socket on the loopback and its URL; a connection to it, or
 * -1 with errno.
 */
int bench_listen(char *url, size_t size);
int bench_connect(int listener);

/*
 * Send an order; bench_reorder() a later one, and expect that it is answered:
 * b->msg.BS_TAKEN tells how.
 */
void bench_send_order(struct bench *b, const struct bench_order *order);
void bench_reorder(struct bench *b, const struct bench_order *order);

/* Wait for its exit; the status as of waitpid(2). */
int bench_wait(struct bench *b);

/* Connect a gateway; returns the gateway's end after both HELLOs. */
int bench_gateway(struct bench *b, uint32_t number);

/* The next message on a channel must be of this type; kept in the bench. */
void bench_expect(struct bench *b, int fd, enum proto_role self, int type);

/* The channel must be closed by the broker, nothing more being said. */
void bench_expect_end(struct bench *b, int fd, enum proto_role self);

/* A connection of that gateway is admitted. */
void bench_admit(struct bench *b, int gate, uint64_t handle);

/*
 * A connection to "listener" is offered with the Authorization header
 * "header" (or NULL); is admitted as "handle"; or is refused with just that.
 */
void bench_offer(int gate, int listener, uint64_t handle,
    const char *header);
/* The same, the gateway naming a client (common/proxies.h). */
void bench_offer_for(int gate, int listener, uint64_t handle,
    const char *header, struct span source);
void bench_let_in(struct bench *b, int gate, int listener, uint64_t handle,
    const char *header);
void bench_kept_out(struct bench *b, int gate, int listener,
    const char *header, uint32_t status, const char *text);

/* Ask for an attach; "resume" and "nonce" may be NULL. */
void bench_ask(int gate, uint64_t handle, const char *resume,
    const struct ident *nonce);

/* Admit, ask and expect to get it. */
struct bench_session bench_attach(struct bench *b, int gate, uint64_t handle,
    const char *resume);

/* Expect an answer to what was asked: got it, or was refused for "reason". */
struct bench_session bench_attached(struct bench *b, int gate);
void bench_refused(struct bench *b, int gate, uint32_t reason);
void bench_gone(struct bench *b, int gate, const struct bench_session *s,
    uint32_t reason);

void bench_detach(int gate, const struct bench_session *s,
    uint64_t generation);
void bench_probed(struct bench *b, int gate, uint64_t probe, int gone);

/* Write to the runner; read exactly so much of it, or expect the end. */
void bench_write(int data, const char *text);
void bench_read(int data, void *out, size_t len);
void bench_read_end(int data);

#endif
