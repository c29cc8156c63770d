/* SPDX-License-Identifier: ISC */
/* The command line of holdfast(1). */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/xmalloc.h"
#include "contrib/client/options.h"
#include "contrib/client/say.h"
#include "contrib/client/start.h"

#define OPTIONS_URL "ws://127.0.0.1:8765"

extern char **environ;

static const char usage[] =
    "usage: holdfast run [options] [--] command [argument ...]\n"
    "       holdfast attach [options] session [process]\n"
    "       holdfast ps [options] [session]\n"
    "       holdfast cp [options] source target\n"
    "       holdfast --help | --version\n";

static const char help[] =
    "\n"
    "Run a command on a holdfast server as if it ran here.  Standard input\n"
    "goes to it, its output and exit status come back, and when the\n"
    "connection breaks the command runs on while holdfast reconnects.\n"
    "attach goes on with one that was left running, ps lists what was left,\n"
    "or the processes of one session.\n"
    "\n"
    "  --url URL         server (default $HOLDFAST_URL, else\n"
    "                    " OPTIONS_URL ")\n"
    "  --token-file FILE send the bearer token in FILE (default: what\n"
    "                    $HOLDFAST_TOKEN is); over the network only by\n"
    "                    wss:// or a tunnel to a loopback address\n"
    "  --ca FILE         whom wss:// servers have their certificates from\n"
    "                    (default: whom the system trusts)\n"
    "  -t, --tty         run it on a terminal (default when standard input\n"
    "                    and output are terminals)\n"
    "  -T, --no-tty      run it on pipes\n"
    "  -C, --cwd DIR     its working directory (default: this one)\n"
    "  -e, --env K=V     set a variable; --env K passes the one from here\n"
    "  --inherit-env     give it this environment instead of the server's\n"
    "  -n, --no-stdin    its standard input is /dev/null\n"
    "  -d, --detach      leave it running, print its session and process\n"
    "  --ttl TIME        keep the session so long without a connection:\n"
    "                    seconds, or with s, m, h or d behind them\n"
    "  --takeover        attach although another connection has it\n"
    "  --escape CHAR     on a terminal, CHAR and . at the beginning of a\n"
    "                    line leave it running (default ~; \"none\")\n"
    "  -q, --quiet       only say what goes wrong\n"
    "  -h, --help        show this\n"
    "  -V, --version     show the version\n"
    "\n"
    "Exit status: the command's (128+n when signal n ended it); 124 when\n"
    "another connection took the session over, 125 when holdfast failed or\n"
    "output was lost, 126 when the command can't be executed, 127 when\n"
    "there is none; 128+n when signal n ended holdfast.\n";

/* Without --ttl, so that what is left running has time to do so. */
#define OPTIONS_DETACHED_MS (24ull * 60 * 60 * 1000)

static const struct {
	const char *name;
	enum options_command command;
	int least, most; /* arguments; most 0: no limit */
} commands[] = {
	{ "run", OPTIONS_COMMAND_RUN, 1, 0 },
	{ "attach", OPTIONS_ATTACH, 1, 2 },
	{ "ps", OPTIONS_PS, 0, 1 },
};

enum {
	OPTION_URL = 256,
	OPTION_TOKEN_FILE,
	OPTION_CA,
	OPTION_INHERIT_ENV,
	OPTION_TTL,
	OPTION_TAKEOVER,
	OPTION_ESCAPE
};

#define FOR(command) (1u << (command))

/* Options that not every command has. */
static const struct {
	int c;
	unsigned int commands;
} options_only[] = {
	{ OPTION_INHERIT_ENV, FOR(OPTIONS_COMMAND_RUN) },
	{ OPTION_TTL, FOR(OPTIONS_COMMAND_RUN) | FOR(OPTIONS_ATTACH) },
	{ OPTION_TAKEOVER, FOR(OPTIONS_ATTACH) },
	{ OPTION_ESCAPE, FOR(OPTIONS_COMMAND_RUN) | FOR(OPTIONS_ATTACH) },
	{ 't', FOR(OPTIONS_COMMAND_RUN) },
	{ 'T', FOR(OPTIONS_COMMAND_RUN) },
	{ 'C', FOR(OPTIONS_COMMAND_RUN) },
	{ 'e', FOR(OPTIONS_COMMAND_RUN) },
	{ 'd', FOR(OPTIONS_COMMAND_RUN) },
	{ 'n', FOR(OPTIONS_COMMAND_RUN) | FOR(OPTIONS_ATTACH) },
	{ 'q', FOR(OPTIONS_COMMAND_RUN) | FOR(OPTIONS_ATTACH) },
};

