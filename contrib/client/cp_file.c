/* SPDX-License-Identifier: ISC */
/* "holdfast cp": one file, by blocks of which several are under way. */
#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "common/base64.h"
#include "common/log.h"
#include "common/xmalloc.h"
#include "contrib/client/cp_private.h"
#include "contrib/client/rpc.h"
#include "contrib/client/say.h"

#define HANDLE "cp"
#define UNKNOWN UINT64_MAX

/* A call's tag: which opening of a file, and below that which block. */
#define BLOCK_BITS 40
#define BLOCK_MASK (((uint64_t)1 << BLOCK_BITS) - 1)

struct transfer {
	struct remote *remote;
	const char *from, *to;
	int fd; /* the file here */
	unsigned int epoch; /* of the connection that has the handle */
	uint64_t serial; /* of its opening: whose answer one is */
	uint64_t first; /* block that is not done, none before it */
	uint64_t next; /* block to ask for next */
	char done[CP_WINDOW]; /* blocks from "first" on; by number modulo */
	uint64_t end; /* bytes of the file, once known */
	uint64_t size; /* what it is thought to be, for progress */
	int64_t modified_ms;
	int upload;
	int failed;
};

static void
transfer_fail(struct transfer *transfer, const char *what, const char *why)
{
	if (!transfer->failed) {
		cp_progress_end();
		say_error("%s: %s", what, why);
	}
	transfer->failed = 1;
}

static void
block_done(struct transfer *transfer, uint64_t block)
{
	if (block < transfer->first ||
	    block >= transfer->first + CP_WINDOW)
		return;
	transfer->done[block % CP_WINDOW] = 1;
	while (transfer->done[transfer->first % CP_WINDOW])
		transfer->done[transfer->first++ % CP_WINDOW] = 0;
	cp_progress(transfer->upload ? transfer->from : transfer->to,
	    transfer->first * CP_BLOCK, transfer->size);
}

/* From the start, with the window closed. */
static void
transfer_rewind(struct transfer *transfer)
{
	transfer->first = transfer->next = 0;
	memset(transfer->done, 0, sizeof(transfer->done));
}

static int
write_at(int fd, const char *bytes, size_t len, off_t offset)
{
	ssize_t n;

	for (; len > 0; bytes += n, len -= (size_t)n, offset += n) {
		n = pwrite(fd, bytes, len, offset);
		if (n == -1 && errno == EINTR)
			n = 0;
		else if (n == -1)
			return -1;
	}
	return 0;
}

static void
take_block(struct transfer *transfer, uint64_t block,
    struct json_object *result)
{
	const char *text = rpc_string(result, "chunk", NULL);
	size_t text_len = text == NULL ? 0 : strlen(text);
	static char bytes[CP_BLOCK + 3];
	ssize_t len;

	len = text == NULL || BASE64_DECODED_MAX(text_len) > sizeof(bytes) ?
	    -1 : base64_decode(bytes, text, text_len);
	if (len < 0 || len > CP_BLOCK) {
		transfer_fail(transfer, transfer->from,
		    "the server's answer makes no sense");
		return;
	}
	if (write_at(transfer->fd, bytes, (size_t)len,
	    (off_t)(block * CP_BLOCK)) == -1) {
		transfer_fail(transfer, transfer->to, strerror(errno));
		return;
	}
	/* The first short block is the last; what is behind it came later. */
	if (len < CP_BLOCK && block * CP_BLOCK + (uint64_t)len <
	    transfer->end)
		transfer->end = block * CP_BLOCK + (uint64_t)len;
	block_done(transfer, block);
}

static void
block_reply_cb(void *arg, uint64_t tag, const struct rpc_message *msg)
{
	struct transfer *transfer = arg;

	if (tag >> BLOCK_BITS != transfer->serial)
		return;
	if (msg->kind == RPC_ERROR)
		transfer_fail(transfer, transfer->upload ? transfer->to :
		    transfer->from, msg->text);
	else if (transfer->upload)
		block_done(transfer, tag & BLOCK_MASK);
	else
		take_block(transfer, tag & BLOCK_MASK, msg->body);
}

