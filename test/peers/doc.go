// Package peers holds the tests against real implementations: BIND, Knot,
// nginx, Exim, PowerDNS, Unbound, Kea, certbot, dig, nsupdate, in their own processes on loopback or in
// network namespaces that the tests make.
//
// install.sh installs what they need (Debian packages). A missing peer skips
// its tests; with PEERS=required it fails them. Each test starts its own copy of
// every server with its own files and ports, and ends it.
package peers
