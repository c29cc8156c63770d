/* SPDX-License-Identifier: ISC */
/* The sandbox object: what is understood, and that nothing else is. */
#include "config.h"

#include <criterion/criterion.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/proto.h"
#include "gateway/policy.h"
#include "gateway/rpc.h"

#define TEXT_SIZE 262144

static struct rpc_parser *parser;
static struct policy_refusal refusal;
static struct writer w;
static union proto_any msg;

static void
setup(void)
{
	parser = rpc_parser_new();
	writer_init(&w, PROTO_REQUEST_MAX);
}

static void
teardown(void)
{
	rpc_parser_free(parser);
	writer_clear(&w);
}

TestSuite(policy, .timeout = 30, .init = setup, .fini = teardown);

#define SPECIAL(value, access) \
	"{\"path\":{\"type\":\"special\",\"value\":{" value "}}," \
	"\"access\":\"" access "\"}"
#define GUARDED(name) \
	"{\"path\":{\"type\":\"special\",\"value\":{\"kind\":" \
	"\"project_roots\",\"subpath\":\"" name "\"}},\"access\":\"read\"," \
	"\"missing_path_behavior\":\"skip\"}"
#define MANAGED(entries, network) \
	"\"permissions\":{\"type\":\"managed\",\"file_system\":{\"type\":" \
	"\"restricted\",\"entries\":[" entries "]},\"network\":\"" network \
	"\"}"

/* As the client in wide use sends it for files. */
static const char real[] = "{" MANAGED(
    SPECIAL("\"kind\":\"root\"", "read") ","
    SPECIAL("\"kind\":\"project_roots\"", "write") ","
    SPECIAL("\"kind\":\"slash_tmp\"", "write") ","
    SPECIAL("\"kind\":\"tmpdir\"", "write") "," GUARDED(".git") ","
    GUARDED(".agents"), "restricted") ",\"cwd\":\"file:///w\","
    "\"workspaceRoots\":[\"file:///w\",\"file:///w%202\"],"
    "\"windowsSandboxLevel\":\"disabled\","
    "\"windowsSandboxProxySettingsMode\":\"reconcile\","
    "\"useLegacyLandlock\":false,\"policyContext\":{\"cwd\":\"file:///w\","
    "\"workspaceRoots\":[\"file:///w\",\"file:///w%202\"]},"
    "\"userHomeDir\":\"file:///root\"}";

/* The fields of a sandbox, behind those of a call. */
static int
encode_in(const char *sandbox, const char *others)
{
	static char text[TEXT_SIZE];
	struct json_object *value = NULL;
	struct rpc_message message;
	int len, result;

	len = snprintf(text, sizeof(text), "{\"id\":7,\"method\":\"m\","
	    "\"params\":{%s%s\"sandbox\":%s}}", others,
	    others[0] == '\0' ? "" : ",", sandbox);
	cr_assert_lt(len, TEXT_SIZE);
	rpc_parse(parser, text, (size_t)len, false, &message);
	cr_assert_eq(message.kind, RPC_REQUEST, "%s: %s", message.why, text);
	json_object_object_get_ex(message.params, "sandbox", &value);
	writer_reset(&w);
	proto_put_u64(&w, TAG_ID_INT, 7);
	proto_put_bytes(&w, TAG_PATH, span_str("/x"));
	refusal.code = 0;
	result = policy_encode(&message, value, &w, &refusal);
	cr_assert_eq(proto_decode(proto_row(MSG_GR_FS_READ_FILE), w.p, w.len,
	    &msg), PROTO_OK, "%s", text);
	if (result == -1)
		cr_assert(!msg.BOXED_CALL.has_sandbox_files);
	rpc_message_clear(&message);
	return result;
}

static int
encode(const char *sandbox)
{
	return encode_in(sandbox, "");
}

static const struct {
	uint8_t place, access;
	bool skip;
	const char *subpath;
} rules[] = {
	{ PLACE_ROOT, ACCESS_READ, false, NULL },
	{ PLACE_PROJECT, ACCESS_WRITE, false, NULL },
	{ PLACE_SLASH_TMP, ACCESS_WRITE, false, NULL },
	{ PLACE_TEMPS, ACCESS_WRITE, false, NULL },
	{ PLACE_PROJECT, ACCESS_READ, true, ".git" },
	{ PLACE_PROJECT, ACCESS_READ, true, ".agents" },
};

