/* SPDX-License-Identifier: ISC */
/*
 * The private book of holdfast-gateway: what its shells know of each other.
 * Everything runs on one event loop and belongs to one struct gateway.
 */
#ifndef GATEWAY_GATEWAY_H
#define GATEWAY_GATEWAY_H

#include <sys/queue.h>
#include <sys/tree.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/ident.h"
#include "common/meter.h"
#include "common/proto.h"
#include "common/proxies.h"
#include "gateway/outq.h"
#include "gateway/peers.h"
#include "gateway/state.h"

struct arrival;
struct crowd;
struct crowd_source;
struct event;
struct event_base;
struct heir;
struct lead;
struct leave;
struct listener;
struct listeners;
struct relay;
struct scrapes;
struct rpc_id;
struct rpc_parser;
struct sockaddr;
struct sup;
struct tls_session;
struct transport;
struct upstream;
struct ws;

/* Unsent answers above this many bytes stop the reading of their client. */
#define CONN_REPLIES_MAX (1024 * 1024)

/* Output is put into frames while less than this many bytes wait. */
#define CONN_STAGE (128 * 1024)

/* Incomplete messages of all clients together, in bytes. */
#define GATEWAY_HELD_MAX ((size_t)256 * 1024 * 1024)

/* Where the answers of a runner end its attachment, in bytes waiting. */
#define CONN_ANSWERS_MAX (16 * 1024 * 1024)

/* Times that nobody configures, in milliseconds. */
#define CONN_BROKER_MS 10000	/* for the broker's answer, or the broker */
#define CONN_LINGER_MS 1000	/* for the other end to close, too */
#define CONN_FAREWELL_MS 30000	/* for one displaced to take its Close */
#define CONN_LOOK_MS 100	/* between looks at one that is not read */

struct gateway_config {
	uint32_t id;
	uint64_t ping_ms;	/* 0: never */
	uint64_t pong_ms;
	uint64_t handshake_ms;	/* for the head; for initialize */
	uint32_t max_connections;
	size_t held_max;	/* bytes of incomplete messages */
	uint32_t per_address;	/* who are not let in yet; 0: any number */
};

RB_HEAD(conn_sessions, conn);
TAILQ_HEAD(conn_list, conn);

struct gateway {
	struct event_base *base;
	struct gateway_config config;
	struct rpc_parser *parser;
	struct listeners *listeners;
	struct crowd *crowd;
	struct upstream *upstream;
	struct sup *sup;
	struct scrapes *scrapes;
	struct meter meter;

	struct conn_list conns;
	struct conn_sessions sessions;	/* those attached */
	struct conn **slots;		/* by the low bits of the handle */
	size_t nslots, nconns;
	uint64_t serial;
	size_t held;		/* bytes of requests that are not complete */
	struct conn_list dead;
	struct event *ev_bury;

	bool stopping;
	struct event *ev_stop;
	struct leave *leave;	/* another takes this one's place, or NULL */
	struct heir *heir;	/* this one takes another's, or NULL */
};

/* An attach that waits for the broker. */
struct attach {
	struct ident nonce;
	struct rpc_id *id;	/* of the client's call */
	char *name, *resume;	/* "resume" may be NULL */
	size_t name_len, resume_len;
	uint64_t ttl_ms;	/* asked for, if "asks_ttl" */
	bool asks_ttl;
	bool takeover;
	bool sent;		/* on the present channel */
};

