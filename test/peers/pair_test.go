package peers

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	pairZone  = "pair.test"
	inNormal  = "normal"
	parted    = "communication-interrupted"
	soloState = "partner-down"
)

// pairZoneText has short timers, so that a secondary that missed a NOTIFY is not behind for long.
const pairZoneText = `$TTL 60
@ IN SOA ns1 root ( 100 2 1 864000 5 )
  IN NS ns1.elsewhere.test.
  IN NS ns2.elsewhere.test.
www 1 IN A 192.0.2.10
www 1 IN A 192.0.2.11
`

// pair is two `loadshare dns` on hosts of their own in one network, and a host of clients.
type pair struct {
	*lan
	dir          string
	main, backup *partner
	client, far  host   // of clients
	secret       string // of the key ddns, which may update and transfer
	secondaries  []*secondary
}

// partner is one of the two.
type partner struct {
	*dnsServer
	name, dir, conf string
}

// timers of [ha]; keys of the table and their values. Tests give what differs.
var quickTimers = map[string]string{
	"heartbeat": "200ms", "comm_timeout": "800ms", "zonesync_failed_timeout": "1s", "ack_timeout": "400ms", "updates_at_backup": "drop",
}

// newPair prepares a pair and its network; nothing runs yet. other is what differs from quickTimers.
func newPair(t *testing.T, other map[string]string, secondaries ...string) *pair {
	t.Helper()
	p := newDNSNetwork(t, secondaries)
	p.main, p.backup = p.partner(t, "main", 1), p.partner(t, "backup", 2)
	timers := maps.Clone(quickTimers)
	maps.Copy(timers, other)
	ha := ""
	for _, k := range slices.Sorted(maps.Keys(timers)) {
		ha += fmt.Sprintf("%s = %q\n", k, timers[k])
	}
	for _, n := range []*partner{p.main, p.backup} {
		p.configure(t, n, pairZoneText, fmt.Sprintf("[ha]\nrole = %q\nlisten = \"%s:2225\"\npartner = \"%s:2225\"\nkey = \"pair.key\"\n%s", n.name, n.addr, p.other(n).addr, ha))
	}
	return p
}

// newDNSNetwork makes keys, the host of the clients and those of the secondaries.
func newDNSNetwork(t *testing.T, secondaries []string) *pair {
	t.Helper()
	need(t, "dig", "nsupdate")
	p := &pair{lan: newLAN(t), dir: openDir(t)}
	p.client, p.far = p.host(t, "client", 100), p.host(t, "far", 101)
	for _, name := range []string{"ddns", "pair"} {
		write(t, p.dir, name+".key", output(t, exec.Command(loadshare(t), "key", name)))
	}
	p.secret = keySecret(t, filepath.Join(p.dir, "ddns.key"))
	for i, text := range secondaries {
		s := &secondary{dnsServer: &dnsServer{host: p.host(t, fmt.Sprintf("sec%d", i), 20+i), port: 53}}
		s.kind, s.feed, _ = strings.Cut(text, " ")
		p.secondaries = append(p.secondaries, s)
	}
	return p
}

// partner makes a host for one of our servers.
func (p *pair) partner(t *testing.T, name string, last int) *partner {
	t.Helper()
	return &partner{dnsServer: &dnsServer{host: p.host(t, name, last), port: 53}, name: name, dir: filepath.Join(p.dir, name)}
}

