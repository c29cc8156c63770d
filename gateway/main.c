/* SPDX-License-Identifier: ISC */
/* holdfast-gateway: set up, jailed, then the loop. */
#include "config.h"

#include <sys/resource.h>

#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "common/chan.h"
#include "common/log.h"
#include "common/role.h"
#include "common/sandbox.h"
#include "common/xmalloc.h"
#include "gateway/checkpair.h"
#include "gateway/gateway.h"
#include "gateway/tls.h"
#ifdef JAIL_TEST
#include "tests/jail/hook.h"
#endif

/*
 * Descriptors: what a client takes at most, and what the process needs
 * besides.  Running out of them would cost the broker's channel, too, because
 * then none can be received.
 */
#define CLIENT_FDS 3
#define OTHER_FDS 64

#define CONFIG_MS 10000		/* for the first word of the supervisor */
#define STOP_GRACE_MS 1000
#define TOPICS_MAX 16
#define LOOP_TURN_MS 10

/* Who and where to be. */
struct place {
	uid_t uid;
	gid_t gid;
	char *root;	/* NULL: as it is */
};

static char *
string_of(struct span span)
{
	char *string = xmalloc(span.len + 1);

	memcpy(string, span.p, span.len);
	string[span.len] = '\0';
	return string;
}

static void
take_log(const struct fields_SG_CONFIG *m)
{
	struct span topics = m->topics, topic;
	int i;

	log_init(xasprintf("holdfast-gateway[%u]", m->gateway),
	    m->log_level > LOG_LEVEL_DEBUG ? LOG_LEVEL_DEBUG : m->log_level,
	    m->syslog);
	log_set_format(m->log_format);
	for (i = 0; i < TOPICS_MAX && proto_list_next(&topics, &topic); i++)
		log_topic(string_of(topic));
}

static void
take_config(struct gateway_config *config, struct place *place)
{
	static uint8_t bytes[PROTO_CONTROL_MAX];
	const struct fields_SG_CONFIG *m;
	union proto_any msg;
	struct chan_fds fds;
	const char *why;

	if (chan_read_one(ROLE_CONTROL_FD, ROLE_GATEWAY, ROLE_SUPERVISOR,
	    PHASE_START, CONFIG_MS, bytes, &msg, &fds, &why) != MSG_SG_CONFIG)
		fatalx("no configuration: %s", why);
	m = &msg.SG_CONFIG;
	if (proto_agree(m->version, m->oldest) == 0)
		fatalx("the supervisor speaks version %u (oldest %u), we "
		    "speak %d (oldest %d)", m->version, m->oldest,
		    PROTO_VERSION, PROTO_OLDEST);
	take_log(m);
	*config = (struct gateway_config){
		.id = m->gateway,
		.ping_ms = m->ping_ms,
		.pong_ms = m->pong_ms,
		.handshake_ms = m->handshake_ms,
		.max_connections = m->max_connections,
		.held_max = GATEWAY_HELD_MAX,
		.per_address = m->per_address,
	};
	*place = (struct place){
		.uid = (uid_t)m->uid,
		.gid = (gid_t)m->gid,
		.root = m->has_root_dir ? string_of(m->root_dir) : NULL,
	};
}

/* Whatever has to be read from files has been read by now. */
static void
drop(struct place *place)
{
	role_drop(place->uid, place->gid, place->root);
	role_no_new_privs();
	free(place->root);
	place->root = NULL;
}

static void
limit_connections(struct gateway_config *config)
{
	struct rlimit rl;
	rlim_t most;

	if (getrlimit(RLIMIT_NOFILE, &rl) == -1 ||
	    rl.rlim_cur == RLIM_INFINITY)
		return;
	most = rl.rlim_cur > OTHER_FDS ?
	    (rl.rlim_cur - OTHER_FDS) / CLIENT_FDS : 1;
	if (config->max_connections <= most)
		return;
	log_info("descriptors suffice for %ju connections, not %u",
	    (uintmax_t)most, config->max_connections);
	config->max_connections = (uint32_t)most;
}

static void
signal_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	gateway_stop(arg, STOP_GRACE_MS);
}

static struct event *
signal_watch(struct event_base *base, int signo, struct gateway *gw)
{
	struct event *ev = evsignal_new(base, signo, signal_cb, gw);

	if (ev == NULL || event_add(ev, NULL) == -1)
		fatalx("cannot watch signal %d", signo);
	return ev;
}

/*
 * A client of which something is still there to be looked at activates itself
 * again, and would be looked at for as long as it goes on sending if the loop
 * did not ask in between what there is of others.
 */
static struct event_base *
loop_new(void)
{
	struct timeval tv = { .tv_usec = LOOP_TURN_MS * 1000 };
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	if (config != NULL && event_config_set_max_dispatch_interval(config,
	    &tv, -1, 0) == 0)
		base = event_base_new_with_config(config);
	if (config != NULL)
		event_config_free(config);
	return base;
}

int
main(int argc, char **argv)
{
	struct gateway_config config;
	struct place place;
	struct event *ev_term, *ev_int;
	struct event_base *base;
	struct gateway gw;

	role_protocol(argc, argv);
	role_begin("holdfast-gateway");
	if (argc > 1 && strcmp(argv[1], "check") == 0)
		return checkpair_main(argc, argv);
	role_need_control("holdfast-gateway");
	role_close_from(ROLE_CONTROL_FD + 1);
	take_config(&config, &place);
	limit_connections(&config);
	if (tls_engine != NULL && tls_engine->begin() == -1)
		fatalx("cannot set up TLS");
	drop(&place);
	base = loop_new();
	if (base == NULL || gateway_init(&gw, base, &config) == -1)
		fatalx("out of memory");
	ev_term = signal_watch(base, SIGTERM, &gw);
	ev_int = signal_watch(base, SIGINT, &gw);
	gw.sup = sup_new(&gw, ROLE_CONTROL_FD);
	if (gw.sup == NULL)
		fatalx("out of memory");
	if (sandbox_gateway() == -1)
		log_warn("no system call filter");
#ifdef JAIL_TEST
	jail_test("gateway");
#endif
	event_base_dispatch(base);
	event_free(ev_term);
	event_free(ev_int);
	gateway_clear(&gw);
	event_base_free(base);
	return 0;
}
