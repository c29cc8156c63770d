/* SPDX-License-Identifier: ISC */
/* Lines of the audit trail. */
#include "config.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "broker/audit.h"
#include "common/proto.h"

/* Of an item's place in the budget of a list: quotes and a comma. */
#define ITEM_MARKS 3
#define REPLACEMENT 0xfffd

enum kind {
	KIND_IS_STRING,
	KIND_IS_BYTES,
	KIND_IS_LIST,
	KIND_IS_POSITIVE,
	KIND_IS_USER,
	KIND_IS_NUMBER
};

static const struct {
	const char *name;
	enum kind kind;
	size_t max;
	size_t offset;
} members[AUDIT_MEMBER_COUNT] = {
#define X(name, kind, max) \
	{ #name, KIND_IS_##kind, max, offsetof(struct audit_record, name) },
	AUDIT_MEMBERS(X)
#undef X
};

#define HAS(member) (1u << AUDIT_MEMBER_##member)
#define ORIGIN (HAS(source) | HAS(proxy) | HAS(uid))
#define HOLDER (HAS(principal) | HAS(session) | HAS(generation) | ORIGIN)

static const char *const names[AUDIT_EVENT_COUNT] = {
#define X(name, text) [AUDIT_##name] = text,
	AUDIT_EVENTS(X)
#undef X
};

/* HAS() bits. */
static const unsigned int contents[AUDIT_EVENT_COUNT] = {
	[AUDIT_REFUSED] = ORIGIN | HAS(reason) | HAS(status),
	[AUDIT_ATTACH] = HOLDER | HAS(proof),
	[AUDIT_RESUME] = HOLDER | HAS(proof),
	[AUDIT_TAKEOVER] = HOLDER | HAS(proof),
	[AUDIT_ATTACH_REFUSED] = HAS(principal) | HAS(session) |
	    ORIGIN | HAS(proof) | HAS(reason),
	[AUDIT_DETACH] = HOLDER | HAS(reason),
	[AUDIT_START] = HOLDER | HAS(process) | HAS(program) | HAS(arguments),
	[AUDIT_SIGNAL] = HOLDER | HAS(process) | HAS(program) | HAS(signal),
	[AUDIT_EXIT] = HOLDER | HAS(process) | HAS(program) | HAS(code) |
	    HAS(signal),
	[AUDIT_EXPIRE] = HAS(principal) | HAS(session) | HAS(generation),
	[AUDIT_END] = HAS(principal) | HAS(session) | HAS(generation) |
	    HAS(reason),
	[AUDIT_RELOAD] = HAS(reason),
	[AUDIT_OPERATE] = HAS(principal) | HAS(session) | HAS(generation) |
	    HAS(uid) | HAS(verb) | HAS(process) | HAS(signal) | HAS(reason),
	[AUDIT_ADOPT] = HAS(count),
	[AUDIT_SUPPRESSED] = HAS(principal) | HAS(session) | HAS(reason) |
	    HAS(count),
	[AUDIT_LOST] = HAS(count),
};

/* A line being written; what is put in is known to fit. */
struct line {
	char *p;
	size_t len;
	bool cut;
};

int
audit_has(enum audit_event event, enum audit_member member)
{
	return (contents[event] & 1u << member) != 0;
}

const char *
audit_event_name(enum audit_event event)
{
	return names[event];
}

const char *
audit_member_name(enum audit_member member)
{
	return members[member].name;
}

static void
put(struct line *line, const char *text)
{
	size_t len = strlen(text);

	memcpy(line->p + line->len, text, len);
	line->len += len;
}

static void
put_name(struct line *line, const char *name)
{
	put(line, ",\"");
	put(line, name);
	put(line, "\":");
}

static void
put_time(struct line *line, uint64_t ms)
{
	time_t seconds = (time_t)(ms / 1000);
	char text[64];
	struct tm tm;

	memset(&tm, 0, sizeof(tm));
	(void)gmtime_r(&seconds, &tm);
	snprintf(text, sizeof(text),
	    "{\"time\":\"%04d-%02d-%02dT%02d:%02d:%02d.%03uZ\"",
	    tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
	    tm.tm_min, tm.tm_sec, (unsigned int)(ms % 1000));
	put(line, text);
}

/* How many bytes the lead of a UTF-8 sequence announces; 0: it is none. */
static size_t
sequence_len(uint8_t lead)
{
	if (lead < 0x80)
		return 1;
	if (lead < 0xc2 || lead > 0xf4)
		return 0;
	return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/* The next character (RFC 3629), or a replacement for a byte of none. */
static uint32_t
next_char(struct span *bytes)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const uint8_t *p = bytes->p;
	size_t len = sequence_len(p[0]), i;
	uint32_t c = len < 2 ? p[0] : p[0] & (0x7fu >> len);
	bool bad = len == 0 || len > bytes->len;

	for (i = 1; !bad && i < len; i++) {
		bad = (p[i] & 0xc0) != 0x80;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (bad || c < least[len] || c > 0x10ffff ||
	    (c >= 0xd800 && c <= 0xdfff)) {
		len = 1;
		c = REPLACEMENT;
	}
	bytes->p += len;
	bytes->len -= len;
	return c;
}

/* Nothing but printable ASCII: who reads this may do so on a terminal. */
static size_t
escape(uint32_t c, char out[16])
{
	int n;

	if (c == '"' || c == '\\')
		n = snprintf(out, 16, "\\%c", (char)c);
	else if (c >= ' ' && c < 0x7f)
		n = snprintf(out, 16, "%c", (char)c);
	else if (c < 0x10000)
		n = snprintf(out, 16, "\\u%04x", (unsigned int)c);
	else
		n = snprintf(out, 16, "\\u%04x\\u%04x",
		    (unsigned int)(0xd800 + ((c - 0x10000) >> 10)),
		    (unsigned int)(0xdc00 + ((c - 0x10000) & 0x3ff)));
	return (size_t)n;
}

/* At most "max" bytes between the quotes.  Returns how many there are. */
static size_t
put_text(struct line *line, struct span bytes, size_t max)
{
	size_t used = 0, n;
	char text[16];

	put(line, "\"");
	while (bytes.len > 0) {
		n = escape(next_char(&bytes), text);
		if (used + n > max) {
			line->cut = true;
			break;
		}
		memcpy(line->p + line->len, text, n);
		line->len += n;
		used += n;
	}
	put(line, "\"");
	return used;
}

static void
put_list(struct line *line, struct span list, size_t max)
{
	struct span item;
	size_t used = 0;

	put(line, "[");
	while (proto_list_next(&list, &item)) {
		if (used + ITEM_MARKS > max) {
			line->cut = true;
			break;
		}
		if (used > 0)
			put(line, ",");
		used += ITEM_MARKS;
		used += put_text(line, item, max - used);
	}
	put(line, "]");
}

static void
put_member(struct line *line, const struct audit_record *record, size_t i)
{
	const void *at = (const char *)record + members[i].offset;
	const char *string = NULL;
	const uid_t *user = NULL;
	struct span bytes = { NULL, 0 };
	uint64_t positive = 0;
	int64_t number = 0;
	char text[32];

	switch (members[i].kind) {
	case KIND_IS_STRING:
		memcpy(&string, at, sizeof(string));
		if (string == NULL)
			return;
		put_name(line, members[i].name);
		put_text(line, span_str(string), members[i].max);
		break;
	case KIND_IS_BYTES:
	case KIND_IS_LIST:
		memcpy(&bytes, at, sizeof(bytes));
		if (bytes.p == NULL)
			return;
		put_name(line, members[i].name);
		if (members[i].kind == KIND_IS_LIST)
			put_list(line, bytes, members[i].max);
		else
			put_text(line, bytes, members[i].max);
		break;
	case KIND_IS_POSITIVE:
		memcpy(&positive, at, sizeof(positive));
		if (positive == 0)
			return;
		snprintf(text, sizeof(text), "%llu",
		    (unsigned long long)positive);
		put_name(line, members[i].name);
		put(line, text);
		break;
	case KIND_IS_USER:
		memcpy(&user, at, sizeof(user));
		if (user == NULL)
			return;
		snprintf(text, sizeof(text), "%lu", (unsigned long)*user);
		put_name(line, members[i].name);
		put(line, text);
		break;
	case KIND_IS_NUMBER:
		memcpy(&number, at, sizeof(number));
		snprintf(text, sizeof(text), "%lld", (long long)number);
		put_name(line, members[i].name);
		put(line, text);
		break;
	}
}

size_t
audit_format(const struct audit_record *record, char out[AUDIT_LINE_SIZE])
{
	struct line line = { .p = out };
	size_t i;

	put_time(&line, record->time_ms);
	put_name(&line, "event");
	put_text(&line, span_str(names[record->event]), 32);
	for (i = 0; i < AUDIT_MEMBER_COUNT; i++)
		if (audit_has(record->event, (enum audit_member)i))
			put_member(&line, record, i);
	if (line.cut)
		put(&line, ",\"cut\":true");
	put(&line, "}\n");
	line.p[line.len] = '\0';
	return line.len;
}

int
audit_rate_take(struct audit_rate *rate, uint64_t now_ms)
{
	uint64_t regained = now_ms > rate->at_ms ?
	    (now_ms - rate->at_ms) : 0;

	/* An event costs 1000, and so many a second come back. */
	regained = regained > UINT64_MAX / AUDIT_RATE ? UINT64_MAX :
	    regained * AUDIT_RATE;
	rate->spent = rate->spent > regained ? rate->spent - regained : 0;
	rate->at_ms = now_ms;
	if (rate->spent + 1000 > AUDIT_BURST * 1000) {
		rate->suppressed++;
		return 0;
	}
	rate->spent += 1000;
	return 1;
}
