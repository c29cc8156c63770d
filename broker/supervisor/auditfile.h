/* SPDX-License-Identifier: ISC */
/* The file of the audit trail, as holdfastd opens it for the broker. */
#ifndef SUPERVISOR_AUDITFILE_H
#define SUPERVISOR_AUDITFILE_H

#define AUDITFILE_WHY 512	/* bytes */

/*
 * Open for appending, and make with mode 0600 if it is not there: a file that
 * belongs to us and that others may not write, read at most by its group, no
 * symbolic link; or a pipe that somebody reads, or a device.  Writing to it
 * never waits for a reader.  Returns what the caller closes, or -1 with a
 * text in "why".
 */
int auditfile_open(const char *path, char why[AUDITFILE_WHY]);

#endif
