package haserver

import (
	"net/netip"
	"testing"
	"time"
)

// H-f: "in drop mode raise an alarm when one client keeps asking the backup and the main never hears it".
func TestClientThatOnlyTheBackupHears(t *testing.T) {
	backup, main := newUnheard(), newUnheard()
	now := time.Unix(1000, 0)
	lost, both := netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("192.0.2.8")
	main.hear(both, now)
	for range 4 {
		backup.drop(lost, now)
		backup.drop(both, now)
		if list := backup.ask(now); len(list) != 0 && now.Before(time.Unix(1010, 0)) {
			t.Fatalf("asked after %s: a client that tries both servers is everyday business", now.Sub(time.Unix(1000, 0)))
		}
		now = now.Add(4 * time.Second)
	}
	list := backup.ask(now)
	if len(list) != 2 {
		t.Fatalf("asked about %v", list)
	}
	if fresh := backup.answer(main.among(list, now)); len(fresh) != 1 || fresh[0] != lost {
		t.Fatalf("unheard are %v", fresh)
	}
	if fresh := backup.answer(main.among(backup.ask(now), now)); len(fresh) != 0 {
		t.Errorf("told again: %v", fresh)
	}
	if since, clients := backup.alarm(now); len(clients) != 1 || clients[0] != lost || since != time.Unix(1000, 0) {
		t.Errorf("alarm since %v of %v", since, clients)
	}
	main.hear(lost, now)
	backup.answer(main.among(backup.ask(now), now))
	if _, clients := backup.alarm(now); len(clients) != 0 {
		t.Errorf("the alarm goes on: %v", clients)
	}
}

// Both lists are bounded, and who is gone is forgotten.
func TestUnheardIsBounded(t *testing.T) {
	u := newUnheard()
	now := time.Unix(1000, 0)
	for i := range 5000 {
		a := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
		u.drop(a, now)
		u.hear(a, now)
	}
	if len(u.dropped) != unheardMost || len(u.heard) != heardMost {
		t.Errorf("%d and %d", len(u.dropped), len(u.heard))
	}
	now = now.Add(unheardKept + time.Second)
	u.drop(netip.MustParseAddr("192.0.2.1"), now)
	if len(u.dropped) != 1 {
		t.Errorf("%d are still watched", len(u.dropped))
	}
}
