/* SPDX-License-Identifier: ISC */
/* holdfast(1), the client. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "contrib/client/cp.h"
#include "contrib/client/job.h"
#include "contrib/client/options.h"
#include "contrib/client/ps.h"
#include "contrib/client/run.h"
#include "contrib/client/target.h"

int
main(int argc, char *argv[])
{
	struct options options;
	int status;

	target_take_environment();
	if (argc > 1 && strcmp(argv[1], "cp") == 0)
		return cp_main(argc - 1, argv + 1, getenv("HOLDFAST_URL"));
	switch (options_parse(&options, argc, argv,
	    getenv("HOLDFAST_URL"))) {
	case OPTIONS_RUN:
		status = options.command == OPTIONS_PS ? ps_main(&options) :
		    run_main(&options);
		break;
	case OPTIONS_DONE:
		status = 0;
		break;
	default:
		status = JOB_STATUS_FAILED;
		break;
	}
	options_clear(&options);
	return status;
}
