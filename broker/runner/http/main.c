/* SPDX-License-Identifier: ISC */
/* holdfast-http: started by holdfast-runner with a data socket as its standard input. */
#include "config.h"

#include <sys/socket.h>

#include <unistd.h>

#include "broker/runner/http/http.h"
#include "common/log.h"
#include "common/role.h"
#include "common/sandbox.h"
#include "common/unix.h"
#ifdef JAIL_TEST
#include "tests/jail/hook.h"
#endif

#define TURN_MS 60000

int
main(void)
{
	role_begin("holdfast-http");
	if (!unix_is_socket(STDIN_FILENO, SOCK_STREAM))
		fatalx("holdfast-http is started by holdfast-runner, not by "
		    "hand");
	role_close_from(STDERR_FILENO + 1);
	if (unix_cloexec(STDIN_FILENO) == -1 ||
	    unix_nonblock(STDIN_FILENO) == -1)
		fatal("socket of the runner");
	role_no_new_privs();
	role_keep_caps(0);
	if (transfers_init() == -1)
		fatalx("libcurl cannot be used");
	if (sandbox_http() == -1)
		log_warn("no system call filter");
#ifdef JAIL_TEST
	jail_test("http");
#endif
	wire_init(STDIN_FILENO);
	while (wire_read())
		transfers_turn(STDIN_FILENO, TURN_MS);
	return 0;
}