// configure writes the server's files.
func (p *pair) configure(t *testing.T, n *partner, zoneText, ha string) {
	t.Helper()
	write(t, n.dir, "db."+pairZone, zoneText)
	for _, key := range []string{"ddns.key", "pair.key"} {
		text, err := os.ReadFile(filepath.Join(p.dir, key))
		if err = errors.Join(err, os.WriteFile(filepath.Join(n.dir, key), text, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(n.dir, "state"), 0o700); err != nil {
		t.Fatal(err)
	}
	n.conf = write(t, n.dir, "dns.toml", fmt.Sprintf(`listen = ["%s:53"]
state_dir = "state"
keys = ["ddns.key"]
nsid = %q
[rate_limit]
exempt = ["%s0/24"]
[control]
listen = %q
%s[[zone]]
name = %q
file = "db.%[6]s"
update = ["key ddns"]
transfer = ["key ddns", "%[3]s0/24"]
notify = %[7]s
`, n.addr, n.name, p.prefix, n.control(), ha, pairZone, list(p.secondaries, func(s *secondary) string { return s.addr })))
	output(t, exec.Command(loadshare(t), "check", n.conf))
	n.again = func() *proc { return start(t, n.name+" "+n.addr, n.command(loadshare(t), "dns", "-c", n.conf)) }
}

// addZone gives the server one more zone, which it has not read yet.
func (n *partner) addZone(t *testing.T, zone, text string) {
	t.Helper()
	write(t, n.dir, "db."+zone, text)
	n.appendConf(t, fmt.Sprintf("[[zone]]\nname = %q\nfile = \"db.%[1]s\"\nupdate = [\"key ddns\"]\ntransfer = [%[2]q]\n", zone, n.addr[:strings.LastIndex(n.addr, ".")]+".0/24"))
}

func (n *partner) appendConf(t *testing.T, more string) {
	t.Helper()
	text, err := os.ReadFile(n.conf)
	if err = errors.Join(err, os.WriteFile(n.conf, append(text, more...), 0o644)); err != nil {
		t.Fatal(err)
	}
}

// startSingle runs one `loadshare dns` without a partner, named main, and its secondaries.
func startSingle(t *testing.T, zoneText string, secondaries ...string) *pair {
	t.Helper()
	p := newDNSNetwork(t, secondaries)
	p.main = p.partner(t, "main", 1)
	p.configure(t, p.main, zoneText, "")
	p.main.up(t)
	p.follow(t)
	return p
}

// follow starts the secondaries.
func (p *pair) follow(t *testing.T) {
	t.Helper()
	for _, s := range p.secondaries {
		s.serve(t, p)
	}
	for _, s := range p.secondaries {
		waitZone(t, s.dnsServer, pairZone)
	}
}

// partners are our servers.
func (p *pair) partners() []*partner {
	if p.backup == nil {
		return []*partner{p.main}
	}
	return []*partner{p.main, p.backup}
}

func (p *pair) other(n *partner) *partner {
	if n == p.main {
		return p.backup
	}
	return p.main
}

// startPair is newPair, up to normal and with the secondaries following.
func startPair(t *testing.T, other map[string]string, secondaries ...string) *pair {
	t.Helper()
	p := newPair(t, other, secondaries...)
	p.main.up(t)
	p.backup.up(t)
	took := p.normal(t)
	t.Logf("both in normal, all zones synchronized %s after the second answered its operator", took.Round(time.Millisecond))
	p.follow(t)
	return p
}

func (n *partner) control() string { return "unix:" + filepath.Join(n.dir, "ctl.sock") }

// up starts the server (again) and waits until it answers its operator.
func (n *partner) up(t *testing.T) {
	t.Helper()
	n.proc = n.again()
	eventually(t, n.name+" answers its operator", func() error { _, err := n.status(); return err })
}

// signal goes to the process as it is.
func (n *partner) signal(t *testing.T, sig syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(n.proc.cmd.Process.Pid, sig); err != nil {
		t.Fatalf("%s: %v: %v", n.name, sig, err)
	}
}

// haStatus is the part of the contract's status that the tests look at.
type haStatus struct {
	Role    string    `json:"role"`
	State   string    `json:"state"`
	Since   time.Time `json:"since"`
	Partner struct {
		Address   string    `json:"address"`
		State     string    `json:"state"`
		LastHeard time.Time `json:"last_heard"`
	} `json:"partner"`
	Accepting bool `json:"accepting_updates"`
	Zones     []struct {
		Name    string `json:"name"`
		Serial  uint32 `json:"serial"`
		Sync    string `json:"sync"`
		Records int    `json:"records"`
	} `json:"zones"`
	Alarms []struct {
		Name string `json:"name"`
	} `json:"alarms"`
	Total        int `json:"zones_total"`
	Synchronized int `json:"zones_synchronized"`
	Copies       int `json:"copies"`
	Owed         int `json:"owed"`
}

func (n *partner) status() (s haStatus, err error) {
	path, err := binary()
	if err != nil {
		return s, err
	}
	out, err := exec.Command(path, "status", "--json", "-s", n.control()).CombinedOutput()
	if err != nil {
		return s, fmt.Errorf("status of %s: %w: %s", n.name, err, out)
	}
	return s, json.Unmarshal(out, &s)
}

// is checks the state, and that the zone is synchronized where it should be.
func (n *partner) is(state string) func() error {
	return func() error {
		s, err := n.status()
		switch {
		case err != nil:
			return err
		case s.State != state:
			return fmt.Errorf("%s is %s, expected %s", n.name, s.State, state)
		case state == inNormal && (s.Total == 0 || s.Synchronized != s.Total):
			return fmt.Errorf("%s: %d of %d zones are synchronized: %v", n.name, s.Synchronized, s.Total, s.Zones)
		}
		return nil
	}
}

// normal waits until both are in normal with all zones synchronized and nothing owed.
func (p *pair) normal(t *testing.T) time.Duration {
	t.Helper()
	return eventually(t, "both in normal", func() error {
		for _, n := range p.partners() {
			if err := n.is(inNormal)(); err != nil {
				return err
			}
			if s, err := n.status(); err != nil || s.Owed != 0 {
				return fmt.Errorf("%s owes %d: %v", n.name, s.Owed, err)
			}
		}
		return nil
	})
}

// command runs an operator's command at the server.
func (n *partner) operate(t *testing.T, args ...string) string {
	t.Helper()
	return output(t, exec.Command(loadshare(t), append(args, "-s", n.control())...))
}

// key is the key ddns as the options -y of all tools take it.
func (p *pair) key() string { return "hmac-sha256:ddns:" + p.secret }

// update sends one update of a record of its own to a server until it is taken, and returns how long the server took to take one: from
// the call to the NOERROR.
func (p *pair) update(t *testing.T, to *partner, name, address string) time.Duration {
	t.Helper()
	c := newUpdateClient(p, name)
	defer c.close()
	patience := time.Duration(0)
	return eventually(t, to.name+" takes an update of "+name, func() error {
		patience = min(patience+100*time.Millisecond, 2*time.Second) // it may be silent on purpose, and it may be busy
		return c.try(to.dnsServer, name, address, patience)
	})
}

// has is a check that every one of the servers answers a record.
func (p *pair) has(name, address string, servers ...*dnsServer) func() error {
	return func() error {
		for _, s := range servers {
			got, err := dig(s.host, s.addr, s.port, name+"."+pairZone, "A")
			if err != nil {
				return err
			}
			if !slices.Contains(got, address) {
				return fmt.Errorf("%s answers %v for %s", s.addr, got, name)
			}
		}
		return nil
	}
}

// servers are both partners and all secondaries.
func (p *pair) servers() []*dnsServer {
	var out []*dnsServer
	for _, n := range p.partners() {
		out = append(out, n.dnsServer)
	}
	for _, s := range p.secondaries {
		out = append(out, s.dnsServer)
	}
	return out
}

// equal waits until all servers have the same serial and the same zone, which is returned.
func (p *pair) equal(t *testing.T, what string) (records []string, serial uint32) {
	t.Helper()
	took := eventually(t, "all servers are equal "+what, func() error {
		var err error
		if serial, err = p.sameSerial(); err != nil {
			return err
		}
		if serial, records, err = zoneAt(p.main.dnsServer); err != nil {
			return err
		}
		for _, s := range p.servers()[1:] {
			theirs, content, err := zoneAt(s)
			if err != nil {
				return err
			}
			if theirs != serial {
				return fmt.Errorf("%s has serial %d, main has %d", p.named(s), theirs, serial)
			}
			if !slices.Equal(content, records) {
				return fmt.Errorf("%s has another zone of serial %d than main: %d and %d records", p.named(s), serial, len(content), len(records))
			}
		}
		return nil
	})
	t.Logf("%s: all equal after %s, serial %d, %d records", what, took.Round(time.Millisecond), serial, len(records))
	return records, serial
}

// sameSerial is the serial of all servers; there is an error when there is none.
func (p *pair) sameSerial() (serial uint32, err error) {
	for i, s := range p.servers() {
		conn, err := s.dial("udp", s.endpoint(), time.Second)
		if err != nil {
			return 0, err
		}
		now, ok := askSerial(conn)
		conn.Close()
		if i == 0 {
			serial = now
		}
		if !ok || now != serial {
			return 0, fmt.Errorf("%s has serial %d (answered: %t), %s has %d", p.named(s), now, ok, p.main.name, serial)
		}
	}
	return serial, nil
}

// named is what a server is called in messages.
func (p *pair) named(s *dnsServer) string {
	for _, n := range p.partners() {
		if n.dnsServer == s {
			return n.name
		}
	}
	for _, x := range p.secondaries {
		if x.dnsServer == s {
			return x.kind + " fed by " + x.feed
		}
	}
	return s.addr
}
