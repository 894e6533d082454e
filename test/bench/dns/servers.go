package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"loadshare/internal/config"
	"loadshare/test/bench/measure"
)

// kind is a server that takes part.
type kind struct {
	name    string
	program string
	version []string // arguments that print the version
	updates bool     // takes signed updates
	files   func(s *site) map[string]string
	args    func(s *site) []string
}

// site is what a server is started with: a directory of its own with the zone and the key in it.
type site struct {
	dir  string
	addr netip.AddrPort
	key  config.TSIGKey
}

// ours is the server that the others are compared with.
const ours = "loadshare"

// kinds are all servers. Every peer gets one worker (it has one core), no rate limit, minimal responses and no log of
// single messages; everything else is its default. Ours has all defaults: rotation, rate limit, metrics' counters.
func kinds(loadshare, coredns string) []kind {
	return []kind{
		{name: ours, program: loadshare, updates: true,
			files: func(s *site) map[string]string { return map[string]string{"dns.toml": ourConf(s, "dns", "")} },
			args:  func(*site) []string { return []string{"dns", "-c", "dns.toml"} }},
		{name: "knot", program: "knotd", version: []string{"-V"}, updates: true, files: knotFiles,
			args: func(*site) []string { return []string{"-c", "knot.conf"} }},
		{name: "nsd", program: "nsd", version: []string{"-v"}, files: nsdFiles,
			args: func(*site) []string { return []string{"-d", "-c", "nsd.conf"} }},
		{name: "bind", program: "named", version: []string{"-v"}, updates: true, files: bindFiles,
			args: func(s *site) []string { return []string{"-f", "-n", "1", "-c", filepath.Join(s.dir, "named.conf")} }},
		{name: "gdnsd", program: "gdnsd", version: []string{"-V"}, files: gdnsdFiles,
			args: func(s *site) []string { return []string{"-c", filepath.Join(s.dir, "etc"), "start"} }},
		{name: "coredns", program: coredns, version: []string{"-version"}, files: corednsFiles,
			args: func(*site) []string { return []string{"-conf", "Corefile"} }},
	}
}

// ourConf is a configuration of ours; more is put before the zone.
func ourConf(s *site, state, more string) string {
	return fmt.Sprintf(`listen = ["%s"]
state_dir = "%s"
keys = ["ddns.key"]
[control]
listen = "unix:%[2]s.sock"
%[3]s
[[zone]]
name = "%[4]s"
file = "zone"
update = ["key ddns"]
transfer = ["127.0.0.0/8", "198.18.0.0/24"]
`, s.addr, state, more, zoneName)
}

func (s *site) secret() string {
	_, rest, _ := strings.Cut(s.key.Text(), "secret \"")
	secret, _, _ := strings.Cut(rest, "\"")
	return secret
}

func knotFiles(s *site) map[string]string {
	return map[string]string{"db/.keep": "", "knot.conf": fmt.Sprintf(`server:
  rundir: "%[1]s"
  listen: %[2]s@%[3]d
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
log:
  - target: stderr
    any: error
database:
  storage: "%[1]s/db"
key:
  - id: ddns
    algorithm: hmac-sha256
    secret: %[4]s
acl:
  - id: update
    key: ddns
    action: update
  - id: transfer
    action: transfer
zone:
  - domain: %[5]s
    file: "%[1]s/zone"
    zonefile-sync: -1
    acl: [update, transfer]
`, s.dir, s.addr.Addr(), s.addr.Port(), s.secret(), zoneName)}
}

func nsdFiles(s *site) map[string]string {
	return map[string]string{"nsd.conf": fmt.Sprintf(`server:
  ip-address: %[2]s@%[3]d
  server-count: 1
  zonesdir: "%[1]s"
  database: ""
  pidfile: ""
  xfrdir: "%[1]s"
  xfrdfile: "%[1]s/xfrd.state"
  zonelistfile: "%[1]s/zone.list"
  username: ""
  verbosity: 0
  rrl-ratelimit: 0
  minimal-responses: yes
remote-control:
  control-enable: no
zone:
  name: %[4]s
  zonefile: zone
  provide-xfr: 0.0.0.0/0 NOKEY
`, s.dir, s.addr.Addr(), s.addr.Port(), zoneName)}
}

