package store

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"loadshare/dhcp/engine"
	"loadshare/dhcp/failover"
	"loadshare/dhcp/lease"
	"loadshare/dhcp/names"
	"loadshare/internal/durable"
)

// Options are how a store is opened. The zero value is sensible.
type Options struct {
	Log     *slog.Logger  // errors of the background work; nil: none
	Keep    time.Duration // how long history is kept; 0: 30 days; below 0: none is
	KeepMax int           // lines of history; 0: 2,000,000
	// Open opens the files, for tests; nil is a pebble store on the disk.
	Open func(dir string) (durable.Store, error)
}

const (
	defaultKeep    = 30 * 24 * time.Hour
	defaultKeepMax = 2_000_000
)

// Store is an open store. Commit is for one goroutine, and so is Trim, another one; the rest may be called from any.
type Store struct {
	dir      string
	disk     durable.Store
	keep     time.Duration
	keepMax  int
	identity uint64
	boot     uint64
	seq      atomic.Uint64
	last     atomic.Int64 // time of the last write, seconds
	writing  atomic.Int64 // since when one is under way, nanoseconds since 1970; 0: none is

	lines   atomic.Int64 // of history, at most; once counted
	counted bool         // of Trim

	// Of Commit.
	batch  durable.Batch
	key    []byte
	value  []byte
	events uint32
}

// Open opens or makes the store in dir, and reads all but the history.
func Open(dir string, o Options) (*Store, engine.Start, error) {
	if o.Open == nil {
		o.Open = func(dir string) (durable.Store, error) {
			if err := makeDir(dir); err != nil {
				return nil, err
			}
			return durable.OpenPebble(dir, durable.PebbleOptions{Log: o.Log, MemTableBytes: 4 << 20, CacheBytes: 4 << 20})
		}
	}
	if o.Keep == 0 {
		o.Keep = defaultKeep
	}
	if o.KeepMax == 0 {
		o.KeepMax = defaultKeepMax
	}
	disk, err := o.Open(dir)
	if err != nil {
		return nil, engine.Start{}, wayBack(err, dir)
	}
	s := &Store{dir: dir, disk: disk, keep: o.Keep, keepMax: o.KeepMax}
	start, err := s.load()
	if err != nil {
		_ = disk.Close()
		return nil, engine.Start{}, wayBack(err, dir)
	}
	return s, start, nil
}

