/* SPDX-License-Identifier: ISC */
/* "holdfast cp": directories, and all in them. */
#include "config.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "common/xmalloc.h"
#include "contrib/client/cp_private.h"
#include "contrib/client/rpc.h"
#include "contrib/client/say.h"
#include "contrib/client/start.h"

/* Directories in one another, against trees without an end. */
#define TREE_DEPTH 256

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

char *
cp_uri_name(const char *uri)
{
	const char *p = strrchr(uri, '/');
	char *name, *out;

	if (p == NULL)
		return NULL;
	name = out = xmalloc(strlen(p));
	for (p++; *p != '\0'; p++)
		if (*p == '%' && hex(p[1]) != -1 && hex(p[2]) != -1) {
			*out++ = (char)(hex(p[1]) << 4 | hex(p[2]));
			p += 2;
		} else {
			*out++ = *p;
		}
	*out = '\0';
	if (*name == '\0' || strlen(name) != (size_t)(out - name) ||
	    strchr(name, '/') != NULL || strcmp(name, ".") == 0 ||
	    strcmp(name, "..") == 0) {
		free(name);
		return NULL;
	}
	return name;
}

/* One directory alone: a deeper walk might meet the limits of all walks. */
static struct json_object *
walk_params(const char *path)
{
	struct json_object *params = remote_path(path);

	json_object_object_add(params, "options", json_tokener_parse(
	    "{\"maxDepth\":0,\"maxDirectories\":1,\"maxEntries\":50000,"
	    "\"followDirectorySymlinks\":false}"));
	return params;
}

/* What a server writes for a byte of a name that is not UTF-8. */
#define REPLACED "\xef\xbf\xbd"

/* 0 unless it is one that should have been copied, which is told. */
static int
tell_left_out(struct remote *remote, const char *from, const char *name)
{
	char *there = xasprintf("%s/%s", strcmp(from, "/") == 0 ? "" : from,
	    name);
	struct json_object *result;
	int code, link, rc = 0;

	code = remote_ask(remote, "fs/getMetadata", remote_path(there),
	    &result);
	if (code == 0) {
		link = rpc_bool(result, "isSymlink");
		/* Others have come into being meanwhile. */
		if (link || (!rpc_bool(result, "isFile") &&
		    !rpc_bool(result, "isDirectory"))) {
			say_error("%s: %s, not copied", there, link ?
			    "a symbolic link" : "not a regular file");
			rc = -1;
		}
		json_object_put(result);
	} else if (code != REMOTE_NOT_FOUND) {
		if (code != REMOTE_LOST)
			say_error("%s: %s", there, remote_error(remote));
		rc = -1;
	}
	free(there);
	return rc;
}

/* The names in what was walked, and how many of them are not UTF-8. */
static struct json_object *
walked_names(struct json_object *list, size_t n, size_t *odd)
{
	struct json_object *names = json_object_new_object();
	char *name;
	size_t i;

	*odd = 0;
	for (i = 0; i < n; i++) {
		name = cp_uri_name(rpc_string(json_object_array_get_idx(list,
		    i), "path", ""));
		if (name == NULL)
			continue;
		if (start_is_utf8(name))
			json_object_object_add(names, name, NULL);
		else
			++*odd;
		free(name);
	}
	return names;
}

/*
 * A walk is silent about links and devices; the directory's listing has them,
 * but for links that lead nowhere, which no request shows.
 */
static int
tell_all_left_out(struct remote *remote, const char *from,
    struct json_object *walked, size_t n)
{
	struct json_object *result, *list, *names;
	const char *name;
	size_t i, odd;
	int code, rc = 0;

	code = remote_ask(remote, "fs/readDirectory", remote_path(from),
	    &result);
	if (code != 0) {
		if (code != REMOTE_LOST)
			say_error("%s: %s", from, remote_error(remote));
		return -1;
	}
	names = walked_names(walked, n, &odd);
	n = json_object_object_get_ex(result, "entries", &list) &&
	    json_object_is_type(list, json_type_array) ?
	    json_object_array_length(list) : 0;
	for (i = 0; i < n; i++) {
		name = rpc_string(json_object_array_get_idx(list, i),
		    "fileName", "");
		if (json_object_object_get_ex(names, name, NULL))
			continue;
		if (strstr(name, REPLACED) != NULL && odd > 0)
			odd--;
		else if (tell_left_out(remote, from, name) == -1)
			rc = -1;
	}
	json_object_put(names);
	json_object_put(result);
	return rc;
}

