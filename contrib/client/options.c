/* SPDX-License-Identifier: ISC */
/* The command line of holdfast(1). */
#include "config.h"

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
    "       holdfast cp [options] source target\n"
    "       holdfast --help | --version\n";

static const char help[] =
    "\n"
    "Run a command on a holdfast server as if it ran here.  Standard input\n"
    "goes to it, its output and exit status come back, and when the\n"
    "connection breaks the command runs on while holdfast reconnects.\n"
    "\n"
    "  --url URL         server (default $HOLDFAST_URL, else\n"
    "                    " OPTIONS_URL ")\n"
    "  --token-file FILE send the bearer token in FILE; over the network\n"
    "                    only through a tunnel to a loopback address\n"
    "  -t, --tty         run it on a terminal (default when standard input\n"
    "                    and output are terminals)\n"
    "  -T, --no-tty      run it on pipes\n"
    "  -C, --cwd DIR     its working directory (default: this one)\n"
    "  -e, --env K=V     set a variable; --env K passes the one from here\n"
    "  --inherit-env     give it this environment instead of the server's\n"
    "  -n, --no-stdin    its standard input is /dev/null\n"
    "  -q, --quiet       only say what goes wrong\n"
    "  -h, --help        show this\n"
    "  -V, --version     show the version\n"
    "\n"
    "Exit status: the command's (128+n when signal n ended it); 125 when\n"
    "holdfast failed or output was lost, 126 when the command can't be\n"
    "executed, 127 when there is none; 128+n when signal n ended holdfast.\n";

enum { OPTION_URL = 256, OPTION_TOKEN_FILE, OPTION_INHERIT_ENV };

static const struct option long_options[] = {
	{ "url", required_argument, NULL, OPTION_URL },
	{ "token-file", required_argument, NULL, OPTION_TOKEN_FILE },
	{ "tty", no_argument, NULL, 't' },
	{ "no-tty", no_argument, NULL, 'T' },
	{ "cwd", required_argument, NULL, 'C' },
	{ "env", required_argument, NULL, 'e' },
	{ "inherit-env", no_argument, NULL, OPTION_INHERIT_ENV },
	{ "no-stdin", no_argument, NULL, 'n' },
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

static enum options_result
options_take(struct options *options, int c)
{
	switch (c) {
	case OPTION_URL:
		options->url = optarg;
		break;
	case OPTION_TOKEN_FILE:
		options->token_file = optarg;
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

static enum options_result
options_check(struct options *options, int argc, char *argv[])
{
	struct options set = { 0 };
	size_t i;

	if (optind == argc || *argv[optind] == '\0') {
		say_error("run: no command given");
		fputs(usage, stderr);
		return OPTIONS_BAD;
	}
	options->argv = argv + optind;
	if (options->inherit_env) {
		/* What --env says wins over what is inherited. */
		set.env = options->env;
		set.nenv = options->nenv;
		options->env = NULL;
		options->nenv = 0;
		options_add_environ(options);
		for (i = 0; i < set.nenv; i++)
			options_set_env(options, set.env[i]);
		options_clear(&set);
	}
	return OPTIONS_RUN;
}

enum options_result
options_parse(struct options *options, int argc, char *argv[],
    const char *url)
{
	enum options_result result;
	int c;

	memset(options, 0, sizeof(*options));
	options->tty = -1;
	options->url = url != NULL && *url != '\0' ? url : OPTIONS_URL;
	options->env = xcalloc(1, sizeof(*options->env));
	if (argc > 1 && strcmp(argv[1], "run") == 0) {
		argc--;
		argv++;
	} else if (argc < 2 || *argv[1] != '-') {
		fputs(usage, stderr);
		return OPTIONS_BAD;
	} else if (argc > 2)
		argc = 2; /* only --help and --version stand alone */
	optind = 0;
	while ((c = getopt_long(argc, argv, "+tTC:e:nqhV", long_options,
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
