/* SPDX-License-Identifier: ISC */
/* The table of ways out as a job: tryall LOG. */
#include "config.h"

#include <fcntl.h>
#include <unistd.h>

#include "tests/jail/hook.h"

int
main(int argc, char **argv)
{
	int log;

	if (argc != 2)
		return 2;
	log = open(argv[1], O_WRONLY | O_APPEND | O_CLOEXEC);
	if (log == -1 || dup2(log, STDERR_FILENO) == -1)
		return 1;
	jail_test("job");
	return 0;
}
