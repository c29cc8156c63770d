/* SPDX-License-Identifier: ISC */
/* What holdfastd can be told, and that its manual says the same. */
#include "config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "broker/supervisor/hostconf.h"
#include "broker/listen.h"
#include "broker/supervisor/options.h"

TestSuite(options, .timeout = 20);

#define USER 1000

static char said[4096];
static struct options o;
static struct host *host;
static int values_only;		/* not what they come to together */

static void
forget(void)
{
	host_free(host);
	host = NULL;
	options_clear(&o);
}

static void
hear(void *arg, const char *text)
{
	(void)arg;
	strlcat(said, text, sizeof(said));
	strlcat(said, "\n", sizeof(said));
}

static unsigned int
take(uid_t uid, long cpus, int argc, const char **argv)
{
	struct conf_errors errors = { .report = hear };

	said[0] = '\0';
	options_take(&o, argc, (char **)(void *)argv, uid, cpus, &errors);
	if (!o.help && !o.version && !values_only)
		host = host_new(&o, uid, &errors);
	return errors.count;
}

#define TAKE(uid, cpus, ...) ({						\
	const char *args[] = { "holdfastd", ##__VA_ARGS__, NULL };	\
	take(uid, cpus, (int)(sizeof(args) / sizeof(args[0])) - 1, args); \
})

Test(options, every_row_is_complete)
{
	const struct conf_key *k;
	size_t i, j;

	for (i = 0; i < options_nkeys; i++) {
		k = &options_keys[i];
		cr_assert_eq(k->help == NULL,
		    (k->flags & CONF_FILE_ONLY) != 0, "%s", k->name);
		cr_assert_eq(k->value == NULL, k->type == CONF_FLAG ||
		    k->type == CONF_TABLE || k->type == CONF_ROWS, "%s",
		    k->name);
		cr_assert_eq(k->words != NULL, k->type == CONF_WORD, "%s",
		    k->name);
		cr_assert_lt(k->offset, sizeof(struct options));
		if (k->type == CONF_NUMBER)
			cr_assert_lt(k->min, k->max, "%s", k->name);
		for (j = 0; j < i; j++) {
			cr_assert_str_neq(k->name, options_keys[j].name);
			cr_assert_neq(k->offset, options_keys[j].offset);
			cr_assert(k->letter == 0 ||
			    k->letter != options_keys[j].letter);
		}
	}
}

/* Each limit of each number is taken, one beyond it is not. */
Test(options, limits_of_every_number)
{
	const struct conf_key *k;
	char arg[64];
	size_t i;
	int beyond;

	values_only = 1;
	for (i = 0; i < options_nkeys; i++) {
		k = &options_keys[i];
		if (k->type != CONF_NUMBER)
			continue;
		for (beyond = 0; beyond < 2; beyond++) {
			snprintf(arg, sizeof(arg), "--%s=%ju", k->name,
			    (uintmax_t)k->max + (uintmax_t)beyond);
			cr_assert_eq(TAKE(USER, 1, arg), (unsigned)beyond,
			    "%s: %s", arg, said);
			forget();
			if (k->min == 0)
				continue;
			snprintf(arg, sizeof(arg), "--%s=%ju", k->name,
			    (uintmax_t)k->min - (uintmax_t)beyond);
			cr_assert_eq(TAKE(USER, 1, arg), (unsigned)beyond,
			    "%s: %s", arg, said);
			forget();
		}
	}
}

Test(options, a_place_for_sessions_comes_from_the_service_manager)
{
	cr_assert_eq(TAKE(USER, 2), 0, "%s", said);
	cr_assert_null(host->cgroup_root);
	forget();
	cr_assert_eq(setenv("HOLDFAST_CGROUP_ROOT", "/sys/fs/cgroup/x", 1), 0);
	cr_assert_eq(TAKE(USER, 2), 0, "%s", said);
	cr_assert_str_eq(host->cgroup_root, "/sys/fs/cgroup/x");
	forget();
	cr_assert_eq(setenv("HOLDFAST_CGROUP_ROOT", "", 1), 0);
	cr_assert_eq(TAKE(USER, 2), 0, "%s", said);
	cr_assert_null(host->cgroup_root);
}

