/* SPDX-License-Identifier: ISC */
/* TLS below a wire, for tests; whom it speaks with is not asked. */
#ifndef TESTS_LIB_WIRETLS_H
#define TESTS_LIB_WIRETLS_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

struct wiretls;

/* Shake hands on a connected socket that does not block; NULL: failed. */
struct wiretls *wiretls_new(int fd, uint64_t deadline);
void wiretls_free(struct wiretls *tls);

/* As recv(2) and send(2). */
ssize_t wiretls_recv(struct wiretls *tls, void *bytes, size_t len);
ssize_t wiretls_send(struct wiretls *tls, const void *bytes, size_t len);

#endif
