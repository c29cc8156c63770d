/* SPDX-License-Identifier: ISC */
/* Adding up what was counted. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/tally.h"

void
tally_init(struct tally *tally)
{
	memset(tally, 0, sizeof(*tally));
}

void
tally_clear(struct tally *tally)
{
	size_t i;

	for (i = 0; i < tally->count; i++)
		free(tally->accounts[i]);
	free(tally->accounts);
	tally_init(tally);
}

static struct tally_account *
account_find(const struct tally *tally, enum metric_owner owner, uint64_t id)
{
	size_t i;

	for (i = 0; i < tally->count; i++)
		if (tally->accounts[i]->owner == owner &&
		    tally->accounts[i]->id == id)
			return tally->accounts[i];
	return NULL;
}

struct tally_account *
tally_account(struct tally *tally, enum metric_owner owner, uint64_t id,
    const char *name)
{
	struct tally_account *account, **more;

	if (owner == METRIC_OF_HOST)
		return &tally->host;
	account = account_find(tally, owner, id);
	if (account != NULL)
		return account;
	more = reallocarray(tally->accounts, tally->count + 1,
	    sizeof(*more));
	if (more == NULL)
		return &tally->host;
	tally->accounts = more;
	account = calloc(1, sizeof(*account));
	if (account == NULL)
		return &tally->host;
	account->owner = owner;
	account->id = id;
	account->kept = true;
	snprintf(account->name, sizeof(account->name), "%s", name);
	more[tally->count++] = account;
	return account;
}

void
tally_sweep_begin(struct tally *tally)
{
	size_t i;

	for (i = 0; i < tally->count; i++)
		tally->accounts[i]->kept = tally->accounts[i]->owner !=
		    METRIC_OF_TENANT;
}

void
tally_keep(struct tally *tally, uint64_t principal)
{
	struct tally_account *account = account_find(tally, METRIC_OF_TENANT,
	    principal);

	if (account != NULL)
		account->kept = true;
}

void
tally_sweep(struct tally *tally)
{
	size_t i, n = 0;

	for (i = 0; i < tally->count; i++)
		if (tally->accounts[i]->kept)
			tally->accounts[n++] = tally->accounts[i];
		else
			free(tally->accounts[i]);
	tally->count = n;
}

void
tally_add(struct tally_account *account, enum metric_number number,
    uint64_t n)
{
	uint64_t *value = &account->values[number];

	*value = n > TALLY_MAX - *value ? TALLY_MAX : *value + n;
}

void
tally_set(struct tally_account *account, enum metric_number number,
    uint64_t value)
{
	account->values[number] = value;
}

void
tally_observe(struct tally_account *account, enum metric_number first,
    uint64_t microseconds)
{
	metrics_observe(&account->values[(unsigned int)first /
	    METRICS_BLOCK * METRICS_BLOCK], first, microseconds);
}

static bool
is_gauge(const struct metric *m)
{
	return m->family->type == METRIC_GAUGE;
}

/* What one process holds of a gauge is now "value" and was "last". */
static void
take_gauge(uint64_t *sum, uint64_t *last, uint64_t value)
{
	if (value > TALLY_STEP)
		value = TALLY_STEP;
	*sum -= *last < *sum ? *last : *sum;
	*sum = value > TALLY_MAX - *sum ? TALLY_MAX : *sum + value;
	*last = value;
}

static void
take_counter(struct tally_account *account, enum metric_number number,
    uint64_t *last, uint64_t value)
{
	uint64_t more;

	/* What went back was never true. */
	if (value <= *last)
		return;
	more = value - *last;
	*last = value;
	tally_add(account, number, more > TALLY_STEP ? TALLY_STEP : more);
}

int
tally_take(struct tally_account *account, struct tally_source *source,
    enum proto_role role, struct span counts)
{
	struct metrics_item item;
	const struct metric *m;
	uint64_t *last;
	int more;

	while ((more = metrics_next_item(&counts, &item)) == 1) {
		m = metrics_find(item.number);
		if (m == NULL || metrics_role(item.number) != role)
			continue;
		last = &source->last[item.number % METRICS_BLOCK];
		if (is_gauge(m))
			take_gauge(&account->values[item.number], last,
			    item.value);
		else
			take_counter(account, item.number, last, item.value);
	}
	return more;
}

void
tally_leave(struct tally_account *account, struct tally_source *source,
    enum proto_role role)
{
	const struct metric *m;
	size_t count, i;

	m = metrics_table(&count);
	for (i = 0; i < count; i++, m++)
		if (is_gauge(m) && metrics_role(m->number) == role)
			take_gauge(&account->values[m->number],
			    &source->last[m->number % METRICS_BLOCK], 0);
}

static bool
put_one(const struct tally_account *account, const struct metric *m,
    bool (*put)(void *arg, const struct metrics_item *item), void *arg)
{
	struct metrics_item item = {
		.number = m->number,
		.value = account->values[m->number],
	};

	if (account->owner != METRIC_OF_HOST)
		item.owner = span_str(account->name);
	return put(arg, &item);
}

void
tally_walk(const struct tally *tally, bool (*put)(void *arg,
    const struct metrics_item *item), void *arg)
{
	const struct metric *m;
	size_t count, i, j;

	m = metrics_table(&count);
	for (i = 0; i < count; i++, m++) {
		if (m->family->owner == METRIC_OF_HOST &&
		    !put_one(&tally->host, m, put, arg))
			return;
		for (j = 0; j < tally->count; j++)
			if (tally->accounts[j]->owner == m->family->owner &&
			    !put_one(tally->accounts[j], m, put, arg))
				return;
	}
}
