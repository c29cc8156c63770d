/* SPDX-License-Identifier: ISC */
/* Requests from the runner, one after another, over a blocking socket. */
#include "config.h"

#include <sys/uio.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/runner/fs/fs.h"
#include "common/log.h"

static const struct {
	uint16_t type;
	void (*fn)(const struct fs_call *call);
	bool open;		/* of a file that is open: no path is named */
} operations[] = {
	{ MSG_GR_FS_READ_FILE, fs_read_file, false },
	{ MSG_GR_FS_WRITE_FILE, fs_write_file, false },
	{ MSG_GR_FS_CREATE_DIRECTORY, fs_create_directory, false },
	{ MSG_GR_FS_GET_METADATA, fs_get_metadata, false },
	{ MSG_GR_FS_CANONICALIZE, fs_canonicalize, false },
	{ MSG_GR_FS_READ_DIRECTORY, fs_read_directory, false },
	{ MSG_GR_FS_WALK, fs_walk, false },
	{ MSG_GR_FS_REMOVE, fs_remove, false },
	{ MSG_GR_FS_COPY, fs_copy, false },
	{ MSG_GR_FS_OPEN, fs_open, false },
	{ MSG_GR_FS_READ_BLOCK, fs_read_block, true },
	{ MSG_GR_FS_WRITE_BLOCK, fs_write_block, true },
	{ MSG_GR_FS_CLOSE, fs_close, true },
};

static int serve_fd = -1;

void
fs_send(uint16_t type, uint32_t call, const struct iovec *payload, int count)
{
	struct proto_head head = { .type = type, .call = call };
	uint8_t bytes[PROTO_HEAD_LEN];
	struct iovec iov[4];
	ssize_t n;
	int i = 0, used = 1;

	for (i = 0; i < count && used < 4; i++) {
		head.len += (uint32_t)payload[i].iov_len;
		iov[used++] = payload[i];
	}
	proto_head_put(bytes, &head);
	iov[0] = (struct iovec){ bytes, sizeof(bytes) };
	for (i = 0; i < used;) {
		n = writev(serve_fd, iov + i, used - i);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			exit(0);	/* nobody waits for the answer */
		while (i < used && (size_t)n >= iov[i].iov_len)
			n -= (ssize_t)iov[i++].iov_len;
		if (i < used) {
			iov[i].iov_base = (uint8_t *)iov[i].iov_base + n;
			iov[i].iov_len -= (size_t)n;
		}
	}
}

/* 1 read, 0 the end; a cut message is the end, too. */
static int
read_all(void *buf, size_t len)
{
	uint8_t *p = buf;
	ssize_t n;

	while (len > 0) {
		n = read(serve_fd, p, len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return 0;
		p += n;
		len -= (size_t)n;
	}
	return 1;
}

static void
operate(const struct fs_call *call)
{
	size_t i;

	for (i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		if (operations[i].type == call->type) {
			if (operations[i].open || fs_marks_hold())
				operations[i].fn(call);
			else
				fs_reply_error(call, PROTO_OUTDATED,
				    "what the sandbox was made for has "
				    "changed");
			return;
		}
	fatalx("%s is nothing for holdfast-fs", proto_name(call->type));
}

static void
dispatch(const struct proto_head *head, const uint8_t *payload,
    void (*handle)(const struct fs_call *call))
{
	const struct proto_row *row = proto_row(head->type);
	struct fs_call call = { .type = head->type, .call = head->call };
	enum proto_error error;
	union proto_any msg;

	error = proto_decode(row, payload, head->len, &msg);
	if (error != PROTO_OK)
		fatalx("%s: %s", row->name, proto_strerror(error));
	call.msg = &msg;
	handle(&call);
}

static void
greet(void)
{
	struct fields_HELLO hello = {
		.version = PROTO_VERSION,
		.oldest = PROTO_OLDEST,
	};
	struct writer w;
	struct iovec iov;

	writer_init(&w, 256);
	proto_encode(&w, MSG_RG_HELLO, &hello);
	iov = (struct iovec){ w.p, w.len };
	fs_send(MSG_RG_HELLO, 0, &iov, 1);
	writer_clear(&w);
}

void
fs_serve_init(int fd)
{
	serve_fd = fd;
}

int
fs_serve_one(void (*handle)(const struct fs_call *call))
{
	static enum proto_phase phase = PHASE_START;
	uint8_t bytes[PROTO_HEAD_LEN], *payload;
	enum proto_error error;
	struct proto_head head;
	int whole;

	if (!read_all(bytes, sizeof(bytes)))
		return 0;
	proto_head_get(bytes, &head);
	error = proto_check(head.type, ROLE_GATEWAY, ROLE_RUNNER, phase,
	    head.len, 0);
	if (error != PROTO_OK)
		fatalx("%s: %s", proto_name(head.type),
		    proto_strerror(error));
	payload = malloc(head.len + 1u);
	if (payload == NULL)
		fatal("request of %u bytes", head.len);
	whole = read_all(payload, head.len);
	if (whole && phase == PHASE_START)
		greet();
	else if (whole)
		dispatch(&head, payload, handle);
	phase = PHASE_UP;
	free(payload);
	return whole;
}

int
fs_serve(int fd)
{
	fs_serve_init(fd);
	while (fs_serve_one(operate))
		continue;
	return 0;
}
