package durable

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) {
	if how := os.Getenv("DURABLE_TEST_OPEN"); how != "" {
		os.Exit(openAsChild(how, os.Getenv("DURABLE_TEST_PATH")))
	}
	goleak.VerifyTestMain(m)
}

// openers are the two kinds of store.
var openers = map[string]func(path string) (Store, error){
	"bolt":   OpenBolt,
	"pebble": func(path string) (Store, error) { return OpenPebble(path, PebbleOptions{}) },
}

func eachKind(t *testing.T, test func(t *testing.T, open func() Store)) {
	for name, open := range openers {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "new", "store")
			test(t, func() Store {
				s, err := open(path)
				if err != nil {
					t.Fatal(err)
				}
				return s
			})
		})
	}
}

func put(t *testing.T, s Store, pairs ...string) {
	t.Helper()
	var b Batch
	for i := 0; i < len(pairs); i += 2 {
		b.Put([]byte(pairs[i]), []byte(pairs[i+1]))
	}
	if err := s.Commit(&b); err != nil {
		t.Fatal(err)
	}
}

func scan(t *testing.T, s Store, from, to []byte) string {
	t.Helper()
	var out []string
	if err := s.Scan(from, to, func(k, v []byte) bool {
		out = append(out, string(k)+"="+string(v))
		return true
	}); err != nil {
		t.Fatal(err)
	}
	return strings.Join(out, " ")
}

