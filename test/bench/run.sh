#!/bin/sh
# Every figure of docs/benchmarks.md, with the machine it was measured on.
set -eu
cd "$(dirname "$0")/../.."
echo "machine: $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(nproc) CPUs, $(go version), Linux $(uname -r)"
echo
echo "== the whole way"
go run ./test/bench/way -loadshare bin/loadshare -rounds 150
echo
echo "== probes and schedule, beside blackbox_exporter"
(cd test/bench/probe && go run .)
echo
echo "== zone, updates, answers"
go test -run "^$" -bench . -benchtime 500ms ./haserver/... ./monitor/decide/... ./agent/plan/...
