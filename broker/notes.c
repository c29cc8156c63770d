/* SPDX-License-Identifier: ISC */
/* Sentences about ended sessions: a ring, looked through from new. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "broker/notes.h"

struct note {
	struct ident session;
	char text[NOTE_SIZE];
};

struct notes {
	size_t max, next, count;
	struct note ring[];
};

struct notes *
notes_new(size_t max)
{
	struct notes *notes = calloc(1, sizeof(*notes) +
	    max * sizeof(notes->ring[0]));

	if (notes != NULL)
		notes->max = max;
	return notes;
}

void
notes_free(struct notes *notes)
{
	free(notes);
}

void
notes_add(struct notes *notes, const struct ident *session, const char *text)
{
	struct note *note = &notes->ring[notes->next];

	if (notes_find(notes, session) != NULL)
		return;
	note->session = *session;
	strlcpy(note->text, text, sizeof(note->text));
	notes->next = (notes->next + 1) % notes->max;
	if (notes->count < notes->max)
		notes->count++;
}

const char *
notes_find(const struct notes *notes, const struct ident *session)
{
	size_t i, at;

	for (i = 1; i <= notes->count; i++) {
		at = (notes->next + notes->max - i) % notes->max;
		if (ident_equal(&notes->ring[at].session, session))
			return notes->ring[at].text;
	}
	return NULL;
}
