/* SPDX-License-Identifier: ISC */
/*
 * holdfast-fs: file operations for one session, one after another, as the
 * tenant and, where a sandbox was asked for, inside it.  Its runner hands it
 * requests and takes answers over a data socket, as if the runner were a
 * gateway and this the runner: the same messages (PROTOCOL, section 8).
 * Writing to that socket blocks, which is all the back-pressure it needs.
 */
#ifndef RUNNER_FS_FS_H
#define RUNNER_FS_FS_H

#include <sys/types.h>
#include <sys/uio.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/proto.h"

#define FS_FILE_MAX 536870912u	/* bytes that readFile answers with */
#define FS_BLOCK_MAX 1048576u	/* bytes of one block of a handle */
#define FS_HANDLES_MAX 128
#define FS_HANDLE_ID_MAX 32	/* bytes */
#define FS_DEPTH_MAX 64
#define FS_DIRECTORIES_MAX 10000
#define FS_ENTRIES_MAX 50000
#define FS_WALK_BYTES_MAX 4194304 /* of paths in one walk's answer */

/*
 * Bytes of a file in one message: below PROTO_CHUNK_MAX, and a multiple of
 * three so that base64 text can be put together from pieces.
 */
#define FS_PIECE 65535

/* A request being answered: exactly one fs_reply_ function ends it. */
struct fs_call {
	uint16_t type;
	uint32_t call;
	const union proto_any *msg;
};

/* Each answers its message, whatever happens. */
void fs_read_file(const struct fs_call *call);
void fs_write_file(const struct fs_call *call);
void fs_create_directory(const struct fs_call *call);
void fs_get_metadata(const struct fs_call *call);
void fs_canonicalize(const struct fs_call *call);
void fs_read_directory(const struct fs_call *call);
void fs_walk(const struct fs_call *call);
void fs_remove(const struct fs_call *call);
void fs_copy(const struct fs_call *call);
void fs_open(const struct fs_call *call);
void fs_read_block(const struct fs_call *call);
void fs_write_block(const struct fs_call *call);
void fs_close(const struct fs_call *call);

/*
 * Copy the path of a request into "out" (PATH_MAX bytes).  Paths are absolute
 * and free of NULs by the time they come here; what is not ends the process,
 * for then the runner is not the runner.
 */
void fs_path(struct span path, char *out);

/*
 * Open a regular file, and nothing else, without waiting and without
 * touching what is not one: a FIFO or a device is found out before it is
 * opened.  "flags" as open(2); with O_CREAT what is missing is made with mode
 * 0666 less the umask.  Returns the descriptor, or -1 with errno; errno is
 * FS_NOT_A_FILE when it is something else.
 */
#define FS_NOT_A_FILE (-2)
int fs_open_regular(const char *path, int flags, bool follow);

/* Read or write "len" bytes unless the end comes first; -1 with errno. */
ssize_t fs_read_full(int fd, void *buf, size_t len, off_t offset);
int fs_write_full(int fd, const void *buf, size_t len, off_t offset);

/*
 * Answers.  An operating system's error becomes the code that the protocol
 * has for it (section 5: ENOENT, EACCES and the like) and its text.
 */
void fs_reply_done(const struct fs_call *call);
void fs_reply_result(const struct fs_call *call,
    struct fields_RG_RESULT *result);
void fs_reply_errno(const struct fs_call *call, int error);
void fs_reply_error(const struct fs_call *call, int64_t code,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void fs_reply_not_a_file(const struct fs_call *call, const char *path);

/* A long answer: begin, any number of parts, end. */
void fs_bulk_begin(const struct fs_call *call);
void fs_bulk_data(const struct fs_call *call, const void *bytes, size_t len);
void fs_bulk_list(const struct fs_call *call, enum proto_tag tag,
    struct span list);
void fs_bulk_end(const struct fs_call *call, struct fields_RG_RESULT *result);

/*
 * A list that may grow beyond one message: items collect in "w"; when they
 * reach a message's size the answer becomes a long one.  fs_list_end() sends
 * the rest, as one message if nothing was sent before.
 */
struct fs_list {
	const struct fs_call *call;
	enum proto_tag tag;
	struct writer w;
	bool bulk;
};
void fs_list_begin(struct fs_list *list, const struct fs_call *call,
    enum proto_tag tag);
void fs_list_add(struct fs_list *list, char kind, const char *name);
void fs_list_switch(struct fs_list *list, enum proto_tag tag);
void fs_list_end(struct fs_list *list, struct fields_RG_RESULT *result);

/*
 * Remember what is at these paths, up to a NULL: what the sandbox around us
 * was made for.  Whether it is still so.
 */
void fs_marks_set(char *const *paths);
bool fs_marks_hold(void);

/* Serve the socket until the runner closes it; returns the exit status. */
int fs_serve(int fd);

/*
 * Serve watchMissing instead (inotify(7)): every watch is told once, when one
 * of its paths has appeared.  Returns the exit status.
 */
#define FS_WATCHES_MAX 256
int fs_watch(int fd);

/*
 * Read one request and answer HELLO; "handle" gets whole requests.  Returns
 * 0 at the end of the socket, 1 otherwise.
 */
int fs_serve_one(void (*handle)(const struct fs_call *call));
void fs_serve_init(int fd);

/* Write one message to the runner; the process ends when it is gone. */
void fs_send(uint16_t type, uint32_t call, const struct iovec *payload,
    int count);

#endif
