/* SPDX-License-Identifier: ISC */
/* Whether a request can be made at all. */
#include "config.h"

#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "broker/runner/http/http.h"

/* A token character: RFC 9110, 5.6.2. */
static int
is_tchar(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	    (c >= 'A' && c <= 'Z') ||
	    (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static int
is_token(struct span span)
{
	size_t i;

	for (i = 0; i < span.len; i++)
		if (!is_tchar(span.p[i]))
			return 0;
	return span.len > 0;
}

static int
is_field_value(struct span span)
{
	size_t i;

	for (i = 0; i < span.len; i++)
		if ((span.p[i] < 0x20 && span.p[i] != '\t') ||
		    span.p[i] == 0x7f)
			return 0;
	return 1;
}

static int
scheme_is_http(CURLU *url)
{
	char *scheme;
	int good;

	if (curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
		return 0;
	good = strcasecmp(scheme, "http") == 0 ||
	    strcasecmp(scheme, "https") == 0;
	curl_free(scheme);
	return good;
}

static const char *
check_url(struct span span)
{
	char text[65537];
	const char *wrong = NULL;
	CURLU *url;

	if (span_to_str(span, text, sizeof(text)) == -1)
		return "url is not valid";
	url = curl_url();
	if (url == NULL)
		return "out of memory";
	if (curl_url_set(url, CURLUPART_URL, text,
	    CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
		wrong = "url is not a valid absolute URL";
	else if (!scheme_is_http(url))
		wrong = "url must be http or https";
	curl_url_cleanup(url);
	return wrong;
}

int
http_header_next(struct span *list, struct http_header *header)
{
	struct span whole;
	struct cursor c;

	if (!proto_list_next(list, &whole))
		return 0;
	cursor_init(&c, whole.p, whole.len);
	header->name = cursor_span(&c, cursor_u32(&c));
	header->value = cursor_span(&c, cursor_u32(&c));
	header->variable = cursor_span(&c, c.left);
	return !c.failed;
}

static const char *
check_headers(struct span list)
{
	struct http_header header;
	size_t count = proto_list_count(list);

	while (http_header_next(&list, &header)) {
		count--;
		if (!is_token(header.name))
			return "header name is not valid";
		if (!is_field_value(header.value))
			return "header value is not valid";
		if (memchr(header.variable.p, '\0', header.variable.len) !=
		    NULL)
			return "valueEnvVar is not valid";
	}
	return count == 0 ? NULL : "headers are not valid";
}

const char *
http_check(const struct fields_GR_HTTP *msg)
{
	const char *wrong;

	if (!is_token(msg->verb))
		return "method is not valid";
	wrong = check_url(msg->url);
	return wrong != NULL ? wrong : check_headers(msg->headers);
}
