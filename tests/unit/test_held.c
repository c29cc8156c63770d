/* SPDX-License-Identifier: ISC */
/* What clients have begun to say is bounded for all of them together. */
#include "config.h"

#include <string.h>

#include <criterion/criterion.h>

#include "tests/unit/rig.h"

TestSuite(held, .timeout = 20);

#define ANNOUNCED (1024 * 1024)

/* The head of a long text frame, masked by zeros, and some of what follows. */
static void
begin_message(struct rig_client *client, size_t some)
{
	static const uint8_t head[14] = {
		0x81, 0xff, 0, 0, 0, 0, 0, ANNOUNCED >> 16, 0, 0,
	};
	static char text[ANNOUNCED];

	memset(text, ' ', sizeof(text));
	rig_send(client, head, sizeof(head));
	rig_send(client, text, some);
}

Test(held, who_has_most_of_it_has_to_go)
{
	static struct rig rig;
	struct rig_client small, big;

	rig_init(&rig);
	rig.gw.config.held_max = 384 * 1024;
	rig_session(&rig, &small);
	rig_session(&rig, &big);
	begin_message(&small, 64 * 1024);
	RIG_UNTIL(&rig, rig.gw.held >= 64 * 1024);
	begin_message(&big, 300 * 1024);
	rig_expect_close(&big, WS_CODE_TRY_LATER);
	cr_assert_leq(rig.gw.held, 128 * 1024);
	cr_assert_geq(rig.gw.held, 64 * 1024);
	rig_client_clear(&small);
	RIG_UNTIL(&rig, rig.gw.held == 0);
	rig_client_clear(&big);
	rig_clear(&rig);
}
