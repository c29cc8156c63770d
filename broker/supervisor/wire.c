/* SPDX-License-Identifier: ISC */
/* What the supervisor tells the others: configuration and channels. */
#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "broker/supervisor/auditfile.h"
#include "broker/supervisor/doors.h"
#include "broker/supervisor/hostconf.h"
#include "broker/supervisor/hostwire.h"
#include "broker/listen.h"
#include "broker/supervisor/options.h"
#include "broker/supervisor/supervise.h"
#include "broker/supervisor/ward.h"
#include "common/chan.h"
#include "common/log.h"
#include "common/unix.h"

/* Fits ORIGINS and TOPICS. */
#define WIRE_LIST_MAX 8192

static uint32_t
wire_log_level(const struct options *o)
{
	return o->debug || o->verbose || o->trace.count > 0 ?
	    LOG_LEVEL_DEBUG : LOG_LEVEL_INFO;
}

static struct span
wire_topics(const struct options *o, struct writer *w)
{
	size_t i;

	writer_init(w, WIRE_LIST_MAX);
	for (i = 0; i < o->trace.count; i++)
		proto_list_add(w, span_str(o->trace.items[i]));
	return (struct span){ w->p, w->len };
}

int
supervise_open_audit(struct supervise_plan *plan)
{
	char why[AUDITFILE_WHY];
	int fd = -1;

	if (plan->host->audit == AUDIT_FILE) {
		fd = auditfile_open(plan->host->audit_path, why);
		if (fd == -1) {
			log_warnx("audit trail: %s", why);
			return -1;
		}
	}
	unix_close(&plan->audit);
	plan->audit = fd;
	return 0;
}

void
supervise_direct_audit(const struct supervise_plan *plan, struct chan *chan)
{
	struct fields_SB_AUDIT m = {
		.audit_to = plan->host->audit,
		.audit_argv = plan->host->audit_arguments,
		.has_audit_argv = true,
	};
	int fd = -1;

	if (m.audit_to == AUDIT_FILE) {
		fd = fcntl(plan->audit, F_DUPFD_CLOEXEC, 0);
		if (fd == -1) {
			log_warn("audit trail");
			return;
		}
	}
	chan_send(chan, MSG_SB_AUDIT, &m, &fd, fd == -1 ? 0 : 1);
}

void
supervise_configure_broker(const struct supervise_plan *plan,
    struct chan *chan)
{
	const struct options *o = plan->options;
	struct writer topics;
	struct fields_SB_CONFIG config = {
		.version = PROTO_VERSION,
		.oldest = PROTO_OLDEST,
		.runner_path = span_str(plan->programs[PROGRAM_RUNNER]),
		.max_sessions = (uint32_t)o->max_sessions,
		.log_level = wire_log_level(o),
		.topics = wire_topics(o, &topics),
		.has_topics = o->trace.count > 0,
		.syslog = options_syslog(o),
		.has_syslog = true,
		.log_format = (uint32_t)o->log_format | log_journal(),
		.has_log_format = true,
	};

	chan_send(chan, MSG_SB_CONFIG, &config, NULL, 0);
	writer_clear(&topics);
	supervise_keep_listeners(plan, chan);
	supervise_give_doors(plan, chan);
	supervise_order_broker(plan, chan);
}

void
supervise_order_broker(const struct supervise_plan *plan, struct chan *chan)
{
	supervise_direct_audit(plan, chan);
	hostwire_send(chan, plan->host, plan->options, plan->orders);
}

void
supervise_keep_listeners(const struct supervise_plan *plan,
    struct chan *chan)
{
	char url[LISTEN_URL_SIZE];
	struct fields_KEEP keep;
	size_t i;
	int fd;

	for (i = 0; i < plan->nlisteners; i++) {
		listen_format(&plan->host->listeners[i].addr, url);
		keep.listener = span_str(url);
		fd = fcntl(plan->listeners[i], F_DUPFD_CLOEXEC, 0);
		if (fd == -1)
			log_warn("%s is not kept", url);
		else
			chan_send(chan, MSG_SB_KEEP, &keep, &fd, 1);
	}
}

void
supervise_give_doors(const struct supervise_plan *plan, struct chan *chan)
{
	struct fields_DOOR give;
	int fd;

	for (give.door = DOOR_ADMIN; give.door <= DOOR_ADOPT; give.door++) {
		if (plan->doors->fds[give.door] == -1)
			continue;
		fd = fcntl(plan->doors->fds[give.door], F_DUPFD_CLOEXEC, 0);
		if (fd == -1)
			log_warn("door %u", give.door);
		else
			chan_send(chan, MSG_SB_DOOR, &give, &fd, 1);
	}
}

static struct span
wire_origins(const struct host_listener *listener, struct writer *w)
{
	size_t i;

	writer_init(w, WIRE_LIST_MAX);
	for (i = 0; i < listener->origins.count; i++)
		proto_list_add(w, span_str(listener->origins.items[i]));
	return (struct span){ w->p, w->len };
}

