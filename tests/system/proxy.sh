#!/bin/sh
# Three hosts, each in a network namespace of its own, behind HAProxy with
# contrib/proxy/haproxy.cfg, and tenants in namespaces with addresses of their
# own.  And the same hosts behind nginx with contrib/proxy/nginx.conf.
# shellcheck disable=SC2015,SC2016,SC2154 # all meant, and set by eval
set -u
PATH=$PATH:/usr/sbin:/sbin
top=$(cd "${top_srcdir:-.}" && pwd) build=$(cd "${top_builddir:-.}" && pwd)
daemon=$build/broker/holdfastd client=$build/holdfast
hosts='one two three' tenants='1 2 3 4 5 6'
patience=60			# seconds, for anything
me=hfp$$
dir=

skip() {
	echo "$*: skipped" >&2
	exit 77
}

[ "$(id -u)" -eq 0 ] || skip 'needs root'
for program in ip nsenter haproxy openssl sha256sum; do
	command -v $program >/dev/null || skip "no $program here"
done
ip netns add "$me-lan" 2>/dev/null || skip 'no network namespaces here'

# in_net NAME COMMAND...: there, and nothing else is different.  What is to be
# killed is started without it, so that $! is its own number.
in_net() {
	net=/run/netns/$me-$1
	shift
	nsenter --net="$net" "$@"
}

tidy() {
	for ns in lan front side $hosts $tenants; do
		[ -e "/run/netns/$me-$ns" ] || continue
		ip netns pids "$me-$ns" 2>/dev/null | xargs -r kill -9 2>/dev/null
		ip netns del "$me-$ns"
	done
	[ -z "$dir" ] || rm -rf "$dir"
}
trap tidy EXIT
trap 'exit 1' HUP INT TERM

fail() {
	echo "FAILED: $*" >&2
	for file in "$dir"/log.* "$dir"/err.* "$dir"/audit.*; do
		[ -s "$file" ] || continue
		echo "--- $file" >&2
		tail -n 40 "$file" >&2
	done
	exit 1
}

# until_so WHAT COMMAND...: wait until the command succeeds
until_so() {
	what=$1
	shift
	end=$(($(date +%s) + patience))
	until "$@"; do
		[ "$(date +%s)" -lt $end ] || fail "never: $what"
		sleep 0.1
	done
}

said() {
	grep -q "$1" "$2" 2>/dev/null
}

# ---- the network: all of it is in the namespaces ----

# plug NAME ADDRESS: a namespace on the bridge
plug() {
	[ -e "/run/netns/$me-$1" ] || ip netns add "$me-$1" || exit 1
	ip -n "$me-lan" link add "v$1" type veth peer name eth0 \
	    netns "$me-$1" &&
	    ip -n "$me-lan" link set "v$1" master bridge up &&
	    ip -n "$me-$1" address add "$2/24" dev eth0 &&
	    ip -n "$me-$1" link set eth0 up &&
	    ip -n "$me-$1" link set lo up || skip "no veth devices here"
}

dir=$(mktemp -d /tmp/holdfast-proxy-XXXXXX) || exit 1
chmod 755 "$dir"
ip -n "$me-lan" link add bridge type bridge 2>/dev/null &&
    ip -n "$me-lan" link set bridge up || skip 'no bridges here'
plug front 192.0.2.10
plug side 192.0.2.9
plug one 192.0.2.11
plug two 192.0.2.12
plug three 192.0.2.13
for i in $tenants; do
	plug "$i" "192.0.2.10$i"
done

# ---- what they are to know ----

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
    -days 2 -subj /CN=holdfast \
    -addext 'subjectAltName=IP:192.0.2.10,IP:192.0.2.9,IP:192.0.2.12,DNS:t1.example.org' \
    -keyout "$dir/key" -out "$dir/cert" 2>/dev/null || exit 1
cat "$dir/cert" "$dir/key" >"$dir/both"
chmod 600 "$dir/key" "$dir/both"
for i in $tenants; do
	printf 'tenant %s' "$i" | sha256sum | cut -c 1-40 | tr -d '\n' \
	    >"$dir/token.$i"
done
printf 'token-of-nobody-0123456789' >"$dir/token.wrong"

