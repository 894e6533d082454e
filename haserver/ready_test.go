package haserver

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"loadshare/haserver/message"
	"loadshare/haserver/zone"
)

// plainly is an answer as text, the order of records left out.
func plainly(t *testing.T, answer []byte) string {
	t.Helper()
	var m dns.Msg
	if err := m.Unpack(answer); err != nil {
		t.Fatal(err)
	}
	out := []string{m.MsgHdr.String()}
	for _, q := range m.Question {
		out = append(out, q.String())
	}
	for _, section := range [][]dns.RR{m.Answer, m.Ns, m.Extra} {
		l := lines(section)
		slices.Sort(l)
		out = append(append(out, "--"), l...)
	}
	return strings.Join(out, "\n")
}

// A worker that keeps answers says the same as one that looks everything up, whatever is asked in whatever order, case and
// size, while the zones change under it: records come and go, wildcards, aliases, zone cuts and DNAMEs above names that were
// kept, whole zones, and the view.
func TestKeptAnswersAreThoseLookedUp(t *testing.T) {
	s := started(t)
	rng := rand.New(rand.NewPCG(3, 4))
	z := s.server.view.Load().exact(mustName("example.test"))
	kept, plain := newWorker(s.server, &counters{}), newWorker(s.server, &counters{})
	kept.ready = newReady(1)
	names := []string{"www", "WwW", "mail", "MiXed", "mixed", "ns1", "alias", "a.ent", "x.wild", "y.wild", "h1", "h2", "h3.sub", "h4.deep.sub2", "host.dn", "srv", "huge"}
	types := []uint16{dns.TypeA, dns.TypeA, dns.TypeA, dns.TypeAAAA, dns.TypeTXT, dns.TypeCNAME, dns.TypeMX, dns.TypeNS, dns.TypeANY, dns.TypeSRV, dns.TypeSOA}
	changes := []string{
		"h1 5 A 192.0.2.%d", "h2 5 AAAA 2001:db8::%d", "h4.deep.sub2 5 A 192.0.2.%d", "h3.sub 5 A 192.0.2.%d", "host.dn 5 A 192.0.2.%d", "www %d A 192.0.2.11", "www 1 A 192.0.2.%d",
		"mail 5 TXT x%d", "sub2 5 NS ns%d", "dn 5 DNAME t%d.other.test.", "a.ent 5 A 192.0.2.%d", "*.wild 5 A 192.0.2.%d", "x.wild 5 A 192.0.2.%d", "mixed 5 TXT y%d", "MIXED 5 TXT z%d",
	}
	used := 0
	for i := range 20_000 {
		switch rng.IntN(40) {
		case 0, 1:
			text := changes[rng.IntN(len(changes))]
			text = fmt.Sprintf(strings.Replace(text, " ", ".example.test. ", 1), rng.IntN(4)+1)
			rr, err := dns.NewRR(text)
			if err != nil {
				t.Fatal(err)
			}
			data, _ := zone.ParseRdata(zone.Type(rr.Header().Rrtype), strings.TrimPrefix(rr.String(), rr.Header().String()), zone.Root)
			u := zone.Record{Name: mustName(rr.Header().Name), Type: zone.Type(rr.Header().Rrtype), Class: zone.ClassIN, TTL: rr.Header().Ttl, Data: data}
			switch rng.IntN(3) {
			case 0:
				u.Class, u.TTL = zone.ClassNONE, 0
			case 1:
				u.Class, u.TTL, u.Data = zone.ClassANY, 0, ""
			}
			next, _, _, _ := z.visible.Load().Apply(zone.Update{Updates: []zone.Record{u}})
			z.visible.Store(next)
		case 2:
			if rng.IntN(10) == 0 { // a reload
				v := *s.server.view.Load()
				s.server.view.Store(&v)
			}
		}
		m := question(names[rng.IntN(len(names))]+".example.test.", types[rng.IntN(len(types))])
		if rng.IntN(2) == 0 {
			m.SetEdns0([]uint16{512, 600, 1232}[rng.IntN(3)], rng.IntN(2) == 0)
		}
		msg := pack(t, m, nil)
		from := netip.AddrFrom4([4]byte{127, 0, 0, 1})
		var parsed message.Message
		if parsed.Parse(msg) == nil && kept.ready.view == s.server.view.Load() && kept.ready.find(parsed.NameAndType(), &z.visible) >= 0 {
			used++
		}
		a, _ := kept.handle(msg, from, false)
		got := plainly(t, a)
		b, _ := plain.handle(msg, from, false)
		if d := cmp.Diff(plainly(t, b), got); d != "" {
			t.Fatalf("question %d, %s: kept answer differs (-looked up +kept):\n%s", i, m.Question[0].String(), d)
		}
	}
	if used < 500 {
		t.Errorf("only %d answers were kept ones", used)
	}
}

// No allocation for an answer that was kept.
func TestKeptAnswersAllocateNothing(t *testing.T) {
	s := started(t)
	w := newWorker(s.server, &counters{})
	w.ready = newReady(1)
	m := question("www.example.test.", dns.TypeA)
	edns(m)
	msg, from := pack(t, m, nil), netip.MustParseAddr("192.0.2.77")
	s.server.view.Load().rate.rate = 1 << 12
	w.handle(msg, from, false) // makes the table
	w.handle(msg, from, false) // keeps the answer
	if n := testing.AllocsPerRun(100, func() { w.handle(msg, from, false) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// The table is bounded: for all loops together, and for a server with few records.
func TestTheTableOfKeptAnswersIsBounded(t *testing.T) {
	s := started(t)
	for loops, want := range map[int]int{1: maxReady, 4: maxReady, 64: allReady / 64, 1 << 20: minReady} {
		r := newReady(loops)
		v := *s.server.view.Load()
		r.reset(&v)
		if len(r.slots) != minReady && len(r.slots) > want {
			t.Errorf("%d loops: %d slots for a small zone", loops, len(r.slots))
		}
		if r.most > want {
			t.Errorf("%d loops: up to %d slots, want %d", loops, r.most, want)
		}
	}
}

// When Store has returned nobody is given the old answer any more (decision H-b), also not from what was kept meanwhile.
func TestKeptAnswersEndWhenTheChangeShows(t *testing.T) {
	s := started(t)
	z := s.server.view.Load().exact(mustName("example.test"))
	const changes = 3000
	var shown atomic.Uint32
	var wg sync.WaitGroup
	shown.Store(1) // the TTL of www
	wg.Go(func() {
		for ttl := uint32(2); ttl <= changes; ttl++ {
			a, _ := zone.ParseRdata(zone.TypeA, "192.0.2.11", zone.Root)
			next, _, _, why := z.visible.Load().Apply(zone.Update{Updates: []zone.Record{{Name: mustName("www.example.test"), Type: zone.TypeA, Class: zone.ClassIN, TTL: ttl, Data: a}}})
			if why != "" {
				t.Error(why)
			}
			z.visible.Store(next)
			shown.Store(ttl)
		}
	})
	for range 2 {
		wg.Go(func() {
			w := newWorker(s.server, &counters{})
			w.ready = newReady(2)
			msg, from := pack(t, question("www.example.test.", dns.TypeA), nil), netip.MustParseAddr("127.0.0.1")
			for {
				least := shown.Load()
				answer, _ := w.handle(msg, from, false)
				at := len(msg) + 6 // name pointer, type, class
				if ttl := binary.BigEndian.Uint32(answer[at:]); ttl < least {
					t.Errorf("TTL %d after %d was shown", ttl, least)
					return
				}
				if least == changes {
					return
				}
			}
		})
	}
	wg.Wait()
}
