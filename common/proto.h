/* SPDX-License-Identifier: ISC */
/*
 * The whole wire inside a host: who may say what to whom, when, how long and
 * with how many descriptors, and what each message carries.  PROTOCOL tells
 * the same in prose; change both together and raise PROTO_VERSION when an
 * older reader would misunderstand.
 *
 * A message is a type and typed fields; a field is a tag (16 bits), a length
 * (32 bits) and its bytes.  Unknown tags are skipped, so that old and new
 * binaries can meet during an upgrade.
 */
#ifndef COMMON_PROTO_H
#define COMMON_PROTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/proxies.h"

#define PROTO_VERSION 1		/* what this build speaks */
#define PROTO_OLDEST 1		/* the oldest it still understands */

#define PROTO_CONTROL_MAX 65536	/* bytes of a control message */
#define PROTO_CONTROL_FDS 4	/* descriptors of a control message */
#define PROTO_CHUNK_MAX 65536	/* bytes of output in one event */
#define PROTO_EVENT_MAX (PROTO_CHUNK_MAX + 8192)
#define PROTO_RESULT_MAX (2 * PROTO_CHUNK_MAX + 16384)
#define PROTO_REQUEST_MAX (64 * 1024 * 1024)
#define PROTO_WINDOW (512 * 1024) /* cost of output sent and unacknowledged */
#define PROTO_WINDOW_COUNT 2048 /* messages that cost, sent and unacknowledged */
#define PROTO_EVENT_COST 64	/* cost of an event beside its output bytes */
#define PROTO_NAME_MAX 4096	/* bytes of a process id, write id, call id */
#define PROTO_SESSION_LEN 36	/* bytes of a session id: UUID text */
#define PROTO_NONCE_LEN 16	/* bytes of an attach request's id */
#define PROTO_STREAM_COUNT 3	/* see enum proto_stream */
/*
 * The code of an RG_ERROR from a worker in a sandbox, never from a runner:
 * nothing was done, for the sandbox no longer is what its policy asks for.
 */
#define PROTO_OUTDATED 1
#define PROTO_INFO_MAX 32768	/* bytes of JSON about an environment */
#define PROTO_INPUT_MAX 16384	/* bytes read and not looked at */
#define PROTO_SANDBOX_LIST 32768 /* bytes of each list of a sandbox */
#define PROTO_FILES_MAX (16384 + PROTO_SANDBOX_MAX) /* of a request */
#define PROTO_SANDBOX_MAX (3 * PROTO_SANDBOX_LIST + 8192) /* of its fields */

enum proto_role {
	ROLE_SUPERVISOR,
	ROLE_BROKER,
	ROLE_GATEWAY,
	ROLE_RUNNER,
	ROLE_OPERATOR,
	ROLE_COUNT
};

/* Where a channel stands; its owner moves it on, the table reads it. */
enum proto_phase {
	PHASE_START,	/* the inferior has not said HELLO */
	PHASE_UP,
	PHASE_STOP,	/* an order to stop or end has been given */
	PHASE_COUNT
};

#define IN_START (1u << PHASE_START)
#define IN_UP (1u << PHASE_UP)
#define IN_STOP (1u << PHASE_STOP)

enum proto_stream {
	STREAM_STDOUT,
	STREAM_STDERR,
	STREAM_PTY
};

/* Why an attach failed; the gateway's table turns it into an error. */
enum proto_attach_failure {
	ATTACH_UNKNOWN_SESSION = 1,	/* never was, ended, or not yours */
	ATTACH_ELSEWHERE,		/* -32010 */
	ATTACH_LIMIT,			/* a budget is exhausted */
	ATTACH_STOPPING,
	ATTACH_INTERNAL
};

/* Why an attachment ended from the broker's side. */
enum proto_gone {
	GONE_RUNNER_LOST = 1,
	GONE_RUNNER_FAILED,	/* it could not be started */
	GONE_ENDED,		/* expiry, or an operator */
	GONE_STOPPING,
	GONE_REPLACED,		/* the session is attached elsewhere now */
	GONE_DISMISSED		/* its proof, or its tenant, was withdrawn */
};

/* Why a session ended; kept in its tombstone. */
enum proto_end {
	END_EXPIRED = 1,
	END_RUNNER_LOST,
	END_RUNNER_FAILED,
	END_SHUTDOWN,
	END_OPERATOR,
	END_GAVE_WAY		/* it had no work, and others needed room */
};

/* Bits of ADMISSION: what a listener takes for proof. */
#define ADMIT_NONE 0x1u		/* none at all */
#define ADMIT_PEER_UID 0x2u	/* whose socket the other end is */
#define ADMIT_TOKEN 0x4u	/* a capability token */
#define ADMIT_SIGNED 0x8u	/* a bearer token signed by HS256 */

/* AUDIT_TO. */
enum proto_audit {
	AUDIT_NOWHERE,
	AUDIT_FILE,	/* whose descriptor comes with it */
	AUDIT_SYSLOG
};

/* EVENT: what a runner tells of for the audit trail. */
enum proto_event {
	EVENT_START = 1,
	EVENT_SIGNAL,
	EVENT_EXIT
};

/* REPORT: how much of that. */
enum proto_report {
	REPORT_NOTHING,
	REPORT_EVENTS,
	REPORT_ARGUMENTS	/* and what processes are started with */
};

/* STATUS of BC_DONE: how a question or an order of an operator came out. */
enum proto_told {
	TOLD_DONE,
	TOLD_NOT_FOUND,
	TOLD_AMBIGUOUS,		/* the candidates came before it */
	TOLD_REFUSED,		/* not in this state, or not so */
	TOLD_FAILED,
	TOLD_UNAVAILABLE,	/* whoever would do it does not answer */
	TOLD_COUNT
};

/* DOOR: for whom the broker accepts there. */
enum proto_door {
	DOOR_ADMIN = 1,	/* who operates the host */
	DOOR_ADOPT	/* the next holdfastd, or a gateway without one */
};

/* ORDER: what an operator may have the supervisor do. */
enum proto_order {
	ORDER_RELOAD = 1,
	ORDER_ROLL,
	ORDER_UPGRADE
};

/* TENANT_FLAGS. */
#define TENANT_PRIVILEGED_JOBS 0x1u	/* no_new_privs is not set */
#define TENANT_PRIVATE_TMP 0x2u
#define TENANT_PRIVATE_PIDS 0x4u

/*
 * What can run out, for a tenant and for the host: name, number, what it is
 * called in the configuration and in errors.  0 as a value is "no limit".
 */
#define PROTO_BUDGETS(B) \
	B(SESSIONS, 1, "sessions") \
	B(ATTACHMENTS, 2, "attachments") \
	B(PROCESSES, 3, "processes") \
	B(RETAINED_BYTES, 4, "retained-bytes") \
	B(FLIGHT_BYTES, 5, "bytes-in-flight") \
	B(HANDLES, 6, "open-handles") \
	B(STARTS, 7, "starts-per-second") \
	B(ATTACHES, 8, "attaches-per-second") \
	B(SPILLED_BYTES, 9, "spilled-bytes")

enum proto_budget {
#define B(name, number, text) BUDGET_##name = number,
	PROTO_BUDGETS(B)
#undef B
	BUDGET_COUNT	/* one more than the last */
};

/*
 * Every field: name, number, kind, largest length in bytes.  Numbers are
 * never used again for something else.
 */
