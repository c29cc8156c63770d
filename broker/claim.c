/* SPDX-License-Identifier: ISC */
/*
 * Attachments that a gateway has already: from an earlier broker, or from a
 * gateway that has handed a client over.  Its word is not enough; it has to
 * have the data socket.
 */
#include "config.h"

#include "broker/broker.h"
#include "broker/connset.h"
#include "broker/fdstore.h"

/* A gateway of the same pool may have it from the one that had it. */
static bool
may_pass(const struct session *session, uint32_t pool)
{
	return session->gate == NULL ? session->unclaimed :
	    gate_pool(session->gate) == pool;
}

enum proto_gone
claim_judge(struct broker *broker, uint32_t pool,
    const struct admission *admission, const struct fields_HOLD *hold, int fd,
    struct session **session)
{
	const struct registry_record *record;
	struct ident id;
	uint32_t slot;

	if (ident_parse(&id, (const char *)hold->session.p,
		hold->session.len) == -1)
		return GONE_ENDED;
	slot = registry_find(broker->registry, &id);
	record = registry_get(broker->registry, slot);
	/* Whose it is nobody else learns. */
	if (record == NULL || record->principal != admission->principal ||
	    record->state == REGISTRY_STATE_ENDING ||
	    record->state == REGISTRY_STATE_TOMBSTONE)
		return GONE_ENDED;
	*session = &broker->sessions[slot];
	if (!session_has_owner(*session))
		return GONE_DISMISSED;
	if (record->state != REGISTRY_STATE_ATTACHED ||
	    record->generation != hold->generation ||
	    record->facts.gateway_end == 0 ||
	    fdstore_cookie(fd) != record->facts.gateway_end ||
	    !may_pass(*session, pool))
		return GONE_REPLACED;
	return broker->stopping ? GONE_STOPPING : 0;
}
