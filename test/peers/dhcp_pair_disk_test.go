package peers

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"loadshare/internal/dhcpclient"
)

// TestDHCPPairDiskLost: "one disk lost: new clients by the survivor; the lost one waits MCLT; renewing: survivor; never two holders".
func TestDHCPPairDiskLost(t *testing.T) {
	t.Parallel()
	p := startLeasePair(t, pairPlan{})
	p.people(t)
	p.main.proc.kill9()
	if err := p.main.wipe(); err != nil {
		t.Fatal(err)
	}
	lost := time.Now()
	p.main.up(t)
	p.recovers(t, p.main, "updates received")
	if took := time.Since(lost); took < 3*time.Second {
		t.Errorf("normal %s after it was lost: the MCLT of 3s is to be waited for", took)
	}
	eventually(t, "the main knows everybody's lease", p.main.known(p.crowd))
	p.kept(t)
}

// recovers follows a server that has forgotten: it serves nobody, its partner does, until the MCLT is over.
func (p *leasePair) recovers(t *testing.T, n *leasePartner, reason string) {
	t.Helper()
	waits := regexp.MustCompile(fmt.Sprintf("reason=%q .*from=RECOVER to=RECOVER-WAIT", reason)) // which may be over before anybody looks at the status
	eventually(t, "it has what the partner knows, and waits", func() error {
		if !waits.MatchString(n.proc.log.String()) {
			return errors.New("it has not said so")
		}
		return nil
	})
	if v := n.view(t); v.State == "recover-wait" && (v.Next == nil || v.Serving) {
		t.Errorf("%+v: the wait is counted down, and nobody is served", v)
	}
	p.crowd.from(t, p.other(n))
	t.Logf("both in normal %s after", p.normal(t).Round(time.Millisecond))
}

// TestDHCPPairSnapshot: "a snapshot restored: as disk lost, found by itself; MCLT from its last record".
func TestDHCPPairSnapshot(t *testing.T) {
	t.Parallel()
	p := startLeasePair(t, pairPlan{mclt: "5s"})
	p.people(t)
	state, snapshot := filepath.Join(p.main.dir, "state"), filepath.Join(p.main.dir, "snapshot")
	p.main.proc.kill9()
	output(t, exec.Command("cp", "-a", state, snapshot))
	p.main.up(t)
	p.normal(t)
	p.crowd.from(t, p.main)
	p.crowd.newcomer(t, 1)
	p.main.proc.kill9()
	if err := p.main.wipe(); err != nil {
		t.Fatal(err)
	}
	output(t, exec.Command("cp", "-a", snapshot+"/.", state))
	p.main.up(t)
	p.recovers(t, p.main, "updates received")
	eventually(t, "the main knows everybody's lease", p.main.known(p.crowd))
	p.kept(t)
}

// TestDHCPPairPowerLost: "both lose power: new clients after start, normal or 15 s; never an ACK that left".
func TestDHCPPairPowerLost(t *testing.T) {
	t.Parallel()
	p := startLeasePair(t, pairPlan{mclt: "20s", lease: "60s"})
	had := map[int]dhcpclient.Lease{}
	for n := range 8 {
		had[n], _ = p.crowd.newcomer(t, n)
	}
	p.main.proc.kill9()
	p.backup.proc.kill9()
	p.backup.up(t)
	p.main.up(t)
	t.Logf("both in normal %s after", p.normal(t).Round(time.Millisecond))
	for n, l := range had {
		asked := time.Now()
		got := answered(t, fmt.Sprintf("client %d, which had %s,", n, l.IP), func() (dhcpclient.Lease, error) { return p.crowd.relay.Renew(t.Context(), p.crowd.client(n), l) })
		if got.IP != l.IP {
			t.Errorf("client %d, which had %s, has %s", n, l.IP, got.IP)
		}
		p.crowd.acked(n, got, asked, false)
	}
	p.crowd.newcomer(t, 100)
	eventually(t, "the backup knows everybody's lease", p.backup.known(p.crowd))
}

// TestDHCPPairPowerLostOneReturns: the same where one stays away: the other serves after 15 s.
func TestDHCPPairPowerLostOneReturns(t *testing.T) {
	t.Parallel()
	p := startLeasePair(t, pairPlan{mclt: "30s", lease: "60s"})
	l, _ := p.crowd.newcomer(t, 1)
	p.main.proc.kill9()
	p.backup.proc.kill9()
	p.main.up(t)
	if v := p.main.view(t); v.State != "startup" || v.Next == nil || v.Next.Seconds > 15 {
		t.Errorf("%+v: the wait for the partner is counted down", v)
	}
	eventually(t, "it goes on alone", p.main.is("communications-interrupted", "startup over"))
	got := answered(t, "the client that had "+l.IP.String(), func() (dhcpclient.Lease, error) { return p.crowd.relay.Renew(t.Context(), p.crowd.client(1), l) })
	if got.IP != l.IP {
		t.Errorf("the client that had %s has %s", l.IP, got.IP)
	}
	p.crowd.newcomer(t, 2)
}

// TestDHCPPairDiskFull: "disk full, EIO: new clients: partner at once; renewing: partner; never an ACK not on disk", decision H-i.
func TestDHCPPairDiskFull(t *testing.T) {
	t.Parallel()
	p := newLeasePair(t, pairPlan{last: 219})
	state := filepath.Join(p.main.dir, "state")
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=48m,mode=700", "none", state).CombinedOutput(); err != nil {
		missing(t, fmt.Sprintf("mount -t tmpfs: %v %s", err, out))
	}
	t.Cleanup(func() {
		p.main.proc.kill9()
		output(t, exec.Command("umount", state))
	})
	p.main.up(t)
	p.backup.up(t)
	p.normal(t)
	p.crowd.live(1000, 8)
	p.crowd.from(t, p.main)
	fill(t, filepath.Join(state, "ballast"))
	p.wear(t, func() bool { return p.main.alarm("unfit")() == nil })
	eventually(t, "the main says so", p.main.is("paused", "unfit"))
	p.crowd.from(t, p.backup)
	eventually(t, "the backup serves alone", p.backup.is("communications-interrupted", "partner's state"))
	p.crowd.newcomer(t, 1)
	p.main.operate(t, 4, "dhcp-pair", "resume")
	if err := os.Remove(filepath.Join(state, "ballast")); err != nil {
		t.Fatal(err)
	}
	p.main.proc.kill9()
	p.main.up(t)
	t.Logf("with room again, restarted: both in normal %s after", p.normal(t).Round(time.Millisecond))
	eventually(t, "the main knows everybody's lease", p.main.known(p.crowd))
	p.kept(t)
}

// wear has the main write until enough says so: what it had reserved of the disk beforehand must be used up.
func (p *leasePair) wear(t *testing.T, enough func() bool) {
	t.Helper()
	h := p.host(t, "wear", 9)
	g := h.generator(t, dhcpclient.Config{Servers: []netip.AddrPort{netip.AddrPortFrom(addrOf(p.main.host), 67)}, Wait: 100 * time.Millisecond, Tries: 2})
	begun := time.Now()
	leases := 0
	eventually(t, "the disk is full", func() error {
		for _, kind := range []dhcpclient.Kind{dhcpclient.New, dhcpclient.Release} {
			r, err := g.Run(t.Context(), dhcpclient.Load{Kind: kind, First: 100_000, Clients: 40})
			if err != nil {
				return err
			}
			leases += r.Kept
		}
		if !enough() {
			return errors.New("not yet")
		}
		return nil
	})
	t.Logf("the disk was full after %s and %d leases and releases", time.Since(begun).Round(time.Millisecond), leases)
}
