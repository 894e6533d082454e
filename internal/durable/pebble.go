package durable

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// formatVersion is the on-disk format. From FormatWALSyncChunks on a log says
// how far it was synced, which is the library's own part in telling damage from a
// torn end (walcheck.go has ours). Raising it is for ever: older programs cannot
// open the store any more.
const formatVersion = pebble.FormatWALSyncChunks

// PebbleOptions bound what a store uses. The zero value is meant for small
// servers: about 24 MiB.
type PebbleOptions struct {
	CacheBytes    int64        // block cache; 0 is 8 MiB
	MemTableBytes int          // one of at most two write buffers; 0 is 4 MiB
	Log           *slog.Logger // errors of the background work; nil is none

	fs vfs.FS // for tests; nil is the disk
}

// OpenPebble opens or makes the store in the directory dir.
func OpenPebble(dir string, o PebbleOptions) (Store, error) {
	e, err := openPebble(dir, o)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, pebbleOpenError(err))
	}
	return newStore(dir, e), nil
}

func openPebble(dir string, o PebbleOptions) (*pebbleEngine, error) {
	if o.fs == nil {
		o.fs = vfs.Default
	}
	if err := o.fs.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	lock, err := pebble.LockDirectory(dir, o.fs)
	if err != nil {
		return nil, err
	}
	e, err := openLocked(dir, o, lock)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return e, nil
}

func openLocked(dir string, o PebbleOptions, lock *pebble.Lock) (*pebbleEngine, error) {
	if err := checkNewestLog(o.fs, dir); err != nil {
		return nil, err
	}
	e := &pebbleEngine{lock: lock, failure: &failure{log: o.Log}}
	cacheBytes, memTableBytes := o.CacheBytes, o.MemTableBytes
	if cacheBytes == 0 {
		cacheBytes = 8 << 20
	}
	if memTableBytes == 0 {
		memTableBytes = 4 << 20
	}
	db, err := pebble.Open(dir, &pebble.Options{
		FS:                          walGuard{o.fs, e.failure},
		Lock:                        lock,
		FormatMajorVersion:          formatVersion,
		CacheSize:                   cacheBytes,
		MemTableSize:                uint64(memTableBytes),
		MemTableStopWritesThreshold: 2,
		MaxOpenFiles:                256,
		Logger:                      e.failure,
		EventListener:               &pebble.EventListener{BackgroundError: e.failure.background},
	})
	if err != nil {
		return nil, err
	}
	e.db = db
	if err := e.failure.get(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return e, nil
}

func pebbleOpenError(err error) error {
	switch {
	case errors.Is(err, ErrDamaged):
		return err
	case errors.Is(err, syscall.EAGAIN), err.Error() == "lock held by current process":
		return ErrInUse
	case pebble.IsCorruptionError(err):
		return fmt.Errorf("%w (%w)", ErrDamaged, err)
	}
	return err
}

type pebbleEngine struct {
	db      *pebble.DB
	lock    *pebble.Lock
	failure *failure
}

func (e *pebbleEngine) get(key []byte) ([]byte, bool, error) {
	v, closer, err := e.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	return append([]byte{}, v...), true, closer.Close()
}

func (e *pebbleEngine) scan(from, to []byte, fn func(k, v []byte) bool) error {
	it, err := e.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		return err
	}
	for ok := it.First(); ok; ok = it.Next() {
		v, err := it.ValueAndErr()
		if err != nil {
			return errors.Join(err, it.Close())
		}
		if !fn(it.Key(), v) {
			break
		}
	}
	return errors.Join(it.Error(), it.Close())
}

func (e *pebbleEngine) apply(bs []*Batch) error {
	if len(bs) == 0 {
		return e.failure.get()
	}
	w := e.db.NewBatch()
	for _, b := range bs {
		if err := b.each(func(kind opKind, k, v []byte) error { return pebbleApply(w, kind, k, v) }); err != nil {
			return errors.Join(err, w.Close())
		}
	}
	err := w.Commit(pebble.Sync)
	return errors.Join(err, e.failure.get(), w.Close())
}

func pebbleApply(w *pebble.Batch, kind opKind, k, v []byte) error {
	switch kind {
	case opPut:
		return w.Set(k, v, nil)
	case opDelete:
		return w.Delete(k, nil)
	case opDeleteRest: // after every key there can be
		v = endOfKeys
	case opDeleteRange:
	}
	return w.DeleteRange(k, v, nil)
}

// endOfKeys sorts after every key: it is longer than any, and all 0xff.
var endOfKeys = bytes.Repeat([]byte{0xff}, maxKey+1)

func (e *pebbleEngine) close() error {
	err := e.db.Close()
	return errors.Join(e.failure.get(), err, e.lock.Close())
}

// failure keeps the first error of the library's log and background work. It is
// also the library's logger: the default one would end the process.
type failure struct {
	log *slog.Logger

	// mu: set by the library's goroutines, read by the writer.
	mu    sync.Mutex
	first error
}

func (f *failure) set(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.first == nil {
		f.first = err
	}
}

func (f *failure) get() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.first
}

func (f *failure) background(err error) { f.Errorf("%s", err) }

// Infof drops the library's reports of its routine work.
func (f *failure) Infof(string, ...any) {}

// Errorf logs what the library goes on after.
func (f *failure) Errorf(format string, args ...any) {
	if f.log != nil {
		f.log.Error("store background work failed", "error", fmt.Sprintf(format, args...))
	}
}

// Fatalf is called where the library would end the process. The store takes no
// more writes instead.
func (f *failure) Fatalf(format string, args ...any) {
	f.Errorf(format, args...)
	f.set(fmt.Errorf(format, args...))
}
