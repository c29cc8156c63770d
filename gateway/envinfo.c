/* SPDX-License-Identifier: ISC */
/* What a client is told about where its processes run. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/fileuri.h"
#include "gateway/gateway.h"
#include "gateway/jsonw.h"

#define INFO_MAX (128 * 1024)

static void
write_uri(struct jsonw *w, struct span path)
{
	/* One at a time: paths are long, the stack is not. */
	static char uri[FILEURI_ENCODED_MAX(4096)];
	ssize_t len;

	len = fileuri_encode((const char *)path.p, path.len, uri,
	    sizeof(uri));
	if (len == -1)
		jsonw_null(w);
	else
		jsonw_string(w, uri, (size_t)len);
}

static void
write_shell(struct jsonw *w, const struct fields_BG_ATTACHED *m)
{
	jsonw_object(w);
	jsonw_key(w, "name");
	jsonw_string(w, m->shell_name.p, m->shell_name.len);
	jsonw_key(w, "path");
	jsonw_string(w, m->shell_path.p, m->shell_path.len);
	jsonw_end_object(w);
}

/* What works here beyond the methods every server has. */
static const char *const capabilities[] = {
	"fsWatchMissing",
	"fileWriteStreaming",
	"httpHeaderEnvVars",
	"sandboxedFileStreaming",
};

static void
write_info(struct jsonw *w, const struct fields_BG_ATTACHED *m)
{
	size_t i;

	jsonw_object(w);
	jsonw_key(w, "shell");
	write_shell(w, m);
	jsonw_key(w, "executorVersion");
	jsonw_cstring(w, PACKAGE_VERSION);
	jsonw_key(w, "cwd");
	write_uri(w, m->cwd);
	jsonw_key(w, "userHomeDir");
	write_uri(w, m->home);
	jsonw_key(w, "platformOs");
	jsonw_cstring(w, "linux");
	jsonw_key(w, "tempDir");
	write_uri(w, m->temp_dir);
	jsonw_key(w, "temporaryDirectories");
	jsonw_array(w);
	write_uri(w, m->temp_dir);
	jsonw_end_array(w);
	jsonw_key(w, "prependPathDirs");
	jsonw_array(w);
	jsonw_end_array(w);
	jsonw_key(w, "providerId");
	jsonw_cstring(w, PACKAGE_NAME);
	jsonw_key(w, "capabilities");
	jsonw_object(w);
	for (i = 0; i < sizeof(capabilities) / sizeof(capabilities[0]); i++) {
		jsonw_key(w, capabilities[i]);
		jsonw_bool(w, true);
	}
	jsonw_end_object(w);
	jsonw_end_object(w);
}

char *
envinfo_make(const struct fields_BG_ATTACHED *m, size_t *len)
{
	struct jsonw w;
	char *info = NULL;

	jsonw_init_heap(&w, INFO_MAX);
	write_info(&w, m);
	if (jsonw_finish(&w) == 0) {
		*len = jsonw_used(&w);
		info = malloc(*len);
		if (info != NULL)
			memcpy(info, jsonw_text(&w), *len);
	}
	jsonw_clear(&w);
	return info;
}
