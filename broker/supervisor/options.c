/* SPDX-License-Identifier: ISC */
/* What holdfastd can be told, by its command line and its configuration. */
#include "config.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/supervisor/hostkeys.h"
#include "broker/supervisor/options.h"
#include "common/xmalloc.h"

#define OPTIONS_GATEWAYS_PRESET_MAX 4
#define OPTIONS_LISTEN "ws://127.0.0.1:8765"
#define OPTIONS_CONFIG SYSCONFDIR "/holdfast/holdfast.conf"
#define OPTIONS_DAY_MS (24ULL * 60 * 60 * 1000)
#define OPTIONS_HOUR_MS (60ULL * 60 * 1000)

static const char *const options_auth_words[] = { "peer-uid", "none", NULL };
static const char *const options_format_words[] = {
	"text", "logfmt", "json", NULL
};
static const char *const options_log_words[] = { "stderr", "syslog", NULL };

/* The first cannot be typed: it is what there is without the option. */
const char *const options_ws_auth_words[] = {
	"", "capability-token", "signed-bearer-token", NULL
};

#define AT(member) .offset = offsetof(struct options, member)

const struct conf_key options_keys[] = {
	{ .name = "listen", .type = CONF_LIST, AT(listen),
	    .value = "ADDRESS",
	    .help = "Accept clients here: ws://IP:PORT, wss://IP:PORT or "
	    "unix:/PATH; may\nbe given several times. Port 0 picks a free "
	    "one; IPv6 goes in\nbrackets (default " OPTIONS_LISTEN ")." },
	{ .name = "metrics", .type = CONF_LIST, AT(metrics),
	    .value = "ADDRESS",
	    .help = "Answer those who scrape here: metrics://IP:PORT; may be "
	    "given several\ntimes. See holdfast-metrics(5)." },
	{ .name = "tls-certificate", .type = CONF_STRING,
	    AT(tls_certificate), .value = "FILE",
	    .help = "The certificates of wss:// addresses in PEM, their own "
	    "first." },
	{ .name = "tls-key", .type = CONF_STRING, AT(tls_key),
	    .value = "FILE",
	    .help = "The key that belongs to it." },
	{ .name = "gateways", .type = CONF_NUMBER, AT(gateways),
	    .min = 1, .max = 64, .value = "N",
	    .help = "How many gateway processes carry the connections "
	    "(default one per\nCPU, at most 4)." },
	{ .name = "auth", .type = CONF_WORD, AT(auth),
	    .words = options_auth_words, .preset = "peer-uid",
	    .value = "peer-uid|none",
	    .help = "Who may come in: processes of the user that holdfastd "
	    "runs as, or\neverybody who reaches the address. Both need a "
	    "loopback\naddress." },
	{ .name = "ws-auth", .type = CONF_WORD, AT(ws_auth),
	    .words = options_ws_auth_words,
	    .value = "capability-token|signed-bearer-token",
	    .help = "Let in who shows a token, from wherever." },
	{ .name = "ws-token-file", .type = CONF_STRING, AT(ws_token_file),
	    .value = "FILE", .help = "The token is in this file." },
	{ .name = "ws-token-sha256", .type = CONF_STRING,
	    AT(ws_token_sha256), .value = "HEX",
	    .help = "The token has this SHA-256." },
	{ .name = "ws-shared-secret-file", .type = CONF_STRING,
	    AT(ws_shared_secret_file), .value = "FILE",
	    .help = "Tokens are signed (HS256) with what is in this file." },
	{ .name = "ws-issuer", .type = CONF_STRING, AT(ws_issuer),
	    .value = "NAME", .help = "Who must have issued a signed token." },
	{ .name = "ws-audience", .type = CONF_STRING, AT(ws_audience),
	    .value = "NAME", .help = "Whom a signed token must be for." },
	{ .name = "ws-max-clock-skew-seconds", .type = CONF_NUMBER,
	    AT(ws_skew_seconds), .flags = CONF_OPTIONAL, .max = 86400,
	    .value = "SECONDS",
	    .help = "How far the clock of who signed a token may be off "
	    "(default 30)." },
	{ .name = "allow-root", .type = CONF_FLAG, .flags = CONF_ARGS_ONLY,
	    AT(allow_root),
	    .help = "Serve as root although no configuration says so." },
	{ .name = "detach-ttl-ms", .type = CONF_NUMBER, AT(detach_ttl_ms),
	    .min = 1, .max = 7 * OPTIONS_DAY_MS, .preset = "80000",
	    .value = "MS",
	    .help = "How long a session outlives its connection." },
	{ .name = "max-detach-ttl-ms", .type = CONF_NUMBER,
	    AT(max_detach_ttl_ms), .min = 1, .max = 366 * OPTIONS_DAY_MS,
	    .preset = "86400000", .value = "MS",
	    .help = "The most of it that a client can ask for; never less "
	    "than\n--detach-ttl-ms." },
	{ .name = "gateway-loss-ttl-ms", .type = CONF_NUMBER,
	    AT(gateway_loss_ttl_ms), .min = 1, .max = 366 * OPTIONS_DAY_MS,
	    .preset = "300000", .value = "MS",
	    .help = "How long, at least, a session outlives the end of the "
	    "gateway that\nhad its connection." },
	{ .name = "reconnect-window-ms", .type = CONF_NUMBER,
	    AT(reconnect_window_ms), .min = 1, .max = OPTIONS_HOUR_MS,
	    .preset = "10000", .value = "MS",
	    .help = "How long, at least, clients have to come back when a "
	    "broker takes\nover from another." },
	{ .name = "retention-ms", .type = CONF_NUMBER, AT(retention_ms),
	    .min = 1, .max = 7 * OPTIONS_DAY_MS, .preset = "80000",
	    .value = "MS",
	    .help = "How long a finished process can still be read." },
	{ .name = "retain-bytes", .type = CONF_NUMBER, AT(retain_bytes),
	    .min = 1024 * 1024, .max = 1024 * 1024 * 1024,
	    .preset = "8388608", .value = "BYTES",
	    .help = "How much output of each process is kept." },
	{ .name = "spill-bytes", .type = CONF_NUMBER, AT(spill_bytes),
	    .min = 0, .max = 64ull * 1024 * 1024 * 1024,
	    .preset = "67108864", .value = "BYTES",
	    .help = "How much more of it a file may hold while its client "
	    "is away;\n0 for none." },
	{ .name = "spill-directory", .type = CONF_STRING,
	    AT(spill_directory), .value = "DIRECTORY",
	    .help = "Where that file is, without a name (default: where "
	    "temporary\nfiles go, rather on a disk than in memory)." },
	{ .name = "hold-ms", .type = CONF_NUMBER, AT(hold_ms),
	    .min = 0, .max = OPTIONS_HOUR_MS, .preset = "5000",
	    .value = "MS",
	    .help = "How long after its client has gone a flooding job is "
	    "held back\nbefore its oldest output gives way." },
	{ .name = "ping-ms", .type = CONF_NUMBER, AT(ping_ms),
	    .min = 100, .max = OPTIONS_HOUR_MS, .preset = "30000",
	    .value = "MS", .help = "How often a client is pinged." },
	{ .name = "pong-ms", .type = CONF_NUMBER, AT(pong_ms),
	    .min = 100, .max = OPTIONS_HOUR_MS, .preset = "20000",
	    .value = "MS",
	    .help = "How long a client may take to answer a ping." },
	{ .name = "handshake-ms", .type = CONF_NUMBER, AT(handshake_ms),
	    .min = 100, .max = OPTIONS_HOUR_MS, .preset = "10000",
	    .value = "MS",
	    .help = "How long a client may take for each step from "
	    "connecting to\ninitialize." },
	{ .name = "max-sessions", .type = CONF_NUMBER, AT(max_sessions),
	    .min = 1, .max = 100000, .preset = "4096", .value = "N",
	    .help = "How many sessions there may be, detached ones "
	    "included." },
	{ .name = "max-connections", .type = CONF_NUMBER,
	    AT(max_connections), .min = 1, .max = 100000, .preset = "2048",
	    .value = "N",
	    .help = "How many connections each gateway carries." },
	{ .name = "max-processes", .type = CONF_NUMBER, AT(max_processes),
	    .min = 1, .max = 100000, .preset = "1024", .value = "N",
	    .help = "How many processes a session may have at a time; finished "
	    "ones\ndo not count." },
	{ .name = "concurrent-requests", .type = CONF_NUMBER,
	    AT(concurrent_requests), .min = 1, .max = UINT32_MAX,
	    .preset = "1", .value = "N",
	    .help = "Accepted for command lines written for other servers, "
	    "and without\neffect: a request that waits never holds up "
	    "another." },
	{ .name = "watchdog-ms", .type = CONF_NUMBER, AT(watchdog_ms),
	    .min = 400, .max = OPTIONS_HOUR_MS, .preset = "10000",
	    .value = "MS",
	    .help = "How long the broker or a gateway may be silent before "
	    "it is killed\nand replaced." },
	{ .name = "stop-grace-ms", .type = CONF_NUMBER, AT(stop_grace_ms),
	    .min = 0, .max = OPTIONS_HOUR_MS, .preset = "2000",
	    .value = "MS",
	    .help = "How long jobs have between SIGTERM and SIGKILL when "
	    "holdfastd stops." },
	{ .name = "drain-ms", .type = CONF_NUMBER, AT(drain_ms),
	    .min = 100, .max = OPTIONS_HOUR_MS, .preset = "10000",
	    .value = "MS",
	    .help = "How long a gateway that is replaced may take to finish "
	    "and to take\nleave of its clients." },
	{ .name = "handoff", .type = CONF_FLAG, AT(handoff),
	    .help = "Hand plain WebSockets to the gateway that takes the "
	    "place of theirs." },
	{ .name = "gateway-user", .type = CONF_STRING, AT(gateway_user),
	    .preset = GATEWAY_USER, .value = "USER",
	    .help = "Who gateways run as when holdfastd runs as root; nobody "
	    "if there is\nno such user." },
	{ .name = "runtime-dir", .type = CONF_STRING, AT(runtime_dir),
	    .value = "DIR",
	    .help = "Where the lock file goes (default " RUNTIME_DIR
	    " for root,\n$XDG_RUNTIME_DIR/holdfast or /tmp/holdfast-UID "
	    "for others)." },
	{ .name = "admin-group", .type = CONF_STRING, AT(admin_group),
	    .value = "GROUP",
	    .help = "Who may use holdfastctl beside root and the user that "
	    "holdfastd runs\nas." },
	{ .name = "libexec-dir", .type = CONF_STRING, .flags = CONF_ARGS_ONLY,
	    AT(libexec_dir), .value = "DIR",
	    .help = "Where the other programs are (default the build tree "
	    "that holdfastd\nruns from, else " LIBEXECDIR ")." },
	{ .name = "audit-file", .type = CONF_STRING, .flags = CONF_ARGS_ONLY,
	    AT(audit_file), .value = "FILE",
	    .help = "Append the audit trail to this file, opened again on "
	    "SIGHUP; see\nholdfast-audit(5)." },
	{ .name = "config", .type = CONF_STRING, .flags = CONF_ARGS_ONLY,
	    AT(config), .value = "FILE",
	    .help = "Read these options from a JSON file with comments; the "
	    "command\nline wins." },
	{ .name = "log", .type = CONF_WORD, AT(log),
	    .words = options_log_words, .preset = "stderr",
	    .value = "stderr|syslog",
	    .help = "Where messages go; --debug wins." },
	{ .name = "log-format", .type = CONF_WORD, AT(log_format),
	    .words = options_format_words, .preset = "text",
	    .value = "text|logfmt|json",
	    .help = "What messages look like." },
	{ .name = "check", .letter = 'n', .type = CONF_FLAG,
	    .flags = CONF_ARGS_ONLY, AT(check),
	    .help = "Only check the options and the file; serve nothing." },
	{ .name = "debug", .letter = 'd', .type = CONF_FLAG,
	    .flags = CONF_ARGS_ONLY, AT(debug),
	    .help = "Log debug messages, all to standard error." },
	{ .name = "verbose", .letter = 'v', .type = CONF_FLAG, AT(verbose),
	    .help = "Log debug messages, to wherever the log goes." },
	{ .name = "trace", .type = CONF_LIST, AT(trace), .value = "TOPIC",
	    .help = "Log debug messages of this topic only; may be given "
	    "several times." },
	{ .name = "protocol", .type = CONF_FLAG, .flags = CONF_ARGS_ONLY,
	    AT(protocol),
	    .help = "Print the oldest and the newest version of the protocol "
	    "that this\nspeaks with the other programs." },
	{ .name = "version", .letter = 'V', .type = CONF_FLAG,
	    .flags = CONF_ARGS_ONLY, AT(version),
	    .help = "Say which version this is." },
	{ .name = "help", .letter = 'h', .type = CONF_FLAG,
	    .flags = CONF_ARGS_ONLY, AT(help), .help = "Say this." },
	{ .name = "listeners", .type = CONF_ROWS, .flags = CONF_FILE_ONLY,
	    AT(listeners), .keys = host_listener_keys,
	    .nkeys = HOST_LISTENER_NKEYS,
	    .size = sizeof(struct host_listener_keys) },
	{ .name = "tenants", .type = CONF_ROWS, .flags = CONF_FILE_ONLY,
	    AT(tenants), .keys = host_tenant_keys,
	    .nkeys = HOST_TENANT_NKEYS,
	    .size = sizeof(struct host_tenant_keys) },
	{ .name = "limits", .type = CONF_TABLE, .flags = CONF_FILE_ONLY,
	    AT(limits), .keys = host_limit_keys,
	    .nkeys = HOST_LIMIT_NKEYS },
	{ .name = "signed-tokens", .type = CONF_TABLE,
	    .flags = CONF_FILE_ONLY, AT(signed_tokens),
	    .keys = host_signed_keys, .nkeys = HOST_SIGNED_NKEYS },
	{ .name = "audit", .type = CONF_TABLE, .flags = CONF_FILE_ONLY,
	    AT(audit), .keys = host_audit_keys, .nkeys = HOST_AUDIT_NKEYS },
	{ .name = "cgroup-root", .type = CONF_STRING,
	    .flags = CONF_FILE_ONLY, AT(cgroup_root), .value = "DIR" },
	{ .name = "require-cgroups", .type = CONF_FLAG,
	    .flags = CONF_FILE_ONLY, AT(require_cgroups) },
};

