package durable

import (
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
	ops  []op
	data []byte // keys and values, one after the other
	keys bool   // one of them cannot be
}

type opKind uint8

const (
	opPut opKind = iota
	opDelete
	opDeleteRange
	opDeleteRest // a range without an end
)

// op is a change whose key (of a range: from), and behind it the value (of a
// range: to), begin at a place in data.
type op struct {
	kind     opKind
	at       int
	key, val int // octets
}

// keptBatch is how much memory a batch keeps when it is reset.
const keptBatch = 1 << 20

// Put sets the value of k.
func (b *Batch) Put(k, v []byte) { b.add(opPut, k, v) }

// Delete removes k, if it is there.
func (b *Batch) Delete(k []byte) { b.add(opDelete, k, nil) }

// DeleteRange removes the keys from (included) to to (excluded; nil is the end).
func (b *Batch) DeleteRange(from, to []byte) {
	if to == nil {
		b.add(opDeleteRest, from, nil)
		return
	}
	b.add(opDeleteRange, from, to)
}

// Len is the number of changes.
func (b *Batch) Len() int { return len(b.ops) }

// Reset empties the batch for reuse.
func (b *Batch) Reset() {
	if cap(b.data) > keptBatch || cap(b.ops) > keptBatch/64 {
		*b = Batch{}
		return
	}
	*b = Batch{ops: b.ops[:0], data: b.data[:0]}
}

func (b *Batch) add(kind opKind, k, v []byte) {
	b.ops = append(b.ops, op{kind, len(b.data), len(k), len(v)})
	b.data = append(append(b.data, k...), v...)
	if (kind == opPut || kind == opDelete) && (len(k) == 0 || len(k) > maxKey) {
		b.keys = true
	}
}

// each calls fn for the changes, in order, until it fails. The slices are valid
// as long as the batch is not touched.
func (b *Batch) each(fn func(kind opKind, k, v []byte) error) error {
	for _, o := range b.ops {
		mid := o.at + o.key
		if err := fn(o.kind, b.data[o.at:mid:mid], b.data[mid:mid+o.val:mid+o.val]); err != nil {
			return err
		}
	}
	return nil
}

// engine is one way to keep keys on disk. apply is called by one goroutine at a
// time.
type engine interface {
	get(key []byte) ([]byte, bool, error)
	scan(from, to []byte, fn func(k, v []byte) bool) error
	apply(bs []*Batch) error // all of them, durable on nil
	close() error
}

// store adds to an engine what both have in common: one writer at a time, which
// merges the waiting batches, refusal after a failure, and safe closing.
type store struct {
	name   string
	engine engine

	// line is the callers of Commit: the first of them writes, for itself and
	// for those who came meanwhile.
	line    sync.Mutex
	idle    sync.Cond // of writing
	writing bool      // somebody does
	waiting []*waiter
	ended   bool // Close was called

	// Of the caller who writes.
	failed error
	group  []*Batch

	// mu lets reads finish before the engine is closed: engines do not survive
	// a read after close. Held for writing by Close alone.
	mu     sync.RWMutex
	closed bool
}

// waiter is a caller of Commit who waits for the writer.
type waiter struct {
	batch *Batch
	err   error
	turn  chan bool // buffered. true: it is the writer now; false: its batch was written, with err
}

func newStore(name string, e engine) *store {
	s := &store{name: name, engine: e}
	s.idle.L = &s.line
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
	if b.keys {
		return ErrKey
	}
	s.line.Lock()
	if s.ended {
		s.line.Unlock()
		return ErrClosed
	}
	if s.writing {
		w := &waiter{batch: b, turn: make(chan bool, 1)}
		s.waiting = append(s.waiting, w)
		s.line.Unlock()
		if mine := <-w.turn; !mine {
			return w.err
		}
		s.line.Lock()
	}
	s.writing = true
	with := s.gather(len(b.data))
	s.line.Unlock()
	err := s.apply(b, with)
	for _, w := range with {
		w.err = err
		w.turn <- false
	}
	s.line.Lock()
	defer s.line.Unlock()
	if len(s.waiting) > 0 {
		s.next().turn <- true
		return err
	}
	s.writing = false
	s.idle.Broadcast()
	return err
}

// gather takes those who wait already and go along with a batch of so many octets.
func (s *store) gather(size int) (with []*waiter) {
	for len(s.waiting) > 0 && size < maxGroupBytes && len(with)+1 < maxGroup {
		w := s.next()
		with = append(with, w)
		size += len(w.batch.data)
	}
	return with
}

// next takes the first of those who wait.
func (s *store) next() *waiter {
	w := s.waiting[0]
	s.waiting = s.waiting[1:]
	if len(s.waiting) == 0 {
		s.waiting = nil
	}
	return w
}

// apply writes a batch and those of others as one. Only the writer calls it.
func (s *store) apply(b *Batch, with []*waiter) error {
	if s.failed != nil {
		return s.failed
	}
	s.group = s.group[:0]
	if b.Len() > 0 {
		s.group = append(s.group, b)
	}
	for _, w := range with {
		if w.batch.Len() > 0 {
			s.group = append(s.group, w.batch)
		}
	}
	err := s.engine.apply(s.group)
	clear(s.group)
	if err != nil {
		s.failed = fmt.Errorf("write %s: %w: %w", s.name, err, ErrFailed)
	}
	return s.failed
}

func (s *store) Close() error {
	s.line.Lock()
	if s.ended {
		s.line.Unlock()
		return ErrClosed
	}
	s.ended = true
	for s.writing {
		s.idle.Wait()
	}
	s.line.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if err := s.engine.close(); err != nil {
		return fmt.Errorf("close %s: %w", s.name, err)
	}
	return nil
}
