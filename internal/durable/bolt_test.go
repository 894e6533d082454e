package durable

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"go.etcd.io/bbolt"
)

func TestBoltMode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	s, err := OpenBolt(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// TestBoltSharesTransactions: many waiting commits cost few transactions, and
// each transaction is one fsync of data and one of the root.
func TestBoltSharesTransactions(t *testing.T) {
	s, err := OpenBolt(filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	db := s.(*store).engine.(boltEngine).db
	transactions := func() (id int) {
		if err := db.View(func(tx *bbolt.Tx) error { id = tx.ID(); return nil }); err != nil {
			t.Fatal(err)
		}
		return id
	}
	before := transactions()
	// A transaction of the test's own holds the writer up until all have begun.
	hold, err := db.Begin(true)
	if err != nil {
		t.Fatal(err)
	}
	const n = 64
	var begun, done sync.WaitGroup
	begun.Add(n)
	for i := range n {
		done.Go(func() {
			var b Batch
			b.Put([]byte{byte(i + 1)}, []byte("v"))
			begun.Done()
			if err := s.Commit(&b); err != nil {
				t.Error(err)
			}
		})
	}
	begun.Wait()
	if err := hold.Rollback(); err != nil {
		t.Fatal(err)
	}
	done.Wait()
	used := transactions() - before
	t.Logf("%d commits, %d transactions", n, used)
	if used < 1 || used >= n {
		t.Errorf("%d commits took %d transactions", n, used)
	}
}

// TestBoltFailure: a store whose file cannot be written refuses what follows,
// and still reads.
func TestBoltFailure(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	s, err := OpenBolt(path)
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, "a", "1")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var file *os.File
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{OpenFile: func(name string, flag int, perm os.FileMode) (*os.File, error) {
		f, err := os.OpenFile(name, flag, perm)
		file = f
		return f, err
	}})
	if err != nil {
		t.Fatal(err)
	}
	st := newStore(path, boltEngine{db})
	if err := file.Close(); err != nil { // from now on every write fails
		t.Fatal(err)
	}
	var b Batch
	b.Put([]byte("b"), []byte("2"))
	for range 2 {
		if err := st.Commit(&b); !errors.Is(err, ErrFailed) || !errors.Is(err, os.ErrClosed) {
			t.Errorf("commit: %v", err)
		}
	}
	if got := scan(t, st, nil, nil); got != "a=1" {
		t.Errorf("reads after a failure: %q", got)
	}
	_ = st.Close() // fails: the file is closed already
	if s, err = OpenBolt(path); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got := scan(t, s, nil, nil); got != "a=1" {
		t.Errorf("after opening again: %q", got)
	}
}

// TestBoltDamaged: a file that is no store any more is refused.
func TestBoltDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	if err := os.WriteFile(path, make([]byte, 64<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenBolt(path); !errors.Is(err, ErrDamaged) {
		t.Errorf("open: %v", err)
	}
}
