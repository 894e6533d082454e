package failover

import (
	"testing"

	"loadshare/dhcp/failover/wire"
	"loadshare/dhcp/lease"
)

// "No absorbing state: every conflict is resolved by rule": of two updates that cross, one is accepted, whatever the two servers have, who
// heard the client later. Refused by both, each would tell its own again for ever (simulation, seed 10429). Where one of them has an active
// lease both may refuse until it ends, no longer.
func TestOfTwoUpdatesThatCrossOneIsAccepted(t *testing.T) {
	none := []lease.State{lease.Free, lease.Expired, lease.Released, lease.Abandoned, lease.Reset, lease.Backup}
	for _, main := range none {
		for _, backup := range none {
			for _, heard := range [][2]int64{{1000, 1000}, {1000, 1100}, {1100, 1000}} {
				of := func(s lease.State, cltt int64) lease.Lease {
					return lease.Lease{IP: 1, State: s, Client: alice, Start: cltt, CLTT: cltt, Owed: true}
				}
				a, b := of(main, heard[0]), of(backup, heard[1])
				atMain := judge(a, BindingOf(b, false), facts{role: Main, flying: true, now: 1500, slack: 1})
				atBackup := judge(b, BindingOf(a, false), facts{role: Backup, flying: true, now: 1500, slack: 1})
				if atMain.reject != 0 && atBackup.reject != 0 {
					t.Errorf("main %s heard %d, backup %s heard %d: both refuse: %s; %s", main, heard[0], backup, heard[1], atMain.text, atBackup.text)
				}
			}
		}
	}
}

// The two offer what was refused after different times, or what crosses once would cross each time.
func TestRefusedUpdatesDoNotCrossEachTime(t *testing.T) {
	at := map[Role]int64{}
	for _, role := range []Role{Main, Backup} {
		d := newDesk(t, Config{Role: role}, Start{})
		d.m.retryLater(replayFirst)
		at[role] = int64(d.m.updates.retryAt - d.mono)
	}
	if at[Main] == at[Backup] || at[Main] != int64(refusedRetry) {
		t.Errorf("both after %v", at)
	}
}

// The same over the draft's link: the client declined here and came back there. Its server keeps it, and this server must believe that, or both
// would refuse each other as long as it renews (simulation, seeds 14 and 101). Not while the main's word is on its way: an ISC dhcpd takes
// that ("ACTIVE, received ABANDONED: the primary's is better"), and the two would have changed sides.
func TestAClientThatCameBackHasWhatItDeclined(t *testing.T) {
	declined := lease.Lease{IP: 1, State: lease.Abandoned, Client: alice, Start: 1000, CLTT: 1000, End: 2000, Owed: true}
	back := lease.Lease{IP: 1, State: lease.Active, Client: alice, Start: 900, CLTT: 1100, End: 1700, ToldEnd: 1700, Owed: true}
	for _, c := range []struct {
		role   Role
		flying bool
		want   wire.Reject
	}{{Main, false, 0}, {Main, true, wire.LessCritical}, {Backup, false, 0}, {Backup, true, 0}} {
		if j := judge(declined, BindingOf(back, true), facts{role: c.role, isc: true, flying: c.flying, now: 1500, slack: 1}); j.reject != c.want {
			t.Errorf("%s, flying %v: %v", c.role, c.flying, j.reject)
		}
		earlier := back
		earlier.CLTT = 999
		if j := judge(declined, BindingOf(earlier, true), facts{role: c.role, isc: true, flying: c.flying, now: 1500, slack: 1}); j.reject != wire.LessCritical {
			t.Errorf("%s, heard before: %v", c.role, j.reject)
		}
	}
}
