/* SPDX-License-Identifier: ISC */
/* Shared by wire.c and frame.c, for nobody else. */
#ifndef TESTS_LIB_WIRE_PRIVATE_H
#define TESTS_LIB_WIRE_PRIVATE_H

#include <stddef.h>
#include <stdint.h>

struct wiretls;

struct wire {
	int fd;
	struct wiretls *tls; /* NULL: none */
	int auto_pong;
	char host[128];
	char target[512];
	char *head;
	char *in; /* received and not taken yet */
	size_t len;
	size_t size;
	char *partial; /* fragments of the message that has begun */
	size_t partial_len;
	size_t partial_size;
	int partial_opcode; /* 0 while none has begun */
	int fragments;
};

/*
 * Receive what there is, waiting until "deadline": 1, 0 at the end of the
 * connection, -1 for an error, -2 when nothing came in time.
 */
int wire_fill(struct wire *wire, uint64_t deadline);

/* Take "len" bytes off the front of what was received. */
void wire_drop(struct wire *wire, size_t len);

/* Close the descriptor. */
void wire_end(struct wire *wire);

#endif