static struct json_object *
block_params(uint64_t block)
{
	struct json_object *params = json_object_new_object();

	json_object_object_add(params, "handleId",
	    json_object_new_string(HANDLE));
	json_object_object_add(params, "offset",
	    json_object_new_uint64(block * CP_BLOCK));
	return params;
}

static uint64_t
next_tag(const struct transfer *transfer)
{
	return transfer->serial << BLOCK_BITS | transfer->next;
}

static void
ask_block(struct transfer *transfer)
{
	struct json_object *params = block_params(transfer->next);

	json_object_object_add(params, "len", json_object_new_int(CP_BLOCK));
	if (remote_send(transfer->remote, next_tag(transfer),
	    "fs/readBlock", params) == 0)
		transfer->next++;
}

static ssize_t
read_at(int fd, char *bytes, size_t len, off_t offset)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = pread(fd, bytes + done, len - done,
		    offset + (off_t)done);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

static void
give_block(struct transfer *transfer)
{
	static char bytes[CP_BLOCK], text[BASE64_ENCODED_LEN(CP_BLOCK)];
	struct json_object *params;
	ssize_t n;

	n = read_at(transfer->fd, bytes, sizeof(bytes),
	    (off_t)(transfer->next * CP_BLOCK));
	if (n == -1) {
		transfer_fail(transfer, transfer->from, strerror(errno));
		return;
	}
	if (n < CP_BLOCK)
		transfer->end = transfer->next * CP_BLOCK + (uint64_t)n;
	if (n == 0)
		return;
	params = block_params(transfer->next);
	json_object_object_add(params, "chunk", json_object_new_string_len(
	    text, (int)base64_encode(text, bytes, (size_t)n)));
	if (remote_send(transfer->remote, next_tag(transfer),
	    "fs/writeBlock", params) == 0)
		transfer->next++;
}

/* Whether the file there is the one that was begun with. */
static int
is_unchanged(struct transfer *transfer)
{
	struct json_object *result;
	int64_t modified, size;

	if (remote_ask(transfer->remote, "fs/getMetadata",
	    remote_path(transfer->from), &result) != 0)
		return 1; /* opening it will tell */
	modified = (int64_t)rpc_uint(result, "modifiedAtMs", 0);
	size = (int64_t)rpc_uint(result, "size", 0);
	json_object_put(result);
	if (modified == transfer->modified_ms &&
	    (uint64_t)size == transfer->size)
		return 1;
	transfer->modified_ms = modified;
	transfer->size = (uint64_t)size;
	return 0;
}

/*
 * Handles belong to the connection.  After a break a download goes on where
 * it was, unless the file has changed; an upload begins again, because
 * opening a file to write it empties it.
 */
static int
transfer_open(struct transfer *transfer)
{
	const char *path = transfer->upload ? transfer->to : transfer->from;
	static uint64_t serials;
	struct json_object *params;
	int code;

	if (transfer->upload || !is_unchanged(transfer))
		transfer_rewind(transfer);
	params = remote_path(path);
	json_object_object_add(params, "handleId",
	    json_object_new_string(HANDLE));
	json_object_object_add(params, "mode", json_object_new_string(
	    transfer->upload ? "replace" : "read"));
	code = remote_ask(transfer->remote, "fs/open", params, NULL);
	transfer->epoch = remote_answered(transfer->remote);
	transfer->serial = ++serials;
	transfer->next = transfer->first;
	transfer->end = UNKNOWN;
	if (code != 0 && code != REMOTE_LOST)
		transfer_fail(transfer, path,
		    remote_error(transfer->remote));
	return code;
}

static int
transfer_is_over(const struct transfer *transfer)
{
	return transfer->end != UNKNOWN &&
	    transfer->first * CP_BLOCK >= transfer->end;
}

