/* SPDX-License-Identifier: ISC */
/*
 * What jobs do while they are measured.  Linked statically where that is
 * possible, so that starting it costs little and its memory is the least a
 * process needs.
 *
 *	job emit BYTES	write so many in pieces of 64 KiB
 *	job lines BYTES	write so many as lines, in pieces of 4 KiB
 *	job flood FILE	write its process id to FILE, then output for ever
 *	job drain BYTES	read so many
 *	job sink	read for ever
 *	job say BYTES	write so many, then wait for ever
 *	job idle	wait for ever
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECE 65536
#define LINES 4096

static char piece[PIECE];

static int
put(size_t left, size_t size)
{
	ssize_t n;

	while (left > 0) {
		n = write(STDOUT_FILENO, piece, left < size ? left : size);
		if (n == -1 && errno != EINTR)
			return -1;
		if (n > 0)
			left -= (size_t)n;
	}
	return 0;
}

static int
take(size_t left)
{
	ssize_t n;

	while (left > 0) {
		n = read(STDIN_FILENO, piece, PIECE);
		if (n == 0 || (n == -1 && errno != EINTR))
			return -1;
		if (n > 0)
			left -= (size_t)n < left ? (size_t)n : left;
	}
	return 0;
}

static int
tell_pid(const char *path)
{
	char text[32];
	int fd, n, rc;

	if (path == NULL)
		return 0;
	if ((fd = open(path, O_WRONLY | O_CLOEXEC)) == -1)
		return -1;
	n = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	rc = write(fd, text, (size_t)n) == n ? 0 : -1;
	close(fd);
	return rc;
}

static void __attribute__((noreturn))
idle(void)
{
	for (;;)
		pause();
}

int
main(int argc, char *argv[])
{
	const char *mode = argc > 1 ? argv[1] : "";
	const char *arg = argc > 2 ? argv[2] : NULL;
	size_t bytes = arg == NULL ? 0 : strtoul(arg, NULL, 10), i;

	if (strcmp(mode, "emit") == 0)
		return put(bytes, PIECE) == -1;
	if (strcmp(mode, "lines") == 0) {
		memset(piece, 'x', LINES);
		for (i = 79; i < LINES; i += 80)
			piece[i] = '\n';
		return put(bytes, LINES) == -1;
	}
	if (strcmp(mode, "flood") == 0)
		return tell_pid(arg) == -1 || put((size_t)-1, PIECE) == -1;
	if (strcmp(mode, "drain") == 0)
		return take(bytes) == -1;
	if (strcmp(mode, "sink") == 0)
		return take((size_t)-1) == -1;
	if (strcmp(mode, "say") == 0 && put(bytes, PIECE) == -1)
		return 1;
	if (strcmp(mode, "say") == 0 || strcmp(mode, "idle") == 0)
		idle();
	fprintf(stderr, "job: what?\n");
	return 2;
}
