/* SPDX-License-Identifier: ISC */
/* What holdfastd can be told, by its command line and its configuration. */
#include "config.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "broker/listen.h"
#include "broker/options.h"
#include "common/xmalloc.h"

#define OPTIONS_GATEWAYS_PRESET_MAX 4
#define OPTIONS_DAY_MS (24ULL * 60 * 60 * 1000)
#define OPTIONS_HOUR_MS (60ULL * 60 * 1000)

static const char *const options_auth_words[] = { "peer-uid", "none", NULL };

#define AT(member) .offset = offsetof(struct options, member)

const struct conf_key options_keys[] = {
	{ .name = "listen", .type = CONF_LIST, AT(listen),
	    .preset = "ws://127.0.0.1:8765", .value = "ADDRESS",
	    .help = "Accept clients here: ws://IP:PORT, wss://IP:PORT or "
	    "unix:/PATH; may\nbe given several times. Port 0 picks a free "
	    "one; IPv6 goes in\nbrackets." },
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
	{ .name = "retention-ms", .type = CONF_NUMBER, AT(retention_ms),
	    .min = 1, .max = 7 * OPTIONS_DAY_MS, .preset = "80000",
	    .value = "MS",
	    .help = "How long a finished process can still be read." },
	{ .name = "retain-bytes", .type = CONF_NUMBER, AT(retain_bytes),
	    .min = 1024 * 1024, .max = 1024 * 1024 * 1024,
	    .preset = "8388608", .value = "BYTES",
	    .help = "How much output of each process is kept." },
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
	{ .name = "gateway-user", .type = CONF_STRING, AT(gateway_user),
	    .preset = GATEWAY_USER, .value = "USER",
	    .help = "Who gateways run as when holdfastd runs as root; nobody "
	    "if there is\nno such user." },
	{ .name = "runtime-dir", .type = CONF_STRING, AT(runtime_dir),
	    .value = "DIR",
	    .help = "Where the lock file goes (default " RUNTIME_DIR
	    " for root,\n$XDG_RUNTIME_DIR/holdfast or /tmp/holdfast-UID "
	    "for others)." },
	{ .name = "libexec-dir", .type = CONF_STRING, .flags = CONF_ARGS_ONLY,
	    AT(libexec_dir), .value = "DIR",
	    .help = "Where the other programs are (default the build tree "
	    "that holdfastd\nruns from, else " LIBEXECDIR ")." },
	{ .name = "config", .type = CONF_STRING, .flags = CONF_ARGS_ONLY,
	    AT(config), .value = "FILE",
	    .help = "Read these options from a JSON file with comments; the "
	    "command\nline wins." },
	{ .name = "check", .letter = 'n', .type = CONF_FLAG,
	    .flags = CONF_ARGS_ONLY, AT(check),
	    .help = "Only check the options and the file; serve nothing." },
	{ .name = "debug", .letter = 'd', .type = CONF_FLAG,
	    .flags = CONF_ARGS_ONLY, AT(debug),
	    .help = "Log debug messages." },
	{ .name = "verbose", .letter = 'v', .type = CONF_FLAG, AT(verbose),
	    .help = "Log debug messages; the same, for the file." },
	{ .name = "trace", .type = CONF_LIST, AT(trace), .value = "TOPIC",
	    .help = "Log debug messages of this topic only; may be given "
	    "several times." },
	{ .name = "version", .letter = 'V', .type = CONF_FLAG,
	    .flags = CONF_ARGS_ONLY, AT(version),
	    .help = "Say which version this is." },
	{ .name = "help", .letter = 'h', .type = CONF_FLAG,
	    .flags = CONF_ARGS_ONLY, AT(help), .help = "Say this." },
};

const size_t options_nkeys = sizeof(options_keys) / sizeof(options_keys[0]);

static void
options_check_listen(struct options *o, struct conf_errors *errors)
{
	const char *url, *refused;
	size_t i;

	if (o->listen.count == 0) {
		conf_error(errors, "listen: needs at least one address");
		return;
	}
	o->addrs = xcalloc(o->listen.count, sizeof(*o->addrs));
	for (i = 0; i < o->listen.count; i++) {
		url = o->listen.items[i];
		refused = listen_parse(url, &o->addrs[i]);
		if (refused != NULL)
			conf_error(errors, "listen: \"%.80s\" %s", url,
			    refused);
		else if (!listen_is_loopback(&o->addrs[i]))
			conf_error(errors, "listen: \"%.80s\" can be reached "
			    "from other hosts, and auth %s works on loopback "
			    "addresses only", url,
			    options_auth_words[o->auth]);
	}
}

static void
options_check_tls(struct options *o, struct conf_errors *errors)
{
	char why[CERTS_WHY_SIZE];
	size_t i;
	int wanted = 0;

	for (i = 0; o->addrs != NULL && i < o->listen.count; i++)
		wanted |= o->addrs[i].tls;
	if ((o->tls_certificate == NULL) != (o->tls_key == NULL))
		conf_error(errors, "tls-certificate and tls-key need each "
		    "other");
	else if (wanted && o->tls_key == NULL)
		conf_error(errors, "listen: wss:// needs tls-certificate and "
		    "tls-key");
	else if (o->tls_key != NULL && certs_load(&o->certs,
	    o->tls_certificate, o->tls_key, why) == -1)
		conf_error(errors, "%s", why);
}

static void
options_finish(struct options *o, uid_t uid, long cpus,
    struct conf_errors *errors)
{
	options_check_listen(o, errors);
	options_check_tls(o, errors);
	if (o->gateways == 0)
		o->gateways = cpus < 1 ? 1 :
		    cpus > OPTIONS_GATEWAYS_PRESET_MAX ?
		    OPTIONS_GATEWAYS_PRESET_MAX : (uint64_t)cpus;
	if (uid == 0 && o->config == NULL && !o->allow_root)
		conf_error(errors, "will not serve as root without a "
		    "configuration: jobs would run as root; give "
		    "--allow-root if that is meant, or --config FILE");
}

void
options_take(struct options *o, int argc, char **argv, uid_t uid, long cpus,
    struct conf_errors *errors)
{
	struct conf_errors muted = { 0 };

	memset(o, 0, sizeof(*o));
	o->certs = (struct certs)CERTS_NONE;
	conf_init(options_keys, options_nkeys, o);
	conf_take_args(options_keys, options_nkeys, o, argc, argv, errors);
	if (o->help || o->version)
		return;
	if (o->config != NULL) {
		conf_take_file(options_keys, options_nkeys, o, o->config,
		    &o->places, errors);
		conf_take_args(options_keys, options_nkeys, o, argc, argv,
		    &muted);
	}
	options_finish(o, uid, cpus, errors);
}

void
options_clear(struct options *o)
{
	conf_clear(options_keys, options_nkeys, o);
	conf_places_free(o->places);
	o->places = NULL;
	free(o->addrs);
	certs_clear(&o->certs);
	o->addrs = NULL;
}
