#!/bin/sh
# SPDX-License-Identifier: ISC
# A second run is for a few system tests, and what fails in it has failed.
set -u
again=$(cd "${top_srcdir:-.}" && pwd)/contrib/again
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
bad=0

# A build in which the tests $2... have failed; they would do as $1 now.
failed() {
	result=$1
	shift
	rm -rf "$dir/build"
	mkdir -p "$dir/build/tests/system" "$dir/build/tests/unit"
	cat >"$dir/build/Makefile" <<-TEXT
	.RECIPEPREFIX = >
	check-TESTS:
	> echo "\$(TEST_LOGS)" >>runs
	> echo "second words" >\$(TEST_LOGS)
	> echo ":test-result: $result" >\$(TEST_LOGS:.log=.trs)
	> ! grep FAIL \$(TEST_LOGS:.log=.trs)
	TEXT
	echo ':test-result: PASS' >"$dir/build/tests/system/good.trs"
	for test in "$@"; do
		printf 'ok 1\nnot ok 2 - first words\n' \
		    >"$dir/build/$test.log"
		printf ':test-result: PASS 1\n:test-result: FAIL 2\n' \
		    >"$dir/build/$test.trs"
	done
}

# Exit status $2, last line $3, runs $4, and $5 in what is said.
expect() {
	"$again" "$dir/build" >"$dir/out" 2>&1
	status=$?
	last=$(tail -n 1 "$dir/out")
	runs=$(cat "$dir/build/runs" 2>/dev/null | wc -l)
	if [ "$status" -ne "$2" ] || [ "$last" != "$3" ] ||
	    [ "$runs" -ne "$4" ] || ! grep -q "$5" "$dir/out"; then
		echo "$1: status $status, $runs runs:"
		cat "$dir/out"
		bad=1
	fi
}

failed PASS tests/system/a
expect 'passes then' 0 '2 passed, 0 failed' 1 '^flaky: tests/system/a$'
grep -q '1st | not ok 2 - first words' "$dir/out" &&
    grep -q '2nd | second words' "$dir/out" || bad=1
failed FAIL tests/system/a
expect 'fails again' 1 '1 passed, 1 failed' 1 \
    '^failed twice: tests/system/a$'
grep -q '^flaky' "$dir/out" && bad=1
failed PASS tests/system/a tests/unit/b
expect 'a unit test' 1 '3 passed, 2 failed' 0 'no second run: tests/unit/b$'
failed PASS tests/system/a tests/system/b tests/system/c tests/system/d \
    tests/system/e
expect 'five' 0 '6 passed, 0 failed' 5 '^flaky: tests/system/e$'
failed PASS tests/system/a tests/system/b tests/system/c tests/system/d \
    tests/system/e tests/system/f
expect 'six' 1 '7 passed, 6 failed' 0 'more than 5'
failed PASS
expect 'nothing but the build' 1 '1 passed, 0 failed' 0 'something else'
exit "$bad"
