/* SPDX-License-Identifier: ISC */
/* holdfast.conf: every key, what is checked, and that its manual says so. */
#include "config.h"

#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "broker/supervisor/hostcheck.h"
#include "broker/supervisor/hostconf.h"
#include "broker/supervisor/options.h"

TestSuite(hostconf, .timeout = 60);

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define TENANT "{\"name\": \"t\", \"user\": \"0\", \"allow-root\": true"
/* The beginning of one with a listener behind proxies; whom it trusts. */
#define PROXIED "{\"tenants\": [" TENANT ", \"tokens-sha256\": \"" HEX \
	"\"}], \"listeners\": [{\"address\": \"ws://127.0.0.1:1\", " \
	"\"proxy-protocol\": true"
#define TRUSTED PROXIED ", \"trusted-proxies\": "

static char said[16384];
static struct options o;
static struct host *host;
static char dir[] = "/tmp/test_hostconf.XXXXXX";

static void
hear(void *arg, const char *text)
{
	(void)arg;
	strlcat(said, text, sizeof(said));
	strlcat(said, "\n", sizeof(said));
}

static void
forget(void)
{
	host_free(host);
	host = NULL;
	options_clear(&o);
}

static const char *
put(const char *name, const char *text, mode_t mode)
{
	static char path[128];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	out = fopen(path, "w");
	cr_assert_not_null(out);
	fputs(text, out);
	fclose(out);
	cr_assert_eq(chmod(path, mode), 0);
	return path;
}

static void
setup(void)
{
	cr_assert_not_null(mkdtemp(dir));
}

