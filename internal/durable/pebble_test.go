package durable

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func openMem(t *testing.T, fs vfs.FS) Store {
	t.Helper()
	s, err := OpenPebble("db", PebbleOptions{fs: fs, MemTableBytes: 64 << 10}) // small: many logs
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func closeStore(t *testing.T, s Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// logFS watches the logs: it counts syncs, holds them, and fails them.
type logFS struct {
	vfs.FS
	syncs atomic.Int64
	onLog func(op string) error // called before each operation on a log
}

func (l *logFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if !isLog(name) {
		return l.FS.Create(name, c)
	}
	if err := l.onLog("create"); err != nil {
		return nil, err
	}
	f, err := l.FS.Create(name, c)
	return logFile{f, l}, err
}

func (l *logFS) ReuseForWrite(o, n string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if !isLog(n) {
		return l.FS.ReuseForWrite(o, n, c)
	}
	if err := l.onLog("create"); err != nil {
		return nil, err
	}
	f, err := l.FS.ReuseForWrite(o, n, c)
	return logFile{f, l}, err
}

type logFile struct {
	vfs.File
	l *logFS
}

func (f logFile) Write(p []byte) (int, error) {
	if err := f.l.onLog("write"); err != nil {
		return 0, err
	}
	return f.File.Write(p)
}

func (f logFile) sync(do func() error) error {
	f.l.syncs.Add(1)
	if err := f.l.onLog("sync"); err != nil {
		return err
	}
	return do()
}
func (f logFile) Sync() error     { return f.sync(f.File.Sync) }
func (f logFile) SyncData() error { return f.sync(f.File.SyncData) }
func (f logFile) SyncTo(n int64) (bool, error) {
	return true, f.sync(f.File.Sync)
}

// TestPebbleSharesSyncs: "concurrent commits share one fsync".
func TestPebbleSharesSyncs(t *testing.T) {
	var held atomic.Pointer[chan struct{}]
	fs := &logFS{FS: vfs.NewMem(), onLog: func(op string) error {
		if gate := held.Load(); gate != nil && op == "sync" {
			<-*gate
		}
		return nil
	}}
	s := openMem(t, fs)
	defer closeStore(t, s)
	before := fs.syncs.Load()
	gate := make(chan struct{})
	held.Store(&gate)
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
	close(gate)
	done.Wait()
	used := fs.syncs.Load() - before
	t.Logf("%d commits, %d syncs", n, used)
	if used < 1 || used >= n {
		t.Errorf("%d commits took %d syncs", n, used)
	}
}

// TestPebbleCrash: after a crash at any moment, everything acknowledged before
// is there, and no part of a batch is there alone.
func TestPebbleCrash(t *testing.T) {
	for seed := range uint64(12) {
		rng := rand.New(rand.NewPCG(seed, 0))
		mem := vfs.NewCrashableMem()
		s := openMem(t, mem)
		const writers, rounds = 4, 60
		var acked [writers]atomic.Int64
		var work sync.WaitGroup
		crash := make(chan struct{})
		for w := range writers {
			value := strings.Repeat("x", 10+rng.IntN(3000))
			work.Go(func() {
				for n := 1; n <= rounds; n++ {
					var b Batch
					b.Put(fmt.Appendf(nil, "w%d/a%03d", w, n), []byte(value))
					b.Put(fmt.Appendf(nil, "w%d/b%03d", w, n), []byte(value))
					if err := s.Commit(&b); err != nil {
						t.Errorf("seed %d: %v", seed, err)
						return
					}
					acked[w].Store(int64(n))
					if w == 0 && n == 1+int(seed)*rounds/16 {
						close(crash)
					}
				}
			})
		}
		<-crash
		var before [writers]int64
		for w := range writers {
			before[w] = acked[w].Load()
		}
		after := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(101), RNG: rng})
		work.Wait()
		closeStore(t, s)

		s = openMem(t, after)
		for w := range writers {
			var a, b []string
			if err := s.Scan(fmt.Appendf(nil, "w%d/", w), fmt.Appendf(nil, "w%d0", w), func(k, _ []byte) bool {
				if name := string(k[3:]); name[0] == 'a' {
					a = append(a, name[1:])
				} else {
					b = append(b, name[1:])
				}
				return true
			}); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(a, b) {
				t.Errorf("seed %d, writer %d: half a batch: %v and %v", seed, w, a, b)
			}
			if int64(len(a)) < before[w] {
				t.Errorf("seed %d, writer %d: %d of %d acknowledged batches are there", seed, w, len(a), before[w])
			}
		}
		closeStore(t, s)
	}
}

