package durable

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
)

// Store is an ordered map of bytes on disk, open in one process at a time. Its
// methods may be called from several goroutines.
type Store interface {
	// Get returns a copy of the value at key, and whether there is one. A batch
	// whose Commit has not returned yet may already be seen.
	Get(key []byte) (val []byte, ok bool, err error)
	// Scan calls fn for the keys from (included) to to (excluded; nil is the
	// end), ascending, until fn returns false. The slices are valid only in fn.
	// All of one Scan is from one moment. fn must not call the store: a writer
	// may be waiting for the Scan to end.
	Scan(from, to []byte, fn func(k, v []byte) bool) error
	// Commit applies the batch whole; it is durable when nil is returned.
	// Concurrent commits share one fsync. The batch may be reused afterwards.
	Commit(b *Batch) error
	// Close waits for the commits under way. Later calls return ErrClosed.
	Close() error
}

var (
	// ErrClosed is returned by every method after Close.
	ErrClosed = errors.New("the store is closed")
	// ErrFailed is returned by commits after a write or sync failed. The first
	// cause is in the same error.
	ErrFailed = errors.New("the store takes no more writes until it is opened again")
	// ErrInUse is returned when another process has the store open.
	ErrInUse = errors.New("already in use by another process")
	// ErrDamaged is returned when what was acknowledged can no longer be read.
	ErrDamaged = errors.New("damaged: restore it from a backup, or move it away and let the partner fill an empty one")
	// ErrKey is returned for a batch with an empty key or one over 32,768 bytes.
	ErrKey = errors.New("keys have 1 to 32768 bytes")
)

const (
	maxKey        = 32768
	maxGroupBytes = 4 << 20 // batches merged into one write
	maxGroup      = 1024
)

// Batch is a list of changes applied together, in order. The zero Batch is
// empty and ready. Keys and values are copied.
type Batch struct {
	ops   []op
	bytes int
}

type opKind uint8

const (
	opPut opKind = iota
	opDelete
	opDeleteRange
)

type op struct {
	kind opKind
	k, v []byte // of a range: from and to
}

// Put sets the value of k.
func (b *Batch) Put(k, v []byte) { b.add(opPut, k, v) }

// Delete removes k, if it is there.
func (b *Batch) Delete(k []byte) { b.add(opDelete, k, nil) }

// DeleteRange removes the keys from (included) to to (excluded; nil is the end).
func (b *Batch) DeleteRange(from, to []byte) { b.add(opDeleteRange, from, to) }

// Len is the number of changes.
func (b *Batch) Len() int { return len(b.ops) }

// Reset empties the batch for reuse.
func (b *Batch) Reset() { *b = Batch{ops: b.ops[:0]} }

func (b *Batch) add(kind opKind, k, v []byte) {
	b.ops = append(b.ops, op{kind, bytes.Clone(k), bytes.Clone(v)})
	b.bytes += len(k) + len(v)
}

func (b *Batch) check() error {
	for _, o := range b.ops {
		if o.kind != opDeleteRange && (len(o.k) == 0 || len(o.k) > maxKey) {
			return ErrKey
		}
	}
	return nil
}

// engine is one way to keep keys on disk. apply is called by one goroutine.
type engine interface {
	get(key []byte) ([]byte, bool, error)
	scan(from, to []byte, fn func(k, v []byte) bool) error
	apply(bs []*Batch) error // all of them, durable on nil
	close() error
}

// store adds to an engine what both have in common: one writer that merges the
// waiting batches, refusal after a failure, and safe closing.
type store struct {
	name    string
	engine  engine
	commits chan *commit
	quit    chan struct{} // closed by Close
	done    chan struct{} // closed when the writer has ended

	// mu lets reads finish before the engine is closed: engines do not survive
	// a read after close. Held for writing by Close alone.
	mu     sync.RWMutex
	closed bool
}

type commit struct {
	batch  *Batch
	result chan error // buffered
}

func newStore(name string, e engine) *store {
	s := &store{name: name, engine: e, commits: make(chan *commit), quit: make(chan struct{}), done: make(chan struct{})}
	go s.write()
	return s
}

func (s *store) Get(key []byte) ([]byte, bool, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, false, ErrClosed
	}
	v, ok, err := s.engine.get(key)
	if err != nil {
		return nil, false, fmt.Errorf("read %s: %w", s.name, err)
	}
	return v, ok, nil
}

func (s *store) Scan(from, to []byte, fn func(k, v []byte) bool) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return ErrClosed
	}
	if err := s.engine.scan(from, to, fn); err != nil {
		return fmt.Errorf("read %s: %w", s.name, err)
	}
	return nil
}

func (s *store) Commit(b *Batch) error {
	if err := b.check(); err != nil {
		return err
	}
	c := &commit{b, make(chan error, 1)}
	select {
	case s.commits <- c:
		return <-c.result
	case <-s.quit:
		return ErrClosed
	}
}

func (s *store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	s.closed = true
	close(s.quit)
	<-s.done
	if err := s.engine.close(); err != nil {
		return fmt.Errorf("close %s: %w", s.name, err)
	}
	return nil
}

// write is the only writer of the engine.
func (s *store) write() {
	defer close(s.done)
	var failed error
	for {
		var group []*commit
		select {
		case c := <-s.commits:
			group = s.gather(c)
		case <-s.quit:
			return
		}
		err := failed
		if err == nil {
			if err = s.engine.apply(batches(group)); err != nil {
				err = fmt.Errorf("write %s: %w: %w", s.name, err, ErrFailed)
				failed = err
			}
		}
		for _, c := range group {
			c.result <- err
		}
	}
}

// gather adds to the first commit the others that wait already.
func (s *store) gather(first *commit) []*commit {
	group := []*commit{first}
	for size := first.batch.bytes; size < maxGroupBytes && len(group) < maxGroup; {
		select {
		case c := <-s.commits:
			group = append(group, c)
			size += c.batch.bytes
		default:
			return group
		}
	}
	return group
}

func batches(group []*commit) []*Batch {
	out := make([]*Batch, 0, len(group))
	for _, c := range group {
		if c.batch.Len() > 0 {
			out = append(out, c.batch)
		}
	}
	return out
}
