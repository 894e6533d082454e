package peers

import (
	"errors"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestDHCPPairMaintenance: `dhcp-pair maintenance` (decision D-d): the partner takes everything over, the own share after the MCLT too; the
// server recovers when it is started again. Other orders do not help it out of there, and say so.
func TestDHCPPairMaintenance(t *testing.T) {
	t.Parallel()
	p := startLeasePair(t, pairPlan{mclt: "2s", lease: "4s", last: 109})
	p.main.operate(t, 0, "dhcp-pair", "maintenance")
	begun := time.Now()
	eventually(t, "the partner takes over", p.backup.is("partner-down", "partner stopped"))
	for _, order := range [][]string{{"resume"}, {"recover", "--at", "-1s"}} {
		out := p.main.operate(t, 4, append([]string{"dhcp-pair"}, order...)...)
		if !strings.Contains(out, "restart the service") {
			t.Errorf("%s: the refusal does not say what helps: %s", order, out)
		}
	}
	p.main.proc.stop(syscall.SIGTERM)
	if v := p.backup.view(t); time.Since(begun) < time.Second && (v.Next == nil || v.Next.Seconds > 3) {
		t.Errorf("%+v: the wait for the MCLT is counted down", v.Next)
	}
	seen := map[netip.Addr]bool{}
	for n := range 10 { // five of its own, five of the main's
		l := p.crowd.settle(t, n)
		seen[l.IP] = true
	}
	if len(seen) != 10 {
		t.Errorf("%d addresses of ten", len(seen))
	}
	p.main.up(t)
	t.Logf("both in normal %s after its start", p.normal(t).Round(time.Millisecond))
	eventually(t, "the main knows everybody's lease", p.main.known(p.crowd))
	p.kept(t)
}

// TestDHCPPairOrders: orders that make no sense are refused (exit code 4) with their reason, and change nothing; those that do end by
// themselves, or by one other order, in normal.
func TestDHCPPairOrders(t *testing.T) {
	t.Parallel()
	p := newLeasePair(t, pairPlan{})
	refused := func(n *leasePartner, why string, order ...string) {
		t.Helper()
		if out := n.operate(t, 4, append([]string{"dhcp-pair"}, order...)...); !strings.Contains(out, why) {
			t.Errorf("%s at the %s is refused otherwise than because: %s\n%s", order, n.role, why, out)
		}
	}
	p.main.up(t)
	refused(p.main, "--new-site", "partner-down")
	refused(p.main, "the partner is not connected", "maintenance")
	refused(p.main, "only in normal", "rebalance")
	p.main.operate(t, 0, "dhcp-pair", "partner-down", "--new-site", "--reason", "the backup comes next week")
	if l, _ := p.crowd.newcomer(t, 1); l.Server != addrOf(p.main.host) {
		t.Errorf("served by %s", l.Server)
	}
	p.backup.up(t)
	p.normal(t)
	p.people(t)
	for _, n := range []*leasePartner{p.main, p.backup} {
		refused(n, "the partner is connected: it is not down", "partner-down")
		refused(n, "not paused", "resume")
		n.operate(t, 2, "dhcp-pair", "recover")
		n.operate(t, 2, "dhcp-pair", "recover", "--at", "2199-01-01 00:00:00")
		n.operate(t, 4, "dhcp-pair", "status", "--pair", "nobody")
	}
	p.main.operate(t, 0, "dhcp-pair", "pause")
	refused(p.main, "in paused already", "pause")
	eventually(t, "the backup serves alone", p.backup.is("communications-interrupted", "partner's state"))
	if v := p.backup.view(t); len(v.Suggestions) != 0 {
		t.Errorf("%q is suggested beside a connected partner", v.Suggestions)
	}
	p.crowd.from(t, p.backup)
	p.main.operate(t, 0, "dhcp-pair", "resume")
	p.normal(t)
	p.main.operate(t, 0, "dhcp-pair", "rebalance")
	p.main.operate(t, 0, "dhcp-pair", "recover", "--at", "-1s")
	p.recovers(t, p.main, "updates received")
	p.backup.proc.kill9()
	eventually(t, "noticed", p.main.is("communications-interrupted"))
	refused(p.main, "the partner was heard until", "partner-down", "--at", "-1h")
	p.main.operate(t, 2, "dhcp-pair", "partner-down", "--at", "yesterday evening")
	p.backup.up(t)
	p.normal(t)
	p.kept(t)
}

// TestDHCPPairRolesExchanged: "Roles are exchanged by restarting both with the other role, one after the other": while only one of the two has
// its new role it serves nobody, or both would give the same share; it says what is to be done, and why the two do not speak. Once both have,
// they agree and serve. Twice, so that either is the first.
func TestDHCPPairRolesExchanged(t *testing.T) {
	t.Parallel()
	p := startLeasePair(t, pairPlan{mclt: "2s", lease: "6s"})
	p.people(t)
	exchange := map[string]string{"main": "backup", "backup": "main"}
	for turn, first := range []*leasePartner{p.main, p.backup} {
		second := p.other(first)
		for _, n := range []*leasePartner{first, second} {
			now := n.view(t).Role
			n.change(t, `role = "`+now+`"`, `role = "`+exchange[now]+`"`)
		}
		first.proc.stop(syscall.SIGTERM)
		first.up(t)
		p.crowd.from(t, second)
		if l, _ := p.crowd.newcomer(t, 10+turn); l.Server != addrOf(second.host) {
			t.Errorf("a new client is served by %s, whose role is the other's too", l.Server)
		}
		v := first.view(t)
		if v.Serving || v.Reason != "the configuration has another role" {
			t.Errorf("the one with its new role: %s, because: %s, serving %v", v.State, v.Reason, v.Serving)
		}
		if len(v.Suggestions) != 1 || !strings.Contains(v.Suggestions[0], "the other role in its configuration") {
			t.Errorf("what ends it is not suggested: %q", v.Suggestions)
		}
		eventually(t, "it says why the two do not speak", func() error {
			text := first.view(t).LastError + second.view(t).LastError
			if !strings.Contains(text, "configured as") {
				return errors.New(text)
			}
			return nil
		})
		second.proc.stop(syscall.SIGTERM)
		second.up(t)
		t.Logf("both in normal %s after the second had its new role", p.normal(t).Round(time.Millisecond))
		for _, n := range []*leasePartner{first, second} {
			eventually(t, "knows everybody's lease", n.known(p.crowd))
		}
		main := first
		if second.view(t).Role == "main" {
			main = second
		}
		if l, _ := p.crowd.newcomer(t, 20+turn); l.Server != addrOf(main.host) {
			t.Errorf("a new client is served by %s, not by the main, %s", l.Server, main.addr)
		}
	}
}
