package durable

import (
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// walGuard watches the files of the write-ahead log. The library panics, or
// worse, when a log file cannot be written; so the first error is kept in
// failure, the library is told that all is well, and nothing more is written to
// any log. On disk it looks as if the machine had stopped there, which the next
// open knows how to recover; and no commit is acknowledged, because the store
// asks failure after each.
type walGuard struct {
	vfs.FS
	failure *failure
}

func isLog(name string) bool { return strings.HasSuffix(name, ".log") }

// Unwrap returns the file system below.
func (g walGuard) Unwrap() vfs.FS { return g.FS }

func (g walGuard) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if !isLog(name) {
		return g.FS.Create(name, category)
	}
	if g.failure.get() != nil {
		return g.sink(), nil
	}
	f, err := g.FS.Create(name, category)
	return g.guard(f, err)
}

func (g walGuard) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if !isLog(newname) {
		return g.FS.ReuseForWrite(oldname, newname, category)
	}
	if g.failure.get() != nil {
		return g.sink(), nil
	}
	f, err := g.FS.ReuseForWrite(oldname, newname, category)
	return g.guard(f, err)
}

func (g walGuard) guard(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		g.failure.set(err)
		return g.sink(), nil
	}
	return walFile{f, g.failure}, nil
}

// sink is a file that keeps nothing: the store has failed already.
func (g walGuard) sink() vfs.File { return walFile{vfs.NewMemFile(nil), g.failure} }

type walFile struct {
	vfs.File
	failure *failure
}

// try runs an action unless the store has failed, and keeps its error.
func (w walFile) try(action func() error) {
	if w.failure.get() != nil {
		return
	}
	if err := action(); err != nil {
		w.failure.set(err)
	}
}

func (w walFile) Write(p []byte) (int, error) {
	w.try(func() error { _, err := w.File.Write(p); return err })
	return len(p), nil
}

func (w walFile) WriteAt(p []byte, off int64) (int, error) {
	w.try(func() error { _, err := w.File.WriteAt(p, off); return err })
	return len(p), nil
}

func (w walFile) Sync() error     { w.try(w.File.Sync); return nil }
func (w walFile) SyncData() error { w.try(w.File.SyncData); return nil }

func (w walFile) SyncTo(length int64) (full bool, err error) {
	w.try(func() error { full, err = w.File.SyncTo(length); return err })
	return full, nil
}

func (w walFile) Preallocate(offset, length int64) error {
	w.try(func() error { return w.File.Preallocate(offset, length) })
	return nil
}

func (w walFile) Close() error {
	if err := w.File.Close(); err != nil {
		w.failure.set(err)
	}
	return nil
}
