/* SPDX-License-Identifier: ISC */
/* Tables for people. */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/xmalloc.h"
#include "contrib/ctl/safe.h"
#include "contrib/ctl/table.h"

#define GAP 2			/* between two columns */
#define CELL_MAX 65536

struct cell {
	char *text;		/* owned, harmless */
	size_t width;
};

struct table {
	const struct table_column *columns;
	size_t ncolumns;
	int utf8;
	struct cell *cells;
	size_t ncells, room;
};

struct table *
table_new(const struct table_column *columns, int utf8)
{
	struct table *table = xcalloc(1, sizeof(*table));

	table->columns = columns;
	table->utf8 = utf8;
	while (table->ncolumns < TABLE_COLUMNS &&
	    columns[table->ncolumns].heading != NULL)
		table->ncolumns++;
	return table;
}

void
table_free(struct table *table)
{
	size_t i;

	for (i = 0; i < table->ncells; i++)
		free(table->cells[i].text);
	free(table->cells);
	free(table);
}

void
table_cell(struct table *table, struct span text)
{
	struct cell *cell;
	struct writer w;

	if (table->ncells == table->room) {
		table->room = table->room == 0 ? 64 : table->room * 2;
		table->cells = xreallocarray(table->cells, table->room,
		    sizeof(*table->cells));
	}
	cell = &table->cells[table->ncells++];
	writer_init(&w, CELL_MAX);
	cell->width = safe_put(&w, text, table->utf8);
	writer_put_u8(&w, 0);
	cell->text = xstrdup(w.failed ? "" : (const char *)w.p);
	writer_clear(&w);
}

void
table_cellf(struct table *table, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	table_cell(table, span_str(text));
}

size_t
table_lines(const struct table *table)
{
	return table->ncells / table->ncolumns;
}

static void
measure(const struct table *table, size_t widths[TABLE_COLUMNS])
{
	size_t i, column;

	for (i = 0; i < table->ncolumns; i++)
		widths[i] = strlen(table->columns[i].heading);
	for (i = 0; i < table->ncells; i++) {
		column = i % table->ncolumns;
		if (table->cells[i].width > widths[column])
			widths[column] = table->cells[i].width;
	}
}

/* Take from the widest of those that may be cut until all fit. */
static void
squeeze(const struct table *table, size_t widths[TABLE_COLUMNS],
    size_t width)
{
	size_t i, total, widest;

	for (;;) {
		total = GAP * (table->ncolumns - 1);
		widest = table->ncolumns;
		for (i = 0; i < table->ncolumns; i++) {
			total += widths[i];
			if ((table->columns[i].how & TABLE_CUT) != 0 &&
			    widths[i] > TABLE_LEAST &&
			    (widest == table->ncolumns ||
			    widths[i] > widths[widest]))
				widest = i;
		}
		if (total <= width || widest == table->ncolumns)
			return;
		widths[widest]--;
	}
}

static void
put_spaces(struct writer *w, size_t count)
{
	while (count-- > 0)
		writer_put_u8(w, ' ');
}

/* As much as fits, the last column a mark that it is not all. */
static void
put_cut(struct writer *w, const char *text, size_t width)
{
	struct span rest = span_str(text);
	const uint8_t *at = rest.p, *from = rest.p;
	size_t used = 0;
	int one;

	while (rest.len > 0) {
		at = rest.p;
		one = safe_width(safe_next(&rest));
		if (one < 1)
			one = 1;
		if (used + (size_t)one > width - 1)
			break;
		used += (size_t)one;
		at = rest.p;
	}
	writer_put(w, from, (size_t)(at - from));
	writer_put_u8(w, '>');
	put_spaces(w, width - used - 1);
}

static void
put_cell(struct writer *w, const char *text, size_t has, size_t width,
    int right, int last)
{
	size_t spaces = has < width ? width - has : 0;

	if (has > width) {
		put_cut(w, text, width);
		return;
	}
	if (right)
		put_spaces(w, spaces);
	writer_put(w, text, strlen(text));
	if (!right && !last)
		put_spaces(w, spaces);
}

static void
put_line(const struct table *table, struct writer *w, const size_t *widths,
    const struct cell *cells)
{
	size_t i, end = w->len, has;
	const char *text;

	for (i = 0; i < table->ncolumns; i++) {
		text = cells == NULL ? table->columns[i].heading :
		    cells[i].text;
		has = cells == NULL ? strlen(text) : cells[i].width;
		if (i > 0)
			put_spaces(w, GAP);
		put_cell(w, text, has, widths[i],
		    table->columns[i].how & TABLE_RIGHT,
		    i + 1 == table->ncolumns);
	}
	while (!w->failed && w->len > end && w->p[w->len - 1] == ' ')
		w->len--;
	writer_put_u8(w, '\n');
}

void
table_put(const struct table *table, struct writer *w, size_t width)
{
	size_t widths[TABLE_COLUMNS], i;

	measure(table, widths);
	if (width != 0)
		squeeze(table, widths, width);
	put_line(table, w, widths, NULL);
	for (i = 0; i + table->ncolumns <= table->ncells;
	    i += table->ncolumns)
		put_line(table, w, widths, &table->cells[i]);
}
