package failover

import (
	"testing"

	"pgregory.net/rapid"
)

// D22, D23, D27; decision D-m: whatever the shares are, they come to rest in a few looks at them, each side in its turn; at rest the backup has
// its percentage (between two of ours to the address, with an ISC dhcpd to what its ownership rule leaves), and nobody asks for more: a share
// that is short is never one that the other would not fill.
func TestSharesCannotStayUneven(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		isc := rapid.Bool().Draw(t, "isc")
		pct := BackupPct(rapid.IntRange(0, 100).Draw(t, "pct"), rapid.Bool().Draw(t, "balancing"), isc)
		s := Shares{Free: rapid.IntRange(0, 3000).Draw(t, "free"), Backup: rapid.IntRange(0, 3000).Draw(t, "backup")}
		stuck := rapid.IntRange(0, 3000).Draw(t, "owed or held for now") // may not move at the first look
		look := func(r Role) bool {
			n := Moves(r, isc, s, pct)
			if r == Backup && n < 0 || r == Backup && !isc && n != 0 {
				t.Fatalf("the backup takes %d of %+v", -n, s)
			}
			from := s.Backup
			if (n > 0) == (r == Main) {
				from = s.Free
			}
			by := min(max(n, -n), max(0, from-stuck))
			if (n > 0) == (r == Main) {
				by = -by
			}
			s.Free, s.Backup, stuck = s.Free+by, s.Backup-by, 0
			if s.Free < 0 || s.Backup < 0 {
				t.Fatalf("%d moved: %+v", by, s)
			}
			return n != 0
		}
		all := s.Free + s.Backup
		for range 3 {
			look(Main)
			look(Backup)
		}
		if look(Main) || look(Backup) {
			t.Fatalf("no rest: %+v", s)
		}
		if s.Free+s.Backup != all {
			t.Fatalf("%d addresses of %d", s.Free+s.Backup, all)
		}
		if off := s.Backup - s.Target(pct); !isc && off != 0 {
			t.Errorf("%d%%: %+v is off by %d", pct, s, off)
		}
		if off := (s.Free - s.Backup) / 2; isc && max(off, -off) > (all*ownership+50)/100 {
			t.Errorf("isc: %+v is off by %d", s, off)
		}
		for _, r := range []Role{Main, Backup} {
			if Short(r, isc, s, pct) {
				t.Errorf("%+v (%d%%) is at rest, and %v asks for more", s, pct, r)
			}
		}
	})
}

// A share that asks gets something, wherever the shares are: POOLREQ is never in vain while the other can give.
func TestWhoAsksForAddressesGetsSome(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		isc := rapid.Bool().Draw(t, "isc")
		pct := BackupPct(rapid.IntRange(0, 100).Draw(t, "pct"), false, isc)
		s := Shares{Free: rapid.IntRange(0, 300).Draw(t, "free"), Backup: rapid.IntRange(0, 300).Draw(t, "backup")}
		for _, r := range []Role{Main, Backup} {
			if Short(r, isc, s, pct) && Moves(other(r), isc, s, pct) <= 0 {
				t.Errorf("%+v (%d%%, isc %t): %v is short, and the other gives %d", s, pct, isc, r, Moves(other(r), isc, s, pct))
			}
		}
	})
}
