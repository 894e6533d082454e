package journal

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"loadshare/haserver/merge"
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
	"loadshare/internal/durable"
)

// "Which states the steps must still lead from": whatever snapshots let go, and through restarts, what is wanted stays, and the steps between
// any two states that are left lead from the content of one to that of the other.
func TestWhatIsKeptLeadsToThePresent(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		mem := durable.NewCrashable()
		store := pebble(t, mem)
		defer func() { store.Close() }()
		j, err := Open(store)
		if err != nil {
			rt.Fatal(err)
		}
		z := parse(t, "example.test", head0)
		l, err := j.Create(name(t, "example.test"), z, [32]byte{})
		if err != nil {
			rt.Fatal(err)
		}
		const depth = 3
		l.depth = depth
		contents := map[pairmsg.Point]*zone.Zone{l.Point(): z}
		var keep Keep
		var wanted []pairmsg.Point
		for range rapid.IntRange(1, 40).Draw(rt, "actions") {
			switch rapid.SampledFrom([]string{"change", "change", "change", "change", "change", "snapshot", "restart", "part", "ask"}).Draw(rt, "action") {
			case "change":
				next, e := toggle(t, l, z, 0, fmt.Sprintf("h%d.example.test", rapid.IntRange(0, 3).Draw(rt, "host")))
				commit(t, store, l, e)
				z = next
				contents[l.Point()] = z
			case "snapshot":
				if err := l.Snapshot(z, l.Seq(), keep); err != nil {
					rt.Fatal(err)
				}
			case "restart":
				store.Close()
				store = pebble(t, mem)
				if j, err = Open(store); err != nil {
					rt.Fatal(err)
				}
				l, z = load(t, j)
				l.depth = depth
			case "part":
				all := append(l.History(keep), l.Point())
				i := rapid.IntRange(0, len(all)-1).Draw(rt, "from")
				keep = Keep{From: all[i], Through: l.Point()}
				wanted = append([]pairmsg.Point{keep.From}, all[max(i, len(all)-depth):]...)
			case "ask":
				if keep != (Keep{}) {
					all := append(l.History(keep), l.Point())
					keep.Asked = l.Point()
					apart := all[:slices.Index(all, keep.Through)+1]
					wanted = append(slices.Clone(all[slices.Index(all, keep.From):][:1]), apart[max(0, len(apart)-depth):]...)
					wanted = append(wanted, all[max(len(apart), len(all)-depth):]...)
				}
			}
			all := append(l.History(keep), l.Point())
			for _, p := range wanted {
				if !slices.Contains(all, p) {
					rt.Fatalf("the steps do not lead from %v any more: %v", p, all)
				}
			}
			for _, p := range all {
				if contents[p] == nil {
					rt.Fatalf("%v never was", p)
				}
			}
			i := rapid.IntRange(0, len(all)-1).Draw(rt, "after")
			k := rapid.IntRange(i, len(all)-1).Draw(rt, "through")
			list, ok := between(t, l, all[i].Serial, all[k].Serial)
			if !ok {
				rt.Fatalf("no steps from %v to %v", all[i], all[k])
			}
			got := contents[all[i]]
			for _, e := range list {
				if got, err = got.WithDelta(e.Delta); err != nil {
					rt.Fatal(err)
				}
			}
			back, err := merge.Undo(contents[all[k]], merge.Compose(list))
			if err != nil {
				rt.Fatal(err)
			}
			if !same(got, contents[all[k]]) || !zone.Diff(back, contents[all[i]]).IsZero() {
				rt.Fatalf("from %v to %v: %v", all[i], all[k], text(got))
			}
		}
	})
}

// "What lies between becomes one step": however often the same records change, what is kept does not grow, and goes when it is not wanted
// any more.
func TestWhatIsKeptIsBounded(t *testing.T) {
	store, j := open(t, t.TempDir())
	z := parse(t, "example.test", head0)
	l, err := j.Create(name(t, "example.test"), z, [32]byte{})
	if err != nil {
		t.Fatal(err)
	}
	l.depth = 3
	change := func(n int) {
		for i := range n {
			next, e := toggle(t, l, z, 0, fmt.Sprintf("h%d.example.test", i%5))
			commit(t, store, l, e)
			z = next
		}
		if err := l.Snapshot(z, l.Seq(), Keep{}); err != nil {
			t.Fatal(err)
		}
	}
	change(2)
	keep := Keep{From: l.Point(), Through: l.Point()}
	base := z
	for range 10 {
		for i := range 50 {
			next, e := toggle(t, l, z, 0, fmt.Sprintf("h%d.example.test", i%5))
			commit(t, store, l, e)
			z = next
		}
		if err := l.Snapshot(z, l.Seq(), keep); err != nil {
			t.Fatal(err)
		}
		entries := 0
		if err := store.Scan(numberKey('D', l.number), numberKey('D', l.number+1), func(_, _ []byte) bool { entries++; return true }); err != nil {
			t.Fatal(err)
		}
		list, ok := between(t, l, keep.From.Serial, z.Serial())
		if !ok || entries != 6 || len(list) != 4 || len(list[0].Delta.Added) > 6 {
			t.Fatalf("%d entries on disk, %d steps, the first of %d records: %t", entries, len(list), len(list[0].Delta.Added), ok)
		}
		if n, ok := l.Distance(keep.From.Serial, list[0].Delta.To); !ok || n != len(list[0].Delta.Added)+len(list[0].Delta.Deleted) {
			t.Errorf("the first step has %d records", n)
		}
		back, err := merge.Undo(z, merge.Compose(list))
		if err != nil || cmp.Diff(text(base), text(back)) != "" {
			t.Fatal(err, cmp.Diff(text(base), text(back)))
		}
	}
	change(0)
	if h := l.History(keep); len(h) != 3 {
		t.Errorf("%d points are left of a history that nobody wants", len(h))
	}
}

// A reader in the middle of steps that become one is told that they are gone, and not that the disk is damaged.
func TestStepsBecomeOneUnderAReader(t *testing.T) {
	store, j := open(t, t.TempDir())
	z := parse(t, "example.test", head0)
	l, err := j.Create(name(t, "example.test"), z, [32]byte{})
	if err != nil {
		t.Fatal(err)
	}
	l.depth = 3
	keep := Keep{From: l.Point(), Through: l.Point()}
	for i := range 3000 { // more than is read at a time
		next, e := toggle(t, l, z, 0, fmt.Sprintf("h%d.example.test", i%7))
		commit(t, store, l, e)
		z = next
	}
	seen := 0
	ok, err := l.Entries(keep.From.Serial, z.Serial(), func(pairmsg.Entry) bool {
		if seen++; seen == 5 {
			if err := l.Snapshot(z, l.Seq(), keep); err != nil {
				t.Fatal(err)
			}
		}
		return true
	})
	if ok || err != nil || seen == 3000 {
		t.Errorf("%d steps, %v, %v", seen, ok, err)
	}
	if list, ok := between(t, l, keep.From.Serial, z.Serial()); !ok || len(list) != 4 {
		t.Errorf("%d steps after that", len(list))
	}
}
