#!/bin/sh
# SPDX-License-Identifier: ISC
# The units leave holdfastd and the broker what they may want of root's
# powers, which broker/powers.c has a table of; nothing was left unfilled.
set -u
cd "${top_builddir:-.}" || exit 1
units=contrib/systemd
powers=${top_srcdir:-..}/broker/powers.c
bad=0

# granted UNIT: its capabilities, sorted
granted() {
	sed -n 's/^CapabilityBoundingSet=//p' "$1" | tr ' ' '\n' | sort
}

# wanted WHO: whoever may want them, sorted
wanted() {
	sed -nE "s/^	\{ (CAP_[A-Z_]+),.*$1.*/\1/p" "$powers" | sort
}

# same UNIT WHO
same() {
	if [ "$(granted "$units/$1")" != "$(wanted "$2")" ]; then
		echo "$1 has" "$(granted "$units/$1" | xargs)" >&2
		echo "but powers.c wants" "$(wanted "$2" | xargs)" >&2
		bad=1
	fi
}

same holdfast.service SUPERVISOR
if grep -n '@[a-z_]*@' "$units"/*.service "$units"/*.d/*.conf \
    contrib/openrc/holdfast; then
	echo 'these have been left unfilled' >&2
	bad=1
fi
for script in "${top_srcdir:-..}/$units"/systemd-s* contrib/openrc/holdfast; do
	sh -n "$script" || bad=1
done
exit $bad
