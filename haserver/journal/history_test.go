package journal

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"loadshare/haserver/digest"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
	"loadshare/internal/durable"
)

// toggle makes the entry that adds a record, or takes it out when it is there, and gives the zone a serial.
func toggle(t testing.TB, l *Log, z *zone.Zone, serial uint32, host string) (*zone.Zone, pairmsg.Entry) {
	t.Helper()
	r := zone.Record{Name: name(t, host), Type: zone.TypeA, Class: zone.ClassIN, TTL: 5, Data: "\x0a\x00\x00\x01"}
	if _, ok := z.Get(r.Name, r.Type); ok {
		r.Class, r.TTL = zone.ClassNONE, 0
	}
	next, d, rcode, why := z.Apply(zone.Update{Updates: []zone.Record{r}, Serial: serial})
	if rcode != zone.NoError {
		t.Fatal(why)
	}
	return next, entry(l, d)
}

// commit appends entries in one batch.
func commit(t testing.TB, s durable.Store, l *Log, list ...pairmsg.Entry) {
	t.Helper()
	var b durable.Batch
	for _, e := range list {
		if _, err := l.Append(&b, e); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Commit(&b); err != nil {
		t.Fatal(err)
	}
}

func between(t testing.TB, l *Log, after, through uint32) (list []pairmsg.Entry, ok bool) {
	t.Helper()
	ok, err := l.Entries(after, through, func(e pairmsg.Entry) bool { list = append(list, e); return true })
	if err != nil {
		t.Fatal(err)
	}
	return list, ok
}

// What the journal says of its past is what happened: points, and the entries between any two of them, whatever snapshots,
// replacements and restarts there were, and however far the serial jumped.
func TestHistoryIsWhatHappened(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		mem := durable.NewCrashable()
		openAgain := func() (durable.Store, *Journal) {
			store, err := mem.OpenPebble("j", durable.PebbleOptions{})
			if err != nil {
				rt.Fatal(err)
			}
			j, err := Open(store)
			if err != nil {
				rt.Fatal(err)
			}
			return store, j
		}
		store, j := openAgain()
		defer func() { store.Close() }()
		z := parse(t, "example.test", head0)
		l, err := j.Create(name(t, "example.test"), z, [32]byte{})
		if err != nil {
			rt.Fatal(err)
		}
		points, entries := []pairmsg.Point{l.Point()}, []pairmsg.Entry{}
		for range rapid.IntRange(1, 25).Draw(rt, "actions") {
			switch rapid.SampledFrom([]string{"change", "change", "change", "change", "snapshot", "restart", "replace"}).Draw(rt, "action") {
			case "change":
				// A jump of at most 2^31-1 (RFC 1982): over a few of them serials would come again, and the oldest are let go.
				serial := z.Serial() + uint32(rapid.SampledFrom([]int{1, 2, 65536, 1<<31 - 1}).Draw(rt, "jump"))
				next, e := toggle(t, l, z, serial, fmt.Sprintf("h%d.example.test", rapid.IntRange(0, 3).Draw(rt, "host")))
				commit(t, store, l, e)
				z = next
				points, entries = append(points, l.Point()), append(entries, e)
				for span(points) >= 1<<32 {
					points, entries = points[1:], entries[1:]
				}
			case "snapshot":
				if err := l.Snapshot(z, l.Seq(), Keep{}); err != nil {
					rt.Fatal(err)
				}
			case "restart":
				store.Close()
				store, j = openAgain()
				var got *zone.Zone
				l, got = load(t, j)
				if d := cmp.Diff(text(z), text(got)); d != "" {
					rt.Fatal(d)
				}
			case "replace":
				z = z.With(z.Serial() + 7)
				var b durable.Batch
				if err := l.Replace(&b, z, pointOf(z)); err != nil {
					rt.Fatal(err)
				}
				if err := store.Commit(&b); err != nil {
					rt.Fatal(err)
				}
				points, entries = []pairmsg.Point{l.Point()}, []pairmsg.Entry{}
			}
			if l.Point() != pointOf(z) {
				rt.Fatalf("point %v of %v", l.Point(), pointOf(z))
			}
			if d := cmp.Diff(points[:len(points)-1], l.History(Keep{}), cmp.Transformer("empty", func(p []pairmsg.Point) []pairmsg.Point { return append([]pairmsg.Point{}, p...) })); d != "" {
				rt.Fatal(d)
			}
			from := rapid.IntRange(0, len(points)-1).Draw(rt, "from")
			to := rapid.IntRange(0, len(points)-1).Draw(rt, "to")
			list, ok := between(t, l, points[from].Serial, points[to].Serial)
			if ok != (from <= to) {
				rt.Fatalf("from %d to %d of %d: %v", from, to, len(points), ok)
			}
			if d := cmp.Diff(slices.Concat([]pairmsg.Entry{}, entries[from:max(from, to)]), slices.Concat([]pairmsg.Entry{}, list)); d != "" {
				rt.Fatal(d)
			}
		}
	})
}

