#!/bin/sh
# The manual pages are well-formed.
set -u
cd "${top_srcdir:-.}" || exit 1
command -v mandoc >/dev/null || exit 77
# Whether pages refer to each other is asked below; others may be missing here.
pages=$(find broker gateway contrib -name '*.[1-8]')
# shellcheck disable=SC2086 # one word a page
found=$(mandoc -Tlint -Wstyle $pages |
    grep -v -e 'mandoc.db lacks' -e 'referenced manual not found')
for name in $(sed -nE 's/^\.Xr (holdfast[a-z-]*) ([1-8]).*/\1.\2/p' $pages |
    sort -u); do
	case " $(echo $pages) " in
	*"/$name "*) ;;
	*) found="$found
no page $name, which others refer to" ;;
	esac
done
[ -n "$found" ] || exit 0
echo "$found" >&2
exit 1
