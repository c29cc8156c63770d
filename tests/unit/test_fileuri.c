/* SPDX-License-Identifier: ISC */
/* File URIs: one table for each direction. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "gateway/fileuri.h"

TestSuite(fileuri, .timeout = 20);

#define N(table) (sizeof(table) / sizeof((table)[0]))

static const struct {
	const char *uri;
	const char *path;
} good[] = {
	{ "file:///a/b", "/a/b" },
	{ "FILE:///a", "/a" },
	{ "FiLe:///a", "/a" },
	{ "file:/a", "/a" },
	{ "file:a", "/a" },
	{ "file:a/b/", "/a/b" },
	{ "file:", "/" },
	{ "file:/", "/" },
	{ "file://", "/" },
	{ "file:///", "/" },
	{ "file://localhost", "/" },
	{ "file://localhost/a", "/a" },
	{ "file://LocalHost/a", "/a" },
	{ "file://%6cocalhost/a", "/a" },
	{ "  file:///a \t\r\n", "/a" },
	{ "\x01\x1f" "file:///a\x02", "/a" },
	{ "fi\tle:/\n/\r/a\tb", "/ab" },
	{ "file:///a%\t41", "/aA" },
	{ "file:////a", "/a" },
	{ "file://////a//b", "/a//b" },
	{ "file:///a/", "/a" },
	{ "file:///a///", "/a" },
	{ "file:///a/./b", "/a/b" },
	{ "file:///a/../b", "/b" },
	{ "file:///a/b/..", "/a" },
	{ "file:///a/b/.", "/a/b" },
	{ "file:///../../a", "/a" },
	{ "file:///..", "/" },
	{ "file:///a/%2e/b", "/a/b" },
	{ "file:///a/%2E%2e/b", "/b" },
	{ "file:///a/.%2e/b", "/b" },
	{ "file:///a/%2e./b", "/b" },
	{ "file:///a/.../b", "/a/.../b" },
	{ "file:///a/..b/.c", "/a/..b/.c" },
	{ "file:///a//../b", "/a/b" },
	{ "file:///a%20b", "/a b" },
	{ "file:///a b", "/a b" },
	{ "file:///%41%c3%a9", "/A\xc3\xa9" },
	{ "file:///\xc3\xa9", "/\xc3\xa9" },
	{ "file:///%ff%fe", "/\xff\xfe" },
	{ "file:///a%2Fb", "/a/b" },
	{ "file:///a%2fb/..", "/" },
	{ "file:///x/a%2fb/../c", "/x/c" },
	{ "file:///a%2f", "/a/" },
	{ "file:///100%", "/100%" },
	{ "file:///%", "/%" },
	{ "file:///%4", "/%4" },
	{ "file:///%zz%4g", "/%zz%4g" },
	{ "file:///%%41", "/%A" },
	{ "file:///%2541", "/%41" },
	{ "file:///a\\b", "/a/b" },
	{ "file:\\\\\\a", "/a" },
	{ "file:///a%5Cb", "/a\\b" },
	{ "file:///a%3Fb%23", "/a?b#" },
	{ "file:///a@b:c", "/a@b:c" },
	{ "file:///a;b=c&d", "/a;b=c&d" },
	{ "file:///C%3A/x", "/C:/x" },
	{ "file:///x/C:/y", "/x/C:/y" },
	{ "file:///CC:/y", "/CC:/y" },
	{ "file:///1:/y", "/1:/y" },
};

static const struct {
	const char *uri;
	enum fileuri_error error;
} wrong[] = {
	{ "", FILEURI_INVALID },
	{ " ", FILEURI_INVALID },
	{ "/etc/passwd", FILEURI_INVALID },
	{ "etc/passwd", FILEURI_INVALID },
	{ "//host/x", FILEURI_INVALID },
	{ "http://h/x", FILEURI_INVALID },
	{ "files:///x", FILEURI_INVALID },
	{ "file", FILEURI_INVALID },
	{ "file ///x", FILEURI_INVALID },
	{ "file%3A///x", FILEURI_INVALID },
	{ "file:///x?", FILEURI_INVALID },
	{ "file:///x?y=1", FILEURI_INVALID },
	{ "file:///x#", FILEURI_INVALID },
	{ "file:///x#f", FILEURI_INVALID },
	{ "file://otherhost/x?y", FILEURI_INVALID },
	{ "file:///x%00", FILEURI_INVALID },
	{ "file:///%00/../x", FILEURI_INVALID },
	{ "file://user@/x", FILEURI_INVALID },
	{ "file://user@localhost/x", FILEURI_INVALID },
	{ "file://user:secret@host/x", FILEURI_INVALID },
	{ "file://localhost:80/x", FILEURI_INVALID },
	{ "file://ho st/x", FILEURI_INVALID },
	{ "file://host%00/x", FILEURI_INVALID },
	{ "file://otherhost/x%00", FILEURI_INVALID },
	{ "file://otherhost/x", FILEURI_FOREIGN },
	{ "file://otherhost", FILEURI_FOREIGN },
	{ "file://127.0.0.1/x", FILEURI_FOREIGN },
	{ "file://[::1]/x", FILEURI_FOREIGN },
	{ "file://localhost.example/x", FILEURI_FOREIGN },
	{ "file:///C:/x", FILEURI_FOREIGN },
	{ "file:///c|/x", FILEURI_FOREIGN },
	{ "file:///C:", FILEURI_FOREIGN },
	{ "file:C:/x", FILEURI_FOREIGN },
	{ "file:/C:\\x", FILEURI_FOREIGN },
	{ "file://C:/x", FILEURI_FOREIGN },
	{ "file:///a/../C:/x", FILEURI_FOREIGN },
	{ "file:///C:/../x", FILEURI_FOREIGN },
};

static const struct {
	const char *path;
	const char *uri;
} written[] = {
	{ "/", "file:///" },
	{ "//", "file:///" },
	{ "/a/b", "file:///a/b" },
	{ "/a/b/", "file:///a/b" },
	{ "/a b%\xc3\xa9", "file:///a%20b%25%C3%A9" },
	{ "/a#b?c", "file:///a%23b%3Fc" },
	{ "/\xff\x01\n", "file:///%FF%01%0A" },
	{ "/a\\b`\"<>{}|^", "file:///a%5Cb%60%22%3C%3E%7B%7D%7C%5E" },
	{ "/-._~!$&'()*+,;=:@[]", "file:///-._~!$&'()*+,;=:@[]" },
	{ "/C:/x", "file:///C%3A/x" },
	{ "/C:", "file:///C%3A" },
	{ "//C:/x", "file:////C%3A/x" },
};

Test(fileuri, good_ones)
{
	char path[64];
	size_t i, len;

	for (i = 0; i < N(good); i++) {
		cr_assert_eq(fileuri_decode(good[i].uri, strlen(good[i].uri),
		    path, sizeof(path), &len), FILEURI_OK, "%s", good[i].uri);
		cr_assert_str_eq(path, good[i].path, "%s", good[i].uri);
		cr_assert_eq(len, strlen(path), "%s", good[i].uri);
	}
}

Test(fileuri, wrong_ones)
{
	char path[64];
	size_t i, len;

	for (i = 0; i < N(wrong); i++)
		cr_assert_eq(fileuri_decode(wrong[i].uri,
		    strlen(wrong[i].uri), path, sizeof(path), &len),
		    wrong[i].error, "%s", wrong[i].uri);
}

Test(fileuri, raw_nul)
{
	static const char inside[] = "file:///a\0b", around[] = "\0file:///a\0";
	char path[64];
	size_t len;

	cr_assert_eq(fileuri_decode(inside, sizeof(inside) - 1, path,
	    sizeof(path), &len), FILEURI_INVALID);
	cr_assert_eq(fileuri_decode(around, sizeof(around) - 1, path,
	    sizeof(path), &len), FILEURI_OK);
	cr_assert_str_eq(path, "/a");
}

/* Room of every size, in memory of exactly that size. */
Test(fileuri, room)
{
	static const char uri[] = "file:///ab/%41%42";
	char *path;
	size_t cap, len;

	for (cap = 1; cap < 10; cap++) {
		path = malloc(cap);
		if (cap < sizeof("/ab/AB"))
			cr_assert_eq(fileuri_decode(uri, sizeof(uri) - 1,
			    path, cap, &len), FILEURI_TOO_LONG);
		else {
			cr_assert_eq(fileuri_decode(uri, sizeof(uri) - 1,
			    path, cap, &len), FILEURI_OK);
			cr_assert_str_eq(path, "/ab/AB");
		}
		free(path);
	}
}

Test(fileuri, written_ones)
{
	char uri[128], path[64];
	size_t i, len, n;
	ssize_t got;

	for (i = 0; i < N(written); i++) {
		n = strlen(written[i].uri);
		got = fileuri_encode(written[i].path, strlen(written[i].path),
		    uri, sizeof(uri));
		cr_assert_eq(got, (ssize_t)n, "%s", written[i].path);
		cr_assert_arr_eq(uri, written[i].uri, n, "%s",
		    written[i].path);
		cr_assert_eq(fileuri_encode(written[i].path,
		    strlen(written[i].path), uri, n), (ssize_t)n);
		cr_assert_eq(fileuri_encode(written[i].path,
		    strlen(written[i].path), uri, n - 1), -1);
		/* And back. */
		cr_assert_eq(fileuri_decode(written[i].uri, n, path,
		    sizeof(path), &len), FILEURI_OK);
		if (written[i].path[1] != '/' && written[i].path[len] != '/')
			cr_assert_str_eq(path, written[i].path);
	}
	cr_assert_eq(fileuri_encode("", 0, uri, sizeof(uri)), -1);
	cr_assert_eq(fileuri_encode("a", 1, uri, sizeof(uri)), -1);
}
