# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2034,SC2154
# What the scripts with a virtual machine have in common; read after setup.sh.

vm_needs='
qemu-system-x86   command:qemu-system-x86_64 the machine
busybox-static    command:busybox        what it starts with
'

# The package that linux-image-cloud-amd64 depends on, into the directory $1.
fetch_kernel_once() {
	name=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null |
	    awk '$1 == "Depends:" { print $2; exit }')
	[ -n "$name" ] || return 1
	(cd "$1" && apt-get -o APT::Sandbox::User=root download "$name" \
	    </dev/null >&2)
}

# The same, with fresh lists if need be; prints its path.
fetch_kernel() {
	say 'fetching a kernel with apt-get'
	if ! fetch_kernel_once "$1"; then
		as_root apt-get update </dev/null >&2
		fetch_kernel_once "$1" || die 'there is no cloud kernel here'
	fi
	ls "$1"/linux-image-*.deb
}

# Boot kernel $2 with initial memory $3 and the rest of qemu's options, for
# $1 seconds at most; what the machine says is on standard output.
run_machine() {
	run_seconds=$1 run_kernel=$2 run_initrd=$3
	shift 3
	say 'booting; without hardware support this takes a while'
	timeout "$run_seconds" qemu-system-x86_64 -accel tcg,thread=multi \
	    -cpu max -m 1024 -nographic -no-reboot -nodefaults \
	    -serial stdio -kernel "$run_kernel" -initrd "$run_initrd" \
	    "$@" </dev/null | sed -u 's|\r||g'
}
