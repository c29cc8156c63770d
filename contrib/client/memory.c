/* SPDX-License-Identifier: ISC */
/* What was left running. */
#include "config.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/xmalloc.h"
#include "contrib/client/memory.h"

#define PARTS 4
#define FILE_MAX (MEMORY_MAX * MEMORY_LINE)

static void
entry_clear(struct memory_entry *entry)
{
	free(entry->session);
	free(entry->process);
	free(entry->url);
	free(entry->command);
	*entry = (struct memory_entry){ 0 };
}

static void
memory_remove(struct memory *memory, size_t i)
{
	entry_clear(&memory->entries[i]);
	memory->count--;
	memmove(&memory->entries[i], &memory->entries[i + 1],
	    (memory->count - i) * sizeof(memory->entries[0]));
}

void
memory_clear(struct memory *memory)
{
	while (memory->count > 0)
		entry_clear(&memory->entries[--memory->count]);
}

static void
memory_add(struct memory *memory, const char *const parts[PARTS])
{
	if (memory->count == MEMORY_MAX)
		memory_remove(memory, 0);
	memory->entries[memory->count++] = (struct memory_entry){
		.session = xstrdup(parts[0]),
		.process = xstrdup(parts[1]),
		.url = xstrdup(parts[2]),
		.command = xstrdup(parts[3]),
	};
}

/* What would break the file, or the terminal it is shown on. */
static int
is_plain(const char *part)
{
	for (; *part != '\0'; part++)
		if ((unsigned char)*part < ' ' || *part == 0x7f)
			return 0;
	return 1;
}

static void
take_line(struct memory *memory, char *line)
{
	const char *parts[PARTS];
	size_t i;

	for (i = 0; i < PARTS && line != NULL; i++)
		parts[i] = strsep(&line, "\t");
	if (i < PARTS || line != NULL || *parts[0] == '\0' ||
	    *parts[1] == '\0' || *parts[2] == '\0')
		return;
	for (i = 0; i < PARTS; i++)
		if (!is_plain(parts[i]))
			return;
	memory_add(memory, parts);
}

void
memory_parse(struct memory *memory, const char *text, size_t len)
{
	char line[MEMORY_LINE];
	const char *end;
	size_t n;

	for (; len > 0; text += n, len -= n) {
		end = memchr(text, '\n', len);
		n = end == NULL ? len : (size_t)(end - text) + 1;
		/* A line without an end was not written to its end. */
		if (end == NULL || n > sizeof(line))
			continue;
		memcpy(line, text, n - 1);
		line[n - 1] = '\0';
		if (strlen(line) == n - 1)
			take_line(memory, line);
	}
}

/* To be freed; NULL when nobody says where. */
static char *
memory_directory(void)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

	if (state != NULL && *state == '/')
		return xasprintf("%s/holdfast", state);
	if (home != NULL && *home == '/')
		return xasprintf("%s/.local/state/holdfast", home);
	return NULL;
}

static int
make_directories(char *path)
{
	char *slash = path;

	while ((slash = strchr(slash + 1, '/')) != NULL) {
		*slash = '\0';
		(void)mkdir(path, 0700);
		*slash = '/';
	}
	return mkdir(path, 0700) == -1 && errno != EEXIST ? -1 : 0;
}

/* The file, locked as "how" says (flock(2)); -1 with errno. */
static int
memory_open(int flags, int how)
{
	char *directory = memory_directory(), *path;
	int fd = -1;

	errno = ENOENT;
	if (directory == NULL)
		return -1;
	path = xasprintf("%s/left", directory);
	if ((flags & O_CREAT) == 0 || make_directories(directory) == 0)
		fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
		    0600);
	free(path);
	free(directory);
	/* Held for moments only, but a file system may not know locks. */
	if (fd != -1)
		(void)flock(fd, how);
	return fd;
}

static void
memory_load(struct memory *memory, int fd)
{
	char *text = xmalloc(FILE_MAX);
	size_t len = 0;
	ssize_t n;

	while (len < FILE_MAX &&
	    (n = pread(fd, text + len, FILE_MAX - len, (off_t)len)) > 0)
		len += (size_t)n;
	memory_parse(memory, text, len);
	free(text);
}

static int
memory_save(const struct memory *memory, int fd)
{
	const struct memory_entry *entry;
	size_t i;

	if (ftruncate(fd, 0) == -1)
		return -1;
	for (i = 0; i < memory->count; i++) {
		entry = &memory->entries[i];
		if (dprintf(fd, "%s\t%s\t%s\t%s\n", entry->session,
		    entry->process, entry->url, entry->command) < 0)
			return -1;
	}
	return 0;
}

void
memory_read(struct memory *memory)
{
	int fd = memory_open(O_RDONLY, LOCK_SH);

	if (fd == -1)
		return;
	memory_load(memory, fd);
	close(fd);
}

static int
is_one(const struct memory_entry *entry, const char *url,
    const char *session, const char *process)
{
	return strcmp(entry->url, url) == 0 &&
	    strcmp(entry->session, session) == 0 &&
	    (process == NULL || strcmp(entry->process, process) == 0);
}

/* As far as it fits a line with the others. */
static void
command_clean(char out[LOG_CLEAN_SIZE], const char *command)
{
	log_clean(out, command, strlen(command));
}

int
memory_keep(const char *url, const char *session, const char *process,
    const char *command)
{
	char clean[LOG_CLEAN_SIZE] = "";
	const char *parts[PARTS] = { session, process, url, clean };
	struct memory memory = { 0 };
	size_t i;
	int fd, rc;

	if (command != NULL)
		command_clean(clean, command);
	errno = EINVAL;
	if (!is_plain(session) || !is_plain(process) || !is_plain(url) ||
	    *session == '\0' || *process == '\0' || strlen(session) +
	    strlen(process) + strlen(url) + strlen(clean) + PARTS >
	    MEMORY_LINE)
		return -1;
	if ((fd = memory_open(O_RDWR | O_CREAT | O_APPEND, LOCK_EX)) == -1)
		return -1;
	memory_load(&memory, fd);
	for (i = memory.count; i-- > 0;)
		if (is_one(&memory.entries[i], url, session, process)) {
			if (command == NULL)
				command_clean(clean,
				    memory.entries[i].command);
			memory_remove(&memory, i);
		}
	memory_add(&memory, parts);
	rc = memory_save(&memory, fd);
	close(fd);
	memory_clear(&memory);
	return rc;
}

int
memory_forget(const char *url, const char *session)
{
	struct memory memory = { 0 };
	size_t i, before;
	int fd, rc = 0;

	if ((fd = memory_open(O_RDWR | O_APPEND, LOCK_EX)) == -1)
		return errno == ENOENT ? 0 : -1;
	memory_load(&memory, fd);
	before = memory.count;
	for (i = before; i-- > 0;)
		if (is_one(&memory.entries[i], url, session, NULL))
			memory_remove(&memory, i);
	if (memory.count < before)
		rc = memory_save(&memory, fd);
	close(fd);
	memory_clear(&memory);
	return rc;
}
