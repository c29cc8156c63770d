/* SPDX-License-Identifier: ISC */
/* What is stored for the next broker, and when it is not given it. */
#include "config.h"

#include <stdlib.h>

#include "broker/supervisor/storesock.h"
#include "broker/supervisor/supervise_private.h"
#include "common/log.h"

/* How many brokers may fail in a row with what is stored. */
#define SUPERVISE_STORE_TRIES 3

void
supervise_init_store(struct supervisor *s)
{
	size_t i;

	if (s->plan->notify == -1)
		return;
	s->store = storesock_new(s->base, s->plan->runtime_dir,
	    s->plan->notify);
	s->plan->notify = -1;
	if (s->store == NULL)
		fatalx("no event for the store");
	for (i = 0; s->plan->heirloom != NULL &&
	    i < s->plan->heirloom->count; i++)
		storesock_put(s->store, s->plan->heirloom->entries[i].name,
		    s->plan->heirloom->entries[i].fd);
}

void
supervise_clear_store(struct supervisor *s)
{
	storesock_free(s->store, !s->plan->left);
	s->store = NULL;
}

/*
 * Something in there may be what a broker fails at.  Sessions that are lost
 * are better than a host that serves nobody ever again.
 */
void
supervise_inherit(struct supervisor *s)
{
	const struct store *store = storesock_store(s->store);

	storesock_drain(s->store);
	if (!ward_failed(s->broker)) {
		s->store_deaths = 0;
		return;
	}
	if (store->count == 0 || ++s->store_deaths < SUPERVISE_STORE_TRIES)
		return;
	log_warnx("%u brokers in a row have failed with the %zu descriptors "
	    "that are stored: the next starts without, and all sessions are "
	    "lost", s->store_deaths, store->count);
	storesock_empty(s->store);
	s->store_deaths = 0;
}
