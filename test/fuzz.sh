#!/bin/sh
# Runs every fuzz target of the module for the given time (default 1s), one
# after the other. New crashers are written to testdata/fuzz as go test does.
set -eu
time=${1:-1s}
cd "$(dirname "$0")/.."
status=0
count=0
for file in $(git ls-files -co --exclude-standard '*_test.go' | xargs grep -l '^func Fuzz' | sort); do
	dir=./$(dirname "$file")
	for target in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file"); do
		count=$((count + 1))
		out=$(go test "$dir" -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 10x -parallel 2 2>&1) || {
			# The fuzzer itself sometimes fails with this, and no input, when its time ends while it starts or minimises.
			case "$out" in
			*"Failing input written"* | *panic:*) ;;
			*"context deadline exceeded"*) continue ;;
			esac
			printf '%s\n' "$out"
			echo "fuzz: $dir $target failed"
			status=1
		}
	done
done
echo "fuzz: $count targets, $time each"
exit $status
