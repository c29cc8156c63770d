/* SPDX-License-Identifier: ISC */
/*
 * Lines of cells under headings, in columns as wide as they need to be, or as
 * a terminal leaves room for.  Pure.
 */
#ifndef CONTRIB_CTL_TABLE_H
#define CONTRIB_CTL_TABLE_H

#include <stddef.h>

#include "common/buf.h"

#define TABLE_COLUMNS 10
#define TABLE_LEAST 8		/* columns of a cell that is cut */

struct table;

/* How a column stands. */
enum {
	TABLE_LEFT = 0,
	TABLE_RIGHT = 1,
	TABLE_CUT = 2		/* may be cut when there is no room */
};

struct table_column {
	const char *heading;	/* NULL: the list is over */
	int how;
};

/* "columns" is borrowed; ends the program when memory is out. */
struct table *table_new(const struct table_column *columns, int utf8);
void table_free(struct table *table);

/* Add the next cell: of others' text, or of our own. */
void table_cell(struct table *table, struct span text);
void table_cellf(struct table *table, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* How many lines there are, that with the headings not counted. */
size_t table_lines(const struct table *table);

/*
 * Append all of it.  "width" is how many columns there are, 0 for as many as
 * it takes.  No line ends with a space.
 */
void table_put(const struct table *table, struct writer *w, size_t width);

#endif
