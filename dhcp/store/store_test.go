package store

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"loadshare/dhcp/engine"
	"loadshare/dhcp/failover"
	"loadshare/dhcp/lease"
	"loadshare/dhcp/names"
	"loadshare/internal/durable"
)

func open(t *testing.T, dir string, o Options) (*Store, engine.Start) {
	t.Helper()
	s, start, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, start
}

func commit(t *testing.T, s *Store, w engine.Write, now int64) uint64 {
	t.Helper()
	seq, err := s.Commit(&w, now)
	if err != nil {
		t.Fatal(err)
	}
	return seq
}

// Everything that was committed is there at the next opening, and the store is still the same one, opened once more.
func TestOpenFindsWhatWasCommitted(t *testing.T) {
	dir := t.TempDir()
	s, start := open(t, dir, Options{})
	if start.Store == 0 || start.Boot != 1 || start.Seq != 0 || start.LastCommit != 0 || len(start.Leases) != 0 {
		t.Errorf("a new store: %+v", start)
	}
	one, two := full(0xc0a80064), lease.Lease{IP: 0xc0a80065, State: lease.Free}
	commit(t, s, engine.Write{Batch: 1, Leases: []lease.Lease{one, two}, Jobs: []names.Job{{ID: 4, FQDN: "a"}, {ID: 5, FQDN: "b"}}}, 1000)
	two.State = lease.Backup
	saved := failover.Saved{State: 2, Since: 7, PeerSeq: 9}
	networks := engine.Shared{Name: "pair1", Role: failover.Backup, MCLT: 60, Subnets: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")}, Over: 5}
	over := networks
	over.Name = "pair2"
	commit(t, s, engine.Write{Batch: 1, Shared: []engine.Shared{over, networks}}, 1000)
	seq := commit(t, s, engine.Write{Batch: 2, Shared: []engine.Shared{{Name: "pair2"}}, Leases: []lease.Lease{two}, Saved: []engine.PairSaved{{Name: "pair1", Saved: saved}}, Done: []uint64{4}}, 1001)
	if seq != 3 {
		t.Errorf("sequence %d after three writes", seq)
	}
	if seq := commit(t, s, engine.Write{Batch: 3}, 1002); seq != 3 {
		t.Errorf("sequence %d after a write of nothing", seq)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, again := open(t, dir, Options{})
	want := engine.Start{Store: start.Store, Boot: 2, Seq: 3, LastCommit: 1001, Leases: []lease.Lease{one, two}, Saved: map[string]failover.Saved{"pair1": saved}, Shared: []engine.Shared{networks}, Jobs: []names.Job{{ID: 5, FQDN: "b"}}}
	if d := cmp.Diff(want, again, cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.Prefix{})); d != "" {
		t.Error(d)
	}
}

// A second process is refused and told so.
func TestInUse(t *testing.T) {
	dir := t.TempDir()
	open(t, dir, Options{})
	_, _, err := Open(dir, Options{})
	if !errors.Is(err, durable.ErrInUse) || !strings.Contains(err.Error(), "stop that one first") {
		t.Error(err)
	}
}

// "damage is detected and refused with the way to recover from the partner": every kind of record, and no octet of the files changes.
func TestDamageIsRefusedWithTheWayBack(t *testing.T) {
	l := full(5)
	for name, c := range map[string]struct{ key, value []byte }{
		"lease":          {[]byte{'L', 0, 0, 0, 5}, []byte("garbage")},
		"key of a lease": {[]byte{'L', 0, 0}, encodeLease(nil, &l)},
		"identity":       {[]byte("I"), []byte("x")},
		"sequence":       {[]byte("Q"), seal([]byte{version, 1}, 0)},
		"state":          {[]byte("Spair1"), seal([]byte{version, '{'}, 0)},
		"job":            {[]byte{'J', 0, 0, 0, 0, 0, 0, 0, 1}, []byte{}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "db")
			s, _ := open(t, dir, Options{})
			commit(t, s, engine.Write{Batch: 1, Leases: []lease.Lease{full(4)}}, 1)
			var b durable.Batch
			b.Put(c.key, c.value)
			if err := s.disk.Commit(&b); err != nil {
				t.Fatal(err)
			}
			_ = s.Close()
			_, _, err := Open(dir, Options{})
			var damage *Damage
			if !errors.As(err, &damage) || !strings.Contains(err.Error(), "mv "+dir) || !strings.Contains(err.Error(), "its partner gives it all leases back") {
				t.Errorf("%v", err)
			}
		})
	}
}

// A store without its identity is not a new one: to be taken for new by the partner would lose what it promised.
func TestLostIdentityIsDamage(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir, Options{})
	commit(t, s, engine.Write{Batch: 1, Leases: []lease.Lease{full(4)}}, 1)
	var b durable.Batch
	b.Delete([]byte("I"))
	if err := s.disk.Commit(&b); err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
	var damage *Damage
	if _, _, err := Open(dir, Options{}); !errors.As(err, &damage) {
		t.Error(err)
	}
}

