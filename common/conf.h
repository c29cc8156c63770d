/* SPDX-License-Identifier: ISC */
/*
 * Options and configuration by one table: the same row serves the command
 * line, the configuration file, --help, and the test that compares them with
 * the manual.
 */
#ifndef COMMON_CONF_H
#define COMMON_CONF_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum conf_type {
	CONF_FLAG,	/* int, 1 when given; true or false in the file */
	CONF_NUMBER,	/* uint64_t between min and max */
	CONF_STRING,	/* char *, NULL when not given and without default */
	CONF_LIST,	/* struct conf_list; may be given several times */
	CONF_WORD	/* int, the index of the word in "words" */
};

struct conf_list {
	char **items;
	size_t count;
};

/* Not in the file: it makes sense only where the command is typed. */
#define CONF_ARGS_ONLY 0x1

struct conf_key {
	const char *name;		/* long option, and key in the file */
	int letter;			/* short option, or 0 */
	enum conf_type type;
	unsigned int flags;		/* CONF_ARGS_ONLY or 0 */
	uint64_t min;			/* CONF_NUMBER: smallest value */
	uint64_t max;			/* CONF_NUMBER: largest value */
	const char *const *words;	/* CONF_WORD: ends with NULL */
	const char *preset;		/* default as typed, or NULL */
	const char *value;		/* what help calls the value, or NULL */
	const char *help;		/* a sentence or two, lines <= 70 */
	size_t offset;			/* place in the caller's struct */
};

/* The length of a message that the functions below report, in bytes. */
#define CONF_ERROR_SIZE 512

/*
 * Takes the complaints.  "report" gets each as one line without newline; it
 * may be NULL.  "count" is how many there were.
 */
struct conf_errors {
	void (*report)(void *arg, const char *text);
	void *arg;
	unsigned int count;
};

/* Free what the list holds; it is empty then. */
void conf_list_clear(struct conf_list *list);

/* Count and report one complaint. */
void conf_error(struct conf_errors *errors, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Put the defaults of "n" keys into "dest", which need not have been
 * initialised where the keys land.  conf_clear() frees what they hold.
 */
void conf_init(const struct conf_key *keys, size_t n, void *dest);
void conf_clear(const struct conf_key *keys, size_t n, void *dest);

/*
 * Take a command line (getopt_long(3); argv[0] is skipped).  A list given at
 * least once replaces what it held.  A value that cannot be taken is
 * reported and leaves the old one.  To let a command line win over a file
 * that it names, take it again after the file.
 */
void conf_take_args(const struct conf_key *keys, size_t n, void *dest,
    int argc, char **argv, struct conf_errors *errors);

/*
 * Take a configuration: one JSON object, comments allowed.  Everything that
 * is wrong is reported as "NAME:LINE: KEY: reason", not only the first:
 * unknown keys, keys written twice, wrong types, values out of range.  Only
 * a text that is no JSON at all yields a single message.
 */
void conf_take_text(const struct conf_key *keys, size_t n, void *dest,
    const char *name, const char *text, size_t len,
    struct conf_errors *errors);

/* The same from the file "path", at most 256 KiB. */
void conf_take_file(const struct conf_key *keys, size_t n, void *dest,
    const char *path, struct conf_errors *errors);

/* Write what each key is for, in the order of the table. */
void conf_print_help(const struct conf_key *keys, size_t n, FILE *out);

#endif
