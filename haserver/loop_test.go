package haserver

import (
	"encoding/binary"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"loadshare/haserver/zone"
	"loadshare/internal/durable"
)

// heldStore is a store whose commits, once it holds, wait until they are let go, and then end as they are told.
type heldStore struct {
	durable.Store
	holds   atomic.Bool
	waiting chan struct{} // one is sent when a commit waits
	end     chan error
	commits atomic.Int64
}

func (h *heldStore) Commit(b *durable.Batch) error {
	if !h.holds.Load() {
		return h.Store.Commit(b)
	}
	h.waiting <- struct{}{}
	if err := <-h.end; err != nil {
		return err
	}
	h.commits.Add(1)
	return h.Store.Commit(b)
}

// release lets all commits go from now on.
func (h *heldStore) release() {
	h.holds.Store(false)
	select {
	case <-h.waiting:
		h.end <- nil
	default:
	}
}

// held puts a heldStore under a site, which holds what is written from now on.
func held(t *testing.T) (*site, *heldStore) {
	s := newSite(t)
	h := &heldStore{waiting: make(chan struct{}), end: make(chan error)}
	s.wrap = func(store durable.Store) durable.Store {
		h.Store = store
		return h
	}
	s.start(t)
	if err := s.server.loop.settle(func() {}); err != nil {
		t.Fatal(err)
	}
	h.holds.Store(true)
	t.Cleanup(h.release)
	return s, h
}

// add adds a record through the loop and tells the outcome.
func (s *site) add(name string) chan result {
	z := s.server.view.Load().exact(mustName("example.test"))
	out := make(chan result, 1)
	u := zone.Update{Updates: []zone.Record{{Name: mustName(name), Type: zone.TypeA, Class: zone.ClassIN, TTL: 1, Data: "\x0a\x00\x00\x01"}}}
	go func() {
		out <- s.server.change(z.liveZone, false, func(tip *zone.Zone, serial uint32) (*zone.Zone, zone.Delta, result) {
			return apply(tip, serial, u, nil)
		})
	}()
	return out
}

func (s *site) sees(name string) bool {
	_, ok := s.server.view.Load().exact(mustName("example.test")).visible.Load().Get(mustName(name), zone.TypeA)
	return ok
}

// Decision H-b: "only the committed is visible", and RFC 2136 3.5: the answer comes after it is durable. What arrives meanwhile
// is the next batch, judged by what is not durable yet, and shares one commit.
func TestOnlyTheCommittedIsVisible(t *testing.T) {
	s, h := held(t)
	first := s.add("a.example.test")
	<-h.waiting
	var later []chan result
	for range 10 {
		later = append(later, s.add("b.example.test"))
	}
	same := s.add("a.example.test")
	if s.sees("a.example.test") {
		t.Error("visible before it was durable")
	}
	select {
	case r := <-first:
		t.Fatalf("answered before it was durable: %+v", r)
	case r := <-same:
		t.Fatalf("a repeat was answered before the first was durable: %+v", r)
	default:
	}
	h.end <- nil
	if r := <-first; r.reason != Applied || r.serial != 11 || !s.sees("a.example.test") {
		t.Errorf("%+v", r)
	}
	applied := 0
	go func() {
		for range h.waiting {
			h.end <- nil
		}
	}()
	for _, c := range later {
		if r := <-c; r.reason == Applied {
			applied++
		} else if r.reason != Unchanged {
			t.Errorf("%+v", r)
		}
	}
	if r := <-same; r.reason != Unchanged {
		t.Errorf("the repeat: %+v", r)
	}
	if applied != 1 {
		t.Errorf("%d of ten equal adds were applied", applied)
	}
}

// Decision H-i: a failed write is never tried again; what was judged on top of it is not answered as if it were there.
func TestFailedCommitIsNotRetried(t *testing.T) {
	s, h := held(t)
	first := s.add("a.example.test")
	<-h.waiting
	judged, same := make(chan result, 1), make(chan result, 1)
	z := s.server.view.Load().exact(mustName("example.test"))
	go func() {
		same <- s.server.change(z.liveZone, false, func(tip *zone.Zone, serial uint32) (*zone.Zone, zone.Delta, result) {
			u := zone.Update{Updates: []zone.Record{{Name: mustName("a.example.test"), Type: zone.TypeA, Class: zone.ClassIN, TTL: 1, Data: "\x0a\x00\x00\x01"}}}
			next, d, r := apply(tip, serial, u, nil)
			judged <- r
			return next, d, r
		})
	}()
	if r := <-judged; r.reason != Unchanged {
		t.Fatalf("not judged on top of the first: %+v", r)
	}
	h.end <- errors.New("disk on fire")
	if r := <-first; r.rcode != zone.ServFail || r.reason != StorageError {
		t.Errorf("%+v", r)
	}
	if r := <-same; r.rcode != zone.ServFail {
		t.Errorf("%+v", r)
	}
	if r := <-s.add("b.example.test"); r.rcode != zone.ServFail || r.reason != NotAccepting {
		t.Errorf("%+v", r)
	}
	if s.sees("a.example.test") || h.commits.Load() != 0 {
		t.Error("something came of it")
	}
	if s.server.status().AcceptingUpdates {
		t.Error("status does not say so")
	}
}

// RFC 7766 6.2.1.1: answers may go out of order: a question after an update that waits for the disk is answered first, on the same
// connection, and by UDP on the same socket; the update is answered when it is durable.
func TestRFC7766QuestionOvertakesUpdate(t *testing.T) {
	s, h := held(t)
	update, _ := sign(t, updateMsg(t, "example.test", "x.example.test. 1 A 192.0.2.1"), "ddns.", ddnsSecret, nil)
	q := pack(t, question("www.example.test.", dns.TypeA), nil)
	tcp := s.dial(t)
	_, _ = tcp.Write(append(append([]byte{byte(len(update) >> 8), byte(len(update))}, update...), append([]byte{0, byte(len(q))}, q...)...))
	s.expectTCP(t, tcp, 4711)
	<-h.waiting
	udp, err := net.Dial("udp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	_ = udp.SetDeadline(time.Now().Add(patience))
	again, _ := sign(t, updateMsg(t, "example.test", "y.example.test. 1 A 192.0.2.1"), "ddns.", ddnsSecret, nil)
	_, _ = udp.Write(again)
	_, _ = udp.Write(q)
	buf := make([]byte, 1500)
	if _, err := udp.Read(buf); err != nil {
		t.Fatal(err)
	}
	if id, _ := header(buf); id != 4711 {
		t.Errorf("message %d came first", id)
	}
	h.end <- nil
	if id, rcode := header(readFrame(t, tcp)); id != binary.BigEndian.Uint16(update) || rcode != 0 {
		t.Errorf("ID %d, rcode %d", id, rcode)
	}
	<-h.waiting
	h.end <- nil
	if _, err := udp.Read(buf); err != nil {
		t.Fatal(err)
	}
	if id, rcode := header(buf); id != binary.BigEndian.Uint16(again) || rcode != 0 {
		t.Errorf("ID %d, rcode %d", id, rcode)
	}
}

// A panic while a change is carried out refuses this change and no other.
func TestPanicInAChange(t *testing.T) {
	s := started(t)
	z := s.server.view.Load().exact(mustName("example.test"))
	r := s.server.change(z.liveZone, false, func(*zone.Zone, uint32) (*zone.Zone, zone.Delta, result) { panic("oops") })
	if r.rcode != zone.ServFail {
		t.Errorf("%+v", r)
	}
	if r := <-s.add("a.example.test"); r.reason != Applied {
		t.Errorf("%+v", r)
	}
}
