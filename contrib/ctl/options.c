/* SPDX-License-Identifier: ISC */
/* The command line of holdfastctl(8). */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/signame.h"
#include "contrib/ctl/options.h"

#define WATCH_MS 2000
#define WATCH_MOST 3600		/* seconds */
#define GRACE_MOST 60

static const char usage[] =
    "usage: holdfastctl [options] command [argument ...]\n"
    "       holdfastctl --help | --version\n";

static const char help[] =
    "\n"
    "See and direct a holdfast server that runs on this host.\n"
    "\n"
    "  status                how the server is, and what it uses\n"
    "  sessions              the sessions there are\n"
    "  show SESSION          all that is known of one\n"
    "  why SESSION           how one ended\n"
    "  processes [SESSION]   the processes of one session, or of all\n"
    "  kill SESSION [PROCESS]\n"
    "                        kill a process, or all that run there\n"
    "  evict SESSION         end a session, and all that runs there\n"
    "  drain                 no new sessions from now on\n"
    "  reload                read the configuration again\n"
    "  roll                  replace the gateways one by one\n"
    "  upgrade               replace the programs by those installed now\n"
    "  trace TOPIC ...       log more of these topics while this runs\n"
    "  version               of this program and of the server\n"
    "\n"
    "A session is named by its id or by a beginning that only it has.\n"
    "\n"
    "  --json                one JSON document instead of text\n"
    "  --watch[=SECONDS]     ask again and again, every 2 seconds; lines of\n"
    "                        JSON where standard output is no terminal\n"
    "  --all                 sessions: those that have ended, too\n"
    "  --signal NAME         kill: send this signal instead, as int or hup\n"
    "  --reason TEXT         evict: why, for the audit trail and for why\n"
    "  --grace SECONDS       evict: from SIGTERM to SIGKILL; roll: a\n"
    "                        gateway's time to take leave\n"
    "  --off                 drain, trace: take it back\n"
    "  --keep                trace: until --off, and do not wait here\n"
    "  --handoff             roll: pass connections on that allow for it\n"
    "  --force               upgrade: end the sessions that are in the way\n"
    "  --runtime-dir DIR     of the server, if it is not the usual one\n"
    "  -h, --help            show this\n"
    "  -V, --version         show the version\n"
    "\n"
    "Exit status: 0, or 1 when there is no such session or process, 2 for a\n"
    "mistake on the command line, 3 when it was tried and failed, 4 when the\n"
    "state does not allow it, 69 when no server answers, 76 when it is of\n"
    "another version, 77 when you may not.\n";

enum {
	OPTION_JSON = 256,
	OPTION_WATCH,
	OPTION_ALL,
	OPTION_SIGNAL,
	OPTION_REASON,
	OPTION_GRACE,
	OPTION_OFF,
	OPTION_KEEP,
	OPTION_HANDOFF,
	OPTION_FORCE,
	OPTION_RUNTIME_DIR
};

static const struct option long_options[] = {
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "watch", optional_argument, NULL, OPTION_WATCH },
	{ "all", no_argument, NULL, OPTION_ALL },
	{ "signal", required_argument, NULL, OPTION_SIGNAL },
	{ "reason", required_argument, NULL, OPTION_REASON },
	{ "grace", required_argument, NULL, OPTION_GRACE },
	{ "off", no_argument, NULL, OPTION_OFF },
	{ "keep", no_argument, NULL, OPTION_KEEP },
	{ "handoff", no_argument, NULL, OPTION_HANDOFF },
	{ "force", no_argument, NULL, OPTION_FORCE },
	{ "runtime-dir", required_argument, NULL, OPTION_RUNTIME_DIR },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 }
};

#define FOR(command) (1u << CTL_##command)
#define LISTS (FOR(STATUS) | FOR(SESSIONS) | FOR(SHOW) | FOR(PROCESSES))