static void
teardown(void)
{
	static const char *const names[] = { "conf", "a", "b" };
	char path[128];
	size_t i;

	for (i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
}

/* Take a file as root would; returns how many complaints there were. */
static unsigned int
take(const char *text)
{
	struct conf_errors errors = { .report = hear };
	char path[128];
	const char *args[] = { "holdfastd", "--config", path, NULL };

	strlcpy(path, put("conf", text, 0600), sizeof(path));
	said[0] = '\0';
	options_take(&o, 3, (char **)(void *)args, 0, 1, &errors);
	host = host_new(&o, 0, &errors);
	return errors.count;
}

/* Where each table stands in a file, and what must be beside its keys. */
static const struct place {
	const char *section;	/* of the manual */
	const char *before, *after;
	const struct conf_key *keys;
	size_t nkeys;
} places[] = {
	{ "Listeners", "{\"tenants\": [" TENANT "}], \"listeners\": [{"
	    "\"address\": \"ws://127.0.0.1:0\", ", "}]}",
	    host_listener_keys, HOST_LISTENER_NKEYS },
	{ "Tenants", "{\"tenants\": [" TENANT ", ", "}]}",
	    host_tenant_keys, HOST_TENANT_NKEYS },
	{ "Limits", "{\"tenants\": [" TENANT "}], \"limits\": {", "}}",
	    host_limit_keys, HOST_LIMIT_NKEYS },
	{ "Signed tokens", "{\"tenants\": [" TENANT "}], "
	    "\"signed-tokens\": {\"secret-file\": \"/dev/null\", ", "}}",
	    host_signed_keys, HOST_SIGNED_NKEYS },
	{ "Audit", "{\"tenants\": [" TENANT "}], \"audit\": {", "}}",
	    host_audit_keys, HOST_AUDIT_NKEYS },
};
#define NPLACES (sizeof(places) / sizeof(places[0]))

/* Whether the value of "key" is complained about, the value alone. */
static int
refused(const struct place *place, const struct conf_key *key,
    const char *value)
{
	char text[2048], want[128];
	int found;

	snprintf(text, sizeof(text), "%s\"%s\": %s%s", place->before,
	    key->name, value, place->after);
	take(text);
	snprintf(want, sizeof(want), "%s: must be ", key->name);
	found = strstr(said, want) != NULL;
	forget();
	return found;
}

static void
check_number(const struct place *place, const struct conf_key *key)
{
	char value[64];

	snprintf(value, sizeof(value), "%ju", (uintmax_t)key->min);
	cr_assert_not(refused(place, key, value), "%s", said);
	snprintf(value, sizeof(value), "%ju", (uintmax_t)key->max);
	cr_assert_not(refused(place, key, value), "%s", said);
	snprintf(value, sizeof(value), "%ju", (uintmax_t)key->max + 1);
	cr_assert(refused(place, key, value), "%s %s", key->name, value);
	if (key->min == 0)
		return;
	snprintf(value, sizeof(value), "%ju", (uintmax_t)key->min - 1);
	cr_assert(refused(place, key, value), "%s %s", key->name, value);
}

Test(hostconf, limits_of_every_number_and_kinds_of_every_key,
    .init = setup, .fini = teardown)
{
	const struct conf_key *key;
	size_t i, j;

	for (i = 0; i < NPLACES; i++)
		for (j = 0; j < places[i].nkeys; j++) {
			key = &places[i].keys[j];
			cr_assert(refused(&places[i], key, "null"), "%s: %s",
			    key->name, said);
			if (key->type == CONF_NUMBER)
				check_number(&places[i], key);
		}
}

Test(hostconf, tables_within_tables, .init = setup, .fini = teardown)
{
	const struct conf_key *key, *inner;
	struct place place = places[1];
	char before[512];
	size_t i, j;

	for (i = 0; i < HOST_TENANT_NKEYS; i++) {
		key = &host_tenant_keys[i];
		if (key->type != CONF_TABLE)
			continue;
		snprintf(before, sizeof(before), "%s\"%s\": {",
		    places[1].before, key->name);
		place.before = before;
		place.after = "}}]}";
		for (j = 0; j < key->nkeys; j++) {
			inner = &key->keys[j];
			cr_assert(refused(&place, inner, "true"), "%s.%s: %s",
			    key->name, inner->name, said);
			if (inner->type == CONF_NUMBER)
				check_number(&place, inner);
		}
	}
}

Test(hostconf, what_is_left_out_is_preset, .init = setup, .fini = teardown)
{
	const struct host_tenant *tenant;

	cr_assert_eq(take("{\"tenants\": [" TENANT "}]}"), 0, "%s", said);
	cr_assert_eq(host->ntenants, 1);
	tenant = &host->tenants[0];
	cr_assert_eq(tenant->number, host_number("t"));
	cr_assert_eq(tenant->uid, 0);
	cr_assert_eq(tenant->umask, 077);
	cr_assert_str_eq(tenant->temporary, "/tmp");
	cr_assert_eq(tenant->flags, 0);
	cr_assert_eq(tenant->npeers, 1);
	cr_assert_eq(tenant->environment.count, 5);
	cr_assert_eq(tenant->budgets[BUDGET_SESSIONS], 0);
	cr_assert_eq(host->per_address, 64);
	cr_assert_eq(host->audit, AUDIT_NOWHERE);
	cr_assert_eq(host->nlisteners, 1);
	cr_assert_eq(host->listeners[0].admission, ADMIT_PEER_UID);
	cr_assert_eq(host->listeners[0].tenants[0], tenant->number);
	cr_assert_eq(host->npools, 1);
	forget();
}

Test(hostconf, what_is_given_arrives, .init = setup, .fini = teardown)
{
	const struct host_tenant *tenant;

	cr_assert_eq(take("{\"tenants\": [" TENANT ", \"groups\": [7, \"8\"],"
	    "\"environment\": {\"PATH\": \"/x\", \"A\": \"b\"},"
	    "\"tokens-sha256\": \"" HEX "\", \"peer-uids\": [],"
	    "\"no-new-privileges\": false, \"private-tmp\": true,"
	    "\"resource-limits\": {\"core-bytes\": 0},"
	    "\"cgroup-limits\": {\"cpu-percent\": 150,"
	    "\"io-max\": \"8:0 rbps=1 wiops=max\"},"
	    "\"limits\": {\"sessions\": 9}}],"
	    "\"listeners\": [{\"address\": \"ws://0.0.0.0:0\"},"
	    "{\"address\": \"ws://127.0.0.1:0\", \"gateways\": 3,"
	    "\"origins\": [\"HTTPS://App.example:443\"]}]}"), 0, "%s", said);
	tenant = &host->tenants[0];
	cr_assert_eq(tenant->ngroups, 2);
	cr_assert_eq(tenant->groups[1], 8);
	cr_assert_eq(tenant->environment.count, 6);
	cr_assert_str_eq(tenant->environment.items[0], "PATH=/x");
	cr_assert_eq(tenant->ntokens, 1);
	cr_assert_eq(tenant->tokens[0][1], 0x23);
	cr_assert_eq(tenant->npeers, 0);
	cr_assert_eq(tenant->flags,
	    TENANT_PRIVILEGED_JOBS | TENANT_PRIVATE_TMP);
	cr_assert_eq(tenant->nrlimits, 1);
	cr_assert_eq(tenant->cgroup_limits.count, 2);
	cr_assert_str_eq(tenant->cgroup_limits.items[0],
	    "cpu.max=150000 100000");
	cr_assert_eq(tenant->budgets[BUDGET_SESSIONS], 9);
	cr_assert_eq(host->listeners[0].admission, ADMIT_TOKEN);
	cr_assert_eq(host->listeners[1].admission,
	    ADMIT_TOKEN | ADMIT_PEER_UID);
	cr_assert_eq(host->listeners[1].pool, 1);
	cr_assert_eq(host->pools[1].gateways, 3);
	cr_assert_str_eq(host->listeners[1].origins.items[0],
	    "https://app.example");
	forget();
}

Test(hostconf, what_does_not_go_together_is_refused,
    .init = setup, .fini = teardown)
{
	static const struct {
		const char *text;
		const char *said;
	} rows[] = {
		{ "{\"tenants\": [{\"name\": \"Bad\", \"user\": 1}]}",
		    "tenants[0].name: must be" },
		{ "{\"tenants\": [{\"name\": \"r\", \"user\": 0}]}",
		    "tenants[0].user: is root" },
		{ "{\"tenants\": [{\"name\": \"r\", \"user\": \"no.such\"}]}",
		    "tenants[0].user: there is no user" },
		{ "{\"tenants\": [" TENANT "}, " TENANT "}]}",
		    "tenants[1].name: tenants[0] is called t already" },
		{ "{\"tenants\": [" TENANT ", \"tokens-sha256\": \"" HEX
		    "\"}, {\"name\": \"u\", \"user\": 1, \"tokens-sha256\": "
		    "\"" HEX "\"}]}",
		    "tenants[1].tokens-sha256[0]: is a token of tenants[0]" },
		{ "{\"tenants\": [" TENANT ", \"tokens-sha256\": \"12\"}]}",
		    "tenants[0].tokens-sha256[0]: must be the 64" },
		{ "{\"tenants\": [" TENANT ", \"home\": \"x\"}]}",
		    "tenants[0].home: must be an absolute path" },
		{ "{\"tenants\": [" TENANT ", \"environment\": {\"1\": \"\"}"
		    "}]}", "tenants[0].environment: \"1\" cannot be" },
		{ "{\"tenants\": [" TENANT ", \"limits\": {\"sessions\": 3}}],"
		    "\"limits\": {\"sessions\": 2}}",
		    "tenants[0].limits.sessions: 3 is above the host's" },
		{ "{\"tenants\": [" TENANT ", \"cgroup-limits\": {\"io-max\": "
		    "\"8:0 x=1\"}}]}", "io-max[0]: must look like" },
		{ "{\"tenants\": [" TENANT ", \"detach-ttl-ms\": 9, "
		    "\"max-detach-ttl-ms\": 8}]}",
		    "tenants[0].detach-ttl-ms: is above" },
		{ "{\"tenants\": [" TENANT "}], \"listen\": \"ws://[::1]:0\","
		    "\"listeners\": [{\"address\": \"ws://127.0.0.1:0\"}]}",
		    "listen: does not go with" },
		{ "{\"tenants\": [" TENANT "}], \"listeners\": []}",
		    "listeners: needs at least one" },
		{ "{\"tenants\": [" TENANT "}], \"listeners\": [{\"address\": "
		    "\"ws://127.0.0.1:0\", \"tenants\": [\"u\"]}]}",
		    "listeners[0].tenants[0]: there is no tenant" },
		{ "{\"tenants\": [" TENANT "}], \"listeners\": [{\"address\": "
		    "\"ws://0.0.0.0:1\"}]}", "peer-uid works on loopback" },
		{ "{\"tenants\": [" TENANT "}], \"listeners\": [{\"address\": "
		    "\"ws://0.0.0.0:1\", \"admission\": \"none\"}]}",
		    "none works on loopback" },
		{ "{\"tenants\": [" TENANT "}], \"listeners\": [{\"address\": "
		    "\"ws://127.0.0.1:1\", \"admission\": \"signed\"}]}",
		    "\"signed-tokens\" is not there" },
		{ "{\"tenants\": [" TENANT "}], \"listeners\": [{\"address\": "
		    "\"wss://127.0.0.1:1\"}]}", "wss:// needs" },
		{ "{\"tenants\": [" TENANT "}], \"listeners\": [{\"address\": "
		    "\"ws://127.0.0.1:1\", \"mode\": \"0600\"}]}",
		    "listeners[0].mode: is for unix:" },
		{ "{\"tenants\": [" TENANT "}], \"listeners\": [{\"address\": "
		    "\"ws://127.0.0.1:1\"}, {\"address\": "
		    "\"ws://127.0.0.1:1\"}]}",
		    "listeners[1].address: \"ws://127.0.0.1:1\" is there" },
		{ "{\"tenants\": [" TENANT "}], \"listeners\": [{\"address\": "
		    "\"ws://127.0.0.1:1\", \"origins\": \"x\"}]}",
		    "listeners[0].origins[0]: \"x\"" },
		{ PROXIED "}]}", "listeners[0].proxy-protocol: needs" },
		{ TRUSTED "[]}]}", "trusted-proxies: names nobody" },
		{ TRUSTED "[\"0.0.0.0/0\"]}]}", "is everybody" },
		{ TRUSTED "[\"10.0.0.1/8\"]}]}", "bits set behind" },
		{ TRUSTED "[\"10.0.0.0/33\"]}]}", "1 to 32" },
		{ TRUSTED "[\"::ffff:10.0.0.1\"]}]}", "in disguise" },
		{ TRUSTED "[\"proxy.example\"]}]}",
		    "listeners[0].trusted-proxies[0]: \"proxy.example\" is no" },
		{ TRUSTED "[\"10.0.0.1\"], \"admission\": "
		    "\"peer-uid\"}]}", "proxy-protocol: lets nobody in" },
		{ TRUSTED "[\"10.0.0.1\"], \"admission\": \"none\"}]}",
		    "proxy-protocol: does not go with" },
		{ "{\"tenants\": [" TENANT "}], \"listeners\": [{\"address\": "
		    "\"ws://127.0.0.1:1\", \"trusted-proxies\": \"::1\"}]}",
		    "listeners[0].trusted-proxies: goes with" },
		{ "{\"tenants\": [" TENANT "}], \"listeners\": [{\"address\": "
		    "\"unix:/x\", \"proxy-protocol\": true, "
		    "\"trusted-proxies\": \"no such one\", "
		    "\"admission\": \"token\"}]}", "there is no user" },
		{ "{\"tenants\": [" TENANT "}], \"audit\": {\"to\": \"file\"}}",
		    "audit.to: needs \"file\"" },
		{ "{\"tenants\": [" TENANT "}], \"ws-auth\": "
		    "\"capability-token\", \"ws-token-sha256\": \"" HEX "\"}",
		    "ws-auth: is for a single tenant" },
		{ "{\"tenants\": [" TENANT "}], \"ws-issuer\": \"x\"}",
		    "ws-issuer: goes with --ws-auth signed-bearer-token" },
		{ "{}", "will not serve as root without tenants" },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cr_assert_eq(take(rows[i].text), 1, "%zu: %s", i, said);
		cr_assert_not_null(strstr(said, rows[i].said), "%zu: %s", i,
		    said);
		forget();
	}
}

Test(hostconf, what_no_message_has_room_for_is_refused, .init = setup,
    .fini = teardown)
{
	static const struct {
		const char *key;
		size_t max;
	} rows[] = {
		{ "issuer", HOST_TEXT_MAX },
		{ "audience", HOST_TEXT_MAX },
		{ "tenant-claim", HOST_CLAIM_MAX },
	};
	char text[2048], value[HOST_TEXT_MAX + 2], secret[128];
	size_t i, more;

	strlcpy(secret, put("a", HEX, 0600), sizeof(secret));
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (more = 0; more < 2; more++) {
			memset(value, 'x', rows[i].max + more);
			value[rows[i].max + more] = '\0';
			snprintf(text, sizeof(text), "{\"tenants\": [" TENANT
			    "}], \"signed-tokens\": {\"secret-file\": "
			    "\"%s\", \"%s\": \"%s\"}}", secret,
			    rows[i].key, value);
			cr_assert_eq(take(text), more, "%s: %s", rows[i].key,
			    said);
			forget();
		}
}

Test(hostconf, secrets_are_kept_by_those_who_may, .init = setup,
    .fini = teardown)
{
	static const struct {
		mode_t mode;
		int taken;
	} rows[] = {
		{ 0600, 1 }, { 0400, 1 }, { 0640, 1 }, { 0644, 0 },
		{ 0660, 0 }, { 0602, 0 }
	};
	char text[512];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(text, sizeof(text), "{\"tenants\": [" TENANT
		    ", \"token-files\": \"%s\"}]}",
		    put("a", " token \n", rows[i].mode));
		if (getuid() != 0)
			cr_skip("files of root are needed");
		cr_assert_eq(take(text) == 0, rows[i].taken, "%04o: %s",
		    (unsigned int)rows[i].mode, said);
		if (!rows[i].taken)
			cr_assert_not_null(strstr(said, "chmod 600"), "%s",
			    said);
		forget();
	}
}

