#!/bin/sh
# What the programs as they are built must not contain: code that parses what
# strangers send has no place where there are privileges or what must survive.
set -u
cd "${top_builddir:-.}" || exit 1
command -v nm >/dev/null || exit 77
# Sanitizers bring along what they watch.
grep -q '^#define WITH_SANITIZERS 1' config.h && exit 77
# Stripped ones tell nothing.
[ -n "$(nm broker/runner/holdfast-runner 2>/dev/null)" ] || exit 77
bad=0

# symbols PROGRAM: every name in it, of a function of its own or a library's
symbols() {
	{ nm "$1" 2>/dev/null; nm -D "$1" 2>/dev/null; } |
	    awk '{ sub(/@.*/, "", $NF); print $NF }' | sort -u
}

# without PROGRAM WHAT PATTERN: no symbol of it may match
without() {
	if [ ! -x "$1" ]; then
		echo "$1 has not been built" >&2
		bad=1
		return
	fi
	found=$(symbols "$1" | grep -E "$3" | head -n 5)
	if [ -n "$found" ]; then
		echo "$1 contains $2:" $found >&2
		bad=1
	fi
}

# unlinked PROGRAM LIBRARY...: none of these is loaded with it
unlinked() {
	program=$1
	shift
	for library; do
		if ldd "$program" 2>/dev/null | grep -q "lib$library\\."; then
			echo "$program is linked with lib$library" >&2
			bad=1
		fi
	done
}

tls='^(SSL|TLS|DTLS|BIO)_'
json='^json_(object|tokener)_'
wire='^(wslay_|ws_|http_parse|rpc_|jsontree_|jsonw_|method_|params_)'
names='^(__nss_|_nss_|getpw(nam|uid|ent)|getgr(nam|gid|ent)|__res_)'
start='^(fork|vfork|execv|execve|execvp|execl|execlp|posix_spawn|system|popen)$'

broker=broker/holdfast-broker
# Claims of a signed token are JSON; only what has matched is parsed.
without $broker "HTTP, WebSocket or JSON-RPC" "$wire"
without $broker TLS "$tls"
unlinked $broker ssl curl wslay

for program in runner fs box; do
	program=broker/runner/holdfast-$program
	without $program JSON "$json"
	without $program TLS "$tls"
	without $program "HTTP, WebSocket or JSON-RPC" "$wire|^curl_"
	without $program cryptography '^(EVP|HMAC|RSA|X509)_'
	unlinked $program ssl crypto json-c curl wslay
done
for program in runner fs; do
	without broker/runner/holdfast-$program "the looking up of names" \
	    "$names"
done

http=broker/runner/holdfast-http
without $http JSON "$json"
without $http "what starts programs" "$start"
unlinked $http json-c wslay

without gateway/holdfast-gateway TLS "$tls"
unlinked gateway/holdfast-gateway ssl crypto curl
without gateway/holdfast-gateway "what starts programs" "$start"
without gateway/holdfast-gateway-tls "what starts programs" "$start"
without gateway/holdfast-gateway "the broker" '^(registry|session_end|run_)'

without broker/holdfastd "HTTP, WebSocket or JSON-RPC" "$wire"
without broker/holdfastd TLS "$tls|^X509_"
unlinked broker/holdfastd ssl crypto curl wslay

exit $bad