Test(options, defaults)
{
	cr_assert_eq(TAKE(USER, 2), 0, "%s", said);
	cr_assert_eq(o.gateways, 2);
	cr_assert_eq(o.detach_ttl_ms, 80000);
	cr_assert_eq(o.retention_ms, 80000);
	cr_assert_eq(o.retain_bytes, 8388608);
	cr_assert_eq(o.hold_ms, 5000);
	cr_assert_eq(o.ping_ms, 30000);
	cr_assert_eq(o.watchdog_ms, 10000);
	cr_assert_eq(o.stop_grace_ms, 2000);
	cr_assert_eq(o.drain_ms, 10000);
	cr_assert_eq(o.handoff, 0);
	cr_assert_eq(o.auth, OPTIONS_AUTH_PEER_UID);
	cr_assert_eq(o.listen.count, 1);
	cr_assert(listen_is_loopback(&host->listeners[0].addr));
	cr_assert_eq(host->listeners[0].admission, ADMIT_PEER_UID);
	cr_assert_eq(host->ntenants, 1);
	cr_assert_eq(host->tenants[0].uid, getuid());
	forget();
}

Test(options, gateways_follow_the_cpus_up_to_four)
{
	static const struct {
		long cpus;
		uint64_t want;
	} rows[] = { { -1, 1 }, { 0, 1 }, { 1, 1 }, { 4, 4 }, { 64, 4 } };
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cr_assert_eq(TAKE(USER, rows[i].cpus), 0, "%s", said);
		cr_assert_eq(o.gateways, rows[i].want);
		forget();
	}
	cr_assert_eq(TAKE(USER, 1, "--gateways", "7"), 0, "%s", said);
	cr_assert_eq(o.gateways, 7);
	forget();
}

Test(options, root_needs_to_be_meant)
{
	cr_assert_eq(TAKE(0, 1), 1);
	cr_assert_not_null(strstr(said, "--allow-root"), "%s", said);
	forget();
	cr_assert_eq(TAKE(0, 1, "--allow-root"), 0, "%s", said);
	forget();
}

