/* SPDX-License-Identifier: ISC */
/*
 * The broker's own book: what its files know of each other.  It decides who
 * may have which session and starts the runners; it carries nothing.
 */
#ifndef BROKER_BROKER_H
#define BROKER_BROKER_H

#include <sys/queue.h>
#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "broker/cgroup.h"
#include "broker/keep.h"
#include "broker/count.h"
#include "broker/lend.h"
#include "broker/registry.h"
#include "broker/trail.h"
#include "common/pidset.h"
#include "common/proto.h"

struct admission;
struct chan;
struct epitaphs;
struct event;
struct event_base;
struct fdstore;
struct fdstore_item;
struct fields_HOLD;
struct gate;
struct notes;
struct operators;
struct order;
struct order_listener;
struct pending;
struct penalty;
struct peeruid;
struct run;
struct tenant;

#define BROKER_TOMBSTONES_MAX 1024
#define BROKER_TOMBSTONE_MS (10 * 60 * 1000)
#define BROKER_TTL_LEAST_MS 1000	/* that a client can ask for */
#define BROKER_LAST_WORDS_MS 100	/* of a runner that has exited */
#define BROKER_HELLO_MS 5000	/* a runner's start may take so long */
#define BROKER_PROBE_MS 100	/* a gateway's answer may */
#define BROKER_END_MS 1000	/* a runner's end, beyond the grace it has */
#define BROKER_STOP_MS 2500	/* the whole end, beyond the grace given */
#define BROKER_ORPHAN_GRACE_MS 1000 /* for jobs, the supervisor being gone */
#define BROKER_PENDING_MAX 4096	/* attaches that wait for a probe */
#define BROKER_CLAIM_MS 1000	/* and that wait for a holder's claim */
#define BROKER_KEEP_MS 1000	/* a data end is stored when it is so old */
#define BROKER_SWEPT_MS 5000	/* the supervisor's look may take */

/*
 * What the supervisor has ordered once and for all; what a later order can
 * change is in "order".
 */
struct settings {
	char *runner_path;
	uint32_t max_sessions;
	uint32_t log_level;
	uint32_t log_format;	/* see common/logline.h */
	bool syslog;
};

/*
 * What a registry record cannot hold: the descriptors and objects of a live
 * session.  One for each slot, meaningful while "live".
 */
struct session {
	TAILQ_ENTRY(session) leaving;
	TAILQ_ENTRY(session) idle;
	TAILQ_ENTRY(session) young;
	struct broker *broker;
	struct tenant *tenant;	/* its owner, kept as long as it lives */
	uid_t uid;		/* of the owner when it was made */
	struct gate *gate;	/* attached: whose connection has it; or NULL */
	uint64_t handle;	/* that connection */
	struct run *run;	/* owned; NULL before any work */
	struct event *first;	/* owned; the first byte on "data" */
	int data;		/* owned; runner's end, kept; or -1 */
	uint64_t store_ms;	/* young: when that is to be stored */
	struct cgroup_session cgroup;	/* owned */
	char *failure;		/* owned; why no runner could be started */
	char *client;		/* owned; what it has called itself, or NULL */
	struct trail_session trail;
	/* Who had it last, and has not said that its client has left. */
	uint32_t left_gate;
	uint64_t left_handle;
	uint64_t sweep;		/* asked of the supervisor; 0: not */
	uint64_t sweep_until_ms;
	bool data_stored;
	bool run_stored;	/* the runner's channel and pidfd */
	bool is_young;		/* its data end is not stored yet */
	bool unclaimed;		/* attached; no gateway has said that it has it */
	bool adopted;		/* its processes are not our descendants */
	bool is_counted;	/* as an attachment, in budgets */
	bool live;
	bool is_leaving;
	bool is_idle;		/* detached, and never had any work */
	bool unseen;		/* leaving: since the last look began */
};
TAILQ_HEAD(session_list, session);
TAILQ_HEAD(gate_list, gate);
TAILQ_HEAD(pending_list, pending);

