/* SPDX-License-Identifier: ISC */
/* The table of methods. */
#include "config.h"

#include <string.h>

#include "common/proto.h"
#include "common/signame.h"
#include "gateway/method.h"

static const char *const inherit_words[] = {
	[INHERIT_NONE] = "none",
	[INHERIT_CORE] = "core",
	[INHERIT_ALL] = "all",
	NULL
};
static const char *const signal_words[] = {
	"interrupt",
#define S(name, number) name,
	SIGNAME_SENDABLE(S)
#undef S
	NULL
};
static const char *const open_words[] = { "read", "replace", NULL };
static const char *const redirect_words[] = { "stop", "follow", NULL };

static const char *const sandbox_words[] = {
	[SANDBOX_NONE] = "none",
	[SANDBOX_LINUX] = "linuxSeccomp",
	NULL
};
static const char *const write_words[] = {
	[WRITE_ACCEPTED] = "accepted",
	[WRITE_UNKNOWN] = "unknownProcess",
	[WRITE_CLOSED] = "stdinClosed",
	[WRITE_STARTING] = "starting",
	NULL
};

#define P(name, kind, need, tag) \
	{ name, PARAM_##kind, NEED_##need, tag, NULL, NULL }
#define P_WORD(name, words, need, tag) \
	{ name, PARAM_WORD, NEED_##need, tag, words, NULL }
#define P_INDEX(name, words, need, tag) \
	{ name, PARAM_INDEX, NEED_##need, tag, words, NULL }
#define P_MEMBERS(name, members, need) \
	{ name, PARAM_MEMBERS, NEED_##need, 0, NULL, members }
#define P_END { NULL, PARAM_STRING, NEED_YES, 0, NULL, NULL }

static const struct param_row initialize_extensions[] = {
	P("detachTtlMs", U64, NULL, 0),
	P("takeover", BOOL, NULL, 0),
	P_END
};

static const struct param_row initialize_params[] = {
	P("clientName", STRING, YES, 0),
	P("resumeSessionId", STRING, NULL, 0),
	P_MEMBERS("holdfast", initialize_extensions, NULL),
	P_END
};

static const struct param_row env_policy_members[] = {
	P_INDEX("inherit", inherit_words, YES, TAG_ENV_INHERIT),
	P("ignoreDefaultExcludes", BOOL, YES, TAG_ENV_NO_DEFAULT_EXCLUDES),
	P("exclude", STRINGS, YES, TAG_ENV_EXCLUDE),
	P("set", ENV, YES, TAG_ENV_SET),
	P("includeOnly", STRINGS, YES, TAG_ENV_INCLUDE_ONLY),
	P_END
};

static const struct param_row size_members[] = {
	P("rows", U16_SOME, YES, TAG_ROWS),
	P("cols", U16_SOME, YES, TAG_COLS),
	P_END
};

static const struct param_row start_params[] = {
	P("processId", STRING, YES, TAG_PROCESS_ID),
	P("argv", STRINGS_SOME, YES, TAG_ARGV),
	P("cwd", URI, YES, TAG_DIRECTORY),
	P("env", ENV, YES, TAG_ENV),
	P("tty", BOOL, YES, TAG_TTY),
	P("pipeStdin", BOOL, NO, TAG_PIPE_STDIN),
	P("arg0", STRING, NULL, TAG_ARG0),
	P_MEMBERS("envPolicy", env_policy_members, NULL),
	P("sandbox", SANDBOX, NULL, 0),
	P("enforceManagedNetwork", BOOL, NO, 0),
	P("managedNetwork", OBJECT, NULL, 0),
	P("networkProxy", OBJECT, NULL, 0),
	P("shellSnapshot", OBJECT, NULL, 0),
	P("metadata", OBJECT, NULL, 0),
	P_MEMBERS("size", size_members, NULL),
	P("timeoutMs", U64_SOME, NULL, TAG_RUN_MS),
	P_END
};

static const struct param_row read_params[] = {
	P("processId", STRING, YES, TAG_PROCESS_ID),
	P("afterSeq", U64, NULL, TAG_AFTER_SEQ),
	P("maxBytes", U64, NULL, TAG_MAX_BYTES),
	P("waitMs", U64, NULL, TAG_WAIT_MS),
	P_END
};

static const struct param_row write_params[] = {
	P("processId", STRING, YES, TAG_PROCESS_ID),
	P("chunk", BASE64, YES, TAG_DATA),
	P("writeId", STRING_SOME, YES, TAG_WRITE_ID),
	P_END
};

static const struct param_row signal_params[] = {
	P("processId", STRING, YES, TAG_PROCESS_ID),
	P_WORD("signal", signal_words, YES, TAG_SIGNAL),
	P_END
};

static const struct param_row process_params[] = {
	P("processId", STRING, YES, TAG_PROCESS_ID),
	P_END
};

static const struct param_row terminate_params[] = {
	P("processId", STRING, YES, TAG_PROCESS_ID),
	P("graceMs", U64, NULL, TAG_GRACE_MS),
	P_END
};

static const struct param_row resize_params[] = {
	P("processId", STRING, YES, TAG_PROCESS_ID),
	P("rows", U16_SOME, YES, TAG_ROWS),
	P("cols", U16_SOME, YES, TAG_COLS),
	P_END
};

static const struct param_row list_params[] = {
	P("after", U64, NULL, TAG_AFTER),
	P_END
};

/* Every file method takes a path, and may be asked to do it in a sandbox. */
#define P_FILE \
	P("path", PATH, YES, TAG_PATH), \
	P("sandbox", SANDBOX, NULL, 0)
#define P_FOLLOW P("followSymlinks", BOOL, NULL, TAG_FOLLOW_LINKS)
#define P_HANDLE P("handleId", STRING, YES, TAG_FILE_HANDLE)

static const struct param_row file_params[] = {
	P_FILE,
	P_FOLLOW,
	P_END
};

static const struct param_row path_params[] = {
	P_FILE,
	P_END
};

static const struct param_row write_file_params[] = {
	P_FILE,
	P("dataBase64", CONTENT, YES, TAG_DATA),
	P_FOLLOW,
	P_END
};

static const struct param_row create_directory_params[] = {
	P_FILE,
	P("recursive", BOOL, NULL, TAG_RECURSIVE),
	P_FOLLOW,
	P_END
};

static const struct param_row walk_options[] = {
	P("maxDepth", U64, YES, TAG_MAX_DEPTH),
	P("maxDirectories", U64, YES, TAG_MAX_DIRECTORIES),
	P("maxEntries", U64, YES, TAG_MAX_ENTRIES),
	P("followDirectorySymlinks", BOOL, YES, TAG_FOLLOW_DIRECTORY_LINKS),
	P("pruneHiddenDirectories", BOOL, NULL, TAG_PRUNE_HIDDEN),
	P_END
};

static const struct param_row walk_params[] = {
	P_FILE,
	P_MEMBERS("options", walk_options, YES),
	P_END
};

static const struct param_row remove_params[] = {
	P_FILE,
	P("recursive", BOOL, NULL, TAG_RECURSIVE),
	P("force", BOOL, NULL, TAG_FORCE),
	P_FOLLOW,
	P_END
};

static const struct param_row copy_params[] = {
	P("sourcePath", PATH, YES, TAG_PATH),
	P("destinationPath", PATH, YES, TAG_DESTINATION),
	P("recursive", BOOL, YES, TAG_RECURSIVE),
	P("sandbox", SANDBOX, NULL, 0),
	P_END
};

static const struct param_row open_params[] = {
	P_HANDLE,
	P_FILE,
	P_INDEX("mode", open_words, NO, TAG_OPEN_MODE),
	P_END
};

static const struct param_row read_block_params[] = {
	P_HANDLE,
	P("offset", U64, YES, TAG_OFFSET),
	P("len", U64, YES, TAG_LENGTH),
	P_END
};

static const struct param_row write_block_params[] = {
	P_HANDLE,
	P("offset", U64, YES, TAG_OFFSET),
	P("chunk", BASE64, YES, TAG_DATA),
	P_END
};

static const struct param_row handle_params[] = {
	P_HANDLE,
	P_END
};

static const struct param_row watch_params[] = {
	P("watchId", I64, YES, TAG_WATCH_ID),
	P("missing", PATHS, YES, TAG_MISSING),
	P("present", STRING, NULL, 0),
	P_END
};

static const struct param_row http_params[] = {
	P("method", STRING, YES, TAG_VERB),
	P("url", STRING, YES, TAG_URL),
	P("requestId", STRING, YES, TAG_REQUEST_ID),
	P("headers", HEADERS, NO, TAG_HEADERS),
	P("bodyBase64", BASE64, NULL, TAG_DATA),
	P("timeoutMs", U64, NULL, TAG_TIMEOUT_MS),
	P_INDEX("redirectPolicy", redirect_words, NO, TAG_FOLLOW_REDIRECTS),
	P("streamResponse", BOOL, NO, TAG_STREAMED),
	P_END
};

#define R(name, kind, member, words) \
	{ name, RESULT_##kind, offsetof(struct fields_RG_RESULT, member), \
	    offsetof(struct fields_RG_RESULT, has_##member), words }
#define R_END { NULL, RESULT_STRING, 0, 0, NULL }

static const struct result_row start_results[] = {
	R("processId", STRING, process_id, NULL),
	R("sandboxType", WORD, sandbox_type, sandbox_words),
	R("holdfast", REPEATED, repeated, NULL),
	R_END
};

static const struct result_row read_results[] = {
	R("chunks", CHUNKS, chunks, NULL),
	R("nextSeq", U64, next_seq, NULL),
	R("exited", BOOL, exited, NULL),
	R("exitCode", I64_NULL, exit_code, NULL),
	R("closed", BOOL, closed, NULL),
	R("failure", STRING_NULL, failure, NULL),
	R("sandboxDenied", BOOL_FALSE, sandbox_denied, NULL),
	R("holdfast", GAP, gap, NULL),
	R_END
};

static const struct result_row write_results[] = {
	R("status", WORD, write_status, write_words),
	R_END
};

static const struct result_row terminate_results[] = {
	R("running", BOOL, running, NULL),
	R_END
};

static const struct result_row read_file_results[] = {
	R("dataBase64", BASE64, data, NULL),
	R_END
};

static const struct result_row metadata_results[] = {
	R("isDirectory", BOOL, is_directory, NULL),
	R("isFile", BOOL, is_file, NULL),
	R("isSymlink", BOOL, is_link, NULL),
	R("size", U64, size, NULL),
	R("createdAtMs", I64, created_ms, NULL),
	R("modifiedAtMs", I64, modified_ms, NULL),
	R_END
};

static const struct result_row canonicalize_results[] = {
	R("path", URI, path, NULL),
	R_END
};

static const struct result_row read_directory_results[] = {
	R("entries", NAMES, names, NULL),
	R_END
};

static const struct result_row walk_results[] = {
	R("entries", FOUND, found, NULL),
	R("errors", FAILED, failed, NULL),
	R("truncated", BOOL, truncated, NULL),
	R_END
};

static const struct result_row open_results[] = {
	R("handleId", STRING, file_handle, NULL),
	R_END
};

static const struct result_row read_block_results[] = {
	R("chunk", BASE64, data, NULL),
	R("eof", BOOL, end_of_file, NULL),
	R_END
};

static const struct result_row watch_results[] = {
	R("watching", BOOL, watching, NULL),
	R_END
};

static const struct result_row http_results[] = {
	R("bodyBase64", BASE64, data, NULL),
	R("status", U32, status, NULL),
	R("headers", HEADERS, answer_headers, NULL),
	R_END
};

static const struct result_row list_results[] = {
	R("processes", PROCESSES, processes, NULL),
	R("next", U64_NULL, next, NULL),
	R_END
};

static const struct result_row no_results[] = { R_END };

#define M_RUNNER(name, family, message, params, results) \
	{ name, FAMILY_##family, BY_RUNNER, MSG_GR_##message, false, \
	    params, results }
#define M_HERE(name, family, who, params, bare) \
	{ name, FAMILY_##family, BY_##who, 0, bare, params, NULL }
#define M_FILES(name, message, params, results) \
	M_RUNNER("fs/" name, FILESYSTEM, FS_##message, params, results)
#define M_NOBODY(name, family, params) \
	{ name, FAMILY_##family, BY_NOBODY, 0, false, params, NULL }

/* In the order of the names; a test holds it to that. */
static const struct method methods[] = {
	M_HERE("environment/info", INFO, INFO, NULL, true),
	M_HERE("environment/status", STATUS, STATUS, NULL, true),
	M_FILES("canonicalize", CANONICALIZE, path_params, canonicalize_results),
	M_FILES("close", CLOSE, handle_params, no_results),
	M_FILES("copy", COPY, copy_params, no_results),
	M_FILES("createDirectory", CREATE_DIRECTORY, create_directory_params, no_results),
	M_FILES("getMetadata", GET_METADATA, file_params, metadata_results),
	M_FILES("open", OPEN, open_params, open_results),
	M_FILES("readBlock", READ_BLOCK, read_block_params, read_block_results),
	M_FILES("readDirectory", READ_DIRECTORY, path_params, read_directory_results),
	M_FILES("readFile", READ_FILE, file_params, read_file_results),
	M_FILES("remove", REMOVE, remove_params, no_results),
	M_FILES("walk", WALK, walk_params, walk_results),
	M_FILES("watchMissing", WATCH_MISSING, watch_params, watch_results),
	M_FILES("writeBlock", WRITE_BLOCK, write_block_params, no_results),
	M_FILES("writeFile", WRITE_FILE, write_file_params, no_results),
	M_RUNNER("http/request", HTTP, HTTP, http_params, http_results),
	M_HERE("initialize", NONE, INITIALIZE, initialize_params, false),
	M_RUNNER("process/closeStdin", EXEC, CLOSE_STDIN, process_params,
	    write_results),
	M_RUNNER("process/list", EXEC, LIST, list_params, list_results),
	M_RUNNER("process/read", EXEC, READ, read_params, read_results),
	M_RUNNER("process/resize", EXEC, RESIZE, resize_params, no_results),
	M_RUNNER("process/signal", EXEC, SIGNAL, signal_params, no_results),
	M_RUNNER("process/start", EXEC, START, start_params, start_results),
	M_RUNNER("process/terminate", EXEC, TERMINATE, terminate_params,
	    terminate_results),
	M_RUNNER("process/write", EXEC, WRITE, write_params, write_results),
};

#define NMETHODS (sizeof(methods) / sizeof(methods[0]))

static const char *const family_words[FAMILY_COUNT] = {
	[FAMILY_NONE] = "",
	[FAMILY_EXEC] = "exec",
	[FAMILY_FILESYSTEM] = "filesystem",
	[FAMILY_HTTP] = "http",
	[FAMILY_INFO] = "environment info",
	[FAMILY_STATUS] = "environment status",
};

const struct method *
method_rows(size_t *count)
{
	*count = NMETHODS;
	return methods;
}

static int
name_cmp(const char *name, size_t len, const char *row)
{
	size_t row_len = strlen(row);
	int cmp = memcmp(name, row, len < row_len ? len : row_len);

	return cmp != 0 ? cmp : (len > row_len) - (len < row_len);
}

const struct method *
method_find(const char *name, size_t len)
{
	size_t low = 0, high = NMETHODS, mid;
	int cmp;

	while (low < high) {
		mid = (low + high) / 2;
		cmp = name_cmp(name, len, methods[mid].name);
		if (cmp == 0)
			return &methods[mid];
		if (cmp > 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

const struct method *
method_of_type(uint32_t type)
{
	size_t i;

	if (type == 0)
		return NULL;
	for (i = 0; i < NMETHODS; i++)
		if (methods[i].type == type)
			return &methods[i];
	return NULL;
}

const char *
method_family_word(enum method_family family)
{
	return family_words[family];
}
