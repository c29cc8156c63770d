/* SPDX-License-Identifier: ISC */
/* Not filled in yet. */
#include "config.h"

#include "gateway/http.h"

enum http_parsed
http_parse(const char *bytes, size_t len, struct http_head *head)
{
	(void)bytes;
	(void)len;
	(void)head;
	return 0;
}

bool
http_decide(const struct http_head *head, const struct http_policy *policy, struct http_answer *answer)
{
	(void)head;
	(void)policy;
	(void)answer;
	return 0;
}

enum http_bearer
http_bearer(const struct http_head *head, struct http_span *token)
{
	(void)head;
	(void)token;
	return 0;
}

ssize_t
http_format_answer(char *out, size_t cap, int status, const char *body, bool head_only)
{
	(void)out;
	(void)cap;
	(void)status;
	(void)body;
	(void)head_only;
	return 0;
}

ssize_t
http_format_upgrade(char *out, size_t cap, const struct http_head *head)
{
	(void)out;
	(void)cap;
	(void)head;
	return 0;
}

void
http_accept_key(char out[HTTP_ACCEPT_LEN], const char *key, size_t len)
{
	(void)out;
	(void)key;
	(void)len;
}
