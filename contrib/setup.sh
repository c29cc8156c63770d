# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2034,SC2154
# Getting from a fresh clone to a build; read by quickstart and check, which
# have set "me" to their name and "top" to the top of the tree.  All of it
# speaks on standard error.

say() {
	printf '%s: %s\n' "$me" "$*" >&2
}

die() {
	say "$*"
	exit 1
}

# What the build needs: Debian package, how its presence shows, why.  The
# second column is a command, a file, or a module that pkg-config knows.
build_needs='
gcc               command:cc             the compiler
libc6-dev         file:/usr/include/stdio.h the C library to build against
make              command:make           the build
autoconf          command:autoreconf     makes configure
automake          command:automake       makes Makefile.in
autoconf-archive  file:/usr/share/aclocal/ax_append_compile_flags.m4 probes for configure
pkg-config        command:pkg-config     finds libraries
libevent-dev      module:libevent_core   event loop
libjson-c-dev     module:json-c          JSON
libbsd-dev        module:libbsd-overlay  strlcpy and friends
libmd-dev         module:libmd           SHA-1 of the WebSocket handshake
libssl-dev        module:openssl         TLS of the gateways and the client
bubblewrap        command:bwrap          sandboxes that clients ask for
libcurl4-openssl-dev module:libcurl      HTTP requests made for clients
libwslay-dev      file:/usr/include/wslay/wslay.h WebSocket frames
libssl-dev        module:libcrypto       tokens, and TLS of the gateways
libseccomp-dev    module:libseccomp      system call filter of the gateways
'
test_needs='
libcriterion-dev  module:criterion       unit tests
mandoc            command:mandoc         checks the manual pages
openssl           command:openssl        keys for tests of configurations
procps            command:ps             looks for processes left behind
haproxy           file:/usr/sbin/haproxy a proxy in front of hosts
nginx-light       file:/usr/sbin/nginx   another one
iproute2          command:ip             hosts and a network between them
'

have() {
	case $1 in
	command:*) command -v "${1#*:}" >/dev/null ;;
	file:*) test -e "${1#*:}" ;;
	module:*) command -v pkg-config >/dev/null &&
	    pkg-config --exists "${1#*:}" ;;
	esac
}

# Run something as root: $@.
as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "this needs root, and there is no sudo: $*"
	fi
}

apt_install() {
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y \
	    --no-install-recommends "$@" </dev/null >&2
}

# Install what is missing of the tables given.
need() {
	missing=
	while read -r package sign why; do
		[ -n "$package" ] || continue
		have "$sign" && continue
		say "missing: $package ($why)"
		missing="$missing $package"
	done <<-TABLE
	$*
	TABLE
	[ -n "$missing" ] || return 0
	command -v apt-get >/dev/null ||
	    die "no apt-get here; install what these packages hold:$missing"
	say "installing with apt-get:$missing"
	# shellcheck disable=SC2086 # one word a package
	apt_install $missing && return 0
	say 'trying again with fresh package lists'
	as_root apt-get update </dev/null >&2 || die 'apt-get update failed'
	# shellcheck disable=SC2086
	apt_install $missing || die "could not install:$missing"
}

# Run $@ into the log; on failure show its end.
logged() {
	"$@" >>"$log" 2>&1 </dev/null && return 0
	tail -n 40 "$log" >&2
	die "failed: $* (all of it: $log)"
}

# How many compilers at once: the processors, but no more than memory allows.
jobs_count() {
	cpus=$(nproc 2>/dev/null || echo 1)
	half_gigs=$(awk '/MemAvailable/ { print int($2 / 524288) }' \
	    /proc/meminfo 2>/dev/null)
	[ "${half_gigs:-$cpus}" -ge "$cpus" ] || cpus=$half_gigs
	[ "$cpus" -ge 1 ] || cpus=1
	echo "$cpus"
}

# Have directory $1 configured with the other arguments; what is done already
# is not done again.
configure() {
	dir=$1
	shift
	mkdir -p "$dir" 2>/dev/null
	[ -w "$dir" ] || die "cannot write to $dir; whose is it?"
	log=$dir/$me.log
	: >"$log" || die "cannot write to $log"
	if [ ! -x "$top/configure" ]; then
		say 'making configure'
		(cd "$top" && logged autoreconf -fi) || exit 1
	fi
	if [ ! -f "$dir/Makefile" ] ||
	    [ "$(cat "$dir/configured-with" 2>/dev/null)" != "$*" ]; then
		say "configuring in $dir"
		(cd "$dir" && logged "$top/configure" "$@") || exit 1
		printf '%s\n' "$*" >"$dir/configured-with"
	fi
}

# And build there.
build() {
	configure "$@"
	say "building in $dir"
	(cd "$dir" && logged make -j"$(jobs_count)") || exit 1
}
