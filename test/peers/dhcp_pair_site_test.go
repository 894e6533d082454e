package peers

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"loadshare/internal/dhcpclient"
)

// leasePair is two DHCP servers of ours that share their leases, each on a host of its own, and a relay with clients.
type leasePair struct {
	*lan
	main, backup *leasePartner
	crowd        *crowd
}

// leasePartner is one of the two.
type leasePartner struct {
	dhcpServer
	role, conf string
}

// pairPlan is how a pair differs from the usual one.
type pairPlan struct {
	failover string // lines of [[failover]]; mclt, backup_pct, lease_time and fast_detect have their own fields
	detect   string // fast_detect; "": 3s, in which a busy machine does not take a server for gone
	mclt     string // "": 3s
	lease    string // "": 6s
	backup   int    // backup_pct; 0: 50
	last     int    // of the addresses .100 to .last; 0: 139
	probe    bool   // addresses are probed before they are offered, which is the default
	more     string // end of the configuration: options of the scope, and other tables
}

// newLeasePair prepares a pair whose servers are not started.
func newLeasePair(t *testing.T, plan pairPlan) *leasePair {
	t.Helper()
	l := newLAN(t)
	p := &leasePair{lan: l}
	a, b := l.host(t, "main", 1), l.host(t, "backup", 2)
	key := output(t, exec.Command(loadshare(t), "key", "dhcp-pair"))
	p.main = newLeasePartner(t, l, plan, "main", a, b, key)
	p.backup = newLeasePartner(t, l, plan, "backup", b, a, key)
	p.crowd = newCrowd(t, l.host(t, "relay", 3), a, b)
	return p
}

func newLeasePartner(t *testing.T, l *lan, plan pairPlan, role string, own, other host, key string) *leasePartner {
	t.Helper()
	n := &leasePartner{dhcpServer: dhcpServer{host: own, dir: openDir(t)}, role: role}
	n.control = "unix:" + filepath.Join(n.dir, "dhcp.sock")
	if err := errors.Join(os.WriteFile(filepath.Join(n.dir, "pair.key"), []byte(key), 0o600), os.Mkdir(filepath.Join(n.dir, "state"), 0o700)); err != nil {
		t.Fatal(err)
	}
	n.conf = filepath.Join(n.dir, "dhcp.toml")
	n.write(t, n.text(l, plan, other))
	n.again = func() *proc { return start(t, "loadshare dhcp "+role, n.command(loadshare(t), "dhcp", "-c", n.conf)) }
	return n
}

func (n *leasePartner) text(l *lan, plan pairPlan, other host) string {
	for at, usual := range map[*string]string{&plan.mclt: "3s", &plan.lease: "6s", &plan.detect: "3s"} {
		if *at == "" {
			*at = usual
		}
	}
	if plan.backup == 0 {
		plan.backup = 50
	}
	if plan.last == 0 {
		plan.last = 139
	}
	return fmt.Sprintf(`listen = ["%[1]s:67"]
state_dir = "state"
[control]
listen = "%[2]s"
[[failover]]
name = "pair1"
role = "%[3]s"
address = "%[1]s"
partner = "%[4]s"
key = "pair.key"
mclt = "%[5]s"
backup_pct = %[6]d
fast_detect = "%[13]s"
%[7]s
[[scope]]
name = "cluster"
subnet = "%[8]s0/24"
ranges = ["%[8]s100-%[8]s%[9]d"]
failover = "pair1"
lease_time = "%[10]s"
ping_check = %[12]v
%[11]s
`, n.addr, n.control, n.role, other.addr, plan.mclt, plan.backup, plan.failover, l.prefix, plan.last, plan.lease, plan.more, plan.probe, plan.detect)
}

func (n *leasePartner) write(t *testing.T, text string) {
	t.Helper()
	if err := os.WriteFile(n.conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// change edits the configuration file; the server reads it at SIGHUP or its next start.
func (n *leasePartner) change(t *testing.T, old, by string) {
	t.Helper()
	text, err := os.ReadFile(n.conf)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), old) {
		t.Fatalf("the configuration has no %q", old)
	}
	n.write(t, strings.ReplaceAll(string(text), old, by))
}

// startLeasePair starts both and waits until they share.
func startLeasePair(t *testing.T, plan pairPlan) *leasePair {
	t.Helper()
	p := newLeasePair(t, plan)
	p.main.up(t)
	p.backup.up(t)
	p.normal(t)
	return p
}

func (n *leasePartner) up(t *testing.T) {
	t.Helper()
	n.restart(t)
}

// signal sends a signal that does not end it.
func (n *leasePartner) signal(t *testing.T, sig syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(-n.proc.cmd.Process.Pid, sig); err != nil {
		t.Fatal(err)
	}
}