func span(points []pairmsg.Point) (n uint64) {
	for i := range points[1:] {
		n += uint64(points[i+1].Serial - points[i].Serial)
	}
	return n
}

// A serial that is not in the history, or comes after the end of the stretch, is not guessed at.
func TestEntriesOfUnknownSerials(t *testing.T) {
	store, j := open(t, t.TempDir())
	z := parse(t, "example.test", head0)
	l, err := j.Create(name(t, "example.test"), z, [32]byte{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		z = step(t, store, l, z, i)
	}
	for _, c := range []struct {
		after, through uint32
		want           bool
	}{{1, 6, true}, {6, 6, true}, {0, 6, false}, {7, 6, false}, {4, 2, false}, {1, 7, false}, {1 << 31, 6, false}, {2, 1 << 31, false}} {
		if _, ok := between(t, l, c.after, c.through); ok != c.want {
			t.Errorf("after %d through %d: %v", c.after, c.through, ok)
		}
		if _, ok := l.Distance(c.after, c.through); ok != c.want {
			t.Errorf("distance of %d and %d: %v", c.after, c.through, ok)
		}
	}
	if n, _ := l.Distance(2, 4); n != 6 { // two entries: old SOA, new SOA, one record
		t.Errorf("%d records in two entries", n)
	}
}

// "Nothing is held while fn runs": a reader in the middle of the steps keeps neither changes nor snapshots waiting; and when what
// it wants next is trimmed meanwhile it is told so.
func TestEntriesHoldNothing(t *testing.T) {
	store, j := open(t, t.TempDir())
	z := parse(t, "example.test", head0)
	l, err := j.Create(name(t, "example.test"), z, [32]byte{})
	if err != nil {
		t.Fatal(err)
	}
	var list []pairmsg.Entry
	var b durable.Batch
	for i := range Depth {
		next, e := toggle(t, l, z, 0, fmt.Sprintf("h%d.example.test", i%7))
		if _, err := l.Append(&b, e); err != nil {
			t.Fatal(err)
		}
		z = next
		list = append(list, e)
	}
	if err := store.Commit(&b); err != nil {
		t.Fatal(err)
	}
	seen := 0
	through := z.Serial()
	ok, err := l.Entries(1, through, func(e pairmsg.Entry) bool {
		if e.Digest != list[seen].Digest {
			t.Fatalf("entry %d is another", seen)
		}
		if seen++; seen == 5 {
			var more durable.Batch
			for i := range Depth {
				next, e := toggle(t, l, z, 0, fmt.Sprintf("h%d.example.test", i%7))
				if _, err := l.Append(&more, e); err != nil {
					t.Fatal(err)
				}
				z = next
			}
			if err := store.Commit(&more); err != nil {
				t.Fatal(err)
			}
			if err := l.Snapshot(z, l.Seq(), Keep{}); err != nil {
				t.Fatal(err)
			}
		}
		return true
	})
	if ok || err != nil || seen == len(list) {
		t.Errorf("%d of %d entries, %v, %v", seen, len(list), ok, err)
	}
	if h := l.History(Keep{}); len(h) != Depth || h[0].Serial != through {
		t.Errorf("%d points from %v on, want %d from %d", len(h), h[0], Depth, through)
	}
}

// An entry that does not lead on from what the journal has is refused and nothing is written.
func TestAppendRefusesWhatDoesNotFit(t *testing.T) {
	_, j := open(t, t.TempDir())
	z := parse(t, "example.test", head0)
	l, err := j.Create(name(t, "example.test"), z, [32]byte{})
	if err != nil {
		t.Fatal(err)
	}
	_, good := toggle(t, l, z, 0, "x.example.test")
	for what, edit := range map[string]func(*pairmsg.Entry){
		"another serial":   func(e *pairmsg.Entry) { e.Delta.From++ },
		"no serial at all": func(e *pairmsg.Entry) { e.Delta.To = e.Delta.From },
		"another digest":   func(e *pairmsg.Entry) { e.Digest[1]++ },
		"a record that cannot be encoded": func(e *pairmsg.Entry) {
			e.Delta.Added = append(slices.Clone(e.Delta.Added), zone.Record{Name: "\x01", Class: zone.ClassIN})
		},
	} {
		e := good
		edit(&e)
		var b durable.Batch
		before := l.Point()
		if _, err := l.Append(&b, e); err == nil || b.Len() != 0 || l.Point() != before {
			t.Errorf("%s: %v, %d writes", what, err, b.Len())
		}
	}
}

// Damage behind the snapshot makes the history shorter; the zone does not need it.
func TestDamageBehindTheSnapshot(t *testing.T) {
	for _, what := range []string{"flipped", "missing", "last missing"} {
		store, j := open(t, t.TempDir())
		z := parse(t, "example.test", head0)
		l, err := j.Create(name(t, "example.test"), z, [32]byte{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 9 {
			z = step(t, store, l, z, i)
		}
		if err := l.Snapshot(z, l.Seq(), Keep{}); err != nil {
			t.Fatal(err)
		}
		for i := range 2 {
			z = step(t, store, l, z, 100+i)
		}
		var b durable.Batch
		want := uint32(5) // entry 5 led to serial 5
		switch what {
		case "flipped":
			v, _, _ := store.Get(entryKey(l.number, 5))
			v[30] ^= 1
			b.Put(entryKey(l.number, 5), v)
		case "missing":
			b.Delete(entryKey(l.number, 5))
		case "last missing":
			b.Delete(entryKey(l.number, 10))
			want = 10
		}
		if err := store.Commit(&b); err != nil {
			t.Fatal(err)
		}
		l, got := load(t, j)
		if d := cmp.Diff(text(z), text(got)); d != "" {
			t.Errorf("%s: %s", what, d)
		}
		if h := l.History(Keep{}); h[0].Serial != want {
			t.Errorf("%s: history from %d on, want %d", what, h[0].Serial, want)
		}
		if list, ok := between(t, l, want, z.Serial()); !ok || len(list) != int(z.Serial()-want) {
			t.Errorf("%s: %d entries", what, len(list))
		}
	}
}

// An entry whose digest is not that of what it leaves, or a snapshot whose content is another, is found at load.
func TestDigestsAreProved(t *testing.T) {
	for what, do := range map[string]func(l *Log, e pairmsg.Entry, b *durable.Batch){
		"entry": func(l *Log, e pairmsg.Entry, b *durable.Batch) {
			e.Digest[0]++
			v, _ := appendEntry(nil, e)
			b.Put(entryKey(l.number, l.Seq()), v)
		},
		"snapshot": func(l *Log, _ pairmsg.Entry, b *durable.Batch) {
			h := l.head
			h.point.Digest = digest.Digest{1, 2}
			b.Put(headKey(l.name), h.value())
		},
		"serial": func(l *Log, _ pairmsg.Entry, b *durable.Batch) {
			h := l.head
			h.point.Serial++
			b.Put(headKey(l.name), h.value())
		},
	} {
		store, j := open(t, t.TempDir())
		z := parse(t, "example.test", head0)
		l, err := j.Create(name(t, "example.test"), z, [32]byte{})
		if err != nil {
			t.Fatal(err)
		}
		_, e := toggle(t, l, z, 0, "x.example.test")
		commit(t, store, l, e)
		var b durable.Batch
		do(l, e, &b)
		if err := store.Commit(&b); err != nil {
			t.Fatal(err)
		}
		var d *Damage
		if _, _, err := j.Load(l.name); !errors.As(err, &d) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// FuzzEntry: whatever an entry's value holds, reading it ends without a panic, and both ways of reading agree.
func FuzzEntry(f *testing.F) {
	v, _ := appendEntry(nil, pairmsg.Entry{Time: 1, Delta: zone.Delta{From: 1, To: 2, Deleted: []zone.Record{{Name: "\x01a\x00", Type: 1, Class: 1, TTL: 5, Data: "\x01\x02\x03\x04"}}}})
	f.Add(v[:len(v)-4])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, body []byte) {
		v := seal(slices.Clone(body))
		from, to, err := peekEntry(v)
		e, full := parseEntry(v)
		if full == nil && (err != nil || from != e.Delta.From || to.point() != e.Point()) {
			t.Fatalf("%v %v, %v %v", err, to, full, e)
		}
	})
}