Test(options, other_hosts_are_not_let_in_without_a_proof)
{
	static const char *const urls[] = {
		"ws://0.0.0.0:1", "ws://10.1.2.3:1", "ws://[::]:1"
	};
	static const char *const auths[] = { "peer-uid", "none" };
	size_t i, j;

	for (i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
		for (j = 0; j < sizeof(auths) / sizeof(auths[0]); j++) {
			cr_assert_eq(TAKE(USER, 1, "--listen", urls[i],
			    "--auth", auths[j]), 1, "%s", urls[i]);
			cr_assert_not_null(strstr(said, auths[j]), "%s",
			    said);
			forget();
		}
}

Test(options, listeners_replace_the_default)
{
	char url[LISTEN_URL_SIZE];

	cr_assert_eq(TAKE(USER, 1, "--listen", "ws://127.0.0.1:0",
	    "--listen", "ws://[::1]:0"), 0, "%s", said);
	cr_assert_eq(o.listen.count, 2);
	cr_assert_str_eq(listen_format(&host->listeners[1].addr,
	    url), "ws://[::1]:0");
	forget();
}

Test(options, a_name_is_no_address)
{
	cr_assert_eq(TAKE(USER, 1, "--listen", "ws://localhost:1"), 1);
	cr_assert_not_null(strstr(said, "numeric"), "%s", said);
	forget();
}

Test(options, help_and_version_check_nothing)
{
	cr_assert_eq(TAKE(0, 1, "--help"), 0, "%s", said);
	cr_assert(o.help);
	forget();
	cr_assert_eq(TAKE(0, 1, "--version"), 0, "%s", said);
	cr_assert(o.version);
	forget();
}

Test(options, file_and_command_line_are_checked_together)
{
	char path[] = "/tmp/test_options.XXXXXX";
	static const char text[] = "{ \"hold-ms\": 7,\n \"ping-ms\": 8000,"
	    "\n \"nonsense\": 1,\n \"gateways\": 99 }\n";
	int fd = mkstemp(path);

	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	cr_assert_eq(TAKE(USER, 1, "--config", path, "--ping-ms", "9000",
	    "--pong-ms", "x"), 3, "%s", said);
	unlink(path);
	cr_assert_eq(o.hold_ms, 7);
	cr_assert_eq(o.ping_ms, 9000, "the command line wins");
	cr_assert_not_null(strstr(said, ":3: nonsense: unknown key"), "%s",
	    said);
	cr_assert_not_null(strstr(said, ":4: gateways: "), "%s", said);
	cr_assert_not_null(strstr(said, "--pong-ms: "), "%s", said);
	forget();
}

/* The manual, as one string. */
static char *
manual(void)
{
	const char *top = getenv("top_srcdir");
	char path[512], *text = calloc(1, 256 * 1024);
	FILE *in;

	if (top == NULL)
		cr_skip("top_srcdir is not set: not run by make check");
	snprintf(path, sizeof(path), "%s/broker/supervisor/holdfastd.8", top);
	in = fopen(path, "r");
	cr_assert_not_null(in, "%s", path);
	cr_assert_gt(fread(text, 1, 256 * 1024 - 1, in), 0);
	fclose(in);
	return text;
}

/* The part of the manual about "name", up to the next item; NULL: none. */
static char *
item_of(const char *text, const struct conf_key *k)
{
	char head[128], want[96], *copy, *end;
	const char *line;

	snprintf(want, sizeof(want), "Fl Fl %s", k->name);
	for (line = strstr(text, "\n.It "); line != NULL;
	    line = strstr(line + 1, "\n.It ")) {
		strlcpy(head, line + 1, sizeof(head));
		head[strcspn(head, "\n")] = '\0';
		end = strstr(head, want);
		if (end == NULL || isalnum((unsigned char)end[strlen(want)]) ||
		    end[strlen(want)] == '-')
			continue;
		copy = strdup(line + 1);
		end = strstr(copy, "\n.It ");
		if (end == NULL)
			end = strstr(copy, "\n.El");
		if (end != NULL)
			*end = '\0';
		return copy;
	}
	return NULL;
}

Test(options, the_manual_knows_every_option_and_default)
{
	char *text = manual(), *item;
	const struct conf_key *k;
	char letter[8];
	size_t i;

	for (i = 0; i < options_nkeys; i++) {
		k = &options_keys[i];
		if (k->flags & CONF_FILE_ONLY)
			continue;
		item = item_of(text, k);
		cr_assert_not_null(item, "no item for --%s", k->name);
		if (k->letter != 0) {
			snprintf(letter, sizeof(letter), "Fl %c", k->letter);
			cr_assert_not_null(strstr(item, letter), "%s", item);
		}
		if (k->preset != NULL)
			cr_assert_not_null(strstr(item, k->preset),
			    "default of --%s (%s) not in: %s", k->name,
			    k->preset, item);
		free(item);
	}
	free(text);
}

Test(options, the_manual_knows_no_other_option)
{
	char *text = manual(), *line;
	size_t i, items = 0;

	for (line = text; (line = strstr(line, "\n.It ")) != NULL; line++) {
		char head[128];

		strlcpy(head, line + 1, sizeof(head));
		head[strcspn(head, "\n")] = '\0';
		if (strstr(head, "Fl Fl ") != NULL)
			items++;
	}
	for (i = options_nkeys;
	    options_keys[i - 1].flags & CONF_FILE_ONLY; i--)
		;
	cr_assert_eq(items, i, "%zu items, %zu options", items, i);
	free(text);
}
