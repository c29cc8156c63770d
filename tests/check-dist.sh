#!/bin/sh
# SPDX-License-Identifier: ISC
# make dist twice, the second time as another user would: the same bytes.
set -u
cd "${top_builddir:-.}" || exit 1
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES
command -v xz >/dev/null || exit 77
name=check-dist-$$
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-1700000000}
export SOURCE_DATE_EPOCH
trap 'rm -rf "$name" "$name.tar.xz" "$name.log"' EXIT

# pack: the SHA-256 of the tarball
pack() {
	make dist-xz distdir="$name" XZ_OPT=-0 >"$name.log" 2>&1 || {
		tail -n 20 "$name.log" >&2
		return 1
	}
	sha256sum <"$name.tar.xz"
	rm -rf "$name" "$name.tar.xz"
}

umask 022
first=$(LC_ALL=C TZ=UTC pack) || exit 1
umask 077
second=$(LC_ALL=C.UTF-8 TZ=Asia/Tokyo pack) || exit 1
[ "$first" = "$second" ] && exit 0
echo "make dist gave $first and then $second" >&2
exit 1
