/* SPDX-License-Identifier: ISC */
/* Topics that are logged for operators, here and wherever else there is a log. */
#include "config.h"

#include <string.h>

#include "broker/operator_private.h"
#include "broker/trace.h"
#include "common/chan.h"
#include "common/log.h"

/* All topics there are: of the operators that are connected, and the rest. */
static void
collect(const struct broker *broker, struct writer *w)
{
	const struct operators *ops = broker->operators;
	const struct operator *op;
	size_t i;

	for (i = 0; i < ops->ntopics; i++)
		proto_list_add(w, span_str(ops->topics[i]));
	TAILQ_FOREACH(op, &ops->list, entry)
		for (i = 0; i < op->ntopics; i++)
			proto_list_add(w, span_str(op->topics[i]));
}

/* More than a log takes are left out. */
static struct span
few(struct span list)
{
	struct span rest = list, item;
	size_t count = 0;

	while (count < LOG_TRACES && proto_list_next(&rest, &item))
		count++;
	list.len -= rest.len;
	return list;
}

static void
message(const struct broker *broker, struct writer *w,
    struct fields_TRACE *trace)
{
	writer_init(w, 1024);
	collect(broker, w);
	trace->topics = few((struct span){ w->p, w->len });
	trace->has_topics = trace->topics.len > 0;
}

static void
trace_here(struct span topics)
{
	struct span topic;

	log_trace_clear();
	while (proto_list_next(&topics, &topic))
		(void)log_trace((const char *)topic.p, topic.len);
}

static void
tell_all(struct broker *broker)
{
	struct fields_TRACE trace;
	struct writer w;
	uint32_t slot;

	message(broker, &w, &trace);
	trace_here(trace.topics);
	gates_trace(broker, &trace);
	if (broker->registry != NULL)
		for (slot = 0; slot < registry_slots(broker->registry); slot++)
			if (broker->sessions[slot].live &&
			    broker->sessions[slot].run != NULL)
				run_send(broker->sessions[slot].run,
				    MSG_BR_TRACE, &trace);
	writer_clear(&w);
}

void
trace_newcomer(struct broker *broker, struct chan *chan, uint16_t type)
{
	struct fields_TRACE trace;
	struct writer w;

	if (broker->operators == NULL)
		return;
	message(broker, &w, &trace);
	if (trace.has_topics)
		chan_send(chan, type, &trace, NULL, 0);
	writer_clear(&w);
}

static bool
is_topic(struct span topic)
{
	size_t i;

	if (topic.len == 0 || topic.len >= 32)
		return false;
	for (i = 0; i < topic.len; i++)
		if (topic.p[i] < 'a' || topic.p[i] > 'z')
			return false;
	return true;
}

static bool
add(char topics[][32], size_t *count, struct span topic)
{
	size_t i;

	for (i = 0; i < *count; i++)
		if (span_is(topic, topics[i]))
			return true;
	if (*count == OPERATOR_TOPICS)
		return false;
	return span_to_str(topic, topics[(*count)++], 32) == 0;
}

static void
drop(char topics[][32], size_t *count, struct span topic)
{
	size_t i;

	for (i = 0; i < *count; i++)
		if (span_is(topic, topics[i]) || span_is(topic, "all")) {
			memmove(topics[i], topics[*count - 1], 32);
			--*count;
			i--;
		}
}

/* Off is off, whoever has asked for it. */
static void
drop_everywhere(struct operators *ops, struct span topic)
{
	struct operator *op;

	drop(ops->topics, &ops->ntopics, topic);
	TAILQ_FOREACH(op, &ops->list, entry)
		drop(op->topics, &op->ntopics, topic);
}

const char *
trace_set(struct operator *op, const struct fields_CB_TRACE *msg)
{
	struct operators *ops = op->broker->operators;
	struct span topics = msg->topics, topic;
	bool fits = true;

	while (proto_list_next(&topics, &topic))
		if (!is_topic(topic))
			return "that is no topic: holdfastd(8) lists them";
	topics = msg->topics;
	while (fits && proto_list_next(&topics, &topic))
		if (msg->off)
			drop_everywhere(ops, topic);
		else if (msg->force)
			fits = add(ops->topics, &ops->ntopics, topic);
		else
			fits = add(op->topics, &op->ntopics, topic);
	tell_all(op->broker);
	return fits ? NULL : "so many topics cannot be traced at once";
}

void
trace_forget(struct operator *op)
{
	bool some = op->ntopics > 0;

	op->ntopics = 0;
	if (some)
		tell_all(op->broker);
}