/* What only some commands know. */
static const struct {
	int c;
	unsigned int commands;
} only[] = {
	{ OPTION_WATCH, LISTS },
	{ OPTION_ALL, FOR(SESSIONS) },
	{ OPTION_SIGNAL, FOR(KILL) },
	{ OPTION_REASON, FOR(EVICT) },
	{ OPTION_GRACE, FOR(EVICT) | FOR(ROLL) },
	{ OPTION_OFF, FOR(DRAIN) | FOR(TRACE) },
	{ OPTION_KEEP, FOR(TRACE) },
	{ OPTION_HANDOFF, FOR(ROLL) },
	{ OPTION_FORCE, FOR(UPGRADE) },
};

/* Each with the fewest and the most arguments it takes. */
static const struct {
	const char *name;
	int least, most;
	const char *wants;
} commands[CTL_COMMANDS] = {
	[CTL_STATUS] = { "status", 0, 0, "no argument" },
	[CTL_SESSIONS] = { "sessions", 0, 0, "no argument" },
	[CTL_SHOW] = { "show", 1, 1, "a session" },
	[CTL_WHY] = { "why", 1, 1, "a session" },
	[CTL_PROCESSES] = { "processes", 0, 1, "a session, or nothing" },
	[CTL_KILL] = { "kill", 1, 2, "a session, and perhaps a process" },
	[CTL_EVICT] = { "evict", 1, 1, "a session" },
	[CTL_DRAIN] = { "drain", 0, 0, "no argument" },
	[CTL_RELOAD] = { "reload", 0, 0, "no argument" },
	[CTL_ROLL] = { "roll", 0, 0, "no argument" },
	[CTL_UPGRADE] = { "upgrade", 0, 0, "no argument" },
	[CTL_TRACE] = { "trace", 1, OPTIONS_TOPICS, "topics, at most 8" },
	[CTL_VERSION] = { "version", 0, 0, "no argument" },
};

const char *
options_name(enum ctl_command command)
{
	return commands[command].name;
}

static int
take_seconds(const char *text, unsigned long long most, uint64_t *ms)
{
	unsigned long long seconds;
	char *end;

	errno = 0;
	seconds = strtoull(text, &end, 10);
	if (errno != 0 || !isdigit((unsigned char)*text) || *end != '\0' ||
	    seconds > most) {
		fprintf(stderr, "holdfastctl: %s: seconds from 0 to %llu are "
		    "wanted\n", text, most);
		return -1;
	}
	*ms = seconds * 1000;
	return 0;
}

static int
take_signal(struct options *options, const char *text)
{
	static char name[32];
	size_t i;

	if (strncasecmp(text, "sig", 3) == 0)
		text += 3;
	for (i = 0; text[i] != '\0' && i + 1 < sizeof(name); i++)
		name[i] = (char)tolower((unsigned char)text[i]);
	name[i] = '\0';
	if (strcmp(name, "kill") != 0 && signame_number(span_str(name)) == 0) {
		fprintf(stderr, "holdfastctl: %s is no signal that can be "
		    "sent: int, term, hup and the like can\n", text);
		return -1;
	}
	options->signal = name;
	return 0;
}

static int
take_value(struct options *options, int c)
{
	switch (c) {
	case OPTION_WATCH:
		options->watch_ms = WATCH_MS;
		if (optarg == NULL)
			return 0;
		if (take_seconds(optarg, WATCH_MOST, &options->watch_ms) ==
		    -1)
			return -1;
		if (options->watch_ms == 0)
			options->watch_ms = 1000;
		return 0;
	case OPTION_SIGNAL:
		return take_signal(options, optarg);
	case OPTION_REASON:
		options->reason = optarg;
		return 0;
	case OPTION_GRACE:
		options->has_grace = true;
		return take_seconds(optarg, GRACE_MOST, &options->grace_ms);
	default:
		options->runtime_dir = optarg;
		return 0;
	}
}

