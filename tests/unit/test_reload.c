/* SPDX-License-Identifier: ISC */
/* A configuration that is read again, and one value beside another. */
#include "config.h"

#include <sys/stat.h>

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "broker/supervisor/hostconf.h"
#include "broker/supervisor/options.h"
#include "broker/supervisor/reload.h"
#include "common/conf.h"

static char dir[] = "/tmp/test_reload.XXXXXX";
static char path[64];
static const char *args[] = { "holdfastd", "--config", path, NULL };
static struct reload reload = { .argc = 3, .argv = (char **)(void *)args };
static struct options *o;
static struct host *host;

/* "%u" in "text" is who we are. */
static void
write_conf(const char *text)
{
	FILE *out = fopen(path, "w");
	const char *u;

	cr_assert_not_null(out);
	for (; (u = strstr(text, "%u")) != NULL; text = u + 2)
		fprintf(out, "%.*s%u", (int)(u - text), text,
		    (unsigned int)getuid());
	fputs(text, out);
	cr_assert_eq(fclose(out), 0);
	cr_assert_eq(chmod(path, 0600), 0);
}

static void
complain(void *arg, const char *text)
{
	(void)arg;
	cr_assert_fail("%s", text);
}

#define TENANT(name) "{\"name\": \"" name "\", \"user\": \"%u\", " \
	"\"allow-root\": true, \"directory\": \"/\"}"
#define LISTEN(port) "{\"address\": \"ws://127.0.0.1:" port "\"}"
#define CONF(tenants, listeners, more) "{\"tenants\": [" tenants "], " \
	"\"listeners\": [" listeners "], \"gateways\": 2" more "}"

static void
setup(void)
{
	struct conf_errors errors = { .report = complain };

	cr_assert_not_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/conf", dir);
	write_conf(CONF(TENANT("a"), LISTEN("4001") ", " LISTEN("0"), ""));
	o = reload_options(&reload, &errors);
	host = host_new(o, geteuid(), &errors);
}

static void
teardown(void)
{
	host_free(host);
	options_clear(o);
	free(o);
	unlink(path);
	rmdir(dir);
}

TestSuite(reload, .timeout = 20, .init = setup, .fini = teardown);

static int
again(const char *text)
{
	write_conf(text);
	return reload_take(&reload, &o, &host);
}

Test(reload, tenants_and_limits_are_replaced)
{
	cr_assert_eq(again(CONF(TENANT("b") ", " TENANT("c"),
	    LISTEN("4001") ", " LISTEN("0"),
	    ", \"detach-ttl-ms\": 4321, \"limits\": {\"sessions\": 9}")), 0);
	cr_assert_eq(host->ntenants, 2);
	cr_assert_str_eq(host->tenants[0].name, "b");
	cr_assert_eq(host->budgets[BUDGET_SESSIONS], 9);
	cr_assert_eq(o->detach_ttl_ms, 4321);
	cr_assert_eq(host->nlisteners, 2);
	cr_assert_eq(host->listeners[0].ntenants, 2);
}

Test(reload, a_broken_file_changes_nothing)
{
	static const char *const broken[] = { "", "{", "{\"nonsense\": 1}",
		"{\"tenants\": [{\"name\": \"!\"}]}" };
	const struct options *options = o;
	const struct host *before = host;
	size_t i;

	for (i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		cr_assert_eq(again(broken[i]), -1, "%s", broken[i]);
		cr_assert_eq(o, options);
		cr_assert_eq(host, before);
	}
	unlink(path);
	cr_assert_eq(reload_take(&reload, &o, &host), -1);
	cr_assert_eq(host, before);
	cr_assert_str_eq(host->tenants[0].name, "a");
}

Test(reload, what_takes_a_restart_stays_as_it_was)
{
	cr_assert_eq(again(CONF(TENANT("a"), LISTEN("4001") ", " LISTEN("0"),
	    ", \"max-sessions\": 3, \"runtime-dir\": \"/elsewhere\"")), 0);
	cr_assert_null(o->runtime_dir);
	cr_assert_neq(o->max_sessions, 3);
}

Test(reload, listeners_stay_in_their_places)
{
	cr_assert_eq(again(CONF(TENANT("a"), LISTEN("4009") ", "
	    LISTEN("4001"), "")), 0);
	cr_assert_eq(host->nlisteners, 2);
	cr_assert_not(host->listeners[0].retired);
	cr_assert(host->listeners[1].retired);
	cr_assert_eq(host->listeners[1].ntenants, 0);
	/* What was closed to all is open again when it comes back. */
	cr_assert_eq(again(CONF(TENANT("a"), LISTEN("4001") ", " LISTEN("0"),
	    "")), 0);
	cr_assert_not(host->listeners[1].retired);
	cr_assert_eq(host->listeners[1].ntenants, 1);
}

TestSuite(conf_value, .timeout = 20);

struct pair {
	uint64_t number;
	char *string;
	struct conf_list list;
};

static const struct conf_key number_key = { .name = "n",
	.type = CONF_NUMBER, .offset = offsetof(struct pair, number) };
static const struct conf_key string_key = { .name = "s",
	.type = CONF_STRING, .offset = offsetof(struct pair, string) };
static const struct conf_key list_key = { .name = "l",
	.type = CONF_LIST, .offset = offsetof(struct pair, list) };

Test(conf_value, numbers_texts_and_lists_are_compared)
{
	char one[] = "one", same[] = "one", other[] = "other";
	struct pair a = { .number = 1, .string = one };
	struct pair b = { .number = 1, .string = same };

	cr_assert(conf_equal(&number_key, &a, &b));
	b.number = UINT64_C(1) << 40 | 1;
	cr_assert_not(conf_equal(&number_key, &a, &b));
	cr_assert(conf_equal(&string_key, &a, &b));
	b.string = other;
	cr_assert_not(conf_equal(&string_key, &a, &b));
	b.string = NULL;
	cr_assert_not(conf_equal(&string_key, &a, &b));
	cr_assert_not(conf_equal(&string_key, &b, &a));
	a.string = NULL;
	cr_assert(conf_equal(&string_key, &a, &b));
	cr_assert(conf_equal(&list_key, &a, &b));
	conf_list_add(&a.list, "x");
	cr_assert_not(conf_equal(&list_key, &a, &b));
	conf_list_add(&b.list, "x");
	cr_assert(conf_equal(&list_key, &a, &b));
	conf_list_add(&a.list, "y");
	conf_list_add(&b.list, "z");
	cr_assert_not(conf_equal(&list_key, &a, &b));
	conf_list_clear(&a.list);
	conf_list_clear(&b.list);
}

Test(conf_value, one_value_changes_places_and_no_other)
{
	char one[] = "one";
	struct pair a = { .number = 1, .string = one }, b = { .number = 2 };

	conf_list_add(&b.list, "x");
	conf_swap(&number_key, &a, &b);
	cr_assert_eq(a.number, 2);
	cr_assert_eq(b.number, 1);
	cr_assert_eq(a.string, one);
	cr_assert_null(b.string);
	conf_swap(&string_key, &a, &b);
	conf_swap(&list_key, &a, &b);
	cr_assert_null(a.string);
	cr_assert_eq(b.string, one);
	cr_assert_eq(a.list.count, 1);
	cr_assert_eq(b.list.count, 0);
	conf_list_clear(&a.list);
}
