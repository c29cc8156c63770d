/* SPDX-License-Identifier: ISC */
/* The runner's own book: what its files share and nobody else sees. */
#ifndef RUNNER_RUNNER_H
#define RUNNER_RUNNER_H

#include <sys/queue.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/runner/digest.h"
#include "broker/runner/outlog.h"
#include "broker/runner/work.h"
#include "broker/runner/writeid.h"
#include "common/buf.h"
#include "common/meter.h"
#include "common/proto.h"

struct chan;
struct event;
struct event_base;
struct evbuffer;
struct link;

struct attach;
struct child;
struct exec_failure;
struct exec_plan;
struct runner;
struct spill_op;
struct spillio;
struct spillio_file;
struct starting;
struct waiting;
struct worker;

#define RUNNER_BUCKETS 256	/* of the tables of processes */
#define PARKED_READS_MAX 1024	/* of one attachment */
#define PARKED_WRITES_SOFT (4 * 1024 * 1024)	/* bytes; see writes.c */
#define PARKED_WRITES_HARD (64 * 1024 * 1024)
#define STDIN_QUEUE_MAX (256 * 1024)	/* bytes queued for one process */
#define ENVIRONMENT_MAX (8 * 1024 * 1024) /* bytes; execve(2) has its own */
#define GAP_SIZE 64		/* bytes, see TAG_GAP */
#define LOST_GRACE_MS 1000	/* SIGTERM to SIGKILL without a broker */

/* Whose answer something is: what comes back with it. */
struct call {
	uint32_t number;
	bool has_int, has_str;
	int64_t id_int;
	struct span id_str;
};

/*
 * One descriptor from which output comes.  It is watched by the loop, or
 * waits in the runner's queue although there may be something to read, or is
 * full: its process may not write more before something is let go.
 */
enum stream_state {
	STREAM_WATCHED,
	STREAM_READY,
	STREAM_FULL,
	STREAM_ENDED
};

struct stream {
	TAILQ_ENTRY(stream) entry;	/* of the runner's queue, when READY */
	struct child *child;
	struct event *event;
	int fd;
	uint8_t kind;			/* enum proto_stream */
	uint8_t state;			/* enum stream_state */
	bool busy;			/* the last read was a large one */
	bool bounded;			/* only "left" bytes count still */
	size_t left;
};

/* Output of a process: one stream of a terminal, or two of pipes. */
#define CHILD_STREAMS 2

struct parked_read {
	TAILQ_ENTRY(parked_read) entry;		/* of the attachment */
	TAILQ_ENTRY(parked_read) child_entry;	/* of the process */
	struct child *child;
	struct event *timer;			/* NULL when no longer waiting */
	uint64_t after, max;
	struct call call;
	uint8_t id[];
};
TAILQ_HEAD(parked_reads, parked_read);

struct parked_write {
	TAILQ_ENTRY(parked_write) entry;
	struct call call;
	struct span write_id, data;
	bool closes;				/* process/closeStdin */
	size_t size;				/* bytes this takes */
	uint8_t bytes[];
};
TAILQ_HEAD(parked_writes, parked_write);

