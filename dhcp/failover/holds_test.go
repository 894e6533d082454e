package failover

import (
	"testing"

	"loadshare/dhcp/lease"
)

// D-b: "Each server keeps, per address and client, the latest end it or its partner ever told that client. Only that client's RELEASE or
// DECLINE lowers it." The client declined at the main, came back to the backup, which the main did not reach, and an operator freed the
// address there, not sure. The main's ABANDONED stands; that the backup holds the address for the client the main must know, or it gives it
// away when it tries it again (simulation, seed 10795).
func TestWhatOneHoldsTheOtherHolds(t *testing.T) {
	backup, _ := lease.Lease{IP: 1, State: lease.Active, Client: alice, CLTT: 1000, End: 2000, ToldEnd: 2000}.Clear(1500, false)
	backup.Owed = true
	main := lease.Lease{IP: 1, State: lease.Abandoned, Client: alice, Start: 900, CLTT: 900, End: 1600, Owed: true}
	j := judge(backup, BindingOf(main, false), facts{role: Backup, now: 1500, slack: 1})
	if j.reject != 0 || j.lease.State != lease.Abandoned || j.lease.Hold != 2000 || !j.lease.Owed {
		t.Fatalf("the backup: %v %+v", j.reject, j.lease)
	}
	main.Owed = false
	j2 := judge(main, BindingOf(j.lease, false), facts{role: Main, now: 1501, slack: 1})
	if j2.reject != 0 || j2.lease.Hold != 2000 || j2.lease.Owed {
		t.Errorf("the main: %v %+v", j2.reject, j2.lease)
	}
	// An ISC dhcpd is told nothing that it has no option for, and is not told again and again.
	if b := BindingOf(j.lease, true); b.Hold != 0 {
		t.Errorf("said to an ISC dhcpd: %+v", b)
	}
	if j := judge(backup, BindingOf(main, true), facts{role: Backup, isc: true, now: 1500, slack: 1}); j.lease.Owed {
		t.Errorf("owed to an ISC dhcpd: %+v", j.lease)
	}
}

// "One disk lost: never two holders": a server that has lost its disk learns what is held from its partner, for an address in any state.
func TestALostDiskLearnsWhatIsHeld(t *testing.T) {
	for _, s := range []lease.State{lease.Free, lease.Active, lease.Expired, lease.Released, lease.Abandoned, lease.Reset, lease.Backup} {
		own := lease.Lease{IP: 1, State: s, Client: alice, Start: 900, CLTT: 900, End: 1000, Hold: 2000}
		j := judge(lease.Lease{IP: 1, State: lease.Free}, BindingOf(own, false), facts{role: Main, stands: true, now: 1500, slack: 1})
		if j.reject != 0 || j.lease.Hold < 2000 {
			t.Errorf("%s: %v, held until %d", s, j.reject, j.lease.Hold)
		}
	}
}

// The operator who is sure frees the address on both, whatever either held before.
func TestWhoIsSureFreesBoth(t *testing.T) {
	own := lease.Lease{IP: 1, State: lease.Active, Client: alice, CLTT: 1000, End: 2000, ToldEnd: 2000, Hold: 1900}
	other := own
	own, _ = own.Clear(1500, true)
	own.Owed = true
	j := judge(other, BindingOf(own, false), facts{role: Backup, now: 1500, slack: 3})
	if j.reject != 0 || j.lease.State != lease.Free || j.lease.Hold != 0 || j.lease.Owed {
		t.Errorf("%v %+v", j.reject, j.lease)
	}
	if own, _ = own.Confirm(1501); own.Hold != 0 {
		t.Errorf("confirmed: held until %d", own.Hold)
	}
}

// Two that tell each other what they hold come to an end: neither owes the other when both have been told.
func TestHoldsAreToldOnce(t *testing.T) {
	for _, holds := range [][2]int64{{0, 2000}, {2000, 0}, {2000, 2100}, {2100, 2000}, {2000, 2000}, {1000, 0}} {
		for _, s := range []lease.State{lease.Free, lease.Active, lease.Abandoned, lease.Backup} {
			of := func(hold int64) lease.Lease {
				return lease.Lease{IP: 1, State: s, Client: alice, Start: 900, CLTT: 900, End: 3000, ToldEnd: 3000, Hold: hold}
			}
			l := [2]lease.Lease{of(holds[0]), of(holds[1])}
			l[0].Owed = true
			from := 0
			for said := 0; l[from].Owed; said, from = said+1, 1-from {
				if said > 2 {
					t.Fatalf("%s %v: for ever: %+v", s, holds, l)
				}
				j := judge(l[1-from], BindingOf(l[from], false), facts{role: Role(2 - from), now: 1500, slack: 3})
				if j.reject != 0 {
					t.Fatalf("%s %v: %s", s, holds, j.text)
				}
				l[from].Owed, l[1-from] = false, j.lease
			}
			if most := max(holds[0], holds[1]); most > 1500 && (l[0].Hold != most || l[1].Hold != most) {
				t.Errorf("%s %v: held until %d and %d", s, holds, l[0].Hold, l[1].Hold)
			}
		}
	}
}

// What was told before another holder was heard of is not all that the partner must know.
func TestAHoldThatCameMeanwhileIsTold(t *testing.T) {
	d := newDesk(t, Config{Role: Main}, Start{})
	told := lease.Lease{IP: replayFirst, State: lease.Active, Client: alice, Start: 900, Began: d.wall + 1, CLTT: 900, End: 3000, ToldEnd: 3000, Owed: true}
	now := told
	now.Hold = 2500
	d.tab.leases[told.IP] = now
	d.m.confirmed(told)
	if l, _ := d.m.get(told.IP); !l.Owed {
		t.Errorf("not owed: %+v", l)
	}
	d.m.confirmed(now)
	if l, _ := d.m.get(told.IP); l.Owed {
		t.Errorf("still owed: %+v", l)
	}
	if ok, why := d.m.May(lease.Lease{IP: 1, State: lease.Free, Hold: d.wall}, bob, false); ok || why == Mine {
		t.Errorf("given in the second in which the other's clock may not have come to the end: %v", why)
	}
}