// "A newer format than known is refused."
func TestNewerFormatIsRefused(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir, Options{})
	var b durable.Batch
	b.Put([]byte{'L', 0, 0, 0, 5}, seal([]byte{version + 1, 9}, 0))
	if err := s.disk.Commit(&b); err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
	if _, _, err := Open(dir, Options{}); !errors.Is(err, errNewer) || !strings.Contains(err.Error(), "start that version") {
		t.Error(err)
	}
}

// "every ACK is durable before it leaves": the power is cut at any moment, any part of what was not synced is lost; every write that
// Commit had returned for is there, and of the others all or nothing.
func TestPowerCut(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { powerCut(t, rand.New(rand.NewPCG(seed, 7))) })
	}
}

func powerCut(t *testing.T, rng *rand.Rand) {
	mem := durable.NewCrashable()
	on := func(c *durable.Crashable) Options {
		return Options{Open: func(dir string) (durable.Store, error) { return c.OpenPebble(dir, durable.PebbleOptions{}) }}
	}
	s, first := open(t, "db", on(mem))
	const writes = 60
	var acked atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range writes {
			w := engine.Write{Batch: uint64(i + 1)}
			for j := range 1 + i%7 {
				l := full(lease.IP(i*8 + j + 1))
				l.Start = int64(i)
				w.Leases = append(w.Leases, l)
				w.History = append(w.History, engine.Event{At: int64(i), What: 1, Lease: l})
			}
			w.Saved = []engine.PairSaved{{Name: "p", Saved: failover.Saved{Since: int64(i)}}}
			if _, err := s.Commit(&w, int64(i)); err != nil {
				t.Error(err)
				return
			}
			acked.Store(int64(i + 1))
		}
	}()
	moment := int64(rng.IntN(writes))
	for acked.Load() < moment && !t.Failed() {
		time.Sleep(10 * time.Microsecond)
	}
	known := acked.Load()
	after := mem.PowerCut(rng.IntN(101), rng)
	<-done
	_, start := open(t, "db", on(after))
	if start.Store != first.Store {
		t.Errorf("the store is another one")
	}
	if start.Seq < uint64(known) {
		t.Errorf("%d writes were acknowledged, %d are there", known, start.Seq)
	}
	got := map[int64]int{}
	for _, l := range start.Leases {
		got[l.Start]++
	}
	for i := range writes {
		want := 0
		if uint64(i) < start.Seq {
			want = 1 + i%7
		}
		if got[int64(i)] != want {
			t.Errorf("write %d of %d: %d leases of it, want %d", i, start.Seq, got[int64(i)], want)
		}
	}
	if start.Seq > 0 && start.Saved["p"].Since != int64(start.Seq-1) {
		t.Errorf("the state of the pair is that of write %d of %d", start.Saved["p"].Since, start.Seq-1)
	}
}

// After a write failed nothing more is written: what the disk holds is not known.
func TestFailedWrite(t *testing.T) {
	bad := errors.New("the disk is gone")
	failing := &failingStore{}
	s, _ := open(t, t.TempDir(), Options{Open: func(dir string) (durable.Store, error) {
		st, err := durable.OpenPebble(dir, durable.PebbleOptions{})
		failing.Store = st
		return failing, err
	}})
	commit(t, s, engine.Write{Batch: 1, Leases: []lease.Lease{full(4)}}, 1)
	failing.err = bad
	if seq, err := s.Commit(&engine.Write{Batch: 2, Leases: []lease.Lease{full(5)}}, 2); !errors.Is(err, bad) || seq != 1 {
		t.Errorf("%d %v", seq, err)
	}
	if seq, at := s.Last(); seq != 1 || at != 1 {
		t.Errorf("last durable write: %d at %d", seq, at)
	}
}

type failingStore struct {
	durable.Store
	err  error
	hold chan struct{}
}

func (f *failingStore) Commit(b *durable.Batch) error {
	if f.hold != nil {
		<-f.hold
	}
	if f.err != nil {
		return f.err
	}
	return f.Store.Commit(b)
}

// A write that does not end is seen from outside.
func TestHangs(t *testing.T) {
	f := &failingStore{}
	s, _ := open(t, t.TempDir(), Options{Open: func(dir string) (durable.Store, error) {
		st, err := durable.OpenPebble(dir, durable.PebbleOptions{})
		f.Store = st
		return f, err
	}})
	if d := s.Hangs(time.Now()); d != 0 {
		t.Errorf("hangs %s with nothing to write", d)
	}
	f.hold = make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = s.Commit(&engine.Write{Batch: 1, Leases: []lease.Lease{full(4)}}, 1)
	}()
	for deadline := time.Now().Add(5 * time.Second); s.Hangs(time.Now().Add(time.Second)) < time.Second; {
		if time.Now().After(deadline) {
			t.Fatal("a write under way is not seen")
		}
		time.Sleep(time.Millisecond)
	}
	close(f.hold)
	<-done
	if d := s.Hangs(time.Now().Add(time.Hour)); d != 0 {
		t.Errorf("hangs %s after the write", d)
	}
}
