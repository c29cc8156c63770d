/* SPDX-License-Identifier: ISC */
/* Options and configuration by one table: values, command line, help. */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/conf.h"
#include "common/confval.h"
#include "common/xmalloc.h"

/* getopt_long() answers this plus the row; short options are below it. */
#define CONF_LONG_BASE 1000

void
conf_error(struct conf_errors *errors, const char *fmt, ...)
{
	char text[CONF_ERROR_SIZE], *p;
	va_list ap;

	errors->count++;
	if (errors->report == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* What is quoted in it may hold anything. */
	for (p = text; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	errors->report(errors->arg, text);
}

void *
conf_field(const struct conf_key *key, void *dest)
{
	return (char *)dest + key->offset;
}

void
conf_list_clear(struct conf_list *list)
{
	size_t i;

	for (i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	list->items = NULL;
	list->count = 0;
}

static void
conf_list_add(struct conf_list *list, const char *text)
{
	list->items = xreallocarray(list->items, list->count + 1,
	    sizeof(*list->items));
	list->items[list->count++] = xstrdup(text);
}

int
conf_set_number(const struct conf_key *key, void *dest, uint64_t value,
    char *reason)
{
	if (value < key->min || value > key->max) {
		snprintf(reason, CONF_REASON_SIZE,
		    "must be between %ju and %ju, not %ju",
		    (uintmax_t)key->min, (uintmax_t)key->max,
		    (uintmax_t)value);
		return -1;
	}
	*(uint64_t *)conf_field(key, dest) = value;
	return 0;
}

static int
conf_number_of_text(const struct conf_key *key, void *dest, const char *text,
    char *reason)
{
	uintmax_t value;
	char *end;

	/* Beyond its range strtoumax(3) answers the largest: out of ours. */
	value = strtoumax(text, &end, 10);
	if (!isdigit((unsigned char)text[0]) || *end != '\0') {
		snprintf(reason, CONF_REASON_SIZE,
		    "must be a number, not \"%.60s\"", text);
		return -1;
	}
	return conf_set_number(key, dest, value, reason);
}

static int
conf_word_of_text(const struct conf_key *key, void *dest, const char *text,
    char *reason)
{
	size_t used;
	int i;

	for (i = 0; key->words[i] != NULL; i++)
		if (strcmp(key->words[i], text) == 0) {
			*(int *)conf_field(key, dest) = i;
			return 0;
		}
	strlcpy(reason, "must be one of", CONF_REASON_SIZE);
	for (i = 0; key->words[i] != NULL; i++) {
		strlcat(reason, " ", CONF_REASON_SIZE);
		strlcat(reason, key->words[i], CONF_REASON_SIZE);
	}
	used = strlen(reason);
	snprintf(reason + used, CONF_REASON_SIZE - used,
	    ", not \"%.60s\"", text);
	return -1;
}

int
conf_set_text(const struct conf_key *key, void *dest, const char *text,
    char *reason)
{
	void *field = conf_field(key, dest);

	switch (key->type) {
	case CONF_FLAG:
		*(int *)field = 1;
		return 0;
	case CONF_NUMBER:
		return conf_number_of_text(key, dest, text, reason);
	case CONF_WORD:
		return conf_word_of_text(key, dest, text, reason);
	case CONF_STRING:
	case CONF_LIST:
		break;
	}
	if (text[0] == '\0') {
		snprintf(reason, CONF_REASON_SIZE, "must not be empty");
		return -1;
	}
	if (key->type == CONF_LIST) {
		conf_list_add(field, text);
	} else {
		free(*(char **)field);
		*(char **)field = xstrdup(text);
	}
	return 0;
}

void
conf_init(const struct conf_key *keys, size_t n, void *dest)
{
	static const size_t sizes[] = {
		[CONF_FLAG] = sizeof(int),
		[CONF_NUMBER] = sizeof(uint64_t),
		[CONF_STRING] = sizeof(char *),
		[CONF_LIST] = sizeof(struct conf_list),
		[CONF_WORD] = sizeof(int),
	};
	char reason[CONF_REASON_SIZE];
	size_t i;

	for (i = 0; i < n; i++) {
		memset(conf_field(&keys[i], dest), 0, sizes[keys[i].type]);
		if (keys[i].preset != NULL && conf_set_text(&keys[i], dest,
		    keys[i].preset, reason) == -1)
			abort();
	}
}

void
conf_clear(const struct conf_key *keys, size_t n, void *dest)
{
	size_t i;
	char **string;

	for (i = 0; i < n; i++) {
		if (keys[i].type == CONF_LIST)
			conf_list_clear(conf_field(&keys[i], dest));
		if (keys[i].type == CONF_STRING) {
			string = conf_field(&keys[i], dest);
			free(*string);
			*string = NULL;
		}
	}
}

/*
 * Fill what getopt_long() wants: a row a key and an empty one in "options",
 * at most two letters a key in "letters".
 */
static void
conf_getopt_tables(const struct conf_key *keys, size_t n,
    struct option *options, char *letters)
{
	size_t i;

	/* The colon: a missing value is told apart from an unknown option. */
	*letters++ = ':';
	for (i = 0; i < n; i++) {
		options[i].name = keys[i].name;
		options[i].has_arg = keys[i].type == CONF_FLAG ?
		    no_argument : required_argument;
		options[i].val = CONF_LONG_BASE + (int)i;
		if (keys[i].letter == 0)
			continue;
		*letters++ = (char)keys[i].letter;
		if (keys[i].type != CONF_FLAG)
			*letters++ = ':';
	}
	*letters = '\0';
}

static const struct conf_key *
conf_key_of_getopt(const struct conf_key *keys, size_t n, int ch)
{
	size_t i;

	if (ch >= CONF_LONG_BASE)
		return &keys[ch - CONF_LONG_BASE];
	for (i = 0; i < n; i++)
		if (ch != 0 && keys[i].letter == ch)
			return &keys[i];
	return NULL;
}

static void
conf_args_error(const struct conf_key *keys, size_t n, int ch, char **argv,
    struct conf_errors *errors)
{
	const struct conf_key *key = conf_key_of_getopt(keys, n, optopt);

	if (key != NULL)
		conf_error(errors, "--%s %s", key->name, ch == ':' ?
		    "needs a value" : "takes no value");
	else if (optopt != 0)
		conf_error(errors, "unknown option -%c; try --help", optopt);
	else
		conf_error(errors, "unknown option %.80s; try --help",
		    argv[optind - 1]);
}

void
conf_take_args(const struct conf_key *keys, size_t n, void *dest, int argc,
    char **argv, struct conf_errors *errors)
{
	const struct conf_key *key;
	struct option *options = xcalloc(n + 1, sizeof(*options));
	char *letters = xcalloc(2 * n + 2, 1), *seen = xcalloc(n, 1);
	char reason[CONF_REASON_SIZE];
	int ch;

	conf_getopt_tables(keys, n, options, letters);
	opterr = 0;
	/* Zero, not one: glibc then forgets an earlier command line. */
	optind = 0;
	while ((ch = getopt_long(argc, argv, letters, options, NULL)) != -1) {
		if (ch == '?' || ch == ':') {
			conf_args_error(keys, n, ch, argv, errors);
			continue;
		}
		key = conf_key_of_getopt(keys, n, ch);
		if (key->type == CONF_LIST && !seen[key - keys])
			conf_list_clear(conf_field(key, dest));
		seen[key - keys] = 1;
		if (conf_set_text(key, dest, optarg, reason) == -1)
			conf_error(errors, "--%s: %s", key->name, reason);
	}
	for (; optind < argc; optind++)
		conf_error(errors, "unexpected argument \"%.80s\"; try --help",
		    argv[optind]);
	free(options);
	free(letters);
	free(seen);
}

/* The sentence is wrapped in the table; each line of it is indented here. */
static void
conf_print_indented(const char *text, FILE *out)
{
	for (fputc('\t', out); *text != '\0'; text++) {
		fputc(*text, out);
		if (*text == '\n')
			fputc('\t', out);
	}
}

void
conf_print_help(const struct conf_key *keys, size_t n, FILE *out)
{
	const struct conf_key *key;

	for (key = keys; key < keys + n; key++) {
		if (key->letter != 0)
			fprintf(out, "  -%c, --%s", key->letter, key->name);
		else
			fprintf(out, "  --%s", key->name);
		if (key->value != NULL)
			fprintf(out, " %s", key->value);
		fputc('\n', out);
		conf_print_indented(key->help, out);
		if (key->preset != NULL)
			fprintf(out, " (default %s)", key->preset);
		fputc('\n', out);
	}
}