#define PROTO_TAGS(T) \
	T(VERSION, 1, U32, 4) \
	T(OLDEST, 2, U32, 4) \
	T(CAPABILITIES, 3, U64, 8) \
	T(GATEWAY, 4, U32, 4) \
	T(HANDLE, 5, U64, 8) \
	T(SESSION, 6, STR, PROTO_SESSION_LEN) \
	T(GENERATION, 7, U64, 8) \
	T(REASON, 8, U32, 4) \
	T(TEXT, 9, STR, 1024) \
	T(STATUS, 10, U32, 4) \
	T(PROBE, 11, U64, 8) \
	T(GONE, 12, BOOL, 1) \
	T(NONCE, 13, BYTES, PROTO_NONCE_LEN) \
	T(CLIENT_NAME, 14, BYTES, 1024) \
	T(RESUME, 15, BYTES, 1024) \
	T(FORWARDED, 16, BOOL, 1) \
	T(TOKEN, 17, BYTES, 8192) \
	T(GRACE_MS, 18, U64, 8) \
	T(LISTENER, 20, STR, 256) \
	T(RUNNER_PATH, 21, STR, 4096) \
	T(DETACH_TTL_MS, 24, U64, 8) \
	T(RETENTION_MS, 25, U64, 8) \
	T(RETAIN_BYTES, 26, U64, 8) \
	T(HOLD_MS, 27, U64, 8) \
	T(MAX_SESSIONS, 28, U32, 4) \
	T(MAX_CONNECTIONS, 29, U32, 4) \
	T(MAX_PROCESSES, 30, U32, 4) \
	T(PING_MS, 31, U64, 8) \
	T(PONG_MS, 32, U64, 8) \
	T(HANDSHAKE_MS, 33, U64, 8) \
	T(UID, 34, U32, 4) \
	T(GID, 35, U32, 4) \
	T(ROOT_DIR, 36, STR, 4096) \
	T(LOG_LEVEL, 37, U32, 4) \
	T(TOPICS, 38, LIST, 1024) \
	T(SHELL_NAME, 39, STR, 255) \
	T(SHELL_PATH, 40, STR, 4096) \
	T(CWD, 41, STR, 4096) \
	T(HOME, 42, STR, 4096) \
	T(TEMP_DIR, 43, STR, 4096) \
	T(WINDOW, 44, U64, 8) \
	T(COUNT, 45, U64, 8) \
	T(SYSLOG, 46, BOOL, 1) \
	T(ID_INT, 60, I64, 8) \
	T(ID_STR, 61, BYTES, PROTO_NAME_MAX) \
	T(METHOD, 62, U32, 4) \
	T(ERROR_CODE, 63, I64, 8) \
	T(ERROR_TEXT, 64, BYTES, 1024) \
	T(PROCESS_ID, 65, BYTES, PROTO_NAME_MAX) \
	T(SEQ, 66, U64, 8) \
	T(STREAM, 67, U8, 1) \
	T(DATA, 68, BYTES, PROTO_REQUEST_MAX) \
	T(EXIT_CODE, 69, I64, 8) \
	T(SANDBOX_DENIED, 70, BOOL, 1) \
	T(TOTAL, 71, U64, 8) \
	T(ARGV, 72, LIST, PROTO_REQUEST_MAX) \
	T(ENV, 73, LIST, PROTO_REQUEST_MAX) \
	T(TTY, 74, BOOL, 1) \
	T(PIPE_STDIN, 75, BOOL, 1) \
	T(ARG0, 76, BYTES, PROTO_REQUEST_MAX) \
	T(ENV_INHERIT, 77, U8, 1) \
	T(ENV_NO_DEFAULT_EXCLUDES, 78, BOOL, 1) \
	T(ENV_EXCLUDE, 79, LIST, PROTO_REQUEST_MAX) \
	T(ENV_SET, 80, LIST, PROTO_REQUEST_MAX) \
	T(ENV_INCLUDE_ONLY, 81, LIST, PROTO_REQUEST_MAX) \
	T(AFTER_SEQ, 82, U64, 8) \
	T(MAX_BYTES, 83, U64, 8) \
	T(WAIT_MS, 84, U64, 8) \
	T(WRITE_ID, 85, BYTES, PROTO_NAME_MAX) \
	T(SIGNAL, 86, BYTES, 32) \
	T(CHUNKS, 87, CHUNKS, PROTO_EVENT_MAX) \
	T(NEXT_SEQ, 88, U64, 8) \
	T(EXITED, 89, BOOL, 1) \
	T(CLOSED, 90, BOOL, 1) \
	T(FAILURE, 91, BYTES, 1024) \
	T(RUNNING, 92, BOOL, 1) \
	T(WRITE_STATUS, 93, U8, 1) \
	T(SANDBOX_TYPE, 94, U8, 1) \
	T(DIRECTORY, 95, STR, 4096) \
	T(PATH, 110, STR, 4096) \
	T(DESTINATION, 111, STR, 4096) \
	T(FOLLOW_LINKS, 112, BOOL, 1) \
	T(RECURSIVE, 113, BOOL, 1) \
	T(FORCE, 114, BOOL, 1) \
	T(FILE_HANDLE, 115, BYTES, PROTO_NAME_MAX) \
	T(OPEN_MODE, 116, U8, 1) \
	T(OFFSET, 117, U64, 8) \
	T(LENGTH, 118, U64, 8) \
	T(MAX_DEPTH, 119, U64, 8) \
	T(MAX_DIRECTORIES, 120, U64, 8) \
	T(MAX_ENTRIES, 121, U64, 8) \
	T(FOLLOW_DIRECTORY_LINKS, 122, BOOL, 1) \
	T(PRUNE_HIDDEN, 123, BOOL, 1) \
	T(IS_DIRECTORY, 124, BOOL, 1) \
	T(IS_FILE, 125, BOOL, 1) \
	T(IS_LINK, 126, BOOL, 1) \
	T(SIZE, 127, U64, 8) \
	T(CREATED_MS, 128, I64, 8) \
	T(MODIFIED_MS, 129, I64, 8) \
	T(NAMES, 130, LIST, PROTO_EVENT_MAX) \
	T(FOUND, 131, LIST, PROTO_EVENT_MAX) \
	T(FAILED, 132, LIST, PROTO_EVENT_MAX) \
	T(TRUNCATED, 133, BOOL, 1) \
	T(END_OF_FILE, 134, BOOL, 1) \
	T(WATCH_ID, 135, I64, 8) \
	T(MISSING, 136, LIST, PROTO_CONTROL_MAX) \
	T(WATCHING, 137, BOOL, 1) \
	T(VERB, 150, BYTES, 128) \
	T(URL, 151, BYTES, 65536) \
	T(REQUEST_ID, 152, BYTES, PROTO_NAME_MAX) \
	T(HEADERS, 153, LIST, 1048576) \
	T(TIMEOUT_MS, 154, U64, 8) \
	T(FOLLOW_REDIRECTS, 155, BOOL, 1) \
	T(STREAMED, 156, BOOL, 1) \
	T(DONE, 157, BOOL, 1) \
	T(ANSWER_HEADERS, 158, LIST, PROTO_CHUNK_MAX) \
	T(ROWS, 160, U32, 4) \
	T(COLS, 161, U32, 4) \
	T(RUN_MS, 162, U64, 8) \
	T(PROGRAM, 163, BYTES, 255) \
	T(STARTED_MS, 164, U64, 8) \
	T(LAST_SEQ, 165, U64, 8) \
	T(AFTER, 166, U64, 8) \
	T(NEXT, 167, U64, 8) \
	T(PROCESSES, 168, LIST, PROTO_CHUNK_MAX) \
	T(REPEATED, 169, BOOL, 1) \
	T(GAP, 170, BYTES, 64) \
	T(FROM_SEQ, 171, U64, 8) \
	T(TO_SEQ, 172, U64, 8) \
	T(BYTES, 173, U64, 8) \
	T(TAKEOVER, 174, BOOL, 1) \
	T(MAX_DETACH_TTL_MS, 175, U64, 8) \
	T(END_REASON, 176, U32, 4) \
	T(ENDED_MS, 177, U64, 8) \
	T(OMITTED, 178, U64, 8) \
	T(SANDBOX_FILES, 180, U8, 1) \
	T(SANDBOX_NETWORK, 181, BOOL, 1) \
	T(SANDBOX_RULES, 182, LIST, PROTO_SANDBOX_LIST) \
	T(SANDBOX_CWD, 183, STR, 4096) \
	T(SANDBOX_ROOTS, 184, LIST, PROTO_SANDBOX_LIST) \
	T(SANDBOX_TEMPS, 185, LIST, PROTO_SANDBOX_LIST) \
	T(PLACE, 186, U8, 1) \
	T(ACCESS, 187, U8, 1) \
	T(SKIP_MISSING, 188, BOOL, 1) \
	T(SUBPATH, 189, STR, 4096) \
	T(PROGRAMS, 190, LIST, PROTO_REQUEST_MAX) \
	T(TENANT, 200, U64, 8) \
	T(TENANT_NAME, 201, STR, 64) \
	T(GROUPS, 202, LIST, 16384) \
	T(FILE_MASK, 203, U32, 4) \
	T(ENVIRONMENT, 204, LIST, 16384) \
	T(TOKEN_HASHES, 205, LIST, 8192) \
	T(PEER_UIDS, 206, LIST, 8192) \
	T(TENANT_FLAGS, 207, U32, 4) \
	T(RLIMITS, 208, LIST, 2048) \
	T(CGROUP_LIMITS, 209, LIST, 4096) \
	T(BUDGETS, 210, LIST, 1024) \
	T(ADMISSION, 211, U32, 4) \
	T(TENANTS, 212, LIST, 49152) \
	T(SECRET, 213, BYTES, 4096) \
	T(ISSUER, 214, STR, 1024) \
	T(AUDIENCE, 215, STR, 1024) \
	T(CLAIM, 216, STR, 256) \
	T(SKEW_MS, 217, U64, 8) \
	T(POOL, 218, U32, 4) \
	T(ORIGINS, 219, LIST, 8192) \
	T(PER_ADDRESS, 220, U32, 4) \
	T(TENANT_FOR_ALL, 221, U64, 8) \
	T(AUDIT_ARGV, 222, BOOL, 1) \
	T(BUDGET, 223, U32, 4) \
	T(AMOUNT, 224, U64, 8) \
	T(CGROUP_ROOT, 225, STR, 4096) \
	T(RETRY_MS, 226, U64, 8) \
	T(SESSION_CGROUP_LIMITS, 230, LIST, 4096) \
	T(REQUIRE_CGROUPS, 231, BOOL, 1) \
	T(AUDIT_TO, 232, U32, 4) \
	T(EVENT, 240, U32, 4) \
	T(REPORT, 241, U32, 4) \
	T(SPILL_BYTES, 244, U64, 8) \
	T(SPILL_DIRECTORY, 245, STR, 4096) \
	T(PROXIES, 260, LIST, PROXIES_MAX) \
	T(CLIENT, 261, BYTES, PROXIES_CLIENT_MAX) \
	T(LOSS_TTL_MS, 330, U64, 8) \
	T(RECONNECT_MS, 331, U64, 8) \
	T(LEAVING, 332, BOOL, 1) \
	T(PREFIX, 270, STR, PROTO_SESSION_LEN) \
	T(NAME, 271, STR, 64) \
	T(PID, 272, U32, 4) \
	T(STATE, 273, STR, 32) \
	T(REASON_NAME, 274, STR, 32) \
	T(REASON_TEXT, 275, STR, 128) \
	T(DETAIL, 276, U32, 4) \
	T(SINCE_MS, 277, U64, 8) \
	T(DEADLINE_MS, 278, U64, 8) \
	T(CGROUP, 279, STR, 4096) \
	T(USED, 280, U64, 8) \
	T(LIMIT, 281, U64, 8) \
	T(OFF, 282, BOOL, 1) \
	T(RETAINED, 283, U64, 8) \
	T(DRAINING, 284, BOOL, 1) \
	T(ENDED, 285, BOOL, 1) \
	T(SOURCE, 286, STR, 192) \
	T(CONNECTIONS, 287, U64, 8) \
	T(SUPERVISED, 288, BOOL, 1) \
	T(CONTROLLERS, 289, STR, 256) \
	T(RUNNER_STATE, 290, STR, 32) \
	T(RELEASE, 291, STR, 32) \
	T(KEPT_MS, 292, U64, 8) \
	T(DOOR, 350, U32, 4) \
	T(ORDER, 351, U32, 4) \
	T(HANDOFF, 352, BOOL, 1) \
	T(REQUEST, 353, U64, 8) \
	T(SESSIONS, 354, LIST, 40960) \
	T(SPLIT, 355, BOOL, 1) \
	T(COUNTS, 300, LIST, 4096) \
	T(SAMPLES, 301, LIST, 61440) \
	T(READY, 302, BOOL, 1) \
	T(LOG_FORMAT, 303, U32, 4) \
	T(FULL, 304, BOOL, 1) \
	T(SCRAPE, 305, U64, 8) \
	T(INFO, 360, BYTES, PROTO_INFO_MAX) \
	T(INITIALIZED, 361, BOOL, 1) \
	T(GREETED, 362, BOOL, 1) \
	T(PEER_VERSION, 363, U32, 4) \
	T(CALLS, 364, U32, 4) \
	T(PENDING, 365, U64, 8) \
	T(PARKED, 366, U64, 8) \
	T(TAKEN_COST, 367, U64, 8) \
	T(LEFT_COST, 368, U64, 8) \
	T(INPUT, 369, BYTES, PROTO_INPUT_MAX) \
	T(DUE_MS, 370, U64, 8) \
	T(PINGED, 371, BOOL, 1)

/* How a field's bytes are read. */
enum proto_kind {
	KIND_U8,
	KIND_U32,
	KIND_U64,
	KIND_I64,
	KIND_BOOL,	/* one byte, 0 or 1 */
	KIND_STR,	/* no NUL, no terminator */
	KIND_BYTES,
	KIND_LIST,	/* each item a length (32 bits) and its bytes */
	KIND_CHUNKS	/* each: seq (64), stream (8), length (32), bytes */
};

enum proto_tag {
#define T(name, number, kind, max) TAG_##name = number,
	PROTO_TAGS(T)
#undef T
};

/* env values of ENV_INHERIT, WRITE_STATUS, SANDBOX_TYPE on the wire. */
enum proto_inherit { INHERIT_NONE, INHERIT_CORE, INHERIT_ALL };
enum proto_write { WRITE_ACCEPTED, WRITE_UNKNOWN, WRITE_CLOSED, WRITE_STARTING };
enum proto_sandbox { SANDBOX_NONE, SANDBOX_LINUX };

