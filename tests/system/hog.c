/* SPDX-License-Identifier: ISC */
/*
 * A job that wants everything:
 *
 *	hog forks	each of its processes makes more of them, for ever
 *	hog memory MIB	takes so much, says so, and keeps it
 *	hog spin	computes, and never ends
 *
 * Whatever happens it ends by itself after some minutes, should a test break.
 */
#include "config.h"

#include <sys/mman.h>

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOG_LIFE_S 600
#define HOG_MIB 1048576UL

static void __attribute__((noreturn))
hog_forks(void)
{
	for (;;)
		if (fork() == 0)
			alarm(HOG_LIFE_S);
}

static void __attribute__((noreturn))
hog_memory(unsigned long mib)
{
	char *p;

	while (mib-- > 0) {
		p = mmap(NULL, HOG_MIB, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
		if (p == MAP_FAILED)
			err(1, "mmap");
		memset(p, 1, HOG_MIB);
	}
	puts("held");
	fflush(stdout);
	for (;;)
		pause();
}

int
main(int argc, char **argv)
{
	alarm(HOG_LIFE_S);
	if (argc == 2 && strcmp(argv[1], "forks") == 0)
		hog_forks();
	if (argc == 3 && strcmp(argv[1], "memory") == 0)
		hog_memory(strtoul(argv[2], NULL, 10));
	while (argc == 2 && strcmp(argv[1], "spin") == 0)
		;
	errx(2, "usage: hog forks|memory MIB|spin");
}
