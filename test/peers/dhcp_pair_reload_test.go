package peers

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestDHCPPairMCLTChanged: the bound on leases and the wait of partner-down are one number. Made longer at the main while the two are parted,
// it must not count before the backup knows it: the backup, told that the main is down, would wait by the shorter one.
func TestDHCPPairMCLTChanged(t *testing.T) {
	t.Parallel()
	p := startLeasePair(t, pairPlan{mclt: "2s", lease: "30s"})
	mend := p.main.cut(t, p.backup.host)
	eventually(t, "noticed", p.main.is("communications-interrupted"))
	p.main.change(t, `mclt = "2s"`, `mclt = "6s"`)
	p.main.signal(t, syscall.SIGHUP)
	eventually(t, "the file is read", p.main.proc.says("msg=reloaded"))
	atMain := newCrowd(t, p.host(t, "near-main", 4), p.main.host)
	if l, _ := atMain.newcomer(t, 1); l.Time > 2*time.Second {
		t.Errorf("a lease of %s: the backup knows of an MCLT of 2s only", l.Time)
	}
	mend()
	p.normal(t)
	for _, n := range []*leasePartner{p.main, p.backup} {
		if v := n.view(t); v.MCLT != 6 {
			t.Errorf("the %s counts with an MCLT of %ds after contact", n.role, v.MCLT)
		}
	}
	if l, _ := atMain.newcomer(t, 2); l.Time != 6*time.Second {
		t.Errorf("a lease of %s when both know", l.Time)
	}
	// And by a reload, in contact.
	p.main.change(t, `mclt = "6s"`, `mclt = "4s"`)
	p.main.signal(t, syscall.SIGHUP)
	eventually(t, "the backup is told", func() error {
		for _, n := range []*leasePartner{p.main, p.backup} {
			if s, err := n.status(); err != nil || s.Pairs[0].MCLT != 4 || s.Pairs[0].State != "normal" {
				return fmt.Errorf("the %s: %+v, %w", n.role, s.Pairs, err)
			}
		}
		return nil
	})
}

// TestDHCPPairTakenAway: a main that goes on as a single server, and later gets its partner back, has its own history: what it gave alone the
// partner learns before it serves (decision D-l).
func TestDHCPPairTakenAway(t *testing.T) {
	t.Parallel()
	p := startLeasePair(t, pairPlan{})
	p.people(t)
	whole, err := os.ReadFile(p.main.conf)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, _ := strings.Cut(string(whole), "[[failover]]")
	_, scope, _ := strings.Cut(rest, "[[scope]]")
	single := head + "[[scope]]" + strings.ReplaceAll(scope, "failover = \"pair1\"\n", "")
	p.backup.proc.stop(syscall.SIGTERM)
	p.main.write(t, single)
	p.main.signal(t, syscall.SIGHUP)
	eventually(t, "a reload is refused: it needs a start", func() error {
		if out := p.main.operate(t, 0, "status"); !strings.Contains(out, "cannot come or go while the server runs: restart it") {
			return fmt.Errorf("%s", out)
		}
		return nil
	})
	p.main.proc.stop(syscall.SIGTERM)
	p.main.up(t)
	for n := range 4 {
		p.crowd.settle(t, n)
	}
	p.main.write(t, string(whole))
	p.main.proc.stop(syscall.SIGTERM)
	p.main.up(t)
	p.backup.up(t)
	t.Logf("both in normal %s after", p.normal(t).Round(time.Millisecond))
	eventually(t, "the backup knows everybody's lease", p.backup.known(p.crowd))
	p.crowd.from(t, p.main)
	p.kept(t)
}
