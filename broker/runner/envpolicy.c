/* SPDX-License-Identifier: ISC */
/* Filtering and laying environments over each other. */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/runner/envpolicy.h"

#define SLOT_NONE ((size_t)-1)

/* What is inherited as "core". */
static const char *const core_names[] = {
	"HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "SHELL",
	"TEMP", "TMP", "TMPDIR", "USER",
};

/* What is not passed on unless asked for. */
static const char *const secret_patterns[] = { "*KEY*", "*SECRET*",
	"*TOKEN*" };

struct variable {
	struct span text;	/* NAME=VALUE; p is NULL when dropped */
	size_t name;		/* bytes of NAME */
};

struct environment {
	struct variable *list;
	size_t count, room;
	size_t *index;		/* open addressing by name, SLOT_NONE is free */
	size_t mask;
};

int
envpolicy_match(struct span pattern, const char *name, size_t len)
{
	size_t p = 0, n = 0, star = SLOT_NONE, mark = 0;

	while (n < len) {
		if (p < pattern.len && pattern.p[p] == '*') {
			star = p++;
			mark = n;
		} else if (p < pattern.len && (pattern.p[p] == '?' ||
		    tolower(pattern.p[p]) ==
		    tolower((unsigned char)name[n]))) {
			p++;
			n++;
		} else if (star != SLOT_NONE) {
			p = star + 1;
			n = ++mark;
		} else {
			return 0;
		}
	}
	while (p < pattern.len && pattern.p[p] == '*')
		p++;
	return p == pattern.len;
}

static int
match_any(struct span patterns, const struct variable *variable)
{
	struct span pattern;

	while (proto_list_next(&patterns, &pattern))
		if (envpolicy_match(pattern, (const char *)variable->text.p,
		    variable->name))
			return 1;
	return 0;
}

static int
is_core(const struct variable *variable)
{
	size_t i;

	for (i = 0; i < sizeof(core_names) / sizeof(core_names[0]); i++)
		if (strlen(core_names[i]) == variable->name &&
		    memcmp(core_names[i], variable->text.p,
		    variable->name) == 0)
			return 1;
	return 0;
}

static int
is_secret(const struct variable *variable)
{
	size_t i;

	for (i = 0; i < sizeof(secret_patterns) / sizeof(secret_patterns[0]);
	    i++)
		if (envpolicy_match(span_str(secret_patterns[i]),
		    (const char *)variable->text.p, variable->name))
			return 1;
	return 0;
}

static int
environment_init(struct environment *env, size_t room)
{
	size_t i, slots = 16;

	memset(env, 0, sizeof(*env));
	while (slots < room * 2)
		slots *= 2;
	env->room = room;
	env->mask = slots - 1;
	env->list = calloc(room + 1, sizeof(*env->list));
	env->index = malloc(slots * sizeof(*env->index));
	if (env->list == NULL || env->index == NULL)
		return -1;
	for (i = 0; i < slots; i++)
		env->index[i] = SLOT_NONE;
	return 0;
}

static void
environment_clear(struct environment *env)
{
	free(env->list);
	free(env->index);
}

static size_t *
environment_slot(struct environment *env, const struct variable *variable)
{
	const struct variable *other;
	size_t hash = 5381, i, slot;

	for (i = 0; i < variable->name; i++)
		hash = hash * 33 + variable->text.p[i];
	for (slot = hash & env->mask; env->index[slot] != SLOT_NONE;
	    slot = (slot + 1) & env->mask) {
		other = &env->list[env->index[slot]];
		if (other->name == variable->name &&
		    memcmp(other->text.p, variable->text.p,
		    variable->name) == 0)
			break;
	}
	return &env->index[slot];
}

/* A later value of the same name takes the earlier one's place. */
static void
environment_put(struct environment *env, const struct variable *variable)
{
	size_t *slot = environment_slot(env, variable);

	if (*slot == SLOT_NONE)
		*slot = env->count++;
	env->list[*slot] = *variable;
}

