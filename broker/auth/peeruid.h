/* SPDX-License-Identifier: ISC */
/*
 * Whose is the other end of a loopback TCP connection?  The kernel is asked
 * (sock_diag(7)) about the client's socket, seen from the client's side.  An
 * answer counts only for that very socket, still connected and still held:
 * closed ones report user 0.
 */
#ifndef BROKER_AUTH_PEERUID_H
#define BROKER_AUTH_PEERUID_H

#include <sys/socket.h>
#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

/* What came out, with the words for a log. */
#define PEERUID_VERDICTS(X) \
	X(OK, "known") \
	X(NOT_TCP, "not a connected TCP socket") \
	X(FOREIGN, "not accepted on one of the listeners") \
	X(NOT_LOOPBACK, "not a loopback connection") \
	X(UNREACHABLE, "the kernel cannot be asked") \
	X(LATE, "the kernel did not answer in time") \
	X(MALFORMED, "the kernel's answer is not understood") \
	X(GONE, "the client has closed") \
	X(NOBODY, "the client's user has no number here") \
	X(SKIP, "an answer to another question")

#define X(name, text) PEERUID_##name,
enum peeruid_verdict { PEERUID_VERDICTS(X) PEERUID_VERDICT_COUNT };
#undef X

/* One end: IPv4 addresses, mapped ones too, in the first four bytes. */
struct peeruid_end {
	uint8_t address[16];
	uint16_t port;		/* network byte order */
	uint16_t family;	/* AF_INET or AF_INET6 */
};

struct peeruid_pair {
	struct peeruid_end server;
	struct peeruid_end client;
};

/* Room for a request and for any answer, in bytes. */
#define PEERUID_REQUEST_SIZE 72
#define PEERUID_ANSWER_SIZE 4096

/*
 * The pure half.  peeruid_end_set() returns 0, or -1 for another family than
 * IPv4 and IPv6.  peeruid_build() writes the request for the client's end.
 * peeruid_parse() reads one datagram from the kernel: OK sets *uid, SKIP
 * means that it answers another request than "sequence" of "port".
 * "nobody" is the user number that stands for all which have none.
 */
int peeruid_end_set(struct peeruid_end *end, const struct sockaddr *address);
int peeruid_end_is_loopback(const struct peeruid_end *end);
int peeruid_end_listens(const struct peeruid_end *listener,
    const struct peeruid_end *local);
void peeruid_build(uint8_t request[PEERUID_REQUEST_SIZE],
    const struct peeruid_pair *pair, uint32_t sequence);
enum peeruid_verdict peeruid_parse(const void *answer, size_t len,
    const struct peeruid_pair *pair, uint32_t sequence, uint32_t port,
    uid_t nobody, uid_t *uid);

struct peeruid;

/*
 * Open the netlink socket; for peeruid_free().  NULL with errno set.  It
 * belongs to the network namespace of the caller, as the sockets it is asked
 * about must.
 */
struct peeruid *peeruid_new(void);
void peeruid_free(struct peeruid *peeruid);

/*
 * Who holds the client's end of the accepted socket "fd", which stays the
 * caller's?  Its local address must be one of "listeners".  PEERUID_OK sets
 * *uid.  Waits for the kernel, which answers at once, 100 ms at most.
 */
enum peeruid_verdict peeruid_ask(struct peeruid *peeruid, int fd,
    const struct peeruid_end *listeners, size_t count, uid_t *uid);

/* Constant text. */
const char *peeruid_verdict_text(enum peeruid_verdict verdict);

#endif
