/* SPDX-License-Identifier: ISC */
/*
 * holdfast-box: puts one program into a sandbox.  It is started by a runner
 * with the descriptors below, works out what bubblewrap (bwrap(1)) is to
 * mount, and becomes bubblewrap; inside, bubblewrap starts it again, and it
 * becomes the program.  So the runner never touches a path that a client
 * named, and hears exactly what went wrong, on the outside or the inside.
 */
#ifndef RUNNER_BOX_BOX_H
#define RUNNER_BOX_BOX_H

/*
 * Its descriptors.  0 and 1 are the terminal, if there is one; 2 is a pipe
 * on which bubblewrap complains.
 */
enum {
	BOX_FD_ORDER = 3,	/* a file: one record, struct fields_BOX */
	BOX_FD_STATUS,		/* a socket; its end says that it has begun */
	BOX_FD_IN,		/* these become 0, 1 and 2 of the program */
	BOX_FD_OUT,
	BOX_FD_ERR,
	/*
	 * The program, instead of those the order names; its arguments have
	 * the paths of struct plan's marks behind them.
	 */
	BOX_FD_PROGRAM,
	BOX_FD_END
};

/*
 * What comes through the status socket: BOX_INSIDE alone, or what went wrong,
 * behind BOX_INSIDE or instead of it.  Its end without any of these is
 * bubblewrap's failure.
 */
enum box_status {
	BOX_INSIDE = 'i',	/* set up; one byte */
	BOX_REFUSED = 'r',	/* then a text to the end */
	BOX_FAILED = 'f'	/* then enum exec_stage and errno, in decimal,
				 * a blank between them */
};

#define BOX_STATUS_MAX 1024	/* bytes of all of it */

#endif
