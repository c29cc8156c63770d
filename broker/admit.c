/* SPDX-License-Identifier: ISC */
/* Who may come in.  The gateway's word counts for nothing. */
#include "config.h"

#include <string.h>

#include "broker/auth/bearer.h"
#include "broker/auth/peeruid.h"
#include "broker/auth/penalty.h"
#include "broker/auth/source.h"
#include "broker/auth/token.h"
#include "broker/broker.h"
#include "broker/connset.h"
#include "broker/order.h"
#include "common/clock.h"
#include "common/ident.h"
#include "common/log.h"

/* Somebody at the door. */
struct visit {
	struct broker *broker;
	const struct order_listener *listener;
	const struct fields_GB_ADMIT *msg;
	struct source source;
	struct whence whence;
	bool is_proxied;	/* the peer is a trusted proxy */
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
	if (visit->msg->forwarded || visit->is_proxied)
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

/*
 * Whose failures and waits these are: of a user where there is one to see.
 * What one gateway says of somebody does not count at another's listeners.
 */
static struct penalty_source
source_of(const struct visit *visit)
{
	const struct source *source = &visit->source;
	struct penalty_source whose = penalty_of_end(&visit->whence.client);
	uid_t uid = source->uid;

	/* Whose the other end is says nothing of a proxy's client. */
	if (!visit->whence.has_proxy && (source->is_local ||
	    (peeruid_end_is_loopback(&source->client) &&
	    peeruid_ask(visit->broker->peeruid, visit->fd,
		&visit->listener->end, 1, &uid) == PEERUID_OK)))
		whose = penalty_of_uid(uid);
	whose.pool = (uint8_t)visit->listener->pool;
	return whose;
}

static uint64_t
number_of(const uint8_t hash[TOKEN_HASH_SIZE])
{
	uint64_t number;

	memcpy(&number, hash, sizeof(number));
	return number;
}

static bool
has_token(const struct tenant *tenant, uint64_t number)
{
	size_t i;

	for (i = 0; i < tenant->ntokens; i++)
		if (number_of(tenant->tokens[i]) == number)
			return true;
	return false;
}

static bool
try_token(const struct visit *visit, struct span shown,
    struct admission *admission)
{
	const struct order *order = visit->broker->order;
	uint8_t hash[TOKEN_HASH_SIZE];
	const struct tenant *tenant;
	const struct token *token;

	token_hash(shown, hash);
	token = token_find(order->tokens, order->ntokens, hash);
	tenant = token == NULL ? NULL : order_tenant(order, token->principal);
	if (tenant == NULL || !order_serves(visit->listener, tenant))
		return false;
	return let_in(admission, visit, tenant, ADMIT_TOKEN, number_of(hash));
}

/* Whom a signed token is for, its claim naming "name". */
static const struct tenant *
signed_tenant(const struct visit *visit, const char *name)
{
	const struct order *order = visit->broker->order;

	if (order->host.claim != NULL)
		return order_tenant_named(order, span_str(name));
	if (order->host.tenant_for_all != 0)
		return order_tenant(order, order->host.tenant_for_all);
	return order_only_tenant(order, visit->listener);
}

static enum bearer_verdict
try_signed(const struct visit *visit, struct span shown,
    struct admission *admission)
{
	const struct order_host *host = &visit->broker->order->host;
	const struct bearer_rules rules = {
		.secret = { host->secret, host->secret_len },
		.issuer = host->issuer,
		.audience = host->audience,
		.claim = host->claim,
		.skew = host->skew_ms / 1000,
	};
	char name[BEARER_TENANT_SIZE];
	const struct tenant *tenant;
	enum bearer_verdict verdict;

	verdict = bearer_judge(&rules, shown,
	    (int64_t)(clock_wall_ms() / 1000), name);
	if (verdict != BEARER_OK)
		return verdict;
	tenant = signed_tenant(visit, name);
	if (tenant == NULL || !order_serves(visit->listener, tenant))
		return BEARER_INVALID;
	let_in(admission, visit, tenant, ADMIT_SIGNED,
	    visit->broker->order->signer);
	return BEARER_OK;
}

/* What is not as it must be is no guess, and costs nothing. */
static bool
judge_header(const struct visit *visit, struct admission *admission,
    struct refusal *refusal)
{
	uint32_t ways = visit->listener->admission;
	struct penalty *penalty = visit->broker->penalty;
	struct penalty_source source = source_of(visit);
	enum bearer_verdict verdict;
	struct span shown;

