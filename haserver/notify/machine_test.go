package notify

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"loadshare/haserver/zone"
)

var (
	one = netip.MustParseAddrPort("192.0.2.1:53")
	two = netip.MustParseAddrPort("192.0.2.2:53")
)

const start = time.Second // the clock's first reading in these tests

// bench is a machine with a clock that the test owns.
type bench struct {
	t      *testing.T
	m      *Machine
	now    time.Duration
	events []What
}

func newBench(t *testing.T) *bench {
	return &bench{t: t, m: New(Defaults, rand.New(rand.NewPCG(1, 2))), now: start}
}

// step hands an input over and returns what goes out.
func (b *bench) step(in Input) []Send {
	out := b.m.Step(b.now, in)
	for _, e := range out.Events {
		b.events = append(b.events, e.What)
	}
	return slices.Clone(out.Send)
}

// zone makes serial the visible one of the zone "z".
func (b *bench) zone(serial uint32, to ...netip.AddrPort) []Send {
	return b.step(Zone{Name: "z", Serial: serial, Secondaries: to})
}

// until lets time pass, tick by tick as the machine asks for them, and returns what went out when.
func (b *bench) until(end time.Duration) (sends []Send, at []time.Duration) {
	for range 10000 {
		next := b.m.Step(b.now, Tick{}).Next
		if next == 0 || next > end {
			b.now = end
			return sends, at
		}
		b.now = next
		for _, s := range b.step(Tick{}) {
			sends, at = append(sends, s), append(at, b.now)
		}
	}
	b.t.Fatal("the machine wants to be called again and again")
	return nil, nil
}

func (b *bench) answer(s Send, rcode zone.Rcode) []Send {
	return b.step(Answer{From: s.To, ID: s.ID, Rcode: rcode})
}

// settled tells the secondary of the present serial and lets it be seen to have it.
func (b *bench) settled(serial uint32, to netip.AddrPort) {
	b.t.Helper()
	sends := b.zone(serial, to)
	if len(sends) != 1 {
		b.t.Fatalf("%d messages for serial %d, want one at once", len(sends), serial)
	}
	b.answer(sends[0], zone.NoError)
	b.step(Seen{Zone: "z", From: to.Addr(), Sign: Took, Serial: serial})
}

func (b *bench) secondary() Secondary {
	b.t.Helper()
	list := b.m.Secondaries(b.now, "z")
	if len(list) != 1 {
		b.t.Fatalf("%d secondaries", len(list))
	}
	return list[0]
}

func want[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); d != "" {
		t.Errorf("%s:\n%s", what, d)
	}
}

// RFC 1996 3.6: "the notify request is retransmitted until either too many copies have been sent (a "timeout") ... or until
// a response is received": 1, 2, 4 … s, then a reminder now and then.
func TestRepeatedUntilAway(t *testing.T) {
	b := newBench(t)
	first := b.zone(7, one)
	want(t, "at once", len(first), 1)
	sends, at := b.until(start + 10*time.Minute)
	var after []time.Duration
	for i := range at {
		after = append(after, at[i]-start)
		if i < 5 && sends[i].ID != first[0].ID {
			t.Error("a repetition has another ID: a late answer to the first would not count")
		}
	}
	s, away := time.Second, (63+tcpPatience)*time.Second
	want(t, "repetitions", after, []time.Duration{1 * s, 3 * s, 7 * s, 15 * s, 31 * s, 63 * s, away + Defaults.Remind})
	want(t, "events", b.events, []What{Sent, Silent, Sent, Silent, Sent, Silent, Sent, Silent, Sent, Silent, Sent, Silent, Sent, Silent, Away, Sent, Silent})
	for i := range sends {
		if sends[i].TCP != (i == 5) {
			t.Errorf("message %d by TCP: %t", i+2, sends[i].TCP)
		}
	}
	got := b.secondary()
	if got.Trouble != "it does not answer NOTIFY" || got.Tries != 8 || got.Answered || !got.Told || got.Notified != 7 {
		t.Errorf("%+v", got)
	}
}