struct child {
	TAILQ_ENTRY(child) entry;
	LIST_ENTRY(child) by_id, by_pid;
	struct runner *runner;
	uint8_t *id;
	size_t id_len;
	pid_t pid;			/* 0 once collected */
	uint64_t serial;		/* the first is 1 */
	uint64_t started_ms;		/* since the Epoch */
	char *program;			/* as asked for, cut; or NULL */
	struct writer argv;		/* to be reported; mostly empty */
	uint64_t generation;		/* of the attachment that started it */
	struct digest digest;		/* of what it asked for */
	bool tty;
	bool boxed;			/* in a sandbox, led by "pid" */
	pid_t inmate;			/* who leads the group there, or 0 */
	bool denied;			/* which made it fail, it seems */
	struct starting *starting;	/* until it runs for sure; or NULL */
	bool exited, closed;
	bool terminated;		/* closed follows the exit at once */
	bool delivered;			/* the client knows that it is closed */
	bool held;			/* nothing may be evicted */
	int exit_code;
	int signal;			/* that ended it, or 0 */
	uint64_t exit_seq;
	struct event *deadline;		/* then it is killed; or NULL */
	uint64_t deadline_ms;
	uint64_t acked;			/* last number known to be delivered */
	unsigned int refs;		/* keep the record, see child_unref() */
	struct outlog *log;
	/* Output in a file, see spill.c. */
	struct spillio_file *file;	/* or NULL */
	struct spill_op *writing, *loading;
	uint64_t spill_used;		/* bytes there */
	uint64_t file_retry_ms;		/* 0, or when to try it again */
	bool spills;			/* what finds no room goes there */
	/* What whoever is attached has to catch up with, see child.c. */
	bool behind, asked;
	uint64_t behind_to;		/* with all up to this number */
	uint64_t answered;		/* so far by reads, without a hole */
	uint64_t told;			/* the same, and it has arrived */
	struct stream *streams[CHILD_STREAMS];
	int in;				/* standard input, or -1 */
	bool takes_input;
	bool input_ends;		/* when what is queued has been taken */
	struct event *in_event;
	struct evbuffer *in_queue;
	struct parked_writes writes;
	struct parked_reads reads;
	struct writeid write_ids;
	struct event *retention;
};
TAILQ_HEAD(children, child);
LIST_HEAD(bucket, child);

/* What was sent and is not acknowledged, in order. */
struct unacked {
	uint64_t total;			/* cost up to and with this one */
	uint64_t seq;
	struct child *child;		/* or NULL */
	uint8_t what;			/* enum unacked_what */
};

enum unacked_what {
	UNACKED_NOTHING,
	UNACKED_EVENT,
	UNACKED_CLOSED,
	UNACKED_READ,
	UNACKED_PART		/* of the answer to a read, not the last */
};

/* An event as it will be sent. */
struct late {
	STAILQ_ENTRY(late) entry;
	struct child *child;
	uint64_t seq, bytes;
	uint16_t type;
	uint8_t what;			/* enum unacked_what */
	size_t len;
	uint8_t payload[];
};

struct attach {
	struct runner *runner;
	struct link *link;
	uint64_t generation;
	uint64_t sent, acked;		/* total costs */
	struct unacked *unacked;	/* a ring */
	size_t unacked_first, unacked_count, unacked_room;
	bool choked;			/* the socket takes nothing now */
	bool paused;			/* too much input waits */
	bool waits;			/* for a lease: nothing is read */
	struct parked_reads reads;	/* all that are parked */
	size_t nreads;
	struct parked_reads due;	/* to be answered when there is room */
	size_t ndue;
	size_t parked_bytes;		/* in parked writes */
	struct worker *long_worker;	/* whose long answer is under way */
	bool yields;			/* no next one before events had a turn */
	STAILQ_HEAD(, late) late;	/* events that wait for its end */
	/* The long answer of a read under way, if "bulk" is not NULL. */
	struct parked_read *bulk;
	struct outlog_cursor bulk_cursor;
	uint64_t bulk_told;		/* the last number in it so far */
	uint64_t bulk_to;		/* none above this one */
	uint64_t bulk_left;		/* bytes it may still have */
	bool bulk_some;			/* it has a chunk */
	struct child *loading;		/* its output has to be read first */
	struct fields_RG_RESULT bulk_result;
	uint8_t bulk_gap[GAP_SIZE];	/* what that points to */
};

/* Output in files. */
struct spill {
	struct spillio *io;		/* NULL: there is none */
	struct event *event, *stall;
	size_t pending;			/* operations under way */
	uint64_t bytes;			/* that a process may have there */
	uint64_t used;			/* that all of them have */
	struct child *reader;		/* whose output was loaded last */
	bool stuck;			/* it does not answer */
	bool asked, refused;		/* more of the budget, see lend.h */
	bool warned;
};

enum runner_phase {
	RUNNER_SERVING,
	RUNNER_ENDING,			/* SIGTERM has been sent */
	RUNNER_KILLING
};