struct broker {
	struct event_base *base;
	struct chan *superior;
	struct settings settings;
	struct budget_account budget;	/* the host's */
	struct leases leases;
	struct event *lease_timer;
	struct order *order;	/* in force; NULL before the first */
	unsigned int powers;	/* that were kept; see powers.h */
	struct order *staged;	/* being built; NULL when it is wrong */
	const char *staged_wrong;	/* and why (static) */
	struct peeruid *peeruid;
	struct penalty *penalty;
	struct registry *registry;
	struct epitaphs *epitaphs;
	struct notes *notes;	/* on why sessions ended */
	struct operators *operators;
	uint64_t ordered_ms;	/* when the order was taken; wall clock */
	bool draining;		/* no new sessions */
	struct session *sessions;	/* by slot */
	struct session_list idle;	/* those, the longest detached first */
	struct session_list young;	/* the oldest first */
	struct event *young_timer;
	struct fdstore *store;
	struct fdstore_item *stored;	/* by an earlier one, until adopted */
	size_t nstored;
	bool adopts;		/* the registry is an earlier one's */
	struct registry_adoption adoption;
	void *records, *tales;	/* mapped: of registry and epitaphs */
	size_t records_size, tales_size;
	int records_fd, tales_fd;	/* owned */
	char label[REGISTRY_LABEL_SIZE];	/* the name of all cgroups */
	struct event *claim_timer;	/* what is unclaimed then is detached */
	uint64_t sweeps, swept;	/* asked of the supervisor, answered */
	struct cgroup *cgroup;
	struct trail trail;
	struct counts counts;
	struct gate_list gates;
	uint32_t last_gate;

	struct event *expiry_timer;
	uint64_t expiry_at;

	struct pending_list pendings;	/* by deadline */
	size_t npendings;
	uint64_t last_probe;
	struct event *probe_timer;

	struct pidset runners;		/* children that are registered */
	struct session_list leaving;	/* to be looked for and ended */
	struct event *sweep_timer;
	struct event *child_event;
	uint32_t sweep_wait_ms;

	struct keep keep;

	struct event *stop_timer;
	struct event *term_event;
	bool stopping;
	bool stopped;
};

/* sup.c: the channel to the supervisor, and the life of the whole. */

/*
 * Serve the supervisor at descriptor "control" until it has ordered the end
 * and nothing is left.  Returns the exit status.  "stored" (owned) is what an
 * earlier broker has left, see fdstore.h.
 */
int broker_serve(int control, struct fdstore_item *stored, size_t nstored);

/*
 * confine.c: now that it is known for whom jobs are run, give up what none of
 * them takes.  Ends the process on failure.
 */
void broker_confine(struct broker *broker);

/* Whether what was kept is enough for the tenants of a later order. */
bool broker_can_follow(const struct broker *broker,
    const struct order *order);

/* End all sessions within "grace_ms" and leave; once is enough. */
void broker_stop(struct broker *broker, uint64_t grace_ms);

/* A session has ended: leave if it was the last one waited for. */
void broker_check_stopped(struct broker *broker);

/* settings.c: the order, checked. */

/* Take it over.  NULL, or what is wrong with it (static). */
const char *settings_take(struct settings *settings,
    const struct fields_SB_CONFIG *config);

/*
 * As many sessions as "files" open files allow, if that is fewer.  Returns
 * whether it is.
 */
bool settings_fit(struct settings *settings, uint64_t files);
void settings_clear(struct settings *settings);

/* session.c: live sessions: attachments, deadlines, ends. */

int sessions_init(struct broker *broker);
void sessions_clear(struct broker *broker);

/* The session of a slot that the registry has just given or given again. */
struct session *session_open(struct broker *broker, uint32_t slot);

/* Of each attachment, the bytes that may be in flight. */
#define SESSION_FLIGHT PROTO_WINDOW

/* Whether its owner is still one, and the user that it was. */
bool session_has_owner(const struct session *session);
uint32_t session_slot(const struct session *session);
const struct registry_record *session_record(const struct session *session);

/*
 * The registry has given the session to the connection: make its data
 * socket.  Returns the gateway's end, the caller's, or -1 with errno; then
 * it is detached again.
 */
int session_attach(struct session *session, struct gate *gate,
    uint64_t handle);

/*
 * End that attachment, unless it is not the present one.  Work that arrived
 * on a data end which nobody has read is still carried out.  "why" is for
 * the audit trail.
 */
void session_detach(struct session *session, uint64_t generation,
    const char *why);

/*
 * Make room for another session of the tenant: the one that has been detached
 * longest of its sessions without any work ends.  False if there is none.
 */
bool session_give_way(struct broker *broker, const struct tenant *tenant);

/* Whether the gateway has closed its end of a data socket kept here. */
bool session_data_ended(const struct session *session);

/*
 * The holder, if any, learns that its attachment is over, and is the holder
 * no more.
 */
void session_tell_gone(struct session *session, uint64_t generation,
    enum proto_gone reason);

/* Take the kept data end away; the caller's, or -1. */
int session_take_data(struct session *session);