Test(policy, what_the_client_sends)
{
	const struct fields_BOXED_CALL *call = &msg.BOXED_CALL;
	struct fields_RULE rule;
	struct span list, root;
	size_t i;

	cr_assert_eq(encode(real), 0, "%s", refusal.text);
	cr_assert(call->has_sandbox_files &&
	    call->sandbox_files == FILES_BY_RULE);
	cr_assert(call->has_sandbox_network && !call->sandbox_network);
	cr_assert(span_is(call->sandbox_cwd, "/w"));
	list = call->sandbox_roots;
	cr_assert(proto_list_next(&list, &root) && span_is(root, "/w"));
	cr_assert(proto_list_next(&list, &root) && span_is(root, "/w 2"));
	cr_assert(!call->has_sandbox_temps);
	list = call->sandbox_rules;
	for (i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		cr_assert_eq(proto_record_next(&list, &proto_rule, &rule), 1);
		cr_assert_eq(rule.place, rules[i].place);
		cr_assert_eq(rule.access, rules[i].access);
		cr_assert_eq(rule.skip_missing, rules[i].skip);
		cr_assert_eq(rule.has_subpath, rules[i].subpath != NULL);
		if (rule.has_subpath)
			cr_assert(span_is(rule.subpath, rules[i].subpath));
	}
	cr_assert_eq(proto_record_next(&list, &proto_rule, &rule), 0);
}

/* The real one with "what" put in at "at" instead of "len" bytes. */
static const char *
altered(size_t at, size_t len, const char *what)
{
	static char text[TEXT_SIZE];

	snprintf(text, sizeof(text), "%.*s%s%s", (int)at, real, what,
	    real + at + len);
	return text;
}

/* Wherever a member may stand, one that is not known is refused. */
Test(policy, no_unknown_member_anywhere)
{
	const char *brace;
	size_t objects = 0;

	for (brace = strchr(real, '{'); brace != NULL;
	    brace = strchr(brace + 1, '{')) {
		cr_assert_eq(encode(altered((size_t)(brace - real) + 1, 0,
		    "\"zzz\":1,")), -1, "at %s", brace);
		cr_assert_eq(refusal.code, RPC_INVALID_PARAMS);
		cr_assert_not_null(strstr(refusal.text, "\"zzz\""), "%s",
		    refusal.text);
		objects++;
	}
	cr_assert_eq(objects, 22);
}

/* Members whose strings may be anything. */
static bool
is_free(const char *at)
{
	static const char *const names[] = { "\"subpath\":",
		"\"windowsSandboxLevel\":",
		"\"windowsSandboxProxySettingsMode\":" };
	size_t i, len;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		len = strlen(names[i]);
		if ((size_t)(at - real) >= len &&
		    strncmp(at - len, names[i], len) == 0)
			return true;
	}
	return false;
}

/* Every word is one of those known, and every path is one. */
Test(policy, no_unknown_value_anywhere)
{
	const char *from, *to;
	size_t values = 0;

	for (from = strchr(real, '"'); from != NULL;
	    from = strchr(to + 1, '"')) {
		to = strchr(from + 1, '"');
		if (to[1] == ':' || is_free(from))
			continue;
		cr_assert_eq(encode(altered((size_t)(from - real),
		    (size_t)(to - from) + 1, "\"zzz\"")), -1, "%s", from);
		cr_assert_neq(refusal.text[0], '\0');
		cr_assert_eq(encode(altered((size_t)(from - real),
		    (size_t)(to - from) + 1, "5")), -1, "%s", from);
		values++;
	}
	cr_assert_gt(values, 25);
}

static const struct {
	const char *sandbox, *names;
	int code;
} refused[] = {
	{ "{}", "permissions", RPC_INVALID_PARAMS },
	{ "{\"permissions\":null}", "permissions", RPC_INVALID_PARAMS },
	{ "{\"permissions\":{}}", "type", RPC_INVALID_PARAMS },
	{ "{\"permissions\":{\"type\":\"external\",\"network\":"
	    "\"enabled\"}}", "external", RPC_INVALID_PARAMS },
	{ "{\"permissions\":{\"type\":\"managed\"}}", "file_system",
	    RPC_INVALID_PARAMS },
	{ "{\"permissions\":{\"type\":\"managed\",\"file_system\":"
	    "{\"type\":\"unrestricted\"}}}", "network", RPC_INVALID_PARAMS },
	{ "{" MANAGED("5", "enabled") "}", "entry", RPC_INVALID_PARAMS },
	{ "{" MANAGED("{\"path\":{\"type\":\"glob_pattern\",\"pattern\":"
	    "\"*\"},\"access\":\"deny\"}", "enabled") "}", "glob_pattern",
	    RPC_INVALID_PARAMS },
	{ "{" MANAGED(SPECIAL("\"kind\":\"minimal\"", "read"), "enabled")
	    "}", "minimal", RPC_INVALID_PARAMS },
	{ "{" MANAGED(SPECIAL("\"kind\":\"root\",\"subpath\":\"x\"",
	    "read"), "enabled") "}", "subpath", RPC_INVALID_PARAMS },
	{ "{" MANAGED(GUARDED("../x"), "enabled") "}", "subpath",
	    RPC_INVALID_PARAMS },
	{ "{" MANAGED(GUARDED("a/../../x"), "enabled") "}", "subpath",
	    RPC_INVALID_PARAMS },
	{ "{" MANAGED(GUARDED("/etc"), "enabled") "}", "subpath",
	    RPC_INVALID_PARAMS },
	{ "{" MANAGED(GUARDED("a//b"), "enabled") "}", "subpath",
	    RPC_INVALID_PARAMS },
	{ "{" MANAGED(GUARDED(""), "enabled") "}", "subpath",
	    RPC_INVALID_PARAMS },
	{ "{" MANAGED(GUARDED("a\\u0000b"), "enabled") "}", "subpath",
	    RPC_INVALID_PARAMS },
	{ "{" MANAGED("", "enabled") ",\"useLegacyLandlock\":true}",
	    "useLegacyLandlock", RPC_INVALID_REQUEST },
	{ "{" MANAGED("", "enabled") ",\"cwd\":\"file:///a\","
	    "\"policyContext\":{\"cwd\":\"file:///b\"}}", "policyContext.cwd",
	    RPC_INVALID_REQUEST },
	{ "{" MANAGED("", "enabled") ",\"policyContext\":{\"cwd\":"
	    "\"file:///b\"}}", "policyContext.cwd", RPC_INVALID_REQUEST },
	{ "{" MANAGED("", "enabled") ",\"workspaceRoots\":[\"file:///a\"],"
	    "\"policyContext\":{\"workspaceRoots\":[\"file:///b\"]}}",
	    "policyContext.workspaceRoots", RPC_INVALID_REQUEST },
	{ "{" MANAGED("", "enabled") ",\"cwd\":\"file://other/a\"}", "cwd",
	    RPC_INVALID_PARAMS },
};

