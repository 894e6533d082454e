package haserver

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"loadshare/haserver/zone"
)

// addLarge adds a record of 60,000 octets.
func (s *site) addLarge(name string) chan result {
	z := s.server.view.Load().exact(mustName("example.test"))
	out := make(chan result, 1)
	u := zone.Update{Updates: []zone.Record{{Name: mustName(name), Type: 65280, Class: zone.ClassIN, TTL: 1, Data: strings.Repeat("x", 60_000)}}}
	go func() {
		out <- s.server.change(z.liveZone, false, func(tip *zone.Zone, serial uint32) (*zone.Zone, zone.Delta, result) {
			return apply(tip, serial, u, nil)
		})
	}()
	return out
}

// Decision H-i: after a failed write updates get SERVFAIL: also those that wait because as much is gathered as may be.
func TestDiskFailsWithAFullGroup(t *testing.T) {
	s, h := held(t)
	list := []chan result{s.add("first.example.test")}
	<-h.waiting
	for i := range 2 * maxGroupBytes / 60_000 {
		list = append(list, s.addLarge(fmt.Sprintf("l%d.example.test", i)))
	}
	eventually(t, "a full group", func() bool { return s.server.loop.unwritten.Load() >= maxGroupBytes }, func() string { return "" })
	h.end <- errors.New("the disk is gone")
	list = append(list, s.add("after.example.test"))
	for _, c := range list {
		if r := <-c; r.rcode != zone.ServFail {
			t.Fatalf("%+v", r)
		}
	}
	if n := s.server.loop.unwritten.Load(); n != 0 {
		t.Errorf("%d octets are to be written to a disk that is gone", n)
	}
}

// Who waits until what was written before is on disk does not wait for what comes afterwards.
func TestSettleDoesNotWaitForever(t *testing.T) {
	s, h := held(t)
	l := s.server.loop
	inLoop := func(what string, is func() bool) {
		t.Helper()
		eventually(t, what, func() (ok bool) { _ = l.call(func() { ok = is() }); return ok }, func() string { return "" })
	}
	s.add("a.example.test")
	<-h.waiting
	s.add("b.example.test")
	inLoop("the second group", func() bool { return len(l.group.items) > 0 })
	ran := make(chan error)
	go func() { ran <- l.settle(func() {}) }()
	inLoop("somebody waits", func() bool { return len(l.settles) == 1 })
	h.end <- nil
	<-h.waiting
	s.add("c.example.test")
	inLoop("the third group", func() bool { return len(l.group.items) > 0 })
	h.end <- nil
	<-h.waiting // the third is not written
	if err := <-ran; err != nil {
		t.Error(err)
	}
	h.holds.Store(false)
	h.end <- nil
}

// An orderly stop is bounded also while the disk hangs, as much is gathered as may be, and more changes wait than the queue has places for.
func TestStopWithAFullQueue(t *testing.T) {
	s, h := held(t)
	l := s.server.loop
	list := []chan result{s.add("first.example.test")}
	<-h.waiting
	for i := range 2 * maxGroupBytes / 60_000 {
		list = append(list, s.addLarge(fmt.Sprintf("l%d.example.test", i)))
	}
	for i := range maxWaiting + 200 {
		list = append(list, s.add(fmt.Sprintf("s%d.example.test", i)))
	}
	eventually(t, "a full queue", func() bool { return len(l.changes) == maxWaiting }, func() string { return fmt.Sprint(len(l.changes)) })
	stopped := make(chan error, 1)
	go func() { stopped <- l.stop(200 * time.Millisecond) }()
	select {
	case <-stopped:
	case <-time.After(patience):
		t.Error("it never stops")
	}
	h.release()
	for _, c := range list {
		<-c // refused or taken: but nobody waits for ever
	}
}
