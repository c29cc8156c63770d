/* SPDX-License-Identifier: ISC */
/* What tests of sandboxes share. */
#ifndef TESTS_SYSTEM_BOXKIT_H
#define TESTS_SYSTEM_BOXKIT_H

struct call;
struct json_object;
struct tape;

#define BOX_MS 60000

/* Why there can be no sandbox here, or NULL; tried, not guessed. */
const char *box_missing(void);

/*
 * A policy as clients send it, for the workspace "root": all may be read, the
 * workspace may be written but for ".git" and ".codex" in it.  "extra" are
 * further entries (", {...}"), with ' for ", or "".
 */
struct json_object *box_policy(const char *root, const char *network,
    const char *extra);

/* Nothing may be written. */
struct json_object *box_read_only(const char *root);

/*
 * Start "argv" in "cwd", in a sandbox ("policy" becomes theirs; NULL: in
 * none).  Returns the code of the error, whose text goes to "text" (256
 * bytes); 0 when it has been started.
 */
int box_start(struct call *call, const char *id, const char *cwd,
    const char *const argv[], int tty, struct json_object *policy,
    char *text);

/*
 * The same, to its end: its exit code, -1 when it could not be started.
 * "*denied" and "out" (256 bytes: the beginning of what it wrote, or the
 * error) may be NULL.
 */
int box_run(struct call *call, const char *cwd, const char *const argv[],
    struct json_object *policy, int *denied, char *out);

/* Send keys to a terminal. */
int box_type(struct call *call, const char *id, const char *keys);

#endif