/* SANDBOX_FILES; PLACE and ACCESS of a rule. */
enum proto_files { FILES_BY_RULE, FILES_ALL };
enum proto_place {
	PLACE_PATH,		/* the absolute path SUBPATH */
	PLACE_ROOT,
	PLACE_PROJECT,		/* SUBPATH, or nothing, below each root */
	PLACE_SLASH_TMP,
	PLACE_TEMPS,
	PLACE_COUNT
};
enum proto_access { ACCESS_READ, ACCESS_WRITE, ACCESS_DENY, ACCESS_COUNT };

/*
 * What each message carries: tag, member of the struct, whether it must be
 * there (MUST) or not (MAY).  Messages that carry the same share a list.  L
 * is the list's own name, for those who expand it.
 */
#define FIELDS_HELLO(F, L) \
	F(L, VERSION, version, MUST) \
	F(L, OLDEST, oldest, MUST) \
	F(L, CAPABILITIES, capabilities, MAY)
#define FIELDS_NOTHING(F, L) \
	F(L, COUNT, count, MAY)
#define FIELDS_PING(F, L) \
	F(L, COUNT, count, MUST)
#define FIELDS_SB_CONFIG(F, L) \
	F(L, VERSION, version, MUST) \
	F(L, OLDEST, oldest, MUST) \
	F(L, RUNNER_PATH, runner_path, MUST) \
	F(L, MAX_SESSIONS, max_sessions, MUST) \
	F(L, LOG_LEVEL, log_level, MUST) \
	F(L, TOPICS, topics, MAY) \
	F(L, SYSLOG, syslog, MAY) \
	F(L, LOG_FORMAT, log_format, MAY)
/*
 * What a process has counted: an item is a number of common/metrics.h (16
 * bits) and its value by now (64); what has not changed may be left out.
 */
#define FIELDS_COUNTS(F, L) \
	F(L, COUNTS, counts, MUST)
/* FULL: all that is counted, not only whether the server is ready. */
#define FIELDS_GB_SCRAPE(F, L) \
	F(L, SCRAPE, scrape, MUST) \
	F(L, FULL, full, MUST)
/*
 * An item of SAMPLES: a number and a value as above, then the tenant's name
 * or the pool's number as text, or nothing.  READY with the last, TEXT if not.
 */
#define FIELDS_BG_SAMPLES(F, L) \
	F(L, SCRAPE, scrape, MUST) \
	F(L, SAMPLES, samples, MAY) \
	F(L, DONE, done, MUST) \
	F(L, READY, ready, MAY) \
	F(L, TEXT, text, MAY)
/* TEXT: why the order was not taken. */
#define FIELDS_BS_TAKEN(F, L) \
	F(L, COUNT, count, MUST) \
	F(L, TEXT, text, MAY)
#define FIELDS_SB_GATEWAY(F, L) \
	F(L, GATEWAY, gateway, MUST) \
	F(L, POOL, pool, MAY)
#define FIELDS_KEEP(F, L) \
	F(L, LISTENER, listener, MUST)
#define FIELDS_DOOR(F, L) \
	F(L, DOOR, door, MUST)
/* REQUEST is the broker's, for the answers. */
#define FIELDS_BS_ORDER(F, L) \
	F(L, REQUEST, request, MUST) \
	F(L, ORDER, order, MUST) \
	F(L, FORCE, force, MAY) \
	F(L, HANDOFF, handoff, MAY) \
	F(L, GRACE_MS, grace_ms, MAY)
/* STATUS: 0, or 1 when it could not be done; with DONE. */
#define FIELDS_SB_TOLD(F, L) \
	F(L, REQUEST, request, MUST) \
	F(L, DONE, done, MUST) \
	F(L, STATUS, status, MAY) \
	F(L, TEXT, text, MAY)
/* An item of SESSIONS is a session's id; TOTAL counts those not in it too. */
#define FIELDS_BS_SURVEYED(F, L) \
	F(L, TOTAL, total, MUST) \
	F(L, SESSIONS, sessions, MUST)
/*
 * What operators ask and order; the REQUEST comes back with all that is said
 * to it.  A PREFIX is the beginning of a session's id, or all of it.
 */
#define FIELDS_ASK(F, L) \
	F(L, REQUEST, request, MUST)
#define FIELDS_CB_SESSIONS(F, L) \
	F(L, REQUEST, request, MUST) \
	F(L, ENDED, ended, MAY)
#define FIELDS_CB_SESSION(F, L) \
	F(L, REQUEST, request, MUST) \
	F(L, PREFIX, prefix, MUST)
#define FIELDS_CB_PROCESSES(F, L) \
	F(L, REQUEST, request, MUST) \
	F(L, PREFIX, prefix, MAY)
#define FIELDS_CB_KILL(F, L) \
	F(L, REQUEST, request, MUST) \
	F(L, PREFIX, prefix, MUST) \
	F(L, PROCESS_ID, process_id, MAY) \
	F(L, SIGNAL, signal, MAY)
#define FIELDS_CB_EVICT(F, L) \
	F(L, REQUEST, request, MUST) \
	F(L, PREFIX, prefix, MUST) \
	F(L, TEXT, text, MAY) \
	F(L, GRACE_MS, grace_ms, MAY)
#define FIELDS_CB_DRAIN(F, L) \
	F(L, REQUEST, request, MUST) \
	F(L, OFF, off, MAY)
#define FIELDS_CB_TRACE(F, L) \
	F(L, REQUEST, request, MUST) \
	F(L, TOPICS, topics, MUST) \
	F(L, OFF, off, MAY) \
	F(L, FORCE, force, MAY)
/* Times are of the wall clock, in ms since the Epoch. */
#define FIELDS_BC_STATUS(F, L) \
	F(L, REQUEST, request, MUST) \
	F(L, RELEASE, release, MUST) \
	F(L, STARTED_MS, started_ms, MUST) \
	F(L, DRAINING, draining, MUST) \
	F(L, SUPERVISED, supervised, MUST) \
	F(L, SINCE_MS, since_ms, MAY) \
	F(L, COUNT, count, MAY) \
	F(L, CGROUP, cgroup, MAY) \
	F(L, CONTROLLERS, controllers, MAY)
/* How many sessions are in that state. */
#define FIELDS_BC_STATE(F, L) \
	F(L, REQUEST, request, MUST) \
	F(L, STATE, state, MUST) \
	F(L, COUNT, count, MUST)
/* A process of the server's: its role, and a gateway's number and pool. */
#define FIELDS_BC_ROLE(F, L) \
	F(L, REQUEST, request, MUST) \
	F(L, NAME, name, MUST) \
	F(L, GATEWAY, gateway, MAY) \
	F(L, POOL, pool, MAY) \
	F(L, PID, pid, MAY) \
	F(L, VERSION, version, MAY) \
	F(L, CONNECTIONS, connections, MAY) \
	F(L, COUNT, count, MAY)
#define FIELDS_BC_LISTENER(F, L) \
	F(L, REQUEST, request, MUST) \
	F(L, LISTENER, listener, MUST) \
	F(L, POOL, pool, MUST) \
	F(L, ADMISSION, admission, MUST) \
	F(L, COUNT, count, MUST)
/* Of the host, or of a tenant.  Without LIMIT there is none. */
#define FIELDS_BC_BUDGET(F, L) \
	F(L, REQUEST, request, MUST) \
	F(L, NAME, name, MUST) \
	F(L, USED, used, MUST) \
	F(L, TENANT_NAME, tenant_name, MAY) \
	F(L, LIMIT, limit, MAY)
#define FIELDS_BC_SESSION(F, L) \
	F(L, REQUEST, request, MUST) \
	F(L, SESSION, session, MUST) \
	F(L, STATE, state, MUST) \
	F(L, SINCE_MS, since_ms, MUST) \
	F(L, GENERATION, generation, MUST) \
	F(L, DETACH_TTL_MS, detach_ttl_ms, MUST) \
	F(L, RUNNER_STATE, runner_state, MUST) \
	F(L, TENANT_NAME, tenant_name, MAY) \
	F(L, UID, uid, MAY) \
	F(L, DEADLINE_MS, deadline_ms, MAY) \
	F(L, GATEWAY, gateway, MAY) \
	F(L, CLIENT_NAME, client_name, MAY) \
	F(L, SOURCE, source, MAY) \
	F(L, PID, pid, MAY) \
	F(L, VERSION, version, MAY) \
	F(L, CGROUP, cgroup, MAY) \
	F(L, REASON_NAME, reason_name, MAY) \
	F(L, REASON_TEXT, reason_text, MAY) \
	F(L, DETAIL, detail, MAY) \
	F(L, TEXT, text, MAY) \
	F(L, ENDED_MS, ended_ms, MAY) \
	F(L, KEPT_MS, kept_ms, MAY)
/* Processes of a session; OMITTED of them are not told of. */
#define FIELDS_BC_PROCESSES(F, L) \
	F(L, REQUEST, request, MUST) \
	F(L, SESSION, session, MUST) \
	F(L, PROCESSES, processes, MAY) \
	F(L, OMITTED, omitted, MAY) \
	F(L, RETAINED, retained, MAY) \
	F(L, TEXT, text, MAY)
#define FIELDS_BC_TOLD(F, L) \
	F(L, REQUEST, request, MUST) \
	F(L, TEXT, text, MUST)
/* COUNT: of what was done to how many, or of more candidates. */
#define FIELDS_BC_DONE(F, L) \
	F(L, REQUEST, request, MUST) \
	F(L, STATUS, status, MUST) \
	F(L, TEXT, text, MAY) \
	F(L, COUNT, count, MAY)
#define FIELDS_BR_LIST(F, L) \
	F(L, REQUEST, request, MUST) \
	F(L, AFTER, after, MAY)
/* Without PROCESS_ID it is for all of them. */
#define FIELDS_BR_SIGNAL(F, L) \
	F(L, REQUEST, request, MUST) \
	F(L, SIGNAL, signal, MUST) \
	F(L, PROCESS_ID, process_id, MAY)
/* Also log what belongs to these topics; without any, none. */
#define FIELDS_TRACE(F, L) \
	F(L, TOPICS, topics, MAY)
#define FIELDS_RB_LISTED(F, L) \
	F(L, REQUEST, request, MUST) \
	F(L, PROCESSES, processes, MUST) \
	F(L, NEXT, next, MAY) \
	F(L, RETAINED, retained, MAY)
/* COUNT: how many processes were sent the signal. */
#define FIELDS_RB_SIGNALED(F, L) \
	F(L, REQUEST, request, MUST) \
	F(L, COUNT, count, MUST)