/* Begin to end; jobs get SIGTERM and, after "grace_ms", SIGKILL. */
void session_end(struct session *session, enum registry_reason reason,
    uint64_t grace_ms);

/*
 * The same, and what more is known of why: see registry_explain(), and a
 * sentence, or NULL.
 */
void session_end_because(struct session *session, enum registry_reason reason,
    uint32_t detail, const char *note, uint64_t grace_ms);

/* What its client says it is; hostile, and cut. */
void session_set_client(struct session *session, const char *name);

/* Nothing of it is left. */
void session_ended(struct session *session);

/*
 * Of the session in a slot that ends or has ended: all that is known, for its
 * owner.  The spans in it are the broker's.
 */
void session_obituary(struct broker *broker, uint32_t slot,
    struct fields_BG_ATTACH_FAILED *failed);

/*
 * Take an attached session from its holder, who is told; as a detach ends it.
 */
void session_take_over(struct session *session,
    const struct admission *taker);

/* The gateway that had it has ended, so it stays for a while. */
void session_gateway_lost(struct session *session);

/* Serve the end of a data socket that no runner has; "fd" is owned.  0 or -1. */
int session_keep_data(struct session *session, int fd);

/* Its data end is stored, and it is not any more. */
void session_store_data(struct session *session, int fd);
void session_unstore_data(struct session *session);

/* What belongs to an attachment has its place in the budgets. */
void session_count(struct session *session, bool attached);

/* Without any work it can give way to others. */
void session_set_idle(struct session *session, bool idle);

/* Nothing can be taken from it, and it has to be looked for. */
void session_fail(struct session *session, enum registry_reason reason);

/* It was ending already: its runner is told so, perhaps again. */
void session_end_again(struct session *session);

/* Somebody else stores now: all that is needed, again. */
void sessions_store(struct broker *broker);

/* adopt.c: what an earlier broker has left. */

/* Take over its registry, or begin one; 0 or -1. */
int adopt_registry(struct broker *broker, struct registry_config *config);

/* The tenants are known: take over sessions, and refuse what is wrong. */
void adopt_sessions(struct broker *broker);
int adopt_init(struct broker *broker);
void adopt_clear(struct broker *broker);

/* claim.c: attachments that a gateway has from an earlier broker. */

/*
 * Whether the connection may have the attachment, whose data socket "fd" has
 * to be: 0 and "*session", or why not.
 */
enum proto_gone claim_judge(struct broker *broker, uint32_t pool,
    const struct admission *admission, const struct fields_HOLD *hold, int fd,
    struct session **session);

/* The registry may have another deadline now. */
void sessions_rearm(struct broker *broker);

/* gate.c: connected gateways. */

/* Take a control channel to a gateway of a pool; "fd" is owned. */
void gate_new(struct broker *broker, uint32_t number, uint32_t pool, int fd);

/*
 * Another order is in force: connections that it would not let in for the
 * same proof are ended.
 */
void gates_review(struct broker *broker);

/* Those that have not said HELLO go. */
void gates_drop_unready(struct broker *broker);

/*
 * Of how many live sessions a broker that speaks "version" down to "oldest"
 * would not understand the runner; the ids of those there is room for are
 * added to the list in "ids".
 */
uint64_t sessions_beyond(struct broker *broker, uint32_t version,
    uint32_t oldest, struct writer *ids);

/* All of them go; their sessions are detached. */
void gates_clear(struct broker *broker);

/* The gateway with that number in the registry, or NULL. */
struct gate *gate_find(struct broker *broker, uint32_t number);
struct chan *gate_chan(struct gate *gate);
uint32_t gate_pool(const struct gate *gate);
/* The one after that, or the first after NULL. */
struct gate *gate_next(struct broker *broker, struct gate *gate);
uint32_t gate_number(const struct gate *gate);

/* The supervisor's number for it. */
uint32_t gate_name(const struct gate *gate);

/* What operators are told of a gateway. */
struct gate_info {
	uint32_t number, name, pool, version;
	uint32_t connections;
};

/* The one with the next number after "after"; false if there is none. */
bool gate_describe(const struct broker *broker, uint32_t after,
    struct gate_info *info);

/* All of them are told what is traced. */
void gates_trace(struct broker *broker, const struct fields_TRACE *trace);

/* The connection has no session any more, unless it has another one. */
void gate_unbind(struct gate *gate, uint64_t handle, uint32_t slot);

/* attach.c: attaches, and those that wait until a holder has been asked. */

