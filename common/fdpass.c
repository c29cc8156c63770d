/* SPDX-License-Identifier: ISC */
/* SCM_RIGHTS, and nothing else. */
#include "config.h"

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/fdpass.h"
#include "common/unix.h"

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int) * FDPASS_MAX)];
};

ssize_t
fdpass_send(int sock, const struct iovec *iov, int niov, const int *fds,
    size_t nfds)
{
	union control control;
	struct msghdr msg = {
		.msg_iov = (struct iovec *)iov,
		.msg_iovlen = (size_t)niov,
	};
	struct cmsghdr *cmsg;

	if (nfds > FDPASS_MAX) {
		errno = EINVAL;
		return -1;
	}
	if (nfds > 0) {
		memset(&control, 0, sizeof(control));
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int) * nfds);
		memcpy(CMSG_DATA(cmsg), fds, sizeof(int) * nfds);
	}
	return sendmsg(sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static size_t
rights_collect(struct msghdr *msg, int out[FDPASS_MAX])
{
	struct cmsghdr *cmsg;
	size_t n, count = 0;

	for (cmsg = CMSG_FIRSTHDR(msg); cmsg != NULL;
	    cmsg = CMSG_NXTHDR(msg, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET ||
		    cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		if (n > FDPASS_MAX - count)
			n = FDPASS_MAX - count;
		memcpy(out + count, CMSG_DATA(cmsg), n * sizeof(int));
		count += n;
	}
	return count;
}

ssize_t
fdpass_recv(int sock, void *buf, size_t size, int *fds, size_t *nfds)
{
	union control control;
	struct iovec iov = { buf, size };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = *nfds == 0 ? NULL : control.bytes,
		.msg_controllen = *nfds == 0 ? 0 : sizeof(control.bytes),
	};
	int got[FDPASS_MAX];
	size_t i, count;
	ssize_t n;

	n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (n == -1) {
		*nfds = 0;
		return -1;
	}
	count = rights_collect(&msg, got);
	if (count > *nfds || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
		for (i = 0; i < count; i++)
			unix_close_passed(&got[i]);
		*nfds = 0;
		errno = EMSGSIZE;
		return -1;
	}
	/* Who takes none has no room for any. */
	if (count > 0)
		memcpy(fds, got, count * sizeof(int));
	*nfds = count;
	return n;
}