/* Of the host: BUDGETS has an item each, a number (32 bits), a value (64). */
#define FIELDS_SB_HOST(F, L) \
	F(L, COUNT, count, MUST) \
	F(L, DETACH_TTL_MS, detach_ttl_ms, MUST) \
	F(L, MAX_DETACH_TTL_MS, max_detach_ttl_ms, MUST) \
	F(L, RETENTION_MS, retention_ms, MUST) \
	F(L, RETAIN_BYTES, retain_bytes, MUST) \
	F(L, HOLD_MS, hold_ms, MUST) \
	F(L, MAX_PROCESSES, max_processes, MUST) \
	F(L, SPILL_BYTES, spill_bytes, MAY) \
	F(L, SPILL_DIRECTORY, spill_directory, MAY) \
	F(L, BUDGETS, budgets, MAY) \
	F(L, CGROUP_ROOT, cgroup_root, MAY) \
	F(L, REQUIRE_CGROUPS, require_cgroups, MAY) \
	F(L, SECRET, secret, MAY) \
	F(L, ISSUER, issuer, MAY) \
	F(L, AUDIENCE, audience, MAY) \
	F(L, CLAIM, claim, MAY) \
	F(L, SKEW_MS, skew_ms, MAY) \
	F(L, TENANT_FOR_ALL, tenant_for_all, MAY) \
	F(L, LOSS_TTL_MS, loss_ttl_ms, MAY) \
	F(L, RECONNECT_MS, reconnect_ms, MAY)
#define FIELDS_SB_AUDIT(F, L) \
	F(L, AUDIT_TO, audit_to, MUST) \
	F(L, AUDIT_ARGV, audit_argv, MAY)
/*
 * An item of TENANTS is a tenant's number (64 bits); PROXIES, and CLIENT below,
 * are told in proxies.h.
 */
#define FIELDS_SB_LISTENER(F, L) \
	F(L, LISTENER, listener, MUST) \
	F(L, POOL, pool, MUST) \
	F(L, ADMISSION, admission, MUST) \
	F(L, TENANTS, tenants, MUST) \
	F(L, PROXIES, proxies, MAY)
/*
 * Items: of GROUPS and PEER_UIDS a number (32 bits), of TOKEN_HASHES a
 * SHA-256, of ENVIRONMENT NAME=VALUE, of RLIMITS a resource of setrlimit(2)
 * (32 bits), soft and hard (64 each, all bits set: none), of CGROUP_LIMITS
 * (for all of the tenant) and SESSION_CGROUP_LIMITS (for the jobs of each
 * session) the name of a file, a NUL, and what to write to it.  Without
 * ENVIRONMENT a runner has the broker's own: the tenant is who started all
 * this.  FILE_MASK is umask(2)'s.
 */
#define FIELDS_SB_TENANT(F, L) \
	F(L, TENANT, tenant, MUST) \
	F(L, TENANT_NAME, tenant_name, MUST) \
	F(L, UID, uid, MUST) \
	F(L, GID, gid, MUST) \
	F(L, GROUPS, groups, MUST) \
	F(L, SHELL_PATH, shell_path, MUST) \
	F(L, HOME, home, MUST) \
	F(L, CWD, cwd, MUST) \
	F(L, TEMP_DIR, temp_dir, MUST) \
	F(L, FILE_MASK, file_mask, MAY) \
	F(L, ENVIRONMENT, environment, MAY) \
	F(L, TENANT_FLAGS, tenant_flags, MUST) \
	F(L, TOKEN_HASHES, token_hashes, MAY) \
	F(L, PEER_UIDS, peer_uids, MAY) \
	F(L, RLIMITS, rlimits, MAY) \
	F(L, CGROUP_LIMITS, cgroup_limits, MAY) \
	F(L, SESSION_CGROUP_LIMITS, session_cgroup_limits, MAY) \
	F(L, DETACH_TTL_MS, detach_ttl_ms, MAY) \
	F(L, MAX_DETACH_TTL_MS, max_detach_ttl_ms, MAY) \
	F(L, BUDGETS, budgets, MAY)
/*
 * What a runner may use up of a budget, in all, and what it wants to; of one
 * per second, in all since it began.  TEXT: why it is less than was wanted.
 */
#define FIELDS_LEASE(F, L) \
	F(L, BUDGET, budget, MUST) \
	F(L, AMOUNT, amount, MUST) \
	F(L, TEXT, text, MAY)
#define FIELDS_BUDGET(F, L) \
	F(L, BUDGET, budget, MUST)
#define FIELDS_STOP(F, L) \
	F(L, GRACE_MS, grace_ms, MUST)
#define FIELDS_SG_CONFIG(F, L) \
	F(L, VERSION, version, MUST) \
	F(L, OLDEST, oldest, MUST) \
	F(L, GATEWAY, gateway, MUST) \
	F(L, PING_MS, ping_ms, MUST) \
	F(L, PONG_MS, pong_ms, MUST) \
	F(L, HANDSHAKE_MS, handshake_ms, MUST) \
	F(L, MAX_CONNECTIONS, max_connections, MUST) \
	F(L, LOG_LEVEL, log_level, MUST) \
	F(L, TOPICS, topics, MAY) \
	F(L, SYSLOG, syslog, MAY) \
	F(L, UID, uid, MAY) \
	F(L, GID, gid, MAY) \
	F(L, ROOT_DIR, root_dir, MAY) \
	F(L, PER_ADDRESS, per_address, MAY) \
	F(L, LOG_FORMAT, log_format, MAY)
#define FIELDS_SG_LISTENER(F, L) \
	F(L, LISTENER, listener, MUST) \
	F(L, ORIGINS, origins, MAY) \
	F(L, PROXIES, proxies, MAY)
#define FIELDS_SG_TLS(F, L) \
	F(L, LISTENER, listener, MUST)
#define FIELDS_SG_LIMITS(F, L) \
	F(L, PER_ADDRESS, per_address, MUST)
#define FIELDS_SG_LEAVE(F, L) \
	F(L, GRACE_MS, grace_ms, MUST)
/*
 * A connection that another gateway of the pool is to go on with.  All that
 * has a session: SESSION to LEFT_COST; INITIALIZED: that has come.
 * INFO is JSON, INPUT what came behind the last whole message, DUE_MS how
 * long until the next ping goes or, with PINGED, its answer is missed; of one
 * without a session, until it should have asked for one.
 */
#define FIELDS_GG_CONNECTION(F, L) \
	F(L, HANDLE, handle, MUST) \
	F(L, LISTENER, listener, MUST) \
	F(L, FORWARDED, forwarded, MUST) \
	F(L, TOKEN, token, MAY) \
	F(L, CLIENT, client, MAY) \
	F(L, DUE_MS, due_ms, MUST) \
	F(L, PINGED, pinged, MAY) \
	F(L, INPUT, input, MAY) \
	F(L, SESSION, session, MAY) \
	F(L, GENERATION, generation, MAY) \
	F(L, INFO, info, MAY) \
	F(L, INITIALIZED, initialized, MAY) \
	F(L, GREETED, greeted, MAY) \
	F(L, PEER_VERSION, peer_version, MAY) \
	F(L, CALLS, calls, MAY) \
	F(L, PENDING, pending, MAY) \
	F(L, PARKED, parked, MAY) \
	F(L, TAKEN_COST, taken_cost, MAY) \
	F(L, LEFT_COST, left_cost, MAY)
#define FIELDS_GB_ADMIT(F, L) \
	F(L, HANDLE, handle, MUST) \
	F(L, FORWARDED, forwarded, MUST) \
	F(L, TOKEN, token, MAY) \
	F(L, CLIENT, client, MAY)
/* LEAVING: it is the gateway that goes, and not its client. */
#define FIELDS_HANDLE(F, L) \
	F(L, HANDLE, handle, MUST) \
	F(L, LEAVING, leaving, MAY)
#define FIELDS_GB_ATTACH(F, L) \
	F(L, HANDLE, handle, MUST) \
	F(L, NONCE, nonce, MUST) \
	F(L, CLIENT_NAME, client_name, MUST) \
	F(L, RESUME, resume, MAY) \
	F(L, DETACH_TTL_MS, detach_ttl_ms, MAY) \
	F(L, TAKEOVER, takeover, MAY)
/* LEAVING: as in FIELDS_HANDLE. */
#define FIELDS_ATTACHMENT(F, L) \
	F(L, SESSION, session, MUST) \
	F(L, GENERATION, generation, MUST) \
	F(L, LEAVING, leaving, MAY)
#define FIELDS_HOLD(F, L) \
	F(L, HANDLE, handle, MUST) \
	F(L, SESSION, session, MUST) \
	F(L, GENERATION, generation, MUST)
#define FIELDS_GB_PROBED(F, L) \
	F(L, PROBE, probe, MUST) \
	F(L, GONE, gone, MUST)
#define FIELDS_BG_REFUSED(F, L) \
	F(L, HANDLE, handle, MUST) \
	F(L, STATUS, status, MUST) \
	F(L, TEXT, text, MUST)
#define FIELDS_BG_ATTACHED(F, L) \
	F(L, HANDLE, handle, MUST) \
	F(L, SESSION, session, MUST) \
	F(L, GENERATION, generation, MUST) \
	F(L, DETACH_TTL_MS, detach_ttl_ms, MUST) \
	F(L, SHELL_NAME, shell_name, MUST) \
	F(L, SHELL_PATH, shell_path, MUST) \
	F(L, CWD, cwd, MUST) \
	F(L, HOME, home, MUST) \
	F(L, TEMP_DIR, temp_dir, MUST) \
	F(L, MAX_DETACH_TTL_MS, max_detach_ttl_ms, MAY) \
	F(L, RETENTION_MS, retention_ms, MAY) \
	F(L, RETAIN_BYTES, retain_bytes, MAY) \
	F(L, HOLD_MS, hold_ms, MAY) \
	F(L, MAX_PROCESSES, max_processes, MAY) \
	F(L, SPILL_BYTES, spill_bytes, MAY)
#define FIELDS_BG_ATTACH_FAILED(F, L) \
	F(L, HANDLE, handle, MUST) \
	F(L, REASON, reason, MUST) \
	F(L, TEXT, text, MAY) \
	F(L, END_REASON, end_reason, MAY) \
	F(L, ENDED_MS, ended_ms, MAY) \
	F(L, PROCESSES, processes, MAY) \
	F(L, OMITTED, omitted, MAY)
#define FIELDS_BG_PROBE(F, L) \
	F(L, PROBE, probe, MUST) \
	F(L, SESSION, session, MUST) \
	F(L, GENERATION, generation, MUST)
#define FIELDS_BG_GONE(F, L) \
	F(L, SESSION, session, MUST) \
	F(L, GENERATION, generation, MUST) \
	F(L, REASON, reason, MUST) \
	F(L, TEXT, text, MAY)
#define FIELDS_BR_CONFIG(F, L) \
	F(L, VERSION, version, MUST) \
	F(L, OLDEST, oldest, MUST) \
	F(L, SESSION, session, MUST) \
	F(L, RETENTION_MS, retention_ms, MUST) \
	F(L, RETAIN_BYTES, retain_bytes, MUST) \
	F(L, HOLD_MS, hold_ms, MUST) \
	F(L, WINDOW, window, MUST) \
	F(L, MAX_PROCESSES, max_processes, MUST) \
	F(L, SHELL_PATH, shell_path, MUST) \
	F(L, LOG_LEVEL, log_level, MUST) \
	F(L, SYSLOG, syslog, MAY) \
	F(L, RLIMITS, rlimits, MAY) \
	F(L, REPORT, report, MAY) \
	F(L, SPILL_BYTES, spill_bytes, MAY) \
	F(L, SPILL_DIRECTORY, spill_directory, MAY) \
	F(L, LOG_FORMAT, log_format, MAY)