static int download_entries(struct remote *remote, const char *from,
    const char *to, int depth);

static int
download_entry(struct remote *remote, struct json_object *entry,
    const char *from, const char *to, int depth)
{
	const char *uri = rpc_string(entry, "path", "");
	const char *kind = rpc_string(entry, "kind", "");
	char *name = cp_uri_name(uri), *there, *here;
	int rc;

	if (name == NULL) {
		say_error("%s: the server lists a name that is none", from);
		return -1;
	}
	there = xasprintf("%s/%s", strcmp(from, "/") == 0 ? "" : from, name);
	here = xasprintf("%s/%s", to, name);
	if (strcmp(kind, "directory") == 0)
		rc = download_entries(remote, there, here, depth - 1);
	else
		rc = cp_download(remote, there, here);
	free(name);
	free(there);
	free(here);
	return rc;
}

static int
make_here(const char *path)
{
	struct stat st;

	if (mkdir(path, 0777) == 0 || (errno == EEXIST &&
	    stat(path, &st) == 0 && S_ISDIR(st.st_mode)))
		return 0;
	say_error("%s: %s", path, strerror(errno));
	return -1;
}

static int
download_entries(struct remote *remote, const char *from, const char *to,
    int depth)
{
	struct json_object *result, *list;
	size_t i, n;
	int code, rc = 0;

	if (depth == 0) {
		say_error("%s: too deep", from);
		return -1;
	}
	if (make_here(to) == -1)
		return -1;
	code = remote_ask(remote, "fs/walk", walk_params(from), &result);
	if (code != 0) {
		if (code != REMOTE_LOST)
			say_error("%s: %s", from, remote_error(remote));
		return -1;
	}
	if (rpc_bool(result, "truncated") ||
	    (json_object_object_get_ex(result, "errors", &list) &&
	    json_object_is_type(list, json_type_array) &&
	    json_object_array_length(list) > 0)) {
		say_error("%s: can't be listed completely", from);
		rc = -1;
	}
	n = json_object_object_get_ex(result, "entries", &list) &&
	    json_object_is_type(list, json_type_array) ?
	    json_object_array_length(list) : 0;
	for (i = 0; i < n && remote_attached(remote) == 0; i++)
		if (download_entry(remote, json_object_array_get_idx(list,
		    i), from, to, depth) == -1)
			rc = -1;
	if (i < n || tell_all_left_out(remote, from, list, n) == -1)
		rc = -1;
	json_object_put(result);
	return rc;
}

int
cp_download_tree(struct remote *remote, const char *from, const char *to)
{
	return download_entries(remote, from, to, TREE_DEPTH);
}

static int upload_entries(struct remote *remote, const char *from,
    const char *to, int depth);

static int
upload_entry(struct remote *remote, const char *from, const char *to,
    int depth)
{
	struct stat st;

	if (lstat(from, &st) == -1) {
		say_error("%s: %s", from, strerror(errno));
		return -1;
	}
	if (S_ISDIR(st.st_mode))
		return upload_entries(remote, from, to, depth - 1);
	if (S_ISREG(st.st_mode))
		return cp_upload(remote, from, to);
	say_error("%s: %s, not copied", from, S_ISLNK(st.st_mode) ?
	    "a symbolic link" : "not a regular file");
	return -1;
}

static int
upload_entries(struct remote *remote, const char *from, const char *to,
    int depth)
{
	struct dirent *entry;
	char *here, *there;
	int code, rc = 0;
	DIR *dir;

	if (depth == 0) {
		say_error("%s: too deep", from);
		return -1;
	}
	code = remote_ask(remote, "fs/createDirectory", remote_path(to),
	    NULL);
	if (code != 0) {
		if (code != REMOTE_LOST)
			say_error("%s: %s", to, remote_error(remote));
		return -1;
	}
	if ((dir = opendir(from)) == NULL) {
		say_error("%s: %s", from, strerror(errno));
		return -1;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		if (remote_attached(remote) == -1) {
			rc = -1;
			break;
		}
		here = xasprintf("%s/%s", from, entry->d_name);
		there = xasprintf("%s/%s", to, entry->d_name);
		if (upload_entry(remote, here, there, depth) == -1)
			rc = -1;
		free(here);
		free(there);
	}
	closedir(dir);
	return rc;
}

int
cp_upload_tree(struct remote *remote, const char *from, const char *to)
{
	return upload_entries(remote, from, to, TREE_DEPTH);
}