# host_conf NAME ADDRESS
host_conf() {
	cat <<-CONF
	{ "gateways": 2, "audit": { "to": "file", "file": "$dir/audit.$1" },
	  "listeners": [
	    { "address": "ws://$2:8765", "admission": ["token"],
	      "proxy-protocol": true, "trusted-proxies": ["192.0.2.10"] },
	    { "address": "wss://$2:8443", "admission": ["token"],
	      "certificate": "$dir/cert", "key": "$dir/key",
	      "proxy-protocol": true, "trusted-proxies": ["192.0.2.10/32"] } ],
	  "tenants": [
	CONF
	separator=
	for i in $tenants; do
		hash=$(sha256sum <"$dir/token.$i")
		cat <<-CONF
		$separator{ "name": "t$i", "user": "6120$i", "umask": "0022",
		  "directory": "$dir", "home": "$dir",
		  "tokens-sha256": ["${hash%% *}"],
		  "environment": { "PATH": "/usr/bin:/bin", "HERE": "$1" } }
		CONF
		separator=,
	done
	echo '] }'
}

# start_host NAME
start_host() {
	(umask 077 && mkdir "$dir/run.$1")
	nsenter --net="/run/netns/$me-$1" "$daemon" --config "$dir/conf.$1" \
	    --runtime-dir "$dir/run.$1" >"$dir/urls.$1" 2>"$dir/log.$1" &
	eval "pid_$1=$!"
}

# The example, with our certificate, quicker, and for fewer.
haproxy_conf() {
	sed -e "s|/etc/haproxy/holdfast.pem|$dir/both|" \
	    -e 's/ inter 2s fall 15 rise 2 / inter 200ms fall 5 rise 2 /' \
	    -e 's/^	maxconn 20000$/	maxconn 500/' \
	    -e '/^	user /d' -e '/^	group /d' \
	    "$top/contrib/proxy/haproxy.cfg"
}

start_haproxy() {
	nsenter --net="/run/netns/$me-front" \
	    haproxy -db -f "$dir/haproxy.cfg" \
	    >>"$dir/log.haproxy" 2>&1 &
	haproxy=$!
	until_so 'haproxy serves' has_proxy
}

has_proxy() {
	where 1 >/dev/null
}

# run TENANT ARGUMENT...: as him, from his address
run() {
	who=$1
	shift
	in_net "$who" "$client" run --url "${url:-wss://192.0.2.10}" \
	    --ca "$dir/cert" --token-file "$dir/token.$who" -C / -n "$@"
}

# where TENANT: on which host a new session of his is
where() {
	run "$1" -- sh -c 'echo $HERE' 2>>"$dir/err.where"
}

job='echo on $HERE; until [ -e '$dir'/go ]; do sleep 0.1; done; echo done on $HERE'
start_job() {
	run "$1" -- sh -c "$job" >"$dir/out.$1" 2>"$dir/err.$1" &
	eval "job_$1=$!"
}

# count EVENT TENANT HOST: such lines of the audit trail there
count() {
	grep "\"event\":\"$1\"" "$dir/audit.$3" 2>/dev/null |
	    grep -c "\"principal\":\"t$2\""
}

last=10
for host in $hosts; do
	last=$((last + 1))
	(umask 077 && host_conf "$host" 192.0.2.$last >"$dir/conf.$host")
	start_host "$host"
done
for host in $hosts; do
	until_so "$host serves" said wss:// "$dir/urls.$host"
done
haproxy_conf >"$dir/haproxy.cfg"
cmp -s "$dir/haproxy.cfg" "$top/contrib/proxy/haproxy.cfg" &&
    fail 'the example is not what is used'
start_haproxy

# ---- sessions are spread, and each tenant has one host ----

for i in $tenants; do
	start_job "$i"
done
used=
for i in $tenants; do
	until_so "tenant $i has a job" said '^on ' "$dir/out.$i"
	read -r _ at <"$dir/out.$i"
	eval "at_$i=$at"
	case " $used " in *" $at "*) ;; *) used="$used $at" ;; esac
	echo "tenant $i is on $at"
