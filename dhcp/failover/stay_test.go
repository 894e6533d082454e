package failover

import (
	"testing"

	"loadshare/dhcp/failover/wire"
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

// "Leased ones after last potential + MCLT": a client that had its address before the partner was declared down gives it back, comes again and
// gives it back once more. That is one stay still: nobody else has had the address, and a partner that is not down after all may renew it to
// the end that it was told (simulation, seed 72705: the second return gave the address to another client at once).
func TestAStayThatGoesOnInPartnerDownIsNotNew(t *testing.T) {
	m := &Machine{cfg: Config{Role: Main, MCLT: 60}}
	m.saved.State, m.saved.Down = wire.PartnerDown, 1000
	stay, _ := lease.Lease{IP: 1, State: lease.Free}.Grant(alice, 900, 1050)
	stay.Sent, stay.Acked = 1110, 1110
	stay, _ = stay.Release(alice, 1020)
	if at := m.ReuseAt(stay); at < 1110+60 {
		t.Fatalf("given back once: at %d", at)
	}
	stay, _ = stay.Grant(alice, 1030, 1090)
	stay, _ = stay.Release(alice, 1040)
	if at := m.ReuseAt(stay); at < 1110+60 {
		t.Errorf("given back twice: at %d, and the partner may renew until 1110", at)
	}
	// What began after the partner went down it cannot know.
	other, _ := lease.Lease{IP: 2, State: lease.Free}.Grant(alice, 1030, 1090)
	other, _ = other.Release(alice, 1040)
	if at := m.ReuseAt(other); at > 1042 {
		t.Errorf("a new one: at %d", at)
	}
}
