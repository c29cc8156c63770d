/* SPDX-License-Identifier: ISC */
/*
 * Measure holdfast, the limit of what any such server could do, and another
 * server of the same protocol, row by row and in turns, so that whatever
 * else the machine does meets all of them alike.
 */
#include "config.h"

#include <sys/types.h>
#include <sys/wait.h>

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/bench.h"
#include "tests/bench/num.h"
#include "tests/bench/server.h"
#include "tests/bench/table.h"
#include "tests/bench/usage.h"

#define ONLY_MAX 32
#define RUN_LIMIT_S 30
#define QUICK 10
#define ENOUGH 20
#define ENOUGH_NS 1000000000u

struct options {
	const char *program; /* our daemon */
	const char *args; /* for it, besides those of the row */
	const char *url; /* one that runs already, instead */
	const char *peer_url;
	const char *peer_command;
	const char *only[ONLY_MAX];
	size_t only_count;
	unsigned rounds;
	int quick;
	int verbose;
	char log[PATH_MAX];
};

void
report(struct run *run, unsigned metric, double value)
{
	fprintf(run->out, "%u %.9g\n", metric, value);
}

void
note(struct run *run, const char *fmt, ...)
{
	va_list ap;

	fputs("note ", run->out);
	va_start(ap, fmt);
	vfprintf(run->out, fmt, ap);
	va_end(ap);
	fputc('\n', run->out);
}

void
note_cpu(struct run *run, const struct usage *cpu, double by,
    const char *unit)
{
	note(run, "CPU: gateway %.3f runner %.3f broker %.3f other %.3f %s",
	    (double)cpu->part[PART_GATEWAY] / by,
	    (double)cpu->part[PART_RUNNER] / by,
	    (double)cpu->part[PART_BROKER] / by,
	    (double)cpu->part[PART_OTHER] / by, unit);
}

unsigned
times(const struct run *run, unsigned full)
{
	unsigned n = run->quick ? full / QUICK : full;

	return n == 0 ? 1 : n;
}

int
enough(uint64_t start, unsigned done)
{
	return done >= ENOUGH && now_ns() - start > ENOUGH_NS;
}

/* All the CPUs but the first are quieter; the last will do. */
static int
pin_cpu(void)
{
	return (int)sysconf(_SC_NPROCESSORS_ONLN) - 1;
}

static void __attribute__((noreturn))
run_child(const struct options *opt, const struct row *row,
    const struct server *server, unsigned round, int out)
{
	struct run run = {
		.server = server,
		.quick = opt->quick,
		.round = round
	};

	alarm(RUN_LIMIT_S);
	signal(SIGPIPE, SIG_IGN);
	if ((run.out = fdopen(out, "w")) == NULL)
		_exit(1);
	if (row->flags & ROW_PIN) {
		usage_pin_self(pin_cpu());
		if (server != NULL)
			usage_pin(server->pid, pin_cpu());
	}
	if (server == NULL)
		row->limit(&run);
	else
		row->measure(&run);
	fclose(run.out);
	_exit(0);
}

/* One measurement in a process of its own; what it reports goes to "cell". */
static void
run_once(const struct options *opt, const struct row *row, enum who who,
    const struct server *server, unsigned round, struct cell cells[METRICS])
{
	char line[512];
	int fd[2], status;
	unsigned metric;
	double value;
	pid_t pid;
	FILE *in;

	if (pipe(fd) == -1 || (pid = fork()) == -1)
		return;
	if (pid == 0) {
		close(fd[0]);
		run_child(opt, row, server, round, fd[1]);
	}
	close(fd[1]);
	in = fdopen(fd[0], "r");
	while (in != NULL && fgets(line, sizeof(line), in) != NULL)
		if (sscanf(line, "%u %lf", &metric, &value) == 2 &&
		    metric < METRICS)
			cell_add(&cells[metric], value);
		else if (opt->verbose && strncmp(line, "note ", 5) == 0)
			fprintf(stderr, "  %s, %s: %s", row->name,
			    who_name(who), line + 5);
	if (in != NULL)
		fclose(in);
	waitpid(pid, &status, 0);
	if (WIFSIGNALED(status))
		fprintf(stderr, "  %s, %s: %s\n", row->name, who_name(who),
		    WTERMSIG(status) == SIGALRM ? "took too long" :
		    strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) != 0)
		fprintf(stderr, "  %s, %s: failed\n", row->name,
		    who_name(who));
	if (row->flags & ROW_PIN && server != NULL && server->pid > 0)
		usage_pin(server->pid, -1);
}

/* The servers of a row: fresh ones, unless they run already. */
static void
row_servers(const struct options *opt, const struct row *row,
    struct server server[WHO_COUNT])
{
	char args[512];