/* One client. */
struct conn {
	struct gateway *gw;
	uint64_t handle;
	int fd;
	enum conn_state state;
	bool reading;		/* its socket is read from */
	bool writing;		/* waiting for its socket to take more */
	bool blocked;		/* because it had no room */
	bool shut;		/* nothing more is sent */
	bool displaced;		/* its Close is all that it still gets */
	bool pinged;		/* and not heard since */
	bool finished;		/* and that has been said */
	bool parting;		/* no new message is looked at */
	struct event *ev_read, *ev_write, *ev_timer;
	const struct transport *io;
	struct tls_session *tls; /* NULL: none */
	const struct listener *listener;
	struct crowd_source *source; /* until it is let in */
	struct lead *lead;	/* what a proxy says first, until it has */
	struct ws *ws;
	uint8_t *head;		/* an incomplete request head */
	size_t head_len;
	char *greeting;		/* the 101 answer, until admitted */
	size_t greeting_len;
	uint8_t *rest;		/* read and not looked at */
	size_t rest_len;
	size_t held;		/* its part of the gateway's */
	struct outq out;
	uint64_t since;		/* when the state began, ms */
	uint64_t ping_at;	/* when the next ping goes, or the last went */
	char *token;
	size_t token_len;
	bool forwarded;
	/* Who it is by a trusted proxy's word, as CLIENT has it; 0: nobody. */
	uint8_t source_bytes[PROXIES_CLIENT_MAX];
	size_t source_len;
	uint64_t admitted;	/* which broker channel knows it, 0: none */
	uint64_t announced;	/* which is being told of it unasked */
	struct arrival *arrival; /* while it is being taken */
	struct attach *attach;
	struct relay *relay;
	char *info;		/* the environment as JSON, once attached */
	size_t info_len;
	char session[PROTO_SESSION_LEN + 1];
	uint64_t generation;
	TAILQ_ENTRY(conn) entry;
	RB_ENTRY(conn) by_session;
};

/* Count, and see that it is told. */
static inline void
gateway_count(struct gateway *gw, enum metric_number number, uint64_t n)
{
	metrics_add(number, n);
	meter_touch(&gw->meter);
}

/* gateway.c: the whole, without a process around it. */
int gateway_init(struct gateway *gw, struct event_base *base,
    const struct gateway_config *config);
void gateway_clear(struct gateway *gw);

/*
 * Take leave of every client and leave the loop, at the latest after
 * "grace_ms".
 */
void gateway_stop(struct gateway *gw, uint64_t grace_ms);

/* conns.c: finding clients, and their end. */
int conns_add(struct gateway *gw, struct conn *c);
void conns_remove(struct conn *c);
/* By its session; NULL, or the other one that has that name. */
struct conn *conns_name(struct conn *c);
void conns_unname(struct conn *c);
struct conn *conns_by_handle(struct gateway *gw, uint64_t handle);
struct conn *conns_by_session(struct gateway *gw, struct span session,
    uint64_t generation);
void conns_bury(struct gateway *gw);

/* conn.c: one client.  After any of these it may be CONN_DEAD. */

/*
 * Serve a socket accepted by "listener" from "source" (NULL: not counted),
 * both owned from now on; -1 when memory is out.
 */
int conn_new(struct gateway *gw, const struct listener *listener,
    struct crowd_source *source, enum peers_trust trust, int fd);

/*
 * One that another gateway hands over, let in long ago: it waits for the
 * broker's word and its socket is not looked at.  NULL: no memory, and "fd"
 * is closed.
 */
struct conn *conn_adopt(struct gateway *gw, const struct listener *listener,
    int fd);

/* Another gateway has it now: go without a word to anybody. */
void conn_forget(struct conn *c);

/* It has been let in, or is gone: its source has one less to wait for. */
void conn_settle(struct conn *c);

/* The other end is gone, or not worth a word. */
void conn_lost(struct conn *c);

/* Say why and close; on a plain connection "code" is an HTTP status. */
void conn_close(struct conn *c, int code, const char *text);

/*
 * The same to one that is not to wait for it: behind the frame under way,
 * instead of all else that is queued, and with time to read it.
 */
void conn_displace(struct conn *c, int code, const char *text);

/* Move to another state; the event must have a place in the present one. */
void conn_move(struct conn *c, enum conn_event event);

/* Make it a WebSocket; -1 when memory is out. */
int conn_upgrade(struct conn *c);

/* Free what is left of a dead one. */
void conn_free(struct conn *c);

/*
 * proxied.c: set how a new one is read, whose TLS is made: after the header
 * of a proxy, or from its first byte.  -1 when memory is out.
 */
