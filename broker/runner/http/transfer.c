/* SPDX-License-Identifier: ISC */
/* Transfers by libcurl: curl_easy_setopt(3), libcurl-multi(3). */
#include "config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "broker/runner/http/http.h"
#include "common/log.h"
#include "common/xmalloc.h"

static CURLM *multi;
static TAILQ_HEAD(, transfer) transfers = TAILQ_HEAD_INITIALIZER(transfers);
static size_t ntransfers;

int
transfers_init(void)
{
	if (curl_global_init(CURL_GLOBAL_ALL) != CURLE_OK)
		return -1;
	multi = curl_multi_init();
	return multi == NULL ? -1 : 0;
}

bool
transfers_active(struct span name)
{
	struct transfer *transfer;

	TAILQ_FOREACH(transfer, &transfers, entry)
		if (transfer->streamed && transfer->name.len == name.len &&
		    memcmp(transfer->name.p, name.p, name.len) == 0)
			return true;
	return false;
}

static void
transfer_free(struct transfer *transfer)
{
	struct writer *all[] = { &transfer->id_str, &transfer->name,
		&transfer->verb, &transfer->url, &transfer->upload,
		&transfer->headers, &transfer->body };
	size_t i;

	if (transfer->easy != NULL)
		curl_easy_cleanup(transfer->easy);
	curl_slist_free_all(transfer->sent);
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		writer_clear(all[i]);
	free(transfer);
}

static void
transfer_end(struct transfer *transfer)
{
	TAILQ_REMOVE(&transfers, transfer, entry);
	ntransfers--;
	curl_multi_remove_handle(multi, transfer->easy);
	transfer_free(transfer);
}

static void
keep(struct writer *w, struct span span, bool terminate)
{
	writer_init(w, PROTO_REQUEST_MAX + 1);
	writer_put(w, span.p, span.len);
	if (terminate)
		writer_put_u8(w, '\0');
	if (w->failed)
		fatalx("out of memory");
}

static struct transfer *
transfer_new(uint32_t call, const struct fields_GR_HTTP *msg)
{
	struct transfer *transfer = xcalloc(1, sizeof(*transfer));

	transfer->call = call;
	transfer->id_is_int = msg->has_id_int;
	transfer->id_int = msg->id_int;
	transfer->streamed = msg->streamed;
	transfer->follow = !msg->has_follow_redirects ||
	    msg->follow_redirects;
	keep(&transfer->id_str, msg->id_str, false);
	keep(&transfer->name, msg->request_id, false);
	keep(&transfer->verb, msg->verb, true);
	keep(&transfer->url, msg->url, true);
	keep(&transfer->upload, msg->data, false);
	writer_init(&transfer->headers, HTTP_HEADERS_MAX);
	writer_init(&transfer->body, HTTP_BODY_MAX);
	return transfer;
}

/* One header of the answer: a new status line starts over. */
static void
header_line(struct transfer *transfer, struct span line)
{
	const uint8_t *colon;
	uint8_t *name;
	size_t i, len;

	if (line.len >= 5 && memcmp(line.p, "HTTP/", 5) == 0) {
		writer_reset(&transfer->headers);
		transfer->moved = false;
		return;
	}
	colon = memchr(line.p, ':', line.len);
	if (colon == NULL)
		return;
	len = (size_t)(colon - line.p);
	if (len == 8 && strncasecmp((const char *)line.p, "location", 8) == 0)
		transfer->moved = true;
	line.p += len + 1;
	line.len -= len + 1;
	while (line.len > 0 && (line.p[0] == ' ' || line.p[0] == '\t'))
		line.p++, line.len--;
	while (line.len > 0 && isspace(line.p[line.len - 1]))
		line.len--;
	writer_put_u32(&transfer->headers,
	    (uint32_t)(4 + len + line.len));
	writer_put_u32(&transfer->headers, (uint32_t)len);
	name = writer_extend(&transfer->headers, len);
	for (i = 0; name != NULL && i < len; i++)
		name[i] = (uint8_t)tolower(colon[(ptrdiff_t)i -
		    (ptrdiff_t)len]);
	writer_put(&transfer->headers, line.p, line.len);
}

