package journal

import (
	"fmt"
	"sync"

	"loadshare/haserver/zone"
	"loadshare/internal/durable"
)

// Depth is how many entries behind a snapshot are kept for IXFR.
const Depth = 10_000

// Log is the journal of one zone.
type Log struct {
	store  durable.Store
	name   zone.Name
	number uint32 // in the keys; never changes
	seq    uint64 // of the last entry appended; the appending goroutine's

	mu    sync.Mutex // head is read and written by snapshots, loads and status
	head  head
	bytes int // of the snapshot
	added int // bytes of entries since the snapshot; under mu
}

// Load recovers a zone. The Log is nil when there is none of that name. The error is *Damage, or that of the store.
func (j *Journal) Load(name zone.Name) (*Log, *zone.Zone, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	v, ok, err := j.store.Get(headKey(name))
	if err != nil || !ok {
		return nil, nil, err
	}
	h, ok := parseHead(v)
	if !ok {
		return nil, nil, &Damage{name, "its head record is not readable"}
	}
	l := &Log{store: j.store, name: name, number: h.number, head: h, seq: h.base}
	z, err := l.readSnapshot()
	if err != nil {
		return nil, nil, err
	}
	z, err = l.replay(z)
	if err != nil {
		return nil, nil, err
	}
	return l, z, l.sweep()
}

// Create stores a zone that is not there yet. digest is that of its file.
func (j *Journal) Create(name zone.Name, z *zone.Zone, digest [32]byte) (*Log, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, ok, err := j.store.Get(headKey(name)); err != nil || ok {
		return nil, fmt.Errorf("zone %s is in the journal already (%w)", name, err)
	}
	l := &Log{store: j.store, name: name, number: j.next, head: head{number: j.next, digest: digest}}
	j.next++
	return l, l.Snapshot(z, 0)
}

// replay applies the entries after the snapshot.
func (l *Log) replay(z *zone.Zone) (*zone.Zone, error) {
	var bad error
	err := l.entries(l.head.base+1, func(seq uint64, d zone.Delta, size int) bool {
		next, err := z.WithDelta(d)
		if err != nil {
			bad = &Damage{l.name, fmt.Sprintf("entry %d does not apply to what was before it: %v", seq, err)}
			return false
		}
		z, l.seq = next, seq
		l.added += size
		return true
	})
	if err == nil {
		err = bad
	}
	return z, err
}

// entries reads the entries from a sequence on; they must be without gaps.
func (l *Log) entries(from uint64, fn func(seq uint64, d zone.Delta, size int) bool) error {
	var bad error
	want := from
	err := l.store.Scan(entryKey(l.number, from), entryKey(l.number+1, 0), func(k, v []byte) bool {
		if string(k) != string(entryKey(l.number, want)) {
			bad = &Damage{l.name, fmt.Sprintf("entry %d is missing", want)}
			return false
		}
		body, ok := unseal(v)
		if !ok {
			bad = &Damage{l.name, fmt.Sprintf("the checksum of entry %d is wrong", want)}
			return false
		}
		d, err := zone.ParseDelta(body)
		if err != nil {
			bad = &Damage{l.name, fmt.Sprintf("entry %d is not readable: %v", want, err)}
			return false
		}
		want++
		return fn(want-1, d, len(v))
	})
	if err != nil {
		return fmt.Errorf("read the journal of zone %s: %w", l.name, err)
	}
	return bad
}

// Append adds a change to a batch and returns its sequence. Nothing is durable before the batch is committed, and
// batches must be committed in the order in which they were filled. One goroutine only.
func (l *Log) Append(b *durable.Batch, d zone.Delta) (seq uint64, err error) {
	body, err := d.MarshalBinary()
	if err != nil {
		return 0, err
	}
	l.seq++
	v := seal(body)
	b.Put(entryKey(l.number, l.seq), v)
	l.mu.Lock()
	l.added += len(v)
	l.mu.Unlock()
	return l.seq, nil
}

// Seq is the sequence of the last entry, 0 for none. Only for the goroutine that appends.
func (l *Log) Seq() uint64 { return l.seq }

// Digest is that of the master file that was last read into the zone.
func (l *Log) Digest() [32]byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.head.digest
}

// SetDigest remembers another digest, durably.
func (l *Log) SetDigest(digest [32]byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.head
	h.digest = digest
	var b durable.Batch
	b.Put(headKey(l.name), h.value())
	if err := l.store.Commit(&b); err != nil {
		return err
	}
	l.head = h
	return nil
}
