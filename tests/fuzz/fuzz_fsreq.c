/* SPDX-License-Identifier: ISC */
/*
 * Bytes on the socket of holdfast-fs: cut into requests, and their paths.
 * What breaks the rules ends that program, so its end is caught here; nothing
 * is done to files.
 */
#include "config.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/runner/fs/fs.h"
#include "common/log.h"
#include "common/unix.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static jmp_buf end;
static void *held;

/* One request at a time has memory, which its end must not lose. */
static void *
hold(size_t size)
{
	held = malloc(size);
	return held;
}

static void
let_go(void *p)
{
	free(p);
	held = NULL;
}

#define malloc(size) hold(size)
#define free(p) let_go(p)
#include "broker/runner/fs/serve.c"
#undef malloc
#undef free

/* By another name here, for the one that ends a program is there, too. */
void
fatalx(const char *fmt, ...)
{
	(void)fmt;
	longjmp(end, 1);
}

static void
look_at_path(struct span span)
{
	char path[PATH_MAX];

	fs_path(span, path);
	if (path[0] != '/' || strlen(path) != span.len)
		abort();
}

static void
look_at_list(struct span list)
{
	struct span item;

	while (proto_list_next(&list, &item))
		look_at_path(item);
}

/* As the operations do, up to the file system. */
static void
on_request(const struct fs_call *call)
{
	const union proto_any *msg = call->msg;

	switch (call->type) {
	case MSG_GR_FS_COPY:
		look_at_path(msg->GR_FS_COPY.path);
		look_at_path(msg->GR_FS_COPY.destination);
		break;
	case MSG_GR_FS_WATCH_MISSING:
		look_at_list(msg->GR_FS_WATCH.missing);
		break;
	case MSG_GR_FS_WALK:
		look_at_path(msg->GR_FS_WALK.path);
		break;
	case MSG_GR_FS_OPEN:
		look_at_path(msg->GR_FS_OPEN.path);
		break;
	case MSG_GR_FS_WRITE_FILE:
		look_at_path(msg->GR_FS_WRITE_FILE.path);
		break;
	default:
		break;
	}
}

static void
serve(int fd)
{
	fs_serve_init(fd);
	if (setjmp(end) != 0) {
		let_go(held);
		return;
	}
	while (fs_serve_one(on_request))
		continue;
}

/* The first request greets, whoever comes first. */
static void
send_hello(int fd)
{
	struct fields_HELLO hello = {
		.version = PROTO_VERSION,
		.oldest = PROTO_OLDEST,
	};
	struct proto_head head = { .type = MSG_GR_HELLO };
	uint8_t bytes[PROTO_HEAD_LEN];
	struct writer w;

	writer_init(&w, 256);
	proto_encode(&w, MSG_GR_HELLO, &hello);
	head.len = (uint32_t)w.len;
	proto_head_put(bytes, &head);
	if (write(fd, bytes, sizeof(bytes)) != sizeof(bytes) ||
	    write(fd, w.p, w.len) != (ssize_t)w.len)
		abort();
	writer_clear(&w);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int greeted;
	int pair[2];

	if (size > 65536 || unix_pair(SOCK_STREAM, pair) == -1)
		return 0;
	if (!greeted++)
		send_hello(pair[0]);
	if (write(pair[0], data, size) != (ssize_t)size)
		abort();
	shutdown(pair[0], SHUT_WR);
	serve(pair[1]);
	unix_close(&pair[0]);
	unix_close(&pair[1]);
	return 0;
}
