package peers

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// secondary is a real server that follows the pair: kind is named, knotd, nsd or pdns; feed is whom it asks: both, main or backup.
type secondary struct {
	*dnsServer
	kind, feed string
}

// everySecondary is one of each kind at both partners and at each alone.
var everySecondary = []string{
	"named both", "named main", "named backup", "knotd both", "knotd main", "knotd backup", "nsd both", "nsd main", "nsd backup",
}

// serve starts the server. It keeps its files over a restart.
func (s *secondary) serve(t *testing.T, p *pair) {
	t.Helper()
	var feed []*partner
	for _, n := range p.partners() {
		if s.feed == "both" || s.feed == n.name {
			feed = append(feed, n)
		}
	}
	if len(feed) == 0 {
		t.Fatalf("%s %s: nobody feeds it", s.kind, s.feed)
	}
	switch s.kind {
	case "named":
		s.named(t, p, feed)
	case "knotd":
		s.knotd(t, p, feed)
	case "nsd":
		s.nsd(t, p, feed)
	case "pdns":
		s.pdns(t, p, feed)
	default:
		t.Fatalf("no secondary %q", s.kind)
	}
}

func each(feed []*partner, text func(*partner) string) string {
	var b strings.Builder
	for _, n := range feed {
		b.WriteString(text(n))
	}
	return b.String()
}

// namedOptions is what is said to BIND as a secondary that asks often.
func (s *secondary) namedOptions(dir, more string) string {
	return fmt.Sprintf(`options {
	directory %[1]q; pid-file "named.pid"; session-keyfile "session.key"; managed-keys-directory %[1]q;
	listen-on port 53 { %[2]s; }; listen-on-v6 { none; };
	recursion no; dnssec-validation no; notify no; min-refresh-time 1; min-retry-time 1; max-retry-time 2; serial-query-rate 200; %[3]s
};
controls { };
`, dir, s.addr, more)
}

func (s *secondary) named(t *testing.T, p *pair, feed []*partner) {
	need(t, "named")
	dir := openDir(t)
	conf := write(t, dir, "named.conf", fmt.Sprintf(`key "ddns" { algorithm hmac-sha256; secret %[1]q; };
%[2]szone %[3]q { type secondary; masterfile-format text; file "db.copy"; primaries { %[4]s }; };
`, p.secret, s.namedOptions(dir, "allow-transfer { any; };"), pairZone, each(feed, func(n *partner) string { return n.addr + ` port 53 key "ddns"; ` })))
	program := privateCopy(t, "named")
	s.again = func() *proc { return start(t, "named "+s.feed, s.command(program, "-g", "-n", "1", "-c", conf)) }
	s.proc = s.again()
}

func (s *secondary) knotd(t *testing.T, p *pair, feed []*partner) {
	need(t, "knotd")
	dir := openDir(t)
	var names, addrs []string
	for _, n := range feed {
		names, addrs = append(names, n.name), append(addrs, n.addr)
	}
	conf := write(t, dir, "knot.conf", knotHead(t, dir, s.addr+"@53", p.secret)+fmt.Sprintf(`remote:
%[1]sacl:
  - id: all
    address: %[2]s0/24
    action: transfer
  - id: told
    remote: [%[3]s]
    action: notify
  - id: toldplain
    address: [%[4]s]
    action: notify
template:
  - id: default
    storage: %[6]q
zone:
  - domain: %[5]s
    master: [%[3]s]
    acl: [all, told, toldplain]
    retry-min-interval: 1
    retry-max-interval: 2
`, each(feed, knotRemote), p.prefix, strings.Join(names, ", "), strings.Join(addrs, ", "), pairZone, dir))
	s.again = func() *proc { return start(t, "knotd "+s.feed, s.command("knotd", "-c", conf)) }
	s.proc = s.again()
}

// knotRemote is a server of ours for Knot, with the key.
func knotRemote(n *partner) string {
	return fmt.Sprintf("  - id: %s\n    address: %s@53\n    key: ddns\n", n.name, n.addr)
}

func (s *secondary) nsd(t *testing.T, p *pair, feed []*partner) {
	need(t, "nsd")
	dir := openDir(t)
	conf := write(t, dir, "nsd.conf", s.nsdHead(dir)+fmt.Sprintf(`key:
	name: "ddns"
	algorithm: hmac-sha256
	secret: %q
%s%s	provide-xfr: 0.0.0.0/0 NOKEY
`, p.secret, nsdZone, each(feed, func(n *partner) string {
		return fmt.Sprintf("\trequest-xfr: %s@53 ddns\n\tallow-notify: %[1]s ddns\n\tallow-notify: %[1]s NOKEY\n", n.addr)
	})))
	output(t, exec.Command("nsd-checkconf", conf))
	s.again = func() *proc { return start(t, "nsd "+s.feed, s.command("nsd", "-d", "-c", conf)) }
	s.proc = s.again()
}

// nsdHead is the server's part of a configuration of NSD.
func (s *secondary) nsdHead(dir string) string {
	return fmt.Sprintf(`server:
	ip-address: %[2]s
	port: 53
	username: ""
	zonesdir: %[1]q
	pidfile: "%[1]s/nsd.pid"
	xfrdfile: "%[1]s/xfrd.state"
	zonelistfile: "%[1]s/zone.list"
	xfrdir: %[1]q
	database: ""
	server-count: 1
	xfrd-reload-timeout: 0
	verbosity: 1
remote-control:
	control-enable: no
`, dir, s.addr)
}

// nsdZone is the pair's zone for NSD, which asks often.
const nsdZone = "zone:\n\tname: \"" + pairZone + `"
	zonefile: "db.copy"
	min-refresh-time: 1
	max-refresh-time: 2
	min-retry-time: 1
	max-retry-time: 2
	multi-master-check: yes
`
