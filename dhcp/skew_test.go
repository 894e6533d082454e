package dhcp

import (
	"testing"
	"time"

	"loadshare/dhcp/failover/wire"
)

// "Clock skew is measured, warned of": also when clocks drift apart while the two are connected; one message that was late is no skew.
func TestClocksThatDriftWhileConnected(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	var k skew
	say := func(body wire.Body, ahead int64) {
		k.heard(&wire.Message{Time: uint32(now.Unix() + ahead), Body: body}, now)
	}
	wants := func(when string, seconds int64, known bool) {
		t.Helper()
		if got, ok := k.now(); got != seconds || ok != known {
			t.Errorf("%s: %d s, %v; want %d, %v", when, got, ok, seconds, known)
		}
	}
	for range 3 {
		say(wire.Contact{}, 0)
	}
	wants("three messages", 0, false)
	say(wire.Contact{}, -300)
	say(wire.BndUpd{}, 500)
	wants("one was late", 0, true)
	for range 4 {
		say(wire.Contact{}, -45)
	}
	wants("drifted", 45, true)
	k.forget()
	wants("a new connection", 0, false)
}

// Two real servers measure it by themselves, and status shows what was measured last.
func TestDriftIsInTheStatus(t *testing.T) {
	main, backup := twins(t, "")
	main.start(t)
	backup.start(t)
	untilNormal(t, main, backup)
	link := main.server.links["pair1"]
	until(t, "CONTACTs came", func() bool { _, known := link.skew.now(); return known })
	until(t, "status shows it", func() bool { // CONTACTs of the real clock come meanwhile
		for range 4 {
			link.skew.heard(&wire.Message{Time: uint32(time.Now().Unix() - 45), Body: wire.Contact{}}, time.Now())
		}
		return main.pair(t).Skew >= 44
	})
	until(t, "and forgets it", func() bool { return main.pair(t).Skew <= 1 })
}
