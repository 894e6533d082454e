#!/bin/sh
# Installs the real peers that the tests run against (Debian packages).
# Only when asked: PEERS=install or PEERS=required. PEERS=skip never installs.
# Nothing installed here is started: a policy file forbids it while apt runs.
set -eu

packages="bind9 bind9-dnsutils knot knot-dnsutils nsd nginx-light exim4-daemon-light iproute2 nftables dbus-daemon iputils-ping isc-dhcp-server isc-dhcp-client isc-dhcp-relay udhcpc dhcpcd-base kea-dhcp4-server kea-admin tshark systemd kea-dhcp-ddns-server pdns-server pdns-backend-sqlite3 sqlite3 unbound python3-dnspython python3-certbot-dns-rfc2136"

missing=
for p in $packages; do
	dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
	echo "peers: not root on Debian, so these are not installed and their tests are skipped:$missing"
	exit 0
fi
if [ "${PEERS:-}" = skip ]; then
	echo "peers: PEERS=skip, tests that need these are skipped:$missing"
	exit 0
fi
if [ "${PEERS:-}" = "" ] && [ -t 0 ]; then
	printf 'peers: install%s now? Nothing of it will be started. [Y/n] ' "$missing"
	read -r answer
	case "$answer" in n* | N*) exit 0 ;; esac
fi

policy=/usr/sbin/policy-rc.d
kept=
if [ -e "$policy" ]; then
	kept=$(mktemp)
	cp -p "$policy" "$kept"
fi
restore() {
	if [ -n "$kept" ]; then mv "$kept" "$policy"; else rm -f "$policy"; fi
}
trap restore EXIT
printf '#!/bin/sh\nexit 101\n' >"$policy"
chmod 755 "$policy"

export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086
apt-get install -y -qq --no-install-recommends $missing >/dev/null
echo "peers: installed$missing"
