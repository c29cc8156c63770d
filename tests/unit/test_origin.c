/* SPDX-License-Identifier: ISC */
/* Web origins in the form in which they are compared. */
#include "config.h"

#include <string.h>

#include <criterion/criterion.h>

#include "common/origin.h"

TestSuite(origin, .timeout = 20);

static const struct {
	const char *text;
	const char *normal;	/* NULL: refused */
} rows[] = {
	{ "https://app.example", "https://app.example" },
	{ "HTTPS://App.Example", "https://app.example" },
	{ "https://app.example:443", "https://app.example" },
	{ "https://app.example:8443", "https://app.example:8443" },
	{ "http://app.example:443", "http://app.example:443" },
	{ "http://app.example:80", "http://app.example" },
	{ "http://127.0.0.1:3000", "http://127.0.0.1:3000" },
	{ "https://[2001:DB8::1]:443", "https://[2001:db8::1]" },
	{ "chrome-extension://abcdef", "chrome-extension://abcdef" },
	{ "https://app.example/", NULL },
	{ "https://app.example/path", NULL },
	{ "https://user@app.example", NULL },
	{ "https://app.example:", NULL },
	{ "https://app.example:123456", NULL },
	{ "https://app.example:8a", NULL },
	{ "https://*.example", NULL },
	{ "https://", NULL },
	{ "https:app.example", NULL },
	{ "https://[::1", NULL },
	{ "1https://app.example", NULL },
	{ "://app.example", NULL },
	{ "https://a.example https://b.example", NULL },
	{ "null", NULL },
	{ "*", NULL },
	{ "", NULL },
};

Test(origin, every_row)
{
	char out[ORIGIN_SIZE];
	const char *wrong;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		wrong = origin_normalise(span_str(rows[i].text), out);
		cr_assert_eq(wrong == NULL, rows[i].normal != NULL, "%s: %s",
		    rows[i].text, wrong == NULL ? out : wrong);
		if (wrong == NULL)
			cr_expect_str_eq(out, rows[i].normal);
	}
}

Test(origin, too_long_and_no_text)
{
	char text[ORIGIN_SIZE + 16], out[ORIGIN_SIZE];

	memset(text, 'a', sizeof(text));
	memcpy(text, "https://", 8);
	cr_assert_not_null(origin_normalise((struct span){
		(const uint8_t *)text, sizeof(text) }, out));
	cr_assert_not_null(origin_normalise((struct span){
		(const uint8_t *)"https://a\0b", 11 }, out));
}