	if (penalty_wait(penalty, &source, clock_ms()) > 0)
		return refuse(refusal, 429,
		    "too many failed attempts, try again later");
	if (token_of_header(visit->msg->token, &shown) == -1)
		return refuse(refusal, 401, "invalid authorization header");
	if (ways & ADMIT_TOKEN && try_token(visit, shown, admission))
		return true;
	if (ways & ADMIT_SIGNED &&
	    (!(ways & ADMIT_TOKEN) || bearer_is_signed(shown))) {
		verdict = try_signed(visit, shown, admission);
		if (verdict == BEARER_OK)
			return true;
		refuse(refusal, 401, bearer_verdict_text(verdict));
	} else
		refuse(refusal, 401, "invalid websocket bearer token");
	penalty_add(penalty, &source, clock_ms());
	return false;
}

/*
 * A header that shows a token is what counts where tokens are taken, and
 * nothing else makes good for it.
 */
static bool
judge(const struct visit *visit, struct admission *admission,
    struct refusal *refusal)
{
	uint32_t ways = visit->listener->admission;
	const uint32_t tokens = ADMIT_TOKEN | ADMIT_SIGNED;

	if (ways & tokens && visit->msg->has_token)
		return judge_header(visit, admission, refusal);
	if (ways & ADMIT_PEER_UID &&
	    judge_peer_uid(visit, admission, refusal))
		return true;
	if (ways & ADMIT_NONE)
		return judge_nothing(visit, admission, refusal);
	if (ways & tokens)
		return refuse(refusal, 401, "missing websocket bearer token");
	return false;
}

/*
 * That somebody else is the client counts only where the peer is one who may
 * say so.  A gateway that has not heard of other rules yet may pass it on.
 */
static bool
take_claim(struct visit *visit, struct refusal *refusal)
{
	if (!visit->msg->has_client)
		return true;
	if (!visit->is_proxied)
		return refuse(refusal, 403, "not a trusted proxy");
	if (whence_claim(&visit->whence, visit->msg->client) == -1)
		return refuse(refusal, 403, "not a client's address");
	return true;
}

int
admit_init(struct broker *broker)
{
	struct ident key;
	uint64_t number;

	ident_make(&key);
	memcpy(&number, key.bytes, sizeof(number));
	broker->penalty = penalty_new(number);
	return broker->penalty == NULL ? -1 : token_prepare();
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
	source_whence(&visit.source, &visit.whence);
	admission->whence = visit.whence;
	visit.listener = find_listener(broker->order, &visit.source);
	if (visit.listener == NULL || visit.listener->pool != pool ||
	    visit.listener->metrics)
		return refuse(refusal, 403,
		    "not accepted on one of the listeners");
	visit.is_proxied = order_trusts(visit.listener, &visit.whence);
	if (!take_claim(&visit, refusal))
		return false;
	admission->whence = visit.whence;
	return judge(&visit, admission, refusal);
}

bool
admit_still(const struct broker *broker, const struct admission *admission)
{
	const struct order *order = broker->order;
	const struct order_listener *listener;
	const struct tenant *tenant = order_tenant(order,
	    admission->principal);

	listener = order_listener(order, admission->listener);
	if (tenant == NULL || listener == NULL ||
	    !(listener->admission & admission->way) ||
	    !order_serves(listener, tenant))
		return false;
	switch (admission->way) {
	case ADMIT_TOKEN:
		return has_token(tenant, admission->proof);
	case ADMIT_SIGNED:
		return admission->proof == order->signer;
	case ADMIT_PEER_UID:
		return has_peer_uid(tenant, (uid_t)admission->proof) &&
		    !order_trusts(listener, &admission->whence);
	default:
		return order_only_tenant(order, listener) == tenant;
	}
}