func bindFiles(s *site) map[string]string {
	return map[string]string{"named.conf": fmt.Sprintf(`%s
options {
	directory "%s"; pid-file "named.pid"; session-keyfile "session.key"; managed-keys-directory "%[2]s";
	listen-on port %d { %s; }; listen-on-v6 { none; }; tcp-clients 500; update-quota 500;
	recursion no; dnssec-validation no; empty-zones-enable no; notify no; minimal-responses yes;
	allow-query { any; }; allow-transfer { any; };
};
logging { category default { null; }; category update { null; }; category update-security { null; }; };
controls { };
zone "%s" { type master; file "zone"; allow-update { key ddns; }; };
`, s.key.Text(), s.dir, s.addr.Port(), s.addr.Addr(), zoneName)}
}

func gdnsdFiles(s *site) map[string]string {
	zone, _ := os.ReadFile(filepath.Join(s.dir, "zone"))
	return map[string]string{"run/.keep": "", "state/.keep": "", "etc/zones/" + zoneName: string(zone), "etc/config": fmt.Sprintf(`options => {
  listen => %s
  udp_threads => 1
  tcp_threads => 1
  run_dir => "%s/run"
  state_dir => "%[2]s/state"
}
`, s.addr, s.dir)}
}

func corednsFiles(s *site) map[string]string {
	return map[string]string{"Corefile": fmt.Sprintf(`%s:%d {
	bind %s
	file zone
	transfer {
		to *
	}
	errors
}
`, zoneName, s.addr.Port(), s.addr.Addr())}
}

// prepare writes the files of a server, with a copy of the zone file of its own.
func (k kind) prepare(s *site, zoneFile string) error {
	data, err := os.ReadFile(zoneFile)
	if err != nil {
		return err
	}
	if err := writeFiles(s.dir, map[string]string{"zone": string(data), "ddns.key": s.key.Text()}); err != nil {
		return err
	}
	return writeFiles(s.dir, k.files(s))
}

func writeFiles(dir string, files map[string]string) error {
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// run starts the server on the core that servers are measured on and waits until it answers.
func (k kind) run(s *site) (*measure.Process, time.Duration, error) {
	program, err := exec.LookPath(k.program)
	if err != nil {
		return nil, 0, err
	}
	if k.name == "bind" { // AppArmor's profile binds the path: a copy may write here
		data, err := os.ReadFile(program)
		if err != nil {
			return nil, 0, err
		}
		program = filepath.Join(s.dir, "named")
		if err := os.WriteFile(program, data, 0o700); err != nil {
			return nil, 0, err
		}
	}
	start := time.Now()
	p, err := startOn(serverCore, s.dir, program, k.args(s)...)
	if err != nil {
		return nil, 0, err
	}
	if err := waitAnswer(p, s.addr); err != nil {
		p.Stop(syscall.SIGTERM)
		return nil, 0, fmt.Errorf("%s: %w\n%s", k.name, err, p.Tail())
	}
	return p, time.Since(start), nil
}

// waitAnswer waits for the zone's SOA.
func waitAnswer(p *measure.Process, addr netip.AddrPort) error {
	c, err := net.Dial("udp", addr.String())
	if err != nil {
		return err
	}
	defer c.Close()
	q, buf := query(zoneName, 6), make([]byte, 1500)
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); {
		if err := p.Ended(); err != nil {
			return fmt.Errorf("it ended: %w", err)
		}
		_, _ = c.Write(q) // refused until it listens
		_ = c.SetReadDeadline(time.Now().Add(5 * time.Millisecond))
		if n, err := c.Read(buf); err == nil && goodData(buf[:n]) {
			return nil
		}
		time.Sleep(2 * time.Millisecond) // leaves the core to others
	}
	return context.DeadlineExceeded
}

// versionOf is the first line with a digit that the program prints about itself.
func (k kind) versionOf() string {
	if k.version == nil {
		return "this checkout"
	}
	out, _ := exec.Command(k.program, k.version...).CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if strings.ContainsAny(line, "0123456789") {
			return strings.TrimSpace(line)
		}
	}
	return "unknown version"
}
