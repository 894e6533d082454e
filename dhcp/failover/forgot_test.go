package failover

import (
	"testing"

	"loadshare/dhcp/failover/wire"
	"loadshare/dhcp/lease"
)

// A partner that lost its disk may have renewed a lease without our knowledge, for MCLT past what it knew. When it ends here and the
// partner, which knows nothing any more, confirms that, the address is free, but nobody else's before.
func TestWhatTheForgetfulPartnerMayHavePromised(t *testing.T) {
	d := newDesk(t, Config{Role: Main}, Start{Saved: Saved{State: wire.CommInterrupted, Peer: wire.Normal, Paired: true}})
	old := lease.Lease{
		IP: replayFirst, State: lease.Expired, Client: alice, Start: d.wall - 5, End: d.wall - 10, ToldEnd: d.wall - 10, Began: d.wall - 500,
		Sent: d.wall + 40, Acked: d.wall + 40, Owed: true,
	}
	d.tab.leases[old.IP] = old
	d.step(Connected{Session: 1, Dialled: true}).hear(1, goodAck()).hear(1, wire.State{State: wire.Recover})
	d.step(Received{1, wire.Message{XID: 5, Body: wire.UpdReqAll{}}})
	for _, xid := range flyingXIDs(d.m) {
		d.step(Received{1, wire.Message{XID: xid, Body: wire.BndAck{Answers: []wire.Answer{{IP: old.IP}}}}})
	}
	l := d.tab.leases[old.IP]
	if want := d.wall + 40 + d.m.MCLT() + d.m.slack(); l.State != lease.Free || l.Owed || l.Hold != want {
		t.Fatalf("%s, owed %v, held until %d; want free, held until %d", l.State, l.Owed, l.Hold, want)
	}
	if ok, why := d.m.May(l, bob, false); ok || why != HeldBack {
		t.Errorf("for another: %v %v", ok, why)
	}
	if ok, _ := d.m.May(l, alice, false); !ok {
		t.Error("its client may have it back")
	}
	// A lease that began after the loss is no such.
	l.State, l.Hold, l.Began = lease.Expired, 0, d.wall+1
	if got := d.m.facts().held(l); got != 0 {
		t.Errorf("held until %d", got)
	}
}

// Partner-down ends when the partner, ready, has been told what it must know: else it would give an address of its share that was given
// here.
func TestPartnerDownEndsWhenAllIsTold(t *testing.T) {
	d := newDesk(t, Config{Role: Main}, Start{Saved: Saved{State: wire.PartnerDown, Peer: wire.Normal, Down: wallStart - 9000, Paired: true}})
	l, _ := lease.Lease{IP: replayFirst, State: lease.Backup}.Grant(alice, d.wall, d.wall+100)
	l.Owed = true
	d.tab.leases[l.IP] = l
	d.step(Connected{Session: 1, Dialled: true}).hear(1, goodAck()).hear(1, wire.State{State: wire.RecoverDone})
	xids := flyingXIDs(d.m)
	if d.m.State() != wire.PartnerDown || len(xids) != 1 {
		t.Fatalf("%s with %d updates unanswered", d.m.State(), len(xids))
	}
	d.step(Received{1, wire.Message{XID: xids[0], Body: wire.BndAck{Answers: []wire.Answer{{IP: l.IP}}}}})
	if d.m.State() != wire.Normal {
		t.Errorf("%s when all is told", d.m.State())
	}
}
