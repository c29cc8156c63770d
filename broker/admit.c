/* SPDX-License-Identifier: ISC */
/* Who may come in.  The gateway's word counts for nothing. */
#include "config.h"

#include <string.h>

#include "broker/auth/peeruid.h"
#include "broker/auth/source.h"
#include "broker/broker.h"
#include "broker/connset.h"
#include "broker/order.h"
#include "common/log.h"

/* Somebody at the door. */
struct visit {
	struct broker *broker;
	const struct order_listener *listener;
	const struct fields_GB_ADMIT *msg;
	struct source source;
	int fd;
};

static bool
refuse(struct refusal *refusal, uint32_t status, const char *text)
{
	refusal->status = status;
	refusal->text = text;
	return false;
}

static bool
let_in(struct admission *admission, const struct visit *visit,
    const struct tenant *tenant, uint32_t way, uint64_t proof)
{
	admission->principal = tenant->principal;
	admission->way = way;
	admission->proof = proof;
	admission->listener = visit->listener->number;
	return true;
}

static bool
has_peer_uid(const struct tenant *tenant, uid_t uid)
{
	size_t i;

	for (i = 0; i < tenant->npeer_uids; i++)
		if (tenant->peer_uids[i] == uid)
			return true;
	return false;
}

/* The one tenant of that local user here, or NULL: none, or several. */
static const struct tenant *
tenant_of_uid(const struct visit *visit, uid_t uid)
{
	const struct tenant *tenant, *found = NULL;

	TAILQ_FOREACH(tenant, &visit->broker->order->tenants, entry) {
		if (!order_serves(visit->listener, tenant) ||
		    !has_peer_uid(tenant, uid))
			continue;
		if (found != NULL) {
			log_warnx("user %u is both %s and %s at %s: refused",
			    (unsigned int)uid, found->name, tenant->name,
			    visit->listener->url);
			return NULL;
		}
		found = tenant;
	}
	return found;
}

static bool
judge_peer_uid(const struct visit *visit, struct admission *admission,
    struct refusal *refusal)
{
	const struct tenant *tenant;
	enum peeruid_verdict verdict;
	uid_t uid = visit->source.uid;

	/* The other end would be the proxy's, whoever it speaks for. */
	if (visit->msg->forwarded)
		return refuse(refusal, 403,
		    "connections through a proxy are not admitted");
	verdict = visit->source.is_local ? PEERUID_OK :
	    peeruid_ask(visit->broker->peeruid, visit->fd,
		&visit->listener->end, 1, &uid);
	if (verdict == PEERUID_UNREACHABLE || verdict == PEERUID_LATE)
		return refuse(refusal, 503, peeruid_verdict_text(verdict));
	if (verdict != PEERUID_OK)
		return refuse(refusal, 403, peeruid_verdict_text(verdict));
	admission->whence.uid = uid;
	admission->whence.has_uid = true;
	tenant = tenant_of_uid(visit, uid);
	if (tenant == NULL)
		return refuse(refusal, 403,
		    "this user is not admitted here");
	return let_in(admission, visit, tenant, ADMIT_PEER_UID, uid);
}

static bool
judge_nothing(const struct visit *visit, struct admission *admission,
    struct refusal *refusal)
{
	const struct tenant *tenant = order_only_tenant(visit->broker->order,
	    visit->listener);

	if (tenant == NULL)
		return refuse(refusal, 403, "nobody is admitted here");
	return let_in(admission, visit, tenant, ADMIT_NONE, 0);
}

static const struct order_listener *
find_listener(const struct order *order, const struct source *source)
{
	const struct order_listener *listener;
	size_t i;

	for (i = 0; i < order->nlisteners; i++) {
		listener = &order->listeners[i];
		if (source->is_local ? listener->path != NULL &&
			strcmp(listener->path, source->path) == 0 :
		    listener->path == NULL &&
			peeruid_end_listens(&listener->end, &source->server))
			return listener;
	}
	return NULL;
}

bool
admit_judge(struct broker *broker, uint32_t pool,
    const struct fields_GB_ADMIT *msg, int fd, struct admission *admission,
    struct refusal *refusal)
{
	struct visit visit = { .broker = broker, .msg = msg, .fd = fd };

	memset(admission, 0, sizeof(*admission));
	if (source_read(&visit.source, fd) == -1)
		return refuse(refusal, 403, "not an accepted connection");
	source_whence(&visit.source, &admission->whence);
	visit.listener = find_listener(broker->order, &visit.source);
	if (visit.listener == NULL || visit.listener->pool != pool)
		return refuse(refusal, 403,
		    "not accepted on one of the listeners");
	if (visit.listener->admission & ADMIT_NONE)
		return judge_nothing(&visit, admission, refusal);
	return judge_peer_uid(&visit, admission, refusal);
}
