/* SPDX-License-Identifier: ISC */
/* SIGHUP: configuration, certificates and audit trail are taken anew. */
#include "config.h"

#include <stdio.h>

#include <event2/util.h>

#include "broker/supervisor/hostwire.h"
#include "broker/supervisor/notify.h"
#include "broker/supervisor/options.h"
#include "broker/supervisor/reload.h"
#include "broker/supervisor/supervise_private.h"
#include "common/clock.h"
#include "common/log.h"

static void
supervise_reloaded(struct supervisor *s)
{
	if (s->reloading && notify_send("READY=1") == -1)
		log_warn("NOTIFY_SOCKET");
	s->reloading = 0;
}

void
supervise_taken(void *arg, uint64_t count, const char *why)
{
	struct supervisor *s = arg;

	if (why != NULL)
		log_warnx("the broker goes on as before: %s", why);
	else
		log_info("configuration %ju is in force", (uintmax_t)count);
	if (count == s->plan->orders)
		supervise_reloaded(s);
}

/* Who is not there is told all of it when it is. */
static void
supervise_pass_on(struct supervisor *s)
{
	struct ward *gateway;
	size_t i;

	for (i = 0; i < supervise_places(s); i++) {
		gateway = s->gateways[i];
		if (gateway != NULL && supervise_was_told(gateway))
			supervise_refresh_gateway(s->plan, ward_chan(gateway),
			    ward_pool(gateway));
	}
	if (supervise_was_told(s->broker))
		hostwire_send(ward_chan(s->broker), s->plan->host,
		    s->plan->options, s->plan->orders);
	else
		supervise_reloaded(s);
}

/* The file of the audit trail may have been moved away. */
static void
supervise_rotate(struct supervisor *s)
{
	if (supervise_open_audit(s->plan) == 0 &&
	    supervise_was_told(s->broker))
		supervise_direct_audit(s->plan, ward_chan(s->broker));
}

/* What is named on the command line may have changed inside. */
static int
supervise_can_reload(const struct options *o)
{
	return o->config != NULL || o->tls_certificate != NULL ||
	    o->ws_token_file != NULL || o->ws_shared_secret_file != NULL;
}

int
supervise_reload(struct supervisor *s)
{
	char state[64];

	if (!supervise_can_reload(s->plan->options)) {
		supervise_rotate(s);
		log_info("no file that could be read again");
		return 0;
	}
	/* In microseconds, and not before we were told. */
	snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%ju",
	    (uintmax_t)(clock_ms() + 1) * 1000);
	if (notify_send(state) == -1)
		log_warn("NOTIFY_SOCKET");
	s->reloading = 1;
	if (reload_take(s->plan->reload, &s->plan->options,
	    &s->plan->host) == -1) {
		supervise_rotate(s);
		supervise_reloaded(s);
		return -1;
	}
	supervise_rotate(s);
	s->plan->orders++;
	supervise_pass_on(s);
	return 0;
}

void
supervise_hup_cb(evutil_socket_t signo, short what, void *arg)
{
	struct supervisor *s = arg;

	(void)signo;
	(void)what;
	if (s->stage == SUPERVISE_SERVING)
		(void)supervise_reload(s);
}
