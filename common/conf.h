/* SPDX-License-Identifier: ISC */
/*
 * Options and configuration by one table: the same row serves the command
 * line, the configuration file, --help, and the test that compares them with
 * the manual.  In a file values can be objects, or lists of objects, each with
 * a table of its own.
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
	CONF_WORD,	/* int, the index of the word in "words" */
	CONF_MODE,	/* uint64_t between min and max, octal in a string */
	/* The following are for the file alone. */
	CONF_MAP,	/* struct conf_list of NAME=VALUE; an object of strings */
	CONF_PAIR,	/* struct conf_pair */
	CONF_TABLE,	/* an object; lands in a struct within the struct */
	CONF_ROWS	/* struct conf_rows; a list of objects */
};

/* A CONF_NUMBER or CONF_MODE that was not given. */
#define CONF_UNSET UINT64_MAX
/* Half of a CONF_PAIR that is "unlimited". */
#define CONF_UNLIMITED UINT64_MAX

struct conf_list {
	char **items;
	size_t count;
};

/* A number for both, or {"soft": ..., "hard": ...}; or "unlimited". */
struct conf_pair {
	uint64_t soft, hard;
	int given;
};

/* Each row is "size" bytes of the key's, filled by the key's table. */
struct conf_rows {
	void *rows;
	size_t count;
};

/* Not in the file: it makes sense only where the command is typed. */
#define CONF_ARGS_ONLY 0x1
/* Not on the command line. */
#define CONF_FILE_ONLY 0x2
/* A number or mode without default is CONF_UNSET, not 0. */
#define CONF_OPTIONAL 0x4
/* A string, or an item of a list, may also be written as a whole number. */
#define CONF_NUMERIC 0x8
/* Every row must have it. */
#define CONF_REQUIRED 0x10

struct conf_key {
	const char *name;		/* long option, and key in the file */
	int letter;			/* short option, or 0 */
	enum conf_type type;
	unsigned int flags;		/* CONF_ bits, see above */
	uint64_t min;			/* of a number, mode or pair */
	uint64_t max;			/* of a number, mode or pair */
	/* CONF_WORD: NULL at the end; an empty first one cannot be given. */
	const char *const *words;
	const char *preset;		/* default as typed, or NULL */
	const char *value;		/* what help calls the value, or NULL */
	const char *help;		/* a sentence or two, lines <= 70 */
	size_t offset;			/* place in the caller's struct */
	const struct conf_key *keys;	/* CONF_TABLE, CONF_ROWS: their table */
	size_t nkeys;
	size_t size;			/* CONF_ROWS: bytes of a row */
};

/* Where everything of a file stands, for what is found wrong later. */
struct conf_places;

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

/* Add a copy of "text"; free what the list holds, which is empty then. */
void conf_list_add(struct conf_list *list, const char *text);
void conf_list_clear(struct conf_list *list);

/* Count and report one complaint. */
void conf_error(struct conf_errors *errors, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Count and report a complaint about the value at "path", as in
 * "listeners[1].tenants": as FILE:LINE: PATH: REASON, or without the place
 * when "places" (may be NULL) knows nothing of the path's first part.
 */
void conf_error_at(struct conf_errors *errors,
    const struct conf_places *places, const char *path, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Whether there is a value at "path". */
int conf_places_has(const struct conf_places *places, const char *path);
void conf_places_free(struct conf_places *places);

/*
 * Put the defaults of "n" keys into "dest", which need not have been
 * initialised where the keys land.  conf_clear() frees what they hold.
 */
void conf_init(const struct conf_key *keys, size_t n, void *dest);
void conf_clear(const struct conf_key *keys, size_t n, void *dest);

/*
 * Whether two structs of one table hold the same under "key", which has no
 * table of its own; and let them change places.
 */
int conf_equal(const struct conf_key *key, void *a, void *b);
void conf_swap(const struct conf_key *key, void *a, void *b);

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
 * is wrong is reported as "NAME:LINE: KEY: reason", not only the first, at
 * whatever depth: unknown keys, keys written twice, wrong types, values out of
 * range.  Only a text that is no JSON at all yields a single message.  If
 * "places" is not NULL, it gets what conf_error_at() needs, or NULL, for
 * conf_places_free().
 */
void conf_take_text(const struct conf_key *keys, size_t n, void *dest,
    const char *name, const char *text, size_t len,
    struct conf_places **places, struct conf_errors *errors);

/* The same from the file "path", at most 1 MiB. */
void conf_take_file(const struct conf_key *keys, size_t n, void *dest,
    const char *path, struct conf_places **places,
    struct conf_errors *errors);

/* Write what each option is for, in the order of the table. */
void conf_print_help(const struct conf_key *keys, size_t n, FILE *out);

#endif
