package peers

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"loadshare/internal/dhcpclient"
)

// leaseTimes are what a server knows of an address.
type leaseTimes struct {
	State, Hardware string
	ToldEnd         *time.Time `json:"told_end"`
	Sent            *time.Time `json:"potential_sent"`
	Acked           *time.Time `json:"potential_acked"`
	Received        *time.Time `json:"potential_received"`
}

func (n *leasePartner) times(t *testing.T, ip netip.Addr) (l leaseTimes) {
	t.Helper()
	out, err := n.ask("lease", "show", ip.String())
	if err := errors.Join(err, json.Unmarshal(out, &l)); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return l
}

// potential is the latest end that either server may have promised, less the MCLT.
func (l leaseTimes) potential() (latest time.Time) {
	for _, at := range []*time.Time{l.ToldEnd, l.Sent, l.Acked, l.Received} {
		if at != nil && at.After(latest) {
			latest = *at
		}
	}
	return latest
}

// TestDHCPPairPartnerDown: "true partner-down: own share at once; partner's after MCLT; leased ones after last potential + MCLT; never two
// holders". A pool of ten: five for each.
func TestDHCPPairPartnerDown(t *testing.T) {
	t.Parallel()
	const mclt = 2 * time.Second
	p := startLeasePair(t, pairPlan{mclt: "2s", lease: "3s", last: 109})
	// Two clients of the main, which fall silent with their leases.
	leased := map[netip.Addr]time.Time{}
	for n := range 2 {
		l, _ := p.crowd.newcomer(t, n)
		leased[l.IP] = time.Time{}
	}
	p.normal(t)
	p.main.proc.kill9()
	for ip := range leased {
		leased[ip] = p.backup.times(t, ip).potential().Add(mclt)
	}
	eventually(t, "noticed", p.backup.is("communications-interrupted"))
	own := map[netip.Addr]bool{}
	for n := range 5 {
		own[p.crowd.settle(t, 100+n).IP] = true
	}
	if _, ok := p.crowd.get(200); ok {
		t.Error("an address is given that is neither in the own share nor claimed")
	}
	claimed := time.Now()
	p.backup.operate(t, 0, "dhcp-pair", "partner-down", "--reason", "fire")
	v := p.backup.view(t)
	if v.State != "partner-down" || v.Reason != "by operator" || v.Next == nil && time.Since(claimed) < mclt {
		t.Errorf("%+v: partner-down by the operator, and what is waited for", v)
	}
	for n := range 5 {
		l := p.crowd.settle(t, 300+n)
		earliest, was := leased[l.IP]
		if !was {
			earliest = claimed.Add(mclt)
		}
		if early := time.Until(earliest); early > 0 || own[l.IP] {
			t.Errorf("%s is given %s early (leased before: %v, own: %v)", l.IP, early, was, own[l.IP])
		}
		t.Logf("%s given %s after the claim, leased before: %v", l.IP, time.Since(claimed).Round(100*time.Millisecond), was)
	}
	p.main.up(t)
	t.Logf("both in normal %s after the main's start", p.normal(t).Round(time.Millisecond))
	eventually(t, "the main knows everybody's lease", p.main.known(p.crowd))
	p.kept(t)
}

// TestDHCPPairSafePeriod: checklist D34: with use_safe_period the survivor counts down, goes to partner-down by itself, and takes the dead
// partner's share after the MCLT. A pool of ten: five for each.
func TestDHCPPairSafePeriod(t *testing.T) {
	t.Parallel()
	p := startLeasePair(t, pairPlan{failover: "use_safe_period = true\nsafe_period = \"3s\"", mclt: "2s", lease: "4s", last: 109})
	p.main.proc.kill9()
	died := time.Now()
	eventually(t, "it counts down", func() error {
		v := p.backup.view(t)
		if v.State == "communications-interrupted" && v.Next != nil && strings.HasPrefix(v.Next.What, "partner-down by the safe period") {
			return nil
		}
		if v.State == "partner-down" && time.Since(died) > 3*time.Second { // nobody looked meanwhile
			return nil
		}
		return fmt.Errorf("%+v", v)
	})
	seen := map[netip.Addr]bool{}
	for n := range 5 {
		seen[p.crowd.settle(t, n).IP] = true
	}
	eventually(t, "partner-down by itself", p.backup.is("partner-down", "safe period over"))
	if took := time.Since(died); took < 3*time.Second {
		t.Errorf("after %s already", took)
	}
	for n := range 5 {
		seen[p.crowd.settle(t, 10+n).IP] = true
	}
	if took := time.Since(died); len(seen) != 10 || took < 5*time.Second {
		t.Errorf("%d addresses of ten %s after the death; the main's share is safe after 3s and the MCLT of 2s", len(seen), took)
	}
	p.main.up(t)
	p.normal(t)
	eventually(t, "the main knows everybody's lease", p.main.known(p.crowd))
	p.kept(t)
}