const size_t options_nkeys = sizeof(options_keys) / sizeof(options_keys[0]);

static void
options_finish(struct options *o, uid_t uid, long cpus,
    struct conf_errors *errors)
{
	if (o->listen.count == 0 && o->listeners.count == 0 &&
	    !conf_places_has(o->places, "listen") &&
	    !conf_places_has(o->places, "listeners"))
		conf_list_add(&o->listen, OPTIONS_LISTEN);
	if (o->gateways == 0)
		o->gateways = cpus < 1 ? 1 :
		    cpus > OPTIONS_GATEWAYS_PRESET_MAX ?
		    OPTIONS_GATEWAYS_PRESET_MAX : (uint64_t)cpus;
	if (uid == 0 && o->tenants.count == 0 && !o->allow_root &&
	    !conf_places_has(o->places, "tenants"))
		conf_error(errors, "will not serve as root without tenants: "
		    "jobs would run as root; give --allow-root if that is "
		    "meant, or --config FILE with \"tenants\"");
}

/* Where the service manager has a place for sessions. */
static void
options_find_cgroup(struct options *o)
{
	const char *place = getenv("HOLDFAST_CGROUP_ROOT");

	if (o->cgroup_root == NULL && place != NULL && place[0] != '\0')
		o->cgroup_root = xstrdup(place);
}