/* What a connection asks for. */
#define CLIENT_NAME_SIZE 128	/* bytes kept of it */
struct attach_request {
	char client[CLIENT_NAME_SIZE];
	struct gate *gate;
	uint64_t handle;
	struct registry_claim claim;
	struct ident resume;
	bool resumes;
	bool takeover;
};

/*
 * How it came out: told to the gate, and to the connection's record.
 * "resume" is the session that was asked for, or NULL.
 */
void gate_attached(struct gate *gate, uint64_t handle,
    struct session *session, int fd);
void gate_attach_failed(struct gate *gate, uint64_t handle,
    const struct ident *resume, struct fields_BG_ATTACH_FAILED *failed);

/* Who the connection is. */
const struct admission *gate_admission(const struct gate *gate,
    uint64_t handle);

void attach_request(struct broker *broker,
    const struct attach_request *request);
void attach_probed(struct broker *broker, const struct gate *gate,
    uint64_t probe, bool gone);

/* The connection left (or with all: the gateway) while its attach waits. */
void attach_forget(struct broker *broker, const struct gate *gate,
    uint64_t handle, bool all);

/* The slot's holder has claimed it: those who want it ask there now. */
void attach_claimed(struct broker *broker, uint32_t slot);

/* Nobody has the slot any more: those who want it try again. */
void attach_vacated(struct broker *broker, uint32_t slot);

/* That gateway cannot answer any more; its sessions are detached. */
void attach_unanswered(struct broker *broker, const struct gate *gate);

/* The server stops: all that wait are refused. */
void attach_refuse_all(struct broker *broker);
int attach_init(struct broker *broker);
void attach_clear(struct broker *broker);

/* admit.c: who may come in. */

/* Why not: an HTTP status and a constant text for the client. */
struct refusal {
	uint32_t status;
	const char *text;
};

/* Before privileges go.  0, or -1: there is no cryptography here. */
int admit_init(struct broker *broker);

/*
 * Judge a connection by what its listener takes for proof, if gateways of
 * that pool serve it.  Returns true and sets *admission, or false and sets
 * *refusal.  "fd" stays the caller's.
 */
bool admit_judge(struct broker *broker, uint32_t pool,
    const struct fields_GB_ADMIT *msg, int fd, struct admission *admission,
    struct refusal *refusal);

/* Whether the order of now would still let in for the same proof. */
bool admit_still(const struct broker *broker,
    const struct admission *admission);

/* run.c: one connected runner. */

/*
 * Start the session's runner and hand it the kept data end.  When that
 * fails, the session is ending.
 */
void run_start(struct session *session);

/*
 * Take over a runner that an earlier broker has started: its channel and a
 * pidfd, both owned from now on.  NULL: memory is out.
 */
struct run *run_adopt(struct session *session, int control, int pidfd);

/*
 * The data end that was kept for it, and which it may have; "fd" is owned.  It
 * gets it if it says that it has none.
 */
void run_adopt_data(struct run *run, int fd);

/* The runner is configured as soon as it is stored; try again. */
void run_stored(struct run *run);

/* Its channel and pidfd, stored again. */
void run_store(struct run *run);

/* Hand over the data socket of a generation; "fd" is owned. */
void run_attachment(struct run *run, uint64_t generation, int fd);

/*
 * That generation is over, whoever still holds its other end: what has
 * arrived is carried out, and nothing more is taken from there.
 */
void run_detach(struct run *run, uint64_t generation);
void run_end(struct run *run, enum proto_end reason, uint64_t grace_ms);

/* What it is to tell for the audit trail is another now. */
void run_report(struct run *run);

/* Tell it something; nothing happens if it is lost. */
void run_send(struct run *run, uint16_t type, const void *msg);

/* Whether it is ready, and has no order to end. */
bool run_is_up(const struct run *run);

/* What it speaks; 0: not known. */
uint32_t run_version(const struct run *run);

/* SIGKILL, by whatever reaches. */
void run_kill(struct run *run);

/* Its process was collected; "status" as of waitpid(2). */
void run_exited(struct run *run, int status);
pid_t run_pid(const struct run *run);

/* What its runner said it speaks; false before it has. */
bool run_speaks(const struct run *run, uint32_t *version, uint32_t *oldest);
/* Bytes that wait to be sent to it. */
size_t run_queued(const struct run *run);
void run_free(struct run *run);

/* sweep.c: children collected, orphans killed, sessions ended for good. */

int sweep_init(struct broker *broker);
void sweep_clear(struct broker *broker);

/* The supervisor has looked for orphans and found none. */
void sweep_done(struct broker *broker, uint64_t count);

/* The session is over when its runner has gone and nothing is left of it. */
void sweep_session(struct session *session);

#endif