static uint32_t
transfer_status(const struct transfer *transfer)
{
	long status = 0;

	curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
	return (uint32_t)status;
}

/* What describes a body goes with it. */
static bool
is_of_body(const char *line)
{
	static const char *const names[] = { "Content-Encoding:",
		"Content-Language:", "Content-Length:", "Content-Location:",
		"Content-Type:", "Transfer-Encoding:" };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strncasecmp(line, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

static void
drop_body_headers(struct transfer *transfer)
{
	struct curl_slist *line, *more, *kept = NULL;

	for (line = transfer->sent; line != NULL; line = line->next) {
		if (is_of_body(line->data))
			continue;
		more = curl_slist_append(kept, line->data);
		if (more == NULL)
			fatalx("out of memory");
		kept = more;
	}
	curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, kept);
	curl_slist_free_all(transfer->sent);
	transfer->sent = kept;
}

/*
 * RFC 9110, 15.4: after 303 the other place is asked with GET, and so it is
 * after 301 and 302 where it was POST; 307 and 308 change nothing.  libcurl
 * does that for the method it knows by itself, but never takes back one that
 * it was given by name.
 */
static void
redirected(struct transfer *transfer, uint32_t status)
{
	const char *verb = (const char *)transfer->verb.p;

	if (strcmp(verb, "GET") == 0 || strcmp(verb, "HEAD") == 0)
		return;
	if (status != 303 && !((status == 301 || status == 302) &&
	    strcmp(verb, "POST") == 0))
		return;
	writer_reset(&transfer->verb);
	writer_put(&transfer->verb, "GET", sizeof("GET"));
	curl_easy_setopt(transfer->easy, CURLOPT_CUSTOMREQUEST, NULL);
	drop_body_headers(transfer);
}

/* The head of the last answer is complete: a streamed one is told at once. */
static void
headers_over(struct transfer *transfer)
{
	uint32_t status = transfer_status(transfer);

	if (transfer->follow && transfer->moved && status >= 300 &&
	    status < 400) {
		redirected(transfer, status);
		return;
	}
	if (!transfer->streamed || transfer->answered || status < 200)
		return;
	transfer->answered = true;
	answer_result(transfer, status);
}

static size_t
header_cb(char *bytes, size_t size, size_t count, void *arg)
{
	struct transfer *transfer = arg;
	struct span line = { (const uint8_t *)bytes, size * count };

	while (line.len > 0 && (line.p[line.len - 1] == '\n' ||
	    line.p[line.len - 1] == '\r'))
		line.len--;
	if (transfer->answered || transfer->body.len > 0)
		return size * count;	/* a trailer */
	if (line.len == 0)
		headers_over(transfer);
	else
		header_line(transfer, line);
	if (transfer->headers.failed) {
		transfer->failed = "the answer's headers are too long";
		return 0;
	}
	return size * count;
}

static size_t
body_cb(char *bytes, size_t size, size_t count, void *arg)
{
	struct transfer *transfer = arg;
	size_t len = size * count;

	if (transfer->streamed) {
		if (!transfer->answered)
			return len;	/* the body of a redirect */
		if (wire_queued() > HTTP_QUEUE_HIGH) {
			transfer->paused = true;
			return CURL_WRITEFUNC_PAUSE;
		}
		answer_piece(transfer, bytes, len);
		return len;
	}
	writer_put(&transfer->body, bytes, len);
	if (!transfer->body.failed)
		return len;
	transfer->failed = "the answer is too long to be given in one piece: "
	    "ask for streamResponse";
	return 0;
}

static void
add_header(struct transfer *transfer, const struct http_header *header)
{
	char name[257], *line, *variable = NULL;
	const char *value = NULL;
	struct curl_slist *more;

	if (header->variable.len > 0 && header->variable.len < sizeof(name)) {
		memcpy(name, header->variable.p, header->variable.len);
		name[header->variable.len] = '\0';
		value = getenv(name);
	}
	variable = xstrdup(value == NULL ? "" : value);
	/* "Name;" is how libcurl is told to send one without a value. */
	if (header->value.len == 0 && variable[0] == '\0')
		line = xasprintf("%.*s;", (int)header->name.len,
		    (const char *)header->name.p);
	else
		line = xasprintf("%.*s: %.*s%s", (int)header->name.len,
		    (const char *)header->name.p, (int)header->value.len,
		    header->value.len == 0 ? "" :
		    (const char *)header->value.p, variable);
	/* What came from the environment may not break the head. */
	line[strcspn(line, "\r\n")] = '\0';
	more = curl_slist_append(transfer->sent, line);
	if (more == NULL)
		fatalx("out of memory");
	transfer->sent = more;
	free(line);
	free(variable);
}

static bool
has_header(struct span list, const char *name)
{
	struct http_header header;

	while (http_header_next(&list, &header))
		if (header.name.len == strlen(name) &&
		    strncasecmp((const char *)header.name.p, name,
		    header.name.len) == 0)
			return true;
	return false;
}

/* What libcurl would add by itself, and the client has not asked for. */
static void
suppress(struct transfer *transfer, struct span list)
{
	static const char *const own[] = { "Expect", "Content-Type" };
	struct curl_slist *more;
	char line[32];
	size_t i;

	for (i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		if (has_header(list, own[i]))
			continue;
		snprintf(line, sizeof(line), "%s:", own[i]);
		more = curl_slist_append(transfer->sent, line);
		if (more == NULL)
			fatalx("out of memory");
		transfer->sent = more;
	}
}

static void
set_headers(struct transfer *transfer, struct span list)
{
	struct http_header header;
	struct span rest = list;

	while (http_header_next(&rest, &header))
		add_header(transfer, &header);
	suppress(transfer, list);
	curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, transfer->sent);
}