#define FIELDS_BR_REPORT(F, L) \
	F(L, REPORT, report, MUST)
/* OMITTED events before this one were not told. */
#define FIELDS_RB_EVENT(F, L) \
	F(L, EVENT, event, MUST) \
	F(L, PROCESS_ID, process_id, MUST) \
	F(L, PROGRAM, program, MAY) \
	F(L, ARGV, argv, MAY) \
	F(L, EXIT_CODE, exit_code, MAY) \
	F(L, SIGNAL, signal, MAY) \
	F(L, OMITTED, omitted, MAY)
#define FIELDS_GENERATION(F, L) \
	F(L, GENERATION, generation, MUST)
/* GENERATION: of the attachment that it has; 0 when it has none. */
#define FIELDS_RB_HERE(F, L) \
	F(L, VERSION, version, MUST) \
	F(L, OLDEST, oldest, MUST) \
	F(L, GENERATION, generation, MUST) \
	F(L, CAPABILITIES, capabilities, MAY)
#define FIELDS_BR_END(F, L) \
	F(L, REASON, reason, MUST) \
	F(L, GRACE_MS, grace_ms, MUST)
#define FIELDS_RB_FAILED(F, L) \
	F(L, TEXT, text, MUST)
#define FIELDS_RB_ENDED(F, L) \
	F(L, PROCESSES, processes, MAY) \
	F(L, OMITTED, omitted, MAY)
#define FIELDS_GR_ACK(F, L) \
	F(L, TOTAL, total, MUST)
#define FIELDS_CALL(F, L) \
	F(L, ID_INT, id_int, MAY) \
	F(L, ID_STR, id_str, MAY)
/* What is asked of a sandbox; without SANDBOX_FILES there is none. */
#define FIELDS_SANDBOX(F, L) \
	F(L, SANDBOX_FILES, sandbox_files, MAY) \
	F(L, SANDBOX_NETWORK, sandbox_network, MAY) \
	F(L, SANDBOX_RULES, sandbox_rules, MAY) \
	F(L, SANDBOX_CWD, sandbox_cwd, MAY) \
	F(L, SANDBOX_ROOTS, sandbox_roots, MAY) \
	F(L, SANDBOX_TEMPS, sandbox_temps, MAY)
#define FIELDS_BOXED_CALL(F, L) \
	FIELDS_CALL(F, L) \
	FIELDS_SANDBOX(F, L)
#define FIELDS_GR_START(F, L) \
	FIELDS_BOXED_CALL(F, L) \
	F(L, PROCESS_ID, process_id, MUST) \
	F(L, ARGV, argv, MUST) \
	F(L, DIRECTORY, directory, MUST) \
	F(L, ENV, env, MUST) \
	F(L, TTY, tty, MUST) \
	F(L, PIPE_STDIN, pipe_stdin, MAY) \
	F(L, ARG0, arg0, MAY) \
	F(L, ENV_INHERIT, env_inherit, MAY) \
	F(L, ENV_NO_DEFAULT_EXCLUDES, env_no_default_excludes, MAY) \
	F(L, ENV_EXCLUDE, env_exclude, MAY) \
	F(L, ENV_SET, env_set, MAY) \
	F(L, ENV_INCLUDE_ONLY, env_include_only, MAY) \
	F(L, ROWS, rows, MAY) \
	F(L, COLS, cols, MAY) \
	F(L, RUN_MS, run_ms, MAY)
#define FIELDS_GR_READ(F, L) \
	FIELDS_CALL(F, L) \
	F(L, PROCESS_ID, process_id, MUST) \
	F(L, AFTER_SEQ, after_seq, MAY) \
	F(L, MAX_BYTES, max_bytes, MAY) \
	F(L, WAIT_MS, wait_ms, MAY)
#define FIELDS_GR_WRITE(F, L) \
	FIELDS_CALL(F, L) \
	F(L, PROCESS_ID, process_id, MUST) \
	F(L, DATA, data, MUST) \
	F(L, WRITE_ID, write_id, MUST)
#define FIELDS_GR_SIGNAL(F, L) \
	FIELDS_CALL(F, L) \
	F(L, PROCESS_ID, process_id, MUST) \
	F(L, SIGNAL, signal, MUST)
#define FIELDS_GR_TERMINATE(F, L) \
	FIELDS_CALL(F, L) \
	F(L, PROCESS_ID, process_id, MUST) \
	F(L, GRACE_MS, grace_ms, MAY)
#define FIELDS_GR_RESIZE(F, L) \
	FIELDS_CALL(F, L) \
	F(L, PROCESS_ID, process_id, MUST) \
	F(L, ROWS, rows, MUST) \
	F(L, COLS, cols, MUST)
#define FIELDS_GR_CLOSE_STDIN(F, L) \
	FIELDS_CALL(F, L) \
	F(L, PROCESS_ID, process_id, MUST)
#define FIELDS_GR_LIST(F, L) \
	FIELDS_CALL(F, L) \
	F(L, AFTER, after, MAY)
#define FIELDS_GR_FS_PATH(F, L) \
	FIELDS_BOXED_CALL(F, L) \
	F(L, PATH, path, MUST) \
	F(L, FOLLOW_LINKS, follow_links, MAY)
#define FIELDS_GR_FS_WRITE_FILE(F, L) \
	FIELDS_BOXED_CALL(F, L) \
	F(L, PATH, path, MUST) \
	F(L, DATA, data, MUST) \
	F(L, FOLLOW_LINKS, follow_links, MAY)
#define FIELDS_GR_FS_TREE(F, L) \
	FIELDS_BOXED_CALL(F, L) \
	F(L, PATH, path, MUST) \
	F(L, RECURSIVE, recursive, MAY) \
	F(L, FORCE, force, MAY) \
	F(L, FOLLOW_LINKS, follow_links, MAY)
#define FIELDS_GR_FS_WALK(F, L) \
	FIELDS_BOXED_CALL(F, L) \
	F(L, PATH, path, MUST) \
	F(L, MAX_DEPTH, max_depth, MUST) \
	F(L, MAX_DIRECTORIES, max_directories, MUST) \
	F(L, MAX_ENTRIES, max_entries, MUST) \
	F(L, FOLLOW_DIRECTORY_LINKS, follow_directory_links, MUST) \
	F(L, PRUNE_HIDDEN, prune_hidden, MAY)
#define FIELDS_GR_FS_COPY(F, L) \
	FIELDS_BOXED_CALL(F, L) \
	F(L, PATH, path, MUST) \
	F(L, DESTINATION, destination, MUST) \
	F(L, RECURSIVE, recursive, MUST)
#define FIELDS_GR_FS_OPEN(F, L) \
	FIELDS_BOXED_CALL(F, L) \
	F(L, FILE_HANDLE, file_handle, MUST) \
	F(L, PATH, path, MUST) \
	F(L, OPEN_MODE, open_mode, MAY)
#define FIELDS_GR_FS_BLOCK(F, L) \
	FIELDS_CALL(F, L) \
	F(L, FILE_HANDLE, file_handle, MUST) \
	F(L, OFFSET, offset, MUST) \
	F(L, LENGTH, length, MAY) \
	F(L, DATA, data, MAY)
#define FIELDS_GR_FS_CLOSE(F, L) \
	FIELDS_CALL(F, L) \
	F(L, FILE_HANDLE, file_handle, MUST)
#define FIELDS_GR_FS_WATCH(F, L) \
	FIELDS_CALL(F, L) \
	F(L, WATCH_ID, watch_id, MUST) \
	F(L, MISSING, missing, MUST)
#define FIELDS_GR_HTTP(F, L) \
	FIELDS_CALL(F, L) \
	F(L, VERB, verb, MUST) \
	F(L, URL, url, MUST) \
	F(L, REQUEST_ID, request_id, MUST) \
	F(L, HEADERS, headers, MAY) \
	F(L, DATA, data, MAY) \
	F(L, TIMEOUT_MS, timeout_ms, MAY) \
	F(L, FOLLOW_REDIRECTS, follow_redirects, MAY) \
	F(L, STREAMED, streamed, MAY)
#define FIELDS_RG_RESULT(F, L) \
	FIELDS_CALL(F, L) \
	F(L, METHOD, method, MUST) \
	F(L, PROCESS_ID, process_id, MAY) \
	F(L, SANDBOX_TYPE, sandbox_type, MAY) \
	F(L, WRITE_STATUS, write_status, MAY) \
	F(L, RUNNING, running, MAY) \
	F(L, CHUNKS, chunks, MAY) \
	F(L, NEXT_SEQ, next_seq, MAY) \
	F(L, EXITED, exited, MAY) \
	F(L, EXIT_CODE, exit_code, MAY) \
	F(L, CLOSED, closed, MAY) \
	F(L, FAILURE, failure, MAY) \
	F(L, SANDBOX_DENIED, sandbox_denied, MAY) \
	F(L, PATH, path, MAY) \
	F(L, FILE_HANDLE, file_handle, MAY) \
	F(L, DATA, data, MAY) \
	F(L, END_OF_FILE, end_of_file, MAY) \
	F(L, IS_DIRECTORY, is_directory, MAY) \
	F(L, IS_FILE, is_file, MAY) \
	F(L, IS_LINK, is_link, MAY) \
	F(L, SIZE, size, MAY) \
	F(L, CREATED_MS, created_ms, MAY) \
	F(L, MODIFIED_MS, modified_ms, MAY) \
	F(L, NAMES, names, MAY) \
	F(L, FOUND, found, MAY) \
	F(L, FAILED, failed, MAY) \
	F(L, TRUNCATED, truncated, MAY) \
	F(L, WATCHING, watching, MAY) \
	F(L, STATUS, status, MAY) \
	F(L, ANSWER_HEADERS, answer_headers, MAY) \
	F(L, PROCESSES, processes, MAY) \
	F(L, NEXT, next, MAY) \
	F(L, REPEATED, repeated, MAY) \
	F(L, GAP, gap, MAY)
#define FIELDS_RG_ERROR(F, L) \
	FIELDS_CALL(F, L) \
	F(L, METHOD, method, MUST) \
	F(L, ERROR_CODE, error_code, MUST) \
	F(L, ERROR_TEXT, error_text, MUST)
#define FIELDS_RG_BULK_PART(F, L) \
	F(L, CHUNKS, chunks, MAY) \
	F(L, DATA, data, MAY) \
	F(L, NAMES, names, MAY) \
	F(L, FOUND, found, MAY) \
	F(L, FAILED, failed, MAY)
#define FIELDS_RG_OUTPUT(F, L) \
	F(L, PROCESS_ID, process_id, MUST) \
	F(L, SEQ, seq, MUST) \
	F(L, STREAM, stream, MUST) \
	F(L, DATA, data, MUST)
#define FIELDS_RG_EXITED(F, L) \
	F(L, PROCESS_ID, process_id, MUST) \
	F(L, SEQ, seq, MUST) \
	F(L, EXIT_CODE, exit_code, MUST) \
	F(L, SANDBOX_DENIED, sandbox_denied, MAY) \
	F(L, SIGNAL, signal, MAY)
#define FIELDS_RG_CLOSED(F, L) \
	F(L, PROCESS_ID, process_id, MUST) \
	F(L, SEQ, seq, MUST)
