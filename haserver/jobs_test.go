package haserver

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"loadshare/haserver/digest"
	"loadshare/haserver/pair"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
)

// streamed is what a job sends over a session: the other end of one.
func streamed(t *testing.T, s *site, job pair.Job) []pairmsg.Message {
	t.Helper()
	a, b := linked(t)
	ses := newSession(1, true, a)
	l := &loop{s: s.server, done: make(chan struct{})}
	l.link = &pairLink{s: s.server, l: l, sessions: map[uint64]*session{1: ses}}
	go ses.sendAll()
	newJobs(s.server, l).do(s.server.view.Load().exact(mustName("example.test")).liveZone, job)
	if !ses.put(pairmsg.Encode(pairmsg.Unfit{Why: "end"})) {
		t.Fatal("the session ended")
	}
	var in splitter
	var list []pairmsg.Message
	for {
		m, _, err := in.next(maxMessage)
		if err != nil {
			t.Fatal(err)
		}
		switch m.(type) {
		case nil:
			frame, err := b.Receive(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			in.add(frame)
		case pairmsg.Unfit:
			ses.close()
			return list
		default:
			list = append(list, m)
		}
	}
}

func exampleKey() string { return mustName("example.test").Key() }

// Steps go out in the order of their serials, from the one asked for to the one asked for; what the journal does not have is said.
func TestStreamEntries(t *testing.T) {
	s := started(t)
	for i := range 5 {
		if r := <-s.add("h" + string(rune('a'+i)) + ".example.test"); r.reason != Applied {
			t.Fatal(r)
		}
	}
	got := streamed(t, s, pair.StreamEntries{Session: 1, Sync: 7, Zone: exampleKey(), After: 11, Through: 14})
	var serials []uint32
	for i, m := range got {
		e, ok := m.(pairmsg.SyncEntries)
		if !ok || e.Sync != 7 || e.Gone || e.Last != (i == len(got)-1) {
			t.Fatalf("%+v", m)
		}
		for _, e := range e.Entries {
			serials = append(serials, e.Delta.To)
		}
	}
	if !slices.Equal(serials, []uint32{12, 13, 14}) {
		t.Errorf("steps to %v", serials)
	}
	for _, from := range []uint32{3, 99} {
		got = streamed(t, s, pair.StreamEntries{Session: 1, Sync: 7, Zone: exampleKey(), After: from, Through: 14})
		if len(got) != 1 || !got[0].(pairmsg.SyncEntries).Gone || !got[0].(pairmsg.SyncEntries).Last {
			t.Errorf("from %d: %+v", from, got)
		}
	}
	got = streamed(t, s, pair.StreamEntries{Session: 1, Sync: 7, Zone: exampleKey(), After: 14, Through: 14})
	if len(got) != 1 || !cmp.Equal(got[0], pairmsg.SyncEntries{Sync: 7, Zone: mustName("example.test"), Last: true}) {
		t.Errorf("nothing to send: %+v", got)
	}
}

// Of two contents only the buckets that differ are sent, and always the SOA; put together they are the sender's content.
func TestStreamSets(t *testing.T) {
	s := newSite(t)
	s.hosts(t, 3000)
	s.start(t)
	own := s.server.view.Load().exact(mustName("example.test")).visible.Load()
	other, _, rcode, _ := own.Apply(zone.Update{Updates: []zone.Record{
		{Name: mustName("h7.example.test"), Type: zone.TypeA, Class: zone.ClassIN, TTL: 9, Data: "\x01\x01\x01\x01"},
		{Name: mustName("new.example.test"), Type: zone.TypeA, Class: zone.ClassIN, TTL: 9, Data: "\x01\x01\x01\x01"},
	}})
	if rcode != zone.NoError {
		t.Fatal(rcode)
	}
	point := pairmsg.Point{Serial: other.Serial(), Digest: digest.Of(other)}
	got := streamed(t, s, pair.StreamSets{Session: 1, Sync: 3, Zone: exampleKey(), Tip: other, Point: point, Parts: digest.Parts(own)})
	if len(got) != 1 {
		t.Fatalf("%d messages", len(got))
	}
	m := got[0].(pairmsg.SyncSets)
	if m.All || !m.Last || len(m.Differ) != 2 || m.Point != point || len(m.Sets) > 30 || m.Sets[0].Type != zone.TypeSOA {
		t.Errorf("%d sets, %v, last %v", len(m.Sets), m.Differ, m.Last)
	}

	all := streamed(t, s, pair.StreamCopy{Session: 1, Sync: 3, Zone: exampleKey(), Tip: other, Point: point})
	if first, ok := all[0].(pairmsg.SyncCopy); !ok || first.Point != point || !slices.Equal(first.Settings.Transfer, []string{"key xfer"}) {
		t.Errorf("%+v", all[0])
	}
	built, err := zone.Build(other.Origin(), func(yield func(zone.RRset) bool) {
		for _, m := range all[1:] {
			for _, set := range m.(pairmsg.SyncSets).Sets {
				yield(set)
			}
		}
	})
	if err != nil || fits(built, point) != nil {
		t.Errorf("%v", err)
	}
	if last := all[len(all)-1].(pairmsg.SyncSets); !last.All || !last.Last || last.Point != point {
		t.Errorf("last %v", last.Last)
	}
}

// What fits no digest is an error of the job, and so is a panic in it.
func TestJobResults(t *testing.T) {
	s := started(t)
	l := &loop{s: s.server, inputs: make(chan pair.Input, 4), done: make(chan struct{}), zones: s.server.loop.zones}
	j := newJobs(s.server, l)
	tip := s.server.view.Load().exact(mustName("example.test")).visible.Load()
	j.do(nil, pair.Assemble{Sync: 1, Zone: exampleKey(), Tip: tip, Sets: []zone.RRset{tip.SOA()}, Point: pairmsg.Point{Serial: tip.Serial()}})
	if c := (<-l.inputs).(pair.Content); !strings.Contains(c.Err, "digest") || c.Whole != nil {
		t.Errorf("%+v", c)
	}
	j.do(nil, pair.DigestParts{Sync: 2, Zone: exampleKey()}) // no Tip
	if c := (<-l.inputs).(pair.Content); c.Err != "internal error" || c.Sync != 2 {
		t.Errorf("%+v", c)
	}
	j.do(nil, pair.ReadEntries{Sync: 3, Zone: exampleKey(), After: 1, Through: 2})
	if c := (<-l.inputs).(pair.Content); !c.Gone {
		t.Errorf("%+v", c)
	}
}

// gathering is a gatherer whose results the test takes.
func gathering(t *testing.T) (*gatherer, *loop) {
	s := started(t)
	l := &loop{s: s.server, inputs: make(chan pair.Input, 4), calls: s.server.loop.calls, done: s.server.loop.done, zones: s.server.loop.zones, commit: s.server.loop.commit}
	p := &pairLink{s: s.server, l: l}
	t.Cleanup(p.work.Wait)
	return newGatherer(p), l
}

// Parts of a comparison come together; those of a try that was given up do not get into the next one.
func TestGatherParts(t *testing.T) {
	g, l := gathering(t)
	name := mustName("example.test")
	set := func(owner string) []zone.RRset {
		return []zone.RRset{{Name: mustName(owner), Type: zone.TypeA, TTL: 1, Data: []string{"\x01\x02\x03\x04"}}}
	}
	for _, m := range []pairmsg.SyncSets{
		{Sync: 1, Zone: name, Differ: []uint16{4}, Sets: set("old.example.test")},
		{Sync: 2, Zone: name, Differ: []uint16{5, 6}, Sets: set("a.example.test")},
		{Sync: 2, Zone: name, Sets: set("b.example.test"), Last: true, Point: pairmsg.Point{Serial: 9}},
	} {
		if err := g.take(m); err != nil {
			t.Fatal(err)
		}
	}
	got := (<-l.inputs).(pair.SetsArrived)
	want := pair.SetsArrived{Sync: 2, Zone: exampleKey(), Differ: []uint16{5, 6}, Sets: append(set("a.example.test"), set("b.example.test")...), Point: pairmsg.Point{Serial: 9}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if len(g.parts) != 0 {
		t.Errorf("%d are left", len(g.parts))
	}
}

// A whole zone is built while it comes; one whose digest is not the announced one is an error; one that is cut off is nothing.
func TestGatherWhole(t *testing.T) {
	g, l := gathering(t)
	tip := g.p.s.view.Load().exact(mustName("example.test")).visible.Load()
	sets := slices.Collect(tip.All())
	point := pairmsg.Point{Serial: tip.Serial(), Digest: digest.Of(tip)}
	send := func(sync uint64, p pairmsg.Point) {
		t.Helper()
		for i := range sets {
			m := pairmsg.SyncSets{Sync: sync, Zone: mustName("example.test"), All: true, Sets: sets[i : i+1], Last: i == len(sets)-1}
			if m.Last {
				m.Point = p
			}
			if err := g.take(m); err != nil {
				t.Fatal(err)
			}
		}
	}
	send(1, point)
	if c := (<-l.inputs).(pair.Content); c.Err != "" || c.Point != point || !zone.Diff(c.Whole, tip).IsZero() {
		t.Errorf("%+v", c)
	}
	wrong := point
	wrong.Digest[0]++
	send(2, wrong)
	if c := (<-l.inputs).(pair.Content); c.Err == "" || c.Whole != nil {
		t.Errorf("%+v", c)
	}
	if err := g.take(pairmsg.SyncSets{Sync: 3, Zone: mustName("example.test"), All: true, Sets: sets[:1]}); err != nil {
		t.Fatal(err)
	}
	g.end()
	g.p.work.Wait()
	if len(l.inputs) != 0 {
		t.Errorf("half a zone: %+v", <-l.inputs)
	}
}

// The partner cannot make this server keep the beginnings of ever more zones.
func TestGatherIsBounded(t *testing.T) {
	g, _ := gathering(t)
	defer g.end()
	for i := range maxGathering {
		if err := g.take(pairmsg.SyncSets{Sync: 1, Zone: mustName("z" + string(rune('a'+i)) + ".test"), All: true}); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.take(pairmsg.SyncSets{Sync: 1, Zone: mustName("more.test"), All: true}); err == nil {
		t.Error("one more is begun")
	}
}
