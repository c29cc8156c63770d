/* SPDX-License-Identifier: ISC */
/* Starting programs: where they are looked for, what they inherit. */
#include "config.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/runner/exec.h"
#include "broker/runner/pty.h"

TestSuite(exec, .timeout = 20);

static char dir[] = "/tmp/holdfast-exec-XXXXXX";

static void
put_file(const char *name, const char *text, mode_t mode)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	cr_assert_neq(fd, -1);
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	cr_assert_eq(fchmod(fd, mode), 0);
	close(fd);
}

static void
setup(void)
{
	char path[256];

	cr_assert_not_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/bin", dir);
	cr_assert_eq(mkdir(path, 0700), 0);
	put_file("bin/here", "#!/bin/sh\necho here\n", 0700);
	put_file("bin/denied", "#!/bin/sh\necho denied\n", 0600);
	put_file("bin/noformat", "echo no interpreter\n", 0700);
	put_file("local", "#!/bin/sh\necho local\n", 0700);
	exec_init();
}

static void
teardown(void)
{
	char command[300];
	pid_t pid;

	snprintf(command, sizeof(command), "%s", dir);
	pid = fork();
	if (pid == 0) {
		execl("/bin/rm", "rm", "-rf", command, (char *)NULL);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
}

static struct exec_failure failure;

/* Run and return what was written to standard output, or NULL. */
static char *
run(const char *const *argv, const char *const *envp, const char *program,
    const char *where, int terminal)
{
	static char out[65536];
	struct exec_plan plan = { .argv = (char *const *)(uintptr_t)argv,
	    .envp = (char *const *)(uintptr_t)envp, .directory = where,
	    .terminal = terminal };
	char **programs;
	size_t used = 0;
	ssize_t n;
	int fds[2], null, status;
	pid_t pid;

	programs = exec_programs(program, plan.envp, !terminal);
	cr_assert_not_null(programs);
	plan.programs = programs;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (terminal)
		cr_assert_eq(pty_open(&fds[0], &fds[1], 30, 100), 0);
	else
		cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
	if (terminal)
		fcntl(fds[0], F_SETFL, 0);
	plan.fds[0] = terminal ? fds[1] : null;
	plan.fds[1] = plan.fds[2] = fds[1];
	pid = exec_start(&plan, &failure);
	free(programs);
	close(fds[1]);
	close(null);
	while (pid != -1 && (n = read(fds[0], out + used,
	    sizeof(out) - 1 - used)) > 0)
		used += (size_t)n;
	close(fds[0]);
	if (pid == -1) {
		cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1);
		return NULL;
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	out[used] = '\0';
	return out;
}

#define ARGV(...) (const char *const[]){ __VA_ARGS__, NULL }
#define PATHS "PATH=/nonexistent:bin:/usr/bin:/bin"

/* What is looked for in "dir", along which PATH, and what comes of it. */
static const struct {
	const char *program, *path, *where, *expect;
	enum exec_stage stage;
	int error;
} lookups[] = {
	{ "here", PATHS, dir, "here\n", 0, 0 },
	{ "here", "PATH=/usr/bin:/bin", dir, NULL, EXEC_PROGRAM, ENOENT },
	{ "local", "PATH=:/usr/bin", dir, "local\n", 0, 0 },
	{ "local", "PATH=/usr/bin:", dir, "local\n", 0, 0 },
	{ "./local", "PATH=/usr/bin", dir, "local\n", 0, 0 },
	{ "bin/here", "PATH=/usr/bin", dir, "here\n", 0, 0 },
	{ "denied", PATHS, dir, NULL, EXEC_PROGRAM, EACCES },
	{ "./bin", PATHS, dir, NULL, EXEC_PROGRAM, EACCES },
	{ "noformat", PATHS, dir, NULL, EXEC_PROGRAM, ENOEXEC },
	{ "", PATHS, dir, NULL, EXEC_PROGRAM, ENOENT },
	{ "echo", "A=1", dir, "\n", 0, 0 },
	{ "/no/such", PATHS, dir, NULL, EXEC_PROGRAM, ENOENT },
	{ "./local/x", PATHS, dir, NULL, EXEC_PROGRAM, ENOTDIR },
	{ "here", PATHS, "/no/such", NULL, EXEC_DIRECTORY, ENOENT },
	{ "here", PATHS, "/bin/sh", NULL, EXEC_DIRECTORY, ENOTDIR },
};

Test(exec, programs_are_looked_for_as_execvp_does, .init = setup,
    .fini = teardown)
{
	const char *out;
	size_t i;

	for (i = 0; i < sizeof(lookups) / sizeof(lookups[0]); i++) {
		out = run(ARGV("name"), ARGV(lookups[i].path),
		    lookups[i].program, lookups[i].where, 0);
		if (lookups[i].expect != NULL) {
			cr_assert_not_null(out, "row %zu: %s", i,
			    strerror(failure.error));
			cr_assert_str_eq(out, lookups[i].expect, "row %zu",
			    i);
			continue;
		}
		cr_assert_null(out, "row %zu", i);
		cr_assert_eq(failure.stage, lookups[i].stage, "row %zu", i);
		cr_assert_eq(failure.error, lookups[i].error, "row %zu: %s",
		    i, strerror(failure.error));
	}
}

Test(exec, without_fallback_a_bare_name_needs_path, .init = setup,
    .fini = teardown)
{
	cr_assert_null(run(ARGV("echo"), ARGV("A=1"), "echo", dir, 1));
	cr_assert_eq(failure.error, ENOENT);
}

Test(exec, the_name_shown_is_not_the_program_run, .init = setup,
    .fini = teardown)
{
	cr_assert_str_eq(run(ARGV("shown", "-c", "echo $0; pwd"),
	    ARGV("A=1"), "/bin/sh", "/usr", 0), "shown\n/usr\n");
}

/* Below make(1), 32 and 33 may be ignored; only libc can change that. */
static unsigned long long
ignored_in(const char *status)
{
	const char *line = strstr(status, "SigIgn:");

	cr_assert_not_null(line, "%s", status);
	return strtoull(line + strlen("SigIgn:"), NULL, 16) & ~(3ULL << 31);
}

Test(exec, nothing_is_inherited_but_what_was_meant, .init = setup,
    .fini = teardown)
{
	sigset_t some;
	char *out;
	int leak;

	leak = open("/dev/null", O_RDONLY);
	cr_assert_gt(leak, 2);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	exec_init();
	sigemptyset(&some);
	sigaddset(&some, SIGUSR1);
	sigprocmask(SIG_BLOCK, &some, NULL);
	out = run(ARGV("sh", "-c", "ls /proc/self/fd | wc -l; env; "
	    "grep -E 'Sig(Blk|Ign)' /proc/self/status"),
	    ARGV("ONLY=this", "PATH=/usr/bin:/bin"), "/bin/sh", "/", 0);
	cr_assert_not_null(strstr(out, "4\n"));
	cr_assert_not_null(strstr(out, "ONLY=this\n"));
	cr_assert_not_null(strstr(out, "SigBlk:\t0000000000000000\n"));
	cr_assert_eq(ignored_in(out), 0, "%s", out);
	/* And here the mask is as it was. */
	sigprocmask(SIG_BLOCK, NULL, &some);
	cr_assert(sigismember(&some, SIGUSR1));
	cr_assert(!sigismember(&some, SIGUSR2));
	close(leak);
}

Test(exec, the_child_leads_its_session_and_group, .init = setup,
    .fini = teardown)
{
	int pid, group, session, terminal;
	char *out;

	out = run(ARGV("sh", "-c", "cut -d' ' -f1,5,6,7 /proc/$$/stat"),
	    ARGV("PATH=/usr/bin:/bin"), "/bin/sh", "/", 0);
	cr_assert_eq(sscanf(out, "%d %d %d %d", &pid, &group, &session,
	    &terminal), 4);
	cr_assert_eq(pid, group);
	cr_assert_eq(pid, session);
	cr_assert_eq(terminal, 0);
}

Test(exec, a_terminal_controls_its_session, .init = setup,
    .fini = teardown)
{
	int pid, group, session, terminal, foreground;
	char *out, *size;

	out = run(ARGV("sh", "-c", "cut -d' ' -f1,5,6,7,8 /proc/$$/stat; "
	    ": </dev/tty && stty size"), ARGV("PATH=/usr/bin:/bin"),
	    "/bin/sh", "/", 1);
	cr_assert_eq(sscanf(out, "%d %d %d %d %d", &pid, &group, &session,
	    &terminal, &foreground), 5);
	cr_assert_eq(pid, group);
	cr_assert_eq(pid, session);
	cr_assert_neq(terminal, 0);
	cr_assert_eq(foreground, pid);
	size = strchr(out, '\n') + 1;
	cr_assert_str_eq(size, "30 100\r\n");
}

Test(exec, every_stage_has_words)
{
	int stage;

	for (stage = 0; stage < EXEC_STAGES; stage++)
		cr_assert_str_neq(exec_stage_text((enum exec_stage)stage),
		    "cannot start");
	cr_assert_str_eq(exec_stage_text(EXEC_STAGES), "cannot start");
}
