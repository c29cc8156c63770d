/* SPDX-License-Identifier: ISC */
/* The user's terminal: raw while a job has it, as it was on every way out. */
#include "config.h"

#include <sys/ioctl.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "contrib/client/tty.h"

static struct termios tty_saved;
static int tty_fd = -1; /* once there is a state to go back to */
static volatile sig_atomic_t tty_raw_now;

static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };

static void
tty_fault(int sig)
{
	tty_restore();
	/* SA_RESETHAND: this time it does what it does by default. */
	raise(sig);
}

static void
tty_watch_faults(void)
{
	struct sigaction sa = { .sa_handler = tty_fault };
	size_t i;

	sa.sa_flags = (int)SA_RESETHAND | SA_NODEFER;
	for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		sigaction(faults[i], &sa, NULL);
}

static int
tty_apply_raw(void)
{
	struct termios raw = tty_saved;

	cfmakeraw(&raw);
	while (tcsetattr(tty_fd, TCSANOW, &raw) == -1)
		if (errno != EINTR)
			return -1;
	tty_raw_now = 1;
	return 0;
}

int
tty_raw(int fd)
{
	static int registered;

	if (tcgetattr(fd, &tty_saved) == -1)
		return -1;
	tty_fd = fd;
	if (!registered) {
		atexit(tty_restore);
		tty_watch_faults();
		registered = 1;
	}
	return tty_apply_raw();
}

void
tty_restore(void)
{
	int saved = errno;
	sigset_t set, old;

	if (!tty_raw_now)
		return;
	/* A process in the background would be stopped instead. */
	sigemptyset(&set);
	sigaddset(&set, SIGTTOU);
	sigprocmask(SIG_BLOCK, &set, &old);
	/* Not waiting for output: its reader may be what hangs. */
	while (tcsetattr(tty_fd, TCSANOW, &tty_saved) == -1 &&
	    errno == EINTR)
		;
	tty_raw_now = 0;
	sigprocmask(SIG_SETMASK, &old, NULL);
	errno = saved;
}

int
tty_is_raw(void)
{
	return tty_raw_now;
}

void
tty_suspend(void)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL }, old;
	sigset_t set, saved;

	tty_restore();
	sigaction(SIGTSTP, &dfl, &old);
	sigemptyset(&set);
	sigaddset(&set, SIGTSTP);
	raise(SIGTSTP);
	/* Here it stops, in case the signal was blocked, and goes on. */
	sigprocmask(SIG_UNBLOCK, &set, &saved);
	sigprocmask(SIG_SETMASK, &saved, NULL);
	sigaction(SIGTSTP, &old, NULL);
	tty_continue();
}

void
tty_continue(void)
{
	if (tty_fd == -1 || tcgetpgrp(tty_fd) != getpgrp())
		return;
	/* It may have been set up differently since. */
	if (!tty_raw_now)
		(void)tcgetattr(tty_fd, &tty_saved);
	(void)tty_apply_raw();
}

int
tty_size(int fd, int *rows, int *cols)
{
	struct winsize size;

	if (ioctl(fd, TIOCGWINSZ, &size) == -1 || size.ws_row == 0 ||
	    size.ws_col == 0)
		return -1;
	*rows = size.ws_row;
	*cols = size.ws_col;
	return 0;
}