// A secondary that hears nothing by UDP is told by TCP before it is taken to be away; the next change comes to it that way at once, and by
// UDP when that has no answer either.
func TestByTCPAtLast(t *testing.T) {
	b := newBench(t)
	b.zone(7, one)
	sends, _ := b.until(start + 64*time.Second)
	last := sends[len(sends)-1]
	want(t, "the last one by TCP", last.TCP, true)
	b.step(Unsent{To: last.To, ID: last.ID, Why: "late"})
	b.answer(last, zone.NoError)
	b.events = nil
	next := b.zone(8, one)
	want(t, "at once", len(next), 1)
	want(t, "by TCP", next[0].TCP, true)
	b.step(Unsent{To: one, ID: next[0].ID, Why: "connection refused"})
	sends, _ = b.until(b.now + 9*time.Second)
	want(t, "then", len(sends), 1)
	want(t, "by UDP", sends[0].TCP, false)
	want(t, "events", b.events, []What{Sent, Silent, Sent})
	b.answer(sends[0], zone.NoError)
	want(t, "and so from then on", b.zone(9, one)[0].TCP, false)
}

// RFC 1996 3.6, 4.8: any answer with the ID from that address ends it, NOTIMP too.
func TestAnyAnswerEnds(t *testing.T) {
	for rcode, event := range map[zone.Rcode]What{zone.NoError: Answered, zone.NotImp: Answered, zone.Refused: Declined, zone.NotAuth: Declined, zone.FormErr: Declined} {
		b := newBench(t)
		sends := b.zone(7, one)
		b.events = nil
		b.answer(sends[0], rcode)
		want(t, rcode.String(), b.events, []What{event})
		if more, _ := b.until(start + time.Hour); len(more) != 0 {
			t.Errorf("%v: %d more messages to one of which nothing else is known", rcode, len(more))
		}
		got := b.secondary()
		if !got.Answered || got.At != start || (got.Trouble != "") != (event == Declined) {
			t.Errorf("%v: %+v", rcode, got)
		}
	}
}

// An answer with another ID, or from elsewhere, is nobody's.
func TestForgedAnswer(t *testing.T) {
	b := newBench(t)
	s := b.zone(7, one)[0]
	b.events = nil
	b.step(Answer{From: two, ID: s.ID})
	b.step(Answer{From: one, ID: s.ID + 1})
	b.step(Answer{From: netip.AddrPortFrom(one.Addr(), 5353), ID: s.ID})
	want(t, "events", b.events, []What{Stray, Stray, Stray})
	if sends, _ := b.until(start + time.Second); len(sends) != 1 {
		t.Errorf("%d repetitions", len(sends))
	}
}

// "Peers get wrong" 20: NOTIFY only for the first of many changes. The first goes out at once, the last always does, and
// between them one every Gap.
func TestBurst(t *testing.T) {
	b := newBench(t)
	b.settled(1, one)
	b.now += time.Minute
	begin := b.now
	var at []time.Duration
	serial := uint32(1)
	take := func(sends []Send) {
		for _, s := range sends {
			at = append(at, b.now-begin)
			b.answer(s, zone.NoError)
		}
	}
	for range 100 { // a change every 17 ms
		serial++
		take(b.zone(serial, one))
		b.now += 17 * time.Millisecond
		take(b.step(Tick{}))
	}
	for range 100 {
		b.now += 10 * time.Millisecond
		take(b.step(Tick{}))
	}
	if at[0] != 0 {
		t.Errorf("the first change was told after %v, want at once", at[0])
	}
	for i := 1; i < len(at); i++ {
		if at[i]-at[i-1] < Defaults.Gap {
			t.Errorf("messages at %v and %v are nearer than %v", at[i-1], at[i], Defaults.Gap)
		}
	}
	if len(at) < 4 || len(at) > 5 {
		t.Errorf("%d messages in 1.7 s of changes, want 4 or 5: %v", len(at), at)
	}
	want(t, "the last serial", b.secondary().Notified, serial)
}