static void
fill_window(struct transfer *transfer)
{
	uint64_t before;

	while (!transfer->failed && transfer->end == UNKNOWN &&
	    transfer->next < transfer->first + CP_WINDOW) {
		before = transfer->next;
		if (transfer->done[before % CP_WINDOW])
			transfer->next++;
		else if (transfer->upload)
			give_block(transfer);
		else
			ask_block(transfer);
		if (transfer->next == before)
			return;
	}
}

/* 0, 1 after a break, -1 for good. */
static int
transfer_blocks(struct transfer *transfer)
{
	while (!transfer->failed && !transfer_is_over(transfer)) {
		if (remote_epoch(transfer->remote) != transfer->epoch)
			return 1;
		fill_window(transfer);
		/* An empty file's end is found without asking. */
		if (transfer->failed || transfer_is_over(transfer))
			break;
		if (remote_turn(transfer->remote) == -1)
			return -1;
	}
	return transfer->failed ? -1 : 0;
}

static int
transfer_close(struct transfer *transfer)
{
	struct json_object *params = json_object_new_object();
	int code;

	json_object_object_add(params, "handleId",
	    json_object_new_string(HANDLE));
	code = remote_ask(transfer->remote, "fs/close", params, NULL);
	if (code != 0 && code != REMOTE_LOST && transfer->upload)
		transfer_fail(transfer, transfer->to,
		    remote_error(transfer->remote));
	return code == 0 || !transfer->upload ? 0 : -1;
}

static int
transfer_run(struct transfer *transfer)
{
	int rc;

	remote_listen(transfer->remote, block_reply_cb, transfer);
	do {
		if (transfer_open(transfer) != 0)
			rc = -1;
		else
			rc = transfer_blocks(transfer);
	} while (rc == 1);
	/* What still comes for an end that was not good is not looked at. */
	remote_listen(transfer->remote, NULL, NULL);
	if (transfer_close(transfer) == -1)
		rc = -1;
	cp_progress_end();
	return rc;
}

int
cp_download(struct remote *remote, const char *from, const char *to)
{
	struct transfer transfer = { .remote = remote, .from = from,
		.to = to };
	int rc;

	/* Looked at before anything here is touched. */
	(void)is_unchanged(&transfer);
	if (transfer_open(&transfer) != 0)
		return -1;
	transfer.fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC |
	    O_NOCTTY, 0666);
	if (transfer.fd == -1) {
		transfer_fail(&transfer, to, strerror(errno));
		(void)transfer_close(&transfer);
		return -1;
	}
	(void)transfer_close(&transfer);
	rc = transfer_run(&transfer);
	if (rc == 0 && ftruncate(transfer.fd, (off_t)transfer.end) == -1 &&
	    errno != EINVAL) {
		transfer_fail(&transfer, to, strerror(errno));
		rc = -1;
	}
	if (close(transfer.fd) == -1 && rc == 0) {
		transfer_fail(&transfer, to, strerror(errno));
		rc = -1;
	}
	return rc;
}

int
cp_upload(struct remote *remote, const char *from, const char *to)
{
	struct transfer transfer = { .remote = remote, .from = from,
		.to = to, .upload = 1 };
	struct stat st;
	int rc;

	transfer.fd = open(from, O_RDONLY | O_CLOEXEC | O_NOCTTY |
	    O_NONBLOCK);
	if (transfer.fd == -1 || fstat(transfer.fd, &st) == -1) {
		transfer_fail(&transfer, from, strerror(errno));
	} else if (!S_ISREG(st.st_mode)) {
		transfer_fail(&transfer, from, S_ISDIR(st.st_mode) ?
		    "a directory; -r copies those" : "not a regular file");
	} else {
		transfer.size = (uint64_t)st.st_size;
		rc = transfer_run(&transfer);
		close(transfer.fd);
		return rc;
	}
	if (transfer.fd != -1)
		close(transfer.fd);
	return -1;
}
