/* SPDX-License-Identifier: ISC */
/*
 * A holdfastd some of whose processes are puppets: programs that hand the
 * sockets their superior gave them to the test, which then plays a hostile
 * gateway or runner towards the real others.
 */
#ifndef TESTS_SYSTEM_STAGE_H
#define TESTS_SYSTEM_STAGE_H

#include <stddef.h>
#include <stdint.h>

struct daemon;
struct stage;

/* The first gateway is real; the others, as many as this, are puppets. */
#define STAGE_PUPPETS 40
#define STAGE_MS 60000

/*
 * Prepare the programs and start holdfastd with "args" more (NULL at the
 * end, or NULL); NULL after saying why.  For stage_free(), which stops it and
 * says with "failed" what it has logged.
 */
struct stage *stage_new(const char *const args[]);
void stage_free(struct stage *stage, int failed);
struct daemon *stage_daemon(struct stage *stage);

/* What a puppet gateway was given; all are the test's to close. */
struct stage_gateway {
	int life;		/* the puppet lives as long as this is open */
	int broker;		/* its control socket to the broker */
	int listener;		/* a listening socket, of the first address */
	unsigned int number;
};

/*
 * The next puppet that has come up: 0, or -1 when none does in time.  Closing
 * ends the puppet; the supervisor makes another.
 */
int stage_gateway(struct stage *stage, struct stage_gateway *gateway);
void stage_gateway_close(struct stage_gateway *gateway);

/*
 * Exchange HELLOs with the broker; then get an accepted connection admitted
 * under "handle".  0 or -1.
 */
int stage_hello(const struct stage_gateway *gateway);
int stage_admit(const struct stage_gateway *gateway, uint64_t handle);

/*
 * The same, naming a client (common/proxies.h): the status with which it is
 * refused, or -1 when it is not.
 */
int stage_admit_for(const struct stage_gateway *gateway, uint64_t handle,
    struct span source);

/* An attachment in a hostile hand. */
struct stage_attachment {
	char session[40];
	uint64_t generation;
	int data;		/* the test's to close */
};

/*
 * Attach "handle" with a new session, or resuming "resume"; 0, or -1 with the
 * broker's reason in "*reason" (0: there was no answer).
 */
int stage_attach(const struct stage_gateway *gateway, uint64_t handle,
    const char *resume, struct stage_attachment *attachment,
    uint32_t *reason);

/*
 * Send a packet that nobody checks: a type, any bytes, any descriptors.  0,
 * or -1 when the channel does not take it.
 */
int stage_send(int channel, uint16_t type, const void *bytes, size_t len,
    const int *fds, size_t nfds);

/* Whether the other side has closed; reads away what it had said before. */
int stage_closed(int channel, int ms);

/*
 * The next runners that are started are puppets, "count" of them.  Their
 * control sockets come by stage_runner(): 0, or -1.
 */
void stage_want_runners(struct stage *stage, unsigned int count);
struct stage_runner {
	int life;
	int broker;		/* its control socket */
	int data;		/* the attachment it was given, or -1 */
	uint64_t generation;
	unsigned int number;	/* its process id */
};
int stage_runner(struct stage *stage, struct stage_runner *runner);
void stage_runner_close(struct stage_runner *runner);

/*
 * Read the configuration and the first attachment, then say HELLO to the
 * broker, and to the gateway by stage_runner_greet().  0 or -1.
 */
int stage_runner_hello(struct stage_runner *runner);
int stage_runner_greet(struct stage_runner *runner);

/* Send on a data socket what nobody checks; 0 or -1. */
int stage_send_data(int data, uint16_t type, uint32_t call, const void *bytes,
    size_t len);

/* The same, encoded from the struct of the message. */
int stage_say_data(int data, uint16_t type, uint32_t call,
    const void *message);

#endif
