/* SPDX-License-Identifier: ISC */
/*
 * What a request asks of a sandbox, as rules about absolute paths.  What is
 * at those paths is not looked at here: holdfast-box does.  Pure.
 */
#ifndef RUNNER_SANDBOX_H
#define RUNNER_SANDBOX_H

#include <stdbool.h>

#include "common/buf.h"

struct fields_BOXED_CALL;

/*
 * Append the policy's rules to "rules", a list of records (struct
 * fields_RULE) whose place is PLACE_PATH.  Project roots that the policy does
 * not name are "directory" (empty: there is none); temporary directories it
 * does not name are "tmpdir" (NULL or not absolute: there is none).  Returns
 * 0, or -1 with "*why", a static text for the client.
 */
int sandbox_rules(const struct fields_BOXED_CALL *policy,
    struct span directory, const char *tmpdir, struct writer *rules,
    const char **why);

/* Whether the request asks for a sandbox at all. */
bool sandbox_asked(const struct fields_BOXED_CALL *policy);

/*
 * Why a host lets bubblewrap (which said "said") do nothing, and what to do
 * about it, for the client.  "said" is not terminated by a newline.
 */
void sandbox_explain(const char *said, char *out, size_t size);

/*
 * Whether holdfast-box, which told "told" (box/box.h), got the program to run
 * in a sandbox; if not, why, for the client.  "said" is what bubblewrap wrote;
 * only its first line is left of it.
 */
bool sandbox_judge(const char *told, char *said, char *out, size_t size);

#endif
