package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
	"loadshare/internal/durable"
)

func open(t testing.TB, dir string) (durable.Store, *Journal) {
	t.Helper()
	store, err := durable.OpenBolt(filepath.Join(dir, "j"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	j, err := Open(store)
	if err != nil {
		t.Fatal(err)
	}
	return store, j
}

func name(t testing.TB, text string) zone.Name {
	t.Helper()
	n, err := zone.ParseName(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func parse(t testing.TB, origin, text string) *zone.Zone {
	t.Helper()
	z, problems := zone.Load(func(string) ([]byte, error) { return []byte(text), nil }, name(t, origin), "db")
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	return z
}

const head0 = "$TTL 60\n@ SOA ns admin 1 3600 600 86400 30\n@ NS ns\nns A 192.0.2.1\n"

func text(z *zone.Zone) []string { return slices.Collect(z.Text()) }

// entry is the entry that carries d on from what l has.
func entry(l *Log, d zone.Delta) pairmsg.Entry {
	return pairmsg.Entry{Time: int64(d.To) * 1000, Digest: l.Point().Digest.Step(d), Delta: d}
}

// step adds one record and commits it.
func step(t testing.TB, store durable.Store, l *Log, z *zone.Zone, i int) *zone.Zone {
	t.Helper()
	next, d, rcode, why := z.Apply(zone.Update{Updates: []zone.Record{{
		Name: name(t, fmt.Sprintf("h%d.example.test", i)), Type: zone.TypeA, Class: zone.ClassIN, TTL: 5, Data: string(binary.BigEndian.AppendUint32(nil, uint32(i))),
	}}})
	if rcode != zone.NoError {
		t.Fatal(why)
	}
	var b durable.Batch
	if _, err := l.Append(&b, entry(l, d)); err != nil {
		t.Fatal(err)
	}
	if err := store.Commit(&b); err != nil {
		t.Fatal(err)
	}
	return next
}

func load(t testing.TB, j *Journal) (*Log, *zone.Zone) {
	t.Helper()
	l, z, err := j.Load(name(t, "EXAMPLE.test"))
	if err != nil || l == nil {
		t.Fatalf("log %v, %v", l, err)
	}
	return l, z
}

// What was committed is there after every opening, whatever snapshots came in between.
func TestRecoveryIsWhatWasCommitted(t *testing.T) {
	dir := t.TempDir()
	store, j := open(t, dir)
	if l, _, err := j.Load(name(t, "example.test")); l != nil || err != nil {
		t.Fatalf("an empty journal has the zone: %v", err)
	}
	z := parse(t, "example.test", head0)
	l, err := j.Create(name(t, "example.test"), z, [32]byte{7})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Create(name(t, "Example.Test"), z, [32]byte{}); err == nil {
		t.Error("a zone was created twice")
	}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 200 {
		z = step(t, store, l, z, i)
		switch r.IntN(20) {
		case 0:
			if err := l.Snapshot(z, l.Seq(), Keep{}); err != nil {
				t.Fatal(err)
			}
		case 1:
			store.Close()
			store, j = open(t, dir)
			var got *zone.Zone
			l, got = load(t, j)
			if d := cmp.Diff(text(z), text(got)); d != "" {
				t.Fatalf("after %d:\n%s", i, d)
			}
			if l.Digest() != [32]byte{7} {
				t.Fatal("the digest of the file is lost")
			}
			z = got
		}
	}
}

// A snapshot of a large zone has several parts; a crash before its end leaves the old one in force and its parts are swept away.
func TestSnapshotOfManyParts(t *testing.T) {
	store, j := open(t, t.TempDir())
	var b strings.Builder
	b.WriteString(head0)
	for i := range 20000 {
		fmt.Fprintf(&b, "h%d TXT \"%s\"\n", i, strings.Repeat("x", 40))
	}
	z := parse(t, "example.test", b.String())
	l, err := j.Create(name(t, "example.test"), z, [32]byte{})
	if err != nil {
		t.Fatal(err)
	}
	if l.head.parts < 3 {
		t.Fatalf("%d parts", l.head.parts)
	}
	var torn durable.Batch
	torn.Put(partKey(l.head.number, l.head.epoch+1, 0), seal([]byte("half")))
	if err := store.Commit(&torn); err != nil {
		t.Fatal(err)
	}
	_, got := load(t, j)
	if got.Len() != z.Len() || got.Serial() != z.Serial() {
		t.Errorf("%d records of %d", got.Len(), z.Len())
	}
	if _, ok, _ := store.Get(partKey(l.head.number, l.head.epoch+1, 0)); ok {
		t.Error("the torn snapshot is still there")
	}
}

// Entries behind a snapshot are kept to Depth, for IXFR; older ones go.
func TestEntriesAreTrimmedToDepth(t *testing.T) {
	store, j := open(t, t.TempDir())
	z := parse(t, "example.test", head0)
	l, err := j.Create(name(t, "example.test"), z, [32]byte{})
	if err != nil {
		t.Fatal(err)
	}
	var b durable.Batch
	for i := range Depth + 5 {
		next, d, _, _ := z.Apply(zone.Update{Updates: []zone.Record{{Name: name(t, "x.example.test"), Type: zone.TypeA, Class: zone.ClassIN, TTL: uint32(i + 1), Data: "\x01\x02\x03\x04"}}})
		if _, err := l.Append(&b, entry(l, d)); err != nil {
			t.Fatal(err)
		}
		z = next
	}
	if err := store.Commit(&b); err != nil {
		t.Fatal(err)
	}
	if err := l.Snapshot(z, l.Seq(), Keep{}); err != nil {
		t.Fatal(err)
	}
	n, first := 0, uint64(0)
	_ = store.Scan(entryKey(l.head.number, 0), entryKey(l.head.number+1, 0), func(k, _ []byte) bool {
		if n++; n == 1 {
			first = binary.BigEndian.Uint64(k[5:])
		}
		return true
	})
	if n != Depth || first != 7 { // the content it began with is sequence 1
		t.Errorf("%d entries from %d on, want %d from 7 on", n, first, Depth)
	}
}

// Damage of any kind is refused: a zone is recovered whole or not at all.
func TestDamageIsRefused(t *testing.T) {
	damage := map[string]func(l *Log, s durable.Store, b *durable.Batch){
		"head": func(l *Log, _ durable.Store, b *durable.Batch) { b.Put(headKey(l.name), []byte("nonsense")) },
		"missing part": func(l *Log, _ durable.Store, b *durable.Batch) {
			b.Delete(partKey(l.head.number, l.head.epoch, 0))
		},
		"flipped part": func(l *Log, s durable.Store, b *durable.Batch) {
			k := partKey(l.head.number, l.head.epoch, 0)
			v, _, _ := s.Get(k)
			v[10] ^= 1
			b.Put(k, v)
		},
		"missing entry": func(l *Log, _ durable.Store, b *durable.Batch) { b.Delete(entryKey(l.head.number, 3)) },
		"missing first entry": func(l *Log, _ durable.Store, b *durable.Batch) {
			b.Delete(entryKey(l.head.number, 2))
		},
		"flipped entry": func(l *Log, s durable.Store, b *durable.Batch) {
			k := entryKey(l.head.number, 3)
			v, _, _ := s.Get(k)
			v[len(v)/2] ^= 1
			b.Put(k, v)
		},
		"entry twice": func(l *Log, s durable.Store, b *durable.Batch) {
			v, _, _ := s.Get(entryKey(l.head.number, 4))
			b.Put(entryKey(l.head.number, 5), v)
		},
	}
	for what, do := range damage {
		store, j := open(t, t.TempDir())
		z := parse(t, "example.test", head0)
		l, err := j.Create(name(t, "example.test"), z, [32]byte{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			z = step(t, store, l, z, i)
		}
		var b durable.Batch
		do(l, store, &b)
		if err := store.Commit(&b); err != nil {
			t.Fatal(err)
		}
		_, _, err = j.Load(name(t, "example.test"))
		var d *Damage
		if !errors.As(err, &d) || !d.Zone.Equal(l.name) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// A store of a later format is left alone.
func TestLaterFormatIsRefused(t *testing.T) {
	store, _ := open(t, t.TempDir())
	var b durable.Batch
	b.Put([]byte("V"), seal([]byte{format + 1}))
	if err := store.Commit(&b); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(store); err == nil {
		t.Error("opened")
	}
}

// Numbers are not given twice, so that the entries of one zone are never taken for those of another.
func TestZonesDoNotMix(t *testing.T) {
	dir := t.TempDir()
	store, j := open(t, dir)
	for _, n := range []string{"example.test", "b.test"} {
		if _, err := j.Create(name(t, n), parse(t, n, head0), [32]byte{}); err != nil {
			t.Fatal(err)
		}
	}
	store.Close()
	_, j = open(t, dir)
	l, err := j.Create(name(t, "c.test"), parse(t, "c.test", head0), [32]byte{})
	if err != nil || l.head.number != 3 {
		t.Errorf("number %d, %v", l.head.number, err)
	}
	names, err := j.Names()
	if err != nil || len(names) != 3 {
		t.Errorf("%v %v", names, err)
	}
	for _, n := range []string{"example.test", "b.test", "c.test"} {
		if _, z, err := j.Load(name(t, n)); err != nil || !z.Origin().Equal(name(t, n)) {
			t.Errorf("%s: %v", n, err)
		}
	}
}

// FuzzSets: whatever a part holds, reading it ends, without a panic.
func FuzzSets(f *testing.F) {
	f.Add(string(appendSet(nil, &zone.RRset{Name: "\x01a\x00", Type: 1, TTL: 5, Data: []string{"\x01\x02\x03\x04"}})))
	f.Add("\x01\x00\x00\x01\x00\x00\x00\x05\xff\xff\xff\xff\x7f")
	f.Fuzz(func(t *testing.T, body string) {
		for set, err := range sets(body) {
			if err != nil {
				return
			}
			if !set.Name.Valid() || len(set.Data) == 0 {
				t.Fatalf("%v", set)
			}
		}
	})
}
