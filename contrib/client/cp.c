/* SPDX-License-Identifier: ISC */
/* "holdfast cp": files to and from the server. */
#include "config.h"

#include <sys/stat.h>

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <json-c/json.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/xmalloc.h"
#include "contrib/client/cp.h"
#include "contrib/client/cp_private.h"
#include "contrib/client/job.h"
#include "contrib/client/rpc.h"
#include "contrib/client/say.h"
#include "contrib/client/session.h"
#include "contrib/client/target.h"

#define CP_URL "ws://127.0.0.1:8765"
#define PROGRESS_MS 200

struct cp {
	const char *url;
	const char *token_file;
	const char *ca;
	int recursive;
	int quiet;
	const char *from, *to; /* without the colon */
	int upload;
};

static const char usage[] =
    "usage: holdfast cp [-qr] [--ca FILE] [--token-file FILE] [--url URL] "
    "SOURCE TARGET\n";

static const char help[] =
    "\n"
    "Copy a file to or from a holdfast server.  One of the two begins with a\n"
    "colon and is an absolute path on the server: \"holdfast cp notes :/tmp\".\n"
    "When the connection breaks, holdfast reconnects and goes on.\n"
    "\n"
    "  -r, --recursive   copy a directory and all in it but links\n"
    "  --url URL         server (default $HOLDFAST_URL, else\n"
    "                    " CP_URL ")\n"
    "  --token-file FILE send the bearer token in FILE\n"
    "  --ca FILE         whom wss:// servers have their certificates from\n"
    "  -q, --quiet       only say what goes wrong\n"
    "  -h, --help        show this\n"
    "\n"
    "Exit status: 0; 1 when something was not copied; 125 when there is no\n"
    "session or the options are wrong.\n";

enum { OPTION_URL = 256, OPTION_TOKEN_FILE, OPTION_CA };

