/* SPDX-License-Identifier: ISC */
/*
 * File URIs to absolute paths and back.  Reading follows the URL rules of
 * browsers (WHATWG URL) as far as the exec-server protocol needs them.  Pure.
 */
#ifndef GATEWAY_FILEURI_H
#define GATEWAY_FILEURI_H

#include <sys/types.h>

#include <stddef.h>

enum fileuri_error {
	FILEURI_OK,
	FILEURI_INVALID,	/* not a usable absolute file URI at all */
	FILEURI_FOREIGN,	/* another host's, or a Windows drive path */
	FILEURI_TOO_LONG	/* the path does not fit */
};

/* The most bytes a path of "len" bytes takes as a URI. */
#define FILEURI_ENCODED_MAX(len) (7 + 3 * (size_t)(len))

/*
 * Read the URI of "len" bytes at "uri" and write its path to "path", which
 * has room for "cap" bytes, a terminating NUL included.  The path is
 * absolute, has no NUL inside, none of the URI's "." and ".." segments, one
 * of its slashes at the start and none at the end unless it is the root;
 * %2F gives a slash like any other byte, and invalid UTF-8 is possible.
 * "*path_len" is its length without the NUL.
 *
 * FILEURI_INVALID: not absolute, another scheme, a query, a fragment, user
 * information, a port, a NUL.  After an error "path" is undefined.
 */
enum fileuri_error fileuri_decode(const char *uri, size_t len, char *path,
    size_t cap, size_t *path_len);

/*
 * Write the URI of the absolute path of "len" bytes at "path" to "out", which
 * has room for "cap" bytes; nothing is terminated.  Bytes outside printable
 * ASCII, blanks, percent signs, number signs, question marks and the few
 * others that a URL path escapes are percent-encoded; slashes at the end are
 * left out.  Returns the length, or -1 when the path is not absolute or the
 * URI does not fit; FILEURI_ENCODED_MAX(len) bytes always suffice.
 */
ssize_t fileuri_encode(const char *path, size_t len, char *out, size_t cap);

#endif
