package haserver

import (
	"net/netip"
	"testing"

	"github.com/miekg/dns"

	"loadshare/haserver/message"
)

// What warm reads for a batch is what find will read: the tags of the bucket, the slot and its turn; messages of which nothing can be
// read are passed over.
func TestWarmReadsWhatFindWill(t *testing.T) {
	s := started(t)
	w := newWorker(s.server, &counters{})
	w.ready = newReady(1)
	ask := pack(t, question("www.example.test.", dns.TypeA), nil)
	for range 2 { // the first time empties the table for this view
		w.buf = w.buf[:0]
		w.handle(ask, netip.AddrFrom4([4]byte{127, 0, 0, 1}), false)
	}
	var in message.Message
	if err := in.Parse(ask); err != nil {
		t.Fatal(err)
	}
	slot := w.ready.find(in.NameAndType(), &s.server.view.Load().exact(mustName("example.test")).visible)
	if slot < 0 {
		t.Fatal("the answer is not kept")
	}
	bucket, _ := w.ready.bucket(in.NameAndType())
	want := w.ready.tags[bucket] ^ w.ready.slots[slot].rate
	if turn := w.ready.turns[slot]; turn != nil {
		want ^= uint64(*turn)
	}
	l := &udpLoop{s: s.server, w: w}
	for i, msg := range [][]byte{ask[:3], ask[:20], ask} {
		l.in[i].n = uint32(copy(l.data[i][:], msg))
		l.received++
	}
	if l.warm(); l.warmed != want {
		t.Errorf("it read %x, want %x", l.warmed, want)
	}
}
