/* SPDX-License-Identifier: ISC */
/*
 * What the client takes from users and servers as text: addresses, names in
 * lists to be copied, lists of processes, what was left running, and how
 * sessions have ended.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "contrib/client/cp_private.h"
#include "contrib/client/memory.h"
#include "contrib/client/ps.h"
#include "contrib/client/rpc.h"
#include "contrib/client/session.h"
#include "contrib/client/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
try_url(const char *text)
{
	struct url url;
	const char *p;

	if (url_parse(&url, text) != NULL)
		return;
	if (url.target[0] != '/' || url.host[0] == '\0' ||
	    url.port[0] == '\0')
		abort();
	for (p = url.target; *p != '\0'; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f)
			abort();
}

/* Nothing that leads out of the directory it is to be put in. */
static void
try_name(const char *text)
{
	char *name = cp_uri_name(text);

	if (name != NULL && (*name == '\0' || strchr(name, '/') != NULL ||
	    strcmp(name, ".") == 0 || strcmp(name, "..") == 0))
		abort();
	free(name);
}

static void
try_list(const char *text, size_t len)
{
	struct ps_process process;
	struct rpc_message msg;
	char state[32];
	size_t i;

	rpc_parse(&msg, text, len);
	for (i = 0; ps_process(msg.body, i, &process) == 0; i++) {
		ps_state(&process, state, sizeof(state));
		if (state[0] == '\0' && process.signal == NULL)
			abort();
	}
	rpc_message_clear(&msg);
}

static void
try_memory(const char *text, size_t len)
{
	struct memory memory = { 0 };
	size_t i;

	memory_parse(&memory, text, len);
	for (i = 0; i < memory.count; i++)
		if (*memory.entries[i].session == '\0' ||
		    *memory.entries[i].process == '\0' ||
		    strpbrk(memory.entries[i].command, "\t\n\033") != NULL)
			abort();
	memory_clear(&memory);
}

/* Nothing that a terminal would obey, whatever the server says. */
static void
try_ending(const char *text, size_t len)
{
	struct rpc_message msg;
	char why[512] = "it has ended";
	const char *p;

	rpc_parse(&msg, text, len);
	session_add_ending(why, sizeof(why), &msg);
	for (p = why; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			abort();
	rpc_message_clear(&msg);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (size == 0)
		return 0;
	text = malloc(size);
	if (text == NULL)
		abort();
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	switch (data[0] == '#' ? -1 : data[0] % 4) {
	case -1:
		try_ending(text, size - 1);
		break;
	case 0:
		try_url(text);
		break;
	case 1:
		try_name(text);
		break;
	case 2:
		try_list(text, size - 1);
		break;
	default:
		try_memory(text, size - 1);
		break;
	}
	free(text);
	return 0;
}