Test(policy, what_is_refused_is_named)
{
	size_t i;

	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		cr_assert_eq(encode(refused[i].sandbox), -1, "%s",
		    refused[i].sandbox);
		cr_assert_eq(refusal.code, refused[i].code, "%s",
		    refusal.text);
		cr_assert_not_null(strstr(refusal.text, refused[i].names),
		    "\"%s\" does not name %s", refusal.text,
		    refused[i].names);
	}
}

Test(policy, disabled_is_none)
{
	cr_assert_eq(encode("{\"permissions\":{\"type\":\"disabled\"},"
	    "\"cwd\":\"file:///w\",\"workspaceRoots\":[],"
	    "\"temporaryDirectories\":[]}"), 0, "%s", refusal.text);
	cr_assert(!msg.BOXED_CALL.has_sandbox_files &&
	    !msg.BOXED_CALL.has_sandbox_cwd &&
	    !msg.BOXED_CALL.has_sandbox_temps);
	cr_assert_eq(encode("{\"permissions\":{\"type\":\"disabled\","
	    "\"network\":\"enabled\"}}"), -1);
}

Test(policy, a_managed_network_is_refused)
{
	static const char open[] = "{" MANAGED("", "restricted") "}";

	cr_assert_eq(encode_in(open, "\"enforceManagedNetwork\":true"), -1);
	cr_assert_eq(refusal.code, RPC_INVALID_REQUEST);
	cr_assert_eq(encode_in(open, "\"managedNetwork\":{}"), -1);
	cr_assert_eq(encode_in(open, "\"enforceManagedNetwork\":false,"
	    "\"managedNetwork\":null"), 0);
	cr_assert_eq(encode_in("{\"permissions\":{\"type\":\"disabled\"}}",
	    "\"enforceManagedNetwork\":true"), 0);
}

/* Workers are shared by those who ask for the same, in whatever words. */
Test(policy, the_order_of_members_makes_no_difference)
{
	static const char a[] = "{" MANAGED("", "enabled") ",\"cwd\":"
	    "\"file:///w\",\"temporaryDirectories\":[]}";
	static const char b[] = "{\"temporaryDirectories\":[],\"cwd\":"
	    "\"file:///w\"," MANAGED("", "enabled") "}";
	uint8_t *first;
	size_t len;

	cr_assert_eq(encode(a), 0);
	len = w.len;
	first = malloc(len);
	memcpy(first, w.p, len);
	cr_assert_eq(encode(b), 0);
	cr_assert(w.len == len && memcmp(first, w.p, len) == 0);
	free(first);
}

/* "count" workspace roots of 4000 bytes each. */
static int
encode_roots(size_t count)
{
	char *text = malloc(count * 4100 + 1024);
	size_t len, i;
	int result;

	len = (size_t)sprintf(text, "{" MANAGED("", "enabled")
	    ",\"workspaceRoots\":[");
	for (i = 0; i < count; i++)
		len += (size_t)sprintf(text + len, "%s\"file:///%04000zu\"",
		    i == 0 ? "" : ",", i);
	sprintf(text + len, "]}");
	result = encode(text);
	free(text);
	return result;
}

Test(policy, lists_have_an_end)
{
	cr_assert_eq(encode_roots(8), 0, "%s", refusal.text);
	cr_assert_eq(encode_roots(9), -1);
	cr_assert_eq(refusal.code, RPC_INVALID_REQUEST);
	cr_assert_not_null(strstr(refusal.text, "workspaceRoots"));
}