int proxied_begin(struct conn *c, enum peers_trust trust);

/* connio.c: its socket.  After any of these it may be CONN_DEAD. */

/* Write what waits; and then see what that changes. */
void conn_push(struct conn *c);
void conn_flush(struct conn *c);

/* Whether more of what the client sends is to be looked at now. */
bool conn_wants(const struct conn *c);

/* The most that may be read and not looked at when it is handed over. */
#define CONN_HAND_MAX PROTO_INPUT_MAX

/* Start or stop reading, as conn_wants() says. */
void conn_update(struct conn *c);

/* Whether more waits for the client than it should. */
bool conn_piled(const struct conn *c);

/* Where answers go: never into the middle of a fragmented message. */
struct outq *conn_replies(struct conn *c);

/* Bytes that wait here to be written. */
size_t conn_unwritten(const struct conn *c);

/*
 * How many of the bytes ever put into its queue the kernel has seen arrive,
 * or fewer.
 */
uint64_t conn_left(const struct conn *c);


/*
 * connheld.c: what it has begun to say has changed; when that is too much
 * with all others', the one with most of it is ended.
 */
void conn_weigh(struct conn *c);

void conn_read_cb(int fd, short what, void *arg);
void conn_write_cb(int fd, short what, void *arg);

/* conntime.c: its deadlines. */

/* Set the timer to what comes next. */
void conn_timer(struct conn *c);

/* Whether the other end is gone, as TCP sees it. */
bool conn_gone(const struct conn *c);

void conn_timer_cb(int fd, short what, void *arg);

/* upgrade.c: from the first byte to the WebSocket. */
void upgrade_input(struct conn *c, const uint8_t *bytes, size_t len);
void upgrade_admitted(struct conn *c);
void upgrade_refuse(struct conn *c, int status, const char *text);

/* call.c: one message of a client; what conn_wants() says afterwards. */
bool call_handle(struct conn *c, bool text, void *bytes, size_t len);

/* session.c: initialize, from the call to the answer. */
struct rpc_message;
void session_initialize(struct conn *c, const struct rpc_message *msg);
void session_attached(struct conn *c, const struct fields_BG_ATTACHED *m,
    int fd);
void session_attach_failed(struct conn *c,
    const struct fields_BG_ATTACH_FAILED *m);
/* "text", if any, says more than the reason. */
void session_gone(struct conn *c, uint32_t reason, struct span text);
void session_release(struct conn *c);	/* give up all of it */
void attach_free(struct attach *attach);

/* envinfo.c: malloc'ed JSON about where processes run; NULL: no memory. */
char *envinfo_make(const struct fields_BG_ATTACHED *m, size_t *len);

/* heir.c: taking another gateway's connections. */
void heir_new(struct gateway *gw, int fd);
void heir_free(struct heir *heir);
/* The broker has confirmed it; it will not, or the client is gone. */
void heir_take(struct conn *c);
void heir_decline(struct conn *c);
/* A duplicate of the data socket of one that is being taken, or -1. */
int heir_dup(const struct conn *c);
void arrival_free(struct arrival *arrival);

/* leave.c: another gateway serves in place of this one. */

/*
 * Accept nobody any more, finish what is being answered, and leave the loop
 * within "grace_ms".  "heir" is a channel to the other one, owned, or -1.
 */
void gateway_leave(struct gateway *gw, uint64_t grace_ms, int heir);
void leave_free(struct leave *leave);

/* relay.c: one data link. */
struct method;
struct relay *relay_new(struct conn *c, int fd);
void relay_free(struct relay *relay);
/* Send a call whose id and params are in "w"; -1: too long. */
int relay_call(struct relay *relay, const struct method *method,
    const struct writer *w);
/* Put waiting events into frames while there is room. */
void relay_refill(struct relay *relay);
/*
 * Put all waiting events into frames, whether there is room or not: NULL, or
 * why one of them could not be.
 */
