/* SPDX-License-Identifier: ISC */
/* Who may come in: one row a mode.  The gateway's word counts for nothing. */
#include "config.h"

#include "broker/broker.h"
#include "broker/tenant.h"
#include "common/log.h"

struct admit_mode {
	enum proto_auth auth;
	bool (*judge)(struct broker *broker,
	    const struct fields_GB_ADMIT *msg, int fd, uint32_t *principal,
	    struct refusal *refusal);
};

static bool
refuse(struct refusal *refusal, uint32_t status, const char *text)
{
	refusal->status = status;
	refusal->text = text;
	return false;
}

static bool
judge_none(struct broker *broker, const struct fields_GB_ADMIT *msg, int fd,
    uint32_t *principal, struct refusal *refusal)
{
	(void)msg;
	(void)fd;
	(void)refusal;
	*principal = broker->tenant->principal;
	return true;
}

static bool
judge_peer_uid(struct broker *broker, const struct fields_GB_ADMIT *msg,
    int fd, uint32_t *principal, struct refusal *refusal)
{
	const struct settings *settings = &broker->settings;
	enum peeruid_verdict verdict;
	uid_t uid;

	/* The other end would be the proxy's, whoever it speaks for. */
	if (msg->forwarded)
		return refuse(refusal, 403,
		    "connections through a proxy are not admitted");
	verdict = peeruid_ask(broker->peeruid, fd, settings->listeners,
	    settings->nlisteners, &uid);
	if (verdict == PEERUID_UNREACHABLE || verdict == PEERUID_LATE)
		return refuse(refusal, 503, peeruid_verdict_text(verdict));
	if (verdict != PEERUID_OK)
		return refuse(refusal, 403, peeruid_verdict_text(verdict));
	if (uid != broker->tenant->uid)
		return refuse(refusal, 403,
		    "only the user who runs this server is admitted");
	*principal = broker->tenant->principal;
	return true;
}

static const struct admit_mode modes[] = {
	{ AUTH_NONE, judge_none },
	{ AUTH_PEER_UID, judge_peer_uid },
};

bool
admit_judge(struct broker *broker, const struct fields_GB_ADMIT *msg, int fd,
    uint32_t *principal, struct refusal *refusal)
{
	size_t i;

	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (modes[i].auth == broker->settings.auth)
			return modes[i].judge(broker, msg, fd, principal,
			    refusal);
	return refuse(refusal, 503, "no way of admission is set");
}
