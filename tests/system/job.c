/* SPDX-License-Identifier: ISC */
/*
 * A job whose output is known byte by byte.  It digests what it reads and
 * writes and leaves the digests in DIR/ID.result; that it ran, and how often,
 * is a line in DIR/runs.
 *
 *	job talk DIR ID SEED	obey stdin: "o N" N bytes to stdout, "e N" to
 *				stderr, "q" the end; other lines are ballast
 *	job flood DIR ID SEED	write to stdout until SIGINT; DIR/ID.count
 *				holds the number of bytes so far
 *	job once DIR ID SEED	write a little to both and end
 *	job deaf DIR ID SEED	read nothing, write nothing, until killed
 */
#include "config.h"

#include <sys/mman.h>
#include <sys/types.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <sha2.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "tests/system/pattern.h"

#define JOB_BLOCK 65536
#define JOB_ONCE 5000

struct job_stream {
	const char *name;
	int fd;
	SHA2_CTX hash;
	uint64_t seed;
	uint64_t bytes;
};

static struct job_stream in = { .name = "stdin", .fd = STDIN_FILENO };
static struct job_stream out = { .name = "stdout", .fd = STDOUT_FILENO };
static struct job_stream errs = { .name = "stderr", .fd = STDERR_FILENO };
static volatile sig_atomic_t stopped;
static volatile uint64_t *progress;

static void
job_stop_cb(int sig)
{
	(void)sig;
	stopped = 1;
}

/* Digests exactly what the kernel took, also when a signal cuts it short. */
static void
job_write(struct job_stream *stream, const void *data, size_t len)
{
	const uint8_t *p = data;
	ssize_t n;

	while (len > 0) {
		n = write(stream->fd, p, len);
		if (n == -1 && errno == EINTR && stopped)
			return;
		if (n == -1 && errno != EINTR)
			err(1, "%s", stream->name);
		if (n <= 0)
			continue;
		SHA256Update(&stream->hash, p, (size_t)n);
		stream->bytes += (uint64_t)n;
		if (progress != NULL)
			*progress = stream->bytes;
		p += n;
		len -= (size_t)n;
	}
}

static void
job_write_pattern(struct job_stream *stream, size_t len)
{
	static uint8_t block[JOB_BLOCK];
	size_t n;

	while (len > 0 && !stopped) {
		n = len < sizeof(block) ? len : sizeof(block);
		pattern_fill(block, n, stream->seed, stream->bytes);
		job_write(stream, block, n);
		len -= n;
	}
}

/* Returns 0 when it was told to end. */
static int
job_obey(const char *line)
{
	unsigned long n = 0;

	if (line[0] == 'q')
		return 0;
	if (sscanf(line + 1, " %lu", &n) == 1 && line[0] == 'o')
		job_write_pattern(&out, n);
	else if (line[0] == 'e')
		job_write_pattern(&errs, n);
	return 1;
}

static void
job_talk(void)
{
	char buf[4096], line[64];
	struct termios tio;
	size_t have = 0;
	ssize_t n, i;

	if (tcgetattr(STDIN_FILENO, &tio) == 0) {
		cfmakeraw(&tio);
		tcsetattr(STDIN_FILENO, TCSANOW, &tio);
	}
	job_write_pattern(&out, 8);
	while ((n = read(STDIN_FILENO, buf, sizeof(buf))) > 0 ||
	    (n == -1 && errno == EINTR && !stopped)) {
		if (n == -1)
			continue;
		SHA256Update(&in.hash, (const uint8_t *)buf, (size_t)n);
		in.bytes += (uint64_t)n;
		for (i = 0; i < n; i++) {
			if (buf[i] != '\n') {
				if (have < sizeof(line) - 1)
					line[have++] = buf[i];
				continue;
			}
			line[have] = '\0';
			have = 0;
			if (!job_obey(line))
				return;
		}
	}
}

static void
job_flood(const char *dir, const char *id)
{
	char path[4096];
	void *p;
	int fd;

	snprintf(path, sizeof(path), "%s/%s.count", dir, id);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd == -1 || ftruncate(fd, sizeof(uint64_t)) == -1)
		err(1, "%s", path);
	p = mmap(NULL, sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED,
	    fd, 0);
	if (p == MAP_FAILED)
		err(1, "%s", path);
	close(fd);
	progress = p;
	while (!stopped)
		job_write_pattern(&out, JOB_BLOCK);
}

static void
job_deaf(void)
{
	while (!stopped)
		pause();
}

static void
job_note_run(const char *dir, const char *id)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/runs", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd == -1 || dprintf(fd, "%s\n", id) < 0)
		err(1, "%s", path);
	close(fd);
}

static void
job_note_result(const char *dir, const char *id)
{
	static struct job_stream *const all[] = { &in, &out, &errs };
	char path[4096], temporary[4096 + 8], hash[SHA256_DIGEST_STRING_LENGTH];
	size_t i;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s.result", dir, id);
	snprintf(temporary, sizeof(temporary), "%s.new", path);
	if ((f = fopen(temporary, "we")) == NULL)
		err(1, "%s", temporary);
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		fprintf(f, "%s %s %llu\n", all[i]->name,
		    SHA256End(&all[i]->hash, hash),
		    (unsigned long long)all[i]->bytes);
	if (fclose(f) != 0 || rename(temporary, path) == -1)
		err(1, "%s", path);
}

int
main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = job_stop_cb };

	if (argc != 5)
		errx(2, "usage: job talk|flood|once|deaf DIR ID SEED");
	sigaction(SIGINT, &action, NULL);
	SHA256Init(&in.hash);
	SHA256Init(&out.hash);
	SHA256Init(&errs.hash);
	out.seed = strtoull(argv[4], NULL, 10);
	errs.seed = ~out.seed;
	job_note_run(argv[2], argv[3]);
	if (strcmp(argv[1], "talk") == 0)
		job_talk();
	else if (strcmp(argv[1], "flood") == 0)
		job_flood(argv[2], argv[3]);
	else if (strcmp(argv[1], "deaf") == 0)
		job_deaf();
	else {
		job_write_pattern(&out, JOB_ONCE);
		job_write_pattern(&errs, JOB_ONCE);
	}
	job_note_result(argv[2], argv[3]);
	return 0;
}