func TestStore(t *testing.T) {
	eachKind(t, func(t *testing.T, open func() Store) {
		s := open()
		put(t, s, "a", "1", "b", "2", "c", "3", "d", "4", "\xff\xff", "5")
		if v, ok, err := s.Get([]byte("b")); err != nil || !ok || string(v) != "2" {
			t.Errorf("get b: %q %v %v", v, ok, err)
		}
		if v, ok, err := s.Get([]byte("x")); err != nil || ok || v != nil {
			t.Errorf("get x: %q %v %v", v, ok, err)
		}
		if got := scan(t, s, []byte("b"), []byte("d")); got != "b=2 c=3" {
			t.Errorf("scan b to d: from is included, to is not: %s", got)
		}
		first := ""
		if err := s.Scan(nil, nil, func(k, _ []byte) bool { first += string(k); return false }); err != nil || first != "a" {
			t.Errorf("a scan ends when fn says so: %q, %v", first, err)
		}
		var b Batch
		b.Put([]byte("b"), []byte("x")) // in order: the range takes this away again
		b.DeleteRange([]byte("b"), []byte("d"))
		b.Put([]byte("c"), nil)
		b.Delete([]byte("a"))
		b.Delete([]byte("not there"))
		if err := s.Commit(&b); err != nil || b.Len() != 5 {
			t.Fatal(err, b.Len())
		}
		if got := scan(t, s, nil, nil); got != "c= d=4 \xff\xff=5" {
			t.Errorf("after the batch: %q", got)
		}
		if v, ok, err := s.Get([]byte("c")); err != nil || !ok || v == nil || len(v) != 0 {
			t.Errorf("an empty value is a value: %v %v %v", v, ok, err)
		}
		b.Reset()
		b.DeleteRange([]byte("d"), nil)
		if err := s.Commit(&b); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open()
		if got := scan(t, s, nil, nil); got != "c=" {
			t.Errorf("after opening again, and deleting to the end: %q", got)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestStoreRefuses(t *testing.T) {
	eachKind(t, func(t *testing.T, open func() Store) {
		s := open()
		for _, k := range [][]byte{nil, {}, make([]byte, maxKey+1)} {
			var b Batch
			b.Put([]byte("good"), nil)
			b.Put(k, nil)
			if err := s.Commit(&b); !errors.Is(err, ErrKey) {
				t.Errorf("key of %d bytes: %v", len(k), err)
			}
		}
		put(t, s, string(bytes.Repeat([]byte{0xff}, maxKey)), "the last key there can be")
		if got := scan(t, s, []byte("g"), []byte("h")); got != "" {
			t.Errorf("a part of a refused batch: %s", got)
		}
		if err := s.Commit(&Batch{}); err != nil {
			t.Errorf("an empty batch: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		_, _, err := s.Get([]byte("a"))
		for what, err := range map[string]error{
			"get": err, "scan": s.Scan(nil, nil, nil), "commit": s.Commit(&Batch{}), "close": s.Close(),
		} {
			if !errors.Is(err, ErrClosed) {
				t.Errorf("%s after close: %v", what, err)
			}
		}
	})
}

// TestStoreAgainstMap: any sequence of batches, with closing and opening in
// between, leaves what a map would hold.
func TestStoreAgainstMap(t *testing.T) {
	for name, open := range openers {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				dir, err := os.MkdirTemp(t.TempDir(), "")
				if err != nil {
					rt.Fatal(err)
				}
				path := filepath.Join(dir, "s")
				s, err := open(path)
				if err != nil {
					rt.Fatal(err)
				}
				want := map[string]string{}
				key := rapid.StringN(1, 2, -1)
				for range rapid.IntRange(1, 6).Draw(rt, "batches") {
					var b Batch
					for range rapid.IntRange(0, 8).Draw(rt, "ops") {
						k, v := key.Draw(rt, "k"), key.Draw(rt, "v")
						switch rapid.IntRange(0, 3).Draw(rt, "op") {
						case 0, 1:
							b.Put([]byte(k), []byte(v))
							want[k] = v
						case 2:
							b.Delete([]byte(k))
							delete(want, k)
						case 3:
							b.DeleteRange([]byte(k), []byte(v))
							maps.DeleteFunc(want, func(x, _ string) bool { return x >= k && x < v })
						}
					}
					if err := s.Commit(&b); err != nil {
						rt.Fatal(err)
					}
				}
				if err := s.Close(); err != nil {
					rt.Fatal(err)
				}
				if s, err = open(path); err != nil {
					rt.Fatal(err)
				}
				var got []string
				if err := s.Scan(nil, nil, func(k, v []byte) bool { got = append(got, string(k)+"="+string(v)); return true }); err != nil {
					rt.Fatal(err)
				}
				if err := s.Close(); err != nil {
					rt.Fatal(err)
				}
				var exp []string
				for _, k := range slices.Sorted(maps.Keys(want)) {
					exp = append(exp, k+"="+want[k])
				}
				if diff := cmp.Diff(exp, got); diff != "" {
					rt.Fatal(diff)
				}
			})
		})
	}
}

// fakeEngine notes each write, waits for leave, and fails on demand.
type fakeEngine struct {
	writes []int // batches in each write
	gate   chan error
}

func (e *fakeEngine) get([]byte) ([]byte, bool, error)                 { return nil, false, nil }
func (e *fakeEngine) scan(_, _ []byte, _ func(k, v []byte) bool) error { return nil }
func (e *fakeEngine) close() error                                     { return nil }
func (e *fakeEngine) apply(bs []*Batch) error {
	e.writes = append(e.writes, len(bs))
	return <-e.gate
}

// TestGroupCommit: "takes all batches that wait, writes them as one".
func TestGroupCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &fakeEngine{gate: make(chan error)}
		s := newStore("x", e)
		results := make(chan error, 100)
		send := func(n int) {
			for i := range n {
				go func() {
					var b Batch
					b.Put([]byte{byte(i + 1)}, nil)
					results <- s.Commit(&b)
				}()
			}
			synctest.Wait()
		}
		send(1)
		send(40) // these wait while the first is written
		if len(results) != 0 {
			t.Fatal("a commit returned before it was written")
		}
		e.gate <- nil
		synctest.Wait()
		if len(results) != 1 {
			t.Fatalf("%d commits returned after the first write, want its own", len(results))
		}
		e.gate <- nil
		synctest.Wait()
		if len(results) != 41 {
			t.Fatalf("%d commits returned after the second write, want all", len(results))
		}
		if diff := cmp.Diff([]int{1, 40}, e.writes); diff != "" {
			t.Error(diff)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestCloseWaits: "Close waits for the commits under way. Later calls return
// ErrClosed."
func TestCloseWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &fakeEngine{gate: make(chan error)}
		s := newStore("x", e)
		results, closed := make(chan error, 3), make(chan error, 1)
		for range 3 { // one is written, two wait
			go func() {
				var b Batch
				b.Put([]byte("k"), nil)
				results <- s.Commit(&b)
			}()
			synctest.Wait()
		}
		go func() { closed <- s.Close() }()
		synctest.Wait()
		if err := s.Commit(&Batch{}); !errors.Is(err, ErrClosed) {
			t.Errorf("a commit after close: %v", err)
		}
		for range 2 {
			if len(closed) != 0 {
				t.Fatal("closed under a write")
			}
			e.gate <- nil
			synctest.Wait()
		}
		for range 3 {
			if err := <-results; err != nil {
				t.Errorf("a commit that was under way: %v", err)
			}
		}
		if err := <-closed; err != nil {
			t.Fatal(err)
		}
	})
}