static int
variable_parse(struct span text, struct variable *variable)
{
	const uint8_t *equals;

	equals = text.len > 0 ? memchr(text.p, '=', text.len) : NULL;
	if (equals == NULL || equals == text.p ||
	    memchr(text.p, '\0', text.len) != NULL) {
		errno = EINVAL;
		return -1;
	}
	variable->text = text;
	variable->name = (size_t)(equals - text.p);
	return 0;
}

static int
environment_put_list(struct environment *env, struct span list)
{
	struct variable variable;
	struct span item;

	while (proto_list_next(&list, &item)) {
		if (variable_parse(item, &variable) == -1)
			return -1;
		environment_put(env, &variable);
	}
	return 0;
}

static void
environment_inherit(struct environment *env, const struct envpolicy *policy,
    const char *const *base)
{
	struct variable variable;

	for (; *base != NULL && policy->inherit != INHERIT_NONE; base++) {
		if (variable_parse(span_str(*base), &variable) == -1)
			continue;
		if (policy->inherit == INHERIT_CORE && !is_core(&variable))
			continue;
		if (!policy->no_default_excludes && is_secret(&variable))
			continue;
		if (!match_any(policy->exclude, &variable))
			environment_put(env, &variable);
	}
}

/* Drop what is not included, and index anew what is left. */
static void
environment_include(struct environment *env, struct span patterns)
{
	size_t count = env->count, i;

	if (proto_list_count(patterns) == 0)
		return;
	for (i = 0; i <= env->mask; i++)
		env->index[i] = SLOT_NONE;
	env->count = 0;
	for (i = 0; i < count; i++)
		if (match_any(patterns, &env->list[i]))
			environment_put(env, &env->list[i]);
}

static char **
environment_block(const struct environment *env, size_t max)
{
	size_t bytes = (env->count + 1) * sizeof(char *), i;
	char **block, *text;

	for (i = 0; i < env->count; i++)
		bytes += env->list[i].text.len + 1;
	if (bytes > max) {
		errno = E2BIG;
		return NULL;
	}
	block = malloc(bytes);
	if (block == NULL)
		return NULL;
	text = (char *)(block + env->count + 1);
	for (i = 0; i < env->count; i++) {
		block[i] = text;
		memcpy(text, env->list[i].text.p, env->list[i].text.len);
		text += env->list[i].text.len;
		*text++ = '\0';
	}
	block[i] = NULL;
	return block;
}

static int
environment_fill(struct environment *env, const struct envpolicy *policy,
    const char *const *base)
{
	if (policy->given) {
		environment_inherit(env, policy, base);
		if (environment_put_list(env, policy->set) == -1)
			return -1;
		environment_include(env, policy->include_only);
	}
	return environment_put_list(env, policy->overlay);
}

static int
environment_shell(struct environment *env, const char *value, char *text,
    size_t size)
{
	struct variable shell = { .name = strlen("SHELL") };
	size_t len = strlen(value);

	if (len > size - sizeof("SHELL=")) {
		errno = E2BIG;
		return -1;
	}
	memcpy(text, "SHELL=", 6);
	memcpy(text + 6, value, len);
	shell.text = (struct span){ (const uint8_t *)text, len + 6 };
	if (*environment_slot(env, &shell) == SLOT_NONE)
		environment_put(env, &shell);
	return 0;
}

char **
envpolicy_make(const struct envpolicy *policy, const char *const *base,
    size_t max)
{
	struct environment env;
	char **block = NULL, text[4096 + sizeof("SHELL=")];
	size_t i, room;

	if (policy->overlay.len > max || policy->set.len > max) {
		errno = E2BIG;
		return NULL;
	}
	room = proto_list_count(policy->overlay) +
	    proto_list_count(policy->set) + 1;
	for (i = 0; policy->given && base[i] != NULL; i++)
		room++;
	if (environment_init(&env, room) == 0 &&
	    environment_fill(&env, policy, base) == 0 &&
	    (policy->shell == NULL || environment_shell(&env, policy->shell,
	    text, sizeof(text)) == 0))
		block = environment_block(&env, max);
	environment_clear(&env);
	return block;
}
