package engine

import (
	"testing"
	"time"

	"loadshare/dhcp/failover"
	"loadshare/dhcp/failover/wire"
	"loadshare/dhcp/lease"
	"loadshare/dhcp/packet"
	"loadshare/dhcp/scope"
)

// role restarts a server with another role.
func (n *simNode) role(r failover.Role) {
	n.crash()
	n.cfg.Pairs[0].Role = r
	n.start()
}

// TestARoleThatIsExchangedWaitsForThePartner: two servers with the same role would give the same share. Of two whose roles are exchanged
// the one that is restarted first refuses the partner, which has that role still, and serves nobody; when both have their new role they
// agree on whose share is whose, and go on.
func TestARoleThatIsExchangedWaitsForThePartner(t *testing.T) {
	x := newSim(t, 1, 2, func(*Config, *scope.Config) {})
	for _, n := range x.nodes {
		n.start()
	}
	x.normal(5 * time.Minute)
	main, backup := x.nodes[0], x.nodes[1]

	silent := func(when string) {
		t.Helper()
		if replies, _ := backup.tell(message(1, packet.Discover)); len(replies) != 0 {
			t.Errorf("%s it answers a client: %v", when, replies)
		}
	}
	backup.role(failover.Main)
	silent("just started")
	x.run(10 * time.Minute)
	silent("refused by the partner")
	if s, why := backup.state(), backup.m.pairs[0].m.Saved().Why; s != wire.Recover || why != failover.OtherRole {
		t.Errorf("one of two with its new role is in %s (%s), want recover (%s)", s, why, failover.OtherRole)
	}
	if main.state() != wire.CommInterrupted {
		t.Errorf("the other is in %s, want communications-interrupted: it serves on", main.state())
	}
	backup.role(failover.Main) // another restart does not forget it
	x.run(time.Minute)
	if backup.state() != wire.Recover {
		t.Errorf("after another restart it is in %s", backup.state())
	}
	silent("after another restart")

	main.role(failover.Backup)
	x.normal(10 * time.Minute)
	x.run(time.Minute)
	shares := map[lease.State]int{}
	for ip := simFirst; ip < simFirst+simPool; ip++ {
		a, b := main.m.get(ip).State, backup.m.get(ip).State
		if shares[a]++; a != b {
			t.Errorf("%s is %s at one and %s at the other", ip, a, b)
		}
	}
	if shares[lease.Free] == 0 || shares[lease.Backup] == 0 {
		t.Errorf("the shares are %v", shares)
	}
	offers, _ := backup.tell(message(1, packet.Discover))
	if len(offers) != 1 || backup.m.get(offers[0].YIAddr).State != lease.Free {
		t.Errorf("the new main offers %v: not of its share", offers)
	}
}
