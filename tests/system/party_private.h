/* SPDX-License-Identifier: ISC */
/* Shared by party*.c, for nobody else. */
#ifndef TESTS_SYSTEM_PARTY_PRIVATE_H
#define TESTS_SYSTEM_PARTY_PRIVATE_H

#include <sys/queue.h>
#include <sys/types.h>

#include <sha2.h>

#include "tests/system/party.h"

/* A write that has not been answered. */
struct party_write {
	TAILQ_ENTRY(party_write) entry;
	char id[32];
	int64_t call; /* on this connection, 0 before it was sent */
	size_t len;
	char data[];
};

struct party_job {
	LIST_ENTRY(party_job) entry;
	enum party_kind kind;
	char *id;
	struct tape *tape;
	int64_t starting; /* the call that asked for it, 0 once answered */
	int asked; /* how often its start was sent */
	TAILQ_HEAD(, party_write) writes;
	unsigned long nwrites;
	SHA2_CTX sent;
	uint64_t sent_bytes;
	uint64_t want_out;
	uint64_t want_err;
	int polling;
	int64_t poll; /* the call that waits */
};

struct party {
	struct daemon *daemon;
	char *name;
	char *session;
	struct call *call;
	pid_t gateway;
	int small;
	int roams; /* tries again, through any gateway */
	int resumed; /* so often */
	int leaving; /* takes what has arrived, sends nothing more */
	uint64_t goal; /* of party_take() */
	LIST_HEAD(, party_job) jobs;
	char error[512];
};

/* Note why, once; returns -1. */
int party_fail(struct party *party, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Make it with nothing but its names. */
struct party *party_alloc(struct daemon *daemon, const char *name);

/* Attach, trying again for PARTY_MS: 0 or -1. */
int party_attach_roaming(struct party *party);

/* A connection has just been made. */
void party_shrink_buffer(struct party *party);

/* Note a job without asking for it. */
struct party_job *party_note_start(struct party *party, enum party_kind kind,
    const char *id);
int party_job_send_start(struct party *party, struct party_job *job);
int party_is_ready(struct party *party, struct party_job *job);

/* How a job is ended: told, seen to have closed, compared. */
int party_tell_end(struct party *party, struct party_job *job);
int party_is_closed(struct party *party, struct party_job *job);
int party_conclude(struct party *party, struct party_job *job);

/* Send what is needed to get "job" on this connection going again. */
int party_job_again(struct party *party, struct party_job *job);

/* Look for answers that have arrived, take events: 0 or -1. */
int party_dispatch(struct party *party);

/* Receive and dispatch once; 0, also when nothing came, or -1. */
int party_receive(struct party *party, int timeout_ms);

/* Until cond(party, job) holds, at most PARTY_MS: 0 or -1. */
int party_until(struct party *party, struct party_job *job,
    int (*cond)(struct party *, struct party_job *), const char *what);

const char *party_job_stream(const struct party_job *job);
void party_job_free(struct party_job *job);

#endif
