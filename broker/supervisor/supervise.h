/* SPDX-License-Identifier: ISC */
/*
 * The supervisor's work: start the broker and the gateways, wire them up,
 * replace what dies, stop everything in order.
 */
#ifndef SUPERVISOR_SUPERVISE_H
#define SUPERVISOR_SUPERVISE_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "broker/supervisor/programs.h"
#include "broker/supervisor/reexec.h"

struct adoption;
struct chan;
struct doors;
struct host;
struct options;
struct reload;
struct ward;

/* Everything that is settled before the first process starts. */
struct supervise_plan {
	struct options *options;	/* replaced by a reload, */
	struct host *host;		/* as is this */
	const struct reload *reload;
	uint64_t orders;		/* how often the broker was told */
	int *listeners;	/* of the host's; closed and -1 when we stop */
	size_t nlisteners;
	struct doors *doors;		/* for each broker */
	struct adoption *adoption;	/* what was taken over; NULL: nothing */
	int notify;	/* RUNTIME/notify, bound; or -1; taken */
	int changed;	/* listeners are not those that were taken over */
	int left;	/* all runs on, for the next holdfastd; answer */
	int audit;	/* the file of the audit trail, or -1 */
	char *programs[PROGRAM_COUNT];		/* absolute paths */
	const char *runtime_dir;
	const char *self;		/* our own program */
	int lock;			/* of the runtime directory; not ours */
	struct reexec_task task;	/* left to do by the image before */
	int heir;			/* there was one: ourselves */
	const struct store *heirloom;	/* what was stored; taken */
	const char *gateway_root;		/* chroot, NULL: none */
};

/*
 * Run until told to stop by a signal, or to leave everything to another.  When everything is up, the addresses
 * go to standard output and the service manager is told.  The caller must be
 * a child subreaper.  Returns the exit status: 0, or 1 when it never got so
 * far; no descendant of ours is alive then, unless all was left.
 */
int supervise_run(struct supervise_plan *plan);

/*
 * What a process is sent first; the configuration of a gateway is followed by
 * its listeners.  Failures show as the end of the channel.
 */
void supervise_configure_broker(const struct supervise_plan *plan,
    struct chan *chan);
void supervise_configure_gateway(const struct supervise_plan *plan,
    struct chan *chan, unsigned int number, unsigned int pool);

/*
 * Have the broker keep the listening sockets; and where it accepts, if it has
 * not been told.
 */
void supervise_keep_listeners(const struct supervise_plan *plan,
    struct chan *chan);
void supervise_give_doors(const struct supervise_plan *plan,
    struct chan *chan);

/* The order that is in force, and where the audit trail goes. */
void supervise_order_broker(const struct supervise_plan *plan,
    struct chan *chan);

/*
 * Tell a gateway that has its listeners which origins and certificates they
 * have now, and what the limits are.
 */
void supervise_refresh_gateway(const struct supervise_plan *plan,
    struct chan *chan, unsigned int pool);

/*
 * Open the file of the audit trail if there is to be one, instead of the one
 * that is open.  Returns 0, or -1 after saying why, and nothing has changed.
 */
int supervise_open_audit(struct supervise_plan *plan);

/* Tell the broker where the audit trail goes. */
void supervise_direct_audit(const struct supervise_plan *plan,
    struct chan *chan);

/*
 * Give both an end of a new control channel between them; and the broker what
 * the next holdfastd will need to go on with that gateway.  Returns 0, or -1
 * with errno when there is none to be had.
 */
int supervise_join(const struct ward *broker, const struct ward *gateway);

#endif
