/* SPDX-License-Identifier: ISC */
/* Open files by the client's names for them. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "broker/runner/fs/fs.h"
#include "common/unix.h"

#define CODE_NOT_FOUND (-32004)
#define CODE_INVALID (-32600)

static struct handle {
	char id[FS_HANDLE_ID_MAX];
	size_t len;
	int fd;
	bool used;
} handles[FS_HANDLES_MAX];

static struct handle *
handle_find(struct span id)
{
	size_t i;

	for (i = 0; i < FS_HANDLES_MAX; i++)
		if (handles[i].used && handles[i].len == id.len &&
		    (id.len == 0 || memcmp(handles[i].id, id.p, id.len) == 0))
			return &handles[i];
	return NULL;
}

static struct handle *
handle_unused(void)
{
	size_t i;

	for (i = 0; i < FS_HANDLES_MAX; i++)
		if (!handles[i].used)
			return &handles[i];
	return NULL;
}

static int
id_fits(const struct fs_call *call, struct span id)
{
	if (id.len <= FS_HANDLE_ID_MAX)
		return 1;
	fs_reply_error(call, CODE_INVALID,
	    "file handle id is longer than %d bytes", FS_HANDLE_ID_MAX);
	return 0;
}

/* The handle a request names; an error has been sent when there is none. */
static struct handle *
handle_named(const struct fs_call *call, struct span id)
{
	struct handle *handle;

	if (!id_fits(call, id))
		return NULL;
	handle = handle_find(id);
	if (handle == NULL)
		fs_reply_error(call, CODE_NOT_FOUND,
		    "unknown file handle `%.*s`", (int)id.len,
		    id.len == 0 ? "" : (const char *)id.p);
	return handle;
}

static void
handle_open(const struct fs_call *call, struct handle *handle)
{
	const struct fields_GR_FS_OPEN *msg = &call->msg->GR_FS_OPEN;
	struct fields_RG_RESULT result = {
		.file_handle = msg->file_handle,
		.has_file_handle = true,
	};
	char path[PATH_MAX];
	int fd;

	fs_path(msg->path, path);
	fd = fs_open_regular(path, msg->open_mode == 0 ? O_RDONLY :
	    O_WRONLY | O_CREAT | O_TRUNC, true);
	/* For handles a directory is no file, either way. */
	if (fd == FS_NOT_A_FILE || (fd == -1 && errno == EISDIR)) {
		fs_reply_not_a_file(call, path);
		return;
	}
	if (fd == -1) {
		fs_reply_errno(call, errno);
		return;
	}
	*handle = (struct handle){
		.len = msg->file_handle.len,
		.fd = fd,
		.used = true,
	};
	if (handle->len > 0)
		memcpy(handle->id, msg->file_handle.p, handle->len);
	fs_reply_result(call, &result);
}

void
fs_open(const struct fs_call *call)
{
	struct span id = call->msg->GR_FS_OPEN.file_handle;
	struct handle *handle = handle_unused();

	if (!id_fits(call, id))
		return;
	if (handle_find(id) != NULL)
		fs_reply_error(call, CODE_INVALID,
		    "file handle id already exists");
	else if (handle == NULL)
		fs_reply_error(call, CODE_INVALID, "too many open file "
		    "handles: at most %d, close some", FS_HANDLES_MAX);
	else
		handle_open(call, handle);
}

/* Blocks larger than a message go out in pieces. */
static void
send_block(const struct fs_call *call, const uint8_t *block, size_t len,
    bool eof)
{
	struct fields_RG_RESULT result = {
		.end_of_file = eof,
		.has_end_of_file = true,
	};
	size_t piece;

	if (len <= FS_PIECE) {
		result.data = (struct span){ block, len };
		result.has_data = true;
		fs_reply_result(call, &result);
		return;
	}
	fs_bulk_begin(call);
	for (; len > 0; block += piece, len -= piece) {
		piece = len < FS_PIECE ? len : FS_PIECE;
		fs_bulk_data(call, block, piece);
	}
	fs_bulk_end(call, &result);
}

static int
block_fits(const struct fs_call *call, uint64_t len)
{
	if (len >= 1 && len <= FS_BLOCK_MAX)
		return 1;
	fs_reply_error(call, CODE_INVALID, "block length must be 1 to %u",
	    FS_BLOCK_MAX);
	return 0;
}

static int
offset_fits(const struct fs_call *call, uint64_t offset)
{
	if (offset <= INT64_MAX - FS_BLOCK_MAX)
		return 1;
	fs_reply_errno(call, EINVAL);
	return 0;
}

void
fs_read_block(const struct fs_call *call)
{
	static uint8_t block[FS_BLOCK_MAX];
	const struct fields_GR_FS_BLOCK *msg = &call->msg->GR_FS_BLOCK;
	struct handle *handle = handle_named(call, msg->file_handle);
	ssize_t n;

	if (handle == NULL || !block_fits(call, msg->length) ||
	    !offset_fits(call, msg->offset))
		return;
	n = fs_read_full(handle->fd, block, (size_t)msg->length,
	    (off_t)msg->offset);
	if (n == -1)
		fs_reply_errno(call, errno);
	else
		send_block(call, block, (size_t)n, (uint64_t)n < msg->length);
}

void
fs_write_block(const struct fs_call *call)
{
	const struct fields_GR_FS_BLOCK *msg = &call->msg->GR_FS_BLOCK;
	struct handle *handle = handle_named(call, msg->file_handle);

	if (handle == NULL || !block_fits(call, msg->data.len) ||
	    !offset_fits(call, msg->offset))
		return;
	if (fs_write_full(handle->fd, msg->data.p, msg->data.len,
	    (off_t)msg->offset) == -1)
		fs_reply_errno(call, errno);
	else
		fs_reply_done(call);
}

void
fs_close(const struct fs_call *call)
{
	struct span id = call->msg->GR_FS_CLOSE.file_handle;
	struct handle *handle;
	int error = 0;

	if (!id_fits(call, id))
		return;
	handle = handle_find(id);
	if (handle != NULL) {
		error = close(handle->fd) == -1 ? errno : 0;
		*handle = (struct handle){ .fd = -1 };
	}
	if (error != 0)
		fs_reply_errno(call, error);
	else
		fs_reply_done(call);
}
