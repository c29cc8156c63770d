/* SPDX-License-Identifier: ISC */
/*
 * Run a fuzz target over saved inputs and report as TAP.  Without arguments
 * the corpus of fuzz_NAME is corpus/NAME beside this file.  Linked instead
 * of libFuzzer, so that the corpus runs with any compiler.
 */
#include "config.h"

#include <sys/stat.h>

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int ran;

static void
replay_file(const char *path)
{
	struct stat st;
	uint8_t *data;
	FILE *file;
	size_t size;

	if ((file = fopen(path, "rbe")) == NULL || fstat(fileno(file), &st))
		err(1, "%s", path);
	/* Exactly as large as the input, so that a step beyond shows. */
	size = (size_t)st.st_size;
	if ((data = malloc(size + (size == 0))) == NULL)
		err(1, "%s", path);
	if (fread(data, 1, size, file) != size)
		err(1, "%s", path);
	fclose(file);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	printf("ok %d - %s\n", ++ran, strrchr(path, '/') + 1);
	fflush(stdout);
}

static void
replay_dir(const char *path)
{
	char name[4096];
	struct dirent *entry;
	DIR *dir;

	if ((dir = opendir(path)) == NULL)
		err(1, "%s", path);
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		if ((size_t)snprintf(name, sizeof(name), "%s/%s", path,
		    entry->d_name) >= sizeof(name))
			errx(1, "%s/%s: name too long", path, entry->d_name);
		replay_file(name);
	}
	closedir(dir);
}

int
main(int argc, char *argv[])
{
	const char *top = getenv("top_srcdir");
	const char *target = strstr(program_invocation_short_name, "fuzz_");
	char path[4096];
	int i;

	for (i = 1; i < argc; i++)
		replay_dir(argv[i]);
	if (argc == 1) {
		if (target == NULL || top == NULL)
			errx(1, "no corpus given");
		snprintf(path, sizeof(path), "%s/tests/fuzz/corpus/%s", top,
		    target + strlen("fuzz_"));
		replay_dir(path);
	}
	printf("1..%d\n", ran);
	return ran == 0;
}
