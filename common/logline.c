/* SPDX-License-Identifier: ISC */
/* Lines of the log: text, logfmt, JSON; and how many. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "common/logline.h"

#define MSG_MAX 1900		/* bytes of a message as it is written */
#define DAY_S 86400

/* A line in the making; what does not fit is left out whole. */
struct out {
	char *p;
	size_t len, max;
};

static bool
put(struct out *o, const char *bytes, size_t len)
{
	if (len > o->max - o->len)
		return false;
	memcpy(o->p + o->len, bytes, len);
	o->len += len;
	return true;
}

static void
put_str(struct out *o, const char *text)
{
	(void)put(o, text, strlen(text));
}

/* Bytes of the UTF-8 character at "p" (RFC 3629), 0 when it is none. */
static size_t
utf8_length(const unsigned char *p)
{
	unsigned int least = 0x80, most = 0xbf;
	size_t n, i;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (p[0] == 0xe0)
		least = 0xa0;
	else if (p[0] == 0xed)
		most = 0x9f;
	else if (p[0] == 0xf0)
		least = 0x90;
	else if (p[0] == 0xf4)
		most = 0x8f;
	for (i = 1; i < n; i++, least = 0x80, most = 0xbf)
		if (p[i] < least || p[i] > most)
			return 0;
	return n;
}

/*
 * One character in a quoted string of JSON, which is one of logfmt as well;
 * returns how many bytes of "p" it stood for, 0 when there is no room.
 */
static size_t
put_quoted(struct out *o, const unsigned char *p)
{
	size_t n = utf8_length(p);
	char escape[8];

	if (n == 0)
		return put(o, "\\ufffd", 6) ? 1 : 0;
	if (*p == '"' || *p == '\\') {
		escape[0] = '\\';
		escape[1] = (char)*p;
		return put(o, escape, 2) ? 1 : 0;
	}
	/* C1 controls and line separators end lines in some readers. */
	if (*p >= 0x20 && *p != 0x7f && !(n == 2 && p[0] == 0xc2 &&
	    p[1] < 0xa0) && !(n == 3 && p[0] == 0xe2 && p[1] == 0x80 &&
	    (p[2] == 0xa8 || p[2] == 0xa9)))
		return put(o, (const char *)p, n) ? n : 0;
	snprintf(escape, sizeof(escape), "\\u%04x", n == 1 ? *p :
	    n == 2 ? p[1] : 0x2000u | (p[2] & 0x3fu));
	return put(o, escape, 6) ? n : 0;
}

/* A quoted string of at most "max" bytes between its quotes. */
static void
put_string(struct out *o, const char *text, size_t max)
{
	const unsigned char *p = (const unsigned char *)text;
	struct out inner = *o;
	size_t n;

	if (max + 2 > o->max - o->len)
		return;
	inner.p[inner.len++] = '"';
	inner.max = inner.len + max;
	while (*p != '\0' && (n = put_quoted(&inner, p)) > 0)
		p += n;
	o->len = inner.len;
	o->p[o->len++] = '"';
}

static bool
is_bare(const char *text)
{
	if (*text == '\0' || strlen(text) > LOGLINE_VALUE_MAX)
		return false;
	for (; *text != '\0'; text++)
		if ((unsigned char)*text <= ' ' ||
		    (unsigned char)*text >= 0x7f || *text == '"' ||
		    *text == '\\' || *text == '=')
			return false;
	return true;
}

static void
put_value(struct out *o, const char *text, size_t max)
{
	if (is_bare(text))
		put_str(o, text);
	else
		put_string(o, text, max);
}

/* RFC 3339, in UTC; without the C library, which may want to read files. */
static void
print_time(char out[32], uint64_t wall_ms)
{
	uint64_t days = wall_ms / 1000 / DAY_S;
	unsigned int second = (unsigned int)(wall_ms / 1000 % DAY_S);
	uint64_t z = days + 719468, era = z / 146097, doe = z % 146097;
	uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	uint64_t mp = (5 * doy + 2) / 153;
	unsigned int day = (unsigned int)(doy - (153 * mp + 2) / 5 + 1);
	unsigned int month = (unsigned int)(mp < 10 ? mp + 3 : mp - 9);
	unsigned int year = (unsigned int)(yoe + era * 400 + (month <= 2));

	snprintf(out, 32, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
	    year % 10000, month % 100, day % 100, second / 3600 % 100,
	    second / 60 % 60, second % 60, (unsigned int)(wall_ms % 1000));
}

static void
put_text_pairs(struct out *o, const struct logline *line)
{
	size_t i;

	for (i = 0; i < line->npairs && i < LOGLINE_PAIRS; i++) {
		put_str(o, " ");
		put_str(o, line->pairs[i].key);
		put_str(o, "=");
		put_value(o, line->pairs[i].value, LOGLINE_VALUE_MAX);
	}
}

/* Nothing for a terminal, no line of its own. */
static void
put_tame(struct out *o, const char *text)
{
	char c;

	for (; *text != '\0' && o->len < o->max; text++) {
		c = (unsigned char)*text < 0x20 || *text == 0x7f ? '?' :
		    *text;
		(void)put(o, &c, 1);
	}
}

