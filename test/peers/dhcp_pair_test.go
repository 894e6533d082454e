package peers

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"
)

// The tests of the DHCP pair are the rows of the promises' table (docs/dhcp-failover.md): what happens, what clients see, what never is.
// Every one has clients that come, renew, release and vanish meanwhile; crowd says what must never be, and fails the test.

// people are those of a test that has no others: some stay, some come and go.
func (p *leasePair) people(t *testing.T) {
	t.Helper()
	p.crowd.live(1000, 8)
	p.crowd.visit(2000, 6)
	eventually(t, "those who stay have an address", func() error {
		if n := len(p.crowd.valid()); n < 8 {
			return fmt.Errorf("%d have", n)
		}
		return nil
	})
}

// kept checks that no lease ended against its client's will.
func (p *leasePair) kept(t *testing.T) {
	t.Helper()
	if n := p.crowd.counted().lost; n > 0 {
		t.Errorf("%d leases ended though their clients asked for more all the time", n)
	}
}

// TestDHCPPairNormal: "none: new clients by role or hash; renewing: either server; first lease = MCLT; never two holders".
func TestDHCPPairNormal(t *testing.T) {
	t.Parallel()
	p := startLeasePair(t, pairPlan{})
	l, _ := p.crowd.newcomer(t, 1)
	if l.Server != addrOf(p.main.host) || l.Time > 3*time.Second {
		t.Errorf("the first lease is for %s by %s: it is the main's to give, the MCLT of 3s long", l.Time, l.Server)
	}
	p.people(t)
	eventually(t, "the main knows everybody's lease", p.main.known(p.crowd))
	eventually(t, "the backup knows everybody's lease", p.backup.known(p.crowd))
	p.crowd.from(t, p.main)
	stays(t, 3*time.Second, "normal lasts", func() error { return errors.Join(p.main.is("normal")(), p.backup.is("normal")()) })
	p.kept(t)
}

// TestDHCPPairProcessDies: "process dies: new clients at once; rebinding at once; never an ACK forgotten". poll_timeout and fast_detect are
// such that silence is not noticed: it is the connection that tells.
func TestDHCPPairProcessDies(t *testing.T) {
	t.Parallel()
	p := startLeasePair(t, pairPlan{detect: "10s", failover: "poll_interval = \"10s\"\npoll_timeout = \"60s\""})
	p.people(t)
	for _, n := range []*leasePartner{p.main, p.backup} {
		other := p.other(n)
		n.proc.kill9()
		eventually(t, "the survivor notices", other.is("communications-interrupted", "contact lost"))
		l, took := p.crowd.newcomer(t, len(n.role))
		if l.Server != addrOf(other.host) {
			t.Errorf("%s answers, which is dead", l.Server)
		}
		t.Logf("the %s died: the %s served a new client after %s", n.role, other.role, took.Round(time.Millisecond))
		p.crowd.from(t, other)
		eventually(t, "the survivor knows what the dead one told", other.known(p.crowd))
		n.up(t)
		t.Logf("both in normal %s after its start", p.normal(t).Round(time.Millisecond))
	}
	p.kept(t)
}

// other is the partner of one of the two.
func (p *leasePair) other(n *leasePartner) *leasePartner {
	if n == p.main {
		return p.backup
	}
	return p.main
}

// TestDHCPPairUpgrade: "SIGTERM, upgrade: new clients at once; two holders never", decision D-d: both return to normal by themselves.
func TestDHCPPairUpgrade(t *testing.T) {
	t.Parallel()
	p := startLeasePair(t, pairPlan{detect: "10s", failover: "poll_interval = \"10s\"\npoll_timeout = \"60s\""})
	p.people(t)
	for _, n := range []*leasePartner{p.backup, p.main} {
		n.proc.stop(syscall.SIGTERM)
		if n.proc.err != nil {
			t.Errorf("the %s ended with %v", n.role, n.proc.err)
		}
		p.crowd.from(t, p.other(n))
		n.up(t)
		t.Logf("the %s restarted: both in normal %s after", n.role, p.normal(t).Round(time.Millisecond))
	}
	eventually(t, "the main knows everybody's lease", p.main.known(p.crowd))
	p.kept(t)
}

