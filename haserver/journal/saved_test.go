package journal

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"loadshare/haserver/zone"
	"loadshare/internal/durable"
)

// What is saved of the server and of zones, and the values beside them, is there after a restart; each is replaced by a later one.
func TestSaved(t *testing.T) {
	dir := t.TempDir()
	store, j := open(t, dir)
	l, err := j.Create(name(t, "example.test"), parse(t, "example.test", head0), [32]byte{})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok, err := j.Saved(); ok || err != nil {
		t.Errorf("%v %v", ok, err)
	}
	if _, ok, err := l.Saved(); ok || err != nil {
		t.Errorf("%v %v", ok, err)
	}
	for _, text := range []string{"first", "second"} {
		var b durable.Batch
		room := append(make([]byte, 0, 100), text...) // the checksum must not be written into it
		j.PutSaved(&b, room[:3])
		l.PutSaved(&b, room)
		j.PutValue(&b, 'C', name(t, "Example.Test"), "id1", room)
		j.PutValue(&b, 'C', name(t, "b.test"), "id2", []byte("other zone"))
		j.PutValue(&b, 'C', name(t, "example.test"), "id0", nil)
		j.PutValue(&b, 'C', name(t, "x.example.test"), "id1", []byte("below"))
		j.PutValue(&b, 'Z', name(t, "example.test"), "", []byte("settings"))
		if string(room) != text {
			t.Fatalf("%q", room)
		}
		if err := store.Commit(&b); err != nil {
			t.Fatal(err)
		}
	}
	store.Close()
	store, j = open(t, dir)
	l, _ = load(t, j)
	if v, ok, err := j.Saved(); string(v) != "sec" || !ok || err != nil {
		t.Errorf("%q %v %v", v, ok, err)
	}
	if v, ok, err := l.Saved(); string(v) != "second" || !ok || err != nil {
		t.Errorf("%q %v %v", v, ok, err)
	}
	values := func(kind byte, zoneName string) (list []string) {
		t.Helper()
		var n zone.Name
		if zoneName != "" {
			n = name(t, zoneName)
		}
		all, err := j.Values(kind, n)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range all {
			list = append(list, v.Zone.String()+" "+v.ID+" "+string(v.Data))
		}
		return list
	}
	want := []string{"b.test. id2 other zone", "x.example.test. id1 below", "example.test. id0 ", "example.test. id1 second"}
	if d := cmp.Diff(want, values('C', "")); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(want[2:], values('C', "EXAMPLE.test")); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"example.test.  settings"}, values('Z', "")); d != "" {
		t.Error(d)
	}
	var b durable.Batch
	j.DropValue(&b, 'C', name(t, "example.test"), "id0")
	j.DropValue(&b, 'C', name(t, "example.test"), "never there")
	if err := store.Commit(&b); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want[3:], values('C', "example.test")); d != "" {
		t.Error(d)
	}
}

// A forgotten zone leaves nothing behind; the others stay; its name can be used again.
func TestForget(t *testing.T) {
	for _, loaded := range []bool{true, false} {
		dir := t.TempDir()
		store, j := open(t, dir)
		if _, err := j.Create(name(t, "x.example.test"), parse(t, "x.example.test", head0), [32]byte{}); err != nil {
			t.Fatal(err)
		}
		z := parse(t, "example.test", head0)
		var b durable.Batch
		j.PutValue(&b, 'C', name(t, "x.example.test"), "stays", nil)
		if err := store.Commit(&b); err != nil {
			t.Fatal(err)
		}
		count := func() (n int) {
			_ = store.Scan([]byte("A"), nil, func(_, _ []byte) bool { n++; return true })
			return n
		}
		before := count()
		l, err := j.Create(name(t, "example.test"), z, [32]byte{1})
		if err != nil {
			t.Fatal(err)
		}
		step(t, store, l, z, 0)
		b.Reset()
		l.PutSaved(&b, []byte("s"))
		j.PutValue(&b, 'C', name(t, "example.test"), "1", nil)
		j.PutValue(&b, 'Z', name(t, "example.test"), "", nil)
		if err := store.Commit(&b); err != nil {
			t.Fatal(err)
		}
		if !loaded {
			store.Close()
			store, j = open(t, dir)
		}
		b.Reset()
		if err := j.Forget(&b, name(t, "Example.test")); err != nil {
			t.Fatal(err)
		}
		if err := store.Commit(&b); err != nil {
			t.Fatal(err)
		}
		if n := count(); n != before {
			t.Errorf("%d keys, %d before the zone came", n, before)
		}
		if l, _, err := j.Load(name(t, "x.example.test")); l == nil || err != nil {
			t.Errorf("the other zone: %v", err)
		}
		l, err = j.Create(name(t, "example.test"), z, [32]byte{})
		if err != nil {
			t.Fatal(err)
		}
		if _, ok, _ := l.Saved(); ok || len(l.History(Keep{})) != 0 {
			t.Error("the new zone has something of the old one")
		}
	}
}

// What is saved and has rotted is said to be damaged.
func TestDamagedSavedIsRefused(t *testing.T) {
	store, j := open(t, t.TempDir())
	l, err := j.Create(name(t, "example.test"), parse(t, "example.test", head0), [32]byte{})
	if err != nil {
		t.Fatal(err)
	}
	var b durable.Batch
	b.Put([]byte("W"), []byte("nonsense"))
	b.Put(numberKey('A', l.number), []byte("nonsense"))
	b.Put(append(valueKey(l.name), 'C'), []byte("nonsense"))
	if err := store.Commit(&b); err != nil {
		t.Fatal(err)
	}
	_, _, err1 := j.Saved()
	_, _, err2 := l.Saved()
	_, err3 := j.Values('C', "")
	for _, err := range []error{err1, err2, err3} {
		var d *Damage
		if !errors.As(err, &d) {
			t.Errorf("%v", err)
		}
	}
}
