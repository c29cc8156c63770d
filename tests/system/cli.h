/* SPDX-License-Identifier: ISC */
/*
 * holdfast(1) from the build tree as tests run it: with all that it reads
 * and writes in the test's hands, on pipes or on a terminal.
 */
#ifndef TESTS_SYSTEM_CLI_H
#define TESTS_SYSTEM_CLI_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

struct cli;
struct termios;

/* How long a test waits for anything, in milliseconds. */
#define CLI_MS 60000

/* Which command is started from now on, instead of "run". */
void cli_command(const char *name);

/* Where it remembers what it left, a directory; nowhere before this. */
void cli_remember_in(const char *directory);

/*
 * Start "holdfast run" with "args" (NULL at its end), or, where these begin
 * with "attach" or "ps", "holdfast" with them, and HOLDFAST_URL set to
 * "url" (not set if NULL).  cli_start() gives it three pipes, cli_start_tty()
 * a terminal of its own that it controls; cli_start_null() is cli_start()
 * with /dev/null as standard input.  Free it with cli_free(), which kills it
 * if it runs.
 */
struct cli *cli_start(const char *url, const char *const args[]);
struct cli *cli_start_null(const char *url, const char *const args[]);
struct cli *cli_start_tty(const char *url, const char *const args[]);
void cli_free(struct cli *cli);

/* cli_start_tty() with a terminal of that size; and give it another one. */
struct cli *cli_start_tty_size(const char *url, const char *const args[],
    unsigned short rows, unsigned short cols);
int cli_resize(const struct cli *cli, unsigned short rows,
    unsigned short cols);

pid_t cli_pid(const struct cli *cli);

/*
 * Bytes for its standard input, copied, written while the functions below
 * wait; cli_end_input() closes it behind them.
 */
void cli_input(struct cli *cli, const void *data, size_t len);
void cli_end_input(struct cli *cli);

/*
 * Stop (on) or go on reading what it writes to standard output; and wait
 * until its pipe is so full that nothing more goes in: 0, or -1.
 */
void cli_deaf(struct cli *cli, int on);
int cli_wait_full(struct cli *cli);

/* Close the reading end of its standard output. */
void cli_hang_up(struct cli *cli);

/*
 * Wait until its standard output (standard error) holds "text": 0, or -1
 * when it ended or CLI_MS passed.  On a terminal both are standard output.
 */
int cli_expect(struct cli *cli, const char *text);
int cli_expect_error(struct cli *cli, const char *text);

/* Wait until there are at least "len" bytes of standard output; 0 or -1. */
int cli_expect_bytes(struct cli *cli, size_t len);

/*
 * Wait for its end, and all its output: the exit status, 128+n when signal n
 * ended it, -1 when it did not end within CLI_MS.
 */
int cli_wait(struct cli *cli);

/* What it wrote so far, terminated; owned by the cli. */
const char *cli_out(const struct cli *cli);
const char *cli_err(const struct cli *cli);
size_t cli_out_len(const struct cli *cli);

/* The state of its terminal: 0, or -1 (tcgetattr(3)). */
int cli_termios(const struct cli *cli, struct termios *out);

/*
 * Run to the end with input of "len" bytes: the status as of cli_wait().
 * "out" and "err", to be freed, get what it wrote unless they are NULL.
 */
int cli_run(const char *url, const char *const args[], const void *input,
    size_t len, char **out, char **err);

#endif