static enum options_result
take(struct options *options, int c)
{
	switch (c) {
	case OPTION_JSON:
		options->json = true;
		break;
	case OPTION_ALL:
		options->all = true;
		break;
	case OPTION_OFF:
		options->off = true;
		break;
	case OPTION_KEEP:
		options->keep = true;
		break;
	case OPTION_HANDOFF:
		options->handoff = true;
		break;
	case OPTION_FORCE:
		options->force = true;
		break;
	case 'h':
		printf("%s%s", usage, help);
		return OPTIONS_DONE;
	case 'V':
		printf("holdfastctl %s\n", PACKAGE_VERSION);
		return OPTIONS_DONE;
	case '?':
		fputs(usage, stderr);
		return OPTIONS_BAD;
	default:
		if (take_value(options, c) == -1)
			return OPTIONS_BAD;
		break;
	}
	return OPTIONS_RUN;
}

static int
take_command(struct options *options, const char *name)
{
	size_t i;

	for (i = 0; i < CTL_COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0) {
			options->command = (enum ctl_command)i;
			return 0;
		}
	fprintf(stderr, "holdfastctl: there is no command %s; --help lists "
	    "them\n", name);
	return -1;
}

/* Ids are in lower case; whoever has them from elsewhere may not know. */
static int
take_session(struct options *options, const char *text)
{
	size_t i, len = strlen(text);

	if (len == 0 || len > 36 ||
	    strspn(text, "0123456789abcdefABCDEF-") != len) {
		fprintf(stderr, "holdfastctl: that is no session's id, nor "
		    "the beginning of one: hexadecimal digits are wanted, as "
		    "\"holdfastctl sessions\" shows them\n");
		return -1;
	}
	for (i = 0; i <= len; i++)
		options->id[i] = (char)tolower((unsigned char)text[i]);
	options->session = options->id;
	return 0;
}

static int
take_arguments(struct options *options, int argc, char *argv[])
{
	int i;

	if (argc < commands[options->command].least ||
	    argc > commands[options->command].most) {
		fprintf(stderr, "holdfastctl: %s wants %s\n",
		    commands[options->command].name,
		    commands[options->command].wants);
		return -1;
	}
	if (options->command == CTL_TRACE) {
		for (i = 0; i < argc; i++)
			options->topics[options->ntopics++] = argv[i];
		return 0;
	}
	if (argc > 1)
		options->process = argv[1];
	return argc > 0 ? take_session(options, argv[0]) : 0;
}

static int
check_options(const struct options *options, const bool *given)
{
	size_t i;

	for (i = 0; i < sizeof(only) / sizeof(only[0]); i++)
		if (given[i] &&
		    (only[i].commands & (1u << options->command)) == 0) {
			fprintf(stderr, "holdfastctl: %s has no option --%s\n",
			    commands[options->command].name,
			    long_options[only[i].c - OPTION_JSON].name);
			return -1;
		}
	return 0;
}

enum options_result
options_parse(struct options *options, int argc, char *argv[])
{
	bool given[sizeof(only) / sizeof(only[0])] = { false };
	enum options_result result;
	size_t i;
	int c;

	memset(options, 0, sizeof(*options));
	optind = 0;
	while ((c = getopt_long(argc, argv, "hV", long_options,
	    NULL)) != -1) {
		for (i = 0; i < sizeof(only) / sizeof(only[0]); i++)
			given[i] = given[i] || only[i].c == c;
		if ((result = take(options, c)) != OPTIONS_RUN)
			return result;
	}
	if (optind == argc) {
		fputs(usage, stderr);
		return OPTIONS_BAD;
	}
	if (take_command(options, argv[optind]) == -1 ||
	    check_options(options, given) == -1 ||
	    take_arguments(options, argc - optind - 1,
	    argv + optind + 1) == -1)
		return OPTIONS_BAD;
	return OPTIONS_RUN;
}
