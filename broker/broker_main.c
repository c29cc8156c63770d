/* SPDX-License-Identifier: ISC */
/* holdfast-broker: who may have which session. */
#include "config.h"

#include <malloc.h>

#include "broker/broker.h"
#include "broker/fdstore.h"
#include "common/log.h"
#include "common/role.h"

/* In bytes; the tables of a gateway's connections are larger. */
#define MAPPED 131072

int
main(int argc, char *argv[])
{
	struct fdstore_item *stored;
	size_t count;

	role_protocol(argc, argv);
	/*
	 * Left to itself malloc(3) raises this with the first table that is
	 * freed; from then on a gateway's tables, of which hardly a page is
	 * used, would be written to from end to end when they are made.
	 */
	(void)mallopt(M_MMAP_THRESHOLD, MAPPED);
	role_begin("holdfast-broker");
	if (argc != 1)
		fatalx("takes no arguments; holdfastd starts it");
	role_need_control("holdfast-broker");
	stored = fdstore_inherit(&count);
	role_guard();
	role_subreaper();
	return broker_serve(ROLE_CONTROL_FD, stored, count);
}
