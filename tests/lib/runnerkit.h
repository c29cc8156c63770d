/* SPDX-License-Identifier: ISC */
/*
 * A real holdfast-runner, with the test as its broker and its gateway.  Every
 * wait has a deadline; what goes wrong fails the running test.
 */
#ifndef TESTS_RUNNERKIT_H
#define TESTS_RUNNERKIT_H

#include <sys/types.h>

#include <stdint.h>

#include "common/proto.h"

struct kit {
	pid_t pid;
	int control;		/* to the runner, as its broker */
	int data;		/* the attachment, as its gateway; or -1 */
	uint64_t generation;
	uint64_t cost;		/* received on this attachment */
	int hold_acks;		/* whether costs are not acknowledged */
	uint32_t calls;
	uint8_t *payload;	/* behind the spans of the last message */
	struct proto_head head;
	union proto_any msg;
	union proto_any order;	/* the last control message, until the next */
	struct fields_BR_CONFIG config;
	struct fields_HELLO hello;	/* what this gateway says it is */
};

/*
 * Start one with small, quick limits; "adjust" (NULL: none) may change the
 * configuration before it is sent.  kit_stop() kills it if it still runs.
 */
void kit_start(struct kit *kit, void (*adjust)(struct fields_BR_CONFIG *));
void kit_stop(struct kit *kit);

/* The next attachment; the one before is closed at this end first if "drop". */
void kit_attach(struct kit *kit, int drop);
void kit_drop(struct kit *kit);

/* Control messages: send, and wait for one of this type (kit->order). */
void kit_order(struct kit *kit, uint16_t type, const void *msg);
void kit_expect_order(struct kit *kit, uint16_t type);
/* The runner exits by itself; its status as waitpid(2) tells it. */
int kit_wait_exit(struct kit *kit);

/*
 * Requests.  Each returns its call number; the answer comes with
 * kit_receive().
 */
uint32_t kit_send(struct kit *kit, uint16_t type, const void *msg);
/* argv is a list ending with NULL; in /, PATH is set. */
enum { KIT_TTY = 1, KIT_STDIN = 2 };
uint32_t kit_start_process(struct kit *kit, const char *id,
    const char *const *argv, int flags);
uint32_t kit_shell(struct kit *kit, const char *id, const char *script,
    int flags);
uint32_t kit_read(struct kit *kit, const char *id, uint64_t after,
    uint64_t max, uint64_t wait_ms);
uint32_t kit_write(struct kit *kit, const char *id, const char *write_id,
    const void *bytes, size_t len);
uint32_t kit_terminate(struct kit *kit, const char *id);
uint32_t kit_signal(struct kit *kit, const char *id, const char *signal);
void kit_ack(struct kit *kit, uint64_t total);

/*
 * The next message on the data socket, decoded to kit->msg; costs are added
 * up, and acknowledged unless held.  Returns its type, 0 at the end of the
 * socket.
 */
uint16_t kit_receive(struct kit *kit);
/* Whether a message comes within this time. */
int kit_quiet(struct kit *kit, int ms);
/* Skip messages until this type (and, unless 0, this call) comes. */
void kit_until(struct kit *kit, uint16_t type, uint32_t call);
/* Skip until this event of this process. */
void kit_until_event(struct kit *kit, uint16_t type, const char *id);
/* An answered call: RG_RESULT in kit->msg. */
void kit_result(struct kit *kit, uint32_t call);

/*
 * Collect a process's output by events until it is closed; "*len" bytes, the
 * caller's to free(3), terminated.
 */
char *kit_collect(struct kit *kit, const char *id, size_t *len);

#endif