	memset(server, 0, WHO_COUNT * sizeof(*server));
	snprintf(args, sizeof(args), "%s %s", row->args == NULL ? "" :
	    row->args, opt->args == NULL ? "" : opt->args);
	if (opt->url != NULL)
		server_attach(&server[WHO_OURS], opt->url);
	else
		server_start_own(&server[WHO_OURS], opt->program, args,
		    opt->log);
	if (opt->peer_url != NULL)
		server_attach(&server[WHO_PEER], opt->peer_url);
	else if (opt->peer_command != NULL)
		server_start(&server[WHO_PEER], opt->peer_command, NULL,
		    "/dev/null");
}

static void
row_run(const struct options *opt, const struct row *row)
{
	struct cell cells[WHO_COUNT][METRICS];
	struct server server[WHO_COUNT];
	unsigned round, rounds, who;

	memset(cells, 0, sizeof(cells));
	row_servers(opt, row, server);
	rounds = row->flags & ROW_ONCE ? 1 : opt->rounds;
	for (round = 0; round < rounds; round++) {
		if (row->limit != NULL)
			run_once(opt, row, WHO_LIMIT, NULL, round,
			    cells[WHO_LIMIT]);
		for (who = WHO_PEER; who < WHO_COUNT; who++)
			if (server[who].pid > 0)
				run_once(opt, row, (enum who)who,
				    &server[who], round, cells[who]);
	}
	for (who = 0; who < WHO_COUNT; who++)
		server_stop(&server[who]);
	table_row(row, cells);
	fflush(stdout);
}

static int
wanted(const struct options *opt, const struct row *row)
{
	size_t i;

	for (i = 0; i < opt->only_count; i++)
		if (strcmp(opt->only[i], row->name) == 0)
			return 1;
	return opt->only_count == 0;
}

static const struct option long_options[] = {
	{ "args", required_argument, NULL, 'a' },
	{ "help", no_argument, NULL, 'h' },
	{ "list", no_argument, NULL, 'l' },
	{ "only", required_argument, NULL, 'o' },
	{ "peer", required_argument, NULL, 'p' },
	{ "peer-command", required_argument, NULL, 'c' },
	{ "program", required_argument, NULL, 'P' },
	{ "quick", no_argument, NULL, 'q' },
	{ "rounds", required_argument, NULL, 'r' },
	{ "url", required_argument, NULL, 'u' },
	{ "verbose", no_argument, NULL, 'v' },
	{ NULL, 0, NULL, 0 }
};

static void __attribute__((noreturn))
usage(int status)
{
	fputs("usage: bench [--quick] [--only ROW]... [--rounds N]"
	    " [--verbose]\n"
	    "    [--program HOLDFASTD] [--args ARGUMENTS | --url URL]\n"
	    "    [--peer URL | --peer-command COMMAND] [--list]\n"
	    "HOLDFASTD is started for every row, unless URL names one that\n"
	    "runs.  The peer is another server of the same protocol; COMMAND\n"
	    "must print its ws://IP:PORT on its first line.\n",
	    status == 0 ? stdout : stderr);
	exit(status);
}

static void
list(void)
{
	const struct row *row;

	for (row = rows; row->name != NULL; row++)
		printf("%-16s %s\n", row->name, row->title);
	exit(0);
}

static void
parse(struct options *opt, int argc, char *argv[])
{
	int ch;

	while ((ch = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		switch (ch) {
		case 'a':
			opt->args = optarg;
			break;
		case 'h':
			usage(0);
		case 'l':
			list();
			break;
		case 'o':
			if (opt->only_count == ONLY_MAX)
				usage(2);
			opt->only[opt->only_count++] = optarg;
			break;
		case 'p':
			opt->peer_url = optarg;
			break;
		case 'c':
			opt->peer_command = optarg;
			break;
		case 'P':
			opt->program = optarg;
			break;
		case 'q':
			opt->quick = 1;
			break;
		case 'r':
			opt->rounds = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'u':
			opt->url = optarg;
			break;
		case 'v':
			opt->verbose = 1;
			break;
		default:
			usage(2);
		}
	}
	if (optind != argc || opt->rounds == 0)
		usage(2);
}

int
main(int argc, char *argv[])
{
	struct options opt = { .program = "./broker/holdfastd", .rounds = 3 };
	const struct row *row;

	usage_pin_self(-1);
	snprintf(opt.log, sizeof(opt.log), "bench.log");
	parse(&opt, argc, argv);
	table_head();
	for (row = rows; row->name != NULL; row++)
		if (wanted(&opt, row))
			row_run(&opt, row);
	return 0;
}