// At most one message about a zone is in flight to a secondary; what changed meanwhile follows when it is answered.
func TestOneInFlight(t *testing.T) {
	b := newBench(t)
	s := b.zone(1, one)[0]
	b.now += 100 * time.Millisecond
	if sends := b.zone(2, one); len(sends) != 0 {
		t.Error("a second message while the first is in flight")
	}
	b.now += 800 * time.Millisecond
	next := b.answer(s, zone.NoError)
	want(t, "after the answer", len(next), 1)
	if next[0].ID == s.ID {
		t.Error("a new message has the old ID: a doubled answer to the old one would end it")
	}
	want(t, "serial", b.secondary().Notified, uint32(2))
}

// A repetition carries the serial of now, under a new ID.
func TestRepetitionCarriesTheLastSerial(t *testing.T) {
	b := newBench(t)
	s := b.zone(1, one)[0]
	b.zone(2, one)
	sends, _ := b.until(start + time.Second)
	want(t, "repetitions", len(sends), 1)
	if sends[0].ID == s.ID {
		t.Error("the ID of the message with the old serial")
	}
	want(t, "serial", b.secondary().Notified, uint32(2))
}

// Checklist H20: nothing is sent while a zone is brought in line with the partner, and one message afterwards if anything changed.
func TestSilentWhileSynchronizing(t *testing.T) {
	b := newBench(t)
	b.settled(1, one)
	b.now += time.Minute
	b.step(Zone{Name: "z", Serial: 1, Secondaries: []netip.AddrPort{one}, Silent: true})
	b.step(Zone{Name: "z", Serial: 9, Secondaries: []netip.AddrPort{one}, Silent: true})
	if sends, _ := b.until(b.now + time.Minute); len(sends) != 0 {
		t.Fatalf("%d messages while silent", len(sends))
	}
	want(t, "behind while silent", b.secondary().Behind, uint32(8))
	want(t, "afterwards", len(b.zone(9, one)), 1)
	if sends := b.zone(9, one); len(sends) != 0 {
		t.Error("told twice")
	}
}

// A repetition is not sent either, and is taken up again.
func TestSilentStopsRepetitions(t *testing.T) {
	b := newBench(t)
	b.zone(1, one)
	b.step(Zone{Name: "z", Serial: 1, Secondaries: []netip.AddrPort{one}, Silent: true})
	if sends, _ := b.until(start + time.Minute); len(sends) != 0 {
		t.Fatalf("%d messages while silent", len(sends))
	}
	want(t, "afterwards", len(b.zone(1, one)), 1)
}

// When nothing changed nothing is told.
func TestNothingChanged(t *testing.T) {
	b := newBench(t)
	b.settled(1, one)
	b.step(Zone{Name: "z", Serial: 1, Secondaries: []netip.AddrPort{one}, Silent: true})
	want(t, "messages", len(b.zone(1, one)), 0)
}

// One that answered and is known to be behind is reminded until it is not.
func TestReminder(t *testing.T) {
	b := newBench(t)
	b.settled(1, one)
	b.now += time.Minute
	b.answer(b.zone(2, one)[0], zone.NoError)
	told := b.now
	sends, at := b.until(told + Defaults.Remind)
	want(t, "reminders", len(sends), 1)
	want(t, "when", at[0]-told, Defaults.Remind)
	b.answer(sends[0], zone.NoError)
	b.step(Seen{Zone: "z", From: one.Addr(), Sign: Took, Serial: 2})
	if more, _ := b.until(b.now + time.Hour); len(more) != 0 {
		t.Errorf("%d reminders to one that is current", len(more))
	}
}

// One that is away is told of new serials, but no more often than RetryMax; when it answers all is as ever.
func TestAwayAndBack(t *testing.T) {
	b := newBench(t)
	b.zone(1, one)
	b.until(start + 63*time.Second)
	serial, sends := uint32(1), []Send(nil)
	begin := b.now
	for b.now < begin+10*time.Minute {
		serial++
		sends = append(sends, b.zone(serial, one)...)
		more, _ := b.until(b.now + time.Second)
		sends = append(sends, more...)
	}
	if n := len(sends); n < 9 || n > 11 {
		t.Errorf("%d messages in ten minutes of changes to one that is away, want about one a minute", n)
	}
	b.answer(sends[len(sends)-1], zone.NoError)
	b.until(b.now + Defaults.Gap)
	want(t, "after the answer", b.secondary().Notified, serial)
	want(t, "trouble", b.secondary().Trouble, "")
}