/* Root's own, if it is there and not left out on purpose. */
static void
options_find_config(struct options *o, uid_t uid)
{
	if (uid == 0 && o->config == NULL && !o->allow_root &&
	    access(OPTIONS_CONFIG, F_OK) == 0)
		o->config = xstrdup(OPTIONS_CONFIG);
}

void
options_take(struct options *o, int argc, char **argv, uid_t uid, long cpus,
    struct conf_errors *errors)
{
	struct conf_errors muted = { 0 };

	memset(o, 0, sizeof(*o));
	conf_init(options_keys, options_nkeys, o);
	conf_take_args(options_keys, options_nkeys, o, argc, argv, errors);
	if (o->help || o->version || o->protocol)
		return;
	options_find_config(o, uid);
	if (o->config != NULL) {
		conf_take_file(options_keys, options_nkeys, o, o->config,
		    &o->places, errors);
		conf_take_args(options_keys, options_nkeys, o, argc, argv,
		    &muted);
	}
	options_find_cgroup(o);
	options_finish(o, uid, cpus, errors);
}

void
options_clear(struct options *o)
{
	conf_clear(options_keys, options_nkeys, o);
	conf_places_free(o->places);
	o->places = NULL;
}

int
options_syslog(const struct options *o)
{
	return o->log == OPTIONS_LOG_SYSLOG && !o->debug;
}