Test(hostconf, ten_mistakes_are_named_with_their_lines,
    .init = setup, .fini = teardown)
{
	static const char *const want[] = {
		":2: gateways: ", ":3: nonsense: unknown key",
		":5: listeners[0].address: ", ":5: listeners[0].tenants[0]: ",
		":6: listeners[1].admission[0]: ", ":7: listeners[1].colour: ",
		":9: tenants[0].user: ", ":10: tenants[0].umask: ",
		":11: tenants[0].limits.sessions: ",
		":13: limits.sessions: already given"
	};
	size_t i;

	cr_assert_eq(take("{\n"
	    "\"gateways\": 99,\n"
	    "\"nonsense\": 1,\n"
	    "\"listeners\": [\n"
	    "  {\"address\": \"tcp://x\", \"tenants\": \"nobody-here\"},\n"
	    "  {\"address\": \"ws://127.0.0.1:0\", \"admission\": \"magic\",\n"
	    "   \"colour\": \"red\"}],\n"
	    "\"tenants\": [{ \"name\": \"t\",\n"
	    "   \"user\": \"no.such\",\n"
	    "   \"umask\": \"999\",\n"
	    "   \"limits\": {\"sessions\": 0}}],\n"
	    "\"limits\": {\"sessions\": 1,\n"
	    "   \"sessions\": 2}\n"
	    "}\n"), 10, "%s", said);
	for (i = 0; i < 10; i++)
		cr_assert_not_null(strstr(said, want[i]), "%s not in: %s",
		    want[i], said);
	forget();
}

