/* SPDX-License-Identifier: ISC */
/* What holdfastctl(8) does with its command line. */
#ifndef CONTRIB_CTL_CTL_H
#define CONTRIB_CTL_CTL_H

/* Do it; returns the exit status. */
int ctl_main(int argc, char *argv[]);

#endif
