/* SPDX-License-Identifier: ISC */
/* Shared by the files of "holdfast cp", for nobody else. */
#ifndef CONTRIB_CLIENT_CP_PRIVATE_H
#define CONTRIB_CLIENT_CP_PRIVATE_H

#include <stddef.h>
#include <stdint.h>

struct json_object;
struct remote;
struct rpc_message;
struct session_config;

#define CP_BLOCK 262144 /* bytes; the protocol allows 1 MiB */
#define CP_WINDOW 8 /* blocks asked for at a time */

#define REMOTE_LOST 1 /* there is no session any more; it has been said */
#define REMOTE_NOT_FOUND (-32004)

/*
 * The server, waited for.  A break of the connection is mended meanwhile, and
 * a session that the server has given up replaced; what was on its way then is
 * forgotten, and remote_epoch() has changed.  "config" must outlive it.
 */
struct remote *remote_new(const struct session_config *config);
void remote_free(struct remote *remote);

/* How often there has been a connection; 0 before the first. */
unsigned int remote_epoch(const struct remote *remote);

/* The same at the last answer that remote_ask() got. */
unsigned int remote_answered(const struct remote *remote);

/* Wait for something to happen; -1 when there is no session any more. */
int remote_turn(struct remote *remote);

/* Wait until there is a connection; -1 as above. */
int remote_attached(struct remote *remote);

/*
 * Ask and wait, again after a break: for what may be done twice.  Returns 0
 * with the result (the caller's) unless "result" is NULL, REMOTE_LOST, or
 * the server's error code, whose text is in remote_error() then.
 */
int remote_ask(struct remote *remote, const char *method,
    struct json_object *params, struct json_object **result);
const char *remote_error(const struct remote *remote);

/*
 * Ask without waiting: -1 without a connection.  The answer goes, from
 * within remote_turn(), to what remote_listen() has named last.
 */
int remote_send(struct remote *remote, uint64_t tag, const char *method,
    struct json_object *params);
void remote_listen(struct remote *remote,
    void (*reply)(void *arg, uint64_t tag, const struct rpc_message *msg),
    void *arg);

/* {"path": file URI}. */
struct json_object *remote_path(const char *path);

/* 0, or -1 after saying what went wrong with one file. */
int cp_download(struct remote *remote, const char *from, const char *to);
int cp_upload(struct remote *remote, const char *from, const char *to);

/* The same for all below a directory; "to" is made if it is not there. */
int cp_download_tree(struct remote *remote, const char *from,
    const char *to);
int cp_upload_tree(struct remote *remote, const char *from, const char *to);

/*
 * The name at the end of a file URI, decoded, to be freed; NULL if it is
 * none that a file here could have: "..", or with a slash in it.
 */
char *cp_uri_name(const char *uri);

/* How far a file has come: "size" 0 is unknown. */
void cp_progress(const char *name, uint64_t done, uint64_t size);
void cp_progress_end(void);

#endif