#define FIELDS_RG_HTTP_BODY(F, L) \
	F(L, REQUEST_ID, request_id, MUST) \
	F(L, SEQ, seq, MUST) \
	F(L, DATA, data, MUST) \
	F(L, DONE, done, MUST) \
	F(L, FAILURE, failure, MAY)
#define FIELDS_RG_FS_APPEARED(F, L) \
	F(L, WATCH_ID, watch_id, MUST)

/* What an item of a PROCESSES field carries, in the same way. */
#define FIELDS_PROCESS(F, L) \
	F(L, PROCESS_ID, process_id, MUST) \
	F(L, LAST_SEQ, last_seq, MUST) \
	F(L, EXIT_CODE, exit_code, MAY) \
	F(L, SIGNAL, signal, MAY) \
	F(L, PROGRAM, program, MAY) \
	F(L, TTY, tty, MAY) \
	F(L, RUNNING, running, MAY) \
	F(L, CLOSED, closed, MAY) \
	F(L, STARTED_MS, started_ms, MAY) \
	F(L, PID, pid, MAY) \
	F(L, RETAINED, retained, MAY)

/* And what a GAP field carries. */
#define FIELDS_GAP(F, L) \
	F(L, FROM_SEQ, from_seq, MUST) \
	F(L, TO_SEQ, to_seq, MUST) \
	F(L, BYTES, bytes, MAY)

/* What an item of SANDBOX_RULES carries. */
#define FIELDS_RULE(F, L) \
	F(L, PLACE, place, MUST) \
	F(L, ACCESS, access, MUST) \
	F(L, SKIP_MISSING, skip_missing, MAY) \
	F(L, SUBPATH, subpath, MAY)

/* What a runner leaves in a file for holdfast-box. */
#define FIELDS_BOX(F, L) \
	F(L, SANDBOX_NETWORK, network, MUST) \
	F(L, SANDBOX_RULES, rules, MUST) \
	F(L, ARGV, argv, MUST) \
	F(L, ENV, env, MUST) \
	F(L, PROGRAMS, programs, MUST) \
	F(L, DIRECTORY, directory, MUST) \
	F(L, TTY, tty, MUST)

/*
 * Every message: name, number, fields, from, to, phases, largest length in
 * bytes, fewest and most descriptors, whether it may come only once.  The
 * blocks of a hundred are one direction each; those of 500 and 600 travel on
 * data sockets, the rest on control sockets.  On a data socket the phase is that
 * of the receiver: START until the other's HELLO came.
 */