/* With "fd" -1 the listener is known there. */
static void
wire_send_listener(const struct host_listener *listener, struct chan *chan,
    int fd)
{
	char url[LISTEN_URL_SIZE];
	struct writer origins;
	struct fields_SG_LISTENER m = {
		.listener = span_str(listen_format(&listener->addr, url)),
		.origins = wire_origins(listener, &origins),
		.has_origins = true,
		.proxies = { listener->proxies.p, listener->proxies.len },
		.has_proxies = listener->proxies.len > 0,
	};

	chan_send(chan, MSG_SG_LISTENER, &m, &fd, fd == -1 ? 0 : 1);
	writer_clear(&origins);
}

static void
wire_send_certs(const struct host_listener *listener, struct chan *chan)
{
	char url[LISTEN_URL_SIZE];
	struct fields_SG_TLS m = {
		.listener = span_str(listen_format(&listener->addr, url)),
	};
	struct certs certs = CERTS_NONE;
	int fds[2];

	if (!listener->addr.tls)
		return;
	if (certs_copy(&certs, &listener->certs) == -1) {
		log_warn("certificates for a gateway");
		return;
	}
	fds[0] = certs.chain;
	fds[1] = certs.key;
	chan_send(chan, MSG_SG_TLS, &m, fds, 2);
}

void
supervise_refresh_gateway(const struct supervise_plan *plan,
    struct chan *chan, unsigned int pool)
{
	struct fields_SG_LIMITS limits = {
		.per_address = plan->host->per_address,
	};
	size_t i;

	chan_send(chan, MSG_SG_LIMITS, &limits, NULL, 0);
	for (i = 0; i < plan->nlisteners; i++) {
		if (plan->host->listeners[i].pool != pool ||
		    plan->host->listeners[i].retired)
			continue;
		wire_send_listener(&plan->host->listeners[i], chan, -1);
		wire_send_certs(&plan->host->listeners[i], chan);
	}
}

/* The gateway knows that it has all listeners when its broker comes. */
static void
wire_send_listeners(const struct supervise_plan *plan, struct chan *chan,
    unsigned int pool)
{
	size_t i;
	int fd;

	for (i = 0; i < plan->nlisteners; i++) {
		if (plan->host->listeners[i].pool != pool ||
		    plan->host->listeners[i].retired)
			continue;
		fd = fcntl(plan->listeners[i], F_DUPFD_CLOEXEC, 0);
		if (fd == -1) {
			log_warn("listener for a gateway");
			return;
		}
		wire_send_listener(&plan->host->listeners[i], chan, fd);
		wire_send_certs(&plan->host->listeners[i], chan);
	}
}

void
supervise_configure_gateway(const struct supervise_plan *plan,
    struct chan *chan, unsigned int number, unsigned int number_of_pool)
{
	const struct host_pool *pool = &plan->host->pools[number_of_pool];
	const struct options *o = plan->options;
	struct writer topics;
	struct fields_SG_CONFIG config = {
		.version = PROTO_VERSION,
		.oldest = PROTO_OLDEST,
		.gateway = number,
		.ping_ms = o->ping_ms,
		.pong_ms = o->pong_ms,
		.handshake_ms = o->handshake_ms,
		.max_connections = (uint32_t)o->max_connections,
		.per_address = plan->host->per_address,
		.has_per_address = true,
		.log_level = wire_log_level(o),
		.topics = wire_topics(o, &topics),
		.has_topics = o->trace.count > 0,
		.syslog = options_syslog(o),
		.has_syslog = true,
		.log_format = (uint32_t)o->log_format | log_journal(),
		.has_log_format = true,
		.uid = pool->uid,
		.has_uid = pool->drop,
		.gid = pool->gid,
		.has_gid = pool->drop,
	};

	if (plan->gateway_root != NULL) {
		config.root_dir = span_str(plan->gateway_root);
		config.has_root_dir = true;
	}
	chan_send(chan, MSG_SG_CONFIG, &config, NULL, 0);
	writer_clear(&topics);
	wire_send_listeners(plan, chan, number_of_pool);
}

int
supervise_join(const struct ward *broker, const struct ward *gateway)
{
	struct fields_SB_GATEWAY to_broker = {
		.gateway = ward_number(gateway),
		.pool = ward_pool(gateway),
		.has_pool = true,
	};
	struct fields_NOTHING to_gateway = { 0 };
	int pair[2], fds[3];
	size_t count = 1;

	if (unix_pair(SOCK_SEQPACKET, pair) == -1)
		return -1;
	fds[0] = pair[0];
	fds[1] = ward_dup_chan(gateway);
	fds[2] = ward_dup_pidfd(gateway);
	if (fds[1] != -1 && fds[2] != -1) {
		count = 3;
	} else {
		unix_close(&fds[1]);
		unix_close(&fds[2]);
	}
	chan_send(ward_chan(broker), MSG_SB_GATEWAY, &to_broker, fds, count);
	chan_send(ward_chan(gateway), MSG_SG_BROKER, &to_gateway, &pair[1],
	    1);
	return 0;
}