// The start of a server with many zones is spread out, and a new change does not wait for the rest of it.
func TestPace(t *testing.T) {
	b := newBench(t)
	n := 0
	for i := range 1000 {
		n += len(b.step(Zone{Name: string(rune('A' + i)), Serial: 1, Secondaries: []netip.AddrPort{one, two}}))
	}
	want(t, "at once", n, Defaults.Burst)
	last := string(rune('A' + 999))
	if sends := b.step(Zone{Name: last, Serial: 2, Secondaries: []netip.AddrPort{one, two}}); len(sends) != 0 {
		t.Errorf("%d more in the same window", len(sends))
	}
	b.now += Defaults.Pace
	sends := b.step(Tick{})
	want(t, "in the next window", len(sends), Defaults.Burst)
	if sends[0].Zone != last || sends[1].Zone != last {
		t.Error("a new serial waits for the announcements of the start")
	}
}

// A secondary that comes or goes with the NS set or the configuration.
func TestMembers(t *testing.T) {
	b := newBench(t)
	b.settled(1, one)
	b.now += time.Minute
	if out := b.m.Step(b.now, Zone{Name: "z", Serial: 1, Secondaries: []netip.AddrPort{one}}); out.Moved {
		t.Error("the same addresses have moved")
	}
	for _, in := range []Input{Zone{Name: "y", Serial: 1, Secondaries: []netip.AddrPort{two}}, Zone{Name: "y", Serial: 1}, Zone{Name: "y", Serial: 1, Secondaries: []netip.AddrPort{two}}, Gone{"y"}} {
		if out := b.m.Step(b.now, in); !out.Moved {
			t.Errorf("%v: the addresses have not moved", in)
		}
	}
	sends := b.zone(1, one, two)
	if len(sends) != 1 || sends[0].To != two {
		t.Fatalf("%v, want one message to the new one", sends)
	}
	b.zone(1, one)
	if more, _ := b.until(b.now + time.Hour); len(more) != 0 {
		t.Errorf("%d messages to one that is not in the set any more", len(more))
	}
	b.events = nil
	b.answer(sends[0], zone.NoError)
	want(t, "its late answer", b.events, []What{Stray})
	b.step(Gone{"z"})
	want(t, "zones", len(b.m.Names()), 0)
	want(t, "secondaries of no zone", len(b.m.Secondaries(b.now, "z")), 0)
}

func TestBoundedMembers(t *testing.T) {
	b := newBench(t)
	var list []netip.AddrPort
	for i := range 200 {
		list = append(list, netip.AddrPortFrom(one.Addr(), uint16(1000+i)))
	}
	b.zone(1, list...)
	want(t, "secondaries", len(b.m.Secondaries(b.now, "z")), Defaults.Addresses)
}

// What could not be sent is tried again, and the reason is kept.
func TestUnsent(t *testing.T) {
	b := newBench(t)
	s := b.zone(1, one)[0]
	b.events = nil
	b.step(Unsent{To: s.To, ID: s.ID, Why: "network is unreachable"})
	want(t, "events", b.events, []What{NotSent})
	want(t, "trouble", b.secondary().Trouble, "network is unreachable")
	sends, _ := b.until(start + time.Second)
	want(t, "tried again", len(sends), 1)
}

func TestNames(t *testing.T) {
	for w := range WhatCount {
		if w.String() == "" || w.String() == "unknown" {
			t.Errorf("event %d has no name", w)
		}
	}
	want(t, "beyond", []string{WhatCount.String(), Evidence(99).String(), NotSeen.String()}, []string{"unknown", "unknown", ""})
}
