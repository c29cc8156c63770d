/* SPDX-License-Identifier: ISC */
/*
 * What the next broker needs, stored outside of this one: descriptors under
 * names, with whoever listens at NOTIFY_SOCKET, by FDSTORE= of sd_notify(3).
 * The next broker finds them from FDSTORE_FIRST on, their names in
 * HOLDFAST_STORE.  A message that has been sent counts, whatever happens to
 * the sender then.
 *
 *	R	the registry's records (memfd)
 *	E	what ended sessions left to be told (memfd)
 *	cSLOT	our end of the runner's control channel; SLOT in hexadecimal
 *	pSLOT	a pidfd of the runner
 *	dSLOT	the runner's end of a data socket that no runner has yet
 *
 * What is stored and what the records say is written in such an order that a
 * broker killed between any two calls leaves what the next one can resolve:
 *
 *  - R and E are stored before the first session is made.
 *  - A data end is stored before its session's runner is forked, or a second
 *    after it was made: who leaves sooner costs nothing.
 *  - A control channel's cookie, then the runner's pid, are in the record
 *    before channel and pidfd are stored: what the record does not name is
 *    refused.  Only then is the runner configured; only when "given" is in
 *    the record is it told of the data socket.  So a runner without "given"
 *    has had nothing and may be killed and replaced, its data end being
 *    stored; and one with "given" is never replaced.
 *  - The data end is removed after that.  Should it still be there, it goes to
 *    the same runner again, if that says that it has none: what the runner has
 *    read from it once is not in it any more.
 *  - A session that ends is a tombstone before channel and pidfd are removed;
 *    those of a tombstone are only closed.
 */
#ifndef BROKER_FDSTORE_H
#define BROKER_FDSTORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;
struct fdstore;

#define FDSTORE_FIRST 4		/* descriptor */
#define FDSTORE_NAME_SIZE 12	/* bytes of a name with its terminator */
#define FDSTORE_ITEMS_MAX 500000
#define FDSTORE_STUCK_MS 1000	/* then nobody waits for it any more */
#define FDSTORE_QUEUE_MAX 8192	/* messages that wait */

enum fdstore_kind {
	FDSTORE_RECORDS = 'R',
	FDSTORE_EPITAPHS = 'E',
	FDSTORE_CONTROL = 'c',
	FDSTORE_PIDFD = 'p',
	FDSTORE_DATA = 'd',
	FDSTORE_UNKNOWN = 0
};

struct fdstore_item {
	enum fdstore_kind kind;
	uint32_t slot;		/* 0 where there is none */
	int fd;			/* -1: taken */
	char name[FDSTORE_NAME_SIZE];
};

/* The pure part: names. */
const char *fdstore_name(enum fdstore_kind kind, uint32_t slot,
    char out[FDSTORE_NAME_SIZE]);

/*
 * Read a name, of "len" bytes, into all but the descriptor of "item".  What is
 * not one of the above is FDSTORE_UNKNOWN, with as much of it as fits.
 */
void fdstore_parse_name(const char *name, size_t len,
    struct fdstore_item *item);

/*
 * Read what HOLDFAST_STORE says: the items, for free(3), with descriptors from
 * "first" on.  A name that was there before is FDSTORE_UNKNOWN.  NULL with
 * "*count" 0 when there are none, or memory is out.
 */
struct fdstore_item *fdstore_parse(const char *names, int first,
    size_t *count);

/* How many descriptors those are. */
size_t fdstore_count(const char *names);

/*
 * Of this process, once, before anything else is opened: take what was passed
 * on, close-on-exec, and close all else from FDSTORE_FIRST on.  The variables
 * are unset.
 */
struct fdstore_item *fdstore_inherit(size_t *count);

/*
 * A sender; "drained" is called when nothing waits any more, or nobody is to
 * wait any more.  Without NOTIFY_SOCKET nothing is stored.  NULL: memory.
 */
struct fdstore *fdstore_new(struct event_base *base,
    void (*drained)(void *arg), void *arg);
void fdstore_free(struct fdstore *store);

/* Whether there is anybody who stores. */
bool fdstore_is_there(const struct fdstore *store);

/*
 * Store a descriptor, which stays the caller's; or remove one.  Never blocks:
 * what is not taken now waits, in order.
 */
void fdstore_add(struct fdstore *store, enum fdstore_kind kind, uint32_t slot,
    int fd);
void fdstore_remove(struct fdstore *store, enum fdstore_kind kind,
    uint32_t slot);
void fdstore_remove_name(struct fdstore *store, const char *name);

/* Whether all is stored by now, or will not be in time. */
bool fdstore_is_settled(const struct fdstore *store);

/* Somebody else listens there now, who has nothing yet. */
void fdstore_renew(struct fdstore *store);

/* The number of a socket, see SO_COOKIE in socket(7); 0 for no socket. */
uint64_t fdstore_cookie(int fd);

/* A pidfd, close-on-exec, or -1; its process: -1 when it is gone, 0: none. */
int fdstore_pidfd(int pid);
int fdstore_pid(int pidfd);
int fdstore_signal(int pidfd, int signo);

/*
 * A memfd of that size that cannot change it, and one that was stored: its
 * size when it is such a one, else 0.
 */
int fdstore_memory(const char *name, size_t size);
size_t fdstore_memory_size(int fd);

#endif
