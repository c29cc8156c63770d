/* SPDX-License-Identifier: ISC */
/* holdfast-broker: who may have which session. */
#include "config.h"

#include "broker/broker.h"
#include "common/log.h"
#include "common/role.h"

int
main(int argc, char *argv[])
{
	(void)argv;
	role_begin("holdfast-broker");
	if (argc != 1)
		fatalx("takes no arguments; holdfastd starts it");
	role_need_control("holdfast-broker");
	role_close_from(ROLE_CONTROL_FD + 1);
	role_subreaper();
	return broker_serve(ROLE_CONTROL_FD);
}
