/* SPDX-License-Identifier: ISC */
/*
 * How a sandbox object is read: every object in it has its table of members.
 * A member that is not in the table is refused, and so is every value that is
 * not known.  All functions return 0, or -1 with the refusal filled in.
 */
#ifndef GATEWAY_POLICY_WALK_H
#define GATEWAY_POLICY_WALK_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/proto.h"

struct json_object;
struct policy_refusal;
struct rpc_message;

/* What the functions below share while one sandbox is looked at. */
struct policy_job {
	const struct rpc_message *msg;
	struct writer *w;
	struct policy_refusal *refusal;
	struct fields_RULE rule;	/* the one being read */
	char subpath[PATH_MAX];		/* behind it */
	bool restricted;		/* anything at all */
	struct span context_cwd;	/* of policyContext, as it came */
	struct json_object *context_roots;
};

struct policy_member {
	const char *name;
	bool must;
	int (*take)(struct policy_job *job, const char *name,
	    struct json_object *value);
};

/* An object whose "type" or "kind" says which members it has. */
struct policy_variant {
	const char *word;
	const struct policy_member *members;
	int (*chosen)(struct policy_job *job);
};

/* Refuse it, with a JSON-RPC code and a text; for a word, which one. */
int policy_refuse(struct policy_job *job, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int policy_refuse_unknown(struct policy_job *job, const char *name,
    struct span word);

/* The string "value"; "*span" lies in the message. */
int policy_span(struct policy_job *job, const char *name,
    struct json_object *value, struct span *span);

/* The file URI "value" as a path in "out" (PATH_MAX bytes). */
int policy_path(struct policy_job *job, const char *name,
    struct json_object *value, char *out, size_t *len);

/*
 * Take the members of "object" in the table's order, so that equal policies
 * give equal bytes; "what" names the object in texts.  The second: of an object
 * whose member "which" says which members it has.
 */
int policy_walk(struct policy_job *job, const char *what,
    const struct policy_member *members, struct json_object *object);
int policy_walk_variant(struct policy_job *job, const char *what,
    const char *which, const struct policy_variant *variants,
    struct json_object *object);

/* A member that has been looked at already. */
int policy_take_nothing(struct policy_job *job, const char *name,
    struct json_object *value);

/* Whether the list begun at "begun" is within its bound. */
int policy_list_fits(struct policy_job *job, const char *name, size_t begun);

/* The member file_system; see policy_files.c. */
int policy_take_files(struct policy_job *job, const char *name,
    struct json_object *value);

#endif