done
# shellcheck disable=SC2086 # a word each
set -- $used
[ $# -eq 3 ] || fail "not spread, but all on $used"
for i in $tenants; do
	eval "at=\$at_$i"
	again=$(where "$i") || fail "tenant $i gets no second session"
	[ "$again" = "$at" ] || fail "tenant $i is on $at and on $again"
done

# ---- the hosts know from where their clients come, and through whom ----

for i in $tenants; do
	eval "at=\$at_$i"
	grep "\"principal\":\"t$i\"" "$dir/audit.$at" | grep '"attach"' |
	    grep "\"source\":\"192.0.2.10$i:[0-9]*\"" |
	    grep -q '"proxy":"192.0.2.10:[0-9]*"' ||
	    fail "$at does not know from where tenant $i comes"
done

# ---- the proxy dies: everybody finds the way back ----

kill -9 $haproxy
wait $haproxy 2>/dev/null
start_haproxy
resumed() { [ "$(count resume "$1" "$2")" -ge 1 ]; }
for i in $tenants; do
	eval "at=\$at_$i"
	until_so "tenant $i is back on $at" resumed "$i" "$at"
done
for host in $hosts; do
	said '"event":"attach-refused"' "$dir/audit.$host" &&
	    fail "$host has refused somebody"
done

# ---- who guesses tokens holds up nobody else behind the proxy ----

# Once it is so, the client tries again for a while.
guess() {
	in_net 2 timeout 3 "$client" run --url wss://192.0.2.10 \
	    --ca "$dir/cert" --token-file "$dir/token.wrong" -C / -n -- true \
	    >"$dir/guess" 2>&1
	grep -q '"status":429' "$dir"/audit.*
}
until_so 'who guesses has to wait' guess
guessed=$(grep -l '"status":429' "$dir"/audit.* | head -n 1)
guessed=${guessed##*.}
for i in $tenants; do
	eval "at=\$at_$i"
	[ "$at" = "$guessed" ] && [ "$i" != 2 ] || continue
	[ "$(where "$i")" = "$at" ] ||
	    fail "tenant $i pays for what another did"
done

# ---- TLS that ends at a host: the header comes before it ----

passed() {
	printf 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n' |
	    in_net 3 openssl s_client -quiet -verify_quiet \
	    -servername t1.example.org -CAfile "$dir/cert" \
	    -connect 192.0.2.10:8443 2>"$dir/err.passed" |
	    grep -q '^HTTP/1.1 200'
}
until_so 'a request through TLS that is passed on' passed

# ---- who comes without the proxy comes without a header ----

direct=$(url=wss://192.0.2.12:8443 where 4) || fail 'not served directly'
[ "$direct" = two ] || fail "192.0.2.12 is $direct"
grep '"principal":"t4"' "$dir/audit.two" | grep '"attach"' |
    grep -v '"proxy"' | grep -q '"source":"192.0.2.104:[0-9]*"' ||
    fail 'two does not know from where tenant 4 comes without the proxy'

# ---- a host is lost: its tenants are told, the others do not notice ----

eval "lost=\$at_1 pid=\$pid_$at_1"
resumes() {
	for tenant in $tenants; do
		for host in $hosts; do
			[ "$host" = "$lost" ] ||
			    echo "$tenant $host $(count resume "$tenant" "$host")"
		done
	done
}
before=$(resumes)
ip netns pids "$me-$lost" | xargs -r kill -9 2>/dev/null
wait "$pid" 2>/dev/null
for i in $tenants; do
	eval "at=\$at_$i running=\$job_$i"
	[ "$at" = "$lost" ] || continue
	wait "$running"
	status=$?
	[ $status -eq 125 ] || fail "tenant $i was told $status of his loss"
	echo "tenant $i: $(tail -n 1 "$dir/err.$i")"
	said 'unknown session' "$dir/err.$i" || fail "tenant $i was not told why"
	again=$(where "$i") || fail "tenant $i gets no session any more"
	[ "$again" != "$lost" ] || fail "tenant $i is on a host that is lost"
done
[ "$(resumes)" = "$before" ] || fail 'others had to come back'
touch "$dir/go"
for i in $tenants; do
	eval "at=\$at_$i running=\$job_$i"
	[ "$at" != "$lost" ] || continue
	wait "$running" || fail "the job of tenant $i has failed"
	printf 'on %s\ndone on %s\n' "$at" "$at" | cmp -s - "$dir/out.$i" ||
	    fail "the job of tenant $i did something else"
done

# ---- it comes back, and so do its tenants ----

rm -rf "$dir/run.$lost" "$dir/urls.$lost"
start_host "$lost"
back() { [ "$(where 1)" = "$lost" ]; }
until_so 'tenant 1 is back where he was' back

# ---- nginx ----

if command -v nginx >/dev/null; then
	sed -e "s|/etc/nginx/holdfast.pem|$dir/cert|" \
	    -e "s|/etc/nginx/holdfast.key|$dir/key|" \
	    -e "s|/run/nginx.pid|$dir/nginx.pid|" -e '/^user /d' \
	    -e '/^worker_processes/s/auto/1/' -e '/^worker_rlimit/d' \
	    -e '/worker_connections/s/16384/500/' \
	    "$top/contrib/proxy/nginx.conf" >"$dir/nginx.conf"
	in_net side nginx -e stderr -g 'daemon off;' -c "$dir/nginx.conf" \
	    2>"$dir/log.nginx" &
	url=wss://192.0.2.9
	rm "$dir/go"
	until_so 'nginx serves' has_proxy
	used=
	for i in $tenants; do
		start_job "$i"
	done
	for i in $tenants; do
		until_so "tenant $i has a job" said '^on ' "$dir/out.$i"
		read -r _ at <"$dir/out.$i"
		case " $used " in *" $at "*) ;; *) used="$used $at" ;; esac
		[ "$(where "$i")" = "$at" ] ||
		    fail "tenant $i is not only on $at"
		grep "\"principal\":\"t$i\"" "$dir/audit.$at" |
		    grep -q '"source":"192.0.2.9:' ||
		    fail "$at does not know nginx"
	done
	# shellcheck disable=SC2086
	set -- $used
	[ $# -gt 1 ] || fail "not spread, but all on $used"
	touch "$dir/go"
	for i in $tenants; do
		eval "running=\$job_$i"
		wait "$running" || fail "the job of tenant $i has failed"
	done
fi

# ---- nothing stays behind ----

for host in $hosts; do
	eval "pid=\$pid_$host"
	kill "$pid"
	wait "$pid" || fail "$host ended with $?"
	empty() { [ -z "$(ip netns pids "$me-$host")" ]; }
	until_so "nothing is left on $host" empty
	if said 'Sanitizer\|runtime error\|ended by signal' "$dir/log.$host"
	then
		fail "$host has complained"
	fi
done