// TestBatchReset: "Reset empties the batch for reuse", also one that was refused.
func TestBatchReset(t *testing.T) {
	eachKind(t, func(t *testing.T, open func() Store) {
		s := open()
		defer s.Close()
		var b Batch
		b.Put(nil, []byte("a key that cannot be"))
		b.Put([]byte("a"), make([]byte, 2*keptBatch))
		b.Reset()
		if b.Len() != 0 || cap(b.data) > keptBatch {
			t.Errorf("after Reset: %d changes, %d octets kept", b.Len(), cap(b.data))
		}
		b.Put([]byte("b"), []byte("1"))
		if err := s.Commit(&b); err != nil {
			t.Fatal(err)
		}
		b.Reset()
		b.Put([]byte("c"), []byte("2"))
		if err := s.Commit(&b); err != nil {
			t.Fatal(err)
		}
		if got := scan(t, s, nil, nil); got != "b=1 c=2" {
			t.Error(got)
		}
	})
}

// TestNoWriteAfterFailure: "a retry that succeeds proves nothing".
func TestNoWriteAfterFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &fakeEngine{gate: make(chan error, 1)}
		s := newStore("x", e)
		var b Batch
		b.Put([]byte("k"), nil)
		e.gate <- syscall.ENOSPC
		for i := range 3 {
			if err := s.Commit(&b); !errors.Is(err, ErrFailed) || !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("commit %d: %v", i, err)
			}
		}
		if len(e.writes) != 1 {
			t.Errorf("%d writes, want the failed one only", len(e.writes))
		}
		if _, _, err := s.Get([]byte("k")); err != nil {
			t.Errorf("reads go on: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// openAsChild is what the test binary does as a second process.
func openAsChild(how, path string) int {
	s, err := openers[how](path)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("opened", s.Close())
	return 0
}

// TestSecondProcess: "a second process gets a clear error".
func TestSecondProcess(t *testing.T) {
	for name, open := range openers {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "s")
			s, err := open(path)
			if err != nil {
				t.Fatal(err)
			}
			child := func() string {
				cmd := exec.Command(os.Args[0])
				cmd.Env = append(os.Environ(), "DURABLE_TEST_OPEN="+name, "DURABLE_TEST_PATH="+path)
				out, err := cmd.CombinedOutput()
				var exit *exec.ExitError
				if err != nil && !errors.As(err, &exit) {
					t.Fatal(err)
				}
				return strings.TrimSpace(string(out))
			}
			if got, want := child(), "open "+path+": already in use by another process"; got != want {
				t.Errorf("second process: %q, want %q", got, want)
			}
			if _, err := open(path); !errors.Is(err, ErrInUse) {
				t.Errorf("same process: %v", err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if got := child(); got != "opened <nil>" {
				t.Errorf("after close: %q", got)
			}
		})
	}
}
