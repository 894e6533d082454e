package journal

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"loadshare/haserver/zone"
	"loadshare/internal/durable"
)

// watched is a store that calls a function before and after each commit.
type watched struct {
	durable.Store
	around func(before bool)
}

func (w *watched) Commit(b *durable.Batch) error {
	w.around(true)
	defer func() { w.around(false) }()
	return w.Store.Commit(b)
}

// same says that two zones are equal, the serial included.
func same(a, b *zone.Zone) bool { return a.Serial() == b.Serial() && zone.Diff(a, b).IsZero() }

// large is a zone whose snapshot has several pieces.
func large(t testing.TB, serial, n int) *zone.Zone {
	t.Helper()
	var b strings.Builder
	b.WriteString(strings.Replace(head0, " 1 3600", fmt.Sprint(" ", serial, " 3600"), 1))
	for i := range n {
		fmt.Fprintf(&b, "h%d-%d TXT \"%s\"\n", serial, i, strings.Repeat("x", 200))
	}
	return parse(t, "example.test", b.String())
}

func pebble(t testing.TB, mem *durable.Crashable) durable.Store {
	t.Helper()
	s, err := mem.OpenPebble("j", durable.PebbleOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// Replace is whole or not at all: the power is cut before and after each write to the disk, with any part of what was not synced
// lost; then the old content is there with its entries, or, when the batch with the switch had begun to be written, the new
// one, with what else was in that batch. Once the batch is committed only the new one.
func TestReplaceIsCrashSafe(t *testing.T) {
	for seed := range uint64(4) {
		rng := rand.New(rand.NewPCG(seed, 7))
		mem := durable.NewCrashable()
		w := &watched{Store: pebble(t, mem), around: func(bool) {}}
		j, err := Open(w)
		if err != nil {
			t.Fatal(err)
		}
		old := large(t, 1, 2000)
		l, err := j.Create(name(t, "example.test"), old, [32]byte{9})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 5 {
			old = step(t, w, l, old, i)
		}
		next := large(t, 50, 4000)
		var disks []*durable.Crashable
		var mayBeNew, mustBeNew []bool
		switching, done := false, false
		w.around = func(bool) {
			disks = append(disks, mem.PowerCut(rng.IntN(101), rng))
			mayBeNew, mustBeNew = append(mayBeNew, switching), append(mustBeNew, done)
		}
		var b durable.Batch
		if err := l.Replace(&b, next, pointOf(next)); err != nil {
			t.Fatal(err)
		}
		l.PutSaved(&b, []byte("new"))
		w.around(true)
		switching = true
		if err := w.Commit(&b); err != nil {
			t.Fatal(err)
		}
		done = true
		w.around(false)
		if len(disks) < 6 {
			t.Fatalf("%d writes: the content is to be several pieces", len(disks))
		}
		for i, disk := range disks {
			j, err := Open(pebble(t, disk))
			if err != nil {
				t.Fatal(err)
			}
			l, got := load(t, j)
			saved, _, err := l.Saved()
			if err != nil {
				t.Fatal(err)
			}
			want, history := old, 5
			if string(saved) == "new" {
				want, history = next, 0
			}
			if !same(want, got) || len(l.History(Keep{})) != history || l.Point() != pointOf(want) {
				t.Errorf("cut %d: another content, or %d points of %d", i, len(l.History(Keep{})), history)
			}
			if isNew := history == 0; isNew && !mayBeNew[i] || !isNew && mustBeNew[i] {
				t.Errorf("cut %d: new content: %v", i, isNew)
			}
			if l.Digest() != [32]byte{9} {
				t.Errorf("cut %d: the digest of the file is lost", i)
			}
			got = step(t, l.store, l, got, 1000) // and life goes on
			if _, again := load(t, j); !same(got, again) {
				t.Errorf("cut %d: what came after it is lost", i)
			}
		}
	}
}

// A zone that was begun, and whose first content was cut off by a crash, is not there, and nothing of it is left on the disk for the
// next one.
func TestBeginIsCrashSafe(t *testing.T) {
	mem := durable.NewCrashable()
	j, err := Open(pebble(t, mem))
	if err != nil {
		t.Fatal(err)
	}
	l, err := j.Begin(name(t, "example.test"))
	if err != nil {
		t.Fatal(err)
	}
	z := large(t, 1, 4000)
	var b durable.Batch
	if _, err := l.Append(&b, entry(l, zone.Delta{From: 1, To: 2})); err == nil {
		t.Error("a change of a zone without content is taken")
	}
	if err := l.Replace(&b, z, pointOf(z)); err != nil {
		t.Fatal(err)
	}
	store := pebble(t, mem.PowerCut(100, rand.New(rand.NewPCG(1, 1))))
	if j, err = Open(store); err != nil {
		t.Fatal(err)
	}
	if l, _, err := j.Load(name(t, "example.test")); l != nil || err != nil {
		t.Fatalf("it is there: %v", err)
	}
	left := 0
	_ = store.Scan([]byte("A"), []byte("U"), func(_, _ []byte) bool { left++; return true })
	if left != 0 {
		t.Errorf("%d keys are left", left)
	}
	small := parse(t, "example.test", head0)
	if _, err := j.Create(name(t, "example.test"), small, [32]byte{}); err != nil {
		t.Fatal(err)
	}
	if _, got := load(t, j); got.Len() != small.Len() {
		t.Errorf("%d records", got.Len())
	}
}

// A snapshot under way, of the content before Replace or Forget, comes to nothing; one that ends while the pieces of a replacement
// are written does not take them away.
func TestSnapshotBesideReplaceAndForget(t *testing.T) {
	for _, what := range []string{"replace in a snapshot", "snapshot in a replace", "forget in a snapshot"} {
		w := &watched{Store: pebble(t, durable.NewCrashable()), around: func(bool) {}}
		j, err := Open(w)
		if err != nil {
			t.Fatal(err)
		}
		old, next := large(t, 1, 3000), large(t, 50, 3000)
		l, err := j.Create(name(t, "example.test"), old, [32]byte{})
		if err != nil {
			t.Fatal(err)
		}
		old = step(t, w, l, old, 0)
		seq := l.Seq()
		replace := func() {
			var b durable.Batch
			if err := l.Replace(&b, next, pointOf(next)); err != nil {
				t.Fatal(err)
			}
			if err := w.Commit(&b); err != nil {
				t.Fatal(err)
			}
		}
		snapshot := func() {
			if err := l.Snapshot(old, seq, Keep{}); err != nil {
				t.Fatal(err)
			}
		}
		forget := func() {
			var b durable.Batch
			if err := j.Forget(&b, l.name); err != nil {
				t.Fatal(err)
			}
			if err := w.Commit(&b); err != nil {
				t.Fatal(err)
			}
		}
		outer, inner := snapshot, replace
		switch what {
		case "snapshot in a replace":
			outer, inner = replace, snapshot
		case "forget in a snapshot":
			inner = forget
		}
		commits := 0
		w.around = func(before bool) {
			if commits++; commits == 2 { // one piece is written
				w.around = func(bool) {}
				inner()
			}
		}
		outer()
		if commits < 2 {
			t.Fatalf("%s: nothing came in between", what)
		}
		if what == "forget in a snapshot" {
			if l, _, err := j.Load(l.name); l != nil || err != nil {
				t.Errorf("%s: it is back: %v", what, err)
			}
			continue
		}
		if _, got := load(t, j); !same(next, got) {
			t.Errorf("%s: another content", what)
		}
	}
}

// A snapshot of a content that is not the journal's is refused, and what is on disk stays.
func TestSnapshotOfAnotherContentIsRefused(t *testing.T) {
	store, j := open(t, t.TempDir())
	z := parse(t, "example.test", head0)
	l, err := j.Create(name(t, "example.test"), z, [32]byte{})
	if err != nil {
		t.Fatal(err)
	}
	next := step(t, store, l, z, 0)
	if err := l.Snapshot(z, l.Seq(), Keep{}); err == nil {
		t.Error("taken")
	}
	if _, got := load(t, j); !same(next, got) {
		t.Error("another content")
	}
}
