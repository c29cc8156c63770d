/* SPDX-License-Identifier: ISC */
/*
 * A gateway without processes around it: real sockets to a client, a broker
 * and a runner that the test plays, on one event loop.
 */
#ifndef TESTS_UNIT_RIG_H
#define TESTS_UNIT_RIG_H

#include <criterion/criterion.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/chan.h"
#include "common/link.h"
#include "gateway/gateway.h"
#include "gateway/ws.h"

#define RIG_SESSION "00000000-0000-4000-8000-00000000000"	/* + a digit */
#define RIG_LISTENER "ws://127.0.0.1:0"
#define RIG_WAIT_MS 10000

/* What the broker was told, counted by message. */
struct rig_seen {
	int hellos, admits, leaves, attaches, detaches, probes, holds;
	uint64_t handle;		/* of the last admit or attach */
	uint8_t nonce[PROTO_NONCE_LEN];	/* of the last attach */
	char resume[64];
	char session[64];		/* of the last detach */
	bool forwarded, gone;
	char token[64];
	uint8_t source[PROXIES_CLIENT_MAX];
	size_t source_len;
};

/* One message to the runner. */
struct rig_call {
	uint16_t type;
	uint32_t call;
	int64_t id;
	char process[64];
	size_t data;
};

struct rig {
	struct event_base *base;
	struct gateway gw;
	int port;
	struct chan *broker;
	bool broker_lost;
	struct rig_seen seen;
	bool deaf;		/* the broker answers nothing */
	uint32_t refuse;	/* with this status */
	uint32_t fail;		/* attaches, for this reason */
	uint64_t generation;
	int data;		/* the runner's end while nobody serves it */
	struct link *runner;
	bool runner_ended;
	struct rig_call calls[64];
	size_t ncalls;
	int hellos;		/* of the gateway to the runner */
	uint64_t acked;
};

struct rig_client {
	struct rig *rig;
	int fd;
	uint8_t *in;
	size_t len;
	bool eof;
};

struct rig_frame {
	uint8_t opcode;
	bool fin;
	char text[65536 * 2];
	size_t len;
};

void rig_init(struct rig *rig);
void rig_clear(struct rig *rig);

/* Give the gateway a broker; the one before is gone. */
void rig_broker(struct rig *rig);

/* One turn of the loop, which waits for at most a few milliseconds. */
void rig_turn(struct rig *rig);

/* Turn until the condition holds; the test fails when it never does. */
#define RIG_UNTIL(rig, condition) do { \
	uint64_t rig_end = rig_deadline(); \
	while (!(condition)) { \
		cr_assert(rig_before(rig_end), "never: %s", #condition); \
		rig_turn(rig); \
	} \
} while (0)
uint64_t rig_deadline(void);
bool rig_before(uint64_t deadline);

/* Serve the runner's end of the last attachment; it says HELLO. */
void rig_run(struct rig *rig);

/* Send one output event of "len" bytes; returns its cost. */
uint64_t rig_output(struct rig *rig, uint64_t seq, size_t len);

/* A TCP connection to the gateway. */
void rig_connect(struct rig *rig, struct rig_client *client);
void rig_client_clear(struct rig_client *client);
void rig_send(struct rig_client *client, const void *bytes, size_t len);
void rig_send_upgrade(struct rig_client *client, const char *more);
void rig_send_frame(struct rig_client *client, uint8_t opcode,
    const void *payload, size_t len);
void rig_send_text(struct rig_client *client, const char *text);

/* Read what has come. */
void rig_read(struct rig_client *client);

/* Take the head of an HTTP answer; returns its status, 0 if it is not here. */
int rig_take_http(struct rig_client *client);

/* Take a whole frame; false if it is not here.  Reads only when it must. */
bool rig_take_frame(struct rig_client *client, struct rig_frame *frame);

/* Wait for the next frame; fails when it is no text that holds "part". */
void rig_expect_text(struct rig_client *client, const char *part);

/* Wait for Close with this code. */
void rig_expect_close(struct rig_client *client, int code);

/* Upgrade; and up to the first call of a session of its own. */
void rig_upgrade(struct rig *rig, struct rig_client *client);
void rig_session(struct rig *rig, struct rig_client *client);

#endif