static void
put_text(struct out *o, const struct logline *line)
{
	char head[64];

	put_tame(o, line->process);
	snprintf(head, sizeof(head), "[%d]: %s: ", line->pid, line->level);
	put_str(o, head);
	put_tame(o, line->msg);
	put_text_pairs(o, line);
}

static void
put_logfmt(struct out *o, const struct logline *line)
{
	char time[32], head[128];

	print_time(time, line->wall_ms);
	snprintf(head, sizeof(head), "time=%s level=%s process=", time,
	    line->level);
	put_str(o, head);
	put_value(o, line->process, LOGLINE_VALUE_MAX);
	snprintf(head, sizeof(head), " pid=%d", line->pid);
	put_str(o, head);
	if (line->topic != NULL) {
		put_str(o, " topic=");
		put_value(o, line->topic, LOGLINE_VALUE_MAX);
	}
	put_str(o, " msg=");
	put_string(o, line->msg, MSG_MAX);
	put_text_pairs(o, line);
}

static void
put_member(struct out *o, const char *key, const char *value, size_t max)
{
	put_str(o, ",");
	put_string(o, key, LOGLINE_VALUE_MAX);
	put_str(o, ":");
	put_string(o, value, max);
}

static void
put_json(struct out *o, const struct logline *line)
{
	char time[32], head[128];
	size_t i;

	print_time(time, line->wall_ms);
	snprintf(head, sizeof(head), "{\"time\":\"%s\",\"level\":\"%s\","
	    "\"pid\":%d", time, line->level, line->pid);
	put_str(o, head);
	put_member(o, "process", line->process, LOGLINE_VALUE_MAX);
	if (line->topic != NULL)
		put_member(o, "topic", line->topic, LOGLINE_VALUE_MAX);
	put_member(o, "msg", line->msg, MSG_MAX);
	for (i = 0; i < line->npairs && i < LOGLINE_PAIRS; i++)
		put_member(o, line->pairs[i].key, line->pairs[i].value,
		    LOGLINE_VALUE_MAX / 2);
	put_str(o, "}");
}

size_t
logline_format(char out[LOGLINE_SIZE], uint32_t format,
    const struct logline *line)
{
	struct out o = { .p = out, .max = LOGLINE_SIZE - 2 };
	char priority[16];

	if (format & LOG_JOURNAL) {
		snprintf(priority, sizeof(priority), "<%d>",
		    line->priority & 7);
		put_str(&o, priority);
	}
	switch (format & LOG_FORMAT_MASK) {
	case LOG_FORMAT_LOGFMT:
		put_logfmt(&o, line);
		break;
	case LOG_FORMAT_JSON:
		put_json(&o, line);
		break;
	default:
		put_text(&o, line);
		break;
	}
	out[o.len++] = '\n';
	out[o.len] = '\0';
	return o.len;
}

void
logline_text(char out[LOGLINE_SIZE], const struct logline *line)
{
	struct out o = { .p = out, .max = LOGLINE_SIZE - 1 };

	put_tame(&o, line->msg);
	put_text_pairs(&o, line);
	out[o.len] = '\0';
}

/* The place's own, or that of the one that has been silent longest. */
static size_t
find_place(struct lograte *rate, const char *place, uint64_t now_ms)
{
	size_t i, oldest = 0;

	for (i = 0; i < LOGRATE_PLACES; i++) {
		if (rate->places[i].place == place)
			return i;
		if (rate->places[i].place == NULL)
			break;
		if (rate->places[i].last_ms < rate->places[oldest].last_ms)
			oldest = i;
	}
	if (i == LOGRATE_PLACES)
		i = oldest;
	rate->places[i].place = place;
	rate->places[i].last_ms = now_ms;
	rate->places[i].credit = LOGRATE_BURST * 1000;
	rate->places[i].left_out = 0;
	return i;
}

static void
refill(struct lograte *rate, size_t i, uint64_t now_ms)
{
	uint64_t passed = now_ms - rate->places[i].last_ms;

	if (now_ms < rate->places[i].last_ms)
		return;
	rate->places[i].last_ms = now_ms;
	if (passed > LOGRATE_BURST * 1000)
		passed = LOGRATE_BURST * 1000;
	rate->places[i].credit += passed * LOGRATE_PER_SECOND;
	if (rate->places[i].credit > LOGRATE_BURST * 1000)
		rate->places[i].credit = LOGRATE_BURST * 1000;
}

bool
lograte_take(struct lograte *rate, const char *place, uint64_t now_ms)
{
	size_t i = find_place(rate, place, now_ms);

	refill(rate, i, now_ms);
	if (rate->places[i].credit < 1000) {
		rate->places[i].left_out++;
		return false;
	}
	rate->places[i].credit -= 1000;
	return true;
}

uint64_t
lograte_left_out(struct lograte *rate, uint64_t now_ms, const char **place)
{
	uint64_t count;
	size_t i;

	for (i = 0; i < LOGRATE_PLACES && rate->places[i].place != NULL;
	    i++) {
		if (rate->places[i].left_out == 0)
			continue;
		refill(rate, i, now_ms);
		if (rate->places[i].credit < 1000)
			continue;
		count = rate->places[i].left_out;
		rate->places[i].left_out = 0;
		*place = rate->places[i].place;
		return count;
	}
	return 0;
}