struct runner {
	struct event_base *base;
	struct chan *broker;
	struct attach *attach;
	struct children children;
	struct bucket by_id[RUNNER_BUCKETS], by_pid[RUNNER_BUCKETS];
	size_t open;			/* processes that are not closed */
	TAILQ_HEAD(, stream) ready;
	struct event *pump;		/* the queue has work */
	struct event *hold;		/* no eviction until then */
	struct event *signals;
	struct event *end;		/* the grace, then the killing */
	TAILQ_HEAD(, worker) workers;
	LIST_HEAD(, leaving) leaving;	/* of them, killed; see leaving.c */
	struct works works;		/* asked of workers, in order */
	uint32_t work_numbers;
	struct spill spill;
	struct event *spare;		/* work has waited for a worker */
	int signal_fd;
	int null_fd;
	int jobs_cgroup;		/* directory, or -1 */
	enum runner_phase phase;
	unsigned int kills;		/* looks for what is left */
	uint64_t generations;		/* attachments so far */
	uint64_t serials;		/* processes so far */
	uint64_t retention_ms, hold_ms, window;
	size_t retain_bytes;
	uint32_t max_processes;
	size_t handles;			/* that are open for the client */
	uint64_t amounts[BUDGET_COUNT];	/* leased, see lend.h */
	struct waiting *waiting;	/* for a lease; or NULL */
	bool bytes_asked;		/* for more to retain, or refused */
	enum proto_report report;
	uint64_t untold;		/* events that found no room */
	char *shell;
	struct meter meter;
};

/* Count, and see that it is told. */
static inline void
runner_count(struct runner *runner, enum metric_number number, uint64_t n)
{
	metrics_add(number, n);
	meter_touch(&runner->meter);
}

/* runner.c: making and taking down, attachments, signals. */
/* Tell the broker what has been counted, as far as it was not told. */
extern const struct meter_ops runner_meter;
struct runner *runner_new(struct event_base *base, int control);
void runner_free(struct runner *runner);
/* Whatever was attached is over; "fd" is owned from now on. */
void runner_attach(struct runner *runner, int fd, uint64_t generation);
/* Nobody is attached; what the last one asked for and did not get is gone. */
void runner_detach(struct runner *runner);

/* control.c: the broker. */
extern const struct chan_ops control_ops;
void runner_tell_detached(struct runner *runner, uint64_t generation);

/* end.c: SIGTERM to all that runs, SIGKILL after "grace_ms" (0: at once). */
void runner_end(struct runner *runner, uint64_t grace_ms, const char *reason);
void runner_end_cb(int fd, short what, void *arg);
/* A child was collected while ending: was it the last? */
void runner_end_check(struct runner *runner);

/* table.c: processes by id and by pid. */
struct child *table_find_id(struct runner *runner, struct span id);
struct child *table_find_pid(struct runner *runner, pid_t pid);
void table_add(struct runner *runner, struct child *child);
void table_forget_pid(struct child *child);
void table_remove(struct child *child);

/* child.c: the life of a process. */
struct child_fds {
	int in;			/* where its input is written, or -1 */
	int out[CHILD_STREAMS];	/* non-blocking; the second may be -1 */
};
/*
 * Take over a process that has just been started; owns the descriptors from
 * then on, whatever comes back.  NULL with errno; the caller ends it.
 */
struct child *child_new(struct runner *runner, struct span id, pid_t pid,
    const struct child_fds *fds, bool tty);
void child_free(struct child *child);
void child_on_exit(struct child *child, int status);
/* The status is not collected yet: see that its group ends with it. */
void child_before_exit(struct child *child);
void child_signal(struct child *child, int signo);
/*
 * SIGTERM now and SIGKILL in "grace_ms" (0: at once), to the whole group; what
 * is left of it is killed when its leader exits.  Whether it was running.
 */
