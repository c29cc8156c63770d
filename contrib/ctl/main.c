/* SPDX-License-Identifier: ISC */
/* holdfastctl(8), for whoever operates the host. */
#include "config.h"

#include "contrib/ctl/ctl.h"

int
main(int argc, char *argv[])
{
	return ctl_main(argc, argv);
}
