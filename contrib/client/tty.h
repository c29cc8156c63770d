/* SPDX-License-Identifier: ISC */
/* The user's terminal: raw while a job has it, as it was on every way out. */
#ifndef CONTRIB_CLIENT_TTY_H
#define CONTRIB_CLIENT_TTY_H

/*
 * Put the terminal at "fd" in raw mode, remembering its state.  It is
 * restored by tty_restore(), by exit(3), and before this process dies of a
 * fault.  Returns 0, or -1 with errno (tcsetattr(3)).  In the background
 * this stops the process until it comes to the foreground.
 */
int tty_raw(int fd);

/* Put it back; does nothing when it is not raw.  Async-signal-safe. */
void tty_restore(void);

/* True between the two. */
int tty_is_raw(void);

/*
 * Restore, stop this process as SIGTSTP does by default, and when it goes on
 * make the terminal raw again.
 */
void tty_suspend(void);

/* The size of the terminal at "fd": 0, or -1 when it has none. */
int tty_size(int fd, int *rows, int *cols);

/* Make it raw again after SIGCONT if it should be and we may. */
void tty_continue(void);

#endif
