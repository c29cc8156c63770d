#!/bin/sh
# What may include what, and which calls belong to one file only.
set -u
cd "${top_srcdir:-.}" || exit 1
bad=0

# deny PATTERN WHERE... : no line of these files may match
deny() {
	why=$1 pattern=$2
	shift 2
	found=$(grep -nE "$pattern" "$@" 2>/dev/null)
	if [ -n "$found" ]; then
		echo "$why:" >&2
		echo "$found" >&2
		bad=1
	fi
}

# files DIR... : C sources below, leaving out what ONLY_IN names
files() {
	find "$@" -name '*.[ch]' | sort
}

gateway=$(files gateway)
broker=$(find broker -maxdepth 1 -name '*.[ch]')
runner=$(files broker/runner)
client=$(files contrib/client)
ctl=$(files contrib/ctl)
common=$(files common)
product="$gateway $broker $runner $client $ctl $common"
# but FILE... : the product without these files
but() {
	for f in $product; do
		case " $* " in *" $f "*) ;; *) echo "$f" ;; esac
	done
}

deny 'gateway looks sideways' '#include "(broker|contrib)/' $gateway
deny 'broker looks sideways' '#include "(gateway|contrib|broker/runner)/' \
    $broker
deny 'runner looks sideways' '#include "(gateway|contrib|broker/[^r])' \
    $runner
deny 'client looks sideways' '#include "(gateway|broker|contrib/ctl)/' \
    $client
deny 'ctl looks sideways' '#include "(gateway|broker|contrib/client)/' $ctl
deny 'common looks up' '#include "(gateway|broker|contrib)/' $common
deny 'headers include libevent' '#include <event2/' \
    $(find gateway broker common -name '*.h')
deny 'JSON outside those who may know it' '#include <json' \
    $(but $(ls common/conf*.[ch]) gateway/rpc.c gateway/rpc.h \
    gateway/jsontree.c gateway/method.c gateway/params.c \
    $(ls gateway/policy*.c) $client)
deny 'JSON or TLS in the runner' '#include <(json|openssl)' $runner
deny 'libcurl outside holdfast-http' '#include <curl' \
    $(for f in $product; do echo "$f"; done | grep -v '^broker/runner/http/')
deny 'ids changed outside role.c' \
    '\b(set(res|re|e)?[ug]id|setgroups|chroot|initgroups)\(([^2]|2[^)])|SYS_capset' \
    $(but common/role.c common/role.h common/caps.c)
deny 'filters outside common/sandbox*.c and holdfast-box' \
    '#include <seccomp' $(but $(ls common/sandbox*.[ch]) \
    broker/runner/box/filter.c)
deny 'descriptors passed outside fdpass.c' 'SCM_RIGHTS' \
    $(but common/fdpass.c common/fdpass.h)
deny 'time read outside clock.c' '\b(clock_gettime|gettimeofday|time)\(' \
    $(but common/clock.c common/clock.h $client)
deny 'unsafe string functions' \
    '(^|[^a-z_])(strcpy|strcat|sprintf|gets|system|popen|alloca)\(' $product

exit $bad
