/* SPDX-License-Identifier: ISC */
/* One packet with descriptors over a Unix socket; see unix(7), cmsg(3). */
#ifndef COMMON_FDPASS_H
#define COMMON_FDPASS_H

#include <sys/types.h>

#include <stddef.h>
#include <sys/uio.h>

#define FDPASS_MAX 8	/* descriptors looked at in one packet */

/*
 * Send one packet with "nfds" descriptors, which stay the caller's.  Never
 * blocks, never raises SIGPIPE.  Returns the bytes sent, or -1 with errno as
 * sendmsg(2).
 */
ssize_t fdpass_send(int sock, const struct iovec *iov, int niov,
    const int *fds, size_t nfds);

/*
 * Receive one packet into "buf".  At most "*nfds" descriptors go to "fds",
 * close-on-exec, and are the caller's; "*nfds" becomes their number.  When
 * more came, or data or descriptors were cut off, all are closed and -1 comes
 * back with EMSGSIZE.  With "*nfds" 0 none is ever ours, not even to close:
 * close(2) waits for whoever serves a file (a FUSE daemon of the sender's).  Returns the bytes received, 0 at the end of the
 * connection, or -1 with errno as recvmsg(2); never blocks.
 */
ssize_t fdpass_recv(int sock, void *buf, size_t size, int *fds, size_t *nfds);

#endif