bool child_terminate(struct child *child, uint64_t grace_ms);
/* Kill it in "ms" milliseconds, unless that is due sooner; -1 with errno. */
int child_limit(struct child *child, uint64_t ms);
/* Announce the close if all that must come before has come. */
void child_check_closed(struct child *child);
/* The client knows (or can see now) that the process is closed. */
void child_delivered(struct child *child);
/* Set what the retained output must keep, after anything it hangs on. */
void child_set_keep(struct child *child);
/* Somebody has come, or whoever was there has gone. */
void child_on_attach(struct child *child);
void child_on_detach(struct child *child);
/*
 * A reader who has seen everything up to "after" is being sent what follows up
 * to "last".  Returns what to tell child_told() when that has arrived.
 */
uint64_t child_answers(struct child *child, uint64_t after, uint64_t last);
void child_told(struct child *child, uint64_t seq);
/* Somebody reads on behind this number. */
void child_reads_on(struct child *child, uint64_t after);
void child_ref(struct child *child);
void child_unref(struct child *child);

/* stream.c: output from descriptors to the log and on. */
struct stream *stream_new(struct child *child, int fd, uint8_t kind);
void stream_free(struct stream *stream);
/* Read what there is, before the exit is told. */
void stream_drain(struct stream *stream);
/* From now on only what is in it already counts. */
void stream_bound(struct stream *stream);
/* The log may have room again. */
void stream_unblock(struct stream *stream);
/* Let those who wait read, as far as the attachment takes it. */
void stream_pump(struct runner *runner);
void stream_pump_cb(int fd, short what, void *arg);

/* spill.c: output in files. */
/* At most "bytes" for each process (0: none); "directory" may be NULL. */
void spill_init(struct runner *runner, uint64_t bytes, const char *directory);
/* When there are no processes any more. */
void spill_clear(struct runner *runner);
/* A process begins with its log and ends before it. */
void spill_open(struct child *child);
void spill_forget(struct child *child);
/* More may be there by now, or "refused". */
void spill_lent(struct runner *runner, bool refused);
/* Its output may be more than its memory takes by now. */
void spill_pump(struct child *child);
/*
 * Have the output of number "seq" or the next in memory: 0, reads_loaded()
 * follows; -1: it was evicted, or it is there.
 */
int spill_load(struct child *child, uint64_t seq);

/* input.c: writes to standard input. */
void input_write(struct attach *attach, const struct call *call,
    struct child *child, const struct fields_GR_WRITE *msg);
void input_cb(int fd, short what, void *arg);
/* process/closeStdin: no input behind what has been written. */
void input_end(struct attach *attach, const struct call *call,
    struct child *child);
/* It runs now: who waited for that goes on. */
void input_started(struct child *child);
/* It will never run. */
void input_refuse(struct child *child);
/* No input any more: what waits is answered and discarded. */
void input_close(struct child *child);
/* The attachment is gone: what waits was never accepted. */
void input_drop_parked(struct runner *runner);

/* reads.c: process/read, parked and long ones. */
void reads_ask(struct attach *attach, const struct call *call,
    struct child *child, const struct fields_GR_READ *msg);
/* Something happened to the process that may answer those who wait. */
void reads_wake(struct child *child);
/* It will never run: whoever waits is told. */
void reads_refuse(struct child *child);
/* Go on with what waits for room. */
void reads_pump(struct attach *attach);
void reads_drop(struct attach *attach);
/* What was to be read from a file is in memory, or lost. */
void reads_loaded(struct attach *attach, struct child *child);

/* attach.c: the data socket. */
struct attach *attach_new(struct runner *runner, int fd, uint64_t generation);
/* Close the socket and forget whatever was asked over it. */
void attach_free(struct attach *attach);
/* Bytes of output that may be sent now; 0: wait for attach_pump(). */
uint64_t attach_room(const struct attach *attach);
/*
 * A long answer is under way.  Nothing of what follows it can reach the
 * client before its end, nor be acknowledged; so nothing else that counts
 * against the window is sent meanwhile, or the end would wait for room that
 * is not given back before the end.
 */
bool attach_busy(const struct attach *attach);
/* That has come to its end. */
void attach_over(struct attach *attach);
/*
 * Events, told at once if somebody is attached and it is not busy.  "seq" is
 * the event's.
 */
