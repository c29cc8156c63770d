/* SPDX-License-Identifier: ISC */
/* "holdfast cp": files to and from the server. */
#ifndef CONTRIB_CLIENT_CP_H
#define CONTRIB_CLIENT_CP_H

/* Status when something was not copied; others as of job.h. */
#define CP_STATUS_INCOMPLETE 1

/* Run it; argv[0] is "cp".  "url" is what HOLDFAST_URL says, or NULL. */
int cp_main(int argc, char *argv[], const char *url);

#endif
