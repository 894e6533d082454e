package failover

import (
	"testing"

	"loadshare/dhcp/failover/wire"
	"loadshare/dhcp/lease"
)

// A client that rebinds is acknowledged by both, and their updates cross. The partner's, with the earlier end, changes nothing here: what
// we told stands, and when the partner has confirmed it nothing is owed. Before, the confirmation was not listened to, and the address was
// owed until something else happened to it.
func TestUpdatesThatCrossAreConfirmed(t *testing.T) {
	d := isc(t, Main, Saved{State: wire.CommInterrupted, Paired: true})
	confirm := func(xid uint32, u wire.BndUpd) {
		d.step(Received{1, wire.Message{Time: uint32(d.wall), XID: xid, Body: wire.BndAck{Answers: []wire.Answer{{IP: u.Bindings[0].IP}}}}})
	}
	var sent []wire.Message
	heard := func() {
		for _, s := range d.out.Send {
			if _, ok := s.Message.Body.(wire.BndUpd); ok {
				sent = append(sent, s.Message)
			}
		}
	}
	d.hear(1, wire.State{State: wire.CommInterrupted, Since: 1})
	heard()
	d.hear(1, wire.State{State: wire.Normal, Since: uint32(d.wall)})
	if d.m.State() != wire.Normal {
		t.Fatalf("in %s", d.m.State())
	}
	for heard(); len(sent) > 0; heard() { // the shares
		m := sent[0]
		sent = sent[1:]
		confirm(m.XID, m.Body.(wire.BndUpd))
	}
	end := d.wall + 600
	l := lease.Lease{
		IP: replayFirst, State: lease.Active, Client: alice, Start: d.wall, Began: d.wall, End: end, ToldEnd: end, CLTT: d.wall,
		Sent: end + 3600, Received: end - 9, Owed: true,
	}
	d.tab.leases[l.IP] = l
	d.step(Committed{IPs: []lease.IP{l.IP}})
	heard()
	if len(sent) != 1 {
		t.Fatalf("told: %+v", d.said())
	}
	b := BindingOf(l, true)
	b.End, b.Potential = uint32(end-60), uint32(end-9)
	d.hear(1, wire.BndUpd{Bindings: []wire.Binding{b}})
	if ack, ok := last[wire.BndAck](d); !ok || ack.Answers[0].Reject != 0 || !d.tab.leases[l.IP].Owed {
		t.Fatalf("answered %+v, owed %v", d.said(), d.tab.leases[l.IP].Owed)
	}
	confirm(sent[0].XID, sent[0].Body.(wire.BndUpd))
	if got := d.tab.leases[l.IP]; got.Owed || got.ToldEnd != end {
		t.Errorf("%+v", got)
	}
}
