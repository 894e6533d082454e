package failover

import (
	"testing"

	"loadshare/dhcp/lease"
)

// "A server never gives a lease longer than the MCLT past the potential expiration that the partner has acknowledged": of this stay. A client
// released its address, both knew; then the partners lost sight of each other, and the client came back. The partner has forgotten the
// potential end of the first stay: after partner-down and the MCLT it gives the address to another (simulation, seed 30455).
func TestWhatWasConfirmedOfAnEarlierStayDoesNotCount(t *testing.T) {
	const now, mclt = 1000, 60
	first, _ := lease.Lease{IP: 1, State: lease.Free}.Grant(alice, 900, 1500)
	first.Sent, first.Acked, first.Received = 1800, 1800, 1700
	released, _ := first.Release(alice, 950)
	expired := first
	expired.State = lease.Expired
	free, _ := released.Confirm(951)
	stale := first // of a store that was written before this rule
	stale.State = lease.Free
	for _, l := range []lease.Lease{released, expired, free, stale} {
		term := TermOf(l, alice, now, 600, mclt, true)
		again, ok := l.Grant(alice, now, term.End)
		again.Sent = term.Potential
		if !ok || again.End != now+mclt {
			t.Errorf("%s: until %d, want %d", l.State, again.End, now+mclt)
		}
		// nor at the renewal
		if term = TermOf(again, alice, now+30, 600, mclt, true); term.End != now+30+mclt {
			t.Errorf("%s, renewed: until %d, want %d", l.State, term.End, now+30+mclt)
		}
		// But if the partner has not heard that the stay was over, it may renew until then: that is waited for.
		if l.State.Waiting() && again.Sent < 1800 {
			t.Errorf("%s: waits for %d", l.State, again.Sent)
		}
		heard := accept(l, received(lease.Active, alice, 1060, 1000), facts{role: Main, now: now}).lease
		if heard.Acked != 0 {
			t.Errorf("%s, and given by the partner: confirmed until %d", l.State, heard.Acked)
		}
	}
	if free.Sent+free.Acked+free.Received != 0 {
		t.Errorf("free: %+v", free)
	}
	// One stay it is as long as the client has it.
	if term := TermOf(first, alice, now, 600, mclt, true); term.End != now+600 {
		t.Errorf("renewed: until %d", term.End)
	}
	// A server that finds its leases out of date believes nothing that was confirmed to it.
	if l := accept(first, received(lease.Active, alice, 1400, 1000), facts{stands: true, now: now}).lease; l.Acked != 0 {
		t.Errorf("a snapshot: confirmed until %d", l.Acked)
	}
}
