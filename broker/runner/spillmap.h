/* SPDX-License-Identifier: ISC */
/*
 * Where in a file which part of the output lies.  The file is used as a ring:
 * parts are added behind the newest and leave from the oldest, so that what
 * floods goes round in the space it has.  Pure: nothing here touches a file.
 */
#ifndef RUNNER_SPILLMAP_H
#define RUNNER_SPILLMAP_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Space is given back to the file system in pieces of this size, in bytes. */
#define SPILLMAP_HOLE_MIN (1024 * 1024)

/* A run of chunks that lies in one piece. */
struct extent {
	TAILQ_ENTRY(extent) entry;
	uint64_t offset;	/* in the file, bytes */
	size_t len;		/* there, with the chunks' heads */
	uint64_t first, last;	/* numbers of its chunks */
	uint64_t chunks;
	uint64_t bytes;		/* of output in them */
	uint64_t before;	/* of output before it, since the beginning */
	bool written;		/* else it is on its way there */
};

/* Embedded; spillmap_init() before anything else. */
struct spillmap {
	TAILQ_HEAD(extents, extent) extents;	/* the oldest first */
	uint64_t size;		/* the ring's, bytes */
	uint64_t head;		/* where the next one goes, if it fits */
	uint64_t used;		/* bytes in extents */
	uint64_t hole, hole_len;	/* left, and not given back */
	bool dirty;		/* the file is not empty */
};

void spillmap_init(struct spillmap *map, uint64_t size);
/* Forget all extents. */
void spillmap_clear(struct spillmap *map);

/*
 * Where "len" bytes can go now: 0 and "*offset", or -1: not before the oldest
 * extent leaves; or never, if there is none.
 */
int spillmap_place(const struct spillmap *map, size_t len, uint64_t *offset);

/* It goes where spillmap_place() said; "extent" is the map's then. */
void spillmap_add(struct spillmap *map, struct extent *extent);

/* The newest one did not get there; it is freed. */
void spillmap_undo(struct spillmap *map);

/* The oldest one leaves; it is freed. */
void spillmap_drop(struct spillmap *map);

/*
 * The file system is full: the ring becomes as small as what is in it, or
 * takes all of "size" again.
 */
void spillmap_shrink(struct spillmap *map);
void spillmap_resize(struct spillmap *map, uint64_t size);

/*
 * Space to be given back: 0 and where, or -1.  It is as good as given back
 * then.  "*len" is UINT64_MAX for the whole file, which is empty.
 */
int spillmap_hole(struct spillmap *map, uint64_t *offset, uint64_t *len);

/* The oldest written extent with a chunk of number "seq" or more, or NULL. */
struct extent *spillmap_find(const struct spillmap *map, uint64_t seq);

/* The highest number in a written extent, or 0. */
uint64_t spillmap_last(const struct spillmap *map);

#endif