// makeDir makes a directory and its missing parents, and makes their names durable: a power cut must not take the directory away from
// leases that are on disk.
func makeDir(dir string) error {
	if _, err := os.Stat(dir); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(dir)
	if err := makeDir(parent); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	d, err := os.Open(parent) //nolint:gosec // the operator's own path
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Dir is where it is.
func (s *Store) Dir() string { return s.dir }

// Identity is the number that was drawn when the store was made, and how often it was opened.
func (s *Store) Identity() (store, boot uint64) { return s.identity, s.boot }

// Last is the number of the last durable write, and its time in seconds since 1970; 0: none yet.
func (s *Store) Last() (seq uint64, at int64) { return s.seq.Load(), s.last.Load() }

// Hangs is how long the write under way has taken; 0: none is.
func (s *Store) Hangs(now time.Time) time.Duration {
	since := s.writing.Load()
	if since == 0 {
		return 0
	}
	return max(0, now.Sub(time.Unix(0, since)))
}

// Close ends the store. It waits for a write under way.
func (s *Store) Close() error { return s.disk.Close() }

func (s *Store) load() (start engine.Start, err error) {
	if err := s.loadIdentity(); err != nil {
		return start, err
	}
	start.Store, start.Boot = s.identity, s.boot
	start.Seq, start.LastCommit = s.Last()
	if start.Leases, err = s.loadLeases(); err != nil {
		return start, err
	}
	if start.Saved, err = s.loadSaved(); err != nil {
		return start, err
	}
	if start.Shared, err = s.loadShared(); err != nil {
		return start, err
	}
	start.Jobs, err = s.loadJobs()
	return start, err
}

// loadIdentity reads who this store is, or makes it somebody, and counts the opening.
func (s *Store) loadIdentity() error {
	v, ok, err := s.disk.Get([]byte("I"))
	if err != nil {
		return err
	}
	if ok {
		body, err := unseal(v)
		if err == nil && len(body) != 16 {
			err = errForm
		}
		if err != nil {
			return &Damage{"the identity of the lease database", err}
		}
		s.identity, s.boot = binary.BigEndian.Uint64(body), binary.BigEndian.Uint64(body[8:])
	} else if s.identity, err = s.newIdentity(); err != nil {
		return err
	}
	if v, ok, err = s.disk.Get([]byte("Q")); err != nil {
		return err
	}
	if ok {
		body, err := unseal(v)
		if err == nil && len(body) != 16 {
			err = errForm
		}
		if err != nil {
			return &Damage{"the number of the last write", err}
		}
		s.seq.Store(binary.BigEndian.Uint64(body))
		s.last.Store(int64(binary.BigEndian.Uint64(body[8:])))
	}
	s.boot++
	var b durable.Batch
	b.Put([]byte("I"), pairOf(nil, s.identity, s.boot))
	return s.disk.Commit(&b)
}

// newIdentity is that of an empty store. One with anything in it has lost its own.
func (s *Store) newIdentity() (uint64, error) {
	empty := true
	if err := s.disk.Scan([]byte{0}, nil, func(_, _ []byte) bool { empty = false; return false }); err != nil {
		return 0, err
	}
	if !empty {
		return 0, &Damage{"the identity of the lease database", errShort}
	}
	var b [8]byte
	for {
		if _, err := rand.Read(b[:]); err != nil {
			return 0, err
		}
		if id := binary.BigEndian.Uint64(b[:]); id != 0 {
			return id, nil
		}
	}
}

// pairOf is a sealed value of two numbers.
func pairOf(b []byte, one, two uint64) []byte {
	start := len(b)
	b = binary.BigEndian.AppendUint64(append(b, version), one)
	return seal(binary.BigEndian.AppendUint64(b, two), start)
}

func (s *Store) loadLeases() ([]lease.Lease, error) {
	n := 0
	if err := s.each('L', func(_, _ []byte) error { n++; return nil }); err != nil {
		return nil, err
	}
	list := make([]lease.Lease, 0, n)
	intern := map[string]string{}
	err := s.each('L', func(k, v []byte) error {
		if len(k) != 4 {
			return &Damage{fmt.Sprintf("the key of a lease (%x)", k), errForm}
		}
		ip := lease.IP(binary.BigEndian.Uint32(k))
		l, err := decodeLease(ip, v, intern)
		if err != nil {
			return &Damage{"the lease of " + ip.String(), err}
		}
		list = append(list, l)
		return nil
	})
	return list, err
}

func (s *Store) loadSaved() (map[string]failover.Saved, error) {
	out := map[string]failover.Saved{}
	err := eachJSON(s, 'S', "the state of the failover pair %q", func(k []byte, saved failover.Saved) { out[string(k)] = saved })
	return out, err
}

func (s *Store) loadShared() (list []engine.Shared, err error) {
	err = eachJSON(s, 'P', "the networks of the failover pair %q", func(_ []byte, one engine.Shared) { list = append(list, one) })
	return list, err
}

func (s *Store) loadJobs() (list []names.Job, err error) {
	err = eachJSON(s, 'J', "the change of DNS %x", func(_ []byte, j names.Job) { list = append(list, j) })
	return list, err
}

// eachJSON is each for what encodeJSON wrote; what names a record that is damaged, by its key.
func eachJSON[T any](s *Store, kind byte, what string, f func(k []byte, v T)) error {
	return s.each(kind, func(k, b []byte) error {
		var v T
		if err := decodeJSON(b, &v); err != nil {
			return &Damage{fmt.Sprintf(what, k), err}
		}
		f(k, v)
		return nil
	})
}

// each calls f for the records of a kind, without the kind in their keys. The slices are valid until f returns.
func (s *Store) each(kind byte, f func(k, v []byte) error) error {
	var bad error
	err := s.disk.Scan([]byte{kind}, []byte{kind + 1}, func(k, v []byte) bool {
		bad = f(k[1:], v)
		return bad == nil
	})
	if err != nil {
		return err
	}
	return bad
}

// encodeJSON is for what is written seldom, and grows with new fields.
func encodeJSON(b []byte, v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	start := len(b)
	return seal(append(append(b, version), text...), start), nil
}

func decodeJSON(value []byte, into any) error {
	body, err := unseal(value)
	if err != nil {
		return err
	}
	if json.Unmarshal(body, into) != nil {
		return errForm
	}
	return nil
}
