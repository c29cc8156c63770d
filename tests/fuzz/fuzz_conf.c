/* SPDX-License-Identifier: ISC */
/* A configuration file: taken or complained about, and nothing is lost. */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "broker/supervisor/options.h"
#include "common/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
report(void *arg, const char *text)
{
	(void)arg;
	if (text[0] == '\0' || strlen(text) >= CONF_ERROR_SIZE ||
	    strchr(text, '\n') != NULL)
		abort();
}

/* What was taken is within its limits, whatever else was wrong. */
static void
check(const void *options, const struct conf_key *key)
{
	const char *at = (const char *)options + key->offset;
	const struct conf_list *list = (const void *)at;
	uint64_t number;
	size_t i;

	if (key->type == CONF_NUMBER) {
		memcpy(&number, at, sizeof(number));
		if (key->preset != NULL &&
		    (number < key->min || number > key->max))
			abort();
	} else if (key->type == CONF_LIST) {
		for (i = 0; i < list->count; i++)
			if (list->items[i] == NULL)
				abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf_errors errors = { .report = report };
	struct options options;
	size_t i;

	memset(&options, 0, sizeof(options));
	conf_init(options_keys, options_nkeys, &options);
	conf_take_text(options_keys, options_nkeys, &options, "name",
	    (const char *)data, size, NULL, &errors);
	for (i = 0; i < options_nkeys; i++)
		check(&options, &options_keys[i]);
	options_clear(&options);
	return 0;
}