static const struct option long_options[] = {
	{ "url", required_argument, NULL, OPTION_URL },
	{ "token-file", required_argument, NULL, OPTION_TOKEN_FILE },
	{ "ca", required_argument, NULL, OPTION_CA },
	{ "tty", no_argument, NULL, 't' },
	{ "no-tty", no_argument, NULL, 'T' },
	{ "cwd", required_argument, NULL, 'C' },
	{ "env", required_argument, NULL, 'e' },
	{ "inherit-env", no_argument, NULL, OPTION_INHERIT_ENV },
	{ "no-stdin", no_argument, NULL, 'n' },
	{ "detach", no_argument, NULL, 'd' },
	{ "ttl", required_argument, NULL, OPTION_TTL },
	{ "takeover", no_argument, NULL, OPTION_TAKEOVER },
	{ "escape", required_argument, NULL, OPTION_ESCAPE },
	{ "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

void
options_set_env(struct options *options, const char *assignment)
{
	size_t i, len = strcspn(assignment, "=") + 1;

	for (i = 0; i < options->nenv; i++)
		if (strncmp(options->env[i], assignment, len) == 0) {
			free(options->env[i]);
			options->env[i] = xstrdup(assignment);
			return;
		}
	options->env = xreallocarray(options->env, options->nenv + 2,
	    sizeof(*options->env));
	options->env[options->nenv++] = xstrdup(assignment);
	options->env[options->nenv] = NULL;
}

static int
options_add_env(struct options *options, const char *text)
{
	const char *value;
	char *assignment;

	if (*text == '=' || *text == '\0' || !start_is_utf8(text)) {
		say_error("--env %s: not NAME=value in UTF-8", text);
		return -1;
	}
	if (strchr(text, '=') != NULL) {
		options_set_env(options, text);
		return 0;
	}
	if ((value = getenv(text)) == NULL)
		return 0;
	assignment = xasprintf("%s=%s", text, value);
	options_set_env(options, assignment);
	free(assignment);
	return 0;
}

static void
options_add_environ(struct options *options)
{
	char **env;

	for (env = environ; *env != NULL; env++)
		if (strchr(*env, '=') != NULL && **env != '=')
			options_set_env(options, *env);
}

static int
options_take_ttl(struct options *options, const char *text)
{
	static const struct {
		char unit;
		uint64_t ms;
	} units[] = {
		{ '\0', 1000 }, { 's', 1000 }, { 'm', 60000 },
		{ 'h', 3600000 }, { 'd', 86400000 },
	};
	unsigned long long number;
	char *end;
	size_t i;

	errno = 0;
	number = strtoull(text, &end, 10);
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (*end == units[i].unit && (*end == '\0' || end[1] == '\0'))
			break;
	if (*text < '0' || *text > '9' || errno != 0 || number == 0 ||
	    i == sizeof(units) / sizeof(units[0]) ||
	    number > UINT32_MAX) {
		say_error("--ttl %s: not a time such as 90, 15m, 8h or 2d",
		    text);
		return -1;
	}
	options->ttl_ms = number * units[i].ms;
	return 0;
}

static int
options_take_escape(struct options *options, const char *text)
{
	if (strcmp(text, "none") == 0)
		options->escape = -1;
	else if (*text != '\0' && text[1] == '\0')
		options->escape = (unsigned char)*text;
	else {
		say_error("--escape %s: neither one character nor \"none\"",
		    text);
		return -1;
	}
	return 0;
}

static int
options_apply(const struct options *options, int c)
{
	size_t i;

	for (i = 0; i < sizeof(options_only) / sizeof(options_only[0]); i++)
		if (options_only[i].c == c)
			return (options_only[i].commands &
			    FOR(options->command)) != 0;
	return 1;
}

static enum options_result
options_take(struct options *options, int c)
{
	if (!options_apply(options, c)) {
		say_error("%s has no such option",
		    commands[options->command].name);
		fputs(usage, stderr);
		return OPTIONS_BAD;
	}
	switch (c) {
	case OPTION_TTL:
		if (options_take_ttl(options, optarg) == -1)
			return OPTIONS_BAD;
		break;
	case OPTION_ESCAPE:
		if (options_take_escape(options, optarg) == -1)
			return OPTIONS_BAD;
		break;
	case OPTION_TAKEOVER:
		options->takeover = 1;
		break;
	case 'd':
		options->detach = 1;
		break;
	case OPTION_URL:
		options->url = optarg;
		break;
	case OPTION_TOKEN_FILE:
		options->token_file = optarg;
		break;
	case OPTION_CA:
		options->ca = optarg;
		break;
	case OPTION_INHERIT_ENV:
		options->inherit_env = 1;
		break;
	case 't':
	case 'T':
		options->tty = c == 't';
		break;
	case 'C':
		options->cwd = optarg;
		break;
	case 'e':
		if (options_add_env(options, optarg) == -1)
			return OPTIONS_BAD;
		break;
	case 'n':
		options->no_stdin = 1;
		break;
	case 'q':
		options->quiet = 1;
		break;
	case 'h':
		printf("%s%s", usage, help);
		return OPTIONS_DONE;
	case 'V':
		printf("holdfast %s\n", PACKAGE_VERSION);
		return OPTIONS_DONE;
	default:
		fputs(usage, stderr);
		return OPTIONS_BAD;
	}
	return OPTIONS_RUN;
}

/* What --env says wins over what is inherited. */
static void
options_inherit(struct options *options)
{
	struct options set = { .env = options->env, .nenv = options->nenv };
	size_t i;

	options->env = NULL;
	options->nenv = 0;
	options_add_environ(options);
	for (i = 0; i < set.nenv; i++)
		options_set_env(options, set.env[i]);
	options_clear(&set);
}

static enum options_result
options_check(struct options *options, int argc, char *argv[])
{
	int count = argc - optind, most = commands[options->command].most;

	if (count < commands[options->command].least ||
	    (most != 0 && count > most) ||
	    (count > 0 && *argv[optind] == '\0')) {
		say_error(options->command == OPTIONS_COMMAND_RUN ?
		    "%s: no command given" : "%s: wants a session",
		    commands[options->command].name);
		fputs(usage, stderr);
		return OPTIONS_BAD;
	}
	if (options->command == OPTIONS_COMMAND_RUN)
		options->argv = argv + optind;
	else if (count > 0) {
		options->session = argv[optind];
		options->process = argv[optind + 1];
	}
	if (options->detach && options->ttl_ms == 0)
		options->ttl_ms = OPTIONS_DETACHED_MS;
	if (options->inherit_env)
		options_inherit(options);
	return OPTIONS_RUN;
}

static int
options_command(struct options *options, const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(name, commands[i].name) == 0) {
			options->command = commands[i].command;
			return 0;
		}
	return -1;
}

enum options_result
options_parse(struct options *options, int argc, char *argv[],
    const char *url)
{
	enum options_result result;
	const char *letters;
	int c;

	memset(options, 0, sizeof(*options));
	options->tty = -1;
	options->url = url != NULL && *url != '\0' ? url : OPTIONS_URL;
	options->env = xcalloc(1, sizeof(*options->env));
	options->escape = '~';
	if (argc > 1 && options_command(options, argv[1]) == 0) {
		argc--;
		argv++;
	} else if (argc < 2 || *argv[1] != '-') {
		fputs(usage, stderr);
		return OPTIONS_BAD;
	} else if (argc > 2)
		argc = 2; /* only --help and --version stand alone */
	optind = 0;
	/* What stands behind a command to run is the command's. */
	letters = options->command == OPTIONS_COMMAND_RUN ?
	    "+tTC:e:ndqhV" : "tTC:e:ndqhV";
	while ((c = getopt_long(argc, argv, letters, long_options,
	    NULL)) != -1)
		if ((result = options_take(options, c)) != OPTIONS_RUN)
			return result;
	return options_check(options, argc, argv);
}

void
options_clear(struct options *options)
{
	size_t i;

	for (i = 0; i < options->nenv; i++)
		free(options->env[i]);
	free(options->env);
	options->env = NULL;
	options->nenv = 0;
}
