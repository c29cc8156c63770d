/* SPDX-License-Identifier: ISC */
/* Base64: RFC 4648's vectors, every length, and what must be refused. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "common/b64.h"

TestSuite(b64, .timeout = 20);

static const struct {
	const char *plain;
	const char *coded;
} vectors[] = {
	{ "", "" },
	{ "f", "Zg==" },
	{ "fo", "Zm8=" },
	{ "foo", "Zm9v" },
	{ "foob", "Zm9vYg==" },
	{ "fooba", "Zm9vYmE=" },
	{ "foobar", "Zm9vYmFy" },
};

static const char *const refused[] = {
	"Z", "Zg", "Zg=", "Zg===", "=", "====", "Z===", "Zm9vZg", "Zg==Zg==",
	"Zm9v\n", "Zm 9", "Zm-_", "Zh==", "Zm9=", "Z=9v", "Zg=v", "Zm9\xc3",
};

Test(b64, vectors)
{
	char out[16];
	size_t i, len;

	for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		len = strlen(vectors[i].plain);
		b64_encode(out, vectors[i].plain, len);
		cr_assert_eq(strlen(vectors[i].coded), B64_ENCODED(len));
		cr_assert_arr_eq(out, vectors[i].coded, B64_ENCODED(len));
		cr_assert_eq(b64_decode(out, vectors[i].coded,
		    strlen(vectors[i].coded)), (ssize_t)len);
		cr_assert_arr_eq(out, vectors[i].plain, len);
	}
}

Test(b64, refuses)
{
	char out[16];
	size_t i;

	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		cr_assert_eq(b64_decode(out, refused[i], strlen(refused[i])),
		    -1, "accepted: %s", refused[i]);
}

Test(b64, every_length_comes_back)
{
	unsigned char in[300];
	size_t i, len, room;
	char *text, *back;

	for (i = 0; i < sizeof(in); i++)
		in[i] = (unsigned char)(i * 151 + 7);
	for (len = 0; len <= sizeof(in); len++) {
		/* Exact sizes, so that a sanitizer sees one byte too many. */
		room = B64_ENCODED(len);
		text = malloc(room > 0 ? room : 1);
		back = malloc(room > 0 ? B64_DECODED(room) : 1);
		b64_encode(text, in, len);
		cr_assert_eq(b64_decode(back, text, room), (ssize_t)len);
		cr_assert_arr_eq(back, in, len);
		free(text);
		free(back);
	}
}
