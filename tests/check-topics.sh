#!/bin/sh
# The log topics of the code are those that holdfastd(8) lists.
set -u
cd "${top_srcdir:-.}" || exit 1
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT

find broker gateway common -name '*.c' -exec \
    grep -hoE 'log_debug\("[a-z]+"|LOG_LEVEL_DEBUG, "[a-z]+"' {} + |
    cut -d '"' -f 2 |
    sort -u >"$scratch/code"
# The list of the section DIAGNOSTICS.
awk '/^\.Sh / { on = /DIAGNOSTICS/ } on && /^\.It / { print $2 }' \
    broker/supervisor/holdfastd.8 | sort -u >"$scratch/manual"
diff "$scratch/code" "$scratch/manual" >&2 || {
	echo 'the code (<) and the manual (>) name different topics' >&2
	exit 1
}