// TestDHCPPairSafePeriodInACut: "false partner-down; safe period: both serve; never an undetected duplicate after contact": the link is cut,
// both live, and each takes the other for dead. They meet in potential-conflict, and end in normal. A pool of eight, four for each; two
// relays, each of which reaches one server only.
func TestDHCPPairSafePeriodInACut(t *testing.T) {
	t.Parallel()
	p := startLeasePair(t, pairPlan{failover: "use_safe_period = true\nsafe_period = \"2s\"", mclt: "2s", lease: "20s", last: 107})
	mend := p.main.cut(t, p.backup.host)
	for _, n := range []*leasePartner{p.main, p.backup} {
		eventually(t, "partner-down by itself", n.is("partner-down", "safe period over"))
	}
	atMain, atBackup := newCrowd(t, p.host(t, "near-main", 4), p.main.host), newCrowd(t, p.host(t, "near-backup", 5), p.backup.host)
	for n := range 6 {
		atMain.settle(t, 10+n)
		atBackup.settle(t, 20+n)
	}
	theirs, twice := atBackup.valid(), map[string][2]string{}
	for ip, h := range atMain.valid() {
		if o, ok := theirs[ip]; ok {
			twice[ip.String()] = [2]string{dhcpclient.MAC(h.client).String(), dhcpclient.MAC(o.client).String()}
		}
	}
	if len(twice) < 4 {
		t.Fatalf("%d addresses are given twice: each gave six of eight", len(twice))
	}
	mend()
	t.Logf("both in normal %s after contact", p.normal(t).Round(time.Millisecond))
	for _, n := range []*leasePartner{p.main, p.backup} {
		if log := n.proc.log.String(); !strings.Contains(log, "to=POTENTIAL-CONFLICT") {
			t.Errorf("the %s was not in potential-conflict", n.role)
		}
		v := n.view(t)
		for ip, who := range twice {
			if !listed(v.Conflicts, ip, who[0], who[1]) {
				t.Errorf("the %s lists %v: not that %s is %s's, and was %s's too", n.role, v.Conflicts, ip, who[0], who[1])
			}
		}
	}
	eventually(t, "every address has one holder", func() error {
		theirs := atBackup.valid()
		for ip, h := range atMain.valid() {
			if o, ok := theirs[ip]; ok {
				return fmt.Errorf("%s is client %d's and client %d's", ip, h.client, o.client)
			}
		}
		return nil
	})
	atBackup.takeFaults() // the losers are told so
	if n := atMain.counted().lost; n > 0 {
		t.Errorf("%d of the main's clients lost their address", n)
	}
}

// TestDHCPPairFalsePartnerDown: "false partner-down: never an undetected duplicate after contact; duplicates possible after MCLT; listed",
// decision D-a: "each is found at first contact, listed with both clients, resolved without a restart". A pool of eight, four for each; two
// relays, each of which reaches one server only.
func TestDHCPPairFalsePartnerDown(t *testing.T) {
	t.Parallel()
	const mclt = 2 * time.Second
	p := startLeasePair(t, pairPlan{mclt: "2s", lease: "4s", last: 107})
	atMain := newCrowd(t, p.host(t, "near-main", 4), p.main.host)
	atBackup := newCrowd(t, p.host(t, "near-backup", 5), p.backup.host)
	mend := p.main.cut(t, p.backup.host)
	eventually(t, "noticed", p.backup.is("communications-interrupted"))
	eventually(t, "noticed", p.main.is("communications-interrupted"))
	for n := range 2 {
		atMain.settle(t, 10+n)
	}
	claimed := time.Now()
	p.backup.operate(t, 0, "dhcp-pair", "partner-down", "--reason", "a mistake")
	type duplicate struct {
		ip           netip.Addr
		main, backup int
	}
	var dups []duplicate
	for n := range 8 {
		l := atBackup.settle(t, 20+n)
		if h, ok := atMain.valid()[l.IP]; ok {
			dups = append(dups, duplicate{l.IP, h.client, 20 + n})
			if early := time.Until(claimed.Add(mclt)); early > 0 {
				t.Errorf("%s is given to a second client %s before the MCLT is over", l.IP, early)
			}
		}
	}
	if len(dups) != 2 {
		t.Fatalf("%d duplicates: %v; all eight addresses are given by one, two by the other", len(dups), dups)
	}
	mend()
	t.Logf("both in normal %s after contact", p.normal(t).Round(time.Millisecond))
	for _, n := range []*leasePartner{p.main, p.backup} {
		v := n.view(t)
		for _, d := range dups {
			kept, lost := dhcpclient.MAC(d.main).String(), dhcpclient.MAC(d.backup).String()
			if !listed(v.Conflicts, d.ip.String(), kept, lost) {
				t.Errorf("the %s lists %v: not that %s is the main's client's %s, and was %s's too", n.role, v.Conflicts, d.ip, kept, lost)
			}
		}
	}
	eventually(t, "every address has one holder", func() error {
		theirs := atBackup.valid()
		for ip, h := range atMain.valid() {
			if o, ok := theirs[ip]; ok {
				return fmt.Errorf("%s is client %d's and client %d's", ip, h.client, o.client)
			}
		}
		return nil
	})
	atBackup.takeFaults() // the losers are told so
	if n := len(atMain.valid()); n != 2 || atMain.counted().lost > 0 {
		t.Errorf("%d of the main's two clients have their address", n)
	}
}

func listed(list []dhcpConflict, ip, kept, lost string) bool {
	for _, c := range list {
		if c.Address == ip && strings.Contains(c.Kept, kept) && strings.Contains(c.Lost, lost) {
			return true
		}
	}
	return false
}
