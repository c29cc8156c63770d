/* SPDX-License-Identifier: ISC */
/* Which HTTP requests can be made, by table. */
#include "config.h"

#include <criterion/criterion.h>
#include <string.h>

#include "broker/runner/http/http.h"

TestSuite(httpcheck, .timeout = 20);

#define GOOD NULL

static const struct {
	const char *verb, *url, *name, *value, *wrong;
} rows[] = {
	{ "GET", "http://host/", "a", "b", GOOD },
	{ "GET", "https://host:1/x?y#z", "a", "", GOOD },
	{ "GET", "HTTP://[::1]/", "A-b_c", "x\ty \xe9", GOOD },
	{ "M-SEARCH", "http://user@host", "!#$%&'*+-.^_`|~", "x", GOOD },
	{ "get", "http://127.0.0.1", "a", "b", GOOD },
	{ "", "http://host/", "a", "b", "method" },
	{ "GE T", "http://host/", "a", "b", "method" },
	{ "GET\r\n", "http://host/", "a", "b", "method" },
	{ "G\xc3\x89T", "http://host/", "a", "b", "method" },
	{ "GET", "", "a", "b", "url" },
	{ "GET", "host", "a", "b", "url" },
	{ "GET", "/path", "a", "b", "url" },
	{ "GET", "http://", "a", "b", "url" },
	{ "GET", "http://host:port/", "a", "b", "url" },
	{ "GET", "http://ho st/", "a", "b", "url" },
	{ "GET", "ftp://host/", "a", "b", "url" },
	{ "GET", "file:///etc/passwd", "a", "b", "url" },
	{ "GET", "gopher://host/", "a", "b", "url" },
	{ "GET", "http://host/", "", "b", "header name" },
	{ "GET", "http://host/", "a:", "b", "header name" },
	{ "GET", "http://host/", "a b", "b", "header name" },
	{ "GET", "http://host/", "a\n", "b", "header name" },
	{ "GET", "http://host/", "a", "b\r\nc: d", "header value" },
	{ "GET", "http://host/", "a", "b\n", "header value" },
	{ "GET", "http://host/", "a", "\x7f", "header value" },
};

static void
add_header(struct writer *list, const char *name, const char *value,
    const char *variable)
{
	struct writer w;

	writer_init(&w, 4096);
	writer_put_u32(&w, (uint32_t)strlen(name));
	writer_put(&w, name, strlen(name));
	writer_put_u32(&w, (uint32_t)strlen(value));
	writer_put(&w, value, strlen(value));
	writer_put(&w, variable, strlen(variable));
	proto_list_add(list, (struct span){ w.p, w.len });
	writer_clear(&w);
}

static const char *
check(const char *verb, const char *url, const struct writer *list)
{
	struct fields_GR_HTTP msg = {
		.verb = span_str(verb),
		.url = span_str(url),
		.headers = { list->p, list->len },
	};

	return http_check(&msg);
}

Test(httpcheck, table)
{
	struct writer list;
	const char *wrong;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		writer_init(&list, 4096);
		add_header(&list, rows[i].name, rows[i].value, "");
		wrong = check(rows[i].verb, rows[i].url, &list);
		if (rows[i].wrong == GOOD)
			cr_assert_null(wrong, "%zu: %s", i, wrong);
		else
			cr_assert(wrong != NULL && strncmp(wrong,
			    rows[i].wrong, strlen(rows[i].wrong)) == 0,
			    "%zu: %s", i, wrong == NULL ? "good" : wrong);
		writer_clear(&list);
	}
}

Test(httpcheck, no_headers)
{
	struct writer list;

	writer_init(&list, 16);
	cr_assert_null(check("GET", "http://host/", &list));
	writer_clear(&list);
}

Test(httpcheck, headers_in_turn)
{
	struct http_header header;
	struct writer list;
	struct span rest;

	writer_init(&list, 4096);
	add_header(&list, "one", "1", "");
	add_header(&list, "two", "", "VARIABLE");
	rest = (struct span){ list.p, list.len };
	cr_assert_eq(http_header_next(&rest, &header), 1);
	cr_assert_eq(header.name.len, 3);
	cr_assert_eq(memcmp(header.name.p, "one", 3), 0);
	cr_assert_eq(header.value.len, 1);
	cr_assert_eq(header.variable.len, 0);
	cr_assert_eq(http_header_next(&rest, &header), 1);
	cr_assert_eq(header.value.len, 0);
	cr_assert_eq(header.variable.len, 8);
	cr_assert_eq(memcmp(header.variable.p, "VARIABLE", 8), 0);
	cr_assert_eq(http_header_next(&rest, &header), 0);
	writer_clear(&list);
}

/* Headers that end in the middle are not half taken. */
Test(httpcheck, cut_headers)
{
	struct writer list, cut;
	size_t len;

	writer_init(&list, 4096);
	add_header(&list, "name", "value", "");
	/* The item's own length stays true; what is in it gets short. */
	for (len = 0; len < list.len - 4; len++) {
		writer_init(&cut, 4096);
		proto_list_add(&cut, (struct span){ list.p + 4, len });
		cr_assert_not_null(check("GET", "http://host/", &cut),
		    "%zu", len);
		writer_clear(&cut);
	}
	writer_clear(&list);
}