func (n *leasePartner) wipe() error {
	state := filepath.Join(n.dir, "state")
	entries, err := os.ReadDir(state)
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(state, e.Name())))
	}
	return err
}

// dhcpPairStatus is the part of a server's status that the tests look at.
type dhcpPairStatus struct {
	Ready  bool
	Why    string
	Unfit  string
	Pairs  []dhcpPairView
	Alarms []struct{ Name, About, Text, Next string }
	Scopes []struct {
		Name                                            string
		Total, Free, Backup, Active, Abandoned, Waiting int
	}
	Relays []struct {
		Address string
		OneOnly bool `json:"one_only"`
	}
	DNS struct {
		Queued    int
		LastError string `json:"last_error"`
	}
	Orphans int
}

type dhcpPairView struct {
	Name, Role, State, Reason string
	LastError                 string `json:"last_error"`
	PartnerState              string `json:"partner_state"`
	MCLT                      int    `json:"mclt_seconds"`
	Connected, Serving        bool
	Unacked                   int
	Differs, Suggestions      []string
	Next                      *struct {
		What    string
		Seconds int `json:"in_seconds"`
	}
	Conflicts []dhcpConflict
}

type dhcpConflict struct{ Address, Kept, Lost string }

func (n *leasePartner) status() (s dhcpPairStatus, err error) {
	out, err := n.ask("status")
	if err != nil {
		return s, fmt.Errorf("%w: %s", err, out)
	}
	if err := json.Unmarshal(out, &s); err != nil {
		return s, fmt.Errorf("%w: %s", err, out)
	}
	return s, nil
}

func (n *leasePartner) view(t *testing.T) dhcpPairView {
	t.Helper()
	s, err := n.status()
	if err != nil || len(s.Pairs) == 0 {
		t.Fatalf("status of the %s: %v, %d pairs", n.role, err, len(s.Pairs))
	}
	return s.Pairs[0]
}

// is checks the state of the pair as this server has it, and its reason when one is given.
func (n *leasePartner) is(state string, reason ...string) func() error {
	return func() error {
		s, err := n.status()
		if err != nil {
			return err
		}
		for _, v := range s.Pairs {
			if v.State != state || len(reason) > 0 && v.Reason != reason[0] {
				return fmt.Errorf("the %s is in %s because: %s (connected: %v, unacked: %d), not in %s %v", n.role, v.State, v.Reason, v.Connected, v.Unacked, state, reason)
			}
		}
		return nil
	}
}

// alarm checks that an alarm stands.
func (n *leasePartner) alarm(name string) func() error {
	return func() error {
		s, err := n.status()
		if err != nil {
			return err
		}
		for _, a := range s.Alarms {
			if a.Name == name {
				return nil
			}
		}
		return fmt.Errorf("no alarm %s at the %s, but %+v", name, n.role, s.Alarms)
	}
}

// normal waits until both share their leases and owe each other nothing.
func (p *leasePair) normal(t *testing.T) time.Duration {
	t.Helper()
	return eventually(t, "both in normal, nothing owed", func() error {
		for _, n := range []*leasePartner{p.main, p.backup} {
			s, err := n.status()
			if err != nil {
				return err
			}
			for _, v := range s.Pairs {
				if v.State != "normal" || !v.Connected || v.Unacked > 0 {
					return fmt.Errorf("the %s is in %s because: %s (connected: %v, unacked: %d)", n.role, v.State, v.Reason, v.Connected, v.Unacked)
				}
			}
		}
		return nil
	})
}

// operate gives an order, and returns what it prints; code is its exit code.
func (n *leasePartner) operate(t *testing.T, code int, args ...string) string {
	t.Helper()
	out, err := exec.Command(loadshare(t), append(args, "-s", n.control)...).CombinedOutput()
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	if got != code {
		t.Fatalf("loadshare %s: exit code %d, want %d\n%s", strings.Join(args, " "), got, code, out)
	}
	return string(out)
}

// known checks that a server knows who has the addresses that clients have, each with the client.
func (n *leasePartner) known(c *crowd) func() error {
	return func() error {
		for ip, h := range c.valid() {
			if h.end.Before(time.Now().Add(time.Second)) {
				continue
			}
			out, err := n.ask("lease", "show", ip.String())
			var l struct{ State, Hardware string }
			if err := errors.Join(err, json.Unmarshal(out, &l)); err != nil {
				return err
			}
			if mac := dhcpclient.MAC(h.client).String(); l.State != "active" || l.Hardware != mac {
				return fmt.Errorf("%s is %s of %q at the %s, a client %s has it until %s", ip, l.State, l.Hardware, n.role, mac, h.end)
			}
		}
		return nil
	}
}

func addrOf(h host) netip.Addr { return netip.MustParseAddr(h.addr) }