static void
set_verb(struct transfer *transfer, bool body)
{
	const char *verb = (const char *)transfer->verb.p;

	if (strcmp(verb, "HEAD") == 0) {
		curl_easy_setopt(transfer->easy, CURLOPT_NOBODY, 1L);
		return;
	}
	if (body || strcmp(verb, "POST") == 0) {
		curl_easy_setopt(transfer->easy, CURLOPT_POST, 1L);
		curl_easy_setopt(transfer->easy, CURLOPT_POSTFIELDSIZE_LARGE,
		    (curl_off_t)transfer->upload.len);
		curl_easy_setopt(transfer->easy, CURLOPT_POSTFIELDS,
		    transfer->upload.len == 0 ? "" :
		    (const char *)transfer->upload.p);
	}
	/* What is not POST stays what it is, but for 303; see redirected(). */
	if (strcmp(verb, "POST") != 0)
		curl_easy_setopt(transfer->easy, CURLOPT_POSTREDIR,
		    (long)(CURL_REDIR_POST_301 | CURL_REDIR_POST_302));
	/* Named only where it differs, so that a redirect may change it. */
	if (strcmp(verb, body ? "POST" : "GET") != 0 &&
	    strcmp(verb, "POST") != 0)
		curl_easy_setopt(transfer->easy, CURLOPT_CUSTOMREQUEST, verb);
}

/* Loopback is never asked for through a proxy. */
static void
set_proxy(struct transfer *transfer)
{
	const char *given = getenv("no_proxy");
	char *list;

	if (given == NULL)
		given = getenv("NO_PROXY");
	list = xasprintf("%s%slocalhost,127.0.0.1,::1",
	    given == NULL ? "" : given, given == NULL ? "" : ",");
	curl_easy_setopt(transfer->easy, CURLOPT_NOPROXY, list);
	free(list);
}

