#!/bin/sh
# Installs gdnsd, which only the benchmark runs (the other peers: test/peers/install.sh), and builds CoreDNS
# into the file named by the argument. What cannot be had is said, and the benchmark goes on without it.
# Nothing installed here is started: a policy file forbids it while apt runs.
set -u
out=$1
here=$(cd "$(dirname "$0")" && pwd)

if ! command -v gdnsd >/dev/null; then
	if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null || [ "${PEERS:-}" = skip ]; then
		echo "bench: gdnsd is not there and is not installed (not root on Debian, or PEERS=skip)"
	else
		policy=/usr/sbin/policy-rc.d
		kept=
		if [ -e "$policy" ]; then
			kept=$(mktemp)
			cp -p "$policy" "$kept"
		fi
		trap 'if [ -n "$kept" ]; then mv "$kept" "$policy"; else rm -f "$policy"; fi' EXIT
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod 755 "$policy"
		export DEBIAN_FRONTEND=noninteractive
		{ apt-get update -qq && apt-get install -y -qq --no-install-recommends gdnsd; } >/dev/null 2>&1 ||
			echo "bench: apt-get cannot install gdnsd"
	fi
fi

(cd "$here/coredns" && go build -o "$out" .) || echo "bench: CoreDNS cannot be built, see above"
exit 0