void attach_output(struct child *child, const struct outlog_chunk *chunk);
void attach_exited(struct child *child);
void attach_closed(struct child *child, uint64_t seq);
/* Count what was sent against the window. */
void attach_sent(struct attach *attach, struct child *child, uint64_t seq,
    enum unacked_what what, uint64_t bytes);
/* Send at once what counts against the window. */
void attach_send_now(struct attach *attach, uint16_t type, uint32_t call,
    const struct iovec *iov, int count);
/* Answers. */
/* Say whose answer a result is. */
void attach_address(const struct call *call, uint16_t method,
    struct fields_RG_RESULT *result);
void attach_result(struct attach *attach, const struct call *call,
    uint16_t method, struct fields_RG_RESULT *result);
void attach_error(struct attach *attach, const struct call *call,
    uint16_t method, int64_t code, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
/* There is room again: whoever waits for it goes on. */
void attach_pump(struct attach *attach);
/* Stop or go on taking requests, see input.c. */
void attach_throttle(struct attach *attach);

/* serve.c: requests. */
void serve_request(struct attach *attach, const struct proto_head *head,
    const union proto_any *msg, const uint8_t *payload);

/* schedule.c, passing.c, worker.c, leaving.c: requests that other programs of ours do. */
void workers_ask(struct attach *attach, const struct proto_head *head,
    const union proto_any *msg, const uint8_t *payload);
void workers_pump(struct attach *attach);
void workers_attach(struct runner *runner);
void workers_detach(struct runner *runner);
/* Drop what this worker does (NULL: what waits for one); nobody is told. */
void workers_forget(struct runner *runner, const struct worker *worker);
void workers_free(struct runner *runner);
void workers_spare_cb(int fd, short what, void *arg);
/* This process has ended and its id may be another's from now on. */
void workers_collected(struct runner *runner, pid_t pid);

/*
 * report.c: what the broker wants to know for the audit trail, if anything.
 * What would have to wait is not told.
 */
/* Keep what report_start() will need of the arguments. */
void report_prepare(struct child *child, struct span argv);
void report_start(struct child *child);
void report_signal(const struct child *child, int signo);
void report_exit(const struct child *child);

/* operate.c: for whoever operates the host. */
#define OPERATE_LIST_MAX 49152	/* bytes of a page */
void operate_list(struct runner *runner, const struct fields_BR_LIST *msg);
void operate_signal(struct runner *runner,
    const struct fields_BR_SIGNAL *msg);
void operate_trace(const struct fields_TRACE *msg);

/*
 * list.c: process/list; and, for when the session has ended, the newest of
 * them as far as the writer takes them, with how many more there are.
 */
void list_newest(struct runner *runner, struct writer *w, uint64_t *omitted);
void list_answer(struct attach *attach, const struct call *call,
    const struct fields_GR_LIST *msg);
/*
 * Those after the number "after" that the writer takes, with what operators
 * are told besides.  Whether there are more: after the number "*next".
 */
bool list_page(const struct runner *runner, struct writer *w, uint64_t after,
    uint64_t *next);

/* start.c: process/start. */
void start_process(struct attach *attach, const struct call *call,
    const struct fields_GR_START *msg);

/* starting.c: on the way into a sandbox, which takes a while. */
struct starting *starting_new(const struct attach *attach,
    const struct call *call);
/*
 * As exec_start(), or "*why" (static) is set: the policy cannot be.  What was
 * started is to be adopted next: its child then has "starting" until it runs
 * for sure, and is freed if it never will.
 */
pid_t starting_launch(struct starting *starting, struct runner *runner,
    const struct exec_plan *plan, const struct fields_GR_START *msg,
    struct exec_failure *failure, const char **why);
/* "starting" may be NULL: it runs, and in no sandbox. */
void starting_adopt(struct starting *starting, struct child *child);
void starting_forget(struct starting *starting);
/* Exited before it was known to run: that has to come first. */
void starting_exited(struct starting *starting, int status);
/* Tell that it runs. */
void starting_answer(struct attach *attach, const struct call *call,
    const struct child *child, bool repeated);
/* Asked for again: tell now, or whoever asks now when it does. */
void starting_repeat(struct attach *attach, const struct call *call,
    struct child *child);

#endif