// TestDHCPPairHostVanishes: "host vanishes: new clients within 1 s, or second try". Twice, with the default settings: a client that comes
// when the host vanishes, and does not ask again, has its address (with -quiet: within the second).
func TestDHCPPairHostVanishes(t *testing.T) {
	t.Parallel()
	p := startLeasePair(t, pairPlan{detect: "1s", probe: true})
	p.people(t)
	desk := newCrowd(t, p.host(t, "desk", 4), p.main.host, p.backup.host)
	desk.relay.Wait, desk.relay.Tries = 20*time.Second, 1 // poll_timeout is a minute
	for n := range 2 {
		mend := p.main.cut(t)
		begun := time.Now()
		l, ok := desk.get(1 + n)
		took := time.Since(begun)
		if !ok || l.Server != addrOf(p.backup.host) {
			t.Fatalf("a new client is served: %v, by %s", ok, l.Server)
		}
		t.Logf("the main's host vanished: the backup served a new client after %s", took.Round(time.Millisecond))
		if *quiet && took > time.Second {
			t.Error("this is more than a second")
		}
		eventually(t, "the backup notices", p.backup.is("communications-interrupted", "silence"))
		eventually(t, "the backup knows what the main told", p.backup.known(p.crowd))
		mend()
		t.Logf("both in normal %s after", p.normal(t).Round(time.Millisecond))
	}
	p.kept(t)
}

// TestDHCPPairFrozen: a server that stops for longer than its leases last (SIGSTOP) and wakes up is one that vanished: what it believes of
// the time before does no harm.
func TestDHCPPairFrozen(t *testing.T) {
	t.Parallel()
	p := startLeasePair(t, pairPlan{detect: "1s", mclt: "2s", lease: "3s"})
	p.people(t)
	p.main.signal(t, syscall.SIGSTOP)
	_, took := p.crowd.newcomer(t, 1)
	t.Logf("the main froze: the backup served a new client after %s", took.Round(time.Millisecond))
	time.Sleep(6 * time.Second) // both leases and the MCLT are over
	p.main.signal(t, syscall.SIGCONT)
	t.Logf("both in normal %s after", p.normal(t).Round(time.Millisecond))
	p.kept(t)
	eventually(t, "the main knows everybody's lease", p.main.known(p.crowd))
}

// TestDHCPPairLinkCut: "link cut, both alive: both serve, own shares; two holders never, however long; leases shrink to MCLT".
func TestDHCPPairLinkCut(t *testing.T) {
	t.Parallel()
	p := startLeasePair(t, pairPlan{mclt: "2s", lease: "4s", last: 119})
	p.people(t)
	mend := p.main.cut(t, p.backup.host)
	for _, n := range []*leasePartner{p.main, p.backup} {
		eventually(t, "notices", n.is("communications-interrupted", "silence"))
		p.crowd.from(t, n)
	}
	stays(t, 8*time.Second, "both stay alone", func() error {
		return errors.Join(p.main.is("communications-interrupted")(), p.backup.is("communications-interrupted")())
	})
	for ip, h := range p.crowd.valid() {
		if left := time.Until(h.end); left > 2*time.Second {
			t.Errorf("%s is told to client %d for %s more: not more than the MCLT of 2s is possible", ip, h.client, left)
		}
	}
	mend()
	t.Logf("both in normal %s after", p.normal(t).Round(time.Millisecond))
	p.kept(t)
	eventually(t, "leases are long again", func() error {
		for _, h := range p.crowd.valid() {
			if time.Until(h.end) > 2500*time.Millisecond {
				return nil
			}
		}
		return errors.New("none is longer than the MCLT")
	})
}