/* The part of the manual with this title, as one string. */
static char *
section(const char *title)
{
	const char *top = getenv("top_srcdir");
	char path[512], head[128], *text = calloc(1, 256 * 1024), *start, *end;
	FILE *in;

	if (top == NULL)
		cr_skip("top_srcdir is not set: not run by make check");
	snprintf(path, sizeof(path), "%s/broker/supervisor/holdfast.conf.5", top);
	in = fopen(path, "r");
	cr_assert_not_null(in, "%s", path);
	cr_assert_gt(fread(text, 1, 256 * 1024 - 1, in), 0);
	fclose(in);
	snprintf(head, sizeof(head), "\n.Ss %s\n", title);
	start = strstr(text, head);
	cr_assert_not_null(start, "no section %s", title);
	start += 5;
	for (end = start; (end = strstr(end, "\n.S")) != NULL; end++)
		if (end[3] == 's' || end[3] == 'h') {
			*end = '\0';
			break;
		}
	start = strdup(start);
	free(text);
	return start;
}

/* Every key of a table has an item with its default, and there is no other. */
static void
check_section(const char *title, const struct conf_key *keys, size_t n,
    unsigned int without)
{
	char *text = section(title), want[128], *item, *end, *line;
	size_t i, items = 0, wanted = 0;

	for (line = text; (line = strstr(line, "\n.It Cm ")) != NULL; line++)
		items++;
	for (i = 0; i < n; i++) {
		if (keys[i].flags & without)
			continue;
		wanted++;
		snprintf(want, sizeof(want), "\n.It Cm %s", keys[i].name);
		for (item = strstr(text, want); item != NULL &&
		    strchr(" \n", item[strlen(want)]) == NULL;
		    item = strstr(item + 1, want))
			;
		cr_assert_not_null(item, "no item for %s in %s", keys[i].name,
		    title);
		item = strdup(item + 1);
		end = strstr(item, "\n.It ");
		if (end != NULL)
			*end = '\0';
		if (keys[i].preset != NULL)
			cr_assert_not_null(strstr(item, keys[i].preset),
			    "%s", item);
		free(item);
	}
	cr_assert_eq(items, wanted, "%s: %zu items, %zu keys", title, items,
	    wanted);
	free(text);
}