#define PROTO_MESSAGES(M) \
	M(SB_CONFIG, 100, SB_CONFIG, SUPERVISOR, BROKER, IN_START, 8192, 0, 0, 1) \
	M(SB_GATEWAY, 101, SB_GATEWAY, SUPERVISOR, BROKER, IN_UP, 64, 1, 3, 0) \
	M(SB_PING, 102, PING, SUPERVISOR, BROKER, IN_UP | IN_STOP, 64, 0, 0, 0) \
	M(SB_STOP, 103, STOP, SUPERVISOR, BROKER, IN_UP, 64, 0, 0, 1) \
	M(SB_HOST, 104, SB_HOST, SUPERVISOR, BROKER, IN_START | IN_UP, 16384, 0, 0, 0) \
	M(SB_LISTENER, 105, SB_LISTENER, SUPERVISOR, BROKER, IN_START | IN_UP, 54272, 0, 0, 0) \
	M(SB_TENANT, 106, SB_TENANT, SUPERVISOR, BROKER, IN_START | IN_UP, 65000, 0, 0, 0) \
	M(SB_COMMIT, 107, PING, SUPERVISOR, BROKER, IN_START | IN_UP, 64, 0, 0, 0) \
	M(SB_AUDIT, 108, SB_AUDIT, SUPERVISOR, BROKER, IN_START | IN_UP, 64, 0, 1, 0) \
	M(SB_ADOPT, 109, HELLO, SUPERVISOR, BROKER, IN_START, 256, 0, 0, 1) \
	M(SB_KEEP, 110, KEEP, SUPERVISOR, BROKER, IN_START | IN_UP, 512, 1, 1, 0) \
	M(SB_DOOR, 111, DOOR, SUPERVISOR, BROKER, IN_START | IN_UP, 64, 1, 1, 0) \
	M(SB_LEAVE, 112, NOTHING, SUPERVISOR, BROKER, IN_UP, 64, 0, 0, 1) \
	M(SB_SWEPT, 113, PING, SUPERVISOR, BROKER, IN_UP | IN_STOP, 64, 0, 0, 0) \
	M(SB_TOLD, 114, SB_TOLD, SUPERVISOR, BROKER, IN_UP | IN_STOP, 1280, 0, 0, 0) \
	M(SB_SURVEY, 115, HELLO, SUPERVISOR, BROKER, IN_UP, 256, 0, 0, 0) \
	M(SB_COUNTS, 117, COUNTS, SUPERVISOR, BROKER, IN_START | IN_UP | IN_STOP, 4352, 0, 0, 0) \
	M(BS_HELLO, 150, HELLO, BROKER, SUPERVISOR, IN_START, 256, 0, 0, 1) \
	M(BS_PONG, 151, PING, BROKER, SUPERVISOR, IN_UP | IN_STOP, 64, 0, 0, 0) \
	M(BS_STOPPED, 152, NOTHING, BROKER, SUPERVISOR, IN_STOP, 64, 0, 0, 1) \
	M(BS_TAKEN, 153, BS_TAKEN, BROKER, SUPERVISOR, IN_START | IN_UP | IN_STOP, 1152, 0, 0, 0) \
	M(BS_KEPT_LISTENER, 154, KEEP, BROKER, SUPERVISOR, IN_START, 512, 1, 1, 0) \
	M(BS_KEPT_GATEWAY, 155, SB_GATEWAY, BROKER, SUPERVISOR, IN_START, 64, 2, 2, 0) \
	M(BS_KEPT_DOOR, 156, DOOR, BROKER, SUPERVISOR, IN_START, 64, 1, 1, 0) \
	M(BS_SWEEP, 157, PING, BROKER, SUPERVISOR, IN_UP | IN_STOP, 64, 0, 0, 0) \
	M(BS_ORDER, 158, BS_ORDER, BROKER, SUPERVISOR, IN_UP, 128, 0, 0, 0) \
	M(BS_SURVEYED, 159, BS_SURVEYED, BROKER, SUPERVISOR, IN_UP | IN_STOP, 49152, 0, 0, 0) \
	M(SG_CONFIG, 200, SG_CONFIG, SUPERVISOR, GATEWAY, IN_START, 16384, 0, 0, 1) \
	M(SG_LISTENER, 201, SG_LISTENER, SUPERVISOR, GATEWAY, IN_START | IN_UP, 12800, 0, 1, 0) \
	M(SG_BROKER, 202, NOTHING, SUPERVISOR, GATEWAY, IN_START | IN_UP, 64, 1, 1, 0) \
	M(SG_PING, 203, PING, SUPERVISOR, GATEWAY, IN_START | IN_UP | IN_STOP, 64, 0, 0, 0) \
	M(SG_STOP, 204, STOP, SUPERVISOR, GATEWAY, IN_UP, 64, 0, 0, 1) \
	M(SG_TLS, 205, SG_TLS, SUPERVISOR, GATEWAY, IN_START | IN_UP, 512, 2, 2, 0) \
	M(SG_LIMITS, 206, SG_LIMITS, SUPERVISOR, GATEWAY, IN_START | IN_UP, 64, 0, 0, 0) \
	M(SG_LEAVE, 207, SG_LEAVE, SUPERVISOR, GATEWAY, IN_UP, 64, 0, 1, 1) \
	M(SG_HEIR, 208, NOTHING, SUPERVISOR, GATEWAY, IN_UP, 64, 1, 1, 0) \
	M(GS_HELLO, 250, HELLO, GATEWAY, SUPERVISOR, IN_START | IN_UP, 256, 0, 0, 1) \
	M(GS_PONG, 251, PING, GATEWAY, SUPERVISOR, IN_START | IN_UP | IN_STOP, 64, 0, 0, 0) \
	M(GB_HELLO, 300, HELLO, GATEWAY, BROKER, IN_START, 256, 0, 0, 1) \
	M(GB_ADMIT, 301, GB_ADMIT, GATEWAY, BROKER, IN_UP | IN_STOP, 8448, 1, 1, 0) \
	M(GB_LEAVE, 302, HANDLE, GATEWAY, BROKER, IN_UP | IN_STOP, 64, 0, 0, 0) \
	M(GB_ATTACH, 303, GB_ATTACH, GATEWAY, BROKER, IN_UP | IN_STOP, 2304, 0, 0, 0) \
	M(GB_DETACH, 304, ATTACHMENT, GATEWAY, BROKER, IN_UP | IN_STOP, 128, 0, 0, 0) \
	M(GB_PROBED, 305, GB_PROBED, GATEWAY, BROKER, IN_UP | IN_STOP, 64, 0, 0, 0) \
	M(GB_HOLD, 306, HOLD, GATEWAY, BROKER, IN_UP | IN_STOP, 128, 1, 1, 0) \
	M(GB_COUNTS, 307, COUNTS, GATEWAY, BROKER, IN_UP | IN_STOP, 4352, 0, 0, 0) \
	M(GB_SCRAPE, 308, GB_SCRAPE, GATEWAY, BROKER, IN_UP | IN_STOP, 64, 0, 0, 0) \
	M(BG_HELLO, 350, HELLO, BROKER, GATEWAY, IN_START, 256, 0, 0, 1) \
	M(BG_ADMITTED, 351, HANDLE, BROKER, GATEWAY, IN_UP, 64, 0, 0, 0) \
	M(BG_REFUSED, 352, BG_REFUSED, BROKER, GATEWAY, IN_UP, 2048, 0, 0, 0) \
	M(BG_ATTACHED, 353, BG_ATTACHED, BROKER, GATEWAY, IN_UP, 24576, 1, 1, 0) \
	M(BG_ATTACH_FAILED, 354, BG_ATTACH_FAILED, BROKER, GATEWAY, IN_UP, 12288, 0, 0, 0) \
	M(BG_PROBE, 355, BG_PROBE, BROKER, GATEWAY, IN_UP, 128, 0, 0, 0) \
	M(BG_GONE, 356, BG_GONE, BROKER, GATEWAY, IN_UP, 1280, 0, 0, 0) \
	M(BG_HELD, 357, HOLD, BROKER, GATEWAY, IN_UP, 128, 0, 0, 0) \
	M(BG_SAMPLES, 358, BG_SAMPLES, BROKER, GATEWAY, IN_UP, 63488, 0, 0, 0) \
	M(BG_TRACE, 369, TRACE, BROKER, GATEWAY, IN_UP, 1280, 0, 0, 0) \
	M(BR_CONFIG, 400, BR_CONFIG, BROKER, RUNNER, IN_START, 8192, 0, 1, 1) \
	M(BR_ATTACHMENT, 401, GENERATION, BROKER, RUNNER, IN_START | IN_UP, 64, 1, 1, 0) \
	M(BR_DETACH, 402, GENERATION, BROKER, RUNNER, IN_START | IN_UP | IN_STOP, 64, 0, 0, 0) \
	M(BR_END, 403, BR_END, BROKER, RUNNER, IN_START | IN_UP | IN_STOP, 64, 0, 0, 0) \
	M(BR_LEASE, 404, LEASE, BROKER, RUNNER, IN_START | IN_UP | IN_STOP, 1280, 0, 0, 0) \
	M(BR_REPORT, 405, BR_REPORT, BROKER, RUNNER, IN_START | IN_UP | IN_STOP, 64, 0, 0, 0) \
	M(BR_RECALL, 406, BUDGET, BROKER, RUNNER, IN_START | IN_UP | IN_STOP, 64, 0, 0, 0) \
	M(BR_RESUME, 407, HELLO, BROKER, RUNNER, IN_START | IN_UP | IN_STOP, 256, 0, 0, 0) \
	M(BR_LIST, 408, BR_LIST, BROKER, RUNNER, IN_UP | IN_STOP, 64, 0, 0, 0) \
	M(BR_SIGNAL, 409, BR_SIGNAL, BROKER, RUNNER, IN_UP | IN_STOP, 8192, 0, 0, 0) \
	M(BR_TRACE, 410, TRACE, BROKER, RUNNER, IN_START | IN_UP | IN_STOP, 1280, 0, 0, 0) \
	M(RB_HELLO, 450, HELLO, RUNNER, BROKER, IN_START | IN_UP, 256, 0, 0, 1) \
	M(RB_DETACHED, 451, GENERATION, RUNNER, BROKER, IN_UP | IN_STOP, 64, 0, 0, 0) \
	M(RB_ENDED, 452, RB_ENDED, RUNNER, BROKER, IN_UP | IN_STOP, 12288, 0, 0, 1) \
	M(RB_WANT, 453, LEASE, RUNNER, BROKER, IN_UP | IN_STOP, 64, 0, 0, 0) \
	M(RB_EVENT, 454, RB_EVENT, RUNNER, BROKER, IN_UP | IN_STOP, 12288, 0, 0, 0) \
	M(RB_FAILED, 455, RB_FAILED, RUNNER, BROKER, IN_START | IN_UP | IN_STOP, 1280, 0, 0, 1) \
	M(RB_HERE, 456, RB_HERE, RUNNER, BROKER, IN_START | IN_UP | IN_STOP, 256, 0, 0, 0) \
	M(RB_LISTED, 457, RB_LISTED, RUNNER, BROKER, IN_UP | IN_STOP, 61440, 0, 0, 0) \
	M(RB_SIGNALED, 458, RB_SIGNALED, RUNNER, BROKER, IN_UP | IN_STOP, 64, 0, 0, 0) \
	M(RB_COUNTS, 470, COUNTS, RUNNER, BROKER, IN_UP | IN_STOP, 4352, 0, 0, 0) \
	M(GR_HELLO, 500, HELLO, GATEWAY, RUNNER, IN_START, 256, 0, 0, 1) \
	M(GR_ACK, 501, GR_ACK, GATEWAY, RUNNER, IN_UP, 64, 0, 0, 0) \
	M(GR_START, 510, GR_START, GATEWAY, RUNNER, IN_UP, PROTO_REQUEST_MAX, 0, 0, 0) \
	M(GR_READ, 511, GR_READ, GATEWAY, RUNNER, IN_UP, 16384, 0, 0, 0) \
	M(GR_WRITE, 512, GR_WRITE, GATEWAY, RUNNER, IN_UP, PROTO_REQUEST_MAX, 0, 0, 0) \
	M(GR_SIGNAL, 513, GR_SIGNAL, GATEWAY, RUNNER, IN_UP, 16384, 0, 0, 0) \
	M(GR_TERMINATE, 514, GR_TERMINATE, GATEWAY, RUNNER, IN_UP, 16384, 0, 0, 0) \
	M(GR_RESIZE, 515, GR_RESIZE, GATEWAY, RUNNER, IN_UP, 16384, 0, 0, 0) \
	M(GR_CLOSE_STDIN, 516, GR_CLOSE_STDIN, GATEWAY, RUNNER, IN_UP, 16384, 0, 0, 0) \
	M(GR_LIST, 517, GR_LIST, GATEWAY, RUNNER, IN_UP, 16384, 0, 0, 0) \
	M(GR_FS_READ_FILE, 530, GR_FS_PATH, GATEWAY, RUNNER, IN_UP, PROTO_FILES_MAX, 0, 0, 0) \
	M(GR_FS_WRITE_FILE, 531, GR_FS_WRITE_FILE, GATEWAY, RUNNER, IN_UP, PROTO_REQUEST_MAX, 0, 0, 0) \
	M(GR_FS_CREATE_DIRECTORY, 532, GR_FS_TREE, GATEWAY, RUNNER, IN_UP, PROTO_FILES_MAX, 0, 0, 0) \
	M(GR_FS_GET_METADATA, 533, GR_FS_PATH, GATEWAY, RUNNER, IN_UP, PROTO_FILES_MAX, 0, 0, 0) \
	M(GR_FS_CANONICALIZE, 534, GR_FS_PATH, GATEWAY, RUNNER, IN_UP, PROTO_FILES_MAX, 0, 0, 0) \
	M(GR_FS_READ_DIRECTORY, 535, GR_FS_PATH, GATEWAY, RUNNER, IN_UP, PROTO_FILES_MAX, 0, 0, 0) \
	M(GR_FS_WALK, 536, GR_FS_WALK, GATEWAY, RUNNER, IN_UP, PROTO_FILES_MAX, 0, 0, 0) \
	M(GR_FS_REMOVE, 537, GR_FS_TREE, GATEWAY, RUNNER, IN_UP, PROTO_FILES_MAX, 0, 0, 0) \
	M(GR_FS_COPY, 538, GR_FS_COPY, GATEWAY, RUNNER, IN_UP, PROTO_FILES_MAX, 0, 0, 0) \
	M(GR_FS_OPEN, 539, GR_FS_OPEN, GATEWAY, RUNNER, IN_UP, PROTO_FILES_MAX, 0, 0, 0) \
	M(GR_FS_READ_BLOCK, 540, GR_FS_BLOCK, GATEWAY, RUNNER, IN_UP, 16384, 0, 0, 0) \
	M(GR_FS_WRITE_BLOCK, 541, GR_FS_BLOCK, GATEWAY, RUNNER, IN_UP, PROTO_REQUEST_MAX, 0, 0, 0) \
	M(GR_FS_CLOSE, 542, GR_FS_CLOSE, GATEWAY, RUNNER, IN_UP, 16384, 0, 0, 0) \
	M(GR_FS_WATCH_MISSING, 543, GR_FS_WATCH, GATEWAY, RUNNER, IN_UP, 81920, 0, 0, 0) \
	M(GR_HTTP, 550, GR_HTTP, GATEWAY, RUNNER, IN_UP, PROTO_REQUEST_MAX, 0, 0, 0) \
	M(RG_HELLO, 600, HELLO, RUNNER, GATEWAY, IN_START, 256, 0, 0, 1) \
	M(RG_RESULT, 601, RG_RESULT, RUNNER, GATEWAY, IN_UP, PROTO_RESULT_MAX, 0, 0, 0) \
	M(RG_ERROR, 602, RG_ERROR, RUNNER, GATEWAY, IN_UP, 8192, 0, 0, 0) \
	M(RG_BULK_BEGIN, 603, RG_RESULT, RUNNER, GATEWAY, IN_UP, 16384, 0, 0, 0) \
	M(RG_BULK_PART, 604, RG_BULK_PART, RUNNER, GATEWAY, IN_UP, PROTO_EVENT_MAX, 0, 0, 0) \
	M(RG_BULK_END, 605, RG_RESULT, RUNNER, GATEWAY, IN_UP, PROTO_RESULT_MAX, 0, 0, 0) \
	M(RG_OUTPUT, 610, RG_OUTPUT, RUNNER, GATEWAY, IN_UP, PROTO_EVENT_MAX, 0, 0, 0) \
	M(RG_EXITED, 611, RG_EXITED, RUNNER, GATEWAY, IN_UP, 8192, 0, 0, 0) \
	M(RG_CLOSED, 612, RG_CLOSED, RUNNER, GATEWAY, IN_UP, 8192, 0, 0, 0) \
	M(RG_FS_APPEARED, 613, RG_FS_APPEARED, RUNNER, GATEWAY, IN_UP, 64, 0, 0, 0) \
	M(RG_HTTP_BODY, 614, RG_HTTP_BODY, RUNNER, GATEWAY, IN_UP, PROTO_EVENT_MAX, 0, 0, 0) \
	M(GG_CONNECTION, 700, GG_CONNECTION, GATEWAY, GATEWAY, IN_UP, PROTO_CONTROL_MAX - 2, 1, 2, 0) \
	M(GG_TAKEN, 701, HANDLE, GATEWAY, GATEWAY, IN_UP, 64, 0, 0, 0) \
	M(GG_HELLO, 702, HELLO, GATEWAY, GATEWAY, IN_START, 256, 0, 0, 1) \
	M(GG_DECLINED, 703, HANDLE, GATEWAY, GATEWAY, IN_UP, 64, 0, 0, 0) \
	M(CB_HELLO, 800, HELLO, OPERATOR, BROKER, IN_START, 256, 0, 0, 1) \
	M(CB_STATUS, 801, ASK, OPERATOR, BROKER, IN_UP, 64, 0, 0, 0) \
	M(CB_SESSIONS, 802, CB_SESSIONS, OPERATOR, BROKER, IN_UP, 64, 0, 0, 0) \
	M(CB_SHOW, 803, CB_SESSION, OPERATOR, BROKER, IN_UP, 128, 0, 0, 0) \
	M(CB_WHY, 804, CB_SESSION, OPERATOR, BROKER, IN_UP, 128, 0, 0, 0) \
	M(CB_PROCESSES, 805, CB_PROCESSES, OPERATOR, BROKER, IN_UP, 128, 0, 0, 0) \
	M(CB_KILL, 806, CB_KILL, OPERATOR, BROKER, IN_UP, 8192, 0, 0, 0) \
	M(CB_EVICT, 807, CB_EVICT, OPERATOR, BROKER, IN_UP, 1280, 0, 0, 0) \
	M(CB_DRAIN, 808, CB_DRAIN, OPERATOR, BROKER, IN_UP, 64, 0, 0, 0) \
	M(CB_ORDER, 809, BS_ORDER, OPERATOR, BROKER, IN_UP, 128, 0, 0, 0) \
	M(CB_TRACE, 810, CB_TRACE, OPERATOR, BROKER, IN_UP, 1280, 0, 0, 0) \
	M(BC_HELLO, 850, HELLO, BROKER, OPERATOR, IN_START, 256, 0, 0, 1) \
	M(BC_STATUS, 851, BC_STATUS, BROKER, OPERATOR, IN_UP, 8192, 0, 0, 0) \
	M(BC_STATE, 852, BC_STATE, BROKER, OPERATOR, IN_UP, 128, 0, 0, 0) \
	M(BC_ROLE, 853, BC_ROLE, BROKER, OPERATOR, IN_UP, 256, 0, 0, 0) \
	M(BC_LISTENER, 854, BC_LISTENER, BROKER, OPERATOR, IN_UP, 512, 0, 0, 0) \
	M(BC_BUDGET, 855, BC_BUDGET, BROKER, OPERATOR, IN_UP, 256, 0, 0, 0) \
	M(BC_SESSION, 856, BC_SESSION, BROKER, OPERATOR, IN_UP, 8192, 0, 0, 0) \
	M(BC_PROCESSES, 857, BC_PROCESSES, BROKER, OPERATOR, IN_UP, 65024, 0, 0, 0) \
	M(BC_TOLD, 858, BC_TOLD, BROKER, OPERATOR, IN_UP, 1280, 0, 0, 0) \
	M(BC_DONE, 859, BC_DONE, BROKER, OPERATOR, IN_START | IN_UP, 1280, 0, 0, 0)