static void
set_options(struct transfer *transfer, const struct fields_GR_HTTP *msg)
{
	CURL *easy = transfer->easy;
	uint64_t timeout = msg->timeout_ms;

	curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
	curl_easy_setopt(easy, CURLOPT_URL, (const char *)transfer->url.p);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION,
	    transfer->follow ? 1L : 0L);
	curl_easy_setopt(easy, CURLOPT_MAXREDIRS, (long)HTTP_REDIRECTS_MAX);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, header_cb);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, body_cb);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
	if (msg->has_timeout_ms) {
		if (timeout == 0)
			timeout = 1;	/* 0 means never to libcurl */
		if (timeout > INT32_MAX)
			timeout = INT32_MAX;
		curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)timeout);
	}
	set_verb(transfer, msg->has_data && msg->data.len > 0);
	set_headers(transfer, msg->headers);
	set_proxy(transfer);
}

static const char *
refusal(const struct fields_GR_HTTP *msg, int64_t *code)
{
	const char *wrong = http_check(msg);

	*code = HTTP_CODE_PARAMS;
	if (wrong != NULL)
		return wrong;
	if (msg->streamed && transfers_active(msg->request_id))
		return "requestId is already active";
	*code = HTTP_CODE_BUSY;
	return ntransfers < HTTP_TRANSFERS_MAX ? NULL :
	    "too many HTTP requests at once: at most 64";
}

void
transfers_begin(uint32_t call, const struct fields_GR_HTTP *msg)
{
	struct transfer *transfer = transfer_new(call, msg);
	const char *wrong;
	int64_t code;

	wrong = refusal(msg, &code);
	if (wrong != NULL) {
		answer_error(call, transfer, code, wrong);
		transfer_free(transfer);
		return;
	}
	transfer->easy = curl_easy_init();
	if (transfer->easy == NULL)
		fatalx("out of memory");
	set_options(transfer, msg);
	TAILQ_INSERT_TAIL(&transfers, transfer, entry);
	ntransfers++;
	if (curl_multi_add_handle(multi, transfer->easy) != CURLM_OK)
		fatalx("out of memory");
}

static void
transfer_done(struct transfer *transfer, CURLcode result)
{
	const char *why = transfer->failed != NULL ? transfer->failed :
	    curl_easy_strerror(result);

	if (result == CURLE_OK && transfer->answered)
		answer_last(transfer, NULL);
	else if (result == CURLE_OK) {
		answer_result(transfer, transfer_status(transfer));
		if (transfer->streamed)
			answer_last(transfer, NULL);
	} else if (transfer->answered)
		answer_last(transfer, why);
	else
		answer_error(transfer->call, transfer, HTTP_CODE_FAILED, why);
	transfer_end(transfer);
}

/* The runner takes bytes again. */
static void
transfers_resume(void)
{
	struct transfer *transfer;

	TAILQ_FOREACH(transfer, &transfers, entry)
		if (transfer->paused) {
			transfer->paused = false;
			curl_easy_pause(transfer->easy, CURLPAUSE_CONT);
		}
}

void
transfers_turn(int fd, int timeout_ms)
{
	struct curl_waitfd extra = { .fd = fd };
	struct transfer *transfer;
	CURLMsg *done;
	int running, left;

	curl_multi_perform(multi, &running);
	while ((done = curl_multi_info_read(multi, &left)) != NULL)
		if (done->msg == CURLMSG_DONE) {
			curl_easy_getinfo(done->easy_handle, CURLINFO_PRIVATE,
			    &transfer);
			transfer_done(transfer, done->data.result);
		}
	wire_flush();
	/* Here, for all that waited may have gone out just now. */
	if (wire_queued() <= HTTP_QUEUE_LOW)
		transfers_resume();
	extra.events = (short)(CURL_WAIT_POLLIN |
	    (wire_queued() > 0 ? CURL_WAIT_POLLOUT : 0));
	curl_multi_poll(multi, &extra, 1, timeout_ms, NULL);
}