// logBytes are what is in the newest log; writing to them changes the file.
func logBytes(t *testing.T, fs *vfs.MemFS) []byte {
	t.Helper()
	name, _, err := newestLog(fs, "db")
	if err != nil || name == "" {
		t.Fatal(name, err)
	}
	b, err := fs.UnsafeGetFileDataBuffer(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// crashed is a store of n commits whose machine stopped, and the size of the
// log after each commit. fresh says whether the log is that of the process that
// made the store.
func crashed(t *testing.T, n int, fresh bool) (*vfs.MemFS, []int) {
	t.Helper()
	mem := vfs.NewCrashableMem()
	s := openMem(t, mem)
	if !fresh {
		closeStore(t, s)
		s = openMem(t, mem)
	}
	sizes := []int{len(logBytes(t, mem))}
	for i := range n {
		put(t, s, fmt.Sprintf("k%02d", i), strings.Repeat("v", 100))
		sizes = append(sizes, len(logBytes(t, mem)))
	}
	after := mem.CrashClone(vfs.CrashCloneCfg{})
	closeStore(t, s)
	return after, sizes
}

func keysOf(t *testing.T, s Store) int {
	t.Helper()
	n := 0
	if err := s.Scan(nil, nil, func(_, _ []byte) bool { n++; return true }); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestDamageIsRefused: "damage before the tail is refused" (decision S-a). A
// byte is flipped anywhere before the last record of the newest log, which is
// in turn the first log of a new store and that of a store opened again.
func TestDamageIsRefused(t *testing.T) {
	for _, fresh := range []bool{true, false} {
		base, sizes := crashed(t, 8, fresh)
		s := openMem(t, base.CrashClone(vfs.CrashCloneCfg{}))
		if got := keysOf(t, s); got != 8 {
			t.Fatalf("fresh %v: undamaged, %d of 8 keys", fresh, got)
		}
		closeStore(t, s)
		refused := 0
		for at := 0; at < sizes[len(sizes)-2]; at += 7 {
			fs := base.CrashClone(vfs.CrashCloneCfg{})
			logBytes(t, fs)[at] ^= 0x40
			s, err := OpenPebble("db", PebbleOptions{fs: fs})
			if err == nil {
				t.Errorf("fresh %v: byte %d of %v flipped: opened with %d keys", fresh, at, sizes, keysOf(t, s))
				closeStore(t, s)
				continue
			}
			if !errors.Is(err, ErrDamaged) {
				t.Errorf("fresh %v: byte %d flipped: %v", fresh, at, err)
			}
			refused++
		}
		t.Logf("fresh %v: %d flips refused, log of %d bytes", fresh, refused, sizes[len(sizes)-1])
	}
}

// TestTornTailIsCut: "a torn tail is cut". The last record is cut at every
// place, as by a power cut while it was written; what was acknowledged before is
// there, and the store works.
func TestTornTailIsCut(t *testing.T) {
	base, sizes := crashed(t, 8, true)
	last, end := sizes[len(sizes)-2], sizes[len(sizes)-1]
	for cut := last; cut < end; cut++ {
		fs := base.CrashClone(vfs.CrashCloneCfg{})
		clear(logBytes(t, fs)[cut:])
		s, err := OpenPebble("db", PebbleOptions{fs: fs})
		if err != nil {
			t.Errorf("cut at %d of %d to %d: %v", cut, last, end, err)
			continue
		}
		if got := keysOf(t, s); got != 7 {
			t.Errorf("cut at %d: %d keys, want the 7 before", cut, got)
		}
		put(t, s, "new", "1")
		closeStore(t, s)
	}
}

// TestDamageAnywhere: records of all sizes over many blocks. A byte flipped in
// any but the last is refused; sectors lost of the last, as by a power cut, are
// cut off with it.
func TestDamageAnywhere(t *testing.T) {
	for seed := range uint64(8) {
		rng := rand.New(rand.NewPCG(seed, 1))
		mem := vfs.NewCrashableMem()
		s, err := OpenPebble("db", PebbleOptions{fs: mem})
		if err != nil {
			t.Fatal(err)
		}
		before, n := 0, 2+rng.IntN(8)
		for i := range n {
			before = len(logBytes(t, mem))
			value := make([]byte, []int{10, 1000, 20_000}[rng.IntN(3)])
			for j := range value {
				value[j] = byte(rng.Uint32())
			}
			put(t, s, fmt.Sprintf("k%02d", i), string(value))
		}
		base := mem.CrashClone(vfs.CrashCloneCfg{})
		end := len(logBytes(t, base))
		closeStore(t, s)

		fs := base.CrashClone(vfs.CrashCloneCfg{})
		at := rng.IntN(before)
		logBytes(t, fs)[at] ^= 1 << rng.IntN(8)
		if s, err := OpenPebble("db", PebbleOptions{fs: fs}); !errors.Is(err, ErrDamaged) {
			// Blocks are padded with zeros that nothing depends on.
			if err != nil {
				t.Errorf("seed %d: byte %d of %d flipped: %v", seed, at, end, err)
				continue
			}
			if got := keysOf(t, s); got != n {
				t.Errorf("seed %d: byte %d of %d flipped: opened with %d of %d keys", seed, at, end, got, n)
			}
			closeStore(t, s)
		}

		fs = base.CrashClone(vfs.CrashCloneCfg{})
		log := logBytes(t, fs)
		const sector = 512
		first := before + rng.IntN(end-before) // lost for certain: it holds a part of the record
		clear(log[first:min(end, first+sector)])
		for at := before; at < end; at += sector {
			if rng.IntN(2) == 0 {
				clear(log[at:min(end, at+sector)])
			}
		}
		s, err = OpenPebble("db", PebbleOptions{fs: fs})
		if err != nil {
			t.Errorf("seed %d: sectors lost of the last record: %v", seed, err)
			continue
		}
		if got := keysOf(t, s); got != n-1 && got != n {
			t.Errorf("seed %d: %d keys, want the %d acknowledged before", seed, got, n-1)
		}
		closeStore(t, s)
	}
}

// TestDamageAfterOrderlyClose: a log that was ended in order has no torn end, so
// damage of its last record is damage too.
func TestDamageAfterOrderlyClose(t *testing.T) {
	mem := vfs.NewMem()
	s := openMem(t, mem)
	put(t, s, "a", "1")
	closeStore(t, s)
	logBytes(t, mem)[20] ^= 1
	if _, err := OpenPebble("db", PebbleOptions{fs: mem}); !errors.Is(err, ErrDamaged) {
		t.Errorf("open: %v", err)
	}
	logBytes(t, mem)[20] ^= 1
	s = openMem(t, mem) // a refused open has changed nothing, and released the lock
	if got := scan(t, s, nil, nil); got != "a=1" {
		t.Errorf("repaired: %q", got)
	}
	closeStore(t, s)
}

// TestPebbleFailure: whichever operation on a log fails, the commit returns the
// error, no commit after it succeeds though the disk is well again, reads go
// on, and the next open has what was acknowledged.
func TestPebbleFailure(t *testing.T) {
	for _, op := range []string{"write", "sync", "create"} {
		for _, cause := range []error{syscall.EIO, syscall.ENOSPC} {
			t.Run(op+" "+cause.Error(), func(t *testing.T) {
				mem := vfs.NewMem()
				var failing atomic.Bool
				fs := &logFS{FS: mem, onLog: func(o string) error {
					if o == op && failing.Load() {
						return cause
					}
					return nil
				}}
				s := openMem(t, fs)
				put(t, s, "a", "1")
				failing.Store(true)
				var err error
				var b Batch
				b.Put([]byte("b"), make([]byte, 200<<10)) // a few fill the write buffer: a new log is made
				for i := 0; i < 10 && err == nil; i++ {
					err = s.Commit(&b)
				}
				if !errors.Is(err, ErrFailed) || !errors.Is(err, cause) {
					t.Fatalf("commit: %v", err)
				}
				failing.Store(false)
				if err := s.Commit(&b); !errors.Is(err, ErrFailed) {
					t.Errorf("a commit after a failure: %v", err)
				}
				if _, ok, err := s.Get([]byte("a")); err != nil || !ok {
					t.Errorf("reads go on: %v %v", ok, err)
				}
				if err := s.Close(); !errors.Is(err, cause) {
					t.Errorf("close says what failed: %v", err)
				}
				s = openMem(t, mem)
				defer closeStore(t, s)
				if _, ok, err := s.Get([]byte("a")); err != nil || !ok {
					t.Errorf("acknowledged before the failure: %v %v", ok, err)
				}
				put(t, s, "c", "3")
			})
		}
	}
}
