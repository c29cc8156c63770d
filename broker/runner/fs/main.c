/* SPDX-License-Identifier: ISC */
/* holdfast-fs: started by holdfast-runner with a data socket as its standard input. */
#include "config.h"

#include <sys/socket.h>

#include <linux/capability.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "broker/runner/fs/fs.h"
#include "common/caps.h"
#include "common/log.h"
#include "common/role.h"
#include "common/sandbox.h"
#include "common/unix.h"
#ifdef JAIL_TEST
#include "tests/jail/hook.h"
#endif

/* Root's files are root's to handle, and root's alone. */
#define FILE_CAPS (CAPS_BIT(CAP_CHOWN) | CAPS_BIT(CAP_DAC_OVERRIDE) | \
	CAPS_BIT(CAP_DAC_READ_SEARCH) | CAPS_BIT(CAP_FOWNER) | \
	CAPS_BIT(CAP_FSETID))

int
main(int argc, char **argv)
{
	role_begin("holdfast-fs");
	role_restore();	/* files are made with the user's umask */
	if (!unix_is_socket(STDIN_FILENO, SOCK_STREAM))
		fatalx("holdfast-fs is started by holdfast-runner, not by "
		    "hand");
	role_close_from(STDERR_FILENO + 1);
	if (unix_cloexec(STDIN_FILENO) == -1 ||
	    fcntl(STDIN_FILENO, F_SETFL, 0) == -1)
		fatal("socket of the runner");
	role_no_new_privs();
	role_keep_caps(FILE_CAPS);
	if (sandbox_files() == -1)
		log_warn("no system call filter");
#ifdef JAIL_TEST
	jail_test("files");
#endif
	if (argc > 1 && strcmp(argv[1], "watch") == 0)
		return fs_watch(STDIN_FILENO);
	if (argc > 1 && strcmp(argv[1], "boxed") == 0)
		fs_marks_set(argv + 2);
	return fs_serve(STDIN_FILENO);
}