enum proto_type {
#define M(name, number, fields, from, to, phases, max, fdmin, fdmax, once) \
	MSG_##name = number,
	PROTO_MESSAGES(M)
#undef M
};

enum {
#define M(name, number, fields, from, to, phases, max, fdmin, fdmax, once) + 1
	PROTO_ROW_COUNT = 0 PROTO_MESSAGES(M)
#undef M
};

/* The member types of the structs below, one a tag. */
#define PROTO_CTYPE_U8 uint8_t
#define PROTO_CTYPE_U32 uint32_t
#define PROTO_CTYPE_U64 uint64_t
#define PROTO_CTYPE_I64 int64_t
#define PROTO_CTYPE_BOOL bool
#define PROTO_CTYPE_STR struct span
#define PROTO_CTYPE_BYTES struct span
#define PROTO_CTYPE_LIST struct span
#define PROTO_CTYPE_CHUNKS struct span
#define T(name, number, kind, max) typedef PROTO_CTYPE_##kind proto_##name;
PROTO_TAGS(T)
#undef T

/*
 * One struct a list of fields: struct fields_GB_ADMIT and so on; struct
 * fields_HELLO serves every HELLO.  Each field has a member and has_member:
 * when encoding, MUST fields are always written and MAY fields where has_ is
 * true; after decoding has_ tells what was there, and what was not is zero.
 * Spans borrow: the caller's bytes when encoding, the received bytes when
 * decoded.
 */
#define PROTO_LISTS(L) \
	L(HELLO) L(NOTHING) L(PING) L(STOP) L(HANDLE) L(ATTACHMENT) \
	L(COUNTS) L(GB_SCRAPE) L(BG_SAMPLES) \
	L(GENERATION) L(SB_CONFIG) L(SB_HOST) L(SB_LISTENER) L(SB_TENANT) \
	L(BS_TAKEN) L(KEEP) L(DOOR) L(BS_ORDER) L(SB_TOLD) L(BS_SURVEYED) \
	L(ASK) L(CB_SESSIONS) L(CB_SESSION) L(CB_PROCESSES) L(CB_KILL) \
	L(CB_EVICT) L(CB_DRAIN) L(CB_TRACE) L(BC_STATUS) L(BC_STATE) \
	L(BC_ROLE) L(BC_LISTENER) L(BC_BUDGET) L(BC_SESSION) \
	L(BC_PROCESSES) L(BC_TOLD) L(BC_DONE) L(BR_LIST) L(BR_SIGNAL) \
	L(TRACE) L(RB_LISTED) L(RB_SIGNALED) \
	L(LEASE) L(SB_GATEWAY) L(SG_CONFIG) \
	L(SG_LISTENER) L(SG_TLS) L(SG_LIMITS) \
	L(SG_LEAVE) L(GG_CONNECTION) L(GB_ADMIT) L(GB_ATTACH) L(GB_PROBED) L(BG_REFUSED) \
	L(BG_ATTACHED) L(BG_ATTACH_FAILED) L(BG_PROBE) L(BG_GONE) \
	L(BR_CONFIG) L(BR_REPORT) L(BR_END) L(BUDGET) L(RB_FAILED) L(RB_ENDED) L(RB_EVENT) L(SB_AUDIT) \
	L(HOLD) L(RB_HERE) \
	L(GR_ACK) L(GR_START) L(GR_READ) L(GR_WRITE) \
	L(GR_SIGNAL) L(GR_TERMINATE) L(GR_RESIZE) L(GR_CLOSE_STDIN) \
	L(GR_LIST) L(RG_RESULT) L(RG_ERROR) L(RG_BULK_PART) L(RG_OUTPUT) \
	L(RG_EXITED) L(RG_CLOSED) L(PROCESS) L(GAP) L(RULE) L(BOX) \
	L(GR_FS_PATH) L(GR_FS_WRITE_FILE) L(GR_FS_TREE) L(GR_FS_WALK) \
	L(GR_FS_COPY) L(GR_FS_OPEN) L(GR_FS_BLOCK) L(GR_FS_CLOSE) \
	L(GR_FS_WATCH) L(RG_FS_APPEARED) L(GR_HTTP) L(RG_HTTP_BODY)

#define F(list, tag, name, need) proto_##tag name; bool has_##name;
#define L(list) struct fields_##list { FIELDS_##list(F, list) };
PROTO_LISTS(L)
#undef L
/* What all requests that can ask for a sandbox begin with. */
struct fields_BOXED_CALL { FIELDS_BOXED_CALL(F, BOXED_CALL) };
#undef F

/* Room for any decoded message. */
union proto_any {
	struct fields_BOXED_CALL BOXED_CALL;
#define L(list) struct fields_##list list;
	PROTO_LISTS(L)
#undef L
};

struct proto_field {
	const char *name;
	uint16_t tag;
	uint8_t kind;		/* enum proto_kind */
	bool must;
	size_t offset;		/* of the member in its struct */
	size_t has;		/* of its has_ member */
	size_t max;		/* bytes */
};

struct proto_row {
	const char *name;
	uint16_t type;
	uint8_t from, to;	/* enum proto_role */
	unsigned int phases;	/* IN_ bits */
	size_t max;		/* bytes of the whole payload */
	uint8_t fdmin, fdmax;
	bool once;
	const struct proto_field *fields;
	size_t nfields;
	size_t size;		/* of its struct, bytes */
};

/* Every way in which a message can be refused; proto_strerror() names them. */
enum proto_error {
	PROTO_OK = 0,
	PROTO_UNKNOWN_TYPE,	/* no such row: may come from a newer peer */
	PROTO_WRONG_ROLE,
	PROTO_WRONG_PHASE,
	PROTO_TOO_LONG,
	PROTO_WRONG_FDS,
	PROTO_REPEATED,		/* a message that may come only once */
	PROTO_MALFORMED,	/* fields do not add up to the payload */
	PROTO_FIELD_LENGTH,
	PROTO_FIELD_TWICE,
	PROTO_FIELD_MISSING,
	PROTO_FIELD_VALUE	/* a boolean not 0 or 1, a NUL in a string */
};

/* The whole table, for walking; "*count" gets the number of rows. */
const struct proto_row *proto_rows(size_t *count);

/* The row of a type, or NULL. */
const struct proto_row *proto_row(uint16_t type);

/* Names for logs: "GB_ATTACH", "gateway", "too long"; never NULL. */
const char *proto_name(uint16_t type);
const char *proto_role_name(enum proto_role role);
const char *proto_strerror(enum proto_error error);

/*
 * Whether "from" may send this message to "to" now; to be asked before its
 * bytes are looked at.  "len" is the payload in bytes.  PROTO_REPEATED is the
 * channel's to find.
 */
enum proto_error proto_check(uint16_t type, enum proto_role from,
    enum proto_role to, enum proto_phase phase, size_t len, size_t nfds);

/*
 * Read the payload into "*msg", the struct of the row's fields (union
 * proto_any has room for each).  Spans in it point into "bytes".
 */
enum proto_error proto_decode(const struct proto_row *row, const void *bytes,
    size_t len, void *msg);

/*
 * Append the payload of "msg" to the writer.  A field that breaks its own
 * limits makes the writer fail: that is the caller's mistake.
 */
void proto_encode(struct writer *w, uint16_t type, const void *msg);

/*
 * The bytes of a member of a decoded struct, a number's as they are in
 * memory; false when it is not there.
 */
bool proto_member(const struct proto_field *field, const void *msg,
    struct span *bytes);

/*
 * Fields whose bytes are fields themselves, and items of a list that are: add
 * one, and take the next into "*item", the struct of the record's fields: 1, 0
 * at the end, or -1 when it is malformed.
 */
extern const struct proto_row proto_process;	/* struct fields_PROCESS */
extern const struct proto_row proto_gap;	/* struct fields_GAP */
extern const struct proto_row proto_rule;	/* struct fields_RULE */
extern const struct proto_row proto_box;	/* struct fields_BOX */
void proto_record_put(struct writer *w, const struct proto_row *record,
    const void *item);
void proto_record_add(struct writer *w, const struct proto_row *record,
    const void *item);
int proto_record_next(struct span *list, const struct proto_row *record,
    void *item);

/* Append single fields, for senders that have no struct. */
void proto_put_u8(struct writer *w, enum proto_tag tag, uint8_t value);
void proto_put_u32(struct writer *w, enum proto_tag tag, uint32_t value);
void proto_put_u64(struct writer *w, enum proto_tag tag, uint64_t value);
void proto_put_bytes(struct writer *w, enum proto_tag tag, struct span value);

/*
 * Start a field whose bytes follow by writer_put() and the functions below,
 * and end it: proto_begin() returns what proto_end() needs.
 */
size_t proto_begin(struct writer *w, enum proto_tag tag);
void proto_end(struct writer *w, size_t begun);

/* Add an item to a list field, and take the next: 1, or 0 at the end. */
void proto_list_add(struct writer *w, struct span item);
int proto_list_next(struct span *list, struct span *item);
size_t proto_list_count(struct span list);

/* The same for the pieces of output in a chunks field. */
struct proto_chunk {
	uint64_t seq;
	uint8_t stream;		/* enum proto_stream */
	struct span data;
};
#define PROTO_CHUNK_HEAD 13	/* bytes a chunk takes beside its data */
void proto_chunk_add(struct writer *w, const struct proto_chunk *chunk);
int proto_chunk_next(struct span *chunks, struct proto_chunk *chunk);

/*
 * The version two ends have in common: the smaller of both, or 0 when one of
 * them does not understand it any more.
 */
uint32_t proto_agree(uint32_t version, uint32_t oldest);

/* The head of a message on a data socket; a control packet has a type only. */
#define PROTO_HEAD_LEN 12
struct proto_head {
	uint32_t len;		/* bytes of the payload */
	uint16_t type;
	uint16_t flags;		/* 0; others are ignored */
	uint32_t call;		/* which request this belongs to, or 0 */
};
void proto_head_put(uint8_t out[PROTO_HEAD_LEN],
    const struct proto_head *head);
void proto_head_get(const uint8_t in[PROTO_HEAD_LEN],
    struct proto_head *head);

#endif