Test(hostconf, the_manual_knows_every_key_and_default_and_no_other)
{
	static const char *const nested[][2] = {
		{ "resource-limits", "Resource limits" },
		{ "cgroup-limits", "Limits of a cgroup" },
	};
	const struct conf_key *key;
	size_t i, j;

	check_section("Keys", options_keys, options_nkeys, CONF_ARGS_ONLY);
	for (i = 0; i < NPLACES; i++)
		check_section(places[i].section, places[i].keys,
		    places[i].nkeys, 0);
	for (i = 0; i < HOST_TENANT_NKEYS; i++) {
		key = &host_tenant_keys[i];
		for (j = 0; j < 2; j++)
			if (strcmp(key->name, nested[j][0]) == 0)
				check_section(nested[j][1], key->keys,
				    key->nkeys, 0);
	}
}

Test(hostconf, proxies_are_looked_up, .init = setup, .fini = teardown)
{
	struct proxies_peer near = { .family = AF_INET,
		.address = { 10, 1, 2, 3 } };
	struct proxies_peer root = { .family = AF_UNIX, .uid = 0 };
	struct proxies_peer user = { .family = AF_UNIX, .uid = 12345 };
	struct writer *w;

	cr_assert_eq(take("{\"tenants\": [" TENANT ", \"tokens-sha256\": \""
	    HEX "\"}], \"listeners\": ["
	    "{\"address\": \"ws://0.0.0.0:1\", \"proxy-protocol\": true, "
	    "\"trusted-proxies\": [\"10.1.0.0/16\", \"fd00::/8\"]},"
	    "{\"address\": \"unix:/x\", \"proxy-protocol\": true},"
	    "{\"address\": \"unix:/y\", \"proxy-protocol\": true, "
	    "\"trusted-proxies\": [\"root\", 7]},"
	    "{\"address\": \"ws://127.0.0.1:2\"}]}"), 0, "%s", said);
	w = &host->listeners[0].proxies;
	cr_assert(proxies_trust((struct span){ w->p, w->len }, &near));
	cr_assert_not(proxies_trust((struct span){ w->p, w->len }, &root));
	w = &host->listeners[1].proxies;
	cr_assert(proxies_trust((struct span){ w->p, w->len }, &root));
	cr_assert(proxies_trust((struct span){ w->p, w->len }, &user));
	w = &host->listeners[2].proxies;
	cr_assert(proxies_trust((struct span){ w->p, w->len }, &root));
	cr_assert_not(proxies_trust((struct span){ w->p, w->len }, &user));
	cr_assert_eq(host->listeners[3].proxies.len, 0);
	forget();
}
