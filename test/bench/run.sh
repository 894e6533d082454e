#!/bin/sh
# Every figure of docs/benchmarks.md, with the machine it was measured on.
#
#	PART=way,probe,dns,dhcp,go,promises   only these (default: all); or as an argument: -part way,dns
#	BENCH=quick             short and small, under three minutes for each part: whether it works, not how fast it is
set -eu
cd "$(dirname "$0")/../.."
if [ "${1:-}" = -part ]; then PART=$2; fi
part() {
	case ",${PART:-way,probe,dns,dhcp,go,promises}," in *",$1,"*) ;; *) return 1 ;; esac
	echo
	echo "== $2"
}
quick= rounds=150 time=500ms
if [ "${BENCH:-}" = quick ]; then quick=yes rounds=10 time=1x; fi
echo "machine: $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(nproc) CPUs, $(go version), Linux $(uname -r)"
if part way "the whole way"; then
	go run ./test/bench/way -loadshare bin/loadshare -rounds "$rounds"
fi
if part probe "probes and schedule, beside blackbox_exporter"; then
	(cd test/bench/probe && go run . ${quick:+-part compare})
fi
if part dns "DNS beside Knot, NSD, BIND, gdnsd and CoreDNS"; then
	test/peers/install.sh
	test/bench/dns/install.sh "$PWD/bin/bench-coredns"
	go build -o bin/bench-dns ./test/bench/dns
	bin/bench-dns -loadshare bin/loadshare -coredns bin/bench-coredns ${quick:+-quick}
fi
if part dhcp "DHCP beside ISC dhcpd and Kea"; then
	test/peers/install.sh
	go build -o bin/bench-dhcp ./test/bench/dhcp
	bin/bench-dhcp -loadshare bin/loadshare ${quick:+-quick}
fi
if part go "zone, updates, answers"; then
	go test -run "^$" -bench . -benchtime "$time" ./haserver/... ./monitor/decide/... ./agent/plan/...
fi
if part promises "what is promised in seconds, with real processes in network namespaces"; then
	go test ./test/peers -count=1 -v -run 'TestDHCPPairHostVanishes|TestPairZoneSynchronises' -args -quiet
fi
