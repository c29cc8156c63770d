/* SPDX-License-Identifier: ISC */
/* A look at certificates and key, in the jail of a gateway. */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/role.h"
#include "common/sandbox.h"
#include "gateway/checkpair.h"
#include "gateway/tls.h"

/* Whole numbers as holdfastd writes them. */
static uint32_t
id_of(const char *text)
{
	char *end;
	unsigned long id = strtoul(text, &end, 10);

	if (*text == '\0' || *end != '\0' || id >= UINT32_MAX)
		fatalx("%s is no id", text);
	return (uint32_t)id;
}

int
checkpair_main(int argc, char **argv)
{
	struct tls_context *context;
	char why[TLS_WHY_SIZE];

	log_init("holdfast-gateway-tls", LOG_LEVEL_WARN, 0);
	if (tls_engine == NULL)
		fatalx("this gateway has no TLS");
	role_close_from(ROLE_CONTROL_FD + 1);
	if (tls_engine->begin() == -1)
		fatalx("cannot set up TLS");
	role_drop(argc > 2 ? id_of(argv[2]) : 0, argc > 3 ? id_of(argv[3]) :
	    0, NULL);
	role_no_new_privs();
	if (sandbox_gateway() == -1)
		log_warn("no system call filter");
	context = tls_engine->context_new(STDIN_FILENO, ROLE_CONTROL_FD, why);
	if (context != NULL) {
		tls_engine->context_free(context);
		return 0;
	}
	(void)!write(STDOUT_FILENO, why, strlen(why));
	return 1;
}
