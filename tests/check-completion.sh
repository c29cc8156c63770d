#!/bin/sh
# SPDX-License-Identifier: ISC
# Completions offer what --help names, no more and no less.
set -u
where=${top_srcdir:-..}/contrib/completion
bad=0
listed=$(mktemp) || exit 99
offered=$(mktemp) || exit 99
trap 'rm -f "$listed" "$offered"' EXIT

# Long options in the text on standard input, once each.
long_options() {
	grep -oE -e '(^|[^[:alnum:]-])--[a-z][a-z0-9-]*' |
	    sed 's/.*--/--/' | sort -u
}

# Of the help on standard input, only where options are explained.
explained() {
	grep -E '^ +(-[A-Za-z](, )?)?(--|$)'
}

# check PROGRAM FILE: the lines that begin with # are not read
check() {
	grep -v '^#' "$2" | long_options >"$offered"
	for option in $(comm -23 "$listed" "$offered"); do
		echo "$2 does not offer $option" >&2
		bad=1
	done
	for option in $(comm -13 "$listed" "$offered"); do
		echo "$2 offers $option, which $1 does not know" >&2
		bad=1
	done
}

for program in holdfast broker/holdfastd holdfastctl; do
	name=$(basename "$program")
	[ -x "$program" ] || continue
	{
		"./$program" --help | explained
		[ "$name" != holdfast ] || "./$program" cp --help | explained
	} | long_options >"$listed"
	[ -s "$listed" ] || { echo "$name --help lists nothing" >&2; bad=1; }
	check "$name" "$where/bash/$name"
	check "$name" "$where/zsh/_$name"
	bash -n "$where/bash/$name" || bad=1
	! command -v zsh >/dev/null || zsh -n "$where/zsh/_$name" || bad=1
done
exit $bad
