/* SPDX-License-Identifier: ISC */
/* Options and configuration by one table: command line, help, errors. */
#include "config.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/conf.h"
#include "common/confval.h"
#include "common/xmalloc.h"

/* getopt_long() answers this plus the row; short options are below it. */
#define CONF_LONG_BASE 1000

static void
conf_report(struct conf_errors *errors, char *text)
{
	char *p;

	errors->count++;
	if (errors->report == NULL)
		return;
	/* What is quoted in it may hold anything. */
	for (p = text; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	errors->report(errors->arg, text);
}

void
conf_error(struct conf_errors *errors, const char *fmt, ...)
{
	char text[CONF_ERROR_SIZE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	conf_report(errors, text);
}

void
conf_error_at(struct conf_errors *errors, const struct conf_places *places,
    const char *path, const char *fmt, ...)
{
	char text[CONF_ERROR_SIZE];
	size_t used;
	va_list ap;

	conf_places_print(places, path, text, sizeof(text));
	used = strlen(text);
	va_start(ap, fmt);
	vsnprintf(text + used, sizeof(text) - used, fmt, ap);
	va_end(ap);
	conf_report(errors, text);
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
		if (keys[i].flags & CONF_FILE_ONLY)
			continue;
		options->name = keys[i].name;
		options->has_arg = keys[i].type == CONF_FLAG ?
		    no_argument : required_argument;
		options->val = CONF_LONG_BASE + (int)i;
		options++;
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
		if (key->flags & CONF_FILE_ONLY)
			continue;
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