static const struct option long_options[] = {
	{ "url", required_argument, NULL, OPTION_URL },
	{ "token-file", required_argument, NULL, OPTION_TOKEN_FILE },
	{ "ca", required_argument, NULL, OPTION_CA },
	{ "recursive", no_argument, NULL, 'r' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static int progress_wanted;
static int progress_shown;

void
cp_progress(const char *name, uint64_t done, uint64_t size)
{
	static uint64_t last;
	uint64_t now = clock_ms();
	char line[160];
	int n;

	if (!progress_wanted || now - last < PROGRESS_MS)
		return;
	last = now;
	if (size > 0 && done > size)
		done = size;
	n = snprintf(line, sizeof(line), "\r\033[K%.100s  %.1f MB%s", name,
	    (double)done / 1e6, "");
	if (size > 0 && n > 0 && (size_t)n < sizeof(line))
		n += snprintf(line + n, sizeof(line) - (size_t)n, "  %d %%",
		    (int)(100.0 * (double)done / (double)size));
	progress_shown = 1;
	(void)!write(STDERR_FILENO, line, strlen(line));
}

void
cp_progress_end(void)
{
	if (progress_shown)
		(void)!write(STDERR_FILENO, "\r\033[K", 4);
	progress_shown = 0;
}

/* 1 to go on, otherwise 0 with the status to exit with. */
static int
cp_option(struct cp *cp, int c, int *status)
{
	*status = JOB_STATUS_FAILED;
	switch (c) {
	case OPTION_URL:
		cp->url = optarg;
		return 1;
	case OPTION_TOKEN_FILE:
		cp->token_file = optarg;
		return 1;
	case OPTION_CA:
		cp->ca = optarg;
		return 1;
	case 'r':
		cp->recursive = 1;
		return 1;
	case 'q':
		cp->quiet = 1;
		return 1;
	case 'h':
		printf("%s%s", usage, help);
		*status = 0;
		return 0;
	default:
		fputs(usage, stderr);
		return 0;
	}
}

static int
cp_parse(struct cp *cp, int argc, char *argv[], int *status)
{
	int c;

	optind = 0;
	while ((c = getopt_long(argc, argv, "+rqh", long_options, NULL)) !=
	    -1)
		if (!cp_option(cp, c, status))
			return -1;
	*status = JOB_STATUS_FAILED;
	if (argc - optind != 2) {
		fputs(usage, stderr);
		return -1;
	}
	cp->from = argv[optind];
	cp->to = argv[optind + 1];
	cp->upload = *cp->to == ':';
	if ((*cp->from == ':') == cp->upload) {
		say_error("cp: one of the two must be a path on the server, "
		    "with a colon before it");
		return -1;
	}
	if (cp->upload)
		cp->to++;
	else
		cp->from++;
	if (*(cp->upload ? cp->to : cp->from) != '/') {
		say_error("cp: the path on the server must be absolute");
		return -1;
	}
	return 0;
}

/* 1 a directory, 0 something else, -1 nothing (or lost, which was said). */
static int
kind_there(struct remote *remote, const char *path)
{
	struct json_object *result;
	int kind;

	if (remote_ask(remote, "fs/getMetadata", remote_path(path),
	    &result) != 0)
		return -1;
	kind = rpc_bool(result, "isDirectory");
	json_object_put(result);
	return kind;
}

static int
kind_here(const char *path)
{
	struct stat st;

	if (stat(path, &st) == -1)
		return -1;
	return S_ISDIR(st.st_mode) ? 1 : 0;
}

/* As cp(1) has it: into a directory under the same name. */
static char *
cp_target(struct remote *remote, const struct cp *cp)
{
	int kind = cp->upload ? kind_there(remote, cp->to) :
	    kind_here(cp->to);
	char *from = xstrdup(cp->from), *name, *target;
	size_t len = strlen(from);

	while (len > 1 && from[len - 1] == '/')
		from[--len] = '\0';
	name = strrchr(from, '/');
	name = name == NULL ? from : name + 1;
	/* What has no name of its own goes right there. */
	if (kind == 1 && *name != '\0' && strcmp(name, ".") != 0 &&
	    strcmp(name, "..") != 0)
		target = xasprintf("%s/%s", strcmp(cp->to, "/") == 0 ? "" :
		    cp->to, name);
	else
		target = xstrdup(cp->to);
	free(from);
	return target;
}

static int
cp_copy(struct remote *remote, const struct cp *cp)
{
	char *target;
	int tree, rc;

	if (remote_attached(remote) == -1)
		return JOB_STATUS_FAILED;
	target = cp_target(remote, cp);
	tree = cp->recursive && (cp->upload ? kind_here(cp->from) :
	    kind_there(remote, cp->from)) == 1;
	if (cp->upload)
		rc = (tree ? cp_upload_tree : cp_upload)(remote, cp->from,
		    target);
	else
		rc = (tree ? cp_download_tree : cp_download)(remote,
		    cp->from, target);
	free(target);
	if (remote_attached(remote) == -1)
		return JOB_STATUS_FAILED;
	return rc == 0 ? 0 : CP_STATUS_INCOMPLETE;
}

static void
cp_libevent_log_cb(int severity, const char *text)
{
	log_debug("event", "%d: %s", severity, text);
}

int
cp_main(int argc, char *argv[], const char *url)
{
	struct cp cp = { .url = url != NULL && *url != '\0' ? url : CP_URL };
	struct session_config config = { 0 };
	struct remote *remote;
	struct target target;
	int status;

	if (cp_parse(&cp, argc, argv, &status) == -1)
		return status;
	signal(SIGPIPE, SIG_IGN);
	event_set_log_callback(cp_libevent_log_cb);
	log_init("holdfast", LOG_LEVEL_WARN, 0);
	if (cp.quiet)
		say_quiet();
	progress_wanted = !cp.quiet && isatty(STDERR_FILENO);
	if (target_init(&target, cp.url, cp.token_file, cp.ca) == -1) {
		target_clear(&target);
		return JOB_STATUS_FAILED;
	}
	config.url = &target.url;
	config.url_text = cp.url;
	config.addresses = target.addresses;
	config.token = target.token;
	remote = remote_new(&config);
	status = cp_copy(remote, &cp);
	remote_free(remote);
	target_clear(&target);
	return status;
}
