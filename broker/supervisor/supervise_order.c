/* SPDX-License-Identifier: ISC */
/* What an operator wants of the supervisor, passed on by the broker. */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>

#include "broker/supervisor/options.h"
#include "broker/supervisor/supervise_private.h"
#include "common/chan.h"
#include "common/log.h"

#define SUPERVISE_TOLD_SIZE 1024

void
supervise_tell(struct supervisor *s, uint64_t request, int done,
    uint32_t status, const char *fmt, ...)
{
	char text[SUPERVISE_TOLD_SIZE];
	struct fields_SB_TOLD told = {
		.request = request,
		.done = done,
		.has_status = done,
		.status = status,
		.has_text = true,
	};
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	told.text = span_str(text);
	if (ward_state(s->broker) == WARD_UP && ward_chan(s->broker) != NULL)
		chan_send(ward_chan(s->broker), MSG_SB_TOLD, &told, NULL, 0);
}

static void
supervise_order_reload(struct supervisor *s,
    const struct fields_BS_ORDER *order)
{
	if (supervise_reload(s) == -1)
		supervise_tell(s, order->request, 1, 1, "the configuration "
		    "stays as it was; the log says what is wrong with it");
	else
		supervise_tell(s, order->request, 1, 0, "the configuration "
		    "was read again");
}

static void
supervise_told_roll(void *arg, uint64_t request, int done, uint32_t status,
    const char *text)
{
	supervise_tell(arg, request, done, status, "%s", text);
}

static void
supervise_order_roll(struct supervisor *s,
    const struct fields_BS_ORDER *order)
{
	struct supervise_roll_wish wish = {
		.handoff = order->has_handoff ? order->handoff :
		    s->plan->options->handoff,
		.grace_ms = order->grace_ms,
		.told = supervise_told_roll,
		.arg = s,
		.id = order->request,
	};

	supervise_roll(s, &wish);
}

static const struct {
	enum proto_order order;
	void (*fn)(struct supervisor *s, const struct fields_BS_ORDER *order);
} orders[] = {
	{ ORDER_RELOAD, supervise_order_reload },
	{ ORDER_UPGRADE, supervise_upgrade },
	{ ORDER_ROLL, supervise_order_roll },
};

void
supervise_order(void *arg, const struct fields_BS_ORDER *order)
{
	struct supervisor *s = arg;
	size_t i;

	for (i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
		if (orders[i].order == (enum proto_order)order->order &&
		    s->stage == SUPERVISE_SERVING) {
			orders[i].fn(s, order);
			return;
		}
	supervise_tell(s, order->request, 1, 1, s->stage == SUPERVISE_SERVING ?
	    "this holdfastd does not know how to do that" :
	    "holdfastd is stopping");
}
