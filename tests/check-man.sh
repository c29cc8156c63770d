#!/bin/sh
# The manual pages are well-formed.
set -u
cd "${top_srcdir:-.}" || exit 1
command -v mandoc >/dev/null || exit 77
found=$(find broker gateway contrib -name '*.[1-8]' -exec \
    mandoc -Tlint -Wstyle {} + | grep -v 'mandoc.db lacks')
[ -n "$found" ] || exit 0
echo "$found" >&2
exit 1
