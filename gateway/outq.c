/* SPDX-License-Identifier: ISC */
/* Queues of blocks. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/outq.h"

#define SMALL_CAP (4096 - sizeof(struct outq_block))
#define LARGE_CAP (160 * 1024 - sizeof(struct outq_block))
#define SMALL_KEEP 64
#define LARGE_KEEP 4

struct outq_block {
	STAILQ_ENTRY(outq_block) entry;
	size_t head;		/* bytes drained from the start */
	size_t len;		/* bytes from the start on, drained included */
	size_t cap;
	uint8_t bytes[];
};

/* Blocks of one size that wait for their next use. */
struct cache {
	STAILQ_HEAD(, outq_block) blocks;
	size_t count, keep, cap;
};

static struct cache small = {
	STAILQ_HEAD_INITIALIZER(small.blocks), 0, SMALL_KEEP, SMALL_CAP
};
static struct cache large = {
	STAILQ_HEAD_INITIALIZER(large.blocks), 0, LARGE_KEEP, LARGE_CAP
};

static struct outq_block *
block_alloc(size_t cap)
{
	struct outq_block *block = malloc(sizeof(*block) + cap);

	if (block != NULL)
		block->cap = cap;
	return block;
}

static struct outq_block *
cache_take(struct cache *cache)
{
	struct outq_block *block = STAILQ_FIRST(&cache->blocks);

	if (block == NULL)
		return block_alloc(cache->cap);
	STAILQ_REMOVE_HEAD(&cache->blocks, entry);
	cache->count--;
	return block;
}

static void
cache_drop(struct cache *cache)
{
	while (cache->count > 0)
		free(cache_take(cache));
}

/* The newest first, because its memory is warm. */
static void
block_free(struct outq_block *block)
{
	struct cache *cache = block->cap == small.cap ? &small :
	    block->cap == large.cap ? &large : NULL;

	if (cache == NULL || cache->count >= cache->keep) {
		free(block);
		return;
	}
	STAILQ_INSERT_HEAD(&cache->blocks, block, entry);
	cache->count++;
}

void
outq_drop_cache(void)
{
	cache_drop(&small);
	cache_drop(&large);
}

void
outq_init(struct outq *q)
{
	STAILQ_INIT(&q->blocks);
	q->len = 0;
	q->put = 0;
}

void
outq_clear(struct outq *q)
{
	outq_drain(q, q->len);
}

static struct outq_block *
block_for(const struct outq *q, size_t need)
{
	if (need > large.cap)
		return block_alloc(need);
	/* Many small blocks would make many small pieces to write. */
	return cache_take(need > small.cap || q->len > small.cap ? &large :
	    &small);
}

uint8_t *
outq_reserve(struct outq *q, size_t need)
{
	struct outq_block *block;

	block = STAILQ_LAST(&q->blocks, outq_block, entry);
	if (block == NULL || block->cap - block->len < need) {
		block = block_for(q, need);
		if (block == NULL)
			return NULL;
		block->head = 0;
		block->len = 0;
		STAILQ_INSERT_TAIL(&q->blocks, block, entry);
	}
	return block->bytes + block->len;
}

void
outq_commit(struct outq *q, size_t len)
{
	struct outq_block *block;

	block = STAILQ_LAST(&q->blocks, outq_block, entry);
	block->len += len;
	q->len += len;
	q->put += len;
	if (q->len == 0)
		outq_drain(q, 0);
}

int
outq_add(struct outq *q, const void *bytes, size_t len)
{
	uint8_t *room = outq_reserve(q, len);

	if (room == NULL)
		return -1;
	memcpy(room, bytes, len);
	outq_commit(q, len);
	return 0;
}

int
outq_peek(const struct outq *q, struct iovec *iov, int max)
{
	struct outq_block *block;
	int n = 0;

	STAILQ_FOREACH(block, &q->blocks, entry) {
		if (n == max)
			break;
		if (block->len == block->head)
			continue;
		iov[n++] = (struct iovec){ block->bytes + block->head,
			block->len - block->head };
	}
	return n;
}

void
outq_drain(struct outq *q, size_t len)
{
	struct outq_block *block;
	size_t n;

	q->len -= len;
	while ((block = STAILQ_FIRST(&q->blocks)) != NULL) {
		n = block->len - block->head;
		if (n > len) {
			block->head += len;
			return;
		}
		len -= n;
		STAILQ_REMOVE_HEAD(&q->blocks, entry);
		block_free(block);
	}
}

/* Drop the end of the queue from byte "at" of "block" on. */
static void
block_cut(struct outq *q, struct outq_block *block, size_t at)
{
	struct outq_block *behind;
	size_t dropped = block->len - at;

	block->len = at;
	while ((behind = STAILQ_NEXT(block, entry)) != NULL) {
		dropped += behind->len;
		STAILQ_REMOVE_AFTER(&q->blocks, block, entry);
		block_free(behind);
	}
	q->len -= dropped;
	q->put -= dropped;
}

void
outq_cut(struct outq *q, outq_unit_fn *unit)
{
	struct outq_block *block = STAILQ_FIRST(&q->blocks);
	size_t at = 0;

	if (block == NULL)
		return;
	/* A block begins with a unit, and what has been drained is kept. */
	while (at < block->head)
		at += unit(block->bytes + at, block->len - at);
	block_cut(q, block, at);
	/* An empty block is freed. */
	outq_drain(q, 0);
}

void
outq_move(struct outq *to, struct outq *from)
{
	STAILQ_CONCAT(&to->blocks, &from->blocks);
	to->len += from->len;
	to->put += from->len;
	from->len = 0;
}
