/* SPDX-License-Identifier: ISC */
/* Policies as tables; for common/sandbox*.c alone. */
#ifndef COMMON_SANDBOX_PRIVATE_H
#define COMMON_SANDBOX_PRIVATE_H

#include <errno.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SANDBOX_ARGS 2
#define SANDBOX_TABLES 5

/*
 * A test that tries everything in one process must survive it; see
 * tests/jail/.
 */
#ifdef JAIL_TEST
#define SANDBOX_END SCMP_ACT_TRAP
#else
#define SANDBOX_END SCMP_ACT_KILL_PROCESS
#endif

/* All of "args" must hold; those with .op 0 are not there. */
struct sandbox_rule {
	int call;
	unsigned int action;
	struct scmp_arg_cmp args[SANDBOX_ARGS];
};

#define SANDBOX_ALLOW(name) { SCMP_SYS(name), SCMP_ACT_ALLOW, { { 0 } } }
#define SANDBOX_ALLOW_IF(name, ...) \
	{ SCMP_SYS(name), SCMP_ACT_ALLOW, { __VA_ARGS__ } }
#define SANDBOX_END_AT(name) { SCMP_SYS(name), SANDBOX_END, { { 0 } } }
#define SANDBOX_END_IF(name, ...) \
	{ SCMP_SYS(name), SANDBOX_END, { __VA_ARGS__ } }
#define SANDBOX_REFUSE(name, error) \
	{ SCMP_SYS(name), SCMP_ACT_ERRNO(error), { { 0 } } }
#define SANDBOX_REFUSE_IF(name, error, ...) \
	{ SCMP_SYS(name), SCMP_ACT_ERRNO(error), { __VA_ARGS__ } }

/*
 * Of an int the kernel looks at 32 bits, whatever the other half of the
 * register holds; of a pointer at all.
 */
#define ARG_IS(n, value) ARG_BITS(n, 0xffffffffu, value)
#define ARG_NULL(n) { .arg = (n), .op = SCMP_CMP_EQ, .datum_a = 0 }
#define ARG_NOT_NULL(n) { .arg = (n), .op = SCMP_CMP_NE, .datum_a = 0 }
#define ARG_NOT(n, value) \
	{ .arg = (n), .op = SCMP_CMP_NE, .datum_a = (value) }
#define ARG_BITS(n, mask, value) \
	{ .arg = (n), .op = SCMP_CMP_MASKED_EQ, .datum_a = (mask), \
	    .datum_b = (value) }

struct sandbox_table {
	const struct sandbox_rule *rules;
	size_t count;
};

#define SANDBOX_TABLE(rules) \
	{ rules, sizeof(rules) / sizeof((rules)[0]) }

struct sandbox_policy {
	const struct sandbox_table *tables[SANDBOX_TABLES];	/* or NULL */
	/*
	 * What is not listed is allowed, and the list holds for programs of
	 * other kinds, too.  Otherwise ENOSYS is the answer to that.
	 */
	bool jobs;
	bool keep_privs;	/* PR_SET_NO_NEW_PRIVS is not set */
};

/*
 * For programs with a list of their own: what each needs, what ends each, and
 * what does in those that have neither sockets to make nor threads.
 */
extern const struct sandbox_table sandbox_basics;
extern const struct sandbox_table sandbox_attacks;
extern const struct sandbox_table sandbox_alone;

/* Returns 0, or -1 with errno. */
int sandbox_load(const struct sandbox_policy *policy);

/*
 * landlock_confine(), and a word about how it went: that is the kernel's
 * business, and no failure here.
 */
void sandbox_confine(uint64_t files, uint64_t ports);

#endif