const char *relay_finish(struct relay *relay);
/* Bytes have left: see which credit comes back. */
void relay_settle(struct relay *relay);
/* Send what is queued for the runner now. */
void relay_flush(struct relay *relay);
/* A duplicate of the data socket, or -1 with errno. */
int relay_dup(const struct relay *relay);

/*
 * Read no more from the runner than the message that has begun to come, or
 * go on.  When it is quiet, no byte is here or on its way through here: 
 * everything that came is in the client's socket, what the client asked for
 * is in the runner's, and the last acknowledgement, too.
 */
void relay_halt(struct relay *relay, bool halt);
bool relay_quiet(struct relay *relay);
/* Whether the client waits for an answer, reads that may wait excepted. */
bool relay_answering(const struct relay *relay);

/* What another gateway has to know to go on. */
struct relay_state {
	uint64_t pending, parked;	/* calls without an answer; reads */
	uint64_t taken, left;		/* costs, see PROTOCOL */
	uint32_t calls;			/* numbers given to calls */
	uint32_t version;		/* the runner's; 0: no HELLO yet */
	bool greeted;
};
void relay_save(const struct relay *relay, struct relay_state *state);
/* As relay_new(), going on from there. */
struct relay *relay_adopt(struct conn *c, int fd,
    const struct relay_state *state);
/* Whether the runner takes more, and answers' bytes held back. */
bool relay_clogged(const struct relay *relay);
size_t relay_held(const struct relay *relay);
/* Where answers wait while a fragmented message is under way, or NULL. */
struct outq *relay_holding(struct relay *relay);

/* upstream.c: the broker. */
struct upstream *upstream_new(struct gateway *gw);
void upstream_free(struct upstream *u);
void upstream_connect(struct upstream *u, int fd);
bool upstream_ready(const struct upstream *u);
/* Ask what is counted; 0, or -1: there is no broker. */
int upstream_scrape(struct upstream *u, uint64_t number, bool full);
/* Tell what was; whether that could be. */
bool upstream_tell(struct upstream *u, struct span counts);
void upstream_admit(struct upstream *u, struct conn *c);
void upstream_attach(struct upstream *u, struct conn *c);
void upstream_detach(struct upstream *u, const struct conn *c);
void upstream_leave(struct upstream *u, struct conn *c);

/* listen.c: accepting. */
struct listeners *listeners_new(struct gateway *gw);
void listeners_free(struct listeners *l);
/* A listening socket, owned from now on, by its address as text. */
int listeners_add(struct listeners *l, const struct fields_SG_LISTENER *m,
    int fd);
/*
 * Other origins and proxies, or certificates and key, for one that is known;
 * or why not.
 */
int listeners_change(struct listeners *l, const struct fields_SG_LISTENER *m);
const char *listeners_set_tls(struct listeners *l, struct span name,
    int chain, int key);
/* The name of one that cannot serve yet, or NULL. */
const char *listeners_unready(const struct listeners *l);
/* One that serves and speaks no TLS, by name, or NULL; and its name. */
const struct listener *listeners_plain(const struct listeners *l,
    struct span name);
const char *listener_name(const struct listener *one);
/* Allowed origins in their normal form, NULL at the end. */
const char *const *listener_origins(const struct listener *one);
/* A new session if it is TLS that is spoken; -1: no memory. */
int listener_start_tls(const struct listener *one, int fd,
    struct tls_session **session);
/*
 * It comes from elsewhere than its socket says, and counts there from now on:
 * -1 when there are too many from there.
 */
int listeners_recount(struct conn *c, const struct sockaddr *from);
/*
 * Say, now and then, that the connection was closed because the PROXY header
 * of its peer "why".
 */
void listener_complain(const struct listener *one, int fd, const char *why);
void listeners_stop(struct listeners *l);
/* A connection has ended: there may be room for another. */
void listeners_room(struct listeners *l);

/* sup.c: the supervisor. */
struct sup *sup_new(struct gateway *gw, int fd);
void sup_free(struct sup *sup);
/* The broker is there, which the supervisor waits for.  NULL is fine. */
void sup_ready(struct sup *sup);

#endif
