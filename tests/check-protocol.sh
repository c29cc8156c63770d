#!/bin/sh
# common/PROTOCOL names every message of the table in common/proto.h, and no
# other.
set -eu
src=${top_srcdir:-.}
table=$(sed -n 's/^	M(\([A-Z0-9_]*\),.*/\1/p' "$src/common/proto.h" | sort -u)
text=$(grep -oE '\b[SBGRC][SBGRC]_[A-Z][A-Z_]*' "$src/common/PROTOCOL" | sort -u)
if [ -z "$table" ]; then
	echo "no messages found in common/proto.h" >&2
	exit 1
fi
if [ "$table" != "$text" ]; then
	echo "common/proto.h and common/PROTOCOL differ:" >&2
	a=$(mktemp) b=$(mktemp)
	echo "$table" >"$a"
	echo "$text" >"$b"
	diff "$a" "$b" >&2 || :
	rm -f "$a" "$b"
	exit 1
fi
