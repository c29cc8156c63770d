/* SPDX-License-Identifier: ISC */
/*
 * The socket by which the broker stores descriptors with us, as it would with
 * systemd (sd_notify(3), FDSTORE): RUNTIME/notify.
 */
#ifndef SUPERVISOR_STORESOCK_H
#define SUPERVISOR_STORESOCK_H

#include <sys/types.h>

#include "broker/supervisor/store.h"
#include "common/pidset.h"

struct event_base;
struct storesock;

/*
 * Bind it in the runtime directory: what is sent there from now on waits.
 * Returns the descriptor, or -1 with errno.
 */
int storesock_bind(const char *dir);

/* Serve it; "fd" is owned.  NULL with errno when that cannot be. */
struct storesock *storesock_new(struct event_base *base, const char *dir,
    int fd);

/* Close it and all that is stored; its name is removed if "remove". */
void storesock_free(struct storesock *sock, int remove);

/* Whose messages count from now on: a process of our own user. */
void storesock_set_sender(struct storesock *sock, pid_t pid);

/* Take what has been sent up to now; a dead sender's last words count. */
void storesock_drain(struct storesock *sock);

/* What is stored; of this object. */
const struct store *storesock_store(const struct storesock *sock);

/* Store one that was handed to us; "fd" is owned. */
void storesock_put(struct storesock *sock, const char *name, int fd);

/* Close all that is stored. */
void storesock_empty(struct storesock *sock);

/* Add the processes that stored pidfds are of, and that live. */
void storesock_spare(const struct storesock *sock, struct pidset *spare);

const char *storesock_path(const struct storesock *sock);
int storesock_fd(const struct storesock *sock);

#endif
